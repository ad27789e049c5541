import Diagnostics
import Documents

/// Reads the numbers and units of a quantity such as `1h30m`.
struct QuantityScanner {
    /// A decimal number that has not been given a unit yet.
    struct Number {
        var whole: Substring
        var fraction: Substring

        var isBare: Bool { fraction.isEmpty }

        /// The number of smallest units, cut off at the largest integer; what is less than one is dropped.
        func times(_ unit: Int) -> Int {
            guard let whole = Int(whole) else { return .max }
            let (product, isTooLarge) = whole.multipliedReportingOverflow(by: unit)
            // Nine digits of a fraction are more than any unit needs to be told apart.
            let digits = fraction.prefix(9)
            let scale = (0..<digits.count).reduce(1) { value, _ in value * 10 }
            let part = (Int(digits) ?? 0).multipliedFullWidth(by: unit)
            let (rest, _) = scale.dividingFullWidth(part)
            let (sum, overflows) = product.addingReportingOverflow(rest)
            return isTooLarge || overflows ? .max : sum
        }
    }

    private let text: Substring
    private var rest: Substring

    init(_ text: String) {
        self.text = text[...]
        rest = text[...]
    }

    var isAtEnd: Bool { rest.isEmpty }
    var position: Int { text.utf8.count - rest.utf8.count }

    mutating func number() -> Number? {
        let whole = take { isDigit($0) }
        guard !whole.isEmpty else { return nil }
        guard rest.first == "." else { return Number(whole: whole, fraction: "") }
        let before = rest
        rest = rest.dropFirst()
        let fraction = take { isDigit($0) }
        guard !fraction.isEmpty else {
            rest = before
            return Number(whole: whole, fraction: "")
        }
        return Number(whole: whole, fraction: fraction)
    }

    mutating func letters() -> String {
        String(take { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) })
    }

    mutating func skipSpaces() { _ = take { $0 == 0x20 } }

    private mutating func take(while condition: (UInt8) -> Bool) -> Substring {
        let end = rest.utf8.firstIndex { !condition($0) } ?? rest.endIndex
        defer { rest = rest[end...] }
        return rest[..<end]
    }

    func mistake(_ message: String, remedy: String?, _ placement: TextPlacement, at offset: Int = 0) -> InvalidInput {
        InvalidInput([
            Diagnostic(.error, code: "P011", at: placement.location(of: offset), message, remedy: remedy)
        ])
    }
}
