import Containers
import DockerBackend
import Execution
import Files
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

extension OnDocker {
    /// What a resumed pipeline learns of containers whose runner died.
    @Suite(.timeLimit(.minutes(10))) struct ReattachmentTests {
        let folder: TemporaryDirectory
        let backend: DockerBackend

        init() throws {
            folder = try TemporaryDirectory()
            backend = try DockerEngine.backend()
        }

        /// A container as a dead runner leaves it.
        ///
        /// - Parameter runner: one that still lives keeps its container from being cleared away by the tests beside this one.
        private func leave(
            _ command: String, for job: Job, started: Bool = true, runner: ProcessIdentity? = nil
        ) async throws -> String {
            let id = try await DockerEngine.ask(
                "create", "--name", job.name, "--label", "io.swiftflow.run=\(job.run.runID)", "--label",
                "io.swiftflow.job=\(job.name)",
                "--label", "io.swiftflow.runner=\(runner ?? dead)", DockerEngine.image, "sh", "-c", command)
            if started { _ = try DockerEngine.askApart("start", id) }
            return id
        }

        /// A runner of this machine that has ended.
        private var dead: ProcessIdentity {
            var identity = ProcessIdentity.current
            identity.startTime += 1
            return identity
        }

        @Test func `a container that came to its own end counts, with its output`() async throws {
            let output = CollectedOutput()
            let job = try DockerEngine.kit(backend, folder: folder).job("true", output: output.handling)
            let id = try await leave("echo finished; exit 5", for: job, runner: .current)
            _ = try await DockerEngine.ask("wait", id)
            // Should the runner that finds it die before the end is recorded, the next one finds it as well.
            for _ in 1...2 {
                guard case .ended(let ended) = try await backend.reattach(job, handle: id) else {
                    Issue.record("not ended")
                    return
                }
                #expect(await ended.wait().exitCode == 5)
            }
            #expect(output.text() == "finished\nfinished\n")
            guard case .ended(let ended) = try await backend.reattach(job, handle: id) else {
                Issue.record("not ended")
                return
            }
            await ended.settle()
            #expect(try await DockerEngine.containers(ofRun: job.run.runID) == [])
        }

        @Test(arguments: [true, false])
        func `a container that still runs is adopted, with all it has written and writes`(knowsHandle: Bool)
            async throws
        {
            let output = CollectedOutput()
            let job = try DockerEngine.kit(backend, folder: folder).job("true", output: output.handling)
            let id = try await leave(
                "echo before; while [ ! -e /go ]; do sleep 0.1; done; echo after; exit 4", for: job)
            guard case .running(let adopted) = try await backend.reattach(job, handle: knowsHandle ? id : nil) else {
                Issue.record("not running")
                return
            }
            #expect(adopted.handle == id)
            // Found again under its new name, should this runner die as well.
            #expect(try await DockerEngine.name(of: id) != job.name)
            // Another start sweeps what belongs to dead runners, and this one does not any more.
            let other = try DockerEngine.backend(nil, ["DOCKER_CONTEXT": "default"])
            let sweeping = try await other.submit(
                DockerEngine.kit(other, folder: folder).job("true", output: .discarded))
            #expect(await sweeping.wait().isSuccess)
            await sweeping.settle()
            _ = try await DockerEngine.ask("exec", id, "touch", "/go")
            #expect(await adopted.wait().exitCode == 4)
            await adopted.settle()
            #expect(output.text() == "before\nafter\n")
            #expect(try await DockerEngine.containers(ofRun: job.run.runID) == [])
        }

        @Test func `a container that was stopped because its runner died ends with its exit code, and as lost`()
            async throws
        {
            let output = CollectedOutput()
            let job = try DockerEngine.kit(backend, folder: folder).job("true", output: output.handling)
            let id = try await leave("echo begun; exec sleep 1000", for: job, runner: .current)
            _ = try await DockerEngine.ask("kill", id)
            _ = try await DockerEngine.ask("wait", id)
            guard case .ended(let ended) = try await backend.reattach(job, handle: id),
                case .failed(.lost, let reason, let end) = await ended.wait()
            else {
                Issue.record("not lost")
                return
            }
            await ended.settle()
            #expect(reason.contains("137") && end?.termination == .exited(code: 137))
            #expect(output.text() == "begun\n")
            #expect(try await DockerEngine.containers(ofRun: job.run.runID) == [])
            guard case .gone = try await backend.reattach(job, handle: id) else {
                Issue.record("not gone")
                return
            }
        }

        @Test func `a container that a living runner follows is not taken from it`() async throws {
            let job = try DockerEngine.kit(backend, folder: folder).job("true", output: .discarded)
            // The first process of this machine lives as long as anything does.
            let id = try await leave("sleep 1000", for: job, runner: ProcessIdentity(processID: 1))
            await #expect(throws: ContainerError.self) { try await backend.reattach(job, handle: id) }
            _ = try await DockerEngine.ask("rm", "-f", id)
        }

        @Test func `a container that was never started does not keep the job from being submitted`() async throws {
            let job = try DockerEngine.kit(backend, folder: folder).job("exit 6", output: .discarded)
            _ = try await leave("true", for: job, started: false)
            guard case .neverSubmitted = try await backend.reattach(job, handle: nil) else {
                Issue.record("not never submitted")
                return
            }
            _ = try await leave("sleep 1000", for: job)
            // Even where nobody asked first: a dead runner's container of the same name makes room.
            let submitted = try await backend.submit(job)
            #expect(await submitted.wait().exitCode == 6)
            await submitted.settle()
        }
    }
}
