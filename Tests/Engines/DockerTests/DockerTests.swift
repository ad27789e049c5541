import Containers
import Diagnostics
import DockerBackend
import Execution
import Files
import Glibc
import LocalBackend
import Processes
import Projects
import SystemPackage
import TestSupport
import Testing
import Tracking

extension OnDocker {
    @Suite(.timeLimit(.minutes(10))) struct DockerBackendTests {
        let folder: TemporaryDirectory
        let backend: DockerBackend

        init() throws {
            folder = try TemporaryDirectory()
            backend = try DockerEngine.backend()
        }

        private var kit: BackendConformance { DockerEngine.kit(backend, folder: folder) }

        private func job(
            _ command: String, output: OutputHandling = .discarded, variables: [String: String] = [:],
            change: (inout Job) -> Void = { _ in }
        ) throws -> Job {
            var job = try kit.job(command, output: output, variables: variables)
            change(&job)
            return job
        }

        private func run(
            _ command: String, on backend: DockerBackend? = nil, change: (inout Job) -> Void = { _ in }
        ) async throws -> (end: JobEnd, text: String) {
            let output = CollectedOutput()
            let submitted = try await (backend ?? self.backend).submit(
                job(command, output: output.handling, change: change))
            let end = await submitted.wait()
            await submitted.settle()
            return (end, output.text())
        }

        // MARK: What every backend promises

        @Test func `exit codes arrive as they are`() async throws {
            expectKept(try await kit.checkExitCodes())
        }

        @Test func `K-03 the command and the variables reach the shell inside unread by any other`() async throws {
            expectKept(try await kit.checkCommandText())
        }

        @Test func `every byte of the output arrives, in order`() async throws {
            expectKept(try await kit.checkOutput())
        }

        @Test func `a stopped container is asked first and made to end after the grace`() async throws {
            expectKept(try await kit.checkCancellation())
        }

        @Test func `a killed container is not asked`() async throws {
            expectKept(try await kit.checkKillAndWaiting())
        }

        @Test func `containers side by side do not know of each other`() async throws {
            expectKept(try await kit.checkManyAtOnce())
        }

        @Test func `a job that was never submitted is not found`() async throws {
            expectKept(try await kit.checkUnknownJob())
        }

        // MARK: The container

        @Test func `the project's folder is there at its own path, and what is written in it is the caller's`()
            async throws
        {
            try folder.directory.writeFile(RelativePath("given"), Array("data".utf8))
            let (end, text) = try await run("pwd; cat given; id -u; echo made > made")
            #expect(end.isSuccess)
            #expect(text == "\(folder.path)\ndata\(getuid())\n")
            var status = stat()
            let path = folder.path.appending("made").string
            #expect(unsafe stat(path, &status) == 0 && status.st_uid == getuid())
        }

        @Test func `the container has the job's own variables and none of this machine's`() async throws {
            let backend = try DockerEngine.backend(nil, ["SF_HOST_ONLY": "secret"])
            let (_, text) = try await run("env", on: backend) { job in
                job.environment["SF_HOST_ONLY"] = "secret"
                job.ownVariables["SF_OWN"] = "mine"
                job.ownVariables["SF_LINES"] = "a\nb"
                job.container?.variables = [
                    .set(name: "HELLO", value: "=x y=\"z\" #no comment"), .copied(name: "SF_HOST_ONLY"),
                ]
            }
            let lines = text.split(separator: "\n").map(String.init)
            #expect(lines.contains("SF_OWN=mine"))
            #expect(lines.contains("SF_LINES=a") && lines.contains("b"))
            #expect(lines.contains("HELLO=x y=\"z\" #no comment") || lines.contains("HELLO==x y=\"z\" #no comment"))
            #expect(lines.contains("SF_HOST_ONLY=secret"))
            #expect(
                !lines.contains { $0.hasPrefix("DOCKER_HOST=") || $0.hasPrefix("SWIFTFLOW_") || $0.hasPrefix("USER=") })
        }

        @Test func `X-12 values of variables are neither arguments of a process nor part of the container's command`()
            async throws
        {
            let secret = "s3cr3t-\(randomName())"
            let ready = Signal("ready")
            let submitted = try await backend.submit(
                job(
                    "echo ready; sleep 1000", output: OutputHandling { _, bytes in ready.see(bytes) },
                    variables: ["MLFLOW_TRACKING_TOKEN": secret]))
            await ready.wait()
            let arguments = processIDs().map { process in
                String(
                    decoding: (try? readFile(FilePath("/proc/\(process)/cmdline"), limit: 1 << 20)) ?? [], as: UTF8.self
                )
            }
            #expect(arguments.contains { $0.contains("run") && $0.contains("--cidfile") })
            #expect(!arguments.contains { $0.contains(secret) })
            await submitted.kill()
        }

        @Test func `the container is named and labelled after its run, and is gone afterwards`() async throws {
            let ready = Signal("ready")
            let job = try job("echo ready; read x; sleep 1000", output: OutputHandling { _, bytes in ready.see(bytes) })
            let submitted = try await backend.submit(job)
            await ready.wait()
            let id = try #require(submitted.handle)
            #expect(try await DockerEngine.name(of: id) == job.name)
            #expect(try await DockerEngine.containers(ofRun: job.run.runID).count == 1)
            #expect(submitted.tags.contains { $0.key == WellKnownTag.dockerImageURI && $0.value == DockerEngine.image })
            #expect(submitted.tags.contains { $0.key == WellKnownTag.dockerImageID && $0.value.hasPrefix("sha256:") })
            await submitted.kill()
            _ = await submitted.wait()
            #expect(try await DockerEngine.containers(ofRun: job.run.runID) == [])
        }

        @Test func `nothing is left of a container that came to its own end, however it did`() async throws {
            for command in ["true", "exit 3"] {
                let job = try job(command)
                let submitted = try await backend.submit(job)
                #expect(await submitted.wait().exitCode == (command == "true" ? 0 : 3))
                // Until the end has been recorded, whoever resumes must be able to ask for it.
                #expect(try await DockerEngine.containers(ofRun: job.run.runID).count == 1)
                await submitted.settle()
                #expect(try await DockerEngine.containers(ofRun: job.run.runID) == [])
            }
        }

        @Test func `an input of the container's own is its own, and not the variables`() async throws {
            for option in ["interactive", "i"] {
                let (end, text) = try await run("cat; echo $SF_OWN") { job in
                    job.ownVariables["SF_OWN"] = "mine"
                    job.container?.options = [.init(name: option, value: nil)]
                }
                #expect(end.isSuccess && text == "mine\n", "\(option): \(end) \(text)")
            }
        }

        @Test func `a name and an id file of the user's own are kept`() async throws {
            let ready = Signal("ready")
            let name = "own-\(randomName().lowercased())"
            let file = folder.path.appending("id")
            let submitted = try await backend.submit(
                job("echo ready; sleep 1000", output: OutputHandling { _, bytes in ready.see(bytes) }) {
                    $0.container?.options = [
                        .init(name: "name", value: name), .init(name: "cidfile", value: file.string),
                    ]
                })
            await ready.wait()
            #expect(try await DockerEngine.ask("inspect", "-f", "{{.Id}}", name) == submitted.handle)
            #expect(try readFile(file, limit: 100) == Array((submitted.handle ?? "").utf8))
            await submitted.kill()
        }

        @Test func `a cancelled submission leaves no container behind`() async throws {
            for delay in [0, 5, 40, 80, 120, 160, 200] {
                let job = try job("sleep 1000")
                let submission = Task { [backend] in try await backend.submit(job) }
                // Any moment will do: it must be true at each.
                try await Task.sleep(for: .milliseconds(delay))
                submission.cancel()
                switch await submission.result {
                case .success(let submitted): await submitted.kill()
                case .failure: break
                }
                #expect(try await DockerEngine.containers(ofRun: job.run.runID) == [], "\(delay)")
            }
        }

        @Test func `options of the user are words of the client's command line, as often as they are given`()
            async throws
        {
            let (end, text) = try await run("echo $A $B; hostname") { job in
                job.container?.options = [
                    .init(name: "e", value: "A=1 2; id"), .init(name: "e", value: "B=$(id)"),
                    .init(name: "hostname", value: "box"),
                    .init(name: "rm", value: nil), .init(name: "read-only", value: nil),
                ]
            }
            #expect(end.isSuccess)
            #expect(text == "1 2; id $(id)\nbox\n")
        }

        @Test(.enabled(if: !DockerEngine.setsLimits))
        func `limits that the engine cannot set are said`() async throws {
            let notes = CollectedLines()
            let (end, _) = try await run("true") {
                $0.resources = ResourceRequest(processors: 0.5, memory: 64 << 20)
                $0.report = { if case .note(let text) = $0 { notes.append(text) } }
            }
            #expect(end.isSuccess)
            #expect(notes.lines.contains { $0.contains("Resource limits are not supported") }, "\(notes.lines)")
        }

        @Test(.enabled(if: DockerEngine.setsLimits))
        func `requests for processors and memory become limits`() async throws {
            let ready = Signal("ready")
            let submitted = try await backend.submit(
                job("echo ready; sleep 1000", output: OutputHandling { _, bytes in ready.see(bytes) }) {
                    $0.resources = ResourceRequest(processors: 0.5, memory: 64 << 20)
                })
            await ready.wait()
            let limits = try await DockerEngine.ask(
                "inspect", "-f", "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}",
                submitted.handle ?? "")
            #expect(limits == "500000000 67108864 67108864")
            await submitted.kill()
        }

        // MARK: Graphics processors

        @Test(.enabled(if: DockerEngine.flavour == .docker))
        func `an engine without graphics processors says so once, with what to do`() async throws {
            let job = try job("true") {
                $0.resources.graphicsProcessors = 2
                // As a pipeline lends its devices.
                $0.ownVariables["CUDA_VISIBLE_DEVICES"] = "1,3"
            }
            let submitted = try await backend.submit(job)
            guard case .failed(.launch, let reason, _) = await submitted.wait() else {
                Issue.record("not refused")
                return
            }
            #expect(reason.contains("device driver") && reason.contains("install the NVIDIA container toolkit"))
            let asked = try await DockerEngine.ask(
                "inspect", "-f", "{{json .HostConfig.DeviceRequests}} {{json .Config.Env}}", submitted.handle ?? "")
            #expect(asked.contains(#""DeviceIDs":["1","3"]"#) && !asked.contains("CUDA_VISIBLE_DEVICES"), "\(asked)")
            await submitted.settle()
            let counted = try await backend.submit(self.job("true") { $0.resources.graphicsProcessors = 2 })
            _ = await counted.wait()
            #expect(
                try await DockerEngine.ask("inspect", "-f", "{{json .HostConfig.DeviceRequests}}", counted.handle ?? "")
                    .contains(#""Count":2"#))
            await counted.settle()
        }

        @Test(.enabled(if: DockerEngine.flavour == .podman && isRoot()))
        func `devices of CDI files are given by their numbers, and one that is not there is an error`() async throws {
            let (end, _) = try await run("true") { $0.resources.graphicsProcessors = 1 }
            guard case .failed(.launch, let reason, _) = end else {
                Issue.record("the end was \(end)")
                return
            }
            #expect(reason.contains("nvidia.com/gpu=0") && reason.contains("nvidia-ctk"), "\(reason)")
            // Where Podman looks for them, beside /etc/cdi.
            let place = FilePath("/var/run/cdi")
            try makeFolders(place)
            let file = place.appending("swiftflow-test-\(randomName()).yaml")
            let devices = (0..<3).map { "- {name: '\($0)', containerEdits: {env: ['GPU_\($0)=there']}}\n" }.joined()
            let specification = "cdiVersion: '0.4.0'\nkind: nvidia.com/gpu\ndevices:\n\(devices)"
            try Directory(opening: place).writeFile(
                RelativePath(file.lastComponent?.string ?? ""), Array(specification.utf8))
            defer { _ = unsafe unlink(file.string) }
            let first = try await run("env | grep GPU_") { $0.resources.graphicsProcessors = 2 }
            #expect(Set(first.text.split(separator: "\n")) == ["GPU_0=there", "GPU_1=there"])
            let lent = try await run("env | grep -e GPU_ -e CUDA") {
                $0.resources.graphicsProcessors = 1
                $0.ownVariables["CUDA_VISIBLE_DEVICES"] = "2"
            }
            #expect(lent.text == "GPU_2=there\n")
        }

        // MARK: K-06, how it ended

        @Test(.enabled(if: DockerEngine.setsLimits))
        func `K-06 a container that uses too much memory is reported as that`() async throws {
            let (end, _) = try await run("exec tail -c 200000000 /dev/zero") {
                $0.resources.memory = 16 << 20
            }
            guard case .failed(let kind, let reason, _) = end else {
                Issue.record("the end was \(end)")
                return
            }
            #expect(kind == .outOfMemory)
            #expect(reason.contains("memory") && end.exitCode != 0)
        }

        @Test(arguments: [(137, FailureKind.signal, "SIGKILL"), (143, .signal, "SIGTERM")])
        func `K-06 an end by a signal is told with its exit code`(code: Int32, kind: FailureKind, name: String)
            async throws
        {
            let (end, _) = try await run("kill -\(code - 128) $$; sleep 1")
            guard case .failed(let found, let reason, _) = end else {
                Issue.record("the end was \(end)")
                return
            }
            #expect(found == kind && reason.contains(name) && reason.contains("\(code)"))
            #expect(end.exitCode == code)
        }

        @Test func `K-06 an image that cannot be pulled is an error with the registry's reason`() async throws {
            let error = await #expect(throws: ContainerError.self) {
                try await backend.submit(
                    job("true") { $0.container?.image = "\(DockerEngine.registry)/nobody/nothing:1" })
            }
            #expect(error?.kind == .pullFailed)
            #expect(error?.diagnostics.first?.message.contains("nobody/nothing:1") == true)
        }

        @Test(arguments: ["127.0.0.1:1/nothing:1", "registry.invalid/nothing:1"])
        func `K-06 a registry that is not there is not taken for the engine`(image: String) async throws {
            let error = await #expect(throws: ContainerError.self) {
                try await backend.submit(job("true") { $0.container?.image = image })
            }
            #expect(error?.kind == .pullFailed)
            #expect(error?.diagnostics.first?.remedy?.contains("registry") == true)
        }

        @Test func `K-06 a client that refuses is no command that failed, nor is an image without a shell`()
            async throws
        {
            // What plain 'docker run' answers with 125.
            let refused = await #expect(throws: ContainerError.self) {
                try await backend.submit(
                    job("true") { $0.container?.options = [.init(name: "no-such-option", value: "1")] })
            }
            #expect(refused?.kind == .refused)
            // A container that the engine cannot start: nothing of the job has run.
            let (end, _) = try await run("true") {
                $0.container?.options = [
                    .init(name: "init", value: "false"), .init(name: "entrypoint", value: "/no/such/program"),
                ]
            }
            guard case .failed(.launch, let reason, _) = end else {
                Issue.record("the end was \(end)")
                return
            }
            #expect(reason.contains("/no/such/program") && end.exitCode == 127)
            // The init that we put in front says the same as an exit code.
            let missing = try await run("true") {
                $0.container?.options = [.init(name: "entrypoint", value: "/no/such/program")]
            }
            // Podman's init ends with 1.
            #expect(missing.end.exitCode == (DockerEngine.flavour == .docker ? 127 : 1))
            // The same codes of the command itself are the command's.
            #expect(ended(try await run("exit 125").end) == 125)
            #expect(ended(try await run("/no/such/command").end) == 127)
            #expect(ended(try await run("/etc/passwd").end) == 126)
        }

        @Test func `a container that somebody else removes is lost`() async throws {
            let ready = Signal("ready")
            let submitted = try await backend.submit(
                job("echo ready; sleep 1000", output: OutputHandling { _, bytes in ready.see(bytes) }))
            await ready.wait()
            _ = try await DockerEngine.ask("rm", "-f", submitted.handle ?? "")
            switch await submitted.wait() {
            case .lost: break
            // Podman ends it (TERM, after a grace KILL) and then removes it; whoever asks in between sees a container that was ended.
            case .failed(.signal, _, let end?)
            where DockerEngine.flavour == .podman
                && [.exited(code: 137), .exited(code: 143)].contains(end.termination):
                break
            case let end: Issue.record("not lost, but \(end)")
            }
        }

        // MARK: What it costs

        @Test(.enabled(if: DockerEngine.flavour == .docker))
        func `a container is one start of the client, where the engine is on a socket of this machine`() async throws {
            let starter = RecordingStarter(Keeper.shared)
            let backend = try DockerBackend(
                environment: DockerEngine.environment, workingDirectory: "/", starter: starter)
            try await backend.check(prospective())
            for (command, code) in [("true", Int32(0)), ("exit 3", 3)] {
                let job = try job(command)
                let submitted = try await backend.submit(job)
                #expect(await submitted.wait().exitCode == code)
                await submitted.settle()
                #expect(try await DockerEngine.containers(ofRun: job.run.runID) == [])
            }
            let clients = starter.commands.filter { $0.first == "docker" }
            #expect(clients.count == 2 && clients.allSatisfy { $0.dropFirst().first == "run" }, "\(clients)")
        }

        @Test(.enabled(if: DockerEngine.flavour == .docker))
        func `a client that is a script is asked itself, as it may lead to any engine`() async throws {
            let real = try DockerEngine.client()
            try folder.directory.writeFile(
                RelativePath("docker"), Array("#!/bin/sh\nexec '\(real.executable)' \"$@\"\n".utf8), mode: 0o755)
            let starter = RecordingStarter(Keeper.shared)
            let script = try ContainerClient(
                environment: DockerEngine.environment.merging(["PATH": folder.path.string]) { $1 },
                workingDirectory: "/", starter: starter)
            let image = try ImageReference(DockerEngine.image)
            let facts = try #require(try await script.image(image))
            #expect(starter.commands.count == 1)
            #expect(try await real.image(image) == facts)
        }

        // MARK: K-01, the engine

        @Test(.enabled(if: DockerEngine.flavour == .docker))
        func `K-01 without an engine there is an error within ten seconds`() async throws {
            let backend = try DockerEngine.backend(nil, ["DOCKER_HOST": "unix:///nonexistent/docker.sock"])
            let error = await #expect(throws: ContainerError.self) { try await backend.check(prospective()) }
            #expect(error?.kind == .engineUnreachable)
            #expect(error?.diagnostics.first?.remedy?.contains("DOCKER_HOST") == true)
        }

        @Test(.enabled(if: DockerEngine.flavour == .docker))
        func `K-01 an engine that accepts and never answers is given up`() async throws {
            let path = folder.path.appending("silent.sock")
            let silent = try RawServer(at: path) { while !$0.receive().isEmpty {} }
            defer { silent.stop() }
            var client = try DockerEngine.client(["DOCKER_HOST": "unix://\(path)"])
            client.patience = .seconds(1)
            let impatient = client
            let image = try ImageReference(DockerEngine.image)
            // By the client, and without it.
            for question in [
                { _ = try await impatient.version() }, { _ = try await impatient.image(image) },
                { try await impatient.remove("nobody") },
            ] {
                let error = await #expect(throws: ContainerError.self) { try await question() }
                #expect(error?.kind == .engineUnreachable)
            }
        }

        @Test(.enabled(if: DockerEngine.flavour == .docker))
        func `K-01 a client that the engine does not fit is told apart`() async throws {
            let client = try DockerEngine.client(["DOCKER_API_VERSION": "1.99"])
            let error = await #expect(throws: ContainerError.self) { try await client.version() }
            #expect(error?.kind == .engineUnsuitable)
            let version = try await DockerEngine.client().version()
            #expect(!version.server.isEmpty && version.operatingSystem == "linux")
        }

        @Test func `K-01 a machine without a client says so`() {
            let error = #expect(throws: ContainerError.self) {
                try ContainerClient(
                    environment: ["PATH": "/nonexistent"], workingDirectory: "/", starter: Keeper.shared)
            }
            #expect(error?.kind == .clientMissing)
        }

        // MARK: K-04, access to this machine

        private func prospective(
            isFetched: Bool = false, paths: [PathParameter] = [], change: (inout ContainerRequest) -> Void = { _ in }
        ) -> ProspectiveJob {
            var request = ContainerRequest(image: DockerEngine.image)
            change(&request)
            var job = ProspectiveJob(
                projectName: "p", entryPoint: "main", container: request, resources: ResourceRequest(),
                source: JobSource(projectFolder: folder.path, isFetched: isFetched),
                environment: ["TOP_SECRET": "hunter2-value"],
                workingDirectory: folder.path, report: { _ in })
            job.paths = paths
            return job
        }

        @Test func `K-04 what a fetched project wants of this machine is listed and needs leave, values never shown`()
            async throws
        {
            try folder.directory.makeDirectory(RelativePath("own"))
            let linked = unsafe symlink("/etc", folder.path.appending("link").string)
            #expect(linked == 0)
            func ask(_ request: inout ContainerRequest) {
                request.volumes = [
                    "/:/host", "/var/run/docker.sock:/var/run/docker.sock", "../..:/up", "./link:/link",
                    "other_data:/data",
                    "./own:/own",
                ]
                request.variables = [.copied(name: "TOP_SECRET"), .set(name: "X", value: "1")]
            }
            let error = await #expect(throws: InvalidInput.self) {
                try await backend.check(prospective(isFetched: true, change: ask))
            }
            let text = try #require(error).description
            for wanted in [
                "/:/host", "docker.sock", "../..:/up", "./link:/link", "other_data:/data", "TOP_SECRET",
                "--allow-mounts",
                "--allow-env",
            ] {
                #expect(text.contains(wanted), "\(wanted)")
            }
            #expect(!text.contains("./own:/own"))
            #expect(!text.contains("hunter2"))
            try await backend.check(
                prospective(isFetched: true) {
                    ask(&$0)
                    $0.allowsMounts = true
                    $0.allowsHostVariables = true
                })
            try await DockerEngine.backend(
                #"{"client": "\#(DockerEngine.flavour.rawValue)", "allow-mounts": true, "allow-env": true}"#
            ).check(
                prospective(isFetched: true, change: ask))
            // A folder of the user's own is trusted as its author is.
            try await backend.check(prospective(change: ask))
        }

        @Test func `K-02 everything wrong about a container is told at once, before a run exists`() async throws {
            let error = await #expect(throws: InvalidInput.self) {
                try await backend.check(
                    prospective {
                        $0.image = "--privileged"
                        $0.volumes = ["nonsense", "/a:/b:sudo"]
                        $0.variables = [.copied(name: "NOT_SET_HERE")]
                        $0.options = [.init(name: "--rm", value: nil), .init(name: "detach", value: nil)]
                    })
            }
            #expect(error?.diagnostics.count == 6)
        }

        @Test func `what was downloaded for a parameter can be read at its own path, and not written`() async throws {
            let downloads = try TemporaryDirectory(prefix: "swiftflow, \"downloads\": test")
            try downloads.directory.writeFile(RelativePath("data"), Array("downloaded".utf8))
            let (end, text) = try await run("cat '\(downloads.path)/data'; touch '\(downloads.path)/new'") {
                $0.downloadFolder = downloads.path
            }
            #expect(text == "downloaded")
            #expect(end.exitCode == 1)
        }

        @Test func `what a path parameter names elsewhere can be read at its own path, whoever mounts it`() async throws
        {
            let data = try TemporaryDirectory(prefix: "swiftflow, \"data\": test")
            try data.directory.writeFile(RelativePath("set"), Array("given".utf8))
            let file = data.path.appending("set")
            let given = PathParameter(name: "data", value: "set", path: file)
            let command = "cat '\(file)'; echo x > '\(file)'"
            let mounted = try await run(command) { $0.paths = [given, given] }
            #expect(mounted.text.hasPrefix("given") && mounted.end.exitCode == 1)
            // The user's own mount counts.
            let plain = try TemporaryDirectory()
            try plain.directory.writeFile(RelativePath("set"), Array("plain".utf8))
            let own = try await run("cat /data/set; echo more >> /data/set") {
                $0.paths = [PathParameter(name: "data", value: "/data/set", path: "/data/set")]
                $0.container?.options = [.init(name: "v", value: "\(plain.path):/data")]
            }
            #expect(own.text == "plain" && own.end.isSuccess, "\(own)")
            let hiding = await #expect(throws: InvalidInput.self) {
                try await backend.check(prospective(paths: [PathParameter(name: "all", value: "/usr", path: "/usr")]))
            }
            #expect(hiding?.description.contains("parameter 'all'") == true)
        }

        @Test func `K-04 the default of a fetched project's path parameter needs leave, the user's value does not`()
            async throws
        {
            let named = PathParameter(name: "key", value: "/root/.ssh", path: "/root/.ssh", isDefault: true)
            let error = await #expect(throws: InvalidInput.self) {
                try await backend.check(prospective(isFetched: true, paths: [named]))
            }
            #expect(error?.description.contains("'/root/.ssh' (parameter 'key')") == true)
            try await backend.check(prospective(isFetched: true, paths: [named]) { $0.allowsMounts = true })
            try await backend.check(prospective(paths: [named]))
            var given = named
            given.isDefault = false
            try await backend.check(prospective(isFetched: true, paths: [given]))
        }

        @Test func `a volume of the project is mounted`() async throws {
            try folder.directory.makeDirectory(RelativePath("data"), mode: 0o755)
            try folder.directory.writeFile(RelativePath("data/x"), Array("hello".utf8), mode: 0o644)
            let (end, text) = try await run("cat /in/x; touch /in/y") { $0.container?.volumes = ["./data:/in:ro"] }
            #expect(text == "hello")
            #expect(end.exitCode != 0)
        }
    }
}

/// The exit code of a command that ended by itself; nil when the backend explains the end.
private func ended(_ end: JobEnd) -> Int32? {
    if case .ended = end { end.exitCode } else { nil }
}
