package import Diagnostics

/// A path below some root, built from text that came from outside.
///
/// Everything that could leave the root or confuse a reader is refused when the value is made (rule R1 of the design): absolute paths,
/// `..`, `.`, empty components, backslashes, control bytes, NUL, a leading `~`, schemes, components over 255 bytes and paths over 4,096.
/// What can be resolved only on the disk (links) is refused by `Directory`, which opens such paths.
package struct RelativePath: Sendable, Hashable, CustomStringConvertible {
    /// The names from the root down; empty for the root itself.
    package let components: [String]

    private init(components: [String]) {
        self.components = components
    }

    /// The root itself.
    package static let root = RelativePath(components: [])

    /// Reads decoded text such as `models/best`; one trailing slash is allowed.
    package init(_ text: String) throws(PathRefusal) {
        guard !text.isEmpty else { throw PathRefusal(text, "is empty") }
        guard text.utf8.count <= 4096 else { throw PathRefusal(text, "is longer than 4096 bytes") }
        guard !text.hasPrefix("/") else { throw PathRefusal(text, "is absolute") }
        guard !text.hasPrefix("~") else { throw PathRefusal(text, "begins with '~'") }
        var names = text.split(separator: "/", omittingEmptySubsequences: false)
        if names.count > 1, names.last?.isEmpty == true { names.removeLast() }
        for name in names {
            if let reason = Self.objection(to: name) { throw PathRefusal(text, reason) }
        }
        if let first = names.first, let colon = first.firstIndex(of: ":"), Self.isScheme(first[..<colon]),
            names.count > 1
        {
            throw PathRefusal(text, "begins with a scheme")
        }
        components = names.map(String.init)
    }

    /// Reads the path of a URL, decoding percent-escapes exactly once.
    package init(percentEncoded text: String) throws(PathRefusal) {
        guard let decoded = percentDecoded(text) else {
            throw PathRefusal(text, "has a broken percent-escape or invalid UTF-8")
        }
        try self.init(decoded)
    }

    private static func objection(to name: Substring) -> String? {
        if name.isEmpty { return "has an empty component" }
        if name == "." || name == ".." { return "contains '\(name)'" }
        if name.utf8.count > 255 { return "has a component longer than 255 bytes" }
        if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return "contains a control character" }
        if name.unicodeScalars.contains(where: { (0x80...0x9F).contains($0.value) }) {
            return "contains a control character"
        }
        if name.contains("\\") { return "contains a backslash" }
        return nil
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, (0x41...0x5A).contains(first) || (0x61...0x7A).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                || byte == 0x2B || byte == 0x2D || byte == 0x2E
        }
    }

    package var isRoot: Bool { components.isEmpty }
    package var lastComponent: String? { components.last }

    /// The folder the path lies in; the root's parent is the root.
    package var parent: RelativePath { RelativePath(components: Array(components.dropLast())) }

    package func appending(_ other: RelativePath) -> RelativePath {
        RelativePath(components: components + other.components)
    }

    package func appending(_ text: String) throws(PathRefusal) -> RelativePath {
        appending(try RelativePath(text))
    }

    /// The names joined by `/`; `.` for the root.
    package var string: String { components.isEmpty ? "." : components.joined(separator: "/") }
    package var description: String { escapedForTerminal(string) }
}

/// Text that is refused as a path, and why.
package struct PathRefusal: ExplainedError {
    package let text: String
    package let reason: String

    package init(_ text: String, _ reason: String) {
        self.text = text
        self.reason = reason
    }

    package var diagnostics: [Diagnostic] {
        let shown = text.count > 120 ? "\(text.prefix(120))…" : text
        return [
            Diagnostic(.error, "the path '\(shown)' \(reason)", remedy: "give a path inside the folder, such as 'a/b'")
        ]
    }
}

/// Percent-escapes decoded once; nil for a broken escape or bytes that are no UTF-8.
package func percentDecoded(_ text: String) -> String? {
    guard text.utf8.contains(0x25) else { return text }
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
        guard byte == 0x25 else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
            return nil
        }
        bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
}

private func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}
