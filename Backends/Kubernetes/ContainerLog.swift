import Diagnostics
import Synchronization

/// The log of one start of a container, passed on from its beginning to its end.
struct ContainerLog: Sendable {
    /// Whether what was passed on is all the container wrote.
    enum Completeness: Sendable {
        case complete
        /// The container was ended before it could say so, or never does.
        case unproven
        /// There was more, or may have been.
        case cut(String)

        var isComplete: Bool { if case .complete = self { true } else { false } }
    }

    var pod: String
    var container: String
    /// What the container writes when the command has ended.
    var endMark: String?
    var cluster: any ClusterAPI
    var paths: ClusterPaths
    var settings: JobFollower.Settings
    /// How the container ended: nil while it has not, `.some(nil)` of one that vanished.
    var end: @Sendable () -> PodState.Termination??
    var output: @Sendable (RawSpan) -> Void

    /// Returns when the log has ended, or can no longer be had; connections may be lost meanwhile.
    func passOn() async -> Completeness {
        let reader = Mutex(PodLogReader(endMark: endMark))
        let receive: @Sendable (RawSpan) -> Void = { bytes in
            reader.withLock { $0.append(bytes) { unsafe $0.withUnsafeBytes { unsafe self.output($0.bytes) } } }
        }
        defer { reader.withLock { $0.finish { unsafe $0.withUnsafeBytes { unsafe self.output($0.bytes) } } } }
        var connections = 0
        var readsAfterEnd: [Int] = []
        var pause = settings.pause
        var deadline: ContinuousClock.Instant?
        var silence: (since: ContinuousClock.Instant, why: String)?
        while true {
            let end = end()
            if end??.couldNotStart == true { return .complete }
            if end != nil, deadline == nil { deadline = .now + settings.logPatience }
            let path = reader.withLock { reader in
                if connections > 0 { reader.reconnect() }
                return paths.log(
                    of: pod, container: container, follows: end == nil || connections == 0, since: reader.since)
            }
            connections += 1
            do {
                try await read(path, receive: receive)
                silence = nil
                let lines = reader.withLock { $0.isComplete ? nil : $0.lineCount }
                guard let lines else { return .complete }
                if end != nil {
                    // The node reads what another program writes, which may be behind: as long as there was more, there may be more still.
                    readsAfterEnd.append(lines)
                    let latest = readsAfterEnd.suffix(Self.readsOfStillLog)
                    if !expectsMark(end), latest.count == Self.readsOfStillLog, latest.allSatisfy({ $0 == lines }) {
                        return .unproven
                    }
                } else if await !hasEnded(within: .seconds(3)) {
                    pause = settings.pause
                }
            } catch let error as ClusterError where error.kind == .notFound && connections > 3 {
                // Before, it may only not have been known to its node yet.
                return .cut("its pod is gone")
            } catch let error as ClusterError where error.kind == .invalid && end == nil {
                // The container is not quite there yet.
            } catch {
                let why = (error as? any ExplainedError)?.diagnostics.first?.message ?? "\(error)"
                let since = silence?.since ?? .now
                silence = (since, why)
                let isTransient = (error as? ClusterError)?.isTransient == true
                if isTransient, deadline != nil, ContinuousClock.now - since < settings.silenceLimit {
                    // A cluster that is away says nothing about the log.
                    deadline = .now + settings.logPatience
                }
            }
            if let deadline, ContinuousClock.now > deadline {
                guard expectsMark(end) || silence != nil else { return .unproven }
                let words = reader.withLock { $0.words }
                return .cut(silence?.why ?? (words.isEmpty ? "its node has no more of it" : "its node says: \(words)"))
            }
            await sleepOrNot(pause)
            pause = min(pause * 2, end == nil ? settings.longestPause : .seconds(2))
        }
    }

    /// Reads what one connection brings; one that stands still although the container has ended is left.
    ///
    /// It may be broken without anybody having told (a network that changed, a machine that slept), and would stand still for ever.
    private func read(_ path: String, receive: @escaping @Sendable (RawSpan) -> Void) async throws {
        let received = Mutex(0)
        let reading: @Sendable () async throws -> Void = {
            try await cluster.stream(path) { bytes in
                received.withLock { $0 += bytes.byteCount }
                receive(bytes)
            }
        }
        let standingStill: @Sendable () async throws -> Void = {
            // Counted in looks, so that a program that was suspended does not find all its time gone.
            let looks = 20
            var (last, quiet) = (-1, 0)
            while (try? await Task.sleep(for: settings.logPatience / looks)) != nil {
                guard end() != nil else { continue }
                let count = received.withLock { $0 }
                quiet = count == last ? quiet + 1 : 0
                last = count
                if quiet == looks { return }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await reading() }
            group.addTask { try await standingStill() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// How often the same must be read before a log without a mark is taken as whole.
    private static let readsOfStillLog = 4

    /// Whether a container that ended so has marked the end of its log: not if it could not be started, or was killed.
    private func expectsMark(_ termination: PodState.Termination??) -> Bool {
        guard endMark != nil, case .some(.some(let end)) = termination else { return false }
        return end.exitCode != 137 && end.signal == nil && !end.couldNotStart
    }

    private func hasEnded(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if end() != nil { return true }
            await sleepOrNot(.milliseconds(20))
        }
        return false
    }
}

/// Sleeps also in a cancelled task: what must be cleaned up, or read to its end, is waited for all the same.
func sleepOrNot(_ time: Duration) async {
    await Task.detached { try? await Task.sleep(for: time) }.value
}
