import CLinux
import Diagnostics
import Glibc
import Synchronization

/// A process tree under a supervisor.
///
/// It is over when the supervisor has reported the end of the tree *and* both output streams are closed.
final class KeptProcess: RunningProcess, Sendable {
    /// What reading the supervisor's socket brought.
    enum News {
        case nothing
        /// The tree has ended, or nothing was started.
        case over
        /// The supervisor is gone without having said how the tree ended.
        case lost
    }

    private struct State {
        /// Our end of the supervisor's socket, while it is open.
        var control: Int32?
        /// Until the supervisor has answered.
        var start: (continuation: CheckedContinuation<Void, any Error>, request: StartRequest)?
        var report: ProcessEnd?
        var outputIsClosed = false
        var outputNumber: UInt64?
        var supervisionFailure: String?
        var end: ProcessEnd?
        var waiters: [CheckedContinuation<ProcessEnd, Never>] = []
        var terminals: [TerminalSize.Follower] = []
    }

    let job: UInt64
    private let identifier = Atomic<Int32>(0)
    private let state: Mutex<State>
    private let started = SuspendingClock.now

    init(job: UInt64, request: StartRequest, start: CheckedContinuation<Void, any Error>) {
        self.job = job
        state = Mutex(State(start: (start, request)))
    }

    deinit {
        state.withLock { state in
            if let control = state.control { _ = close(control) }
        }
    }

    var processID: Int32 { identifier.load(ordering: .acquiring) }

    // MARK: For the users

    func wait() async -> ProcessEnd {
        await withCheckedContinuation { continuation in
            let end = state.withLock { state in
                if state.end == nil { state.waiters.append(continuation) }
                return state.end
            }
            if let end { continuation.resume(returning: end) }
        }
    }

    func stop(grace: Duration) async {
        let (seconds, attoseconds) = grace.components
        // A grace of more than 100 years is one of 100 years.
        let nanoseconds = min(max(seconds, 0), 3_155_760_000) * 1_000_000_000 + attoseconds / 1_000_000_000
        send(
            swiftflow_keeper_command(
                kind: SWIFTFLOW_KEEPER_STOP, signal: 0, grace_nanoseconds: max(nanoseconds, 0)))
    }

    func signal(_ number: Int32) async {
        signalGroup(number)
    }

    func signalGroup(_ number: Int32) {
        send(swiftflow_keeper_command(kind: SWIFTFLOW_KEEPER_SIGNAL, signal: number, grace_nanoseconds: 0))
    }

    private func send(_ command: swiftflow_keeper_command) {
        var command = command
        state.withLock { state in
            guard let control = state.control else { return }
            // Two hundred commands fit into the socket; a supervisor that has read none of them is stopped or dead.
            let size = MemoryLayout.size(ofValue: command)
            while unsafe Glibc.send(control, &command, size, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) < 0,
                lastErrno == EINTR
            {}
        }
    }

    // MARK: For the connection

    /// The start is on its way to the keeper: from now on the supervisor's socket tells what becomes of it.
    func isSent(control: consuming Descriptor, outputNumber: UInt64, terminals: [TerminalSize.Follower]) {
        let number = control.release()
        state.withLock { state in
            state.control = number
            state.outputNumber = outputNumber
            state.terminals = terminals
        }
    }

    var outputNumber: UInt64? { state.withLock { $0.outputNumber } }
    var isOver: Bool { state.withLock { $0.end != nil } }
    var hasReport: Bool { state.withLock { $0.report != nil } }
    /// Whether the supervisor is gone without a report.
    var hasLostContact: Bool { state.withLock { $0.control == nil && $0.report == nil && $0.outputNumber != nil } }

    func failToStart(_ error: ProcessError) {
        let (start, terminals) = state.withLock { state in
            defer {
                state.start = nil
                state.terminals = []
            }
            return (state.start, state.terminals)
        }
        for terminal in terminals { terminal.stop() }
        start?.continuation.resume(throwing: error)
    }

    /// Reads what the supervisor has to say.
    func readEvents() -> News {
        while true {
            var event = swiftflow_keeper_event()
            let received = state.withLock { state -> Int? in
                guard let control = state.control else { return nil }
                let size = MemoryLayout.size(ofValue: event)
                let received = unsafe recv(control, &event, size, Int32(MSG_DONTWAIT))
                if received < 0 && (errno == EAGAIN || errno == EINTR) { return nil }
                // Whatever comes after this one, the socket has served its purpose.
                if received != size || event.kind != SWIFTFLOW_KEEPER_STARTED {
                    _ = close(control)
                    state.control = nil
                }
                return received
            }
            guard let received else { return .nothing }
            guard received == MemoryLayout.size(ofValue: event) else { return lostContact() }
            switch event.kind {
            case SWIFTFLOW_KEEPER_STARTED:
                identifier.store(event.process, ordering: .releasing)
                let start = state.withLock { state in
                    defer { state.start = nil }
                    return state.start
                }
                start?.continuation.resume()
            case SWIFTFLOW_KEEPER_FAILED:
                if let request = state.withLock({ $0.start?.request }) {
                    failToStart(
                        ProcessError(
                            request.specification, step: event.step, error: event.error, size: request.text.count))
                }
                return .over
            case SWIFTFLOW_KEEPER_ENDED:
                report(ProcessEnd(event))
                return .over
            default:
                return lostContact()
            }
        }
    }

    private func lostContact() -> News {
        let request = state.withLock { $0.start?.request }
        guard let request else { return .lost }
        failToStart(
            ProcessError(
                "cannot start '\(request.specification.executable)': the process keeper has ended or has no descriptors left",
                remedy: "see whether someone killed 'swiftflow-keeper', and the limit of open files (ulimit -n)"))
        return .over
    }

    /// Records that the supervision of this process has suffered, whatever else becomes of it.
    func note(supervisionFailure: String) {
        state.withLock { $0.supervisionFailure = $0.supervisionFailure ?? supervisionFailure }
    }

    /// Nobody can tell how the program ended: it counts as killed.
    func giveUp(_ reason: String) {
        guard !hasReport else { return }
        note(supervisionFailure: reason)
        report(
            ProcessEnd(
                termination: .signaled(signal: SIGKILL), wallTime: SuspendingClock.now - started, usage: nil))
    }

    func outputIsClosed() {
        state.withLock { $0.outputIsClosed = true }
        finishIfOver()
    }

    private func report(_ end: ProcessEnd) {
        state.withLock { $0.report = $0.report ?? end }
        finishIfOver()
    }

    private func finishIfOver() {
        let (end, waiters, terminals) = state.withLock { state in
            guard state.end == nil, state.outputIsClosed, var end = state.report else {
                return (nil as ProcessEnd?, [CheckedContinuation<ProcessEnd, Never>](), [TerminalSize.Follower]())
            }
            end.supervisionFailure = end.supervisionFailure ?? state.supervisionFailure
            state.end = end
            defer {
                state.waiters = []
                state.terminals = []
            }
            return (end, state.waiters, state.terminals)
        }
        guard let end else { return }
        for terminal in terminals { terminal.stop() }
        for waiter in waiters { waiter.resume(returning: end) }
    }
}

extension ProcessEnd {
    fileprivate init(_ event: swiftflow_keeper_event) {
        self.init(
            termination: event.signal != 0 ? .signaled(signal: event.signal) : .exited(code: event.exit_code),
            wallTime: .nanoseconds(event.wall_nanoseconds),
            usage: ResourceUsage(
                userTime: .microseconds(event.user_microseconds), systemTime: .microseconds(event.system_microseconds),
                peakMemory: event.peak_kibibytes.multipliedReportingOverflow(by: 1_024).partialValue),
            leftDescendants: event.left_descendants != 0)
        if event.survivors > 0 {
            supervisionFailure =
                "\(event.survivors) of its processes could not be ended (they belong to another user or hang in the system)"
        }
    }
}
