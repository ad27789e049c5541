/// A non-negative integer that only grows, kept in base 10⁹; enough to turn any notation into decimal digits.
struct DecimalInteger {
    /// As many digits as Python converts to text.
    static let limit = 4300

    /// Least significant first; empty for zero.
    private var limbs: [UInt32] = []
    private var isTooLong = false

    var isZero: Bool { limbs.isEmpty && !isTooLong }

    /// Appends digits in a base up to 16.
    ///
    /// Bytes that are no digits count as zero.
    mutating func append(_ digits: ArraySlice<UInt8>, base: UInt32) {
        guard digits.count <= 4 * Self.limit else {
            isTooLong = true
            return
        }
        for digit in digits { multiply(by: base, adding: value(of: digit)) }
    }

    mutating func multiply(by factor: UInt32, adding addend: UInt32) {
        // 9 digits a limb: 2 × 60 × 10⁹ is far below 2⁶⁴.
        var carry = UInt64(addend)
        for index in limbs.indices {
            let product = UInt64(limbs[index]) * UInt64(factor) + carry
            limbs[index] = UInt32(product % 1_000_000_000)
            carry = product / 1_000_000_000
        }
        if carry > 0 { limbs.append(UInt32(carry)) }
    }

    /// The decimal digits; `nil` if there are more than Python would print.
    var digits: String? {
        guard !isTooLong else { return nil }
        guard let last = limbs.last else { return "0" }
        let text = limbs.dropLast().reversed().reduce(into: String(last)) { text, limb in
            let digits = String(limb)
            text += String(repeating: "0", count: 9 - digits.count) + digits
        }
        return text.count <= Self.limit ? text : nil
    }

    private func value(of digit: UInt8) -> UInt32 {
        switch digit {
        case 0x30...0x39: UInt32(digit - 0x30)
        case 0x41...0x46: UInt32(digit - 0x41 + 10)
        case 0x61...0x66: UInt32(digit - 0x61 + 10)
        default: 0
        }
    }
}
