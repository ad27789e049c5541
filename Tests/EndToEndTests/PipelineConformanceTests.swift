import Files
import Processes
import SystemPackage
import TestSupport
import Testing

/// Pipelines seen from outside: by MLflow, and by somebody who kills their runners.
@Suite(.timeLimit(.minutes(60))) struct PipelineConformanceTests {
    private func run(_ script: String, with python: FilePath, _ arguments: [String] = []) async throws -> String {
        let script = FilePath(#filePath).removingLastComponent().removingLastComponent()
            .appending("Conformance").appending(script)
        let result = try await Keeper.shared.runTool(
            python, [script.string, try BuiltProducts.path("swiftflow").string] + arguments,
            environment: processEnvironment(), workingDirectory: "/")
        let text = String(decoding: result.output, as: UTF8.self)
        #expect(result.end.isSuccess, "\(text)\n\(result.lastLines.joined(separator: "\n"))")
        return text
    }

    @Test func `MLflow's own server, client and pages show a pipeline as it is`() async throws {
        guard let mlflow = environmentVariable("SWIFTFLOW_TEST_MLFLOW") else {
            #expect(environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == nil, "SWIFTFLOW_TEST_MLFLOW is not set")
            return
        }
        #expect(
            try await run("pipeline_in_mlflow.py", with: FilePath("\(mlflow)/bin/python"))
                .contains("MLflow shows pipelines as they are"))
    }

    @Test func `pipelines within pipelines are recorded on MLflow's own server, and gone on with there`() async throws {
        guard let mlflow = environmentVariable("SWIFTFLOW_TEST_MLFLOW") else {
            #expect(environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == nil, "SWIFTFLOW_TEST_MLFLOW is not set")
            return
        }
        #expect(
            try await run("nested_on_mlflow.py", with: FilePath("\(mlflow)/bin/python"))
                .contains("nested pipelines are on MLflow's server as they are"))
    }

    /// `SWIFTFLOW_TEST_KILLS=100` for the whole proof.
    @Test func `W-09: sixty steps whose runners are killed at random moments come to the same end`() async throws {
        let python = try #require(findExecutable("python3", searchPath: environmentVariable("PATH")))
        let kills = environmentVariable("SWIFTFLOW_TEST_KILLS").flatMap { Int($0) } ?? 4
        #expect(try await run("pipeline_kills.py", with: python, ["\(kills)"]).contains("every rule held"))
    }
}
