import CLinux
import Diagnostics
import Glibc
import Synchronization
import SystemPackage

/// One running keeper and the thread that listens to it and to its supervisors.
///
/// The thread runs no code of others, so nothing delays it. It ends when the keeper and the last process have ended.
final class KeeperConnection: Sendable {
    private struct State: ~Copyable {
        /// Nil once the keeper is gone.
        var socket: Descriptor?
        var isClosing = false
        /// Starts that have not been sent yet, in order.
        var queue: [(process: KeptProcess, request: StartRequest)] = []
        /// What has been opened for the first of them, if the socket was full then.
        var prepared: StartDescriptors?
        var mustRetry = false
        var nextJob: UInt64 = 1
        var processes: [UInt64: KeptProcess] = [:]
    }

    /// The event number of the keeper's socket; jobs count from 1.
    private static let keeperEvent: UInt64 = 0
    /// R19: so long we wait for pipes that somebody outside the ended tree still holds.
    private static let pipePatience = Duration.seconds(3)
    private static let keeperIsGone = "its keeper was killed, which ended it"
    private static let supervisorIsGone = "its supervisor was killed, which ended it"

    let processID: Int32
    private let poller: EventPoller
    private let pump: OutputPump
    private let state: Mutex<State>

    /// Starts a keeper and returns at once; requests wait in the socket until it has come up.
    init(executable: FilePath) throws(ProcessError) {
        poller = try EventPoller()
        pump = try OutputPump.shared()
        var ends: [Int32] = [-1, -1]
        let opened = unsafe ends.withUnsafeMutableBufferPointer { ends in
            unsafe ends.baseAddress.map { unsafe swiftflow_message_sockets($0) } ?? -1
        }
        guard opened == 0 else { throw ProcessError(startFailure: "cannot start the process keeper", error: lastErrno) }
        let ours = Descriptor(ends[0])
        let theirs = Descriptor(ends[1])
        let null = Descriptor(unsafe open("/dev/null", O_RDWR | O_CLOEXEC))
        processID = try spawnSession(
            executable.string, arguments: ["swiftflow-keeper", "--runner", String(getpid())], environment: [],
            folder: nil, input: null.number, output: null.number, error: null.number, extra: theirs.number,
            subject: "cannot start the process keeper '\(executable)'")
        _ = poller.watch(ours.number, Self.keeperEvent, EventPoller.readable)
        state = Mutex(State(socket: consume ours))
        guard startThread(named: "keeper", { self.listen() }) else {
            // The closing socket ends the keeper.
            throw ProcessError(startFailure: "cannot start the process keeper", error: EAGAIN)
        }
    }

    /// Whether the keeper has ended; nothing more can be started through it.
    var isGone: Bool { state.withLock { $0.socket == nil } }

    /// Starts nothing more; the keeper ends after the last process.
    func close() {
        state.withLock { state in
            state.isClosing = true
            // It hears that we are gone, but can still tell us about lost jobs.
            if let socket = state.socket?.number { _ = shutdown(socket, Int32(SHUT_WR)) }
        }
        poller.wake()
    }

    func start(_ request: StartRequest) async throws -> KeptProcess {
        let process = Mutex<KeptProcess?>(nil)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            state.withLock { state in
                let kept = KeptProcess(job: state.nextJob, request: request, start: continuation)
                process.withLock { $0 = kept }
                state.nextJob += 1
                state.queue.append((kept, request))
                if state.queue.count == 1 { flush(&state) }
            }
        }
        guard let process = process.withLock({ $0 }) else { throw CancellationError() }
        return process
    }

    // MARK: Sending

    /// Sends waiting starts as far as the socket takes them, without blocking.
    private func flush(_ state: inout State) {
        var sent = 0
        defer { state.queue.removeFirst(sent) }
        for (process, request) in state.queue {
            do throws(ProcessError) {
                guard let socket = state.socket?.number, !state.isClosing else {
                    throw ProcessError(
                        "cannot start '\(request.specification.executable)': the process keeper has ended")
                }
                try pump.prepare()
                let descriptors: StartDescriptors
                if let waiting = state.prepared.take() {
                    descriptors = waiting
                } else {
                    descriptors = try StartDescriptors(request)
                }
                if let error = send(request, process.job, descriptors, to: socket) {
                    switch error {
                    case EAGAIN, ENOBUFS, ETOOMANYREFS, ENOMEM:
                        state.prepared = consume descriptors
                        state.mustRetry = true
                        poller.wake()
                        return
                    case EPIPE, ECONNRESET:
                        throw ProcessError(
                            "cannot start '\(request.specification.executable)': the process keeper has ended")
                    default:
                        throw ProcessError(
                            startFailure: "cannot start '\(request.specification.executable)'", error: error)
                    }
                }
                state.processes[process.job] = process
                follow(process, request, descriptors)
            } catch {
                process.failToStart(error)
            }
            sent += 1
        }
    }

    /// - Returns: nil, or the error number.
    private func send(
        _ request: StartRequest, _ job: UInt64, _ descriptors: borrowing StartDescriptors, to socket: Int32
    ) -> Int32? {
        var message = request.message(job: job)
        let sent = descriptors.sent
        while true {
            let result = unsafe swiftflow_send_descriptors(
                socket, &message, MemoryLayout.size(ofValue: message), sent, sent.count)
            if result >= 0 { return nil }
            if lastErrno != EINTR { return lastErrno }
        }
    }

    /// The keeper has its ends; ours are watched from now on.
    private func follow(_ process: KeptProcess, _ request: StartRequest, _ descriptors: consuming StartDescriptors) {
        let ours = descriptors.keepOurs()
        let control = ours.control
        let terminals = [(ours.output.number, Int32(1)), (ours.error.number, 2)]
            .filter { isatty($0.0) == 1 }
            .compactMap { TerminalSize.follow(master: $0.0, terminal: $0.1, process) }
        let number = control.number
        let output = ProcessOutput(
            output: ours.output, error: ours.error, handling: request.specification.output,
            whenClosed: { process.outputIsClosed() })
        process.isSent(control: control, outputNumber: pump.add(output), terminals: terminals)
        _ = poller.watch(number, process.job, EventPoller.readable)
    }

    // MARK: Listening

    /// Something to look at when its time has come.
    private struct Reminder {
        var time: SuspendingClock.Instant
        var process: KeptProcess
    }

    private func listen() {
        // All reminders have the same delay, so the first is always the next.
        var reminders: [Reminder] = []
        while true {
            let (isFinished, mustRetry) = state.withLock { state in
                (state.socket == nil && state.processes.isEmpty && state.queue.isEmpty, state.mustRetry)
            }
            if isFinished && reminders.isEmpty { return }
            var patience: Int32 = -1
            if let first = reminders.first {
                let left = (first.time - SuspendingClock.now).components
                patience = Int32(clamping: max(0, left.seconds * 1_000 + left.attoseconds / 1_000_000_000_000_000 + 1))
            }
            if mustRetry { patience = 1 }

            if let event = poller.wait(milliseconds: patience) {
                switch event.number {
                case Self.keeperEvent: listenToKeeper()
                case EventPoller.wakeUp: break
                default: listenToSupervisor(event.number, &reminders)
                }
            }
            if mustRetry {
                state.withLock { state in
                    state.mustRetry = false
                    flush(&state)
                }
            }
            let now = SuspendingClock.now
            let due = reminders.prefix { $0.time <= now }
            reminders.removeFirst(due.count)
            for reminder in due { remind(reminder.process, &reminders) }
        }
    }

    private func listenToSupervisor(_ job: UInt64, _ reminders: inout [Reminder]) {
        guard let process = state.withLock({ $0.processes[job] }) else { return }
        switch process.readEvents() {
        case .nothing: return
        case .over:
            state.withLock { $0.processes[job] = nil }
            if process.hasReport && !process.isOver { reminders.append(reminder(process)) }
        case .lost:
            // The keeper ends the tree now and then says so; without a keeper there is nothing to wait for.
            if isGone { process.giveUp(Self.supervisorIsGone) }
            reminders.append(reminder(process))
        }
    }

    private func reminder(_ process: KeptProcess) -> Reminder {
        Reminder(time: SuspendingClock.now + Self.pipePatience, process: process)
    }

    private func remind(_ process: KeptProcess, _ reminders: inout [Reminder]) {
        guard !process.isOver else {
            state.withLock { $0.processes[process.job] = nil }
            return
        }
        if !process.hasReport {
            process.giveUp(Self.supervisorIsGone)
            reminders.append(reminder(process))
        } else if let number = process.outputNumber {
            state.withLock { $0.processes[process.job] = nil }
            pump.cutOff(number)
        }
    }

    private func listenToKeeper() {
        while true {
            var event = swiftflow_keeper_event()
            let received = state.withLock { state -> Int? in
                guard let socket = state.socket?.number else { return nil }
                let received = unsafe recv(
                    socket, &event, MemoryLayout.size(ofValue: event), Int32(MSG_DONTWAIT))
                return received < 0 && (errno == EAGAIN || errno == EINTR) ? nil : received
            }
            guard let received else { return }
            guard received == MemoryLayout.size(ofValue: event) else { return keeperHasEnded() }
            guard event.kind == SWIFTFLOW_KEEPER_LOST else { continue }
            state.withLock { $0.processes[event.job] }?.giveUp(Self.supervisorIsGone)
        }
    }

    private func keeperHasEnded() {
        let processes = state.withLock { state in
            state.socket = nil
            state.prepared = nil
            flush(&state)
            return Array(state.processes.values)
        }
        // It is dead or about to be: this does not block for long.
        while waitpid(processID, nil, 0) < 0 && errno == EINTR {}
        for process in processes {
            process.note(supervisionFailure: Self.keeperIsGone)
            if process.hasLostContact { process.giveUp(Self.supervisorIsGone) }
        }
    }
}
