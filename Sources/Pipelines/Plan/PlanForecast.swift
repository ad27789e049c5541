import JSON

/// What a plan will do with each node, and why: the answer of `swiftflow plan`.
package struct PlanForecast: Sendable {
    package enum Decision: String, Sendable, Hashable {
        case run, reuse
        /// The step is no part of what was asked for.
        case omit
    }

    /// What the store says about a node.
    package struct Finding: Sendable, Hashable {
        package var decision: Decision
        /// Such as `run 7f3a91c2, 3 days ago` or `param depth 6 → 8`.
        package var reason: String

        package init(_ decision: Decision, _ reason: String) {
            self.decision = decision
            self.reason = reason
        }
    }

    /// What happens to a step: its nodes that share a decision and its reason.
    package struct Row: Sendable, Hashable {
        package var step: String
        /// How many nodes; nil while that is not known.
        package var count: Int?
        package var decision: Decision
        package var reason: String
    }

    package let plan: Plan
    /// In the order of the file.
    package let rows: [Row]
    /// The same with the steps of nested pipelines behind the step that each is; their names tell the way, as `prepare/clean`.
    package let allRows: [Row]
    package let path: CriticalPath
    /// Whether the time is more than a guess: every step on the critical path has run before.
    package let isTimeKnown: Bool

    /// - Parameters:
    ///   - findings: what the store says about all nodes of a step, by the step's index.
    ///   - lookUp: what the store says about a node whose step may be reused; nil for nothing.
    ///   - duration: how long a step took when it last succeeded.
    package init(
        _ plan: Plan, findings known: [Int: [Finding]] = [:], duration: (PlannedStep) -> Duration? = { _ in nil },
        lookUp: (PlannedStep, PlanNode) -> Finding? = { _, _ in nil }
    ) {
        self.plan = plan
        var rows: [Row] = []
        var running: Set<Int> = []
        for step in plan.steps {
            let nodes = plan.nodes(of: step)
            let findings =
                if let given = known[step.index], step.isIncluded, !given.isEmpty {
                    given
                } else if nodes.isEmpty {
                    [Self.decision(step, nil, lookUp)]
                } else {
                    nodes.map { Self.decision(step, $0, lookUp) }
                }
            for finding in findings {
                if finding.decision == .run { running.insert(step.index) }
                let count = step.fanOut.isDynamic && known[step.index] == nil ? nil : 1
                if let last = rows.last, last.step == step.name,
                    last.decision == finding.decision, last.reason == finding.reason
                {
                    rows[rows.count - 1].count = last.count.flatMap { known in count.map { known + $0 } }
                } else {
                    rows.append(Row(step: step.name, count: count, decision: finding.decision, reason: finding.reason))
                }
            }
        }
        self.rows = rows
        var all: [Row] = []
        for (index, row) in rows.enumerated() {
            all.append(row)
            // Several rows may be of one step.
            let isLast = index + 1 == rows.count || rows[index + 1].step != row.step
            guard isLast, row.decision != .omit, let nested = plan.step(named: row.step)?.nested?.plan else { continue }
            for var inner in PlanForecast(nested).allRows {
                inner.step = "\(row.step)/\(inner.step)"
                all.append(inner)
            }
        }
        allRows = all
        path = plan.criticalPath { running.contains($0.index) ? duration($0) : .zero }
        isTimeKnown = path.steps.allSatisfy { !running.contains($0) || duration(plan.steps[$0]) != nil }
    }

    private static func decision(
        _ step: PlannedStep, _ node: PlanNode?, _ lookUp: (PlannedStep, PlanNode) -> Finding?
    ) -> Finding {
        guard step.isIncluded else { return Finding(.omit, "left out") }
        if step.isForced { return Finding(.run, "--force") }
        if step.step.cache == nil {
            switch step.step.action {
            case .register, .search: return Finding(.run, "never reused")
            case .pipeline: return Finding(.run, "its own steps decide")
            case .entryPoint, .command: return Finding(.run, "cache is off for this step")
            }
        }
        if step.fanOut.isDynamic { return Finding(.run, "its cells are known once other steps are done") }
        if let node, let finding = lookUp(step, node) { return finding }
        return Finding(.run, "or reused, if an equal run is in the store")
    }

    /// Whether anything would run.
    package var hasWork: Bool { rows.contains { $0.decision == .run } }

    /// How many nodes have a decision.
    package func count(of decision: Decision) -> Int {
        rows.filter { $0.decision == decision }.reduce(0) { $0 + ($1.count ?? 1) }
    }

    /// The plan with its forecast as JSON, on several lines.
    package var json: String {
        var object = plan.summary
        object["forecast"] = .array(
            allRows.map { row in
                var object = JSONObject()
                object["step"] = .string(row.step)
                object["count"] = row.count.map { .integer(Int64($0)) } ?? .null
                object["decision"] = .string(row.decision.rawValue)
                object["reason"] = .string(row.reason)
                return .object(object)
            })
        object["critical_path"] = .array(path.steps.map { .string(plan.steps[$0].name) })
        object["width"] = .integer(Int64(path.width))
        object["expected_seconds"] = isTimeKnown ? .double(path.length.seconds) : .null
        return JSONValue.object(object).indented + "\n"
    }
}

extension PlannedStep.FanOut {
    package var isDynamic: Bool { if case .dynamic = self { true } else { false } }
}

extension Duration {
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
