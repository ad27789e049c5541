import Containers
package import Execution
package import Processes

/// Everything the cluster has said of one job so far.
package struct JobView: Sendable, Hashable {
    package var job: JobState?
    /// The cluster has said that there is no such job.
    package var isAbsent = false
    /// Oldest first.
    package var pods: [PodState] = []
    /// Pods that are gone, as they were last seen.
    package var deletedPods: [PodState] = []
    /// Why nothing new is known at the moment; nil while the cluster answers.
    package var trouble: Trouble?

    package struct Trouble: Sendable, Hashable {
        package var message: String
        /// By the monotonic clock.
        package var since: ContinuousClock.Instant
    }

    package init() {}
}

/// What follows from what the cluster says of a job.
///
/// No I/O: every rule of it is in the tests' tables.
package enum JobVerdict: Sendable, Hashable {
    /// No command runs yet.
    case pending(PendingReason?)
    case running
    case ended(JobEnd)
    /// Somebody took the pod away; who and why has to be asked.
    case interrupted(PodState)
    /// Somebody deleted the job.
    case deleted(PodState?)

    package init(_ view: JobView) {
        if let job = view.job, !view.isAbsent, job.backoffLimit > 0 {
            self = Self.withRetries(job, view)
        } else {
            self = Self.once(view)
        }
    }

    /// The template lets the cluster try again: only the job itself can tell the end.
    private static func withRetries(_ job: JobState, _ view: JobView) -> JobVerdict {
        if let end = conclusion(of: job, last: view.pods.last ?? view.deletedPods.last) { return .ended(end) }
        return progress(of: view.pods.last)
    }

    /// The command runs once: its pod tells the end, a moment before the job does.
    private static func once(_ view: JobView) -> JobVerdict {
        let pod = view.deletedPods.first ?? view.pods.first
        let isDeleted = !view.deletedPods.isEmpty
        if let pod, let end = pod.end {
            // A pod that is being deleted ends because of it; a success is one all the same.
            if case .ended(let process) = end, process.isSuccess { return .ended(end) }
            let isTold = pod.reason != nil || pod.main?.phase.termination?.reason == "OOMKilled"
            if (pod.isBeingDeleted || isDeleted) && !isTold {
                return view.isAbsent ? .deleted(pod) : .interrupted(pod)
            }
            return .ended(end)
        }
        if let job = view.job, let end = conclusion(of: job, last: pod) { return .ended(end) }
        if view.isAbsent { return .deleted(pod) }
        if let pod, isDeleted { return .interrupted(pod) }
        return progress(of: pod)
    }

    private static func conclusion(of job: JobState, last pod: PodState?) -> JobEnd? {
        if job.condition("Complete") != nil {
            return pod?.end ?? .ended(ProcessEnd(termination: .exited(code: 0), wallTime: .zero, usage: nil))
        }
        guard let failed = job.condition("Failed") ?? job.condition("FailureTarget") else { return nil }
        if failed.reason == "DeadlineExceeded" {
            return .failed(
                .timeout, reason: "the job ran longer than its 'activeDeadlineSeconds' allows", end: pod?.processEnd)
        }
        if let end = pod?.end { return end }
        let reason = [failed.reason, failed.message].compactMap(\.self).joined(separator: ": ")
        return .failed(.lost, reason: "the cluster gave the job up (\(reason))", end: nil)
    }

    private static func progress(of pod: PodState?) -> JobVerdict {
        guard let pod else { return .pending(nil) }
        if pod.main?.phase.hasStarted == true { return .running }
        return .pending(pod.pendingReason)
    }
}

/// Why a pod does not run yet.
package struct PendingReason: Sendable, Hashable {
    package var text: String
    /// Whether waiting rarely helps: it counts against `pending-timeout`.
    package var isStuck: Bool
    /// It says only that the cluster tries again, and not what went wrong before.
    package var isOnlyPause = false

    package init(_ text: String, isStuck: Bool, isOnlyPause: Bool = false) {
        self.text = text
        self.isStuck = isStuck
        self.isOnlyPause = isOnlyPause
    }
}

extension PodState {
    package var pendingReason: PendingReason? {
        if let scheduled = condition("PodScheduled"), !scheduled.isTrue, let reason = scheduled.reason {
            let text = reason == "Unschedulable" ? "no node can take it" : reason
            return PendingReason("\(text)\(scheduled.message.map { ": \($0)" } ?? "")", isStuck: false)
        }
        for container in initContainers + containers {
            guard case .waiting(let reason?, let message) = container.phase,
                !["ContainerCreating", "PodInitializing"].contains(reason)
            else { continue }
            let wantsLogin = reason == "ErrImagePull" && ContainerClient.isAboutLogin((message ?? "").lowercased())
            let remedy =
                wantsLogin
                ? "; if the image is a private one, name a secret with a login for its registry (\"image-pull-secrets\" in the backend configuration)"
                : ""
            return PendingReason(
                "container '\(container.name)': \(reason)\(message.map { ": \($0)" } ?? "")\(remedy)", isStuck: true,
                isOnlyPause: reason == "ImagePullBackOff")
        }
        return nil
    }

    /// How the command ended, as far as the pod tells; nil while it has not.
    package var end: JobEnd? {
        let termination = main?.phase.termination
        guard termination != nil || phase == "Failed" || phase == "Succeeded" else { return nil }
        let process = processEnd
        if let process, process.isSuccess { return .ended(process) }
        if let (kind, what) = podFailure { return .failed(kind, reason: what, end: process) }
        if let disruption = condition("DisruptionTarget"), disruption.isTrue {
            let why = disruption.message ?? disruption.reason ?? "disrupted"
            return .failed(.preempted, reason: "its pod was taken away: \(why)", end: process)
        }
        if let termination { return end(of: termination) }
        for container in initContainers {
            guard let ended = container.phase.termination, ended.exitCode != 0 else { continue }
            let detail = ended.message.map { ": \($0)" } ?? ""
            return .failed(
                .launch,
                reason: "the init container '\(container.name)' ended with exit code \(ended.exitCode)\(detail)",
                end: nil)
        }
        if phase == "Succeeded" {
            return .ended(ProcessEnd(termination: .exited(code: 0), wallTime: .zero, usage: nil))
        }
        return .failed(.lost, reason: "its pod failed and says no more than '\(message ?? reason ?? phase)'", end: nil)
    }

    /// What the pod as a whole says, which is more than its container's exit code.
    private var podFailure: (FailureKind, String)? {
        guard let reason else { return nil }
        let detail = message.map { ": \($0)" } ?? ""
        switch reason {
        case "Evicted": return (.preempted, "its pod was evicted from the node\(detail)")
        case "Preempting", "Preempted": return (.preempted, "its pod made way for a more important one\(detail)")
        case "Shutdown", "NodeShutdown", "Terminated": return (.preempted, "its node was shut down\(detail)")
        case "NodeLost": return (.lost, "its node was lost\(detail)")
        case "DeadlineExceeded": return (.timeout, "its pod ran longer than 'activeDeadlineSeconds' allows")
        case "UnexpectedAdmissionError", "NodeAffinity", "MatchNodeSelector", "InvalidNodeInfo":
            return (.launch, "its node refused the pod (\(reason))\(detail)")
        default:
            return reason.hasPrefix("OutOf") ? (.launch, "its node refused the pod (\(reason))\(detail)") : nil
        }
    }

    private func end(of termination: Termination) -> JobEnd {
        let detail = termination.message.map { ": \($0)" } ?? ""
        let code = termination.exitCode
        switch termination.reason {
        case _ where termination.couldNotStart:
            return .failed(
                .launch, reason: "the container could not be started (\(termination.reason ?? ""))\(detail)",
                end: processEnd)
        case "OOMKilled":
            return .failed(
                .outOfMemory, reason: "its container was killed for using more memory than it may (exit code \(code))",
                end: processEnd)
        default:
            guard (129...192).contains(code) || termination.signal != nil, let process = processEnd else {
                return .ended(processEnd ?? ProcessEnd(termination: .exited(code: code), wallTime: .zero, usage: nil))
            }
            let signal = signalName(termination.signal ?? code - 128)
            return .failed(
                .signal, reason: "the command was ended by \(signal) (exit code \(code))", end: process)
        }
    }

    /// Exit code and time of the command; the cluster knows whole seconds, and nothing of what it used.
    package var processEnd: ProcessEnd? {
        guard let termination = main?.phase.termination else { return nil }
        var time = Duration.zero
        if let start = termination.startedAt, let end = termination.finishedAt { time = .seconds(max(0, end - start)) }
        return ProcessEnd(termination: .exited(code: termination.exitCode), wallTime: time, usage: nil)
    }
}

extension PodState.Termination {
    /// Whether there was never a process in the container.
    var couldNotStart: Bool {
        ["ContainerCannotRun", "StartError", "RunContainerError", "CreateContainerError"].contains(reason ?? "")
    }
}
