// How Python prints what it read: MLflow hands a parameter's default to the command as `str(default)`.

extension YAMLValue {
    /// The value as Python's `str()` writes it.
    package var pythonText: String {
        if case .string(let text) = self { return text }
        if case .timestamp(let timestamp) = self { return timestamp.pythonText }
        return pythonRepresentation
    }

    /// The value as Python's `repr()` writes it, which is also how it stands inside a list.
    package var pythonRepresentation: String {
        switch self {
        case .null: "None"
        case .bool(let flag): flag ? "True" : "False"
        case .int(let digits): digits
        case .float(let number): pythonFloatText(number)
        case .timestamp(let timestamp): timestamp.pythonRepresentation
        case .string(let text): pythonQuoted(text)
        case .list(let items): "[" + items.map(\.pythonRepresentation).joined(separator: ", ") + "]"
        case .mapping(let entries):
            "{"
                + entries.map { "\($0.key.pythonRepresentation): \($0.value.pythonRepresentation)" }
                .joined(separator: ", ") + "}"
        }
    }
}

/// The shortest text that reads back as the same number; an exponent below 1e-4 and from 1e16 on.
package func pythonFloatText(_ number: Double) -> String {
    guard number.isFinite else { return number.isNaN ? "nan" : number < 0 ? "-inf" : "inf" }
    guard number != 0 else { return number.sign == .minus ? "-0.0" : "0.0" }
    let sign = number < 0 ? "-" : ""
    let (digits, exponent) = significantDigits(of: number.magnitude)
    guard (-4..<16).contains(exponent) else {
        let fraction = digits.dropFirst()
        let power = String(exponent.magnitude)
        return sign + digits.prefix(1) + (fraction.isEmpty ? "" : "." + fraction) + "e" + (exponent < 0 ? "-" : "+")
            + (power.count < 2 ? "0" : "") + power
    }
    if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
    let padded = digits + String(repeating: "0", count: max(0, exponent + 1 - digits.count))
    let fraction = padded.dropFirst(exponent + 1)
    return sign + padded.prefix(exponent + 1) + "." + (fraction.isEmpty ? "0" : fraction)
}

/// The shortest significant digits, and the power of ten of the first of them.
///
/// Swift finds the same digits as Python, but places the point by other rules.
private func significantDigits(of number: Double) -> (digits: String, exponent: Int) {
    let parts = number.description.split(separator: "e")
    let mantissa = parts.first ?? "0"
    let power = parts.dropFirst().first.flatMap { Int($0) } ?? 0
    let whole = mantissa.prefix { $0 != "." }
    let all = mantissa.filter { $0 != "." }
    let leadingZeros = all.prefix { $0 == "0" }.count
    var digits = all.dropFirst(leadingZeros)
    while digits.last == "0" { digits.removeLast() }
    return (String(digits), power + whole.count - 1 - leadingZeros)
}

extension YAMLTimestamp {
    /// A date or a date and time, as in `2020-01-02 03:04:05.000006+01:00`.
    package var pythonText: String {
        let date = padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2)
        guard let time else { return date }
        let clock = [time.hour, time.minute, time.second].map { padded($0, 2) }.joined(separator: ":")
        let fraction = time.microsecond == 0 ? "" : "." + padded(time.microsecond, 6)
        return date + " " + clock + fraction + (time.offset.map(zoneText) ?? "")
    }

    var pythonRepresentation: String {
        guard let time else { return "datetime.date(\(year), \(month), \(day))" }
        var numbers = [year, month, day, time.hour, time.minute]
        if time.second != 0 || time.microsecond != 0 { numbers.append(time.second) }
        if time.microsecond != 0 { numbers.append(time.microsecond) }
        let zone = time.offset.map { ", tzinfo=\(zoneRepresentation($0))" } ?? ""
        return "datetime.datetime(" + numbers.map(String.init).joined(separator: ", ") + zone + ")"
    }

    private func zoneText(_ offset: Int) -> String {
        let minutes = Int(offset.magnitude) / 60
        return (offset < 0 ? "-" : "+") + padded(minutes / 60, 2) + ":" + padded(minutes % 60, 2)
    }

    private func zoneRepresentation(_ offset: Int) -> String {
        if offset == 0 { return "datetime.timezone.utc" }
        let days = offset < 0 ? "days=-1, " : ""
        return "datetime.timezone(datetime.timedelta(\(days)seconds=\(offset < 0 ? offset + 86_400 : offset)))"
    }
}

private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// A string literal: single quotes unless the text has some and no double ones; what cannot be printed is escaped.
private func pythonQuoted(_ text: String) -> String {
    let quote: Unicode.Scalar = text.unicodeScalars.contains("'") && !text.unicodeScalars.contains("\"") ? "\"" : "'"
    var quoted = String(quote)
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\\": quoted += "\\\\"
        case "\n": quoted += "\\n"
        case "\r": quoted += "\\r"
        case "\t": quoted += "\\t"
        case quote: quoted += "\\" + String(scalar)
        case _ where isPrintable(scalar): quoted.unicodeScalars.append(scalar)
        default: quoted += escape(scalar)
        }
    }
    return quoted + String(quote)
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
}

private func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let (letter, width) = scalar.value <= 0xFF ? ("x", 2) : scalar.value <= 0xFFFF ? ("u", 4) : ("U", 8)
    return "\\" + letter + String(repeating: "0", count: max(0, width - digits.count)) + digits
}
