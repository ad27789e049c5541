package import Files
package import Processes
import Synchronization
package import SystemPackage

/// The built `swiftflow`, run in a folder of its own with an environment of its own.
package final class SwiftflowProgram: Sendable {
    package struct Result: Sendable {
        package var termination: ProcessTermination
        package var output: String
        package var messages: String

        package var exitCode: Int32? { if case .exited(let code) = termination { code } else { nil } }
    }

    package enum ProcessTermination: Sendable, Hashable {
        case exited(Int32), signaled(Int32)
    }

    package let folder: TemporaryDirectory
    package let environment: [String: String]
    private let starter: any ProcessStarter

    /// - Parameter variables: added to a small environment in which nothing of the developer's own settings is seen.
    package init(variables: [String: String] = [:], removing removed: Set<String> = []) throws {
        folder = try TemporaryDirectory(prefix: "swiftflow-test")
        let home = folder.path.appending("home")
        try makeFolders(home)
        var environment = [
            "PATH": environmentVariable("PATH") ?? "/usr/bin:/bin", "HOME": home.string, "USER": "tester",
            "LANG": "C.UTF-8",
            "XDG_CACHE_HOME": home.appending("cache").string, "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        ]
        environment.merge(variables) { _, new in new }
        self.environment = environment.filter { !removed.contains($0.key) }
        starter = try Keeper.launch()
    }

    package var path: FilePath { folder.path }

    /// Runs `swiftflow` with these arguments to its end.
    package func run(
        _ arguments: String..., in workingDirectory: FilePath? = nil, variables: [String: String] = [:]
    ) async throws -> Result {
        try await run(arguments, in: workingDirectory, variables: variables)
    }

    package func run(
        _ arguments: [String], in workingDirectory: FilePath? = nil, variables: [String: String] = [:]
    ) async throws -> Result {
        try await start(arguments, in: workingDirectory, variables: variables).result()
    }

    package func start(
        _ arguments: [String], in workingDirectory: FilePath? = nil, variables: [String: String] = [:]
    ) async throws -> Running {
        let collected = Collected()
        let process = try await starter.start(
            ProcessSpecification(
                executable: try BuiltProducts.path("swiftflow"), arguments: arguments,
                environment: environment.merging(variables) { _, new in new },
                workingDirectory: workingDirectory ?? path,
                output: OutputHandling { stream, bytes in collected.append(stream, bytes) }))
        return Running(process: process, collected: collected)
    }

    /// Writes a file below the program's folder, folders included.
    @discardableResult
    package func write(_ name: String, _ text: String) throws -> FilePath {
        let relative = try RelativePath(name)
        try folder.directory.makeDirectory(relative.parent, mode: 0o755)
        try folder.directory.writeFile(relative, Array(text.utf8), mode: 0o644)
        return path.appending(name)
    }

    package func read(_ name: String) throws -> String {
        String(decoding: try folder.directory.readFile(RelativePath(name), limit: 64 << 20), as: UTF8.self)
    }

    package struct Running: Sendable {
        package let process: any RunningProcess
        fileprivate let collected: Collected

        /// What has been written to standard error so far.
        package var messages: String { collected.text(.standardError) }

        package func result() async throws -> Result {
            let end = await process.wait()
            let termination: ProcessTermination =
                switch end.termination {
                case .exited(let code): .exited(code)
                case .signaled(let signal): .signaled(signal)
                }
            return Result(
                termination: termination, output: collected.text(.standardOutput),
                messages: collected.text(.standardError))
        }

        /// All that has come on standard output and error so far.
        package var seen: String { collected.text(.standardOutput) + collected.text(.standardError) }

        /// Waits until standard output or error holds a text.
        package func waits(for text: String, limit: Duration = .seconds(60)) async throws {
            let isSeen = await eventually(within: limit) {
                collected.text(.standardOutput).contains(text) || collected.text(.standardError).contains(text)
            }
            if !isSeen { throw NeverSeen(text: text, seen: seen) }
        }
    }
}

package struct NeverSeen: Error {
    let text: String
    let seen: String
}

private final class Collected: Sendable {
    private let bytes = Mutex<[OutputStream: [UInt8]]>([:])

    func append(_ stream: OutputStream, _ new: RawSpan) {
        bytes.withLock { bytes in
            unsafe new.withUnsafeBytes { unsafe bytes[stream, default: []].append(contentsOf: $0) }
        }
    }

    func text(_ stream: OutputStream) -> String {
        bytes.withLock { String(decoding: $0[stream] ?? [], as: UTF8.self) }
    }
}
