import Execution
import Pipelines
import Scheduling
import Tracking

/// A run of a pipeline as one HTML page that needs nothing else: no script, no font, no picture from anywhere.
///
/// A pure function of the record, bounded however large the pipeline was.
package struct PipelineReport {
    /// More boxes than this are no picture any more.
    static let graphLimit = 400
    /// Rows of cells in the whole page.
    static let cellLimit = 2_000
    static let stepLimit = 2_000
    static let definitionLimit = 256 << 10

    let record: PipelineRecord

    package init(_ record: PipelineRecord) {
        self.record = record
    }

    /// The page, as UTF-8.
    package var html: [UInt8] {
        var page = HTMLWriter()
        page.markup(
            """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">
            <title>
            """)
        page.text("\(name) \(record.state.rawValue)", limit: 200)
        page.markup("</title>\n<style>\n")
        page.markup(reportStyle)
        page.markup("</style></head>\n<body>\n")
        headline(&page)
        page.markup("<main>\n")
        graph(&page)
        if hasAttempts {
            page.markup("<section><h2>Timeline</h2>\n")
            ReportTimeline(record).write(to: &page)
            page.markup("</section>\n")
        }
        ReportTables(record).write(to: &page)
        values(&page)
        definition(&page)
        page.markup("</main>\n<footer>Written by swiftflow from what the store knew at ")
        page.text(utcText(record.time))
        page.markup(" UTC.</footer>\n</body></html>\n")
        return page.bytes
    }

    private var name: String { record.run.data.tag(NodeTag.pipeline) ?? record.run.info.runName }

    private var hasAttempts: Bool { record.steps.contains { $0.nodes.contains { !$0.attempts.isEmpty } } }

    // MARK: The headline

    private func headline(_ page: inout HTMLWriter) {
        let info = record.run.info
        page.markup("<header><h1>")
        page.text(name, limit: 200)
        page.markup(" <span class=\"badge ")
        page.markup(record.state.style)
        page.markup("\">")
        page.markup(record.state.sign)
        page.markup(" ")
        page.text(record.state.rawValue)
        page.markup("</span></h1>\n")
        if let note = record.run.data.tag(WellKnownTag.note) {
            page.markup("<p class=\"note\">")
            page.text(note, limit: 2000)
            page.markup("</p>\n")
        }
        if record.state == .interrupted {
            page.markup("<p class=\"reason\">Its runner is gone. <code>swiftflow resume ")
            page.text(String(info.runID.prefix(8)))
            page.markup("</code> goes on with it; what is shown as running was never finished.</p>\n")
        } else if let reason = record.run.data.tag(WellKnownTag.failureReason), record.state != .succeeded {
            page.markup("<p class=\"reason\">")
            page.text(reason, limit: 2000)
            page.markup("</p>\n")
        }
        counts(&page)
        page.markup("<dl class=\"facts\">")
        func fact(_ name: StaticString, _ value: String?) {
            guard let value, !value.isEmpty else { return }
            page.markup("<div><dt>")
            page.markup(name)
            page.markup("</dt><dd>")
            page.text(value, limit: 300)
            page.markup("</dd></div>")
        }
        let totals = Totals(record)
        fact("Duration", elapsedText(max(0, record.time.subtractingReportingOverflow(info.startTime).partialValue)))
        fact("Processor time", totals.processorSeconds.map { elapsedText(seconds: $0) })
        fact("Largest step", totals.peakMemory.map { memoryText(bytes: $0) })
        fact("Started", utcText(info.startTime) + " UTC")
        fact("Experiment", record.experimentName)
        fact("User", info.userID)
        fact("Source", record.run.data.tag(WellKnownTag.sourceName))
        fact("Commit", record.run.data.tag(WellKnownTag.gitCommit).map { String($0.prefix(12)) })
        page.markup("<div><dt>Run</dt><dd>")
        runLink(info, isShort: false, record, &page)
        page.markup("</dd></div></dl></header>\n")
    }

    private func counts(_ page: inout HTMLWriter) {
        var counts: [NodeState: Int] = [:]
        for step in record.steps {
            if step.nodes.isEmpty { counts[step.state, default: 0] += 1 }
            for node in step.nodes { counts[node.state, default: 0] += 1 }
        }
        page.markup("<ul class=\"counts\">")
        for state in NodeState.allCases {
            guard let count = counts[state] else { continue }
            page.markup("<li class=\"")
            page.markup(state.style)
            page.markup("\">")
            page.markup(state.sign)
            page.markup(" ")
            page.number(count)
            page.markup(" ")
            page.text(state.word(record.state))
            page.markup("</li>")
        }
        page.markup("</ul>\n")
    }

    // MARK: The graph

    private func graph(_ page: inout HTMLWriter) {
        guard let graph = record.graph, !graph.vertices.isEmpty, graph.vertices.count <= Self.graphLimit else {
            if record.steps.count > Self.graphLimit {
                page.markup("<section><h2>Graph</h2><p class=\"more\">")
                page.number(record.steps.count)
                page.markup(
                    " steps are too many for a picture; <code>swiftflow graph</code> draws them for a tool.</p></section>\n"
                )
            }
            return
        }
        var states: [String: NodeState] = [:]
        for step in record.steps {
            // Of cells that are pipelines the worst is shown.
            let name = stepPath(step.name)
            states[name] = NodeState.worse(states[name], step.state)
        }
        page.markup("<section><h2>Graph</h2>\n<style>")
        for (index, vertex) in graph.vertices.enumerated() {
            guard let state = states[vertex.id] else { continue }
            page.markup("#node-")
            page.number(index)
            page.markup(" .box{fill:var(--")
            page.markup(state.style)
            page.markup("-soft);stroke:var(--")
            page.markup(state.style)
            page.markup(")}")
        }
        page.markup(
            "</style>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Graph of the steps\">")
        page.drawing(graph.text(as: .svg))
        page.markup("</div></section>\n")
    }

    // MARK: Params, outputs, the definition

    private func values(_ page: inout HTMLWriter) {
        let prefix = NodeTag.output("")
        let outputs = record.run.data.tags.filter { $0.key.hasPrefix(prefix) }
            .map { (String($0.key.dropFirst(prefix.count)), $0.value) }
        for (title, values) in [
            ("Params" as StaticString, record.run.data.pipelineParams.map { ($0.key, $0.value) }), ("Outputs", outputs),
        ] where !values.isEmpty {
            page.markup("<section><h2>")
            page.markup(title)
            page.markup("</h2><table class=\"values\"><tbody>\n")
            for (name, value) in values {
                page.markup("<tr><th scope=\"row\">")
                page.text(name, limit: 250)
                page.markup("</th>")
                page.cell(value, limit: 2000)
                page.markup("</tr>\n")
            }
            page.markup("</tbody></table></section>\n")
        }
    }

    private func definition(_ page: inout HTMLWriter) {
        guard let definition = record.definition else { return }
        page.markup(
            "<section><h2>Definition</h2><details open><summary>pipeline.yaml</summary><pre tabindex=\"0\"><code>")
        if definition.utf8.count <= Self.definitionLimit {
            page.lines(definition)
        } else {
            page.lines(String(decoding: definition.utf8.prefix(Self.definitionLimit), as: UTF8.self))
            page.markup("… the rest is in the artifact pipeline/pipeline.yaml\n")
        }
        page.markup("</code></pre></details></section>\n")
    }
}

/// The run's id, as a link where there is a server that shows runs.
func runLink(_ info: RunInfo, isShort: Bool, _ record: PipelineRecord, _ page: inout HTMLWriter) {
    // Another scheme could be a program.
    let server = record.serverURL.flatMap { $0.hasPrefix("http://") || $0.hasPrefix("https://") ? $0 : nil }
    if let server {
        page.markup("<a href=\"")
        page.text("\(server)/#/experiments/\(info.experimentID)/runs/\(info.runID)")
        page.markup("\">")
    }
    page.markup("<code title=\"")
    page.text(info.runID, limit: 64)
    page.markup("\">")
    page.text(isShort ? String(info.runID.prefix(8)) : info.runID, limit: 64)
    page.markup("</code>")
    if server != nil { page.markup("</a>") }
}

/// What all steps together used.
struct Totals {
    var processorSeconds: Double?
    /// Of the largest attempt, in bytes.
    var peakMemory: Double?

    init(_ record: PipelineRecord) {
        for step in record.steps {
            for node in step.nodes { for attempt in node.attempts { add(attempt) } }
        }
    }

    init(_ attempts: [Run]) {
        for attempt in attempts { add(attempt) }
    }

    private mutating func add(_ attempt: Run) {
        if let seconds = attempt.data.metric(CostMetric.processorSeconds)?.value, seconds.isFinite {
            processorSeconds = (processorSeconds ?? 0) + seconds
        }
        if let megabytes = attempt.data.metric(CostMetric.peakMegabytes)?.value, megabytes.isFinite {
            peakMemory = max(peakMemory ?? 0, megabytes * 1_048_576)
        }
    }
}

extension NodeState {
    /// Never by colour alone: the sign says it too.
    var sign: StaticString {
        switch self {
        case .succeeded: "✓"
        case .cached: "="
        case .failed: "✗"
        case .starting, .running: "▶"
        case .retrying: "↻"
        case .cancelled, .pruned: "■"
        case .skipped, .blocked: "–"
        case .waiting, .ready: "·"
        }
    }

    /// The family of colours it is shown in.
    var style: StaticString {
        switch self {
        case .succeeded: "good"
        case .cached: "kept"
        case .failed: "bad"
        case .starting, .running, .retrying: "live"
        case .cancelled, .pruned: "ended"
        case .skipped, .blocked, .waiting, .ready: "none"
        }
    }

    /// The one that somebody has to know of first.
    static func worse(_ one: NodeState?, _ other: NodeState) -> NodeState {
        guard let one else { return other }
        let order: [NodeState] = [
            .failed, .cancelled, .running, .starting, .retrying, .ready, .waiting, .blocked, .skipped, .pruned,
            .succeeded, .cached,
        ]
        let places = [one, other].map { order.firstIndex(of: $0) ?? order.count }
        return places[0] <= places[1] ? one : other
    }

    /// What it is called in a pipeline that may have ended before it was reached.
    func word(_ pipeline: PipelineState) -> String {
        self == .waiting && pipeline.isTerminal ? "not started" : rawValue
    }
}

extension PipelineState {
    var sign: StaticString {
        switch self {
        case .succeeded: "✓"
        case .failed: "✗"
        case .running: "▶"
        case .cancelled, .interrupted: "■"
        }
    }

    var style: StaticString {
        switch self {
        case .succeeded: "good"
        case .failed: "bad"
        case .running: "live"
        case .cancelled, .interrupted: "ended"
        }
    }
}
