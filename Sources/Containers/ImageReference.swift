package import Diagnostics

/// The name of an image: `registry.example.org:5000/team/model:tag@sha256:…`.
///
/// The grammar is the registries' own, so that nothing that passes can be read as an option, a second argument or a line of a Dockerfile.
package struct ImageReference: Sendable, Hashable, CustomStringConvertible {
    /// `registry.example.org:5000`; nil for the client's default registry.
    package let domain: String?
    /// `team/model`.
    package let path: String
    package let tag: String?
    /// Of the image's content, with its algorithm in front.
    package let digest: String?

    private init(domain: String?, path: String, tag: String?, digest: String?) {
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest
    }

    /// Reads the text of a project, an option or a configuration.
    package init(_ text: String) throws(InvalidInput) {
        guard !text.isEmpty else { throw Self.refusal(text, "is empty") }
        // Bytes, not characters: a combining mark must not hide inside one.
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Self.refusal(text, "contains white space, a control character or a letter outside ASCII")
        }
        guard !text.hasPrefix("-") else { throw Self.refusal(text, "begins with '-'") }
        var rest = text[...]
        var digest: String?
        if let at = rest.lastIndex(of: "@") {
            let written = rest[rest.index(after: at)...]
            guard Self.isDigest(written) else { throw Self.refusal(text, "has an invalid digest after '@'") }
            digest = String(written)
            rest = rest[..<at]
        }
        var tag: String?
        let lastSlash = rest.lastIndex(of: "/") ?? rest.startIndex
        if let colon = rest[lastSlash...].lastIndex(of: ":") {
            let written = rest[rest.index(after: colon)...]
            guard Self.isTag(written) else {
                throw Self.refusal(
                    text, "has an invalid tag '\(written)'", "a tag is made of letters, digits, '_', '.' and '-'")
            }
            tag = String(written)
            rest = rest[..<colon]
        }
        var domain: String?
        if let slash = rest.firstIndex(of: "/"), Self.looksLikeDomain(rest[..<slash]) {
            guard Self.isDomain(rest[..<slash]) else {
                throw Self.refusal(text, "has an invalid registry '\(rest[..<slash])'")
            }
            domain = String(rest[..<slash])
            rest = rest[rest.index(after: slash)...]
        }
        guard rest.utf8.count <= 255 else { throw Self.refusal(text, "is longer than 255 bytes") }
        for component in rest.split(separator: "/", omittingEmptySubsequences: false)
        where !Self.isPathComponent(component) {
            if component.contains(where: \.isUppercase) {
                throw Self.refusal(
                    text, "contains upper-case letters", "write '\(text.lowercased())', if that is what it is called")
            }
            throw Self.refusal(text, "is not a valid image name at '\(component)'")
        }
        self.init(domain: domain, path: String(rest), tag: tag, digest: digest)
    }

    private static func refusal(_ text: String, _ reason: String, _ remedy: String? = nil) -> InvalidInput {
        let shown = text.count > 120 ? "\(text.prefix(120))…" : text
        return InvalidInput(
            "the image '\(shown)' \(reason)",
            remedy: remedy ?? "an image is named like 'python:3.12' or 'registry.example.org/team/model:1.0'")
    }

    private static func isDigest(_ text: Substring) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let algorithm = parts.first, let value = parts.last else { return false }
        return !algorithm.isEmpty
            && algorithm.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E }
            && (32...256).contains(value.utf8.count)
            && value.utf8.allSatisfy { isDigit($0) || (0x61...0x66).contains($0) }
    }

    private static func isTag(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, isLetterOrDigit(first) || first == 0x5F else { return false }
        return text.utf8.count <= 128
            && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x5F || $0 == 0x2D || $0 == 0x2E }
    }

    /// As clients decide it: a first component with a dot or a port, or `localhost`, is a registry.
    private static func looksLikeDomain(_ text: Substring) -> Bool {
        text.contains(".") || text.contains(":") || text == "localhost"
    }

    private static func isDomain(_ text: Substring) -> Bool {
        var host = text
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            let port = text[text.index(after: colon)...]
            guard (1...5).contains(port.utf8.count), port.utf8.allSatisfy(isDigit) else { return false }
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let address = host.dropFirst().dropLast()
            return !address.isEmpty
                && address.utf8.allSatisfy { isDigit($0) || $0 == 0x3A || (0x61...0x66).contains($0 | 0x20) }
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.utf8.first, let last = label.utf8.last else { return false }
            return isLetterOrDigit(first) && isLetterOrDigit(last)
                && label.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D }
        }
    }

    /// Lower-case words, joined by one `.`, one or two `_`, or any number of `-`.
    private static func isPathComponent(_ text: Substring) -> Bool {
        var separator: [UInt8] = []
        var hasWord = false
        for byte in text.utf8 {
            if isDigit(byte) || (0x61...0x7A).contains(byte) {
                if !separator.isEmpty {
                    let isAllowed =
                        separator.allSatisfy { $0 == 0x2D } || [[0x2E], [0x5F], [0x5F, 0x5F]].contains(separator)
                    guard hasWord, isAllowed else { return false }
                    separator = []
                }
                hasWord = true
            } else if byte == 0x2E || byte == 0x5F || byte == 0x2D {
                separator.append(byte)
            } else {
                return false
            }
        }
        return hasWord && separator.isEmpty
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// The name without tag and digest.
    package var repository: String { domain.map { "\($0)/\(path)" } ?? path }

    package var description: String {
        repository + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// The same repository under another tag.
    package func tagged(_ tag: String) throws(InvalidInput) -> ImageReference {
        try ImageReference("\(repository):\(tag)")
    }

    /// The image by its content: what a cluster should pull, whatever becomes of the tag.
    package func pinned(to digest: String) throws(InvalidInput) -> ImageReference {
        try ImageReference("\(repository)@\(digest)")
    }
}
