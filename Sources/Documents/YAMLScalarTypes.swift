// The typing of plain scalars, as PyYAML's resolver and safe constructor do it (YAML 1.1 with PyYAML's own deviations:
// `1e3`, `y` and `+.5` are text). Written over bytes, because compiling regular expressions costs more than the start
// of a run.

/// The type PyYAML gives a plain scalar.
func implicitTag(of text: String) -> YAMLTag {
    let bytes = Array(text.utf8)
    switch bytes.first {
    case nil: return .null
    case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"):
        if ["~", "null", "Null", "NULL"].contains(text) { return .null }
    default: break
    }
    if boolean(text) != nil { return hasOneCase(text) ? .bool : .string }
    guard let first = bytes.first, isDigit(first) || "+-.".utf8.contains(first) else { return .string }
    if isFloat(bytes) { return .float }
    if isInteger(bytes) { return .int }
    if YAMLTimestamp.matches(text) { return .timestamp }
    return .string
}

/// `yes`, `Yes` and `YES` are booleans, `yEs` is text.
private func hasOneCase(_ text: String) -> Bool {
    text == text.lowercased() || text == text.uppercased()
        || text.dropFirst() == text.dropFirst().lowercased()
}

func boolean(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "yes", "true", "on": true
    case "no", "false", "off": false
    default: nil
    }
}

// MARK: Integers

/// Decimal digits of an integer in any of YAML 1.1's notations; `nil` if it is none, or longer than Python converts
/// (4,300 digits).
func integer(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    guard isInteger(bytes) else { return nil }
    var digits = bytes.filter { $0 != UInt8(ascii: "_") }[...]
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
    var number = DecimalInteger()
    if digits.starts(with: "0b".utf8) {
        guard digits.count > 2 else { return nil }
        number.append(digits.dropFirst(2), base: 2)
    } else if digits.starts(with: "0x".utf8) {
        guard digits.count > 2 else { return nil }
        number.append(digits.dropFirst(2), base: 16)
    } else if digits.contains(UInt8(ascii: ":")) {
        for part in digits.split(separator: UInt8(ascii: ":")) {
            // The first part has any length, the others are below 60.
            if number.isZero {
                number.append(part, base: 10)
            } else {
                number.multiply(by: 60, adding: smallNumber(part))
            }
        }
    } else {
        number.append(digits, base: digits.first == UInt8(ascii: "0") ? 8 : 10)
    }
    guard let decimal = number.digits else { return nil }
    return isNegative && decimal != "0" ? "-" + decimal : decimal
}

private func isInteger(_ bytes: [UInt8]) -> Bool {
    let digits = withoutSign(bytes[...])
    guard let first = digits.first, isDigit(first) else { return false }
    if digits.count == 1 { return true }
    if first == UInt8(ascii: "0") {
        let rest = digits.dropFirst()
        if rest.first == UInt8(ascii: "b") {
            return rest.count > 1 && rest.dropFirst().allSatisfy { "01_".utf8.contains($0) }
        }
        if rest.first == UInt8(ascii: "x") {
            return rest.count > 1 && rest.dropFirst().allSatisfy(isHexDigitOrUnderscore)
        }
        return rest.allSatisfy { "01234567_".utf8.contains($0) }
    }
    let parts = digits.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    return parts[0].allSatisfy(isDigitOrUnderscore) && parts.dropFirst().allSatisfy(isSexagesimalDigit)
}

// MARK: Floats

/// The value of a float in YAML 1.1's notations, or in Python's own (for an explicit `!!float 1e3`).
func float(_ text: String) -> Double? {
    var digits = text.utf8.filter { $0 != UInt8(ascii: "_") }[...]
    let sign: Double = digits.first == UInt8(ascii: "-") ? -1 : 1
    digits = withoutSign(digits)
    let magnitude = String(decoding: digits, as: UTF8.self).lowercased()
    switch magnitude {
    case ".inf": return sign * .infinity
    case ".nan": return .nan
    case _ where magnitude.contains(":"):
        guard isFloat(Array(text.utf8)) else { return nil }
        var value = 0.0
        var base = 1.0
        for part in magnitude.split(separator: ":").reversed() {
            guard let digit = decimal(String(part)) else { return nil }
            value += digit * base
            base *= 60
        }
        return sign * value
    default: return decimal(magnitude).map { sign * $0 }
    }
}

/// Digits with an optional point and exponent; Swift's own reader would also take hexadecimal and `nan(…)`.
private func decimal(_ text: String) -> Double? {
    guard text.utf8.first.map({ isDigit($0) || $0 == UInt8(ascii: ".") }) == true,
        text.utf8.contains(where: isDigit), text.utf8.allSatisfy({ isDigit($0) || ".e+-".utf8.contains($0) })
    else { return nil }
    // Swift wants a digit on both sides of the point.
    var padded = text.hasPrefix(".") ? "0" + text : text
    if let point = padded.firstIndex(of: ".") {
        let next = padded.index(after: point)
        if next == padded.endIndex || !(padded[next].isASCII && padded[next].isNumber) { padded.insert("0", at: next) }
    }
    return Double(padded)
}

private func isFloat(_ bytes: [UInt8]) -> Bool {
    let digits = withoutSign(bytes[...])
    let isSigned = digits.count < bytes.count
    let special = String(decoding: digits, as: UTF8.self)
    if [".inf", ".Inf", ".INF"].contains(special) { return true }
    if !isSigned, [".nan", ".NaN", ".NAN"].contains(special) { return true }
    guard let point = digits.firstIndex(of: UInt8(ascii: ".")) else { return false }
    let whole = digits[..<point]
    let rest = digits[(point + 1)...]
    if whole.isEmpty {
        guard !isSigned, rest.first.map(isDigit) == true else { return false }
        return hasFractionForm(rest)
    }
    guard let first = whole.first, isDigit(first) else { return false }
    if whole.allSatisfy(isDigitOrUnderscore) { return hasFractionForm(rest) }
    let parts = whole.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    return parts.count > 1 && parts[0].allSatisfy(isDigitOrUnderscore)
        && parts.dropFirst().allSatisfy(isSexagesimalDigit)
        && rest.allSatisfy(isDigitOrUnderscore)
}

/// The part behind the point: `[0-9_]*([eE][-+][0-9]+)?`.
private func hasFractionForm(_ bytes: ArraySlice<UInt8>) -> Bool {
    let rest = bytes.drop(while: isDigitOrUnderscore)
    guard let exponent = rest.first else { return true }
    guard exponent | 0x20 == UInt8(ascii: "e"), let sign = rest.dropFirst().first, "+-".utf8.contains(sign) else {
        return false
    }
    let digits = rest.dropFirst(2)
    return !digits.isEmpty && digits.allSatisfy(isDigit)
}

// MARK: Characters

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
private func isDigitOrUnderscore(_ byte: UInt8) -> Bool { isDigit(byte) || byte == UInt8(ascii: "_") }

private func isHexDigitOrUnderscore(_ byte: UInt8) -> Bool {
    isDigitOrUnderscore(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
}

/// A part of `1:30:59` behind the first: `[0-5]?[0-9]`.
private func isSexagesimalDigit(_ part: ArraySlice<UInt8>) -> Bool {
    guard (1...2).contains(part.count), part.allSatisfy(isDigit), let first = part.first else { return false }
    return part.count == 1 || first <= UInt8(ascii: "5")
}

private func withoutSign(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let first = bytes.first, "+-".utf8.contains(first) else { return bytes }
    return bytes.dropFirst()
}

/// The value of at most two decimal digits.
private func smallNumber(_ digits: ArraySlice<UInt8>) -> UInt32 {
    digits.prefix(2).reduce(0) { $0 * 10 + UInt32($1 - UInt8(ascii: "0")) }
}
