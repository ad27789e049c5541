// Whether Python would read a text as a number: projects hand their parameters to `int()` and `float()`.

/// Whether `int(text)` succeeds in Python: decimal digits of any script, single underscores between digits, blanks
/// around.
func isPythonInteger(_ text: String) -> Bool {
    let digits = withoutSign(trimmed(text))
    return isDigitPart(digits) && digits.unicodeScalars.count { isDecimalDigit($0) } <= 4300
}

/// Whether `float(text)` succeeds in Python, which includes `inf`, `nan` and `1_000.5e-3`.
func isPythonFloat(_ text: String) -> Bool {
    let number = withoutSign(trimmed(text))
    if ["inf", "infinity", "nan"].contains(number.lowercased()) { return true }
    let parts = number.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
    guard let mantissa = parts.first else { return false }
    if parts.count == 2, !isDigitPart(withoutSign(parts[1])) { return false }
    let halves = mantissa.split(separator: ".", omittingEmptySubsequences: false)
    switch halves.count {
    case 1: return isDigitPart(halves[0])
    case 2:
        return (!halves[0].isEmpty || !halves[1].isEmpty)
            && halves.allSatisfy { $0.isEmpty || isDigitPart($0) }
    default: return false
    }
}

/// Digits with single underscores between them.
private func isDigitPart(_ text: Substring) -> Bool {
    var wasDigit = false
    for scalar in text.unicodeScalars {
        let isDigit = isDecimalDigit(scalar)
        guard isDigit || (scalar == "_" && wasDigit) else { return false }
        wasDigit = isDigit
    }
    return wasDigit
}

private func isDecimalDigit(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII ? ("0"..."9").contains(scalar) : scalar.properties.generalCategory == .decimalNumber
}

private func withoutSign(_ text: Substring) -> Substring {
    guard let first = text.first, first == "+" || first == "-" else { return text }
    return text.dropFirst()
}

private func trimmed(_ text: String) -> Substring {
    var rest = text[...]
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return rest.drop(while: \.isWhitespace)
}
