import Execution
import Pipelines
import Scheduling
import Tracking

/// The steps and cells of a pipeline as tables.
struct ReportTables {
    /// Of a row.
    private static let pairsLimit = 12
    /// Metrics that have a column of their own in a fan-out's table.
    private static let metricColumns = 8

    private let record: PipelineRecord

    init(_ record: PipelineRecord) {
        self.record = record
    }

    func write(to page: inout HTMLWriter) {
        steps(&page)
        var rest = PipelineReport.cellLimit
        for (index, step) in record.steps.enumerated() where step.isFanOut && !step.nodes.isEmpty {
            guard rest > 0 else {
                page.markup("<p class=\"more\">The cells of further steps are left out.</p>\n")
                break
            }
            cells(of: step, index, &rest, &page)
        }
    }

    private func beginTable(
        _ columns: [(StaticString, isNumber: Bool)], _ label: StaticString, _ page: inout HTMLWriter
    ) {
        page.markup("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"")
        page.markup(label)
        page.markup("\"><table><thead><tr>")
        for column in columns { header(column.0, column.isNumber, &page) }
    }

    private func header(_ name: StaticString, _ isNumber: Bool, _ page: inout HTMLWriter) {
        page.markup(isNumber ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">")
        page.markup(name)
        page.markup("</th>")
    }

    // MARK: Steps

    private func steps(_ page: inout HTMLWriter) {
        guard !record.steps.isEmpty else { return }
        page.markup("<section><h2>Steps</h2>\n")
        // Columns that would be empty only take the others' place.
        let own = record.steps.compactMap { $0.isFanOut ? $0.group : $0.nodes.first?.attempts.last }
        let hasParams = record.steps.contains {
            !$0.isFanOut && $0.nodes.first?.attempts.last?.data.params.isEmpty == false
        }
        let hasMetrics = own.contains { $0.data.metrics.contains { !CostMetric.includes($0.key) } }
        beginTable(
            [
                ("Step", false), ("State", false), ("Attempts", true), ("Time", true), ("Queue", true), ("CPU", true),
                ("Memory", true),
            ] + (hasParams ? [("Params", false)] : []) + (hasMetrics ? [("Metrics", false)] : [])
                + [("Why", false), ("Run", false)], "Steps", &page)
        page.markup("</tr></thead><tbody>\n")
        for (index, step) in record.steps.prefix(PipelineReport.stepLimit).enumerated() {
            page.markup("<tr><th scope=\"row\">")
            if step.isFanOut, !step.nodes.isEmpty {
                page.markup("<a href=\"#cells-")
                page.number(index)
                page.markup("\">")
                page.text(step.name, limit: 100)
                page.markup("</a> ×")
                page.number(step.nodes.count)
            } else {
                page.text(step.name, limit: 100)
            }
            page.markup("</th>")
            let attempts = step.nodes.flatMap(\.attempts)
            let shown = step.isFanOut ? step.group : attempts.last
            state(step.state, &page)
            page.numberCell(attempts.isEmpty ? "" : String(attempts.count))
            page.numberCell(time(of: step, attempts))
            let queue = step.isFanOut ? nil : attempts.last?.data.metric(CostMetric.queueSeconds)?.value
            page.numberCell(queue.map { $0 < 0.001 ? "" : elapsedText(seconds: $0) } ?? "")
            costs(attempts, &page)
            if hasParams { params(step.isFanOut ? nil : shown, &page) }
            if hasMetrics { metrics(shown, &page) }
            why(step.reason, shown, attempts, &page)
            link(shown, &page)
            page.markup("</tr>\n")
        }
        page.markup("</tbody></table></div>\n")
        let left = record.steps.count - PipelineReport.stepLimit
        if left > 0 { more(left, "steps", &page) }
        page.markup("</section>\n")
    }

    private func time(of step: PipelineRecord.Step, _ attempts: [Run]) -> String {
        if !step.isFanOut { return attempts.last.map(elapsed) ?? "" }
        return step.group.map(elapsed) ?? ""
    }

    private func elapsed(_ run: Run) -> String {
        let end = run.info.endTime ?? record.time
        let (time, overflow) = end.subtractingReportingOverflow(run.info.startTime)
        return overflow || time < 0 ? "" : elapsedText(time)
    }

    private func state(_ state: NodeState, _ page: inout HTMLWriter) {
        page.markup("<td><span class=\"state ")
        page.markup(state.style)
        page.markup("\">")
        page.markup(state.sign)
        page.markup(" ")
        page.text(state.word(record.state))
        page.markup("</span></td>")
    }

    private func costs(_ attempts: [Run], _ page: inout HTMLWriter) {
        let totals = Totals(attempts)
        page.numberCell(totals.processorSeconds.map { elapsedText(seconds: $0) } ?? "")
        page.numberCell(totals.peakMemory.map { memoryText(bytes: $0) } ?? "")
    }

    private func params(_ run: Run?, _ page: inout HTMLWriter) {
        pairs(run?.data.params.map { ($0.key, $0.value) } ?? [], &page)
    }

    private func metrics(_ run: Run?, _ page: inout HTMLWriter) {
        pairs(
            run?.data.metrics.filter { !CostMetric.includes($0.key) }.map { ($0.key, numberText($0.value)) } ?? [],
            &page)
    }

    private func pairs(_ pairs: [(String, String)], _ page: inout HTMLWriter) {
        page.markup("<td class=\"pairs\">")
        for (name, value) in pairs.prefix(Self.pairsLimit) {
            page.text(name, limit: 60)
            page.markup(" <b>")
            page.text(value, limit: 80)
            page.markup("</b><br>")
        }
        if pairs.count > Self.pairsLimit {
            page.text("and \(pairs.count - Self.pairsLimit) more")
        }
        page.markup("</td>")
    }

    /// Why it is as it is: where a result came from, what went wrong, and what had gone wrong before.
    private func why(_ reason: String?, _ run: Run?, _ attempts: [Run], _ page: inout HTMLWriter) {
        page.markup("<td class=\"why\">")
        if let origin = run?.data.tag(NodeTag.cachedFrom) {
            page.markup("reused <code>")
            page.text(origin, limit: 8)
            page.markup("</code> ")
        }
        if let cause = run?.data.tag(NodeTag.cacheReason) { page.text(cause, limit: 300) }
        if let reason { page.text(reason, limit: 600) }
        let earlier = attempts.dropLast().filter { $0.info.status != .finished }
        if run?.data.tag(NodeTag.group) == nil {
            for (index, attempt) in earlier.suffix(5).enumerated() {
                page.markup("<br>")
                page.text("attempt \(earlier.count - earlier.suffix(5).count + index + 1): ")
                page.text(attempt.data.tag(WellKnownTag.failureReason) ?? attempt.info.status.rawValue, limit: 200)
            }
        }
        page.markup("</td>")
    }

    private func link(_ run: Run?, _ page: inout HTMLWriter) {
        page.markup("<td>")
        if let run { runLink(run.info, isShort: true, record, &page) }
        page.markup("</td>")
    }

    private func more(_ count: Int, _ what: StaticString, _ page: inout HTMLWriter) {
        page.markup("<p class=\"more\">")
        page.number(count)
        page.markup(" more ")
        page.markup(what)
        page.markup(" are left out; <code>swiftflow status --json</code> has them all.</p>\n")
    }

    // MARK: Cells

    private func cells(of step: PipelineRecord.Step, _ index: Int, _ rest: inout Int, _ page: inout HTMLWriter) {
        let best = step.group?.data.tag(NodeTag.bestRun)
        page.markup("<section><h3 id=\"cells-")
        page.number(index)
        page.markup("\">")
        page.text(step.name, limit: 100)
        page.markup(" ×")
        page.number(step.nodes.count)
        page.markup("</h3>\n")
        let columns = metricNames(step)
        beginTable([], "Cells", &page)
        if step.variables.isEmpty { header("Cell", false, &page) }
        for variable in step.variables {
            page.markup("<th scope=\"col\">")
            page.text(variable, limit: 60)
            page.markup("</th>")
        }
        header("State", false, &page)
        for name in columns {
            page.markup("<th scope=\"col\" class=\"n\">")
            page.text(name, limit: 60)
            page.markup("</th>")
        }
        for name: StaticString in ["Attempts", "Time", "CPU", "Memory"] { header(name, true, &page) }
        for name: StaticString in ["Why", "Run"] { header(name, false, &page) }
        page.markup("</tr></thead><tbody>\n")
        let shown = chosen(step.nodes, best, rest)
        rest -= shown.count
        for node in shown {
            row(node, step, columns, isBest: best != nil && node.attempts.last?.info.runID == best, &page)
        }
        page.markup("</tbody></table></div>\n")
        if shown.count < step.nodes.count { more(step.nodes.count - shown.count, "cells", &page) }
        page.markup("</section>\n")
    }

    private func row(
        _ node: PipelineRecord.Node, _ step: PipelineRecord.Step, _ columns: [String], isBest: Bool,
        _ page: inout HTMLWriter
    ) {
        let last = node.attempts.last
        page.markup(isBest ? "<tr class=\"best\">" : "<tr>")
        if step.variables.isEmpty { page.cell(node.id, limit: 200) }
        for (place, variable) in step.variables.enumerated() {
            let value = node.cell.first { $0.name == variable }?.value ?? ""
            page.markup(place == 0 ? "<th scope=\"row\">" : "<td>")
            if place == 0, isBest { page.markup("<span class=\"star\">★ best</span> ") }
            page.text(value, limit: 100)
            page.markup(place == 0 ? "</th>" : "</td>")
        }
        state(node.state, &page)
        for name in columns { page.numberCell(last?.data.metric(name).map { numberText($0.value) } ?? "") }
        page.numberCell(node.attempts.isEmpty ? "" : String(node.attempts.count))
        page.numberCell(last.map(elapsed) ?? "")
        costs(node.attempts, &page)
        why(node.state.isSuccess ? nil : last?.data.tag(WellKnownTag.failureReason), last, node.attempts, &page)
        link(last, &page)
        page.markup("</tr>\n")
    }

    private func metricNames(_ step: PipelineRecord.Step) -> [String] {
        var names: Set<String> = []
        for node in step.nodes {
            guard let run = node.attempts.last else { continue }
            for metric in run.data.metrics where !CostMetric.includes(metric.key) { names.insert(metric.key) }
            if names.count > 1000 { break }
        }
        return Array(names.sorted().prefix(Self.metricColumns))
    }

    /// The cells that matter most where not all can be shown, in their order.
    private func chosen(
        _ nodes: [PipelineRecord.Node], _ best: String?, _ limit: Int
    ) -> [PipelineRecord.Node] {
        guard nodes.count > limit else { return nodes }
        func rank(_ node: PipelineRecord.Node) -> Int {
            if let best, node.attempts.last?.info.runID == best { return 0 }
            return node.state == .failed ? 1 : node.state.isLive ? 2 : 3
        }
        let ranks = nodes.map(rank)
        return nodes.indices.sorted { (ranks[$0], $0) < (ranks[$1], $1) }.prefix(limit).sorted().map { nodes[$0] }
    }
}
