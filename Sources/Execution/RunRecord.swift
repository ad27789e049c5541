import Diagnostics
package import Processes
package import Tracking

/// Writes the beginning and the end of a run into the store.
///
/// A run that was begun is always ended: with what its command did, with the reason it failed, or as killed. What a run says of itself
/// (a terminal status set by its own code) stands.
package struct RunRecord: Sendable {
    package let info: RunInfo
    private let store: any TrackingStore

    package init(info: RunInfo, store: any TrackingStore) {
        self.info = info
        self.store = store
    }

    /// Records facts that became known after the run was created.
    package func add(_ tags: [Tag]) async throws {
        guard !tags.isEmpty else { return }
        try await store.updateRun(RunUpdate(runID: info.runID, tags: tags))
    }

    /// Records the end.
    ///
    /// A run's own word counts where it does not make things look better than they are: a FAILED or KILLED that its code set stands,
    /// a FINISHED only if the command succeeded too.
    ///
    /// - Returns: what the store says of the run now.
    package func end(_ outcome: RunOutcome, at time: Int64) async throws -> RunInfo {
        var ownWordStands = outcome.isSuccess
        if !outcome.isSuccess {
            ownWordStands = try await store.run(id: info.runID).info.status != .finished
        }
        return try await store.updateRun(
            RunUpdate(
                runID: info.runID, status: outcome.status, endTime: time, tags: outcome.tags,
                removedTags: [WellKnownTag.runner], metrics: outcome.metrics, respectsTerminalStatus: ownWordStands))
    }
}

/// How a run ended, as far as its runner can tell.
package struct RunOutcome: Sendable, Hashable {
    package var status: RunStatus
    /// Why it did not finish; nil for a finished run.
    package var reason: String?
    /// The reason in one word; nil for a finished run.
    package var kind: FailureKind?
    /// What the process tree did and used; nil when nothing was started.
    package var end: ProcessEnd?
    /// What else the end is recorded with.
    package var additionalTags: [Tag] = []
    package var metrics: [Metric] = []

    package init(status: RunStatus, kind: FailureKind? = nil, reason: String? = nil, end: ProcessEnd? = nil) {
        self.status = status
        self.kind = kind
        self.reason = reason
        self.end = end
    }

    package var isSuccess: Bool { status == .finished }

    /// The tags that tell it.
    var tags: [Tag] {
        var tags: [Tag] = []
        if let reason { tags.append(Tag(WellKnownTag.failureReason, String(reason.prefix(4000)))) }
        if let kind { tags.append(Tag(WellKnownTag.failureKind, kind.rawValue)) }
        // What it cost is told once: as metrics where there are any.
        if let end { tags += (metrics.isEmpty ? end.costTags : []) + [end.terminationTag] }
        return tags + additionalTags
    }
}

extension ProcessEnd {
    /// `1.234` seconds, `12345678` bytes: plain numbers, so that they can be compared and read by anything.
    fileprivate var costTags: [Tag] {
        var tags = [Tag(WellKnownTag.wallSeconds, wallTime.secondsText)]
        if let usage {
            tags.append(Tag("swiftflow.cpu_seconds", usage.processorTime.secondsText))
            tags.append(Tag("swiftflow.peak_memory_bytes", "\(usage.peakMemory)"))
        }
        return tags
    }

    fileprivate var terminationTag: Tag {
        switch termination {
        case .exited(let code): Tag("swiftflow.exit_code", "\(code)")
        case .signaled(let signal): Tag("swiftflow.signal", signalName(signal))
        }
    }

    /// `exit code 3` or `signal SIGKILL`.
    package var explanation: String {
        switch termination {
        case .exited(let code): "exit code \(code)"
        case .signaled(let signal): "signal \(signalName(signal))"
        }
    }
}

extension Duration {
    /// Seconds with three decimals.
    package var secondsText: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        let fraction = String(1000 + abs(milliseconds) % 1000).dropFirst()
        return "\(milliseconds / 1000).\(fraction)"
    }
}

/// The name of a signal as `kill -l` knows it, `SIG42` for others.
package func signalName(_ number: Int32) -> String {
    let names: [Int32: String] = [
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
        9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
        24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
    ]
    return names[number] ?? "SIG\(number)"
}
