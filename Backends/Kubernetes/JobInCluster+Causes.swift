import Execution
import JSON

// Why a job does not begin, or went away.
extension JobInCluster {
    private func events(about name: String) async -> [JSONValue] {
        let answer = try? await cluster.get(paths.events(of: name))
        return answer?["items"]?.array ?? []
    }

    /// The newest event, if it is a warning: one that something else came after, such as the pull of an image, no longer says what is waited for.
    func latestWarning(about name: String) async -> String? {
        func time(_ event: JSONValue) -> String {
            event["lastTimestamp"]?.string ?? event["eventTime"]?.string ?? ""
        }
        func isWarning(_ event: JSONValue) -> Bool { event["type"]?.string == "Warning" }
        let latest = await events(about: name).max { first, second in
            // Times are whole seconds.
            (time(first), isWarning(first) ? 0 : 1) < (time(second), isWarning(second) ? 0 : 1)
        }
        guard let latest, isWarning(latest) else { return nil }
        return [latest["reason"]?.string, latest["message"]?.string].compactMap(\.self).joined(separator: ": ")
    }

    /// Why a pod went away that nobody here took away; the job goes too, so that the cluster does not run the command a second time.
    func cause(of pod: PodState) async -> JobEnd {
        var end = await cause(ifTold: pod)
        if end == nil {
            // The job is told a moment after its pod.
            try? await Task.sleep(for: .seconds(1))
            end = await cause(ifTold: pod)
        }
        await remove(grace: .seconds(10))
        return end
            ?? .failed(
                .lost,
                reason:
                    "its pod '\(pod.name)' was deleted while the command ran: its node was drained, or somebody did it",
                end: pod.processEnd)
    }

    func cause(ifTold pod: PodState?) async -> JobEnd? {
        do {
            let answer = try await persistently { try await self.cluster.get(self.paths.job(self.name)) }
            if let job = JobState(answer) {
                var view = JobView()
                view.job = job
                if let failed = job.condition("Failed") ?? job.condition("FailureTarget"),
                    failed.reason == "DeadlineExceeded", case .ended(let end) = JobVerdict(view)
                {
                    return end
                }
            }
        } catch let error as ClusterError where error.kind == .notFound {
            return .failed(.lost, reason: "somebody deleted the job '\(name)' while it ran", end: pod?.processEnd)
        } catch {}
        guard let pod else { return nil }
        if let disruption = pod.condition("DisruptionTarget"), disruption.isTrue {
            let why = disruption.message ?? disruption.reason ?? ""
            return .failed(.preempted, reason: "its pod was taken away: \(why)", end: pod.processEnd)
        }
        for event in await events(about: pod.name) {
            let message = event["message"]?.string ?? ""
            switch event["reason"]?.string {
            case "Preempted":
                return .failed(
                    .preempted, reason: "its pod made way for a more important one: \(message)", end: pod.processEnd)
            case "Evicted", "TaintManagerEviction":
                return .failed(.preempted, reason: "its pod was evicted: \(message)", end: pod.processEnd)
            case "NodeNotReady", "NodeControllerEviction":
                return .failed(.lost, reason: "its node was lost: \(message)", end: pod.processEnd)
            default: continue
            }
        }
        return nil
    }
}
