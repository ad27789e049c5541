/// Text as one word of a POSIX shell, exactly as Python's `shlex.quote` writes it.
package func shellQuoted(_ text: String) -> String {
    if !text.isEmpty, text.utf8.allSatisfy(isShellSafe) { return text }
    return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\"'\"'") + "'"
}

/// Characters that mean nothing to a shell anywhere: `[A-Za-z0-9_@%+=:,./-]`.
package func isShellSafe(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "_@%+=:,./-".utf8.contains(byte)
    }
}

/// Whether a value stays harmless even where quoting cannot protect it: the safe characters and spaces.
package func isHarmlessInsideQuotes(_ text: String) -> Bool {
    text.utf8.allSatisfy { isShellSafe($0) || $0 == UInt8(ascii: " ") }
}
