import Files
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Environments

@Suite(.timeLimit(.minutes(10)))
struct CondaEnvironmentTests {
    private static let declaration = "name: ignored\ndependencies:\n- python=3.11\n"

    private let conda = CondaEnvironment()
    private let file: EnvironmentSource

    init() throws {
        file = .condaFile(try RelativePath("conda.yaml"))
    }

    private func fixture(_ declaration: String = declaration, program: String = "conda") throws -> EnvironmentFixture {
        let fixture = try EnvironmentFixture(
            ["conda.yaml": declaration], variables: ["MLFLOW_DISABLE_ENV_MANAGER_CONDA_WARNING": "TRUE"])
        _ = try CondaStandIn(fixture, program: program)
        return fixture
    }

    private func request(_ fixture: EnvironmentFixture, _ variables: [String: String]? = nil) -> EnvironmentRequest {
        fixture.request(file, variables: variables ?? ["MLFLOW_CONDA_HOME": "\(fixture.temporary.path)/conda"])
    }

    @Test func `the manager keeps the promises of all managers`() async throws {
        let fixture = try fixture()
        let kit = EnvironmentManagerConformance(conda, request: request(fixture))
        expectKept(try await kit.checkLifeOfAnEnvironment())
    }

    @Test func `E-04 of several runs that want one environment one makes it`() async throws {
        let fixture = try fixture()
        let kit = EnvironmentManagerConformance(conda, request: request(fixture))
        expectKept(try await kit.checkThatOneOfManyBuilds())
    }

    @Test func `conda is called as MLflow calls it`() async throws {
        let fixture = try fixture()
        let environment = try await conda.prepare(request(fixture))
        let name = EnvironmentName.conda(Self.declaration)
        #expect(
            fixture.starter.commands == [
                ["conda", "env", "list", "--json"],
                ["conda", "env", "create", "-n", name, "--file", "\(fixture.project)/conda.yaml"],
                ["conda", "env", "list", "--json"],
            ])
        #expect(environment.managerTag == "conda")
        #expect(environment.folder == fixture.temporary.path.appending("conda/envs/\(name)"))
        #expect(
            environment.shellPrefix
                == "source \(fixture.temporary.path)/conda/bin/../etc/profile.d/conda.sh && conda activate \(name) 1>&2"
        )
        #expect(environment.variables.isEmpty)
    }

    @Test func `without a file an environment with python alone is made`() async throws {
        let fixture = try fixture()
        var request = request(fixture)
        request.source = .noFile
        _ = try await conda.prepare(request)
        #expect(
            fixture.starter.commands.dropFirst().first == [
                "conda", "create", "--channel", "conda-forge", "--yes", "--override-channels", "-n",
                "mlflow-da39a3ee5e6b4b0d3255bfef95601890afd80709", "python",
            ])
    }

    @Test(arguments: ["conda", "mamba", "micromamba"])
    func `the entry point runs inside, and its output stays its own`(program: String) async throws {
        let fixture = try fixture(program: program)
        // On PATH only: then there may be no activation script, and mamba is as good.
        let variables = ["PATH": "\(fixture.temporary.path)/conda/bin:" + EnvironmentFixture.toolsPath]
        if program == "conda" { try fixture.temporary.directory.remove(RelativePath("conda/etc")) }
        let environment = try await conda.prepare(request(fixture, variables))
        #expect(environment.shellPrefix?.hasPrefix("eval \"$(") == true)
        let output = try await fixture.run(
            "echo $CONDA_DEFAULT_ENV; command -v python", in: environment, variables: variables)
        let name = EnvironmentName.conda(Self.declaration)
        #expect(output == "\(name)\n\(fixture.temporary.path)/conda/envs/\(name)/bin/python\n")
    }

    @Test func `another program may create, beside conda`() async throws {
        let fixture = try fixture()
        try link(to: "conda", at: fixture.temporary.path.appending("conda/bin/mamba"))
        let home = "\(fixture.temporary.path)/conda"
        var variables = ["MLFLOW_CONDA_HOME": home, "MLFLOW_CONDA_CREATE_ENV_CMD": "mamba"]
        _ = try await conda.prepare(request(fixture, variables))
        #expect(fixture.starter.commands.map(\.first) == ["conda", "mamba", "conda"])
        #expect(fixture.starter.commands[1].dropFirst().starts(with: ["env", "create", "-n"]))
        variables["MLFLOW_CONDA_CREATE_ENV_CMD"] = "no-mamba"
        let error = #expect(throws: EnvironmentError.self) { try CondaInstallation(variables: variables) }
        #expect(error?.description.contains("MLFLOW_CONDA_CREATE_ENV_CMD names 'no-mamba'") == true)
    }

    @Test func `conda is looked for where MLflow looks`() throws {
        let fixture = try fixture()
        let program = fixture.temporary.path.appending("conda/bin/conda")
        for variables in [
            ["MLFLOW_CONDA_HOME": "\(fixture.temporary.path)/conda", "CONDA_EXE": "/nonexistent/conda", "PATH": ""],
            ["CONDA_EXE": program.string, "PATH": ""], ["PATH": "\(fixture.temporary.path)/conda/bin"],
        ] {
            #expect(try CondaInstallation(variables: variables).program == program)
        }
        try link(to: program, at: fixture.temporary.path.appending("bin/conda"))
        let linked = try CondaInstallation(variables: ["PATH": "\(fixture.temporary.path)/bin"])
        #expect(
            linked.activation(of: "mlflow-x")
                == "source \(fixture.temporary.path)/conda/bin/../etc/profile.d/conda.sh && conda activate mlflow-x 1>&2"
        )
    }

    @Test(arguments: [["PATH": "/nonexistent"], ["MLFLOW_CONDA_HOME": "/nonexistent", "PATH": "/usr/bin"]])
    func `E-02 without conda the error names the ways out`(variables: [String: String]) async throws {
        let fixture = try fixture()
        let request = request(fixture, variables)
        let error = await #expect(throws: EnvironmentError.self) { try await conda.prepare(request) }
        #expect(error?.reason == .missingProgram)
        #expect(error?.description.contains("'conda' was not found") == true)
        #expect(error?.description.contains("MLFLOW_CONDA_HOME") == true)
    }

    @Test func `E-02 a failed creation shows conda's words and removes what it left`() async throws {
        let fixture = try fixture("dependencies: [no_such_package]\n")
        let request = request(fixture)
        let kit = EnvironmentManagerConformance(conda, request: request)
        expectKept(try await kit.checkFailure(of: request) { try fixture.list("conda/envs") })
        #expect(try fixture.list("envs/.swiftflow/conda") == [])
        #expect(fixture.output.contains("PackagesNotFoundError: no_such_package"))
    }

    @Test func `E-04 a creation that was cut off is done again`() async throws {
        let fixture = try fixture()
        let name = EnvironmentName.conda(Self.declaration)
        try fixture.temporary.directory.makeDirectory(RelativePath("conda/envs/\(name)/conda-meta"))
        try CondaRecords(root: fixture.root).write(name, prefix: nil, isComplete: false)
        #expect(try await conda.prepare(request(fixture)).wasBuilt)
        #expect(fixture.starter.commands[1] == ["conda", "remove", "--yes", "--name", name, "--all"])
    }

    @Test func `E-04 cancelling removes what was half made`() async throws {
        let fixture = try fixture("dependencies: [hang]\n")
        var request = request(fixture)
        let started = Signal()
        request.receiveOutput = { _, _ in started.fire() }
        let task = Task { [conda, request] in try await conda.prepare(request) }
        await started.wait()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try fixture.list("conda/envs") == [])
        #expect(try fixture.list("envs/.swiftflow/conda") == [])
    }

    @Test func `an environment that MLflow has made is used as it is`() async throws {
        let fixture = try fixture()
        let name = EnvironmentName.conda(Self.declaration)
        try fixture.temporary.directory.makeDirectory(RelativePath("conda/envs/\(name)/conda-meta"))
        #expect(try await !conda.prepare(request(fixture)).wasBuilt)
        #expect(fixture.starter.commands == [["conda", "env", "list", "--json"]])
    }

    @Test func `an environment that was removed behind our back is made again`() async throws {
        let fixture = try fixture()
        _ = try await conda.prepare(request(fixture))
        try fixture.temporary.directory.remove(
            RelativePath("conda/envs/\(EnvironmentName.conda(Self.declaration))"))
        #expect(try !conda.plan(request(fixture)).isReady)
        #expect(try await conda.prepare(request(fixture)).wasBuilt)
    }

    @Test func `E-01 the file must be inside and a mapping, and what pip is asked for is shown`() async throws {
        let fixture = try fixture(
            "dependencies:\n- pip:\n  - --extra-index-url https://user:secret@example.org/x\n  - six\n")
        let plan = try conda.plan(request(fixture))
        #expect(plan.notices == ["the project asks pip for '--extra-index-url https://example.org/x'"])
        try fixture.write(["conda.yaml": "- not a mapping"])
        let first = request(fixture)
        await #expect(throws: (any Error).self) { try await conda.prepare(first) }
        try fixture.temporary.directory.remove(RelativePath("my project/conda.yaml"))
        try link(to: "/etc/passwd", at: fixture.project.appending("conda.yaml"))
        await #expect(throws: FileError.self) { try await conda.prepare(first) }
        #expect(fixture.starter.commands == [])
    }

    @Test func `conda does not take python_env.yaml`() async throws {
        let fixture = try fixture()
        let request = fixture.request(.pythonEnv(try RelativePath("python_env.yaml")))
        let error = await #expect(throws: EnvironmentError.self) { try await conda.prepare(request) }
        #expect(error?.reason == .managerDoesNotFit)
    }

    @Test(arguments: ["", "{", "{}", "{\"envs\": 1}", "[]", "conda: not json"])
    func `an answer that is no list is an error, not a guess`(answer: String) async throws {
        #expect(CondaInstallation.environments(in: Array(answer.utf8)) == nil)
    }

    @Test(.enabled(if: environmentVariable("SWIFTFLOW_TEST_CONDA") == "1"), .timeLimit(.minutes(15)))
    func `a real conda, mamba or micromamba passes the same tests`() async throws {
        let fixture = try EnvironmentFixture([
            "conda.yaml": "channels: [conda-forge]\ndependencies: [python=3.11, pip]\n"
        ])
        var variables: [String: String] = [:]
        for name in ["HOME", "CONDA_EXE", "MLFLOW_CONDA_HOME", "MAMBA_EXE", "MAMBA_ROOT_PREFIX"] {
            variables[name] = environmentVariable(name)
        }
        let request = fixture.request(file, variables: variables)
        let kit = EnvironmentManagerConformance(conda, request: request)
        expectKept(try await kit.checkLifeOfAnEnvironment())
        let environment = try await conda.prepare(request)
        let prefix = try await fixture.run(
            "python -c 'import sys; print(sys.prefix)'", in: environment, variables: variables)
        #expect(prefix == "\(try #require(environment.folder))\n")
        let removed = try await EnvironmentStore(root: fixture.root).prune(
            PruneRule(unusedFor: .zero), variables: request.variables, processes: Keeper.shared)
        #expect(removed.isEmpty, "it is in use")
        withExtendedLifetime(environment) {}
    }
}
