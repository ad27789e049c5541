import Diagnostics
import Synchronization

/// Moves what processes write to their receivers, on threads where a receiver may block.
///
/// There is always a thread that waits while others work (up to a limit), so a slow receiver slows only its own process.
/// Memory is bounded by threads, not by processes.
final class OutputPump: Sendable {
    /// One pump for the whole program; it costs a thread only once there is a process to serve.
    static func shared() throws(ProcessError) -> OutputPump {
        do {
            return try sharedPump.get()
        } catch {
            throw error
        }
    }

    private static let sharedPump = Result { () throws(ProcessError) in try OutputPump() }
    private static let threadLimit = 32
    private static let bufferSize = 256 << 10

    private struct State {
        var outputs: [UInt64: ProcessOutput] = [:]
        var nextNumber: UInt64 = 0
        var overdue: [UInt64] = []
        var threads = 0
        var waitingThreads = 0
    }

    private let poller: EventPoller
    private let state = Mutex(State())

    private init() throws(ProcessError) {
        poller = try EventPoller()
    }

    /// What the poller reports: the number of the output and the stream that has something.
    static func eventNumber(_ number: UInt64, _ work: ProcessOutput.Work) -> UInt64 {
        number << 8 | UInt64(work.rawValue)
    }

    /// Makes sure that there is a thread to serve the next output.
    func prepare() throws(ProcessError) {
        let mustStart = state.withLock { state in
            guard state.threads == 0 else { return false }
            state.threads = 1
            state.waitingThreads = 1
            return true
        }
        guard mustStart, !startWorker() else { return }
        throw ProcessError(
            "cannot start a thread: the limit of processes is reached",
            remedy: "raise the limit (ulimit -u) or run fewer things at once")
    }

    /// Serves the output until both of its streams are closed.
    ///
    /// - Returns: the output's number, for `cutOff`.
    func add(_ output: ProcessOutput) -> UInt64 {
        let (number, needsHelp) = state.withLock { state in
            state.nextNumber += 1
            state.outputs[state.nextNumber] = output
            return (state.nextNumber, claimHelper(&state))
        }
        if needsHelp { _ = startWorker() }
        output.watch(with: poller, number: number)
        return number
    }

    /// Takes what there is of an output and closes it, whoever else still holds its pipes.
    func cutOff(_ number: UInt64) {
        state.withLock { $0.overdue.append(number) }
        poller.wake()
    }

    /// Whether another thread is needed so that one waits; if so it is counted already.
    private func claimHelper(_ state: inout State) -> Bool {
        guard state.waitingThreads == 0, state.threads < min(Self.threadLimit, state.outputs.count) else {
            return false
        }
        state.threads += 1
        state.waitingThreads += 1
        return true
    }

    private func startWorker() -> Bool {
        if startThread(named: "output", { self.work() }) { return true }
        state.withLock { state in
            state.threads -= 1
            state.waitingThreads -= 1
        }
        return false
    }

    private func work() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 4_096)
        defer { unsafe buffer.deallocate() }
        while true {
            let event = poller.wait(milliseconds: 2_000)
            let (mayLeave, needsHelp, task) = state.withLock { state in
                state.waitingThreads -= 1
                guard let event else {
                    // The last one stays.
                    guard state.waitingThreads == 0 else {
                        state.threads -= 1
                        return (true, false, nil as Task?)
                    }
                    return (false, false, nil)
                }
                let task: Task?
                if event.number == EventPoller.wakeUp {
                    let number = state.overdue.popLast()
                    task = number.flatMap { number in
                        state.outputs[number].map { Task(output: $0, number: number, work: .cutOff) }
                    }
                } else {
                    let number = event.number >> 8
                    task = state.outputs[number].map {
                        Task(output: $0, number: number, work: .init(rawValue: UInt8(truncatingIfNeeded: event.number)))
                    }
                }
                return (false, claimHelper(&state), task)
            }
            if mayLeave { return }
            if needsHelp { _ = startWorker() }
            if let task,
                unsafe task.output.serve(task.work, buffer: buffer, poller: poller, number: task.number)
            {
                state.withLock { $0.outputs[task.number] = nil }
            }
            state.withLock { $0.waitingThreads += 1 }
        }
    }

    private struct Task {
        var output: ProcessOutput
        var number: UInt64
        var work: ProcessOutput.Work
    }
}
