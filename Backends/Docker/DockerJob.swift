import Containers
import Diagnostics
import Execution
import Glibc
import Processes
import Synchronization
import Tracking

/// A container with the client that carries its output.
final class DockerJob: SubmittedJob {
    let container: String
    let tags: [Tag]
    var handle: String? { container }
    private let client: ContainerClient
    private let conclusion: Task<JobEnd, Never>
    private let guardProcess: any RunningProcess
    private let sweep: Task<Void, Never>?
    private let isOver: Flag
    private let clearing = Mutex<Task<Void, Never>?>(nil)

    init(
        _ started: StartedContainer, client: ContainerClient, sweep: Task<Void, Never>?, memoryLimit: Int64?,
        tags: [Tag]
    ) {
        let container = started.id
        self.container = container
        self.client = client
        self.tags = tags
        let flag = Flag()
        isOver = flag
        guardProcess = started.guardProcess
        self.sweep = sweep
        // Owned by the job. Not a child of the waiting task, whose cancellation must not keep it from the end.
        conclusion = Task {
            let end = await Self.conclude(started, client, memoryLimit: memoryLimit)
            flag.set()
            return end
        }
    }

    func wait() async -> JobEnd {
        await conclusion.value
    }

    func settle() async {
        _ = await conclusion.value
        // Once for all who wait for it: an engine that is asked a second time answers before it is done.
        let task = clearing.withLock { task in
            let clearing =
                task
                ?? Task { [container, client, guardProcess, sweep] in
                    await guardProcess.signal(SIGKILL)
                    // What cannot be removed now has ended, and is found by its label at the next start.
                    try? await client.remove(container)
                    await sweep?.value
                }
            task = clearing
            return clearing
        }
        await task.value
    }

    func cancel(grace: Duration) async {
        // A container that was told before it had started has not heard it.
        for _ in 0..<20 where !isOver.isSet {
            await Task { [client, container] in try? await client.stop(container, grace: grace) }.value
            if await ends(within: .milliseconds(500)) { break }
        }
        if !isOver.isSet { await kill() }
        await settle()
    }

    func kill() async {
        for _ in 0..<20 where !isOver.isSet {
            await Task { [client, container] in try? await client.kill(container) }.value
            if await ends(within: .milliseconds(500)) { break }
        }
        if !isOver.isSet { await Task { [client, container] in try? await client.remove(container) }.value }
        await settle()
    }

    /// Whether the job is over after at most this time; also where the calling task has been cancelled.
    private func ends(within limit: Duration) async -> Bool {
        let isOver = isOver
        return await Task {
            let end = ContinuousClock.now + limit
            while !isOver.isSet, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(10)) }
            return isOver.isSet
        }.value
    }

    /// Waits for the client and, unless it has told a success, asks the engine how the container ended.
    private static func conclude(
        _ started: StartedContainer, _ client: ContainerClient, memoryLimit: Int64?
    ) async -> JobEnd {
        let carried = await started.carrier.wait()
        if carried.isSuccess, started.carrierKnowsSuccess {
            return .ended(ProcessEnd(termination: .exited(code: 0), wallTime: carried.wallTime, usage: nil))
        }
        do {
            guard var state = try await client.container(started.id) else {
                return .lost(reason: "its container was removed by somebody else")
            }
            state.complete(from: started.carried, carried)
            if state.phase.isOver || !state.hasStarted {
                return JobEnd(
                    state, wallTime: carried.wallTime, memoryLimit: memoryLimit,
                    outlivedItsRunner: started.outlivedItsRunner)
            }
            // Its output goes nowhere any more: a run whose log is not whole has not finished (rule R19).
            try? await client.stop(started.id, grace: .seconds(5))
            return .lost(
                reason: "the client that carried its output ended (\(carried.explanation)); the container was stopped")
        } catch {
            // The engine does not answer; the guard or the next start removes the container.
            return .lost(reason: "the container engine could not be asked how it ended: \(error)")
        }
    }
}

extension ContainerState {
    /// What Podman keeps to itself, its client has said.
    fileprivate mutating func complete(from container: CarriedContainer?, _ end: ProcessEnd) {
        guard let container else { return }
        if container.leftWordOfMemory { wasKilledForMemory = true }
        guard !hasStarted else { return }
        if error.isEmpty { error = redactedText(container.firstErrors.split(separator: "\n").joined(separator: " ")) }
        if exitCode == 0, case .exited(let code) = end.termination { exitCode = code }
    }

    /// Whether it looks ended by a signal from outside, as `stop` and `kill` end containers.
    var wasToldToEnd: Bool { !wasKilledForMemory && [130, 137, 143].contains(exitCode) }
}

extension JobEnd {
    /// - Parameter outlivedItsRunner: a container that looks stopped was so because its runner died, not by its command's doing.
    init(_ state: ContainerState, wallTime: Duration, memoryLimit: Int64?, outlivedItsRunner: Bool = false) {
        let end = ProcessEnd(termination: .exited(code: state.exitCode), wallTime: wallTime, usage: nil)
        if !state.hasStarted {
            // 126 and 127 as a shell would say it: there, but no program; not there.
            var reason = state.error.isEmpty ? "the engine gave no reason" : state.error
            if let remedy = ContainerClient.remedy(for: reason.lowercased()) { reason += "; \(remedy)" }
            self = .failed(
                .launch, reason: "the container could not be started (exit code \(state.exitCode)): \(reason)", end: end
            )
        } else if state.wasKilledForMemory, state.exitCode != 0 {
            let limit = memoryLimit.map { " of \($0) bytes" } ?? ""
            self = .failed(
                .outOfMemory,
                reason:
                    "the container was ended for using more memory than its limit\(limit) (exit code \(state.exitCode))",
                end: end)
        } else if outlivedItsRunner, state.wasToldToEnd {
            self = .failed(
                .lost, reason: "its runner died, and its container was stopped (exit code \(state.exitCode))", end: end)
        } else if state.exitCode > 128, let signal = Int32(exactly: state.exitCode - 128),
            [6, 9, 11, 15].contains(signal)
        {
            self = .failed(
                .signal, reason: "the command ended with exit code \(state.exitCode): signal \(signalName(signal))",
                end: end)
        } else {
            self = .ended(end)
        }
    }
}

/// Set once.
final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
