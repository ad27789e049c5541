import Diagnostics
import Pipelines

/// What `plan` shows to people.
struct PipelinePlanReport {
    let forecast: PlanForecast

    init(_ forecast: PlanForecast) {
        self.forecast = forecast
    }

    var text: String {
        let rows = shownRows.map { row in
            (escapedForTerminal(row.label), row.decision.rawValue, escapedForTerminal(row.reason))
        }
        let width = rows.map(\.0.count).max() ?? 0
        let table = rows.map { name, decision, reason in
            let padding = String(repeating: " ", count: width - name.count)
            return "  \(name)\(padding)   \(decision)\(String(repeating: " ", count: 5 - decision.count))  \(reason)\n"
        }
        return "\(Terminal.output.styled(forecast.plan.name, .bold))  \(headline)\n" + table.joined()
    }

    /// More cells than these are told together.
    private static let cellRows = 3

    private var shownRows: [PlanForecast.Row] {
        var shown: [PlanForecast.Row] = []
        var rest = forecast.allRows[...]
        while let first = rest.first {
            let same = rest.prefix { $0.step == first.step && $0.decision == first.decision && $0.count != nil }
            guard same.count > Self.cellRows, first.decision == .reuse else {
                shown += same.isEmpty ? [first] : Array(same)
                rest = rest.dropFirst(max(1, same.count))
                continue
            }
            var row = first
            row.count = same.reduce(0) { $0 + ($1.count ?? 1) }
            row.reason = "\(same.count) runs, the first of them \(first.reason.trimmingPrefix("run "))"
            shown.append(row)
            rest = rest.dropFirst(same.count)
        }
        return shown
    }

    private var headline: String {
        let steps = forecast.stepCount
        let omitted = forecast.count(of: .omit)
        var parts = [
            steps == 1 ? "1 step" : "\(steps) steps", "\(forecast.count(of: .run)) to run",
            "\(forecast.count(of: .reuse)) reused",
        ]
        if omitted > 0 { parts.append("\(omitted) left out") }
        if forecast.path.width > 1 { parts.append("up to \(forecast.path.width) at once") }
        let path = forecast.path.steps.filter { index in
            forecast.rows.contains { $0.step == forecast.plan.steps[index].name && $0.decision == .run }
        }
        guard !path.isEmpty else { return parts.joined(separator: ", ") }
        if forecast.isTimeKnown { parts.append("about \(forecast.path.length.roughly)") }
        let names = path.map { forecast.plan.steps[$0].name }
        let shown = names.count <= 6 ? names : names.prefix(3) + ["… \(names.count - 5) more …"] + names.suffix(2)
        return parts.joined(separator: ", ") + " (critical path \(shown.joined(separator: " → ")))"
    }
}

extension PlanForecast.Row {
    fileprivate var label: String {
        switch count {
        case 1?: step
        case let count?: "\(step) ×\(count)"
        case nil: "\(step) ×?"
        }
    }
}

extension Duration {
    /// As much as an expectation deserves: `20 s`, `2 min`, `3 h`.
    fileprivate var roughly: String {
        let seconds = Int(seconds.rounded())
        switch seconds {
        case ..<90: return "\(seconds) s"
        case ..<5400: return "\((seconds + 30) / 60) min"
        default: return "\((seconds + 1800) / 3600) h"
        }
    }
}
