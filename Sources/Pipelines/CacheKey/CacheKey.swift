import Crypto

/// The name of a piece of work: two steps with the same key do the same.
package struct CacheKey: Sendable, Hashable {
    /// SHA-256 in hexadecimal digits; the value of the tag `swiftflow.cache_key`.
    package let hex: String
    /// Whether something of it could change without another key, such as a remote file without a version.
    package let isWeak: Bool
    /// What went into the key, kept with the run to say later why another key differs.
    package let record: CacheRecord

    package static let format = "swiftflow-cache-1"

    package init(_ inputs: CacheInputs) {
        var memo = CacheKeyMemo()
        self.init(inputs, memo: &memo)
    }

    /// The same key, with less work where the inputs differ little from those before, as the cells of a fan-out do.
    package init(_ inputs: CacheInputs, memo: inout CacheKeyMemo) {
        memo.take(inputs)
        var whole = CanonicalBytes()
        var digests: [CacheField: String] = [:]
        var parts: [CacheField: [String: String]] = [:]
        for (field, made) in memo.fields {
            whole.append(made.content, tag: field.rawValue)
            digests[field] = made.digest
            parts[field] = made.part
        }
        hex = sha256(whole.bytes)
        let weak = inputs.weakNames
        isWeak = !weak.isEmpty
        record = CacheRecord(digests: digests, parts: parts, weakNames: weak)
    }
}

/// What the last key was made of, field by field.
package struct CacheKeyMemo: Sendable {
    struct Field: Sendable {
        var content: [UInt8]
        var digest: String
        var part: [String: String]?
    }

    private(set) var fields: [(field: CacheField, made: Field)] = []

    package init() {}

    /// What is written for a field decides, not what Swift takes for equal: 0.0 and -0.0, or an é of one letter and one of two, are not.
    fileprivate mutating func take(_ inputs: CacheInputs) {
        if fields.isEmpty {
            fields = CacheField.allCases.map { ($0, Field(content: [], digest: sha256([]), part: inputs.part($0))) }
        }
        for index in fields.indices {
            let field = fields[index].field
            var content = CanonicalBytes()
            inputs.write(field, to: &content)
            guard content.bytes != fields[index].made.content else { continue }
            fields[index].made = Field(
                content: content.bytes, digest: sha256(content.bytes), part: inputs.part(field))
        }
    }
}

func sha256(_ bytes: [UInt8]) -> String {
    var hash = SHA256()
    hash.update(data: bytes)
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in hash.finalize() {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 0xF)])
    }
    return String(decoding: text, as: UTF8.self)
}

extension CacheInputs {
    /// The content of one field of §4.
    fileprivate func write(_ field: CacheField, to bytes: inout CanonicalBytes) {
        switch field {
        case .format: bytes.append(CacheKey.format)
        case .action: write(action, to: &bytes)
        case .code:
            switch code {
            case .gitTree(let hash, _): bytes.append(hash, tag: "g")
            case .files(let digest, _): bytes.append(digest, tag: "d")
            }
        case .params:
            bytes.append(map: params) { inner, param in
                inner.append(param.type, tag: "t")
                switch param.binding {
                case .value(let value): inner.append(value)
                case .place(let name): inner.append(name, tag: "o")
                }
            }
        case .inputs:
            bytes.append(map: inputs) { inner, input in
                switch input {
                case .digest(let digest): inner.append(digest, tag: "d")
                case .version(let version): inner.append(version, tag: "v")
                case .unknown(let uri): inner.append(uri, tag: "u")
                }
            }
        case .environment:
            bytes.append(environment.manager)
            bytes.append(map: environment.parts) { inner, part in inner.append(part) }
        case .variables:
            bytes.append(map: variables) { inner, value in inner.append(value) }
            bytes.append(map: Dictionary(uniqueKeysWithValues: secretNames.map { ($0, true) })) { _, _ in }
        case .outputs: bytes.append(map: outputs) { inner, path in inner.append(path) }
        case .salt: bytes.append(optional: salt)
        }
    }

    private func write(_ action: Action, to bytes: inout CanonicalBytes) {
        switch action {
        case .entryPoint(let name, let command, let parameters):
            bytes.append(name, tag: "e")
            bytes.append(command)
            // The order in which an MLproject declares parameters changes nothing.
            let byName = Dictionary(parameters.map { ($0.name, $0) }) { first, _ in first }
            bytes.append(map: byName) { inner, parameter in
                inner.append(parameter.type, tag: "t")
                inner.append(optional: parameter.defaultValue)
            }
        case .command(let text): bytes.append(text, tag: "c")
        }
    }

    /// The names of what is not known by its content.
    fileprivate var weakNames: [String] {
        var names = inputs.compactMap { name, input in if case .unknown = input { name } else { nil } }
        for (name, param) in params {
            if case .value(let value) = param.binding, value.holdsUndigestedArtifact { names.append(name) }
        }
        if environment.isWeak { names.append("image") }
        return Set(names).sorted()
    }

    /// What a field is made of, by name, as far as a person wants to know it.
    fileprivate func part(_ field: CacheField) -> [String: String]? {
        switch field {
        case .format: return nil
        case .action:
            switch action {
            case .entryPoint(let name, let command, let parameters):
                return [
                    "entry point": name, "command": shortDigest(command),
                    "parameters": shortDigest(parameters.map { "\($0)" }.sorted().joined(separator: "\n")),
                ]
            case .command(let text): return ["command": shortDigest(text)]
            }
        case .code:
            switch code {
            case .gitTree(_, let files): return files.mapValues { shortDigest("g" + $0) }
            // A file may go by the name git has for its content, as all of a clean folder do: `g` is no digit of a digest.
            case .files(_, let files): return files.mapValues { shortDigest($0.hasPrefix("g") ? $0 : "d" + $0) }
            }
        case .params:
            return params.mapValues { param in
                switch param.binding {
                case .place(let name): "outputs.\(name)"
                case .value(let value): Self.shown(value)
                }
            }
        case .inputs:
            return inputs.mapValues { input in
                switch input {
                case .digest(let text), .version(let text): shortDigest(text)
                case .unknown(let uri): shortDigest(uri)
                }
            }
        case .environment:
            var part = environment.parts.mapValues { $0.utf8.count <= 24 ? $0 : shortDigest($0) }
            part["manager"] = environment.manager
            return part
        case .variables:
            // Values of variables are never shown: people put passwords there.
            var part = variables.mapValues { shortDigest($0) }
            for name in secretNames { part["secret \(name)"] = "" }
            return part
        case .outputs: return outputs.mapValues { $0.utf8.count <= 60 ? $0 : shortDigest($0) }
        case .salt: return salt.map { ["": $0.utf8.count <= 40 ? $0 : shortDigest($0)] } ?? [:]
        }
    }

    /// A value as the reason for a miss shows it; a long one, and an artifact's, as a digest of which only the change is told.
    private static func shown(_ value: Value) -> String {
        if case .artifact(let artifact) = value { return shortDigest(artifact.digest ?? artifact.uri) }
        let text = value.json
        return text.utf8.count <= 60 ? text : shortDigest(text)
    }
}

/// Enough of a digest to see that something changed; not enough to find out what it was.
func shortDigest(_ text: String) -> String { "#" + sha256(Array(text.utf8)).prefix(8) }
