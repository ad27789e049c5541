import Environments
import Files
import Processes
import SystemPackage
import TestSupport
import Testing

/// The two managers of Python environments; both must pass the same tests.
enum VirtualManager: String, CaseIterable, Sendable {
    case uv, virtualenv

    var manager: any EnvironmentManager { self == .uv ? UVEnvironment() : VirtualenvEnvironment() }

    static var available: [VirtualManager] { hasUV ? allCases : [.virtualenv] }
    static var hasUV: Bool {
        findExecutable("uv", searchPath: EnvironmentFixture.toolsPath) != nil
            || environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1"
    }
}

/// Packages come from a folder of wheels made on the spot, so the real installers need no network.
@Suite(.timeLimit(.minutes(10)))
struct VirtualEnvironmentTests {
    private let file: EnvironmentSource

    init() throws {
        file = .pythonEnv(try RelativePath("python_env.yaml"))
    }

    /// A project that wants the module `demo_a`.
    private func fixture(_ dependencies: [String] = ["demo_a"]) async throws -> EnvironmentFixture {
        let fixture = try EnvironmentFixture()
        let wheels = try await WheelFolder(
            at: fixture.temporary.path.appending("wheels"), [("demo_a", "1.0"), ("demo_a", "2.0"), ("demo_b", "1.0")],
            with: fixture)
        let lines = (wheels.options + dependencies).map { "- '\($0)'\n" }.joined()
        try fixture.write(["python_env.yaml": "python: '3'\ndependencies:\n" + lines])
        return fixture
    }

    @Test(arguments: VirtualManager.available)
    func `the manager keeps the promises of all managers`(kind: VirtualManager) async throws {
        let fixture = try await fixture()
        let kit = EnvironmentManagerConformance(kind.manager, request: fixture.request(file))
        expectKept(try await kit.checkLifeOfAnEnvironment())
    }

    @Test(arguments: VirtualManager.available)
    func `E-04 of several runs that want one environment one builds it`(kind: VirtualManager) async throws {
        let fixture = try await fixture()
        let kit = EnvironmentManagerConformance(kind.manager, request: fixture.request(file))
        expectKept(try await kit.checkThatOneOfManyBuilds())
        #expect(fixture.messages.contains { $0.text.hasPrefix("waiting for another run (process \(ownProcessID)") })
    }

    @Test(arguments: VirtualManager.available)
    func `E-02 a package that cannot be installed fails with the installer's own words`(kind: VirtualManager)
        async throws
    {
        let fixture = try await fixture(["no_such_package"])
        let request = fixture.request(file)
        let kit = EnvironmentManagerConformance(kind.manager, request: request)
        #expect(
            try await kit.checkFailure(of: request) {
                try fixture.list("envs").filter { $0 != ".swiftflow" }
            } == [])
        let error = await #expect(throws: EnvironmentError.self) { try await kind.manager.prepare(request) }
        #expect(error?.description.contains("pip install") == true)
        #expect(error?.description.contains("ended with exit code 1") == true)
        #expect(error?.lastLines.contains { $0.replacing("-", with: "_").contains("no_such_package") } == true)
        #expect(fixture.output.replacing("-", with: "_").contains("no_such_package"))
        #expect(try fixture.list("tmp") == [])
    }

    @Test(arguments: VirtualManager.available)
    func `packages are there, and the interpreter is the environment's`(kind: VirtualManager) async throws {
        let fixture = try await fixture(["demo_a<2"])
        let environment = try await kind.manager.prepare(fixture.request(file))
        #expect(environment.managerTag == kind.rawValue)
        let answer = try await fixture.run(
            "python -c 'import demo_a, sys; print(demo_a.version, sys.prefix)'", in: environment)
        #expect(answer == "1.0 \(try #require(environment.folder))\n")
    }

    @Test(arguments: VirtualManager.available)
    func `relative references resolve in the project's root`(kind: VirtualManager) async throws {
        let fixture = try await fixture(
            ["-r needed/more.txt", "-c limits.txt", "./own/demo_c-3.0-py3-none-any.whl", "demo_a"])
        try fixture.write([
            "needed/more.txt": "-r even/more.txt\n", "needed/even/more.txt": "demo_b # comment\n",
            "limits.txt": "demo_a==1.0\n",
        ])
        _ = try await WheelFolder(at: fixture.project.appending("own"), [("demo_c", "3.0")], with: fixture)
        let environment = try await kind.manager.prepare(fixture.request(file))
        let answer = try await fixture.run(
            "python -c 'import demo_a, demo_b, demo_c; print(demo_a.version, demo_b.version, demo_c.version)'",
            in: environment)
        #expect(answer == "1.0 1.0 3.0\n")
    }

    @Test(arguments: VirtualManager.available)
    func `E-03 requirement lines reach the installer as data only, and options are shown`(kind: VirtualManager)
        async throws
    {
        let fixture = try await fixture(["demo_a; python_version > '3' # $(touch pwned)".replacing("'", with: "\"")])
        _ = try await kind.manager.prepare(fixture.request(file))
        let words = fixture.starter.commands.joined()
        #expect(!words.contains { $0.contains("demo_a") || $0.contains("--no-index") || $0.contains("pwned") })
        #expect(fixture.messages.contains { $0.text.contains("asks the installer for '--no-index', '--find-links") })
        #expect(try fixture.list("my project") == ["python_env.yaml"])
    }

    @Test(arguments: VirtualManager.available)
    func `E-04 a build that was cut off is done again`(kind: VirtualManager) async throws {
        let fixture = try await fixture()
        let request = fixture.request(file)
        let name = try #require(try await kind.manager.plan(request).name)
        // What a killed runner leaves: a part of the environment, a lock file that names a process long gone.
        try fixture.temporary.directory.makeDirectory(RelativePath("envs/\(name)/bin"))
        try fixture.temporary.directory.writeFile(RelativePath("envs/\(name)/bin/python"), [])
        try fixture.temporary.directory.makeDirectory(RelativePath("envs/.swiftflow/locks"))
        try fixture.temporary.directory.writeFile(RelativePath("envs/.swiftflow/locks/\(name)"), Array("999999\n".utf8))
        try fixture.temporary.directory.makeDirectory(RelativePath("envs/.swiftflow/begun"))
        try fixture.temporary.directory.writeFile(RelativePath("envs/.swiftflow/begun/\(name)"), [])
        #expect(try await !kind.manager.plan(request).isReady)
        let environment = try await kind.manager.prepare(request)
        #expect(environment.wasBuilt)
        #expect(fixture.messages.contains { $0.text.contains("is incomplete; building it again") })
        #expect(try fixture.list("envs/.swiftflow/begun") == [])
        #expect(try await fixture.run("python -c 'import demo_a'", in: environment) == "")
    }

    @Test(arguments: VirtualManager.available)
    func `E-04 cancelling ends the tools and removes what was half built`(kind: VirtualManager) async throws {
        let fixture = try await fixture()
        let request = fixture.request(file)
        let started = Signal()
        var slow = request
        slow.receiveOutput = { _, _ in started.fire() }
        slow.variables["PATH"] = "\(fixture.temporary.path)/slow:" + (request.variables["PATH"] ?? "")
        // Writes into the environment's folder, says so, and hangs.
        let script =
            "#!/bin/sh\nfor word; do case $word in /*) touch \"$word/part\" ;; esac; done\necho started\nexec sleep 600\n"
        for name in ["uv", "python3"] { try fixture.addProgram(name, script, folder: "slow") }
        if kind == .virtualenv {
            // The interpreter itself answers the question for its version before it hangs.
            try fixture.addProgram(
                "python3", "#!/bin/sh\n[ \"$1\" = -I ] && { echo 3.11.2 True; exit; }\n" + script, folder: "slow")
        }
        let manager = kind.manager
        let task = Task { [slow] in try await manager.prepare(slow) }
        await started.wait()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try fixture.list("envs").filter { $0 != ".swiftflow" } == [])
    }

    @Test(arguments: VirtualManager.available)
    func `an interpreter that is gone means a new build`(kind: VirtualManager) async throws {
        let fixture = try await fixture()
        let environment = try await kind.manager.prepare(fixture.request(file))
        let python = try #require(environment.folder).appending("bin").appending("python")
        try fixture.temporary.directory.remove(relative(python, to: fixture))
        try link(to: "/nonexistent/python", at: python)
        #expect(try await kind.manager.prepare(fixture.request(file)).wasBuilt)
    }

    @Test(arguments: VirtualManager.available)
    func `variables that would lead the installer astray do not`(kind: VirtualManager) async throws {
        let fixture = try await fixture()
        try fixture.write(["elsewhere/demo_a.py": "version = 'wrong'\n"])
        let variables = [
            "UV_SYSTEM_PYTHON": "1", "PIP_USER": "1", "PYTHONPATH": "\(fixture.project)/elsewhere",
            "PIP_TARGET": "/nonexistent",
            "UV_PYTHON": "2.7", "VIRTUAL_ENV": "/nonexistent",
        ]
        let environment = try await kind.manager.prepare(fixture.request(file, variables: variables))
        #expect(try await fixture.run("python -c 'import demo_a; print(demo_a.version)'", in: environment) == "2.0\n")
    }

    @Test(arguments: VirtualManager.available)
    func `X-20 a planted link is not used, and the folder is private whatever the umask`(kind: VirtualManager)
        async throws
    {
        let fixture = try await fixture()
        let request = fixture.request(file)
        let name = try #require(try await kind.manager.plan(request).name)
        try fixture.temporary.directory.makeDirectory(RelativePath("envs"))
        try fixture.temporary.directory.makeDirectory(RelativePath("planted"))
        try fixture.temporary.directory.writeFile(RelativePath("planted/keep"), [1])
        try link(to: fixture.temporary.path.appending("planted"), at: fixture.root.appending(name))
        let environment = try await kind.manager.prepare(request)
        #expect(environment.wasBuilt)
        #expect(try fixture.list("planted") == ["keep"])
        let status = try #require(try fixture.temporary.directory.status(RelativePath("envs/\(name)")))
        #expect(status.kind == .directory)
        #expect(status.permissions == 0o700)
    }

    @Test(arguments: VirtualManager.available)
    func `E-01 an environment file that is missing, a link or no file is refused`(kind: VirtualManager) async throws {
        let fixture = try await fixture()
        try link(to: "/etc/passwd", at: fixture.project.appending("link.yaml"))
        try fixture.write(["folder/x": "", "broken.yaml": "a: [secret"])
        for name in ["missing.yaml", "link.yaml", "folder", "broken.yaml"] {
            let request = fixture.request(.pythonEnv(try RelativePath(name)))
            let error = await #expect(throws: (any Error).self) { try await kind.manager.prepare(request) }
            #expect(error.map { "\($0)".contains(name) } == true)
            #expect(error.map { "\($0)".contains("root:") || "\($0)".contains("secret") } == false)
        }
        #expect(fixture.starter.commands == [])
    }

    private func relative(_ path: FilePath, to fixture: EnvironmentFixture) throws -> RelativePath {
        try RelativePath(String(path.string.dropFirst(fixture.temporary.path.string.utf8.count + 1)))
    }
}
