import Diagnostics
package import Execution
import JSON
import Processes
import Synchronization

/// Follows one job to its end: passes its log on, tells what it waits for, and judges how it ended.
package final class JobFollower: Sendable {
    /// What a job is given besides the cluster's own words.
    package struct Settings: Sendable {
        package var pendingTimeout: Duration
        /// How long the cluster may be silent before the job is given up.
        package var silenceLimit: Duration = .seconds(3600)
        package var pause: Duration = .milliseconds(250)
        package var longestPause: Duration = .seconds(10)
        /// How long a pod may wait without a word before its events are read, and how often they are.
        package var eventPause: Duration = .seconds(4)
        /// How long the end of an ended container's log is asked for.
        package var logPatience: Duration = .seconds(120)

        package init(pendingTimeout: Duration) {
            self.pendingTimeout = pendingTimeout
        }
    }

    private struct State {
        var isStopping = false
        /// Nothing of the job is left, or nothing can be done about what is.
        var isRemoved = false
        /// By ``PodState/key(of:)``; how it ended is not known of one that vanished.
        var endedContainers: [String: PodState.Termination?] = [:]
    }

    private let job: JobInCluster
    private let watch: ClusterWatch
    /// What the container writes when the command has ended.
    private let endMark: String?
    private let output: @Sendable (RawSpan) -> Void
    private let state = Mutex(State())

    package init(
        name: String, cluster: any ClusterAPI, paths: ClusterPaths, watch: ClusterWatch, settings: Settings,
        hasConfigMap: Bool = false, endMark: String? = nil, output: @escaping @Sendable (RawSpan) -> Void,
        report: @escaping @Sendable (LaunchEvent) -> Void
    ) {
        job = JobInCluster(
            name: name, cluster: cluster, paths: paths, settings: settings, hasConfigMap: hasConfigMap, report: report)
        self.watch = watch
        self.endMark = endMark
        self.output = output
    }

    package var name: String { job.name }
    private var settings: Settings { job.settings }

    // MARK: To the end

    /// Returns when the job has ended and its log has been passed on.
    package func follow() async -> JobEnd {
        await withTaskGroup(of: ContainerLog.Completeness.self) { logs in
            var progress = Progress()
            var followed: Set<String> = []
            var end: JobEnd?
            for await view in watch.views(of: name) {
                tell(view.trouble, &progress)
                if let trouble = view.trouble, ContinuousClock.now - trouble.since > settings.silenceLimit {
                    end = .lost(
                        reason: "the cluster has not answered for too long (\(trouble.message)); the job may still run")
                    break
                }
                let view = await explained(view)
                for pod in view.pods {
                    guard let main = pod.main, main.phase.hasStarted else { continue }
                    let container = pod.key(of: main)
                    if main.phase.termination != nil || pod.isOver {
                        state.withLock { $0.endedContainers[container] = .some(main.phase.termination) }
                    }
                    if followed.insert(container).inserted {
                        logs.addTask { await self.passOnLog(of: pod, container: main.name, key: container) }
                    }
                }
                for pod in view.deletedPods {
                    guard let main = pod.main else { continue }
                    state.withLock { $0.endedContainers[pod.key(of: main)] = .some(main.phase.termination) }
                }
                end = await conclude(view, &progress)
                if end != nil { break }
            }
            // What was under way is waited for; a log that cannot be had any more ends by itself.
            state.withLock { state in
                for container in followed where state.endedContainers[container] == nil {
                    state.endedContainers[container] = .some(nil)
                }
            }
            var missing: String?
            var areComplete = !followed.isEmpty || endMark == nil
            for await log in logs {
                if case .unproven = log, endMark == nil { continue }
                areComplete = areComplete && log.isComplete
                if case .cut(let reason) = log { missing = reason }
            }
            return judged(end ?? .lost(reason: "nobody follows the job any more"), areComplete, missing)
        }
    }

    /// A job that has ended tells so on another way than its pods, which may still be on theirs: they are asked how it ended and what it wrote.
    private func explained(_ view: JobView) async -> JobView {
        guard let job = view.job, job.condition("Complete") ?? job.condition("Failed") != nil, !view.isAbsent,
            job.backoffLimit > 0 || (view.pods + view.deletedPods).isEmpty
                || view.pods.contains(where: { $0.end == nil })
        else { return view }
        let answer = try? await self.job.pods()
        guard let items = answer?["items"]?.array else { return view }
        var view = view
        view.pods = items.compactMap(PodState.init).sorted { $0.createdAt < $1.createdAt }
        return view
    }

    /// A command that succeeded has not finished without its whole log; of any other end it is only told.
    private func judged(_ end: JobEnd, _ logsAreComplete: Bool, _ missing: String?) -> JobEnd {
        guard !logsAreComplete else { return end }
        let why = missing ?? "its container was ended before it could end its log"
        if case .ended(let process) = end, process.isSuccess {
            return .failed(
                .incompleteLog,
                reason: "the command succeeded, but the end of what it wrote could not be had from the cluster: \(why)",
                end: process)
        }
        if let missing { job.warn("the end of what it wrote could not be had from the cluster: \(missing)") }
        return end
    }

    private func conclude(_ view: JobView, _ progress: inout Progress) async -> JobEnd? {
        let (isStopping, isRemoved) = state.withLock { ($0.isStopping, $0.isRemoved) }
        switch JobVerdict(view) {
        case .ended(let end):
            let pod = view.deletedPods.first ?? view.pods.first
            if let pod, !isStopping {
                if pod.hasOthersRunning, view.pods.contains(pod) {
                    job.note("the command has ended, but other containers of its pod have not; they are ended now")
                    await job.remove(grace: .seconds(10))
                } else if view.isGivenUpRunning {
                    // Seen on a busy cluster: the pod had just been made, and the one that ends overdue jobs did not know of it yet.
                    job.note("the cluster has given the job up, but left its pod running; it is ended now")
                    await job.remove(grace: nil)
                } else if view.isRunAgain(beside: pod) {
                    // Somebody deleted its pod, and it ended well all the same: the cluster puts another one in its place.
                    await job.remove(grace: .seconds(10))
                }
            }
            return isStopping && !isRemoved ? nil : end
        case .pending(let reason):
            if isRemoved { return stoppedEnd(nil) }
            return await wait(view, reason, &progress)
        case .running:
            if isRemoved { return stoppedEnd(view.pods.last) }
            progress.began(job.note)
            return nil
        case .interrupted(let pod):
            if isStopping { return isRemoved ? stoppedEnd(pod) : nil }
            return await job.cause(of: pod)
        case .deleted(let pod):
            if isStopping { return isRemoved ? stoppedEnd(pod) : nil }
            let end: JobEnd =
                if let cause = await job.cause(ifTold: pod) { cause } else {
                    .failed(.lost, reason: "somebody deleted the job '\(name)' while it ran", end: pod?.processEnd)
                }
            await job.remove(grace: .seconds(10))
            return end
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
        /// What was wrong when something was last tried.
        var lastCause: String?
        /// A pull that fails is told by turns as what failed and as what is waited for.
        var toldReasons: Set<String> = []
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
            job.note("the cluster does not answer; what runs there runs on, trying again (\(trouble.message))")
        case (nil, true):
            progress.hasTrouble = false
            job.note("the cluster answers again")
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
        if reason == nil, now - (progress.lookedAtEvents ?? since) > settings.eventPause {
            progress.lookedAtEvents = now
            // Nothing is said in the pod's own state: no pod could be made, or it waits for a volume.
            let subject = view.pods.last?.name ?? name
            if let warning = await job.latestWarning(about: subject) { reason = PendingReason(warning, isStuck: true) }
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
            if progress.toldReasons.insert(reason.text).inserted { job.note("waiting: \(reason.text)") }
        }
        if !reason.isOnlyPause { progress.lastCause = reason.text }
        guard reason.isStuck else {
            progress.stuckSince = nil
            return nil
        }
        let stuckSince = progress.stuckSince ?? now
        progress.stuckSince = stuckSince
        guard now - stuckSince >= settings.pendingTimeout else { return nil }
        await job.remove(grace: .zero)
        return .failed(
            .launch,
            reason:
                "the job could not start within \(settings.pendingTimeout.components.seconds) s: \(progress.lastCause ?? reason.text)",
            end: nil)
    }

    // MARK: The end by request

    /// Asks the command to end, and after `grace` makes it end; returns when nothing of the job is left.
    package func stop(grace: Duration) async {
        let isFirst = state.withLock { state in
            defer { state.isStopping = true }
            return !state.isStopping
        }
        await job.remove(grace: grace)
        state.withLock { $0.isRemoved = true }
        if isFirst { watch.pulse(of: name) }
    }

    // MARK: The log

    private func passOnLog(of pod: PodState, container: String, key: String) async -> ContainerLog.Completeness {
        let log = ContainerLog(
            pod: pod.name, container: container, endMark: endMark, cluster: job.cluster, paths: job.paths,
            settings: settings,
            end: { self.state.withLock { $0.endedContainers[key] } }, output: output)
        return await log.passOn()
    }
}

extension JobView {
    /// Whether the cluster has told that the job failed, and yet ends no pod of it that runs, or will.
    ///
    /// It asks the pods to end before it tells so.
    var isGivenUpRunning: Bool {
        guard !isAbsent, job?.condition("Failed") != nil else { return false }
        return pods.contains { $0.end == nil && !$0.isBeingDeleted }
    }

    /// Whether the command, which has ended in this pod, runs or is about to run in another one.
    func isRunAgain(beside pod: PodState) -> Bool {
        let isTakenAway = pod.isBeingDeleted || deletedPods.contains(pod)
        return !isAbsent && (isTakenAway || pods.contains { $0.name != pod.name && !$0.isOver })
    }
}

extension PodState {
    /// Whether a container beside the command's still runs, which keeps the pod, and what it was given, for nothing.
    var hasOthersRunning: Bool { !isOver && containers.dropFirst().contains { $0.phase == .running } }

    /// What tells a start of a container from every other one.
    fileprivate func key(of container: Container) -> String { "\(id)/\(container.name)/\(container.restarts)" }

    /// Whether every container has ended.
    var isOver: Bool { phase == "Succeeded" || phase == "Failed" }
}
