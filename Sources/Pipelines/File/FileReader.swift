package import Diagnostics
import Documents

extension Pipeline {
    /// More than a project's file may have: a chain of ten thousand steps is a valid pipeline.
    static let documentLimits = DocumentLimits(bytes: 16 << 20, depth: 64, nodes: 1_000_000)

    /// How many bytes a pipeline's file may have.
    package static let sizeLimit = documentLimits.bytes

    /// Reads a pipeline file, and reports everything that is wrong with it at once.
    ///
    /// - Parameter file: the name for messages.
    /// - Returns: what could be read, with the wrong parts left out; nil when nothing could. It is good only without errors.
    package static func read(_ bytes: [UInt8], file: String) -> (pipeline: Pipeline?, findings: [Diagnostic]) {
        let document: YAMLDocument
        do throws(InvalidInput) {
            document = try YAMLDocument(parsing: bytes, file: file, limits: documentLimits)
        } catch {
            return (nil, error.explainingExpressions(in: SourceText(bytes)).diagnostics.map(asUnreadable))
        }
        var reader = FileReader(bytes, file: file)
        for warning in document.warnings { reader.findings.append(asDuplicateKey(warning)) }
        guard let root = document.root else {
            let finding = Diagnostic(
                .error, code: "P010", at: SourceLocation(file: file, line: 1, column: 1), "the file is empty",
                remedy: "give it 'steps'")
            return (nil, reader.findings + [finding])
        }
        let pipeline = reader.pipeline(root)
        return (pipeline, reader.findings)
    }

    private static func asUnreadable(_ finding: Diagnostic) -> Diagnostic {
        var finding = finding
        finding.code = "P002"
        return finding
    }

    private static func asDuplicateKey(_ warning: Diagnostic) -> Diagnostic {
        guard warning.code == "duplicate-key" else { return warning }
        var finding = Diagnostic(
            .error, code: "P013", at: warning.location,
            warning.message.replacing(", and this value replaces the one of", with: "; the first is in"),
            remedy: warning.remedy)
        finding.length = warning.message.dropFirst().prefix { $0 != "'" }.count
        return finding
    }
}

/// Reads a pipeline's document, collecting every mistake; what is wrong is left out of the result.
struct FileReader {
    let file: String
    let source: SourceText
    var findings: [Diagnostic] = []

    init(_ bytes: [UInt8], file: String) {
        self.file = file
        source = SourceText(bytes)
    }

    // MARK: Findings

    mutating func report(_ code: String, at node: YAMLNode, _ message: String, remedy: String? = nil) {
        findings.append(
            Diagnostic(.error, code: code, at: node.location, message, remedy: remedy, length: node.shownLength))
    }

    mutating func report(_ error: InvalidInput) {
        findings += error.diagnostics
    }

    /// P011: the wrong type of value.
    mutating func reportType(
        of node: YAMLNode, _ what: String, expected: String, key: YAMLNode? = nil, remedy: String? = nil
    ) {
        let isEmpty = node.text == ""
        report(
            "P011", at: isEmpty ? key ?? node : node, "\(what) must be \(expected), not \(kind(of: node))",
            remedy: remedy ?? self.remedy(for: node, expected: expected))
    }

    private func remedy(for node: YAMLNode, expected: String) -> String? {
        // In YAML 1.2 these are words.
        if expected.hasPrefix("true"), let text = node.text?.lowercased() {
            if ["yes", "on", "y"].contains(text) { return "write true" }
            if ["no", "off", "n"].contains(text) { return "write false" }
        }
        guard expected.hasPrefix("text"), let text = node.text, !text.isEmpty, text.utf8.count < 60 else { return nil }
        return "write it in quotes: \"\(text)\""
    }

    func kind(of node: YAMLNode) -> String {
        guard let value = try? node.coreValue() else { return "something unreadable" }
        switch value {
        case .null: return "nothing"
        case .string(let text) where text.utf8.count <= 40: return "'\(text)'"
        case .int, .float, .bool: return node.text ?? value.kind
        default: return value.kind
        }
    }

    // MARK: Mappings

    /// The pairs of a mapping whose keys are ours; unknown ones are reported, those that begin with `x-` ignored.
    ///
    /// - Parameters:
    ///   - owner: the key the mapping belongs to, where an empty one is pointed at.
    ///   - place: such as `a step`.
    mutating func members<Key: FileKey>(
        of node: YAMLNode, as type: Key.Type, in place: String, owner: YAMLNode? = nil
    ) -> [(key: Key, pair: YAMLPair)]? {
        guard let pairs = node.mapping else {
            reportType(of: node, place, expected: "a mapping", key: owner)
            return nil
        }
        return pairs.compactMap { pair in
            let name = pair.key.text ?? ""
            if let key = Key(rawValue: name) { return (key, pair) }
            if !name.hasPrefix("x-") {
                report(
                    "P012", at: pair.key, "unknown key '\(name)' in \(place)",
                    remedy: Key.suggestion(for: name))
            }
            return nil
        }
    }

    /// The pairs of a mapping from names the user chose.
    ///
    /// - Parameter ignoresExtensions: whether names that begin with `x-` are left out, as at places where they can be no name.
    mutating func names(of node: YAMLNode, _ what: String, owner: YAMLNode) -> [(name: String, pair: YAMLPair)]? {
        guard let pairs = node.mapping else {
            reportType(of: node, what, expected: "a mapping", key: owner)
            return nil
        }
        return pairs.compactMap { pair in
            let name = pair.key.text ?? ""
            return name.hasPrefix("x-") ? nil : (name, pair)
        }
    }

    // MARK: Plain values

    /// A text without expressions.
    mutating func plainText(_ pair: YAMLPair, expected: String = "text") -> String? {
        guard case .string(let text)? = try? pair.value.coreValue() else {
            reportType(of: pair.value, "'\(pair.key.text ?? "")'", expected: expected, key: pair.key)
            return nil
        }
        guard !text.contains("${{") else {
            report(
                "P011", at: pair.value, "'\(pair.key.text ?? "")' cannot hold an expression",
                remedy: "write \(expected)")
            return nil
        }
        return text
    }

    /// One of the names of an enumeration.
    ///
    /// - Parameter otherNames: what else people write, by what is meant.
    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ pair: YAMLPair, as type: Choice.Type, otherNames: [String: Choice] = [:]
    ) -> Choice? {
        let names = Choice.allCases.map(\.rawValue)
        if case .string(let text)? = try? pair.value.coreValue(), let choice = Choice(rawValue: text) { return choice }
        let shown = names.map { "'\($0)'" }.joined(separator: ", ")
        report(
            "P011", at: pair.value.text == "" ? pair.key : pair.value,
            "'\(pair.key.text ?? "")' must be one of \(shown), not \(kind(of: pair.value))",
            remedy: pair.value.text.flatMap { text in
                otherNames[text.lowercased()]?.rawValue ?? nearestName(to: text, among: names)
            }.map { "did you mean '\($0)'?" })
        return nil
    }

    mutating func integer(_ pair: YAMLPair, in range: ClosedRange<Int>) -> Int? {
        if case .int(let number)? = try? pair.value.coreValue(), range.contains(number) { return number }
        reportType(
            of: pair.value, "'\(pair.key.text ?? "")'", expected: "an integer\(words(for: range))", key: pair.key)
        return nil
    }

    private func words(for range: ClosedRange<Int>) -> String {
        switch (range.lowerBound, range.upperBound) {
        case (.min, .max): ""
        case (let low, .max): " of at least \(low)"
        case (let low, let high): " from \(low) to \(high)"
        }
    }

    mutating func number(_ pair: YAMLPair, in range: ClosedRange<Double>? = nil) -> Double? {
        let number: Double? =
            switch try? pair.value.coreValue() {
            case .int(let number)?: Double(number)
            case .float(let number)? where number.isFinite: number
            default: nil
            }
        if let number, range?.contains(number) ?? true { return number }
        let words = range.map {
            $0.upperBound.isInfinite ? " of at least \($0.lowerBound)" : " from \($0.lowerBound) to \($0.upperBound)"
        }
        reportType(of: pair.value, "'\(pair.key.text ?? "")'", expected: "a number\(words ?? "")", key: pair.key)
        return nil
    }

    /// A list of different plain texts.
    mutating func texts(_ pair: YAMLPair, of kind: String, areUnique: Bool = true) -> [Located<String>] {
        let what = "'\(pair.key.text ?? "")'"
        guard let items = pair.value.sequence else {
            let text = pair.value.text.flatMap { $0.isEmpty || $0.utf8.count >= 60 ? nil : $0 }
            reportType(
                of: pair.value, what, expected: "a list of \(kind)", key: pair.key, remedy: text.map { "write [\($0)]" }
            )
            return []
        }
        var texts: [Located<String>] = []
        var known: Set<String> = []
        for item in items {
            guard case .string(let text)? = try? item.coreValue(), !text.contains("${{") else {
                reportType(of: item, "an item of \(what)", expected: "text")
                continue
            }
            if areUnique, !known.insert(text).inserted {
                report("P013", at: item, "'\(text)' stands in \(what) a second time", remedy: "remove one of the two")
                continue
            }
            texts.append(Located(text, at: item.location))
        }
        return texts
    }

    // MARK: Values with expressions

    /// What a value that is written out must be; what an expression gives is checked later.
    enum Expected {
        case text, duration, amount, anything
        /// Text; numbers and truth values count as the text they are written as.
        case scalar

        var words: String {
            switch self {
            case .text: "text"
            case .duration: "a duration such as 90s, 15m or 1h30m"
            case .amount: "a number, or a size such as 512MB or 8GiB"
            case .anything: "text, a number, true or false, or a list"
            case .scalar: "text, a number, or true or false"
            }
        }
    }

    mutating func template(_ pair: YAMLPair, _ expected: Expected) -> Template? {
        template(pair.value, "'\(pair.key.text ?? "")'", expected, key: pair.key)
    }

    mutating func template(_ node: YAMLNode, _ what: String, _ expected: Expected, key: YAMLNode? = nil) -> Template? {
        if node.mapping != nil {
            reportType(of: node, what, expected: expected.words, key: key)
            return nil
        }
        let template: Template
        do throws(InvalidInput) {
            template = try Template(reading: node, in: source)
        } catch {
            report(error)
            return nil
        }
        guard let literal = template.literal else {
            if case .list = template.content, !expected.allowsList {
                reportType(of: node, what, expected: expected.words, key: key)
                return nil
            }
            return template
        }
        guard let value = expected.accepted(literal, writtenAs: node.text) else {
            reportType(of: node, what, expected: expected.words, key: key)
            return nil
        }
        if case .string(let text) = value {
            do throws(InvalidInput) {
                if expected == .duration { _ = try Duration(written: text, at: node.placement(in: source)) }
                if expected == .amount { _ = try ByteSize(written: text, at: node.placement(in: source)) }
            } catch {
                report(error)
                return nil
            }
        }
        return Template(literal: value, at: node.location)
    }

    mutating func condition(_ pair: YAMLPair) -> Expression? {
        switch try? pair.value.coreValue() {
        case .string?, .bool?: break
        default:
            reportType(of: pair.value, "'\(pair.key.text ?? "")'", expected: "an expression", key: pair.key)
            return nil
        }
        do throws(InvalidInput) {
            return try Expression(condition: pair.value.text ?? "", at: pair.value.placement(in: source))
        } catch {
            report(error)
            return nil
        }
    }
}

extension FileReader.Expected {
    fileprivate var allowsList: Bool { self == .anything }

    /// The value as it is used; nil when it is of the wrong type.
    fileprivate func accepted(_ value: Value, writtenAs text: String?) -> Value? {
        switch (self, value) {
        case (.anything, _): return value
        case (.text, .string), (.scalar, .string): return value
        case (.scalar, .int), (.scalar, .float), (.scalar, .bool): return (text ?? value.text).map(Value.string)
        case (.duration, .string): return value
        case (.amount, .int(let number)): return number >= 0 ? value : nil
        case (.amount, .float(let number)): return number.isFinite && number >= 0 ? value : nil
        case (.amount, .string): return value
        default: return nil
        }
    }
}

extension YAMLNode {
    /// How many characters of its line a scalar takes; 1 for anything else.
    var shownLength: Int {
        guard case .scalar(let scalar) = content, !scalar.text.contains("\n") else { return 1 }
        return scalar.isPlain ? max(1, scalar.text.count) : scalar.text.count + 2
    }
}
