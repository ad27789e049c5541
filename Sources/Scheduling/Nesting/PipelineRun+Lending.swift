import Execution
import Pipelines

/// Steps of nested pipelines start only when there is room among the steps of the outer one.
extension PipelineRun {
    /// Waits until the guest of a node may start; nil when its task was cancelled before.
    ///
    /// - Throws: `NodeFailure` when there will never be room.
    func lend(_ amounts: [String: Double], to host: Int) async throws -> ResourceLoan? {
        let request = try machine.pool.request(amounts)
        let guest = nextGuest
        nextGuest += 1
        let devices: [Int]? = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // The handler may have run before there was anything to withdraw.
                guard !Task.isCancelled, !isOver else { return continuation.resume(returning: nil) }
                guests[guest] = continuation
                post(.borrow(guest, request, host: host))
            }
        } onCancel: {
            Task { await self.withdraw(guest) }
        }
        guard let devices else { return nil }
        guard let enclosing = options.enclosing else { return ResourceLoan(guest: guest, devices: devices, outer: []) }
        do {
            guard let outer = try await enclosing.lender.borrow(enclosing.borrowed(amounts)) else {
                post(.giveBack(guest))
                return nil
            }
            return ResourceLoan(
                guest: guest, devices: enclosing.reserved.contains(ResourcePool.gpu) ? devices : outer.devices,
                outer: [outer])
        } catch {
            post(.giveBack(guest))
            throw error
        }
    }

    private func withdraw(_ guest: Int) {
        guard let waiting = guests.removeValue(forKey: guest) else { return }
        post(.giveBack(guest))
        waiting.resume(returning: nil)
    }

    /// What the machine has given to a guest that waited.
    func lent(_ guest: Int, devices: [Int]) {
        guard let waiting = guests.removeValue(forKey: guest) else { return post(.giveBack(guest)) }
        waiting.resume(returning: devices)
    }

    func takeBack(_ loan: ResourceLoan) async {
        post(.giveBack(loan.guest))
        for outer in loan.outer { await options.enclosing?.lender.giveBack(outer) }
    }

    /// Nobody is left waiting for a pipeline that has ended.
    func dismissGuests() {
        let waiting = guests
        guests = [:]
        for continuation in waiting.values { continuation.resume(returning: nil) }
    }
}

/// The room that a node of a pipeline gives to the steps of the pipeline that it is.
struct HostedResources: ResourceLender {
    let pipeline: PipelineRun
    let node: Int

    func borrow(_ amounts: [String: Double]) async throws -> ResourceLoan? {
        try await pipeline.lend(amounts, to: node)
    }

    func giveBack(_ loan: ResourceLoan) async {
        await pipeline.takeBack(loan)
    }
}

/// For a pipeline in which nothing is started any more.
struct NoResources: ResourceLender {
    func borrow(_ amounts: [String: Double]) async throws -> ResourceLoan? { nil }
    func giveBack(_ loan: ResourceLoan) async {}
}

extension EnclosingStep {
    /// The part of what a step asks for that has to be borrowed.
    func borrowed(_ amounts: [String: Double]) -> [String: Double] {
        amounts.filter { limits[$0.key] != nil && !reserved.contains($0.key) }
    }
}
