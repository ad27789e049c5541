extension StateMachine {
    /// A step of the pipeline that `host` is wants to start; it waits in line with the nodes here.
    mutating func borrow(_ guest: Int, _ request: ResourcePool.Request, host: NodeID) {
        guard guests[guest] == nil else { return }
        guests[guest] = Guest(request: request)
        let step = nodes[host].step
        queue.insert(
            ReadyQueue.Entry(
                priority: steps[step].shape.priority, remainingPath: steps[step].remainingPath, step: step,
                cell: nodes[host].cell ?? 0, node: host, guest: guest), asking: request)
    }

    mutating func lend(to guest: Int) {
        guard let waiting = guests[guest], !waiting.hasLoan else { return }
        let devices = pool.take(waiting.request)
        guests[guest]?.devices = devices
        guests[guest]?.hasLoan = true
        actions.append(.lend(guest, devices: devices))
    }

    /// The guest has ended, or does not wait any more.
    mutating func giveBack(_ guest: Int) {
        guard let known = guests.removeValue(forKey: guest), known.hasLoan else { return }
        pool.give(back: known.request, devices: known.devices)
    }
}
