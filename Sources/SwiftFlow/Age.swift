/// A span of time as `mlflow gc --older-than` takes it: `1d2h3m4s`, each part optional, in this order, with fractions.
package struct Age: Sendable, Hashable {
    package let milliseconds: Int64

    /// Nil for text of another form, and for spans longer than a million years.
    package init?(_ text: String) {
        var rest = text[...]
        var seconds = 0.0
        for (unit, length) in [("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)] {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard rest.dropFirst(number.count).hasPrefix(unit) else { continue }
            guard let value = Double(number) else { return nil }
            seconds += value * length
            rest = rest.dropFirst(number.count + 1)
        }
        guard rest.isEmpty, !text.isEmpty, seconds <= 1e6 * 366 * 86_400 else { return nil }
        milliseconds = Int64(seconds * 1000)
    }
}
