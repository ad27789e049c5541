import Glibc

/// `2026-11-21 08:59:01` in the user's time zone, for milliseconds since 1970.
func localTime(_ milliseconds: Int64) -> String {
    var seconds = time_t(milliseconds / 1000)
    guard milliseconds > 0 else { return "" }
    // `tm` holds a pointer to the name of the time zone, which is not touched here.
    var parts = unsafe tm()
    guard unsafe localtime_r(&seconds, &parts) != nil else { return "" }
    let date = unsafe [parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday]
    let time = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec]
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return date.map(two).joined(separator: "-") + " " + time.map(two).joined(separator: ":")
}

/// `0.8s`, `12.3s`, `4m05s`, `2h03m`: as much as a reader needs.
func durationText(milliseconds: Int64) -> String {
    guard milliseconds >= 0 else { return "" }
    let seconds = milliseconds / 1000
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    switch seconds {
    case ..<60: return "\(seconds).\(milliseconds % 1000 / 100)s"
    case ..<3600: return "\(seconds / 60)m\(two(seconds % 60))s"
    default: return "\(seconds / 3600)h\(two(seconds % 3600 / 60))m"
    }
}
