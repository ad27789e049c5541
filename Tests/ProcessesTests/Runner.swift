import Files
import Glibc
import Processes
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// A runner in a program of its own (`RunnerFixture`), so that it can be killed, limited and measured.
///
/// Started without a keeper: the keeper of these tests would clean up what the runner's own one must.
final class Runner: Sendable {
    let mark = ProcessMark()
    let processID: Int32
    private let folder: TemporaryDirectory
    /// Its number may be anybody's from then on.
    private let isReaped = Mutex(false)

    /// - Parameter command: what goes before the fixture's own command line, such as `prlimit`; found in `/usr/bin`.
    init(_ arguments: [String], through command: [String] = []) throws {
        folder = try TemporaryDirectory()
        let fixture = try BuiltProducts.path("RunnerFixture")
        let all = command + [fixture.string] + arguments
        let program = try #require(findExecutable(all[0], searchPath: "/usr/bin:/bin"))
        processID = try startDetached(
            program, arguments: Array(all.dropFirst()), environment: mark.environment, workingDirectory: "/",
            log: folder.path.appending("log"))
    }

    deinit {
        // Nothing of a failed test stays behind.
        signal(SIGKILL)
        reap(options: 0)
    }

    /// Whether it has ended; what is left of it is gone then.
    @discardableResult
    func reap(options: Int32 = WNOHANG) -> Bool {
        isReaped.withLock { isReaped in
            if !isReaped { isReaped = waitpid(processID, nil, options) != 0 }
            return isReaped
        }
    }

    var log: String {
        (try? readFile(folder.path.appending("log"), limit: 1 << 24)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The first complete line of its output that begins so.
    func line(_ start: String, within limit: Duration = .seconds(60)) async throws -> String {
        var found: String?
        _ = await eventually(within: limit) {
            let complete = log.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            found = complete.first { $0.hasPrefix(start) }.map(String.init)
            return found != nil
        }
        return try #require(found, "no line '\(start)' in: \(log)")
    }

    /// The process it has started and its keeper.
    func started() async throws -> (process: Int32, keeper: Int32) {
        let words = try await line("started ").split(separator: " ")
        return (try #require(Int32(words[1])), try #require(Int32(words[3])))
    }

    /// How long the runner took from the end of the program to the end of the run.
    func timeAfterProgram() async throws -> Duration {
        let line = try await line("end ")
        let text = try #require(line.split(separator: "after-ms=").last)
        return .milliseconds(try #require(Double(text)))
    }

    func signal(_ number: Int32) {
        isReaped.withLock { isReaped in
            if !isReaped { _ = kill(processID, number) }
        }
    }

    /// Whether the runner and all that it has started end within the time.
    func isGone(within limit: Duration = .seconds(60)) async -> Bool {
        await eventually(within: limit) {
            reap()
            return mark.processes.isEmpty
        }
    }
}
