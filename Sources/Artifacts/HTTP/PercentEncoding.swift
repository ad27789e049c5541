/// Text with every byte outside the unreserved set (RFC 3986: letters, digits, `-._~`) as `%XX`; `alsoKept` stays too.
package func percentEncoded(_ text: String, alsoKept: String = "") -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    let kept = Array(alsoKept.utf8)
    var encoded: [UInt8] = []
    encoded.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: encoded.append(byte)
        case _ where kept.contains(byte): encoded.append(byte)
        default: encoded += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: encoded, as: UTF8.self)
}

/// The text behind percent-escapes, decoded exactly once; `nil` for a broken escape or for bytes that are not UTF-8.
func percentDecoded(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.utf8.count)
    var bytes = text.utf8.makeIterator()
    while let byte = bytes.next() {
        switch byte {
        case 0x25:
            guard let high = bytes.next().flatMap(hexadecimalDigit), let low = bytes.next().flatMap(hexadecimalDigit)
            else { return nil }
            decoded.append(high << 4 | low)
        case 0x2B where plusIsSpace: decoded.append(0x20)
        default: decoded.append(byte)
        }
    }
    return String(validating: decoded, as: UTF8.self)
}

func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
}
