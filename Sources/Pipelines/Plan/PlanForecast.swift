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
        /// Whether it is a pipeline whose steps have rows of their own.
        package var holdsSteps = false
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
    ///   - nested: of steps that are pipelines what happens in each of them, by the step's index.
    ///   - lookUp: what the store says about a node whose step may be reused; nil for nothing.
    ///   - duration: how long a step took when it last succeeded.
    package init(
        _ plan: Plan, findings known: [Int: [Finding]] = [:], nested: [Int: [PlanForecast]] = [:],
        duration: (PlannedStep) -> Duration? = { _ in nil },
        lookUp: (PlannedStep, PlanNode) -> Finding? = { _, _ in nil }
    ) {
        self.plan = plan
        var rows: [Row] = []
        var all: [Row] = []
        var running: Set<Int> = []
        for step in plan.steps {
            let first = rows.count
            var inside = nested[step.index] ?? []
            // What is not known of each cell is taken for the same in all.
            var times: Int? = 1
            if inside.isEmpty, step.isIncluded, let inner = step.nested?.plan {
                inside = [PlanForecast(inner, lookUp: lookUp)]
                times = step.fanOut.isDynamic ? nil : plan.nodes(of: step).count
            }
            let nodes = plan.nodes(of: step)
            let findings =
                if let given = known[step.index], step.isIncluded, !given.isEmpty {
                    given
                } else if nodes.isEmpty, case .cells = step.fanOut, step.isIncluded {
                    [Finding(.omit, "its matrix has no values")]
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
                    rows.append(
                        Row(
                            step: step.name, count: count, decision: finding.decision, reason: finding.reason,
                            holdsSteps: !inside.isEmpty && finding.decision != .omit))
                }
            }
            all += rows[first...]
            if rows[first...].contains(where: \.holdsSteps) {
                all += Self.rows(of: inside, in: step.name, times: times)
            }
        }
        self.rows = rows
        allRows = all
        func expected(_ step: PlannedStep) -> Duration? {
            let inside = nested[step.index] ?? []
            guard !inside.isEmpty, inside.allSatisfy(\.isTimeKnown) else { return duration(step) }
            return inside.map(\.path.length).max()
        }
        path = plan.criticalPath { running.contains($0.index) ? expected($0) : .zero }
        isTimeKnown = path.steps.allSatisfy { !running.contains($0) || expected(plan.steps[$0]) != nil }
    }

    /// The rows of a nested pipeline; those of several, which are the cells of one step, together.
    ///
    /// - Parameter times: for how many cells each of them stands; nil while that is not known.
    private static func rows(of forecasts: [PlanForecast], in step: String, times: Int?) -> [Row] {
        var rows: [Row] = []
        var places: [Row: Int] = [:]
        var order: [String: Int] = [:]
        for forecast in forecasts {
            for var row in forecast.allRows {
                row.step = "\(step)/\(row.step)"
                let count = row.count.flatMap { known in
                    times.map { known.multipliedReportingOverflow(by: $0).partialValue }
                }
                row.count = nil
                if let place = places[row] {
                    rows[place].count = rows[place].count.flatMap { known in count.map { known + $0 } }
                    continue
                }
                places[row] = rows.count
                if order[row.step] == nil { order[row.step] = rows.count }
                row.count = count
                rows.append(row)
            }
        }
        guard forecasts.count > 1 else { return rows }
        return rows.enumerated().sorted { left, right in
            (order[left.element.step] ?? 0, left.offset) < (order[right.element.step] ?? 0, right.offset)
        }.map(\.element)
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

    /// The rows of what runs itself: pipelines that are steps only hold others.
    private var leaves: [Row] { allRows.filter { !$0.holdsSteps } }

    /// Whether anything would run.
    package var hasWork: Bool { leaves.contains { $0.decision == .run } }

    /// How many nodes have a decision, those of nested pipelines among them.
    package func count(of decision: Decision) -> Int {
        leaves.filter { $0.decision == decision }.reduce(0) { $0 + ($1.count ?? 1) }
    }

    /// How many steps there are, those of nested pipelines among them.
    package var stepCount: Int { Set(leaves.map(\.step)).count }

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
                if row.holdsSteps { object["holds_steps"] = .bool(true) }
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
