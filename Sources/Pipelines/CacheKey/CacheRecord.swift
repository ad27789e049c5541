import Diagnostics
import JSON

/// The digests of the nine fields and what they were made of, kept with a run as the tag `swiftflow.cache_fields`.
package struct CacheRecord: Sendable, Hashable {
    /// As many hexadecimal digits of a field's digest as are kept.
    static let digestLength = 16

    package let digests: [CacheField: String]
    /// By field and name; values are shown in reasons unless they begin with `#`.
    package let parts: [CacheField: [String: String]]
    package let weakNames: [String]

    init(digests: [CacheField: String], parts: [CacheField: [String: String]], weakNames: [String]) {
        self.digests = digests.mapValues { String($0.prefix(Self.digestLength)) }
        self.parts = parts
        self.weakNames = weakNames
    }

    /// The record as JSON of at most `limit` bytes.
    ///
    /// Files are what there can be many of: when they take too much room, folders stand for what is in them, the deepest first. What does
    /// not fit even then is left out; the reason then names only the field.
    package func text(limit: Int = 7500) -> String {
        var shortened = parts
        while true {
            let text = json(shortened)
            if text.utf8.count <= limit { return text }
            if let files = shortened[.code], let fewer = Self.folded(files) {
                shortened[.code] = fewer
            } else if let largest = shortened.max(by: { Self.size($0.value) < Self.size($1.value) })?.key,
                shortened[largest]?.isEmpty == false
            {
                shortened[largest] = [:]
            } else {
                return json([:])
            }
        }
    }

    private static func size(_ part: [String: String]) -> Int {
        part.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 6 }
    }

    /// The same with the deepest level of folders folded; nil when everything is at the top.
    private static func folded(_ files: [String: String]) -> [String: String]? {
        func depth(_ path: String) -> Int {
            path.utf8.dropLast(path.hasSuffix("/") ? 1 : 0).count { $0 == UInt8(ascii: "/") }
        }
        guard let deepest = files.keys.map(depth).max(), deepest > 0 else { return nil }
        var folded: [String: String] = [:]
        var folders: [String: [(String, String)]] = [:]
        for (path, digest) in files {
            guard depth(path) == deepest else {
                folded[path] = digest
                continue
            }
            let name = path.hasSuffix("/") ? path.dropLast() : path[...]
            let end = name.lastIndex(of: "/").map { name.index(after: $0) } ?? name.startIndex
            folders[String(name[..<end]), default: []].append((path, digest))
        }
        for (folder, inside) in folders {
            let lines = inside.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }.map { "\($0.0)\0\($0.1)" }
            folded[folder] = shortDigest(lines.joined(separator: "\n"))
        }
        return folded
    }

    private func json(_ parts: [CacheField: [String: String]]) -> String {
        var members: [JSONObject.Member] = [.init(name: "v", value: .integer(1))]
        for field in CacheField.allCases {
            let named = (parts[field] ?? [:]).sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            members.append(
                .init(
                    name: field.name,
                    value: .array([
                        .string(digests[field] ?? ""),
                        .object(JSONObject(members: named.map { .init(name: $0.key, value: .string($0.value)) })),
                    ])))
        }
        if !weakNames.isEmpty { members.append(.init(name: "weak", value: .array(weakNames.map { .string($0) }))) }
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.value(.object(JSONObject(members: members)))
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Reads what `text` wrote; nil for anything else, such as what a later version writes.
    package init?(text: String) {
        guard let json = try? JSONReader.read(Array(text.utf8).span), case .object(let object) = json else {
            return nil
        }
        var digests: [CacheField: String] = [:]
        var parts: [CacheField: [String: String]] = [:]
        var weakNames: [String] = []
        for member in object.members {
            if member.name == "v" {
                guard member.value == .integer(1) else { return nil }
            } else if member.name == "weak", case .array(let names) = member.value {
                weakNames = names.compactMap { if case .string(let name) = $0 { name } else { nil } }
            } else if let field = CacheField.allCases.first(where: { $0.name == member.name }),
                case .array(let pair) = member.value, pair.count == 2, case .string(let digest) = pair[0],
                case .object(let named) = pair[1]
            {
                digests[field] = digest
                for member in named.members {
                    guard case .string(let value) = member.value else { continue }
                    parts[field, default: [:]][member.name] = value
                }
            }
        }
        guard digests.count == CacheField.allCases.count else { return nil }
        self.init(digests: digests, parts: parts, weakNames: weakNames)
    }
}
