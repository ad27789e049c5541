/// One `[section "subsection"]` of a git configuration file, such as `.gitmodules`.
struct ConfigurationSection: Sendable, Hashable {
    /// In lower case.
    var name: String
    var subsection: String?
    /// By key in lower case; of a repeated key the last value.
    var values: [String: String] = [:]
}

/// Reads the part of git's configuration syntax that `.gitmodules` may use: sections, values, quotes, escapes, comments.
///
/// Includes are not followed.
///
/// - Throws: `GitFailure` with the line.
func configurationSections(_ text: String) throws(GitFailure) -> [ConfigurationSection] {
    var sections: [ConfigurationSection] = []
    var lineNumber = 0
    // By bytes, since "\r\n" is a single character.
    for bytes in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
        lineNumber += 1
        let line = trimmed(Substring(bytes))
        if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
        if line.hasPrefix("[") {
            guard let section = header(line) else { throw syntaxError(lineNumber, "is no section") }
            sections.append(section)
            guard sections.count <= 1000 else { throw syntaxError(lineNumber, "is one section too many") }
            continue
        }
        guard !sections.isEmpty else { throw syntaxError(lineNumber, "stands before the first section") }
        let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let key = trimmed(parts.first ?? "").lowercased()
        guard let first = key.utf8.first, (0x61...0x7A).contains(first),
            key.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
        else { throw syntaxError(lineNumber, "has no valid key") }
        guard let value = unquoted(trimmed(parts.dropFirst().first ?? "true")) else {
            throw syntaxError(lineNumber, "has a value that is not understood")
        }
        sections[sections.count - 1].values[key] = value
    }
    return sections
}

private func syntaxError(_ line: Int, _ what: String) -> GitFailure {
    GitFailure(.submodule, ".gitmodules:\(line): the line \(what)", remedy: "correct it in the repository")
}

private func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.unicodeScalars.first, " \t\r".unicodeScalars.contains(first) {
        text.unicodeScalars.removeFirst()
    }
    while let last = text.unicodeScalars.last, " \t\r".unicodeScalars.contains(last) {
        text.unicodeScalars.removeLast()
    }
    return text
}

private func header(_ line: Substring) -> ConfigurationSection? {
    guard let end = line.lastIndex(of: "]"), trimmed(line[line.index(after: end)...]).isEmpty else { return nil }
    let inside = trimmed(line[line.index(after: line.startIndex)..<end])
    let name = inside.prefix { $0 != " " && $0 != "\t" }
    guard !name.isEmpty, name.utf8.allSatisfy({ $0 != 0x22 && $0 > 0x20 }) else { return nil }
    let rest = trimmed(inside[name.endIndex...])
    if rest.isEmpty { return ConfigurationSection(name: name.lowercased()) }
    guard rest.count >= 2, rest.hasPrefix("\""), rest.hasSuffix("\"") else { return nil }
    var subsection = ""
    var isEscaped = false
    for character in rest.dropFirst().dropLast() {
        if character == "\\", !isEscaped {
            isEscaped = true
            continue
        }
        if character == "\"", !isEscaped { return nil }
        subsection.append(character)
        isEscaped = false
    }
    return isEscaped ? nil : ConfigurationSection(name: name.lowercased(), subsection: subsection)
}

/// A value without quotes, escapes and comment; nil when it is broken or goes on in the next line.
private func unquoted(_ text: Substring) -> String? {
    var value = ""
    var kept = 0
    var isQuoted = false
    var isEscaped = false
    for character in text {
        if isEscaped {
            guard let real = ["n": "\n", "t": "\t", "b": "\u{8}", "\"": "\"", "\\": "\\"][String(character)] else {
                return nil
            }
            value += real
            kept = value.count
            isEscaped = false
            continue
        }
        switch character {
        case "\\": isEscaped = true
        case "\"": isQuoted.toggle()
        case "#" where !isQuoted, ";" where !isQuoted:
            return String(value.prefix(kept))
        default:
            value.append(character)
            if isQuoted || (character != " " && character != "\t") { kept = value.count }
        }
    }
    return isQuoted || isEscaped ? nil : String(value.prefix(kept))
}
