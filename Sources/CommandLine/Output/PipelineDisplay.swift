import Diagnostics
import Execution
import Files
import Pipelines
import Scheduling
import Tracking

/// How a pipeline is shown while it runs.
enum ProgressStyle: String, CaseIterable {
    /// A tree that is redrawn in place; plain lines where there is no terminal.
    case live
    /// A line for each change.
    case plain
    /// One JSON object per line on standard output.
    case json
    /// Errors only.
    case quiet

    /// The one that fits where the program runs.
    static func standard(_ format: OutputFormat) -> ProgressStyle {
        if format == .json { return .json }
        return canDrawTree ? .live : .plain
    }

    fileprivate static var canDrawTree: Bool {
        Terminal.messages.isInteractive && environmentVariable("TERM") != "dumb"
    }
}

/// Shows a pipeline while it happens, line by line.
struct PipelineDisplay: Sendable {
    let style: ProgressStyle

    init(style: ProgressStyle) {
        self.style = style == .live && !ProgressStyle.canDrawTree ? .plain : style
    }

    func show(_ event: PipelineEvent) {
        switch style {
        case .live: showTree(event)
        case .plain: showLine(event)
        case .json: Output.write(PipelineEventJSON(event).line + "\n")
        case .quiet: if case .warning(let diagnostic)? = event.flattened { Messages.show(diagnostic) }
        }
        if case .started(_, let run, _, _) = event { DetachedRun.report(run.runID) }
    }

    private func showTree(_ event: PipelineEvent) {
        LiveDisplay.shared.show(event)
        guard let event = event.flattened else { return }
        switch event {
        case .note(let text): LiveDisplay.shared.note(text)
        case .warning(let diagnostic): Messages.show(diagnostic)
        case .ended(let outcome): showEnd(outcome)
        case .started, .node, .settled, .nested: break
        }
    }

    private func showLine(_ event: PipelineEvent) {
        guard let event = event.flattened else { return }
        switch event {
        case .started(let plan, let run, let epoch, let experiment):
            let name = Terminal.messages.styled(escapedForTerminal(plan.name), .bold)
            let verb = epoch > 1 ? "resumed" : "run"
            let place = escapedForTerminal(experiment ?? run.experimentID)
            Messages.note("\(name)  \(verb) \(run.runID)  experiment \(place)")
        case .node(let node): showNode(node)
        case .settled(let step) where step.isFanOut:
            let best = step.best.map { ", best \($0)" } ?? ""
            let cells = step.cells == 0 && step.state.isSuccess ? "no cells: its matrix has no values" : nil
            line(step.state, step.step, cells ?? "\(step.cells) cells\(best)", reason: step.reason)
        case .settled(let step):
            // Of one that failed before it had a node nobody else says it.
            let isUntold = step.state == .failed && step.cells == 0
            if step.state == .skipped || step.state == .blocked || step.state == .cancelled || isUntold {
                line(step.state, step.step, reason: step.reason)
            }
        case .note(let text):
            if LiveDisplay.shared.isNew(text) { Messages.note(escapedForTerminal(redactedText(text))) }
        case .warning(let diagnostic): Messages.show(diagnostic)
        case .ended(let outcome): showEnd(outcome)
        case .nested: break
        }
    }

    private func showNode(_ node: NodeStatus) {
        let attempt = node.attempt > 1 ? "attempt \(node.attempt)" : ""
        switch node.state {
        case .starting: line(.starting, node.id, attempt)
        case .succeeded:
            var facts: [String] = []
            if let start = node.startTime, let end = node.endTime { facts.append(seconds(end - start)) }
            if let used = node.processorSeconds { facts.append("cpu \(fixed(used)) s") }
            if let memory = node.peakMemory { facts.append("rss \(memory >> 20) MiB") }
            if node.isFromBefore { facts.append("before, not run again") }
            line(.succeeded, node.id, facts.joined(separator: "  "))
        case .cached:
            line(.cached, node.id, "reused \(node.cachedFrom.map { String($0.prefix(8)) } ?? "")")
        case .failed: line(.failed, node.id, attempt, reason: node.reason, hint: logHint(node))
        case .retrying: line(.retrying, node.id, "attempt \(node.attempt)", reason: node.reason)
        case .cancelled, .pruned:
            // A step without cells says it itself.
            if node.isCell, node.attempt > 0 { line(node.state, node.id, reason: node.reason) }
        case .waiting, .ready, .running, .skipped, .blocked: break
        }
    }

    /// What never started has written nothing.
    private func logHint(_ node: NodeStatus) -> String {
        guard let run = node.runID, node.failure != .launch else { return "" }
        return " (log: swiftflow runs logs \(run.prefix(8)))"
    }

    private func line(
        _ state: NodeState, _ name: String, _ facts: String = "", reason: String? = nil, hint: String = ""
    ) {
        let (sign, style): (String, Terminal.Style) =
            switch state {
            case .succeeded: ("✓", .green)
            case .cached: ("=", .green)
            case .failed: ("✗", .red)
            case .starting, .running: ("▶", .bold)
            case .retrying: ("↻", .yellow)
            case .cancelled, .pruned, .blocked, .skipped: ("-", .faint)
            case .waiting, .ready: (" ", .faint)
            }
        let word = state == .starting ? "" : " \(state.rawValue)"
        var text = "  \(Terminal.messages.styled(sign, style)) \(escapedForTerminal(name))\(word)"
        if !facts.isEmpty { text += "  \(facts)" }
        if let reason { text += ": \(escapedForTerminal(redactedText(reason)))" }
        Messages.note(text + hint)
    }

    private func seconds(_ milliseconds: Milliseconds) -> String { "\(fixed(Double(milliseconds) / 1000)) s" }

    private func fixed(_ number: Double) -> String {
        let thousandths = Int64((number * 1000).rounded())
        return "\(thousandths / 1000).\(String(1000 + thousandths % 1000).dropFirst())"
    }

    private func showEnd(_ outcome: PipelineOutcome) {
        let counts = NodeState.allCases.compactMap { state in
            outcome.counts[state].map { "\($0) \(state.rawValue)" }
        }.joined(separator: ", ")
        let style: Terminal.Style = outcome.state == .succeeded ? .green : .red
        let title = Terminal.messages.styled(
            "=== Pipeline (ID '\(outcome.run.runID)') \(outcome.state.rawValue) ===", style)
        Messages.note("\(title) \(counts)")
        for line in outputLines(outcome.outputs) { Messages.note(line) }
        guard outcome.state != .succeeded else { return }
        Messages.note("go on with: swiftflow resume \(outcome.run.runID.prefix(8))")
    }
}

/// What a pipeline hands on, a line for each.
func outputLines(_ outputs: [String: OutputValue]) -> [String] {
    outputs.sorted { $0.key < $1.key }.map { name, value in
        let text = redactedText(value.text)
        return "  \(escapedForTerminal(name)) = \(escapedForTerminal(text.count > 200 ? "\(text.prefix(199))…" : text))"
    }
}
