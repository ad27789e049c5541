/// A date, or a date with a time of day, as PyYAML reads them.
package struct YAMLTimestamp: Sendable, Hashable {
    package struct Time: Sendable, Hashable {
        package var hour: Int
        package var minute: Int
        package var second: Int
        package var microsecond: Int
        /// Seconds east of Greenwich; `nil` if the text names no zone.
        package var offset: Int?
    }

    package var year: Int
    package var month: Int
    package var day: Int
    package var time: Time?

    /// `nil` if the text has another form, or names a day or time that does not exist.
    init?(_ text: String) {
        guard let parsed = Self.parsed(text), parsed.exists else { return nil }
        self = parsed
    }

    private init(year: Int, month: Int, day: Int, time: Time?) {
        self.year = year
        self.month = month
        self.day = day
        self.time = time
    }

    /// Whether a plain scalar of this text is taken for a timestamp; the day need not exist.
    ///
    /// A date alone needs all its digits.
    static func matches(_ text: String) -> Bool {
        guard let parsed = parsed(text) else { return false }
        return parsed.time != nil || text.utf8.count == 10
    }

    private var exists: Bool {
        guard year >= 1, (1...12).contains(month), day >= 1, day <= daysInMonth else { return false }
        guard let time else { return true }
        return time.hour < 24 && time.minute < 60 && time.second < 60 && abs(time.offset ?? 0) < 86_400
    }

    private var daysInMonth: Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func parsed(_ text: String) -> YAMLTimestamp? {
        guard text.utf8.count <= 100 else { return nil }
        var scanner = DigitScanner(text)
        guard let year = scanner.digits(4...4), scanner.skip("-"), let month = scanner.digits(1...2), scanner.skip("-"),
            let day = scanner.digits(1...2)
        else { return nil }
        var timestamp = YAMLTimestamp(year: year, month: month, day: day, time: nil)
        if scanner.isAtEnd { return timestamp }
        guard scanner.skip("T") || scanner.skip("t") || scanner.skipBlanks(), let hour = scanner.digits(1...2),
            scanner.skip(":"), let minute = scanner.digits(2...2), scanner.skip(":"), let second = scanner.digits(2...2)
        else { return nil }
        var time = Time(hour: hour, minute: minute, second: second, microsecond: 0, offset: nil)
        if scanner.skip(".") { time.microsecond = scanner.microseconds() }
        guard scanner.offset(into: &time) else { return nil }
        timestamp.time = time
        return timestamp
    }
}

private struct DigitScanner {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        rest = text[...].utf8
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let first = rest.first, UInt32(first) == character.value else { return false }
        rest = rest.dropFirst()
        return true
    }

    mutating func skipBlanks() -> Bool {
        let count = rest.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.count
        rest = rest.dropFirst(count)
        return count > 0
    }

    /// A number of so many digits, as many as there are.
    mutating func digits(_ count: ClosedRange<Int>) -> Int? {
        let digits = rest.prefix(count.upperBound).prefix(while: isDigit)
        guard count.contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    /// The first six digits of a fraction; further ones are dropped.
    mutating func microseconds() -> Int {
        let digits = rest.prefix(while: isDigit)
        rest = rest.dropFirst(digits.count)
        let shown = digits.prefix(6)
        let value = shown.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return (shown.count..<6).reduce(value) { value, _ in value * 10 }
    }

    /// An optional zone up to the end of the text.
    mutating func offset(into time: inout YAMLTimestamp.Time) -> Bool {
        if isAtEnd { return true }
        _ = skipBlanks()
        if skip("Z") {
            time.offset = 0
            return isAtEnd
        }
        let isNegative = skip("-")
        guard isNegative || skip("+"), let hours = digits(1...2) else { return false }
        var seconds = hours * 3600
        if skip(":") {
            guard let minutes = digits(2...2) else { return false }
            seconds += minutes * 60
        }
        time.offset = isNegative ? -seconds : seconds
        return isAtEnd
    }
}
