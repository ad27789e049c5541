package import Diagnostics
package import Documents

extension Duration {
    /// The longest time that is meant; anything longer is as good as never.
    package static let longest = Duration.seconds(3_155_760_000)

    /// Reads a duration as a pipeline file writes it: `90s`, `15m`, `1h30m`, `1.5h`, `2d`, `250ms`.
    ///
    /// More than a hundred years become a hundred years.
    package init(written text: String, at placement: TextPlacement) throws(InvalidInput) {
        var scanner = QuantityScanner(text)
        var nanoseconds = 0
        repeat {
            guard let number = scanner.number() else {
                throw scanner.mistake(
                    "'\(text.prefix(40))' is no duration", remedy: "write such as 90s, 15m, 1h30m or 2d", placement)
            }
            let offset = scanner.position
            guard let unit = Self.units[scanner.letters()] else {
                throw scanner.mistake(
                    number.isBare && scanner.isAtEnd
                        ? "the duration '\(text.prefix(40))' lacks its unit"
                        : "'\(text.prefix(40))' has an unknown unit of time",
                    remedy: Self.spelled(text).map { "write \($0)" }
                        ?? "units are ms, s, m, h and d, such as \(text.prefix(12).filter(\.isNumber))s", placement,
                    at: offset)
            }
            let (sum, isTooLong) = nanoseconds.addingReportingOverflow(number.times(unit))
            nanoseconds = isTooLong ? .max : sum
        } while !scanner.isAtEnd
        self = min(.nanoseconds(nanoseconds), Self.longest)
    }

    /// `5 minutes` as it is written here; nil for what is not of that form.
    private static func spelled(_ text: String) -> String? {
        let number = text.prefix { $0.isASCII && $0.isNumber }
        let word = text.dropFirst(number.count).drop { $0 == " " }.lowercased()
        let words = [
            ("ms", ["ms", "millis", "milliseconds"]), ("s", ["s", "sec", "secs", "second", "seconds"]),
            ("m", ["m", "min", "mins", "minute", "minutes"]), ("h", ["h", "hr", "hrs", "hour", "hours"]),
            ("d", ["d", "day", "days"]),
        ]
        guard !number.isEmpty, number.count < 10, let unit = words.first(where: { $0.1.contains(word) })?.0 else {
            return nil
        }
        return "\(number)\(unit)"
    }

    private static let units = [
        "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000,
    ]

    /// The duration as a pipeline file writes it, such as `1h30m`; exact down to milliseconds.
    package var written: String {
        let (seconds, attoseconds) = components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        guard seconds > 0 || milliseconds > 0 else { return "0s" }
        var text = ""
        var rest = seconds
        for (unit, length) in [("d", 86_400 as Int64), ("h", 3_600), ("m", 60), ("s", 1)] where rest >= length {
            text += "\(rest / length)\(unit)"
            rest %= length
        }
        return milliseconds > 0 ? text + "\(milliseconds)ms" : text
    }
}
