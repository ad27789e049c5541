import Diagnostics
import Files
package import GitMessages
import Processes
import Synchronization
package import SystemPackage

/// Runs the worker program for one request.
struct GitWorkerProcess: Sendable {
    let starter: any ProcessStarter
    let environment: [String: String]
    /// The worker ends a tenth of a second after it has been asked to; so long it needs to take away what it has made for itself.
    private static let grace = Duration.seconds(2)

    /// - Returns: the events that carry results, in their order.
    /// - Throws: the worker's `GitFailure`, or one of our own when it breaks off; `CancellationError` when the task is cancelled, after
    ///   the worker has ended.
    func run(
        _ request: GitRequest, patience: Duration? = nil, progress: @escaping @Sendable (GitProgress) -> Void
    ) async throws -> [GitEvent] {
        let program = try workerProgram(environment)
        let question = try request.json()
        // What a pipe holds at once: the worker reads only after it has started.
        guard question.count < 65_536 else {
            throw GitFailure(
                .refused, "the request to the git worker is too large",
                remedy: "shorten the lines for this server in ssh's known_hosts")
        }
        let (lines, continuation) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingNewest(10_000))
        let splitter = Mutex(LineSplitter())
        let errors = Mutex<[UInt8]>([])
        let process = try await starter.start(
            ProcessSpecification(
                executable: program, arguments: [], environment: workerEnvironment, workingDirectory: "/",
                standardInput: .bytes(question),
                output: OutputHandling { stream, bytes in
                    let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
                    if stream == .standardOutput {
                        for line in splitter.withLock({ $0.append(copy) }) { continuation.yield(line) }
                    } else {
                        errors.withLock { if $0.count < 16_384 { $0 += copy } }
                    }
                }))
        let ending = Task {
            let end = await process.wait()
            continuation.finish()
            return end
        }
        let conversation = WorkerConversation(progress: progress)
        let deadline = patience ?? request.limits.total + .seconds(10)
        let isLate = await withTaskCancellationHandler {
            await conversation.listen(to: lines, deadline: deadline) { await process.stop(grace: Self.grace) }
        } onCancel: {
            // Owned by `ending`, which is awaited below.
            Task { await process.stop(grace: Self.grace) }
        }
        let end = await ending.value
        try Task.checkCancellation()
        if let failure = conversation.failure { throw failure }
        if conversation.hasFinished { return conversation.results }
        if isLate, patience != nil { return conversation.results }
        throw brokenOff(end, isLate: isLate, errors.withLock { $0 })
    }

    private func brokenOff(_ end: ProcessEnd, isLate: Bool, _ errors: [UInt8]) -> GitFailure {
        if isLate {
            return GitFailure(
                .timeLimit, "fetching from git did not end in time and was stopped", remedy: "try again later")
        }
        let how =
            switch end.termination {
            case .exited(let code): "exit code \(code)"
            case .signaled(let signal): "signal \(signal)"
            }
        let last = String(decoding: errors.suffix(400), as: UTF8.self).split(whereSeparator: \.isNewline).last
        return GitFailure(
            .worker, "the git worker ended without an answer (\(how))\(last.map { ": \($0)" } ?? "")",
            remedy: "the repository may be damaged or hostile; nothing of it is used")
    }

    /// Only what the worker needs; nothing secret travels here.
    private var workerEnvironment: [String: String] {
        let names = [
            "TMPDIR", "LD_LIBRARY_PATH", "SSH_AUTH_SOCK", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY",
            "no_proxy", "NO_PROXY",
        ]
        var result = environment.filter { names.contains($0.key) }
        // Our own check needs no crash report, which could show what is in memory.
        result["SWIFT_BACKTRACE"] = "enable=no"
        result["LANG"] = "C.UTF-8"
        // Without a home the library finds no one's configuration; for ssh the worker makes its own.
        result["HOME"] = "/nonexistent"
        return result
    }
}

/// Finds `swiftflow-git`: named in `SWIFTFLOW_GIT`, else beside the running program, else in `../libexec/swiftflow`.
package func workerProgram(_ environment: [String: String]) throws(GitFailure) -> FilePath {
    do throws(ProcessError) {
        return try companionProgram("swiftflow-git", variable: "SWIFTFLOW_GIT", value: environment["SWIFTFLOW_GIT"])
    } catch {
        let finding = error.diagnostics.first
        throw GitFailure(.worker, finding?.message ?? "cannot find 'swiftflow-git'", remedy: finding?.remedy)
    }
}

/// Takes in the worker's lines on one task and keeps what matters.
private final class WorkerConversation: Sendable {
    private struct State {
        var results: [GitEvent] = []
        var failure: GitFailure?
        var hasFinished = false
        /// Steps of waiting without a sign of life.
        var quiet = Duration.zero
    }

    private let state = Mutex(State())
    private let progress: @Sendable (GitProgress) -> Void

    init(progress: @escaping @Sendable (GitProgress) -> Void) {
        self.progress = progress
    }

    var results: [GitEvent] { state.withLock { $0.results } }
    var failure: GitFailure? { state.withLock { $0.failure } }
    var hasFinished: Bool { state.withLock { $0.hasFinished } }

    /// Reads to the end of `lines`.
    ///
    /// - Returns: whether the worker had to be stopped because it exceeded the deadline or gave no sign of life.
    func listen(
        to lines: AsyncStream<[UInt8]>, deadline: Duration, stop: @escaping @Sendable () async -> Void
    ) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await line in lines { self.take(line) }
                return false
            }
            group.addTask { await self.watch(deadline: deadline, stop: stop) }
            var isLate = false
            // Whichever ends first: the lines (all is well), or the watch, after which the lines end too.
            while let wasLate = await group.next() {
                isLate = isLate || wasLate
                if !wasLate { group.cancelAll() }
            }
            return isLate
        }
    }

    /// Counts in steps, so that a program that was suspended does not find all its time gone.
    private func watch(deadline: Duration, stop: @Sendable () async -> Void) async -> Bool {
        var passed = Duration.zero
        let step = min(Duration.milliseconds(250), max(deadline / 4, .milliseconds(5)))
        while !Task.isCancelled {
            guard (try? await Task.sleep(for: step)) != nil else { return false }
            passed += step
            let quiet = state.withLock { state -> Duration in
                state.quiet += step
                return state.quiet
            }
            if passed >= deadline || quiet >= .seconds(30) {
                await stop()
                return true
            }
        }
        return false
    }

    private func take(_ line: [UInt8]) {
        let event = try? GitEvent(line: line)
        state.withLock { $0.quiet = .zero }
        switch event {
        case .progress(let value): progress(value)
        case .failed(let failure): state.withLock { $0.failure = $0.failure ?? failure }
        case .finished: state.withLock { $0.hasFinished = true }
        case .resolved, .checkedOut, .described, .code:
            state.withLock { state in if let event, state.results.count < 16 { state.results.append(event) } }
        case .codeFiles:
            // As many as a checkout may have, in batches.
            state.withLock { state in if let event, state.results.count < 1024 { state.results.append(event) } }
        case .alive, nil: break
        }
    }
}

/// Cuts a stream of bytes into lines, each of at most 4 MiB.
private struct LineSplitter: ~Copyable {
    private var rest: [UInt8] = []

    mutating func append(_ bytes: [UInt8]) -> [[UInt8]] {
        rest += bytes
        guard rest.contains(0x0A) else {
            if rest.count > 4 << 20 { rest.removeAll() }
            return []
        }
        var lines = rest.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        rest = lines.removeLast()
        return lines
    }
}
