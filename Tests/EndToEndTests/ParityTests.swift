import Files
import Processes
import SystemPackage
import TestSupport
import Testing

/// The same projects run by `mlflow run` and by us: what the command sees, the exit code, and what the store says afterwards.
@Suite(.timeLimit(.minutes(15))) struct ParityTests {
    @Test func `well-formed projects have the same outcome as with mlflow run`() async throws {
        guard let mlflow = environmentVariable("SWIFTFLOW_TEST_MLFLOW") else {
            #expect(environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == nil, "SWIFTFLOW_TEST_MLFLOW is not set")
            return
        }
        let script = FilePath(#filePath).removingLastComponent().removingLastComponent()
            .appending("Conformance").appending("projects.py")
        var environment = processEnvironment()
        environment["PATH"] = "\(mlflow)/bin:" + (environment["PATH"] ?? "/usr/bin:/bin")
        let program = try BuiltProducts.path("swiftflow")
        let result = try await Keeper.shared.runTool(
            FilePath("\(mlflow)/bin/python"), [script.string, program.string, "\(mlflow)/bin/mlflow"],
            environment: environment, workingDirectory: "/")
        #expect(result.end.isSuccess, "\(String(decoding: result.output, as: UTF8.self))")
    }
}
