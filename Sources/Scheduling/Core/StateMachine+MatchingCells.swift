import Execution

/// That a cell of a fan-out waits for one cell of another, and not for all of that.
package struct CellMatch: Sendable, Hashable {
    package var cell: Int
    package var step: StateMachine.StepID
    package var other: Int

    package init(cell: Int, of step: StateMachine.StepID, _ other: Int) {
        self.cell = cell
        self.step = step
        self.other = other
    }
}

extension StateMachine {
    /// Opens the steps whose cells wait for cells of this one, now that those are known.
    mutating func openMatching(_ step: StepID) {
        guard !steps[step].hasCells else { return }
        steps[step].hasCells = true
        for dependent in dependents[step] where waitsByCell(dependent, for: step) { open(dependent) }
    }

    func waitsByCell(_ dependent: StepID, for step: StepID) -> Bool {
        steps[dependent].shape.dependencies.contains { $0.step == step && $0.isSameCell }
    }

    mutating func open(_ step: StepID) {
        steps[step].openDependencies -= 1
        if steps[step].openDependencies == 0 { openSteps.append(step) }
    }

    /// Lets a cell wait for cells of other steps; those that have succeeded, or whose step has ended, are waited for no more.
    mutating func wait(_ node: NodeID, for matches: [CellMatch]) {
        for match in matches {
            guard !steps[match.step].state.isTerminal, steps[match.step].nodes.indices.contains(match.other) else {
                continue
            }
            let other = steps[match.step].nodes[match.other]
            guard !nodes[other].state.isSuccess else { continue }
            nodes[other].waiters.append(node)
            nodes[node].openCells += 1
        }
    }

    /// Starts the cells that waited for this one.
    mutating func releaseWaiters(of node: NodeID, at now: Milliseconds) {
        let waiters = nodes[node].waiters
        nodes[node].waiters = []
        for waiter in waiters where nodes[waiter].state == .waiting {
            nodes[waiter].openCells -= 1
            if nodes[waiter].openCells == 0 { makeReady(waiter, at: now) }
        }
    }

    /// What the end of a step means for the cells that still wait for cells of it.
    mutating func endWaiting(for step: StepID, at now: Milliseconds) {
        let isLost = [.failed, .blocked, .cancelled, .pruned].contains(steps[step].state)
        for node in steps[step].nodes where !nodes[node].waiters.isEmpty {
            // A cell that failed and may have: who refers to it says what to take then, as behind the end of the whole step.
            guard isLost else {
                releaseWaiters(of: node, at: now)
                continue
            }
            let waiters = nodes[node].waiters
            nodes[node].waiters = []
            let reason = "needs '\(steps[step].shape.name)', which \(steps[step].state.past)"
            for waiter in waiters where nodes[waiter].state == .waiting {
                let waiting = nodes[waiter].step
                if steps[waiting].reason == nil { steps[waiting].reason = reason }
                end(waiter, .blocked, at: now)
            }
        }
    }
}
