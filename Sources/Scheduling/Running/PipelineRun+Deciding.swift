import Diagnostics
import Execution
import Pipelines
import SystemPackage
import Tracking

/// What the machine asks: whether a step runs, with which cells, with which values, and which cell is the best.
extension PipelineRun {
    func scope(places: [String: FilePath] = [:], step: PlannedStep? = nil, cell: Cell? = nil) -> OutcomeScope {
        var scope = OutcomeScope(steps: outcomes, places: places, pipelineRunID: info.runID)
        scope.experimentID = info.experimentID
        scope.cell = cell
        scope.secrets = options.secrets
        return scope
    }

    // MARK: Steps

    func consider(_ index: Int) {
        let step = plan.steps[index]
        guard step.isIncluded else { return takeOver(step) }
        do {
            // A condition over the cell's own values is asked for each cell.
            if !step.conditionNeedsCell {
                let node = plan.nodes(of: step).first ?? PlanNode(whole: step)
                guard try plan.isWanted(node, in: scope()) else {
                    return post(.considered(index, .skip(reason: "its condition is false")))
                }
            }
            switch step.fanOut {
            case .none: post(.considered(index, .run))
            case .cells: fanOut(step, Array(plan.nodes(of: step)))
            case .dynamic: fanOut(step, try plan.expand(step, in: scope()))
            }
        } catch let error as EvaluationError {
            if case .skipped(let other) = error.kind {
                return post(.considered(index, .skip(reason: "'\(other)' was skipped")))
            }
            post(.considered(index, .fail(NodeFailure(.launch, messages(of: error)))))
        } catch {
            post(.considered(index, .fail(NodeFailure(.launch, messages(of: error)))))
        }
    }

    /// Makes the group's run, under which those of the cells will be.
    private func fanOut(_ step: PlannedStep, _ nodes: [PlanNode]) {
        expansions[step.index] = nodes
        outcomes[step.name]?.isFanOut = true
        outcomes[step.name]?.nodes.reserveCapacity(nodes.count)
        perform { run in
            do {
                let group = try await run.makeGroup(step)
                run.outcomes[step.name]?.group = group
                run.post(
                    .considered(step.index, .fanOut(cells: nodes.count, matches: run.matches(of: step, nodes))))
            } catch {
                run.post(.considered(step.index, .fail(NodeFailure(.launch, messages(of: error)))))
            }
        }
    }

    /// Which cells of other steps the cells wait for, where `steps.S[matrix]` is all that is asked of those.
    private func matches(of step: PlannedStep, _ nodes: [PlanNode]) -> [CellMatch] {
        var matches: [CellMatch] = []
        for dependency in machine.steps[step.index].shape.dependencies where dependency.isSameCell {
            let other = plan.steps[dependency.step]
            guard let cells = expansions[other.index] else { continue }
            let places = Dictionary(cells.enumerated().map { ($0.element.id, $0.offset) }) { first, _ in first }
            for (cell, node) in nodes.enumerated() {
                // What is written differently may be the same value, such as 1 and 1.0.
                let named = plan.matchingCellID(of: other, for: node).flatMap { places[$0] }
                guard let place = named ?? cells.firstIndex(where: { $0.cell?.agrees(with: node.cell) == true }) else {
                    continue
                }
                matches.append(CellMatch(cell: cell, of: other.index, place))
            }
        }
        return matches
    }

    // MARK: Nodes

    func examine(_ node: Int) {
        while records.count < machine.nodes.count { return }
        if let journal = records[node].journal {
            records[node].journal = nil
            if recall(node, journal) { return }
            adoptLive(node, journal)
        }
        let step = plan.steps[machine.nodes[node].step]
        let planned = records[node].plan
        let number = records[node].earlierAttempts + machine.nodes[node].attempt + 1
        do {
            if step.conditionNeedsCell, !(try plan.isWanted(planned, in: scope(cell: planned.cell))) {
                return post(.examined(node, .done(.skipped)))
            }
            var scope = scope(places: places(of: node, attempt: number), cell: planned.cell)
            scope.facts = ["attempt": .int(number)]
            // That of an attempt which an earlier runner began is there already.
            let adopted = records[node].adopted?.info
            scope.run = adopted
            let resolved = try options.resolve(planned, of: plan, in: scope, hasRun: adopted != nil)
            records[node].resolved = resolved
            records[node].amounts = amounts(of: resolved, step)
            records[node].reserved = reserved(of: resolved, step)
            let request = try machine.pool.request(records[node].amounts)
            if let adopted = records[node].adopted, !resolved.isPipeline {
                let age = services.clock.now() - adopted.info.startTime
                let timeout = resolved.timeout.map { max(0, $0.milliseconds - max(0, age)) }
                return post(
                    .examined(node, .adopt(request, timeout: timeout, retry: RetryPolicy(resolved.retry))))
            }
            let examination = StateMachine.Examination.run(
                request, timeout: resolved.timeout?.milliseconds, notBefore: notBefore(node, resolved),
                retry: RetryPolicy(resolved.retry))
            guard resolved.isCacheable, options.usesCache else { return post(.examined(node, examination)) }
            askCache(node, otherwise: examination)
        } catch let failure as NodeFailure {
            recordFailure(of: node, failure)
        } catch {
            recordFailure(of: node, NodeFailure(.launch, messages(of: error)))
        }
    }

    /// What a node takes while it runs: on other machines only its slot, and what the file calls a limit of its own.
    private func amounts(of resolved: ResolvedStep, _ step: PlannedStep) -> [String: Double] {
        var amounts = resolved.resources
        switch resolved.action {
        case .register, .search: amounts = [:]
        case .pipeline: amounts = reserved(of: resolved, step)
        case .entryPoint, .command:
            if !["local", "docker"].contains(resolved.backend) {
                for name in ["cpu", "memory", "gpu", "disk"] { amounts[name] = nil }
            }
        }
        // The steps of a nested pipeline take their slots themselves.
        if !resolved.isPipeline { amounts[ResourcePool.parallel] = 1 }
        if machine.steps[step.index].isFanOut, machine.steps[step.index].shape.maximumParallel != nil {
            amounts[machine.semaphore(of: step.index)] = 1
        }
        return amounts
    }

    /// What the file sets aside for a nested pipeline; the processor that every step asks for is not meant.
    private func reserved(of resolved: ResolvedStep, _ step: PlannedStep) -> [String: Double] {
        guard resolved.isPipeline else { return [:] }
        let named = Set(step.step.resources.map(\.name))
        return resolved.resources.filter { named.contains($0.key) }
    }

    /// The places for outputs of an attempt: fresh for each, so that nothing half-done is ever taken for a result.
    func places(of node: Int, attempt: Int) -> [String: FilePath] {
        let step = plan.steps[machine.nodes[node].step].step
        guard !step.outputs.isEmpty else { return [:] }
        return places(
            of: step, launch: launchName(pipelineRun: info.runID, node: records[node].plan.id, attempt: attempt))
    }

    func places(of step: Step, launch name: String) -> [String: FilePath] {
        var places: [String: FilePath] = [:]
        for output in step.outputs {
            // The last name stays, since programs look at endings.
            let path = output.value.literal?.text ?? output.name
            let last = path.split(separator: "/").last.map(String.init) ?? output.name
            places[output.name] = workFolder.appending(name).appending(output.name).appending(last)
        }
        return places
    }

    // MARK: The choice among cells

    func conclude(_ index: Int) {
        let step = plan.steps[index]
        guard let selection = step.step.select else { return post(.concluded(index, nil)) }
        perform { run in
            let failure = await run.choose(step, selection)
            run.post(.concluded(index, failure))
        }
    }

    private func choose(_ step: PlannedStep, _ selection: Selection) async -> NodeFailure? {
        guard let nodes = outcomes[step.name]?.nodes else { return nil }
        let best = await bestCells(nodes, by: selection, in: services.store)
        guard !best.isEmpty else {
            return NodeFailure(
                .noCandidate,
                "no finished cell of '\(step.name)' has the metric '\(selection.metric)' as a finite number")
        }
        outcomes[step.name]?.top = best
        return nil
    }
}

/// The places of the best cells, the best first: finished ones that have the metric as a finite number; of equal ones the earlier.
func bestCells(_ nodes: [NodeOutcome], by selection: Selection, in store: any TrackingStore) async -> [Int] {
    var candidates: [(place: Int, value: Double)] = []
    for (place, node) in nodes.enumerated() where node.state.isSuccess {
        var values = [node.data.metric(selection.metric)?.value].compactMap { $0 }
        if selection.over == .best, let id = node.outputRunID ?? node.run?.runID {
            let history = try? await store.metricHistory(MetricHistoryQuery(runID: id, key: selection.metric))
            values = history?.elements.map(\.value) ?? values
        }
        // The store keeps infinities as the largest numbers there are.
        let finite = values.filter { $0.isFinite && abs($0) < Double.greatestFiniteMagnitude }
        guard let value = selection.goal == .min ? finite.min() : finite.max() else { continue }
        candidates.append((place, value))
    }
    let sorted = candidates.sorted { left, right in
        if left.value != right.value {
            return selection.goal == .min ? left.value < right.value : left.value > right.value
        }
        return left.place < right.place
    }
    return sorted.prefix(max(1, selection.top)).map(\.place)
}

/// What went wrong, on one line.
func messages(of error: any Error) -> String {
    guard let explained = error as? any ExplainedError else { return redactedText("\(error)") }
    return explained.diagnostics.map { diagnostic in
        let place = diagnostic.location.map { "\($0): " } ?? ""
        let code = diagnostic.code.map { " (\($0))" } ?? ""
        return place + redactedText(diagnostic.message) + code
    }.joined(separator: "; ")
}

extension ResolvedStep {
    var isPipeline: Bool { if case .pipeline = action { true } else { false } }
}

extension PlannedStep {
    /// Whether `when` asks about the cell.
    var conditionNeedsCell: Bool {
        guard fanOut != .none, let when = step.when else { return false }
        return when.references.contains { use in
            if case .matrix = use.reference { return true }
            return use.reference.step?.selection == .sameCell
        }
    }
}

extension RetryPolicy {
    init(_ retry: ResolvedStep.Retry) {
        self.init(
            times: max(0, retry.times), delay: retry.delay.milliseconds, backoff: retry.backoff,
            maximumDelay: retry.maxDelay.milliseconds, jitter: retry.jitter)
    }
}
