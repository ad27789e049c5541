import Containers
package import Execution
import Glibc
import Processes

extension DockerBackend {
    package func reattach(_ job: Job, handle: String?) async throws -> Reattachment {
        let client = try client()
        guard let state = try await find(job, handle, client) else {
            return handle == nil
                ? .neverSubmitted : .gone(reason: "its runner died, and its container is not there any more")
        }
        switch state.phase {
        case .created:
            try await client.remove(state.id)
            return .neverSubmitted
        case .running, .paused, .restarting:
            return .running(try await adopt(state, job, client))
        case .exited, .dead:
            let logs = try await client.follow(state.id, output: output(of: job))
            _ = await logs.wait()
            let end = JobEnd(state, wallTime: .zero, memoryLimit: job.resources.memory, outlivedItsRunner: true)
            return .ended(EndedContainer(id: state.id, client: client, end: end))
        case .removing, .unknown:
            try await client.remove(state.id)
            return .gone(reason: "its runner died, and its container was being removed")
        }
    }

    /// The container of the job, by what the dead runner knew of it, else by its name, else by its label: one that was adopted has
    /// another name.
    private func find(_ job: Job, _ handle: String?, _ client: ContainerClient) async throws -> ContainerState? {
        var state = try await client.container(handle ?? job.name)
        if state == nil, handle == nil,
            let listed = try await client.containers(labelled: ContainerPlan.Label.job, as: job.name).first
        {
            state = try await client.container(listed.id)
        }
        return state?.labels[ContainerPlan.Label.job] == job.name ? state : nil
    }

    /// Follows a container to its end as if it had been started here; its guard may be about to stop it.
    private func adopt(_ state: ContainerState, _ job: Job, _ client: ContainerClient) async throws -> DockerJob {
        if let owner = ContainerOwner.runner(of: state), owner != .current, owner.liveness == .running {
            throw ContainerError(
                .refused, "its container is followed by another runner of this machine, process \(owner.processID)",
                remedy: "stop that one first")
        }
        if let name = ContainerOwner.name(of: job.name, adoptedBy: .current), name != state.name {
            // One that has ended by now cannot be renamed in some engines, and need not be.
            try? await client.rename(state.id, to: name)
        }
        let guardProcess = try await startGuard(of: state.id, client)
        do {
            let carrier = try await client.follow(state.id, output: output(of: job))
            let started = StartedContainer(
                id: state.id, carrier: carrier, guardProcess: guardProcess, carrierKnowsSuccess: false,
                outlivedItsRunner: true)
            return DockerJob(
                started, client: client, sweep: nil, memoryLimit: job.resources.memory, tags: [])
        } catch {
            await guardProcess.signal(SIGKILL)
            throw error
        }
    }

    /// What the container writes, without what the dead runner has kept of it.
    private func output(of job: Job) -> OutputHandling {
        let known = KnownOutput(of: job, isOneStream: false)
        return OutputHandling { stream, bytes in
            known.skipping { job.output.receive(stream, $0) }(bytes)
        }
    }
}

/// A container that came to its end while no runner lived.
private struct EndedContainer: SubmittedJob {
    let id: String
    let client: ContainerClient
    let end: JobEnd

    var handle: String? { id }
    func wait() async -> JobEnd { end }
    // There is nothing to end; it is removed once its end is recorded, whoever is impatient.
    func cancel(grace: Duration) async {}
    func kill() async {}

    func settle() async {
        // What cannot be removed now is found by its label at a later start.
        try? await client.remove(id)
    }
}
