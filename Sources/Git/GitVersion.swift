package import GitMessages

/// What `--version` may name: a branch, a tag, or the beginning of a commit id.
///
/// Which of them it is, the repository says: a branch comes before a tag, a tag before a commit. Nothing else of git's revision language is
/// understood, so nothing can be executed or matched by accident.
package struct GitVersion: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    /// - Throws: `GitFailure` of kind `refused`.
    package init(_ text: String) throws(GitFailure) {
        guard let reason = Self.objection(to: text) else {
            self.text = text
            return
        }
        let shown = text.count > 80 ? "\(text.prefix(80))…" : text
        throw GitFailure(
            .refused, "'\(shown)' is not a branch, tag or commit: \(reason)",
            remedy: "give the name of a branch or tag, or 4 to 40 digits of a commit id")
    }

    package var description: String { text }

    /// Whether this is the whole id of a commit, which needs no server to be understood.
    var isFullCommit: Bool { text.utf8.count == 40 && text.utf8.allSatisfy(\.isLowerHexDigit) }

    private static func objection(to text: String) -> String? {
        if text.isEmpty { return "it is empty" }
        if text.utf8.count > 255 { return "it is longer than 255 bytes" }
        if text.hasPrefix("-") { return "it begins with '-'" }
        if text.hasPrefix("/") || text.hasSuffix("/") || text.contains("//") { return "it has an empty part" }
        if text.contains("..") { return "it contains '..'" }
        if text.contains("@{") || text == "@" { return "'@' names no version" }
        if text.hasSuffix(".lock") || text.hasSuffix(".") { return "no branch or tag may end like this" }
        let allowed = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "._/+@#-".utf8.contains(byte)
        }
        return allowed ? nil : "it contains a character that may not be in one"
    }
}

extension UInt8 {
    fileprivate var isLowerHexDigit: Bool { (0x30...0x39).contains(self) || (0x61...0x66).contains(self) }
}
