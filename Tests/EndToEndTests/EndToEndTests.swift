import Files
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

/// The built program on small projects, looked at from outside: exit codes, what it prints, what the store says afterwards.
@Suite(.timeLimit(.minutes(10))) struct RunTests {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    private func project(_ command: String, parameters: String = "") throws {
        let declared = parameters.isEmpty ? "" : "    parameters:\n\(parameters)\n"
        try program.write(
            "project/MLproject", "name: test\nentry_points:\n  main:\n\(declared)    command: \(command)\n")
    }

    private func onlyRun() async throws -> Run {
        let store = try await SQLiteStore.open(
            program.path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: program.path))
        let page = try await store.searchRuns(RunSearch(experimentIDs: ["0"], viewType: .all))
        await store.close()
        #expect(page.elements.count == 1)
        return try #require(page.elements.first)
    }

    @Test func `a run is recorded with raw params, tags, its log and what it used`() async throws {
        try project(
            #""echo value {text} {number}; echo problem >&2""#,
            parameters: "      text: string\n      number: {type: float, default: 0.10}")
        let result = try await program.run("run", "project", "-P", "text=two words", "-P", "extra=it's")
        #expect(result.exitCode == 0)
        #expect(result.output == "value two words 0.1\n")
        #expect(result.messages.contains("problem"))

        let run = try await onlyRun()
        #expect(result.messages.contains("=== Run (ID '\(run.info.runID)') succeeded ==="))
        #expect(run.info.status == .finished)
        #expect(run.data.param("text") == "two words")
        #expect(run.data.param("number") == "0.1")
        #expect(run.data.param("extra") == "it's")
        #expect(run.data.tag("mlflow.source.type") == "PROJECT")
        #expect(run.data.tag("mlflow.source.name") == program.path.appending("project").string)
        #expect(run.data.tag("mlflow.project.entryPoint") == "main")
        #expect(run.data.tag("mlflow.project.backend") == "local")
        #expect(run.data.tag("mlflow.user") == "tester")
        #expect(run.data.tag("mlflow.project.env") == nil)
        #expect(run.data.tag("swiftflow.exit_code") == "0")
        #expect(run.data.tag("swiftflow.runner") == nil)
        #expect(run.data.tag("swiftflow.peak_memory_bytes").flatMap { Int64($0) } ?? 0 > 0)
        let log = try program.read("mlruns/0/\(run.info.runID)/artifacts/logs/output.log")
        #expect(log.contains("value two words 0.1\n") && log.contains("problem"))
    }

    @Test(arguments: [
        ("exit 3", "exit_code", "3"), ("exit 127", "exit_code", "127"), ("kill -9 $$", "signal", "SIGKILL"),
    ])
    func `X-07 how the entry point ended is recorded exactly`(command: String, tag: String, value: String) async throws
    {
        try project("\"\(command)\"")
        let result = try await program.run("run", "project")
        #expect(result.exitCode == 1)
        let run = try await onlyRun()
        #expect(run.info.status == .failed)
        #expect(run.data.tag("swiftflow.\(tag)") == value)
        #expect(run.data.tag("swiftflow.failure")?.isEmpty == false)
        #expect(result.messages.contains("=== Run (ID '\(run.info.runID)') failed ==="))
    }

    @Test func `the command gets the run, the experiment and a tracking endpoint`() async throws {
        try project(#""env | grep ^MLFLOW_ | sort; pwd""#)
        let result = try await program.run("run", "project", "--experiment-name", "mine")
        #expect(result.exitCode == 0)
        #expect(result.output.contains("MLFLOW_EXPERIMENT_ID=1\n"))
        #expect(result.output.contains("MLFLOW_RUN_ID="))
        #expect(result.output.contains("MLFLOW_TRACKING_URI=http://127.0.0.1:"))
        #expect(result.output.contains("MLFLOW_TRACKING_TOKEN="))
        #expect(result.output.hasSuffix(program.path.appending("project").string + "\n"))
    }

    @Test(arguments: [
        (["run"], "Missing expected argument"), (["run", ".", "--nonsense"], "Unknown option"),
        (["run", ".", "-P", "novalue"], "NAME=VALUE"), (["run", ".", "-P", "a=1", "-P", "a=2"], "twice"),
        (["run", ".", "--experiment-name", "a", "--experiment-id", "1"], "not both"),
        (["run", ".", "-c", "{broken"], "JSON"),
    ])
    func `X-13 mistakes in the call are usage errors and start nothing`(arguments: [String], text: String) async throws
    {
        try project("\"touch started\"")
        let result = try await program.start(arguments).result()
        #expect(result.exitCode == 2)
        #expect(result.messages.contains(text))
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test func `C-04 all mistakes in the parameters are reported at once and no run is created`() async throws {
        try project(#""echo {a} {b} {c}""#, parameters: "      a: int\n      b: float\n      c: path")
        let result = try await program.run("run", "project", "-P", "a=x", "-P", "c=missing.csv")
        #expect(result.exitCode == 1)
        #expect(result.messages.contains("'x' is not an integer"))
        #expect(result.messages.contains("'b'"))
        #expect(result.messages.contains("missing.csv"))
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test func `G-01 a mistyped folder is named, not fetched`() async throws {
        let result = try await program.run("run", "projcet")
        #expect(result.exitCode == 1)
        #expect(result.messages.contains("there is no file or folder 'projcet'"))
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test func `a dry run shows the command and records nothing`() async throws {
        try project(#""echo {text}""#, parameters: "      text: string")
        let result = try await program.run("run", "project", "-P", "text=a b", "--dry-run")
        #expect(result.exitCode == 0)
        #expect(result.output.contains("echo 'a b'"))
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test func `a script of the project is an entry point`() async throws {
        try program.write("project/hello.sh", "echo \"hello $*\"\n")
        let result = try await program.run("run", "project", "-e", "hello.sh", "-P", "name=you")
        #expect(result.output == "hello --name you\n")
        #expect(result.exitCode == 0)
    }

    @Test func `C-10 a parameter cannot set a variable of the process`() async throws {
        try project(#""echo \"preload=$LD_PRELOAD bash=$BASH_ENV\"""#)
        let result = try await program.run("run", "project", "-P", "LD_PRELOAD=/tmp/x.so", "-P", "BASH_ENV=/tmp/x")
        #expect(result.output.hasPrefix("preload= bash="))
    }
}
