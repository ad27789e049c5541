import Diagnostics
package import Execution
import JSON
import Processes
import Synchronization

/// Follows one job to its end: passes its log on, tells what it waits for, finds out why it was interrupted, and takes it away when asked.
package final class JobFollower: Sendable {
    /// What a job is given besides the cluster's own words.
    package struct Settings: Sendable {
        package var pendingTimeout: Duration
        /// How long the cluster may be silent before the job is given up.
        package var silenceLimit: Duration = .seconds(3600)
        package var pause: Duration = .milliseconds(250)
        package var longestPause: Duration = .seconds(10)

        package init(pendingTimeout: Duration) {
            self.pendingTimeout = pendingTimeout
        }
    }

    private struct State {
        var isStopping = false
        /// Nothing of the job is left, or nothing can be done about what is.
        var isRemoved = false
        var endedContainers: Set<String> = []
        var removal: Task<Void, Never>?
    }

    package let name: String
    private let cluster: any ClusterAPI
    private let paths: ClusterPaths
    private let watch: ClusterWatch
    private let settings: Settings
    /// Whether a ConfigMap of the job's name holds its code.
    private let hasConfigMap: Bool
    private let output: @Sendable (RawSpan) -> Void
    private let report: @Sendable (LaunchEvent) -> Void
    private let state = Mutex(State())

    package init(
        name: String, cluster: any ClusterAPI, paths: ClusterPaths, watch: ClusterWatch, settings: Settings,
        hasConfigMap: Bool = false, output: @escaping @Sendable (RawSpan) -> Void,
        report: @escaping @Sendable (LaunchEvent) -> Void
    ) {
        self.name = name
        self.cluster = cluster
        self.paths = paths
        self.watch = watch
        self.settings = settings
        self.hasConfigMap = hasConfigMap
        self.output = output
        self.report = report
    }

    /// The query that finds the job's pods.
    private var podSelector: String { "labelSelector=\(percentEncoded("\(ObjectLabel.job)=\(name)"))" }

    private func note(_ text: String) { report(.note("job '\(name)': \(text)")) }

    private func warn(_ text: String) {
        report(.warning(Diagnostic(.warning, "job '\(name)': \(text)")))
    }

    // MARK: To the end

    /// Returns when the job has ended and its log has been passed on.
    package func follow() async -> JobEnd {
        await withTaskGroup(of: Void.self) { logs in
            var progress = Progress()
            var followed: Set<String> = []
            var conclusion: (end: JobEnd, pod: PodState?)?
            for await view in watch.views(of: name) {
                tell(view.trouble, &progress)
                if let trouble = view.trouble, ContinuousClock.now - trouble.since > settings.silenceLimit {
                    conclusion = (
                        .lost(
                            reason:
                                "the cluster has not answered for too long (\(trouble.message)); the job may still run"),
                        nil
                    )
                    break
                }
                for pod in view.pods {
                    guard let main = pod.main, main.phase.hasStarted else { continue }
                    let container = pod.key(of: main)
                    if main.phase.termination != nil || pod.isOver {
                        _ = state.withLock { $0.endedContainers.insert(container) }
                    }
                    if followed.insert(container).inserted {
                        logs.addTask { await self.passOnLog(of: pod, container: main.name, key: container) }
                    }
                }
                for pod in view.deletedPods {
                    guard let main = pod.main else { continue }
                    _ = state.withLock { $0.endedContainers.insert(pod.key(of: main)) }
                }
                if let found = await conclude(view, &progress) {
                    conclusion = found
                    break
                }
            }
            // Of a short job the watch may have told the end before anything else: its pods are asked for what nobody has read yet.
            if followed.isEmpty, case .ended? = conclusion?.end {
                for pod in await startedPods() {
                    guard let main = pod.main else { continue }
                    let container = pod.key(of: main)
                    followed.insert(container)
                    logs.addTask { await self.passOnLog(of: pod, container: main.name, key: container) }
                }
            }
            // What was under way is waited for; a log that cannot be had any more ends by itself.
            state.withLock { state in
                for container in followed { state.endedContainers.insert(container) }
            }
            await logs.waitForAll()
            return conclusion?.end ?? .lost(reason: "nobody follows the job any more")
        }
    }

    /// The job's pods whose command has been started; none when they have been taken away.
    private func startedPods() async -> [PodState] {
        let answer = try? await persistently { try await self.cluster.get("\(self.paths.pods)?\(self.podSelector)") }
        return (answer?["items"]?.array ?? []).compactMap(PodState.init).filter { $0.main?.phase.hasStarted == true }
    }

    private func conclude(_ view: JobView, _ progress: inout Progress) async -> (JobEnd, PodState?)? {
        let (isStopping, isRemoved) = state.withLock { ($0.isStopping, $0.isRemoved) }
        switch JobVerdict(view) {
        case .ended(let end):
            let pod = view.deletedPods.first ?? view.pods.first
            if let pod, pod.hasOthersRunning, !isStopping, view.pods.contains(pod) {
                note("the command has ended, but other containers of its pod have not; they are ended now")
                await remove(grace: .seconds(10))
            }
            return isStopping && !isRemoved ? nil : (end, pod)
        case .pending(let reason):
            if isRemoved { return (stoppedEnd(nil), nil) }
            return await wait(view, reason, &progress).map { ($0, view.pods.last) }
        case .running:
            if isRemoved { return (stoppedEnd(view.pods.last), nil) }
            progress.began(note)
            return nil
        case .interrupted(let pod):
            if isStopping { return isRemoved ? (stoppedEnd(pod), pod) : nil }
            return (await cause(of: pod), pod)
        case .deleted(let pod):
            if isStopping { return isRemoved ? (stoppedEnd(pod), pod) : nil }
            let end: JobEnd =
                if let cause = await cause(ifTold: pod) { cause } else {
                    .failed(.lost, reason: "somebody deleted the job '\(name)' while it ran", end: pod?.processEnd)
                }
            await remove(grace: .seconds(10))
            return (end, pod)
        }
    }

    private func stoppedEnd(_ pod: PodState?) -> JobEnd {
        if let end = pod?.processEnd { return .ended(end) }
        return .lost(reason: "the job was deleted")
    }

    // MARK: Waiting

    /// What the user has been told, and since when what lasts.
    private struct Progress {
        var lastReason: String?
        var stuckSince: ContinuousClock.Instant?
        var pendingSince: ContinuousClock.Instant?
        var lookedAtEvents: ContinuousClock.Instant?
        var hasTrouble = false
        var hasBegun = false

        mutating func began(_ note: (String) -> Void) {
            guard !hasBegun else { return }
            hasBegun = true
            if lastReason != nil { note("it runs now") }
        }
    }

    private func tell(_ trouble: JobView.Trouble?, _ progress: inout Progress) {
        switch (trouble, progress.hasTrouble) {
        case (let trouble?, false):
            progress.hasTrouble = true
            note("the cluster does not answer; what runs there runs on, trying again (\(trouble.message))")
        case (nil, true):
            progress.hasTrouble = false
            note("the cluster answers again")
        default: break
        }
    }

    /// Tells each new reason once, and gives up when one that waiting rarely mends has lasted too long.
    private func wait(_ view: JobView, _ reason: PendingReason?, _ progress: inout Progress) async -> JobEnd? {
        guard view.trouble == nil else { return nil }
        let now = ContinuousClock.now
        let since = progress.pendingSince ?? now
        progress.pendingSince = since
        var reason = reason
        if reason == nil, now - since > .seconds(4), now - (progress.lookedAtEvents ?? since) > .seconds(4) {
            progress.lookedAtEvents = now
            // Nothing is said in the pod's own state: no pod could be made, or it waits for a volume.
            let subject = view.pods.last?.name ?? name
            if let warning = await latestWarning(about: subject) { reason = PendingReason(warning, isStuck: true) }
        } else if reason == nil, progress.stuckSince != nil, progress.lookedAtEvents != nil {
            // Told by events, which are not looked at every time.
            reason = PendingReason(progress.lastReason ?? "", isStuck: true)
        }
        guard let reason else {
            progress.stuckSince = nil
            return nil
        }
        if reason.text != progress.lastReason {
            progress.lastReason = reason.text
            note("waiting: \(reason.text)")
        }
        guard reason.isStuck else {
            progress.stuckSince = nil
            return nil
        }
        let stuckSince = progress.stuckSince ?? now
        progress.stuckSince = stuckSince
        guard now - stuckSince >= settings.pendingTimeout else { return nil }
        await remove(grace: .zero)
        return .failed(
            .launch,
            reason: "the job could not start within \(settings.pendingTimeout.components.seconds) s: \(reason.text)",
            end: nil)
    }

    // MARK: Interruptions

    private func events(about name: String) async -> [JSONValue] {
        let answer = try? await cluster.get(paths.events(of: name))
        return answer?["items"]?.array ?? []
    }

    private func latestWarning(about name: String) async -> String? {
        let warnings = await events(about: name).filter { $0["type"]?.string == "Warning" }
        func time(_ event: JSONValue) -> String {
            event["lastTimestamp"]?.string ?? event["eventTime"]?.string ?? ""
        }
        guard let latest = warnings.max(by: { time($0) < time($1) }) else { return nil }
        return [latest["reason"]?.string, latest["message"]?.string].compactMap(\.self).joined(separator: ": ")
    }

    /// Why a pod went away that nobody here took away; the job goes too, so that the cluster does not run the command a second time.
    private func cause(of pod: PodState) async -> JobEnd {
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

    private func cause(ifTold pod: PodState?) async -> JobEnd? {
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

    // MARK: The end by request

    /// Asks the command to end, and after `grace` makes it end; returns when nothing of the job is left.
    package func stop(grace: Duration) async {
        let isFirst = state.withLock { state in
            defer { state.isStopping = true }
            return !state.isStopping
        }
        await remove(grace: grace)
        state.withLock { $0.isRemoved = true }
        if isFirst { watch.pulse(of: name) }
    }

    /// Deletes the job, then its pods with the grace asked for, and waits until they are gone.
    private func remove(grace: Duration) async {
        // At least a second: with none, the cluster forgets a pod before it has ended.
        let seconds = max(1, grace.components.seconds + (grace.components.attoseconds > 0 ? 1 : 0))
        let deadline = ContinuousClock.now + .seconds(seconds) + .seconds(90)
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
                let answer = try await persistently(until: deadline) {
                    try await self.cluster.get("\(self.paths.pods)?\(self.podSelector)")
                }
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

    /// Repeats a request as long as the cluster is only unwell.
    private func persistently<Result: Sendable>(
        until deadline: ContinuousClock.Instant = .now + .seconds(60),
        _ request: @Sendable () async throws -> Result
    ) async throws -> Result {
        var pause = settings.pause
        while true {
            do {
                return try await request()
            } catch let error as ClusterError where error.isTransient && ContinuousClock.now < deadline {
                await sleepOrNot(pause)
                pause = min(pause * 2, settings.longestPause)
            }
        }
    }

    /// Sleeps also in a cancelled task: what must be cleaned up is waited for all the same.
    private func sleepOrNot(_ time: Duration) async {
        await Task.detached { try? await Task.sleep(for: time) }.value
    }

    // MARK: The log

    /// Passes on a container's log from its beginning to its end, over lost connections.
    private func passOnLog(of pod: PodState, container: String, key: String) async {
        let reader = Mutex(PodLogReader())
        let hasReceived = Atomic(false)
        let receive: @Sendable (RawSpan) -> Void = { bytes in
            hasReceived.store(true, ordering: .relaxed)
            reader.withLock { $0.append(bytes) { unsafe $0.withUnsafeBytes { unsafe self.output($0.bytes) } } }
        }
        func path(follows: Bool) -> String {
            paths.log(of: pod.name, container: container, follows: follows, since: reader.withLock(\.since))
        }
        let before = watch.interruptions
        var connections = 0
        var emptyAnswers = 0
        var pause = settings.pause
        var deadline: ContinuousClock.Instant?
        while true {
            let hadEnded = state.withLock { $0.endedContainers.contains(key) }
            if hadEnded, deadline == nil { deadline = .now + .seconds(120) }
            do {
                if connections > 0 { reader.withLock { $0.reconnect() } }
                connections += 1
                try await cluster.stream(path(follows: !hadEnded || connections == 1), receive: receive)
                pause = settings.pause
                if hadEnded {
                    // A node may answer with nothing for a moment after a short command, which is no proof that nothing was written.
                    emptyAnswers += 1
                    if hasReceived.load(ordering: .relaxed) || emptyAnswers > 5 { break }
                    await sleepOrNot(settings.pause * (2 * emptyAnswers - 1))
                    continue
                }
                // The end of the stream is the end of the log, if the container has ended and no connection was lost meanwhile.
                if await hasEnded(key, within: .seconds(3)), connections == 1, watch.interruptions == before,
                    hasReceived.load(ordering: .relaxed)
                {
                    break
                }
                continue
            } catch let error as ClusterError where error.kind == .notFound && connections > 3 {
                // The pod is gone. Before, it may only not have been known to its node yet.
                break
            } catch let error as ClusterError where error.kind == .invalid && !hadEnded {
                // The container is not quite there yet.
            } catch {
                if let deadline, ContinuousClock.now > deadline {
                    let reason = (error as? any ExplainedError)?.diagnostics.first?.message ?? "\(error)"
                    warn("the end of its log could not be fetched: \(reason)")
                    break
                }
            }
            await sleepOrNot(pause)
            pause = min(pause * 2, settings.longestPause)
        }
        if !hasReceived.load(ordering: .relaxed) { note("the cluster has no output of it") }
        reader.withLock { $0.finish { unsafe $0.withUnsafeBytes { unsafe self.output($0.bytes) } } }
    }

    private func hasEnded(_ container: String, within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if state.withLock({ $0.endedContainers.contains(container) }) { return true }
            await sleepOrNot(.milliseconds(20))
        }
        return false
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

    /// Whether a container beside the command's still runs, which keeps the pod, and what it was given, for nothing.
    var hasOthersRunning: Bool { !isOver && containers.dropFirst().contains { $0.phase == .running } }

    /// What tells a start of a container from every other one.
    fileprivate func key(of container: Container) -> String { "\(id)/\(container.name)/\(container.restarts)" }

    /// Whether every container has ended.
    var isOver: Bool { phase == "Succeeded" || phase == "Failed" }
}

/// The body of a request that deletes.
func deletion(propagation: String? = nil, grace: Int64? = nil) -> JSONValue {
    .object([
        "kind": .string("DeleteOptions"), "apiVersion": .string("v1"),
        "propagationPolicy": propagation.map { .string($0) }, "gracePeriodSeconds": grace.map { .integer($0) },
    ])
}
