import Diagnostics
import JSON
import Tracking

/// What the runner looks at while it runs: whether the pipeline is still its own, and whether somebody wants it to end.
extension PipelineRun {
    /// How often the pipeline's run is looked at; a wish to cancel is seen within two seconds.
    static let watchInterval: Milliseconds = 1_500

    func keepLease() async throws -> Task<Void, Never> {
        Task { [weak self] in
            var last: Milliseconds = self?.services.clock.now() ?? 0
            while !Task.isCancelled {
                guard let self else { return }
                let clock = self.services.clock
                await clock.sleep(until: clock.now() + Self.watchInterval)
                guard !Task.isCancelled else { return }
                await self.watch(&last)
                await self.observeUsage()
            }
        }
    }

    private func watch(_ lastHeartbeat: inout Milliseconds) async {
        do {
            let run = try await services.store.run(id: info.runID)
            let text = run.data.tag(NodeTag.lease)
            guard let text, let lease = Lease(text), lease.epoch <= epoch else { return loseLease() }
            if let wish = run.data.tag(NodeTag.cancel) { obey(wish) }
            let now = services.clock.now()
            // An earlier runner that was asleep may have written its heartbeat over ours; it sees the later epoch next time, and stops.
            guard lease.epoch < epoch || now - lastHeartbeat >= Lease.heartbeatInterval else { return }
            lastHeartbeat = now
            let renewed = Lease(owner: services.owner, epoch: epoch, heartbeat: now)
            try await services.store.setTag(Tag(NodeTag.lease, renewed.text), runID: info.runID)
        } catch {
            // A store that cannot be asked now is asked again; whoever takes over waits longer than that.
            services.observe(
                .warning(Diagnostic(.warning, "the pipeline's run cannot be read: \(messages(of: error))")))
        }
    }

    private func obey(_ wish: String) {
        guard obeyedWish != wish else { return }
        obeyedWish = wish
        let steps = cancelledSteps(wish)
        if steps.isEmpty { return cancel(reason: "cancelled on request") }
        for step in steps { cancel(step: step, reason: "cancelled on request") }
    }
}

/// The steps that the tag `swiftflow.cancel` names; none for the whole pipeline.
package func cancelledSteps(_ wish: String) -> [String] {
    guard case .array(let items)? = try? JSONReader.read(Array(wish.utf8).span) else { return [] }
    return items.compactMap { if case .string(let name) = $0 { name } else { nil } }
}

/// The value of the tag `swiftflow.cancel` for these steps.
package func cancelWish(steps: [String]) -> String {
    var writer = JSONWriter()
    writer.array(steps) { $0.string($1) }
    return String(decoding: writer.bytes, as: UTF8.self)
}
