import Containers
import Execution
import Files
import Glibc
import Processes
import SystemPackage

/// A container that has been started, with what was started beside it.
struct StartedContainer {
    var id: String
    /// The client that carries its output.
    var carrier: any RunningProcess
    var guardProcess: any RunningProcess
    /// What the client knows of it beside its output; nil for one that was not started by one call.
    var carried: CarriedContainer?
    /// Whether the client says exit code 0 only when the engine has said so; one with a terminal can also be detached from.
    var carrierKnowsSuccess: Bool
    /// Whether the runner that started it has died, so that a guard or the next start may have ended it.
    var outlivedItsRunner = false
}

extension DockerBackend {
    /// Starts the job's container; if this throws, there is none.
    func start(
        _ plan: ContainerPlan, _ job: Job, _ needs: ContainerNeeds, _ client: ContainerClient
    ) async throws -> StartedContainer {
        func attempt() async throws -> StartedContainer {
            if case .null = job.standardInput, needs.leavesOneCall {
                try await startAtOnce(plan, job, needs, client)
            } else {
                try await startInSteps(plan, job, needs, client)
            }
        }
        do {
            return try await attempt()
        } catch let error as ContainerError where error.kind == .nameConflict {
            // A left-over of the same job, whose runner is dead: nobody else gives containers this name.
            guard let old = try await client.container(job.name), old.labels[ContainerPlan.Label.job] == job.name,
                ContainerOwner.isAbandoned(old)
            else { throw error }
            try await client.remove(old.id)
            return try await attempt()
        }
    }

    /// With one call of the client, whose own price is most of what a container costs beside itself.
    private func startAtOnce(
        _ plan: ContainerPlan, _ job: Job, _ needs: ContainerNeeds, _ client: ContainerClient
    ) async throws -> StartedContainer {
        try Task.checkCancellation()
        // By the name, which is this job's alone: the id is not known before it may be too late.
        let needsFolder = client.flavour == .podman && needs.namesNoFiles
        let folder = needsFolder ? try TemporaryDirectory(prefix: "swiftflow-container") : nil
        let guardProcess = try await startGuard(of: job.name, client, clearing: folder?.path)
        do {
            let started = try await client.run(
                plan.arguments, variables: plan.clientVariables, standardInput: plan.standardInput,
                in: folder, output: OutputHandling(receive: job.output.receive))
            for warning in started.warnings { job.report(.note("the container engine warns: \(warning)")) }
            return StartedContainer(
                id: started.id, carrier: started.process, guardProcess: guardProcess, carried: started,
                carrierKnowsSuccess: client.flavour == .docker)
        } catch {
            await guardProcess.signal(SIGKILL)
            if (error as? ContainerError)?.kind != .nameConflict {
                // Not a child task: a cancelled submission has to leave nothing behind as well.
                await Task { await removeOwn(job, client) }.value
            }
            throw error
        }
    }

    /// The container of this job and this runner, should its client have been ended between making it and telling so.
    private func removeOwn(_ job: Job, _ client: ContainerClient) async {
        guard let left = try? await client.container(job.name),
            left.labels[ContainerPlan.Label.runner] == ProcessIdentity.current.description
        else { return }
        try? await client.remove(left.id)
    }

    /// With a call for each step, where the client's input is the container's, or where the user's options go with no other way.
    private func startInSteps(
        _ plan: ContainerPlan, _ job: Job, _ needs: ContainerNeeds, _ client: ContainerClient
    ) async throws -> StartedContainer {
        var givesInput = needs.hasOption("i", "interactive")
        if case .inherited = job.standardInput { givesInput = true }
        let id = try await client.create(
            plan.arguments, variables: plan.clientVariables, standardInput: plan.standardInput)
        do {
            try Task.checkCancellation()
            let guardProcess = try await startGuard(of: id, client)
            do {
                let carrier = try await client.startAttached(
                    id, standardInput: job.standardInput, givesInput: givesInput,
                    output: OutputHandling(receive: job.output.receive))
                return StartedContainer(
                    id: id, carrier: carrier, guardProcess: guardProcess, carrierKnowsSuccess: false)
            } catch {
                await guardProcess.signal(SIGKILL)
                throw error
            }
        } catch {
            // Not a child task: a cancelled submission has to leave nothing behind as well.
            await Task { try? await client.remove(id) }.value
            throw error
        }
    }

    /// Keeps a process beside the runner that stops the container when the runner is gone.
    ///
    /// - Parameter folder: what the runner would have removed at the end.
    func startGuard(
        of container: String, _ client: ContainerClient, clearing folder: FilePath? = nil
    ) async throws -> any RunningProcess {
        var stop = [client.executable.string] + client.stopArguments(container, grace: .seconds(5))
        if let folder { stop = ["/bin/sh", "-c", "rm -rf -- \"$0\"; exec \"$@\"", folder.string] + stop }
        return try await starter.start(
            ProcessSpecification(
                executable: try Keeper.locate(), arguments: ["--guard"] + stop, environment: environment,
                workingDirectory: workingDirectory, output: .discarded))
    }
}

extension ContainerNeeds {
    /// Whether no option of the user can hold a path that is meant from the caller's folder.
    fileprivate var namesNoFiles: Bool {
        !hasOption(
            "v", "volume", "mount", "env-file", "label-file", "device", "security-opt", "pidfile", "conmon-pidfile",
            "authfile", "init-path", "secret", "rootfs", "decryption-key")
    }

    /// Whether no option of the user has another meaning for `run` than for `create` and `start`.
    fileprivate var leavesOneCall: Bool {
        !hasOption("name", "cidfile", "i", "interactive", "t", "tty", "a", "attach")
    }
}
