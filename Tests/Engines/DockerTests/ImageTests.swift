import Containers
import Diagnostics
import DockerBackend
import Execution
import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

extension OnDocker {
    @Suite(.timeLimit(.minutes(10))) struct ImageTests {
        let folder: TemporaryDirectory
        let client: ContainerClient

        init() throws {
            folder = try TemporaryDirectory()
            client = try DockerEngine.client()
        }

        private func write(_ name: String, _ text: String) throws {
            let path = try RelativePath(name)
            try folder.directory.makeDirectory(path.parent, mode: 0o755)
            try folder.directory.writeFile(path, Array(text.utf8), mode: 0o644)
        }

        private func reference(_ name: String) throws -> ImageReference {
            try ImageReference("swiftflow-test/\(name):\(randomName().prefix(8))")
        }

        @Test func `an image is found by its name, or is not there`() async throws {
            let image = try #require(try await client.image(ImageReference(DockerEngine.image)))
            #expect(image.id.hasPrefix("sha256:") && image.tags == [DockerEngine.fullName(of: DockerEngine.image)])
            #expect(try await client.image(ImageReference("nobody/nothing:1")) == nil)
        }

        @Test func `a built image holds the project but for what .dockerignore names, and is the caller's`()
            async throws
        {
            try write("train.py", "print(1)\n")
            try write("secret/key", "s")
            try write(".dockerignore", "secret\n*.tmp\n")
            try write("x.tmp", "t")
            let name = try reference("project")
            let image = try await client.build(
                ImageBuild(
                    .project(onTopOf: ImageReference(DockerEngine.image), owner: "1234:1234"), context: folder.path,
                    reference: name))
            #expect(try await client.image(name)?.id == image.id)
            #expect(
                image.workingDirectory == "/mlflow/projects/code/" || image.workingDirectory == "/mlflow/projects/code")
            let listing = try await DockerEngine.ask(
                "run", "--rm", image.id, "sh", "-c", "pwd; ls -A; stat -c %u train.py")
            #expect(
                listing.split(separator: "\n").map(String.init) == [
                    "/mlflow/projects/code", ".dockerignore", "train.py", "1234",
                ])
            try await client.removeImage(name)
        }

        @Test func `a build that fails says why`() async throws {
            try write("Dockerfile", "FROM \(DockerEngine.image)\nRUN echo before; exit 3\n")
            let seen = CollectedLines()
            let error = await #expect(throws: ContainerError.self) {
                try await client.build(
                    ImageBuild(
                        .dockerfile(folder.path.appending("Dockerfile")), context: folder.path,
                        reference: try reference("bad")),
                    progress: { seen.append($0) })
            }
            #expect(error?.kind == .buildFailed)
            #expect(error?.diagnostics.first?.message.contains("3") == true)
            #expect(seen.lines.contains { $0.contains("before") })
        }

        @Test(arguments: ["127.0.0.1:1/nothing:1", "registry.invalid/nothing:1"])
        func `K-06 a base image that cannot be pulled for a build is its registry's fault, not the engine's`(
            base: String
        )
            async throws
        {
            try write("Dockerfile", "FROM \(base)\nRUN true\n")
            let error = await #expect(throws: ContainerError.self) {
                try await client.build(
                    ImageBuild(
                        .dockerfile(folder.path.appending("Dockerfile")), context: folder.path,
                        reference: try reference("based")))
            }
            #expect(error?.kind == .buildFailed)
            #expect(error?.diagnostics.first?.remedy?.contains("registry") == true, "\(error?.description ?? "")")
        }

        @Test(
            arguments: [
                "exec sleep 1000", "sleep 1000; true", "sleep 1000 & wait", "trap '' INT; sleep 1000 & sleep 1000",
            ])
        func `a shell that waits ends when it is asked to, whatever signal its image wants`(command: String)
            async throws
        {
            try write("Dockerfile", "FROM \(DockerEngine.image)\nSTOPSIGNAL SIGINT\n")
            let name = try reference("stop-signal")
            _ = try await client.build(
                ImageBuild(
                    .dockerfile(folder.path.appending("Dockerfile")), context: folder.path, reference: name))
            let ready = Signal("ready")
            let backend = try DockerEngine.backend()
            var job = try DockerEngine.kit(backend, folder: folder).job(
                "echo ready; \(command)", output: OutputHandling { _, bytes in ready.see(bytes) })
            job.container?.image = name.description
            let submitted = try await backend.submit(job)
            await ready.wait()
            // Longer than the test may last: nothing was ended by force.
            await submitted.cancel(grace: .seconds(1_000))
            #expect(await submitted.wait().exitCode == 143)
            try await client.removeImage(name)
        }

        @Test func `an image is pushed to a registry, named by its digest, and pulled from there`() async throws {
            try write("file", randomName())
            let name = try ImageReference("\(DockerEngine.registry)/team/model:abcdef0")
            _ = try await client.build(
                ImageBuild(
                    .project(onTopOf: ImageReference(DockerEngine.image), owner: nil), context: folder.path,
                    reference: name
                ))
            let seen = CollectedLines()
            let digest = try await client.push(name, progress: { seen.append($0) })
            #expect(digest.hasPrefix("sha256:") && digest.utf8.count == 71)
            #expect(!seen.lines.isEmpty)
            let pinned = try name.pinned(to: digest)
            try await client.removeImage(name)
            let pulled = try await client.pull(pinned)
            #expect(pulled.digests.contains(pinned.description))
            let again = try name.tagged("again")
            try await client.tag(pulled, as: again)
            #expect(try await client.image(again)?.id == pulled.id)
            try await client.removeImage(again)
        }

        @Test func `K-06 a push that is refused says why`() async throws {
            let name = try ImageReference("127.0.0.1:1/team/model:1")
            let image = try #require(try await client.image(ImageReference(DockerEngine.image)))
            try await client.tag(image, as: name)
            let error = await #expect(throws: ContainerError.self) { try await client.push(name) }
            #expect(error?.kind == .pushFailed || error?.kind == .engineUnreachable)
            try await client.removeImage(name)
        }

        @Test func `a project is run in an image with its code, or in one its own Dockerfile makes`() async throws {
            try write("Dockerfile", "FROM \(DockerEngine.image)\nENV MADE=here\n")
            try write("code.txt", "the code")
            let backend = try DockerEngine.backend()
            let kit = DockerEngine.kit(backend, folder: folder)
            for (change, expected) in [
                (
                    { (request: inout ContainerRequest) in request.buildsImage = true },
                    "/mlflow/projects/code\nthe code"
                ),
                (
                    { (request: inout ContainerRequest) in
                        request.image = nil
                        request.dockerfile = try? RelativePath("Dockerfile")
                    }, "\(folder.path)\nthe codehere"
                ),
                (
                    { (request: inout ContainerRequest) in
                        request.image = nil
                        request.dockerfile = try? RelativePath("Dockerfile")
                        request.buildsImage = true
                    }, "/mlflow/projects/code\nthe codehere"
                ),
            ] {
                let output = CollectedOutput()
                var job = try kit.job("pwd; cat code.txt; printf '%s' \"$MADE\"", output: output.handling)
                job.projectName = "Kit Project"
                var request = job.container ?? ContainerRequest(image: nil)
                change(&request)
                job.container = request
                let submitted = try await backend.submit(job)
                #expect(await submitted.wait().isSuccess)
                await submitted.settle()
                #expect(output.text() == expected)
                let uri = submitted.tags.first { $0.key == WellKnownTag.dockerImageURI }?.value
                #expect(uri == "kit-project")
            }
        }
    }
}

/// Keeps the lines of a progress.
final class CollectedLines: Sendable {
    private let collected = CollectedOutput()

    func append(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        unsafe collected.append(bytes.span.bytes, from: .standardOutput)
    }

    var lines: [String] { collected.text().split(separator: "\n").map(String.init) }
}
