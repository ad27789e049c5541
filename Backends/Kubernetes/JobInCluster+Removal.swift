import Diagnostics
import JSON

extension JobInCluster {
    /// Deletes the job, then its pods with the grace asked for, and waits until they are gone.
    ///
    /// - Parameter grace: nil for the pods' own.
    func remove(grace: Duration?) async {
        // At least a second: with none, the cluster forgets a pod before it has ended.
        let seconds = grace.map { max(1, $0.components.seconds + ($0.components.attoseconds > 0 ? 1 : 0)) }
        let deadline = ContinuousClock.now + .seconds(seconds ?? 600) + .seconds(90)
        do {
            try await persistently(until: deadline) {
                // The pods stay for now: taken along by the job they would have the grace of their template, and a pod's grace cannot be
                // made shorter once it is being ended. Without its job, nobody puts another pod in its place.
                try await self.ignoringAbsence {
                    try await self.cluster.delete(
                        self.paths.job(self.name), options: deletion(propagation: "Orphan"))
                }
            }
            try await persistently(until: deadline) {
                try await self.cluster.delete(
                    "\(self.paths.pods)?\(self.podSelector)", options: deletion(grace: seconds))
            }
            if hasConfigMap {
                try await persistently(until: deadline) {
                    try await self.ignoringAbsence {
                        try await self.cluster.delete(self.paths.configMap(self.name), options: deletion())
                    }
                }
            }
            while ContinuousClock.now < deadline {
                let answer = try await pods(until: deadline)
                // The object of a pod whose containers have ended may stay for a while; nothing of the job runs any more.
                let pods = (answer["items"]?.array ?? []).compactMap(PodState.init)
                if pods.allSatisfy(\.isQuiet) { return }
                await sleepOrNot(settings.pause)
            }
            warn(
                "its pods are still being ended; see 'kubectl get pods -l \(ObjectLabel.job)=\(name) -n \(paths.namespace)'"
            )
        } catch {
            let reason = (error as? any ExplainedError)?.diagnostics.first?.message ?? "\(error)"
            warn("it could not be deleted (\(reason)); do it by hand: kubectl delete job \(name) -n \(paths.namespace)")
        }
    }

    private func ignoringAbsence(_ request: () async throws -> Void) async throws {
        do { try await request() } catch let error as ClusterError where error.kind == .notFound {}
    }
}

extension PodState {
    /// Whether nothing of a pod that is being deleted runs, or will.
    var isQuiet: Bool {
        guard isBeingDeleted else { return false }
        if isOver || node == nil { return true }
        let all = initContainers + containers
        if all.allSatisfy({ $0.phase.termination != nil }) { return true }
        return !all.contains { $0.phase.hasStarted } && pendingReason?.isStuck == true
    }
}

/// The body of a request that deletes.
func deletion(propagation: String? = nil, grace: Int64? = nil) -> JSONValue {
    .object([
        "kind": .string("DeleteOptions"), "apiVersion": .string("v1"),
        "propagationPolicy": propagation.map { .string($0) }, "gracePeriodSeconds": grace.map { .integer($0) },
    ])
}
