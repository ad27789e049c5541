import Execution

extension StateMachine {
    /// What has happened.
    package enum Event: Sendable {
        /// The plan has been accepted (T1).
        case begin
        /// What the driver found for a step whose dependencies are done (T2, T3).
        case considered(StepID, Consideration)
        /// What the driver found for a node that may start: its values, and whether they are known already (T4).
        case examined(NodeID, Examination)
        /// The process or job exists (T6).
        case launched(NodeID)
        /// The command of that attempt has ended well, and only the record of it is left to be written.
        case finishing(NodeID, attempt: Int)
        /// The attempt is over, and nothing of it is left (T7, T8, T9, T11, T12).
        case ended(NodeID, AttemptEnd)
        /// The choice among the cells of a fan-out has been made, or could not.
        case concluded(StepID, NodeFailure?)
        /// Somebody wants the pipeline to stop.
        case cancel(reason: String)
        /// Somebody wants one step to stop.
        case cancelStep(StepID, reason: String)
        /// Somebody is out of patience: no grace for what runs.
        case kill
        /// A rule says that the attempt is hopeless (T12).
        case prune(NodeID)
        /// A step of the pipeline that a node is wants to start; answered with `.lend` once there is room.
        case borrow(Int, ResourcePool.Request, host: NodeID)
        /// That step has ended, or does not want to start any more.
        case giveBack(Int)
        /// The time of `nextWake` has come (T10, timeouts).
        case tick
    }

    package enum Consideration: Sendable, Hashable {
        case run
        /// - Parameter matches: cells that wait for one cell of another step each.
        case fanOut(cells: Int, matches: [CellMatch] = [])
        case skip(reason: String)
        case fail(NodeFailure)
        /// It is left out of this run, and its results are those of an earlier one.
        case reuse
    }

    package enum Examination: Sendable, Hashable {
        /// - Parameters:
        ///   - timeout: of this attempt.
        ///   - notBefore: when the delay of an earlier attempt is over, after a resume.
        ///   - retry: the step's rule with the values of this attempt; nil for the one of the shape.
        case run(
            ResourcePool.Request, timeout: Milliseconds? = nil, notBefore: Milliseconds? = nil,
            retry: RetryPolicy? = nil)
        /// Nothing has to run: `cached`, or after a resume `succeeded` and `cached`.
        case done(NodeState)
        /// Its values cannot be had; trying again would not help.
        case fail(NodeFailure)
        /// An attempt that a runner before us started goes on.
        case adopt(ResourcePool.Request, timeout: Milliseconds? = nil, retry: RetryPolicy? = nil)
    }

    package enum AttemptEnd: Sendable, Hashable {
        case succeeded
        /// - Parameter mayRetry: what `retry.when` says.
        case failed(NodeFailure, mayRetry: Bool = true)
    }

    /// What the driver has to do.
    package enum Action: Sendable, Hashable {
        /// Look at `when`, and at the cells of a matrix; answer with `.considered`.
        case consider(StepID)
        /// Evaluate the values of the next attempt; answer with `.examined`.
        case examine(NodeID)
        /// Record the attempt, then start it (T5).
        case start(NodeID, devices: [Int])
        /// Let a step of a nested pipeline start.
        case lend(Int, devices: [Int])
        /// End the attempt politely.
        case stop(NodeID, StopCause)
        case kill(NodeID)
        /// Choose among the cells; answer with `.concluded`.
        case conclude(StepID)
        /// The node's state is another one.
        case changed(NodeID)
        /// The step has reached its last state.
        case settled(StepID)
        /// Everything has ended (T13).
        case finish(PipelineState)
    }

    /// Takes one event and answers what to do, in order.
    package mutating func handle(_ event: Event, at now: Milliseconds) -> [Action] {
        guard !isDone else { return [] }
        switch event {
        case .begin:
            for step in steps.indices where steps[step].openDependencies == 0 { openSteps.append(step) }
        case .considered(let step, let consideration): considered(step, consideration, at: now)
        case .examined(let node, let examination): examined(node, examination, at: now)
        case .launched(let node): launched(node, at: now)
        case .finishing(let node, let attempt): finishing(node, attempt: attempt)
        case .ended(let node, let end): ended(node, end, at: now)
        case .concluded(let step, let failure): concluded(step, failure, at: now)
        case .cancel(let reason): cancelAll(reason, at: now)
        case .cancelStep(let step, let reason): cancel(step, reason, at: now)
        case .kill:
            for node in nodes.indices where nodes[node].state.isLive { actions.append(.kill(node)) }
        case .prune(let node):
            if nodes[node].state.isLive, nodes[node].stop == nil { stop(node, .pruned) }
        case .borrow(let guest, let request, let host): borrow(guest, request, host: host)
        case .giveBack(let guest): giveBack(guest)
        case .tick: fireTimers(at: now)
        }
        examineOpenSteps(at: now)
        finishIfDone()
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    /// Starts the best of the ready nodes, as many as fit (T5).
    ///
    /// To be called when everything that is known to have happened has been handled, so that the order is among all that are ready.
    package mutating func startReady(at now: Milliseconds) -> [Action] {
        guard !isDone else { return [] }
        startWhatFits(at: now)
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    // MARK: Steps

    /// Decides about the steps whose dependencies have all ended, and about what follows from that.
    private mutating func examineOpenSteps(at now: Milliseconds) {
        var next = 0
        while next < openSteps.count {
            let step = openSteps[next]
            next += 1
            guard steps[step].state == .waiting, !steps[step].isConsidered else { continue }
            switch fate(of: step) {
            case .open:
                steps[step].isConsidered = true
                actions.append(.consider(step))
            case .ended(let state, let reason): settle(step, state, reason: reason, at: now)
            }
        }
        openSteps.removeAll(keepingCapacity: true)
    }

    private enum Fate {
        case open
        case ended(NodeState, reason: String)
    }

    /// What the ends of its dependencies, and the state of the whole, mean for a step.
    private func fate(of step: StepID) -> Fate {
        let shape = steps[step].shape
        var failed: StepID?
        var skipped: StepID?
        for dependency in shape.dependencies {
            switch steps[dependency.step].state {
            case .failed, .blocked, .cancelled, .pruned: failed = failed ?? dependency.step
            case .skipped: if !dependency.isOptional { skipped = skipped ?? dependency.step }
            default: break
            }
        }
        switch shape.runOn {
        case .success:
            if let failed {
                let other = steps[failed]
                return .ended(.blocked, reason: "needs '\(other.shape.name)', which \(other.state.past)")
            }
            if let skipped { return .ended(.skipped, reason: "'\(steps[skipped].shape.name)' was skipped") }
            if case .finishing(let cause) = phase {
                return .ended(.cancelled, reason: "not started, because '\(steps[cause].shape.name)' failed")
            }
        case .failure:
            if failed == nil { return .ended(.skipped, reason: "nothing it waits for failed") }
        case .always: break
        }
        return .open
    }

    private mutating func considered(_ step: StepID, _ consideration: Consideration, at now: Milliseconds) {
        guard steps[step].state == .waiting, steps[step].isConsidered else { return }
        if case .finishing(let cause) = phase, steps[step].shape.runOn == .success {
            return settle(
                step, .cancelled, reason: "not started, because '\(steps[cause].shape.name)' failed", at: now)
        }
        switch consideration {
        case .skip(let reason): settle(step, .skipped, reason: reason, at: now)
        case .reuse: settle(step, .cached, reason: nil, at: now)
        case .fail(let failure): failStep(step, failure, at: now)
        case .run:
            addNode(step, cell: nil, at: now)
        case .fanOut(let cells, let matches):
            steps[step].isFanOut = true
            steps[step].state = .running
            steps[step].nodes.reserveCapacity(cells)
            if let limit = steps[step].shape.maximumParallel {
                pool.define(semaphore(of: step), limit: Double(max(1, limit)))
            }
            let matches = Dictionary(grouping: matches, by: \.cell)
            for cell in 0..<cells { addNode(step, cell: cell, after: matches[cell] ?? [], at: now) }
            openMatching(step)
            concludeIfAllEnded(step)
        }
    }

    /// The name of the semaphore that bounds the cells of a step; part of the amounts their requests are made of.
    package func semaphore(of step: StepID) -> String { "\(ResourcePool.ownPrefix)cells of \(steps[step].shape.name)" }

    private mutating func addNode(
        _ step: StepID, cell: Int?, after matches: [CellMatch] = [], at now: Milliseconds
    ) {
        let node = nodes.count
        nodes.append(Node(step: step, cell: cell))
        steps[step].nodes.append(node)
        wait(node, for: matches)
        if nodes[node].openCells == 0 { makeReady(node, at: now) } else { actions.append(.changed(node)) }
    }

    private mutating func concluded(_ step: StepID, _ failure: NodeFailure?, at now: Milliseconds) {
        guard steps[step].isConcluding, !steps[step].state.isTerminal else { return }
        concludingSteps -= 1
        let cells = steps[step].nodes
        if steps[step].isDoomed {
            let count = steps[step].failedCells
            let allowed = steps[step].shape.allowance.cells(of: cells.count)
            let message =
                "\(count) of \(cells.count) cells failed" + (allowed > 0 ? ", and \(allowed) may" : "")
            let first = cells.first { nodes[$0].state == .failed }.flatMap { nodes[$0].failure }
            failStep(step, NodeFailure(first?.reason ?? .exit, message), at: now)
        } else if cells.contains(where: { nodes[$0].state == .cancelled }) {
            settle(step, .cancelled, reason: steps[step].reason ?? "a cell was cancelled", at: now)
        } else if cells.contains(where: { nodes[$0].state == .blocked }) {
            settle(step, .blocked, reason: steps[step].reason, at: now)
        } else if let failure {
            failStep(step, failure, at: now)
        } else {
            let allCached = !cells.isEmpty && cells.allSatisfy { nodes[$0].state == .cached }
            settle(step, allCached ? .cached : .succeeded, reason: nil, at: now)
        }
    }

    /// Ends a step; those that wait for it are looked at next.
    mutating func settle(_ step: StepID, _ state: NodeState, reason: String?, at now: Milliseconds) {
        guard !steps[step].state.isTerminal else { return }
        steps[step].state = state
        steps[step].reason = reason
        settledSteps += 1
        actions.append(.settled(step))
        // Those that wait cell by cell have been opened when the cells were known.
        for dependent in dependents[step] where !(steps[step].hasCells && waitsByCell(dependent, for: step)) {
            open(dependent)
        }
        if steps[step].hasCells { endWaiting(for: step, at: now) }
    }

    private mutating func finishIfDone() {
        guard settledSteps == steps.count, liveNodes == 0, concludingSteps == 0 else { return }
        let state: PipelineState =
            if case .cancelling = phase {
                .cancelled
            } else {
                steps.contains(where: failsPipeline) ? .failed : .succeeded
            }
        phase = .done(state)
        actions.append(.finish(state))
    }

    /// Whether the pipeline has not succeeded because of this step.
    private func failsPipeline(_ step: Step) -> Bool {
        switch step.state {
        case .failed: !(step.shape.allowance == .everything && !step.isFanOut)
        case .cancelled: true
        default: false
        }
    }
}
