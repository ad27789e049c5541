import Files
import SystemPackage
import TestSupport
import Testing

/// What the built program says when the store cannot be used, and what real MLflow clients record through a run.
@Suite(.timeLimit(.minutes(10))) struct StoreTests {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
        try program.write("project/MLproject", "entry_points:\n  main:\n    command: \"touch started\"\n")
    }

    @Test func `S-04 a store in a missing folder is named, and nothing is started`() async throws {
        let result = try await program.run(
            "run", "project", variables: ["MLFLOW_TRACKING_URI": "sqlite:////missing/folder/x.db"])
        #expect(result.exitCode == 1)
        #expect(result.messages.contains("/missing/folder"))
        #expect(fileStatus(program.path.appending("project/started")) == nil)
    }

    @Test func `S-08 a file that is no database is refused and left as it is`() async throws {
        let text = String(repeating: "not a database\n", count: 100)
        try program.write("mlflow.db", text)
        let result = try await program.run("run", "project")
        #expect(result.exitCode == 1)
        #expect(result.messages.contains("mlflow.db"))
        #expect(try program.read("mlflow.db") == text)
        #expect(fileStatus(program.path.appending("project/started")) == nil)
    }

    @Test(arguments: ["postgresql://host/db", "ftp://host/x", "sqlite://", "sqlite:///:memory:"])
    func `a tracking URI nobody can open is an error before anything starts`(uri: String) async throws {
        let result = try await program.run("run", "project", "--tracking-uri", uri)
        #expect(result.exitCode == 1)
        #expect(result.messages.contains("error: "))
        #expect(fileStatus(program.path.appending("project/started")) == nil)
    }

    @Test func `X-12 the password of a git URL is shown nowhere`() async throws {
        let result = try await program.run("run", "https://user:hunter2secret@127.0.0.1:1/repository.git")
        #expect(result.exitCode == 1)
        #expect(!result.messages.contains("hunter2secret"))
        #expect(!result.output.contains("hunter2secret"))
    }

    @Test func `a nested run is recorded in the same store, under its parent`() async throws {
        try program.write(
            "nested/MLproject",
            """
            entry_points:
              main:
                command: "\(try BuiltProducts.path("swiftflow")) run . -e inner -P value=1"
              inner:
                parameters: {value: int}
                command: "echo inner {value}"
            """)
        let result = try await program.run(
            "run", "nested",
            // A login for some other server must not keep the nested run from its store.
            variables: ["MLFLOW_TRACKING_USERNAME": "someone", "MLFLOW_TRACKING_PASSWORD": "else"])
        #expect(result.exitCode == 0)
        #expect(result.output.contains("inner 1\n"))
        let listed = try await program.run("runs", "list", "--json")
        #expect(listed.output.components(ofJSONKey: "status") == ["FINISHED", "FINISHED"])
        let newest = try #require(listed.output.components(ofJSONKey: "runID").first)
        let shown = try await program.run("runs", "show", "--json", newest)
        #expect(shown.output.contains("mlflow.parentRunId"))
    }

    @Test(arguments: ["SWIFTFLOW_TEST_TOOLS", "SWIFTFLOW_TEST_MLFLOW2"])
    func `a project logs through MLflow's own client`(variable: String) async throws {
        guard let tools = environmentVariable(variable) else {
            #expect(environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == nil, "\(variable) is not set")
            return
        }
        try program.write(
            "logging/MLproject", "entry_points:\n  main:\n    command: \"\(tools)/bin/python train.py\"\n")
        try program.write(
            "logging/train.py",
            """
            import mlflow
            with mlflow.start_run() as run:
                mlflow.log_params({"depth": 3, "name": "two words"})
                for step in range(3):
                    mlflow.log_metric("loss", 1 / (step + 1), step=step)
                mlflow.set_tag("stage", "test")
                mlflow.log_text("hello", "notes/hello.txt")
                names = [item.path for item in mlflow.MlflowClient().list_artifacts(run.info.run_id, "notes")]
                assert names == ["notes/hello.txt"], names
                with mlflow.start_run(nested=True):
                    mlflow.log_metric("inner", 1.5)
            """)
        let result = try await program.run("run", "logging", "--run-name", "outer")
        #expect(result.exitCode == 0, "\(result.messages)")
        let listed = try await program.run("runs", "list", "--json", "--filter", "attributes.run_name = 'outer'")
        let id = try #require(listed.output.components(ofJSONKey: "runID").first)
        let shown = try await program.run("runs", "show", id)
        for fact in ["depth", "two words", "loss", "stage", "notes/hello.txt", "FINISHED"] {
            #expect(shown.output.contains(fact))
        }
        #expect(try await program.run("artifacts", "get", id, "notes/hello.txt", "-o", "fetched").exitCode == 0)
        #expect(try program.read("fetched/hello.txt") == "hello")
        let inner = try await program.run("runs", "list", "--json", "--filter", "metrics.inner = 1.5")
        #expect(inner.output.components(ofJSONKey: "runID").count == 1)
    }
}

extension String {
    /// The text values of a key in pretty-printed JSON, in order.
    fileprivate func components(ofJSONKey key: String) -> [String] {
        split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
            return parts.count >= 5 && parts[1] == key ? String(parts[3]) : nil
        }
    }
}
