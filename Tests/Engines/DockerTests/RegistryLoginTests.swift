import Containers
import Diagnostics
import DockerBackend
import Execution
import Files
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

extension OnDocker {
    /// Images of a registry that gives and takes them only after a login.
    @Suite(.timeLimit(.minutes(3))) struct RegistryLoginTests {
        let engine: ProgramOnEngine
        let registry: PrivateRegistry
        /// An image that is in the registry and not on the engine.
        let image: ImageReference
        private var program: SwiftflowProgram { engine.program }

        init() async throws {
            engine = try ProgramOnEngine()
            registry = try PrivateRegistry()
            image = try ImageReference("\(registry.address)/team/private:\(randomName().prefix(8))")
            let client = try await client(.member)
            let base = try #require(try await client.image(ImageReference(DockerEngine.image)))
            try await client.tag(base, as: image)
            _ = try await client.push(image)
            try await client.removeImage(image)
        }

        private func client(_ visitor: PrivateRegistry.Visitor) async throws -> ContainerClient {
            try DockerEngine.client(try await registry.variables(of: visitor))
        }

        private func run(
            as visitor: PrivateRegistry.Visitor, _ arguments: String...
        ) async throws -> SwiftflowProgram.Result {
            try await program.run(
                ["run", "."] + arguments + ["-c", ProgramOnEngine.configuration],
                variables: try await registry.variables(of: visitor))
        }

        private func write(_ environment: String, command: String = "echo $((40+2))ran") throws {
            try program.write(
                "MLproject",
                "name: Private\ndocker_env: {\(environment)}\nentry_points:\n  main: {command: \"\(command)\"}\n")
        }

        /// Neither the messages nor anything that was recorded holds a password.
        private func expectNoSecrets(in result: SwiftflowProgram.Result) async throws {
            for secret in try await registry.secrets() {
                #expect(!result.messages.contains(secret) && !result.output.contains(secret))
                // Rows, indices and logs alike.
                let found = try await Keeper.shared.runTool(
                    "/bin/sh", ["-c", "grep -rlF -- \"$SECRET\" mlflow.db* mlruns 2>/dev/null"],
                    environment: processEnvironment().merging(["SECRET": secret]) { _, new in new },
                    workingDirectory: program.path)
                #expect(found.output.isEmpty, "\(String(decoding: found.output, as: UTF8.self))")
            }
        }

        @Test func `a login that the client's own command has made counts`() async throws {
            var variables = try await registry.variables(of: .stranger)
            let client = try DockerEngine.client(variables)
            let login = try await Keeper.shared.runTool(
                client.executable, ["login", "--username", registry.user, "--password-stdin", registry.address],
                environment: client.environment, workingDirectory: "/",
                standardInput: .bytes(Array(registry.password.utf8)))
            #expect(login.end.isSuccess, "\(login.lastLines)")
            try write("image: \"\(image)\"")
            variables.merge(engine.program.environment) { own, _ in own }
            let result = try await program.run(
                ["run", ".", "-c", ProgramOnEngine.configuration], variables: variables)
            #expect(result.exitCode == 0, "\(result.messages)")
            #expect(result.output == "42ran\n")
            try await expectNoSecrets(in: result)
            try await client.removeImage(image)
        }

        @Test(arguments: [PrivateRegistry.Visitor.member, .helped])
        func `a private image is pulled for a run by whoever the client knows`(visitor: PrivateRegistry.Visitor)
            async throws
        {
            try write("image: \"\(image)\"")
            let result = try await run(as: visitor)
            #expect(result.exitCode == 0, "\(result.messages)")
            #expect(result.output == "42ran\n")
            if visitor == .helped {
                #expect(try registry.questions(of: visitor).contains("get \(registry.address)"))
            }
            let run = try #require(try await engine.runs().first)
            #expect(engine.tag(WellKnownTag.dockerImageURI, of: run) == image.description)
            try await expectNoSecrets(in: result)
            try await client(.member).removeImage(image)
        }

        @Test(arguments: [PrivateRegistry.Visitor.member, .helped])
        func `an image is built on a private one, with the project's files or by its Dockerfile`(
            visitor: PrivateRegistry.Visitor
        ) async throws {
            try program.write("word", "from the project")
            try program.write("Dockerfile", "FROM \(image)\nENV MADE=here\n")
            try write("image: \"\(image)\"", command: "cat word")
            let built = try await run(as: visitor, "--build-image")
            #expect(built.exitCode == 0 && built.output.contains("from the project"), "\(built.messages)")
            try await client(.member).removeImage(image)

            try write("dockerfile: Dockerfile", command: "echo $MADE")
            let own = try await run(as: visitor)
            #expect(own.exitCode == 0 && own.output.contains("here"), "\(own.messages)")
            try await expectNoSecrets(in: own)
        }

        @Test func `K-06 without a login the image is refused before a run exists`() async throws {
            try write("image: \"\(image)\"")
            for arguments in [[], ["--build-image"]] {
                let result = try await program.run(
                    ["run", "."] + arguments + ["-c", ProgramOnEngine.configuration],
                    variables: try await registry.variables(of: .stranger))
                #expect(result.exitCode == 1)
                let client = DockerEngine.flavour.rawValue
                #expect(
                    result.messages.contains(
                        "the registry '\(registry.address)' wants a login for the image '\(image)', and \(client) has none for it"
                    ), "\(result.messages)")
                #expect(result.messages.contains("\(client) login \(registry.address)"))
                #expect(result.messages.split(separator: "error:").count <= 2)
                #expect(try await engine.runs().isEmpty)
                try await expectNoSecrets(in: result)
            }
        }

        @Test func `K-06 a login that does not count makes a failed run that says so`() async throws {
            try write("image: \"\(image)\"")
            let result = try await run(as: .former)
            #expect(result.exitCode == 1)
            let run = try #require(try await engine.runs().first)
            #expect(run.info.status == .failed)
            let reason = try #require(engine.tag(WellKnownTag.failureReason, of: run))
            #expect(reason.contains("the image '\(image)' could not be pulled"), "\(reason)")
            #expect(reason.contains("unauthorized"))
            #expect(reason.contains("\(DockerEngine.flavour.rawValue) login \(registry.address)"))
            #expect(engine.tag(WellKnownTag.failureKind, of: run) == "launch")
            try await expectNoSecrets(in: result)
        }

        @Test func `K-06 a push is refused without a login that counts, and says what to do`() async throws {
            let name = try ImageReference("\(registry.address)/team/pushed:\(randomName().prefix(8))")
            let client = try await client(.member)
            try await client.tag(try #require(try await client.image(ImageReference(DockerEngine.image))), as: name)
            for visitor in [PrivateRegistry.Visitor.stranger, .former] {
                let error = await #expect(throws: ContainerError.self) { try await self.client(visitor).push(name) }
                #expect(error?.kind == .pushFailed)
                #expect(
                    error?.description.contains("\(DockerEngine.flavour.rawValue) login \(registry.address)") == true,
                    "\(error?.description ?? "")")
            }
            #expect(try await client.push(name).hasPrefix("sha256:"))
            try await client.removeImage(name)
        }

        @Test func `only what is certain is said before a run exists`() async throws {
            let stranger = try await client(.stranger)
            let open = try ImageReference("\(DockerEngine.registry)/team/nothing:1")
            #expect(await stranger.missingLogin(for: image)?.kind == .loginMissing)
            // What is not there may be private, too; who has no login is not told.
            #expect(await stranger.missingLogin(for: try image.tagged("no-such"))?.kind == .loginMissing)
            // A registry that asks for nothing, one that does not answer, and Docker Hub, which counts questions.
            for name in [open, try ImageReference("127.0.0.1:1/a:1"), try ImageReference("nobody/nothing:1")] {
                #expect(await stranger.missingLogin(for: name) == nil)
            }
            for visitor in [PrivateRegistry.Visitor.member, .helped, .former] {
                #expect(await (try client(visitor)).missingLogin(for: image) == nil)
            }
        }
    }
}
