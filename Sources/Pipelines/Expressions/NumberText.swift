import Glibc

/// A finite number with so many digits behind the point, rounded as C and Python do.
func fixedText(_ number: Double, digits: Int) -> String {
    printed("%.\(max(0, min(digits, 40)))f", number)
}

/// A number by a `printf` format of ours; a float of 64 bits never needs more than 400 characters with 40 digits.
func printed(_ format: String, _ number: Double) -> String {
    var buffer = [CChar](repeating: 0, count: 512)
    let length = unsafe withVaList([number]) { arguments in
        unsafe buffer.withUnsafeMutableBufferPointer { unsafe vsnprintf($0.baseAddress, $0.count, format, arguments) }
    }
    return String(decoding: buffer.prefix(max(0, min(Int(length), 511))).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// A decimal number, or one of `nan`, `inf`, `-inf`; nil for anything else, such as hexadecimal digits.
func decimalNumber(_ text: String) -> Double? {
    let digits = text.first.map { "+-".contains($0) } == true ? text.dropFirst() : text[...]
    switch digits.lowercased() {
    case "nan", ".nan": return .nan
    case "inf", ".inf", "infinity": return text.first == "-" ? -.infinity : .infinity
    default: break
    }
    guard let first = digits.utf8.first, isDigit(first) || first == UInt8(ascii: "."),
        digits.utf8.allSatisfy({ isDigit($0) || ".eE+-".utf8.contains($0) }), digits.utf8.contains(where: isDigit)
    else { return nil }
    guard let number = Double(text), number.isFinite else { return nil }
    return number
}
