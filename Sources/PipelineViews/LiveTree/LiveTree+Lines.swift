import Diagnostics
package import Scheduling
import Tracking

extension LiveTree {
    /// What is on the screen at a moment: at most `height` lines of at most `width` columns.
    package func lines(width: Int, height: Int, at now: Milliseconds, hasColour: Bool) -> [String] {
        guard !name.isEmpty else { return [] }
        let width = max(width, 10)
        let rows = max(height, 2) - 1
        let shown = chosenSteps(rows)
        let names = shown.map { label(steps[$0]) }
        let column = min((names.map(columns).max() ?? 0) + 6, max(18, width * 2 / 5))
        var lines = [headline(at: now)]
        for (index, name) in zip(shown, names) { lines.append(line(steps[index], name, column, at: now)) }
        if shown.count < steps.count { lines.append(rest(without: shown)) }
        return lines.map { $0.text(limit: width, hasColour: hasColour) }
    }

    private func headline(at now: Milliseconds) -> StyledLine {
        var line = StyledLine()
        line.add(escapedForTerminal(name), .bold)
        line.add("  \(epoch > 1 ? "resumed" : "run") \(runID.prefix(8))")
        let end = ended?.run.endTime ?? now
        line.add("  \(elapsedText(end.subtractingReportingOverflow(started).partialValue))", .faint)
        return line
    }

    /// All steps, or those that say most where not all fit: what runs and what failed, then what came last, then what comes next.
    private func chosenSteps(_ rows: Int) -> [Int] {
        guard steps.count > rows else { return Array(steps.indices) }
        func rank(_ step: Step) -> (Int, Milliseconds) {
            switch step.state {
            case .starting, .running, .retrying: (0, 0)
            case .failed: (1, -step.changed)
            case .ready: (2, 0)
            case .succeeded, .cached, .cancelled, .pruned: (3, -step.changed)
            case .waiting: (4, 0)
            case .skipped, .blocked: (5, 0)
            }
        }
        let ranks = steps.map(rank)
        let order = steps.indices.sorted { left, right in
            let (a, b) = (ranks[left], ranks[right])
            return (a.0, a.1, Int64(left)) < (b.0, b.1, Int64(right))
        }
        return order.prefix(max(0, rows - 1)).sorted()
    }

    private func rest(without shown: [Int]) -> StyledLine {
        let shown = Set(shown)
        var counts: [NodeState: Int] = [:]
        for index in steps.indices where !shown.contains(index) { counts[steps[index].state, default: 0] += 1 }
        var line = StyledLine()
        line.add("  … ", .faint)
        line.add(
            NodeState.allCases.compactMap { state in counts[state].map { "\($0) \(state.rawValue)" } }
                .joined(separator: ", "), .faint)
        return line
    }

    private func label(_ step: Step) -> String {
        // Below the step whose pipeline it belongs to, only its own name.
        let depth = step.name.count { $0 == "/" }
        let own = step.name.split(separator: "/").last.map(String.init) ?? step.name
        let name = String(repeating: "  ", count: depth) + escapedForTerminal(own)
        guard step.isFanOut else { return name }
        return step.count > 0 ? "\(name) ×\(step.count)" : "\(name) ×?"
    }

    private func line(_ step: Step, _ name: String, _ column: Int, at now: Milliseconds) -> StyledLine {
        var line = StyledLine()
        let state = step.state
        line.add("  ")
        line.add(state.terminalSign, state.terminalStyle)
        line.add(" ")
        line.add(name, state.isTerminal || state.isLive || state == .retrying ? .plain : .faint)
        line.move(to: column)
        if step.isFanOut {
            addCells(step, at: now, to: &line)
        } else if let node = step.node {
            add(node, at: now, to: &line)
        } else {
            line.add(step.settled?.reason.map { shown($0) } ?? state.rawValue, .faint)
        }
        return line
    }

    // MARK: Fan-outs

    private func addCells(_ step: Step, at now: Milliseconds, to line: inout StyledLine) {
        var counts = step.counts.filter { $0.value > 0 }
        let unheard = step.count - step.cells.count
        if unheard > 0, step.settled == nil { counts[.waiting, default: 0] += unheard }
        if let ready = counts.removeValue(forKey: .ready) { counts[.waiting, default: 0] += ready }
        if let starting = counts.removeValue(forKey: .starting) { counts[.running, default: 0] += starting }
        for state in NodeState.allCases.sorted(by: { $0.place < $1.place }) {
            guard let count = counts[state] else { continue }
            line.add("\(count) ")
            line.add(state == .waiting ? "waiting" : state.terminalSign, state.terminalStyle)
            line.add("  ")
        }
        if let start = step.started {
            line.add(elapsedText((step.settled?.time ?? step.closed ?? now) - start), .faint)
        }
        if let best = step.settled?.best { line.add("  best \(shown(best))", .green) }
        if let reason = step.settled?.reason, step.state == .failed { line.add("  \(shown(reason))", .red) }
    }

    // MARK: Nodes

    private func add(_ node: NodeStatus, at now: Milliseconds, to line: inout StyledLine) {
        switch node.state {
        case .running, .starting:
            guard let start = node.startTime else { return line.add("starting", .faint) }
            line.add(elapsedText(now - start))
            if node.attempt > 1 { line.add("  attempt \(node.attempt)", .yellow) }
            addCosts(node, to: &line)
        case .succeeded:
            if let start = node.startTime, let end = node.endTime { line.add(elapsedText(end - start)) }
            if node.attempt > 1 { line.add("  attempt \(node.attempt)", .yellow) }
            addCosts(node, to: &line)
        case .cached: line.add("reused \(node.cachedFrom?.prefix(8) ?? "")")
        case .failed:
            if let start = node.startTime, let end = node.endTime { line.add("\(elapsedText(end - start))  ") }
            if node.attempt > 1 { line.add("attempt \(node.attempt)  ", .yellow) }
            line.add(shown(node.reason ?? "failed"), .red)
            if let run = node.runID { line.add("  run \(run.prefix(8))", .faint) }
        case .retrying:
            line.add("attempt \(node.attempt) failed", .yellow)
            if let due = node.dueAt, due > now { line.add(", again in \(elapsedText(due - now))") }
            if let reason = node.reason { line.add("  \(shown(reason))", .faint) }
        case .ready: line.add("waits for resources", .faint)
        case .waiting: line.add("waiting", .faint)
        case .cancelled, .pruned, .skipped, .blocked:
            line.add(node.state.rawValue)
            if let reason = node.reason { line.add(": \(shown(reason))", .faint) }
        }
    }

    private func addCosts(_ node: NodeStatus, to line: inout StyledLine) {
        if let seconds = node.processorSeconds { line.add("  cpu \(elapsedText(seconds: seconds))", .faint) }
        if let memory = node.peakMemory { line.add("  rss \(memoryText(bytes: Double(memory)))", .faint) }
        guard let metric = node.metric else { return }
        line.add("   \(shown(metric.key))=\(numberText(metric.value))", .cyan)
        if metric.step != 0 { line.add(" (step \(metric.step))", .cyan) }
    }

    private func shown(_ text: String) -> String {
        escapedForTerminal(redactedText(text))
    }
}

extension NodeState {
    fileprivate var terminalSign: String {
        switch self {
        case .succeeded: "✓"
        case .cached: "="
        case .failed: "✗"
        case .starting, .running: "▶"
        case .retrying: "↻"
        case .cancelled, .pruned: "■"
        case .skipped, .blocked: "-"
        case .waiting, .ready: "·"
        }
    }

    fileprivate var terminalStyle: StyledLine.Style {
        switch self {
        case .succeeded, .cached: .green
        case .failed: .red
        case .starting, .running: .bold
        case .retrying: .yellow
        case .cancelled, .pruned, .skipped, .blocked, .waiting, .ready: .faint
        }
    }

    /// The order in which the counts of a fan-out are told.
    fileprivate var place: Int {
        switch self {
        case .succeeded: 0
        case .cached: 1
        case .failed: 2
        case .starting, .running: 3
        case .retrying: 4
        case .ready, .waiting: 5
        case .cancelled, .pruned, .skipped, .blocked: 6
        }
    }
}
