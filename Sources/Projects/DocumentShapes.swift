import Diagnostics
import Documents

// What a value of the file must look like, and the messages when it does not.
extension ProjectFileReader {
    mutating func report(_ message: String, at node: YAMLNode, remedy: String? = nil) {
        errors.append(Diagnostic(.error, code: "project-file", at: node.location, message, remedy: remedy))
    }

    mutating func warn(_ message: String, at node: YAMLNode, remedy: String? = nil, code: String) {
        warnings.append(Diagnostic(.warning, code: code, at: node.location, message, remedy: remedy))
    }

    /// MLflow ignores unknown keys in silence, and so misspelt ones.
    mutating func warnAboutUnknownKeys(_ pairs: [YAMLPair], known: [String], in place: String) {
        for pair in pairs {
            guard let key = pair.key.text, !known.contains(key) else { continue }
            warn(
                "'\(key)' is no key of \(place) and is ignored", at: pair.key,
                remedy: suggestion(for: key, among: known, kind: "keys"), code: "unknown-key")
        }
    }

    /// - Parameter key: where to point when the value is empty and so has no place of its own.
    mutating func mapping(
        _ node: YAMLNode, _ what: String, at key: YAMLNode? = nil, example: String? = nil
    ) -> [YAMLPair]? {
        if let pairs = node.mapping { return pairs }
        let remedy = example.map { "write a mapping, such as '\($0)'" }
        report("\(what) is \(kind(of: node)), not a mapping", at: node.isNull ? key ?? node : node, remedy: remedy)
        return nil
    }

    mutating func list(_ node: YAMLNode, _ what: String) -> [YAMLNode] {
        if let items = node.sequence { return items }
        report("\(what) is \(kind(of: node)), not a list", at: node, remedy: "write '[\"…\"]'")
        return []
    }

    /// Text, and nothing that YAML reads as a number, a date or a truth value.
    mutating func text(_ node: YAMLNode, _ what: String) -> String? {
        guard let value = value(node) else { return nil }
        if case .string(let text) = value { return text }
        let remedy = node.text.flatMap { $0.isEmpty ? nil : "write it in quotes: \"\($0)\"" }
        report("\(what) is \(value.kind), not text", at: node, remedy: remedy)
        return nil
    }

    mutating func texts(_ node: YAMLNode, _ what: String) -> [String] {
        list(node, what).compactMap { text($0, "an item of \(what)") }
    }

    /// Any single value, as Python prints it.
    mutating func scalar(_ node: YAMLNode, _ what: String) -> String? {
        guard node.text != nil, let value = value(node) else {
            if node.text == nil { report("\(what) is \(kind(of: node)), not text", at: node) }
            return nil
        }
        return value.pythonText
    }

    mutating func scalars(_ node: YAMLNode, _ what: String) -> [String] {
        list(node, what).compactMap { scalar($0, "an item of \(what)") }
    }

    /// The text of a key.
    ///
    /// Keys that YAML reads as something else keep their text, since they can be meant in no other way.
    mutating func name(_ node: YAMLNode, _ what: String) -> String? {
        guard let text = node.text, !text.isEmpty, !node.isNull else {
            report("\(what) is empty", at: node)
            return nil
        }
        if let value = try? node.value(), case .string = value { return text }
        warn(
            "\(what) is '\(text)', which YAML does not read as text; MLflow cannot find it by this name", at: node,
            remedy: "write it in quotes: \"\(text)\"", code: "name-not-text")
        return text
    }

    mutating func value(_ node: YAMLNode) -> YAMLValue? {
        do { return try node.value() } catch {
            errors += error.diagnostics
            return nil
        }
    }

    private func kind(of node: YAMLNode) -> String {
        switch node.content {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar: (try? node.value())?.kind ?? "text"
        }
    }
}
