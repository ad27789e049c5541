import Files
import Foundation
package import Processes
package import SystemPackage

/// Whether the programs of a test on real engines are installed.
///
/// With `SWIFTFLOW_REQUIRE_ENGINES=1` the answer is always yes, so that the test fails where they are missing.
package func hasEngines(_ names: String...) -> Bool {
    if ProcessInfo.processInfo.environment["SWIFTFLOW_REQUIRE_ENGINES"] == "1" { return true }
    return names.allSatisfy { findEngine($0) != nil }
}

/// A program that tests need: in the folder `SWIFTFLOW_TEST_TOOLS`, on `PATH`, or where servers lie outside of it.
package func findEngine(_ name: String) -> FilePath? {
    let environment = ProcessInfo.processInfo.environment
    let tools = environment["SWIFTFLOW_TEST_TOOLS"].map { "\($0)/bin:" } ?? ""
    return findExecutable(
        name, searchPath: tools + (environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/sbin:/usr/local/sbin:/sbin")
}

/// A server process on loopback; stopped by `stop()`, or with the test program.
package struct ServerProcess: Sendable {
    package let port: Int
    private let process: any RunningProcess
    private let output: CollectedLines

    /// Starts a program and waits, at most `patience`, until it listens on `port`.
    package init(
        _ program: String, _ arguments: [String], port: Int, environment: [String: String], folder: FilePath,
        starter: any ProcessStarter, patience: Duration = .seconds(60)
    ) async throws {
        guard let path = findEngine(program) else { throw MissingEngine(program) }
        let output = CollectedLines()
        self.output = output
        self.port = port
        process = try await starter.start(
            ProcessSpecification(
                executable: path, arguments: arguments, environment: environment, workingDirectory: folder,
                output: OutputHandling { _, bytes in output.append(bytes) }))
        try await waitForListener(port, patience)
    }

    /// What the server has printed so far.
    package var log: String { output.text }

    package func stop() async { await process.stop(grace: .milliseconds(200)) }

    /// The programs are not ours and do not tell when they listen; so ask until they do.
    private func waitForListener(_ port: Int, _ patience: Duration) async throws {
        if await eventually(within: patience, { canConnect(port: port) }) { return }
        await stop()
        throw FixtureFailure("the server on port \(port) did not come up: \(output.text)")
    }
}
