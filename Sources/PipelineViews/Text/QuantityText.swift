import Glibc
package import Scheduling

// Numbers as people read them; the same in the report and on a terminal.

/// `340 ms`, `3.2 s`, `4m05s`, `2h03m`, `3d04h`: as much as a reader needs.
package func elapsedText(_ milliseconds: Milliseconds) -> String {
    guard milliseconds > 0 else { return "0 s" }
    let seconds = milliseconds / 1000
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return switch seconds {
    case ..<1: "\(milliseconds) ms"
    case ..<60: "\(seconds).\(milliseconds % 1000 / 100) s"
    case ..<3600: "\(seconds / 60)m\(two(seconds % 60))s"
    case ..<86_400: "\(seconds / 3600)h\(two(seconds % 3600 / 60))m"
    default: "\(seconds / 86_400)d\(two(seconds % 86_400 / 3600))h"
    }
}

/// The same for seconds, such as a metric has; a number that is no time gives no text.
package func elapsedText(seconds: Double) -> String {
    let milliseconds = (seconds * 1000).rounded()
    guard milliseconds >= 0, milliseconds < 1e17 else { return "" }
    return elapsedText(Milliseconds(milliseconds))
}

/// `640 kB`, `2.1 GB`.
package func memoryText(bytes: Double) -> String {
    guard bytes >= 0, bytes.isFinite else { return "" }
    var amount = bytes
    var unit = 0
    let units = ["B", "kB", "MB", "GB", "TB", "PB"]
    while amount >= 999.5, unit < units.count - 1 {
        amount /= 1000
        unit += 1
    }
    return "\(numberText(amount, digits: amount < 10 && unit > 1 ? 2 : 3)) \(units[unit])"
}

/// A number with at most so many significant digits, without an exponent where that is short.
package func numberText(_ value: Double, digits: Int = 5) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : value.isNaN ? "NaN" : value < 0 ? "-∞" : "∞" }
    let places = Double(digits - 1) - log10(abs(value)).rounded(.down)
    // Beyond these the power of ten, or the product, would leave the range of a double.
    guard abs(places) < 200 else { return "\(value)" }
    let scale = pow(10, abs(places))
    let rounded = places >= 0 ? (value * scale).rounded() / scale : (value / scale).rounded() * scale
    let text = "\(rounded)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// `2026-11-21 08:59:01`, in UTC: a page that is passed around has no time zone of its own.
package func utcText(_ milliseconds: Milliseconds) -> String {
    // Until the year 9999; what comes from outside may be anything.
    guard milliseconds >= 0, milliseconds < 253_402_300_800_000 else { return "" }
    let seconds = milliseconds / 1000
    // The civil calendar counted from 1 March of the year 0, where leap days come last.
    let days = seconds / 86_400 + 719_468
    let era = days / 146_097
    let day = days % 146_097
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let month = (5 * dayOfYear + 2) / 153
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let shownMonth = month < 10 ? month + 3 : month - 9
    let shownYear = year + era * 400 + (shownMonth <= 2 ? 1 : 0)
    let time = [seconds % 86_400 / 3600, seconds % 3600 / 60, seconds % 60].map(two).joined(separator: ":")
    return "\(shownYear)-\(two(shownMonth))-\(two(dayOfYear - (153 * month + 2) / 5 + 1)) \(time)"
}
