import Execution

extension StateMachine {
    /// `ready` (T2, T10): its values are evaluated anew for each attempt.
    mutating func makeReady(_ node: NodeID, at now: Milliseconds) {
        nodes[node].readySince = now
        nodes[node].dueAt = nil
        nodes[node].isExamined = false
        change(node, to: .ready)
        actions.append(.examine(node))
    }

    mutating func change(_ node: NodeID, to state: NodeState) {
        let wasLive = nodes[node].state.isLive
        if wasLive != state.isLive { liveNodes += state.isLive ? 1 : -1 }
        nodes[node].state = state
        let step = nodes[node].step
        if !steps[step].isFanOut, !state.isTerminal { steps[step].state = state }
        actions.append(.changed(node))
    }

    mutating func examined(_ node: NodeID, _ examination: Examination, at now: Milliseconds) {
        guard nodes[node].state == .ready, !nodes[node].isExamined else { return }
        nodes[node].isExamined = true
        switch examination {
        case .done(let state): end(node, state, at: now)
        case .fail(let failure):
            nodes[node].failure = failure
            end(node, .failed, at: now)
        case .run(let request, let timeout, let notBefore, let retry):
            nodes[node].request = request
            nodes[node].timeout = timeout
            nodes[node].retry = retry
            if let notBefore, notBefore > now { return wait(node, until: notBefore) }
            enqueue(node)
        case .adopt(let request, let timeout, let retry):
            // It runs already, so it takes what it asks for whether or not that is free.
            nodes[node].request = request
            nodes[node].timeout = timeout
            nodes[node].retry = retry
            nodes[node].devices = pool.take(request)
            nodes[node].attempt += 1
            change(node, to: .starting)
            actions.append(.start(node, devices: nodes[node].devices))
        }
    }

    private mutating func enqueue(_ node: NodeID) {
        guard let request = nodes[node].request else { return }
        let step = nodes[node].step
        queue.insert(
            ReadyQueue.Entry(
                priority: steps[step].shape.priority, remainingPath: steps[step].remainingPath, step: step,
                cell: nodes[node].cell ?? 0, node: node), asking: request)
    }

    private mutating func wait(_ node: NodeID, until time: Milliseconds) {
        nodes[node].dueAt = time
        timers.insert(Timer(time: time, kind: .retry(node: node, attempt: nodes[node].attempt)))
        change(node, to: .retrying)
    }

    /// T5 for everything that fits.
    mutating func startWhatFits(at now: Milliseconds) {
        while let entry = queue.next(
            fitting: pool,
            isCurrent: { [nodes, guests] entry in
                entry.guest.map { guests[$0] != nil } ?? (nodes[entry.node].state == .ready)
            })
        {
            if let guest = entry.guest {
                lend(to: guest)
                continue
            }
            let node = entry.node
            guard let request = nodes[node].request else { continue }
            nodes[node].devices = pool.take(request)
            nodes[node].attempt += 1
            change(node, to: .starting)
            actions.append(.start(node, devices: nodes[node].devices))
        }
    }

    /// T6.
    mutating func launched(_ node: NodeID, at now: Milliseconds) {
        guard nodes[node].state == .starting else { return }
        if let timeout = nodes[node].timeout {
            timers.insert(
                Timer(
                    time: saturatingSum(now, timeout), kind: .timeout(node: node, attempt: nodes[node].attempt)))
        }
        change(node, to: .running)
    }

    mutating func stop(_ node: NodeID, _ cause: StopCause) {
        nodes[node].stop = cause
        actions.append(.stop(node, cause))
    }

    // MARK: The end of an attempt

    /// Gives back what an attempt took before its end is recorded, so that the next one need not wait for the store.
    ///
    /// Not where others wait for this node: what it makes ready may come before what is ready now.
    mutating func finishing(_ node: NodeID, attempt: Int) {
        guard nodes[node].state.isLive, nodes[node].attempt == attempt, nodes[node].stop == nil else { return }
        let step = steps[nodes[node].step]
        let isLast = step.endedCells + 1 >= step.nodes.count
        guard nodes[node].waiters.isEmpty, !isLast || dependents[nodes[node].step].isEmpty else { return }
        giveBack(of: node)
    }

    private mutating func giveBack(of node: NodeID) {
        guard !nodes[node].hasGivenBack, let request = nodes[node].request else { return }
        pool.give(back: request, devices: nodes[node].devices)
        nodes[node].devices = []
        nodes[node].hasGivenBack = true
    }

    mutating func ended(_ node: NodeID, _ end: AttemptEnd, at now: Milliseconds) {
        guard nodes[node].state.isLive else { return }
        giveBack(of: node)
        nodes[node].hasGivenBack = false
        let cause = nodes[node].stop
        nodes[node].stop = nil
        switch (end, cause) {
        case (.succeeded, _):
            nodes[node].failure = nil
            self.end(node, .succeeded, at: now)
        case (.failed(let failure, _), .cancelled?), (.failed(let failure, _), .otherFailed?):
            nodes[node].failure = NodeFailure(.stopped, failure.message, exitCode: failure.exitCode)
            self.end(node, .cancelled, at: now)
        case (.failed, .pruned?):
            self.end(node, .pruned, at: now)
        case (.failed(let failure, let mayRetry), .timeout?):
            let message = "it took longer than its timeout"
            fail(
                node, NodeFailure(.timeout, message, exitCode: failure.exitCode), mayRetry: mayRetry, at: now)
        case (.failed(let failure, let mayRetry), nil):
            fail(node, failure, mayRetry: mayRetry, at: now)
        }
    }

    /// T7 and T9: another attempt, or the end.
    private mutating func fail(_ node: NodeID, _ failure: NodeFailure, mayRetry: Bool, at now: Milliseconds) {
        nodes[node].failure = failure
        let shape = steps[nodes[node].step].shape
        guard mayStartAnew(node), !failure.isFinal else { return end(node, .failed, at: now) }
        if failure.reason.isFreeOnce, !failure.isFromInside, nodes[node].usedFreeRetries.insert(failure.reason).inserted
        {
            return makeReady(node, at: now)
        }
        nodes[node].countedFailures += 1
        let policy = nodes[node].retry ?? shape.retry
        guard mayRetry, nodes[node].countedFailures <= policy.times else { return end(node, .failed, at: now) }
        let delay = policy.delay(
            afterFailure: nodes[node].countedFailures,
            seed: stableHash(seed, name(of: node), String(nodes[node].attempt)))
        wait(node, until: saturatingSum(now, delay))
    }

    /// Whether something new may start in this phase and step.
    private func mayStartAnew(_ node: NodeID) -> Bool {
        let step = steps[nodes[node].step]
        if step.isDoomed { return false }
        switch phase {
        case .running: return true
        case .finishing: return step.shape.runOn != .success
        case .cancelling, .done: return false
        }
    }

    /// Brings a node to its last state, and its step if that is the end of it.
    mutating func end(_ node: NodeID, _ state: NodeState, at now: Milliseconds) {
        change(node, to: state)
        let step = nodes[node].step
        guard steps[step].isFanOut else {
            if state == .failed {
                failStep(step, nodes[node].failure ?? NodeFailure(.exit, "it failed"), at: now)
            } else {
                let message = nodes[node].failure?.message
                let reason = state == .cancelled ? steps[step].reason ?? message : message
                settle(step, state, reason: reason, at: now)
            }
            return
        }
        steps[step].endedCells += 1
        if state.isSuccess { releaseWaiters(of: node, at: now) }
        if state == .failed {
            steps[step].failedCells += 1
            doomIfTooMany(step, at: now)
        }
        concludeIfAllEnded(step)
    }

    /// Asks for the choice among the cells once the last one has ended.
    mutating func concludeIfAllEnded(_ step: StepID) {
        guard steps[step].endedCells == steps[step].nodes.count, !steps[step].isConcluding,
            !steps[step].state.isTerminal
        else { return }
        steps[step].isConcluding = true
        concludingSteps += 1
        actions.append(.conclude(step))
    }

    private mutating func doomIfTooMany(_ step: StepID, at now: Milliseconds) {
        let allowed = steps[step].shape.allowance.cells(of: steps[step].nodes.count)
        guard !steps[step].isDoomed, steps[step].failedCells > allowed else { return }
        steps[step].isDoomed = true
        dropUnstarted(of: step, "more cells have failed than may", at: now)
        reactToFailure(of: step, at: now)
    }

    // MARK: What a failure does to the rest

    mutating func failStep(_ step: StepID, _ failure: NodeFailure, at now: Milliseconds) {
        steps[step].failure = failure
        let wasDoomed = steps[step].isDoomed
        settle(step, .failed, reason: failure.message, at: now)
        // A fan-out has been reacted to when it could not be saved any more.
        if !wasDoomed { reactToFailure(of: step, at: now) }
    }

    private mutating func reactToFailure(of step: StepID, at now: Milliseconds) {
        if steps[step].shape.allowance == .everything, !steps[step].isFanOut { return }
        guard phase == .running, onError != .continue else { return }
        phase = .finishing(because: step)
        let reason = "not started, because '\(steps[step].shape.name)' failed"
        for other in steps.indices where steps[other].shape.runOn == .success {
            dropUnstarted(of: other, reason, at: now)
            guard onError == .cancel else { continue }
            for node in steps[other].nodes where nodes[node].state.isLive && nodes[node].stop == nil {
                stop(node, .otherFailed)
            }
        }
    }

    /// Ends the nodes of a step that no attempt is at work for.
    ///
    /// One that waits for its next attempt has failed; the others were never started.
    mutating func dropUnstarted(
        of step: StepID, _ reason: String, at now: Milliseconds, retryingBecome: NodeState = .failed
    ) {
        for node in steps[step].nodes {
            switch nodes[node].state {
            case .waiting, .ready:
                // One that has failed before and is about to be tried again has nothing new to say.
                let hasFailed = nodes[node].failure != nil && nodes[node].attempt > 0
                if steps[step].reason == nil { steps[step].reason = reason }
                end(node, hasFailed ? retryingBecome : .cancelled, at: now)
            case .retrying: end(node, retryingBecome, at: now)
            default: break
            }
        }
    }

    // MARK: Stopping

    mutating func cancelAll(_ reason: String, at now: Milliseconds) {
        if case .cancelling = phase { return }
        phase = .cancelling(reason: reason)
        for step in steps.indices where !steps[step].state.isTerminal { cancelNodes(of: step, reason, at: now) }
    }

    mutating func cancel(_ step: StepID, _ reason: String, at now: Milliseconds) {
        guard !steps[step].state.isTerminal else { return }
        cancelNodes(of: step, reason, at: now)
    }

    private mutating func cancelNodes(of step: StepID, _ reason: String, at now: Milliseconds) {
        steps[step].reason = reason
        guard !steps[step].nodes.isEmpty else {
            if !steps[step].isConcluding { settle(step, .cancelled, reason: reason, at: now) }
            return
        }
        dropUnstarted(of: step, reason, at: now, retryingBecome: .cancelled)
        for node in steps[step].nodes where nodes[node].state.isLive {
            if nodes[node].stop == nil { stop(node, .cancelled) } else { nodes[node].stop = .cancelled }
        }
    }

    // MARK: Time

    mutating func fireTimers(at now: Milliseconds) {
        while let timer = timers.first, timer.time <= now {
            _ = timers.removeFirst()
            switch timer.kind {
            case .pipeline: cancelAll("the pipeline took longer than its timeout", at: now)
            case .retry(let node, let attempt):
                guard nodes[node].state == .retrying, nodes[node].attempt == attempt else { continue }
                makeReady(node, at: now)
            case .timeout(let node, let attempt):
                guard nodes[node].state == .running, nodes[node].attempt == attempt, nodes[node].stop == nil else {
                    continue
                }
                stop(node, .timeout)
            }
        }
    }
}
