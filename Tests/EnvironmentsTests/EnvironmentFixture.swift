import Environments
import Files
import Glibc
import Processes
import Synchronization
import SystemPackage
import TestSupport

/// A project folder, a place for environments, and a machine whose configuration is all our own.
final class EnvironmentFixture: Sendable {
    let temporary: TemporaryDirectory
    let variables: [String: String]
    let starter: RecordingStarter
    let real = Keeper.shared
    private let recorded = Mutex(Recorded())

    private struct Recorded: ~Copyable {
        var output: [UInt8] = []
        var messages: [EnvironmentMessage] = []
    }

    /// - Parameter variables: replace those of the test's own surroundings.
    init(_ project: [String: String] = [:], variables: [String: String] = [:]) throws {
        temporary = try TemporaryDirectory(prefix: "swiftflow-environments")
        for folder in ["my project", "home", "tmp", "bin"] {
            try temporary.directory.makeDirectory(RelativePath(folder))
        }
        let path = temporary.path
        var all = [
            "HOME": "\(path)/home", "TMPDIR": "\(path)/tmp", "LANG": "C.UTF-8",
            "PATH": "\(path)/bin:" + Self.toolsPath, "PIP_CONFIG_FILE": "/dev/null",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1",
        ]
        // Where a machine's certificates lie is no business of a test's.
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT"] { all[name] = environmentVariable(name) }
        self.variables = all.merging(variables) { $1 }
        starter = RecordingStarter(real)
        try write(project)
    }

    /// `PATH` with the tools for tests in front, if there are any.
    static let toolsPath: String = {
        let path = environmentVariable("PATH") ?? "/usr/bin:/bin"
        return environmentVariable("SWIFTFLOW_TEST_TOOLS").map { "\($0)/bin:\(path)" } ?? path
    }()

    var root: FilePath { temporary.path.appending("envs") }
    var project: FilePath { temporary.path.appending("my project") }
    var messages: [EnvironmentMessage] { recorded.withLock { $0.messages } }
    var output: String { recorded.withLock { String(decoding: $0.output, as: UTF8.self) } }

    /// Writes files below the project's folder.
    func write(_ files: [String: String]) throws {
        let folder = try Directory(opening: project)
        for (name, content) in files {
            let path = try RelativePath(name)
            if !path.parent.isRoot { try folder.makeDirectory(path.parent) }
            try folder.writeFile(path, Array(content.utf8))
        }
    }

    /// Puts a program of ours in front of all others.
    func addProgram(_ name: String, _ script: String, folder: String = "bin") throws {
        let path = try RelativePath(folder)
        try temporary.directory.makeDirectory(path)
        try temporary.directory.writeFile(path.appending(name), Array(script.utf8), mode: 0o700)
    }

    func request(
        _ source: EnvironmentSource, variables: [String: String] = [:], starter: (any ProcessStarter)? = nil
    ) -> EnvironmentRequest {
        EnvironmentRequest(
            projectRoot: project, source: source, variables: self.variables.merging(variables) { $1 }, root: root,
            processes: starter ?? self.starter,
            receiveOutput: { [self] _, bytes in recorded.withLock { $0.output += Self.copy(bytes) } },
            report: { [self] message in recorded.withLock { $0.messages.append(message) } })
    }

    static func copy(_ bytes: borrowing RawSpan) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }

    /// Runs a command of bash in a prepared environment, as the runner would.
    func run(_ command: String, in environment: PreparedEnvironment, variables: [String: String] = [:]) async throws
        -> String
    {
        let text = [environment.shellPrefix, command].compactMap { $0 }.joined(separator: " && ")
        return try await shell(text, environment.applied(to: self.variables.merging(variables) { $1 }))
    }

    func shell(_ command: String, _ variables: [String: String]) async throws -> String {
        let result = try await real.runTool(
            "/bin/bash", ["-c", command], environment: variables, workingDirectory: project)
        guard result.end.isSuccess else { throw ProcessError(result.lastLines.joined(separator: "\n")) }
        return String(decoding: result.output, as: UTF8.self)
    }

    /// The names in a folder below the fixture.
    func list(_ path: String) throws -> [String] {
        guard fileStatus(temporary.path.appending(path)) != nil else { return [] }
        return try temporary.directory.list(RelativePath(path)).map(\.name)
    }
}
