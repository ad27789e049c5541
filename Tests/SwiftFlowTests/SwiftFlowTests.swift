import Files
import SwiftFlow
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// The library as a program that imports it would use it.
@Suite(.timeLimit(.minutes(10))) struct SwiftFlowTests {
    let folder: TemporaryDirectory
    var options = RunOptions()

    init() throws {
        folder = try TemporaryDirectory()
        options.trackingURI = "sqlite:///\(folder.path)/mlflow.db"
        try folder.directory.writeFile(
            RelativePath("MLproject"),
            Array(
                """
                entry_points:
                  main:
                    parameters: {word: string}
                    command: "echo {word}; exit 0"
                  failing:
                    command: "exit 4"
                  endless:
                    command: "sleep 300"
                """.utf8))
    }

    @Test func `a run is waited for and its output is seen`() async throws {
        let seen = Mutex<[UInt8]>([])
        var options = options
        options.onOutput = { bytes, _ in seen.withLock { $0 += bytes } }
        let ended = try await run(uri: folder.path.string, parameters: ["word": "hello there"], options: options)
        #expect(ended.status == .finished)
        #expect(ended.exitCode == 0)
        #expect(seen.withLock { String(decoding: $0, as: UTF8.self) } == "hello there\n")
    }

    @Test func `a failed run is no error, and says why`() async throws {
        let ended = try await run(uri: folder.path.string, entryPoint: "failing", options: options)
        #expect(ended.status == .failed)
        #expect(ended.exitCode == 4)
        #expect(ended.reason?.contains("exit code 4") == true)
    }

    @Test func `a submitted run can be cancelled`() async throws {
        let submitted = try await submit(uri: folder.path.string, entryPoint: "endless", options: options)
        submitted.cancel()
        #expect(try await submitted.wait().status == .killed)
    }

    @Test func `mistakes are thrown together before a run exists`() async throws {
        let error = await #expect(throws: RunError.self) {
            _ = try await submit(uri: folder.path.string, parameters: ["wrod": "x"], options: options)
        }
        #expect(error?.messages.contains { $0.contains("'word'") } == true)
    }
}
