import Environments
import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

@Suite(.enabled(if: VirtualManager.hasUV), .timeLimit(.minutes(10)))
struct UVEnvironmentTests {
    private let uv = UVEnvironment()

    @Test func `E-02 without uv on PATH the error names the way out`() async throws {
        let fixture = try EnvironmentFixture(["python_env.yaml": "python: '3'\n"])
        let request = fixture.request(
            .pythonEnv(try RelativePath("python_env.yaml")), variables: ["PATH": "/nonexistent"])
        let error = await #expect(throws: EnvironmentError.self) { try await uv.prepare(request) }
        #expect(error?.reason == .missingProgram)
        #expect(error?.description.contains("'uv' is not on PATH") == true)
        #expect(try fixture.list("envs") == [".swiftflow"])
    }

    @Test func `the version reaches uv as one word after its option`() async throws {
        let fixture = try EnvironmentFixture(["python_env.yaml": "python: '>=3.8, <4'\n"])
        let environment = try await uv.prepare(fixture.request(.pythonEnv(try RelativePath("python_env.yaml"))))
        #expect(
            fixture.starter.commands.first
                == ["uv", "venv", try #require(environment.folder).string, "--python=>=3.8,<4"])
    }

    @Test func `a project without a file gets an environment with nothing in it`() async throws {
        let fixture = try EnvironmentFixture()
        let plan = try await uv.plan(fixture.request(.noFile))
        let python = try await fixture.shell(
            "python3 -c 'import platform; print(platform.python_version())'", fixture.variables)
        #expect(plan.python.map { $0 + "\n" } == python)
        #expect(try await uv.prepare(fixture.request(.noFile)).wasBuilt)
        #expect(fixture.starter.commands.contains { $0.contains("pip") } == false)
    }

    @Test func `what pip is configured to use, uv uses too`() async throws {
        let fixture = try EnvironmentFixture(["python_env.yaml": "python: '3'\ndependencies: [demo_a]\n"])
        let index = try await LoopbackIndex(fixture)
        try fixture.write(["pip.conf": "[global]\nindex-url = \(index.url)\n"])
        let environment = try await uv.prepare(
            fixture.request(
                .pythonEnv(try RelativePath("python_env.yaml")),
                variables: ["PIP_CONFIG_FILE": "\(fixture.project)/pip.conf"]))
        #expect(try await fixture.run("python -c 'import demo_a; print(demo_a.version)'", in: environment) == "1.0\n")
        await index.stop()
    }

    @Test func `E-04 a tool killed in the middle is an error, and the next run builds`() async throws {
        let fixture = try EnvironmentFixture(["python_env.yaml": "python: '3'\n"])
        let request = fixture.request(.pythonEnv(try RelativePath("python_env.yaml")))
        // Makes a part of the environment, says its process id, and hangs.
        try fixture.addProgram("uv", "#!/bin/sh\nmkdir -p \"$2/bin\"; echo $$; exec sleep 600\n", folder: "slow")
        let started = Signal()
        var slow = request
        slow.variables["PATH"] = "\(fixture.temporary.path)/slow:" + (request.variables["PATH"] ?? "")
        slow.receiveOutput = { stream, bytes in
            request.receiveOutput(stream, bytes)
            started.fire()
        }
        let task = Task { [uv, slow] in try await uv.prepare(slow) }
        await started.wait()
        let process = try #require(Int32(fixture.output.filter { !$0.isWhitespace }))
        #expect(kill(process, SIGKILL) == 0)
        let error = await #expect(throws: EnvironmentError.self) { try await task.value }
        #expect(error?.description.contains("was ended by signal 9") == true)
        #expect(try fixture.list("envs") == [".swiftflow"])
        #expect(try fixture.list("envs/.swiftflow/begun") == [])
        #expect(try await uv.prepare(request).wasBuilt)
    }

    // MARK: uv.lock

    private static let package = """
        [project]
        name = "train"
        version = "1.0"
        requires-python = ">=3.8"
        dependencies = ["demo_a"]
        [dependency-groups]
        dev = ["demo_b"]
        [build-system]
        requires = ["no-such-backend"]
        build-backend = "no_such_backend"
        """

    /// A project with a `uv.lock` made by uv itself.
    private func lockedProject(_ version: String = "1.0") async throws -> (EnvironmentFixture, LoopbackIndex) {
        let fixture = try EnvironmentFixture(["pyproject.toml": Self.package, "python_env.yaml": "python: '3'\n"])
        let index = try await LoopbackIndex(fixture, version: version)
        _ = try await fixture.shell("uv lock --default-index \(index.url)", fixture.variables)
        return (fixture, index)
    }

    @Test func `a lock is followed exactly, without development packages and the project itself`() async throws {
        let (fixture, index) = try await lockedProject()
        let request = fixture.request(.pythonEnv(try RelativePath("python_env.yaml")))
        let environment = try await uv.prepare(request)
        let answer = try await fixture.run(
            "python -c 'import demo_a; print(demo_a.version)'; python -c 'import demo_b' 2>/dev/null || echo none",
            in: environment)
        #expect(answer == "1.0\nnone\n")
        #expect(fixture.starter.commands.contains { $0.starts(with: ["uv", "sync", "--frozen", "--no-dev"]) })
        #expect(try await !uv.prepare(request).wasBuilt)
        await index.stop()
    }

    @Test func `another lock is another environment, and virtualenv does not care`() async throws {
        let (fixture, index) = try await lockedProject()
        let request = fixture.request(.pythonEnv(try RelativePath("python_env.yaml")))
        let before = try await uv.plan(request)
        let plain = try await VirtualenvEnvironment().plan(request)
        let lock = try readFile(fixture.project.appending("uv.lock"), limit: 1 << 20)
        try fixture.write(["uv.lock": String(decoding: lock, as: UTF8.self) + "\n# changed\n"])
        #expect(try await uv.plan(request).fingerprint != before.fingerprint)
        #expect(try await VirtualenvEnvironment().plan(request) == plain)
        await index.stop()
    }

    @Test func `a lock without its project file is enough`() async throws {
        let (fixture, index) = try await lockedProject()
        try fixture.temporary.directory.remove(RelativePath("my project/pyproject.toml"))
        let environment = try await uv.prepare(fixture.request(.pythonEnv(try RelativePath("python_env.yaml"))))
        #expect(try await fixture.run("python -c 'import demo_a; print(demo_a.version)'", in: environment) == "1.0\n")
        await index.stop()
    }

    @Test func `the version beside a lock counts when the project declares none`() async throws {
        let (fixture, index) = try await lockedProject()
        try fixture.write([".python-version": "# pinned\n3.11\n"])
        #expect(try await uv.plan(fixture.request(.noFile)).python == "3.11")
        #expect(try await uv.plan(fixture.request(.pythonEnv(try RelativePath("python_env.yaml")))).python == "3")
        try fixture.write([".python-version": "--evil\n"])
        await #expect(throws: (any Error).self) { try await uv.plan(fixture.request(.noFile)) }
        await index.stop()
    }

    @Test func `E-01 a lock that is a link is refused`() async throws {
        let fixture = try EnvironmentFixture(["python_env.yaml": "python: '3'\n"])
        try link(to: "/etc/passwd", at: fixture.project.appending("uv.lock"))
        await #expect(throws: FileError.self) {
            try await uv.plan(fixture.request(.pythonEnv(try RelativePath("python_env.yaml"))))
        }
    }

    @Test(.enabled(if: environmentVariable("SWIFTFLOW_TEST_PYPI") == "1"))
    func `a package comes from the configured index`() async throws {
        let fixture = try EnvironmentFixture(
            ["python_env.yaml": "python: '3'\ndependencies: [six]\n"],
            variables: environmentVariable("PIP_CONFIG_FILE").map { ["PIP_CONFIG_FILE": $0] } ?? [:])
        let file = EnvironmentSource.pythonEnv(try RelativePath("python_env.yaml"))
        for manager in [uv, VirtualenvEnvironment()] as [any EnvironmentManager] {
            var request = fixture.request(file)
            request.root = fixture.root.appending(type(of: manager).name)
            let environment = try await manager.prepare(request)
            #expect(try await fixture.run("python -c 'import six; print(six.__name__)'", in: environment) == "six\n")
        }
    }
}
