import Diagnostics

/// Options with the variables that stand in for them, and every mistake found in either.
///
/// A value is asked for once; what is wrong with it is kept, and a harmless value goes on in its place, so that all mistakes of a
/// command line are told at once.
struct OptionSource {
    let environment: [String: String]
    private(set) var mistakes: [Diagnostic] = []
    private(set) var warnings: [String] = []

    init(environment: [String: String]) {
        self.environment = environment
    }

    mutating func refuse(_ message: String, remedy: String? = nil) {
        mistakes.append(Diagnostic(.error, message, remedy: remedy))
    }

    mutating func warn(_ message: String) {
        warnings.append(message)
    }

    /// Does what may refuse; keeps the mistakes.
    mutating func keepingMistakes<Value>(_ body: () throws(UsageError) -> Value) -> Value? {
        do throws(UsageError) {
            return try body()
        } catch {
            mistakes += error.diagnostics
            return nil
        }
    }

    func failIfMistaken() throws(UsageError) {
        if !mistakes.isEmpty { throw UsageError(mistakes) }
    }

    // MARK: Values

    /// A variable that is empty counts as one that is not set.
    func text(_ option: String?, _ variable: String) -> String? {
        option ?? environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Names separated by commas.
    func list(_ option: String?, _ variable: String) -> [String] {
        (text(option, variable) ?? "").split(separator: ",").map { $0.trimmingBlanks() }.filter { !$0.isEmpty }
    }

    mutating func flag(_ option: Bool?, _ name: String, _ variable: String, default standard: Bool) -> Bool {
        if let option { return option }
        guard let text = text(nil, variable) else { return standard }
        switch text.lowercased() {
        case "true", "1", "yes", "y", "on", "t": return true
        case "false", "0", "no", "n", "off", "f": return false
        default:
            refuse("\(variable)='\(text)' is neither true nor false", remedy: "set it to true or false, or use \(name)")
            return standard
        }
    }

    mutating func number(
        _ option: String?, _ name: String, _ variable: String? = nil, in range: ClosedRange<Int>
    ) -> Int? {
        guard let text = variable.map({ self.text(option, $0) }) ?? option else { return nil }
        guard let number = Int(text), range.contains(number) else {
            let source = option == nil ? "\(variable ?? "")=" : "\(name) "
            refuse("\(source)\(text): give a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// Bytes, as `4096`, `500K`, `16M`, `2G`, `1T`.
    mutating func size(_ text: String?, _ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let text else { return nil }
        let units: [Character: Int64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
        let unit = text.uppercased().last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        let (bytes, overflow) = (Int64(digits) ?? -1).multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow, range.contains(bytes) else {
            refuse("\(name) \(text): give a number of bytes such as 4096, 500K, 16M or 2G")
            return nil
        }
        return bytes
    }
}

extension Substring {
    fileprivate func trimmingBlanks() -> String {
        var text = self
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
