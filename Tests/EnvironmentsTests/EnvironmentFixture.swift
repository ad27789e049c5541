import Environments
import Files
import Glibc
import Processes
import Synchronization
import SystemPackage

/// A project folder, a place for environments, and a machine whose configuration is all our own.
final class EnvironmentFixture: Sendable {
    let temporary: TemporaryDirectory
    let variables: [String: String]
    let starter: RecordingStarter
    private let recorded = Mutex(Recorded())

    private struct Recorded: ~Copyable {
        var output: [UInt8] = []
        var messages: [EnvironmentMessage] = []
    }

    /// - Parameter variables: replace those of the test's own surroundings.
    init(_ project: [String: String] = [:], variables: [String: String] = [:]) throws {
        temporary = try TemporaryDirectory(prefix: "swiftflow-environments")
        for folder in ["project", "home", "tmp", "bin"] { try temporary.directory.makeDirectory(RelativePath(folder)) }
        let path = temporary.path
        var all = [
            "HOME": "\(path)/home", "TMPDIR": "\(path)/tmp", "LANG": "C.UTF-8",
            "PATH": "\(path)/bin:" + Self.toolsPath, "PIP_CONFIG_FILE": "/dev/null",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1",
        ]
        // Where a machine's certificates lie is no business of a test's.
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT"] { all[name] = environmentVariable(name) }
        self.variables = all.merging(variables) { $1 }
        starter = RecordingStarter()
        try write(project)
    }

    /// `PATH` with the tools for tests in front, if there are any.
    static let toolsPath: String = {
        let path = environmentVariable("PATH") ?? "/usr/bin:/bin"
        return environmentVariable("SWIFTFLOW_TEST_TOOLS").map { "\($0)/bin:\(path)" } ?? path
    }()

    var root: FilePath { temporary.path.appending("envs") }
    var project: FilePath { temporary.path.appending("project") }
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

    /// The names in a folder below the fixture.
    func list(_ path: String) throws -> [String] {
        guard fileStatus(temporary.path.appending(path)) != nil else { return [] }
        return try temporary.directory.list(RelativePath(path)).map(\.name)
    }
}

/// Starts processes and remembers what it was asked to start.
final class RecordingStarter: ProcessStarter {
    private let real: any ProcessStarter
    private let recorded = Mutex<[[String]]>([])

    init(_ real: any ProcessStarter = TestProcessStarter()) {
        self.real = real
    }

    /// Program name and arguments of each start.
    var commands: [[String]] { recorded.withLock { $0 } }

    func forget() { recorded.withLock { $0 = [] } }

    func start(_ specification: ProcessSpecification) async throws -> any RunningProcess {
        recorded.withLock {
            $0.append([specification.executable.lastComponent?.string ?? ""] + specification.arguments)
        }
        return try await real.start(specification)
    }
}

func makeLink(to target: FilePath, at path: FilePath) throws {
    let result = unsafe target.withPlatformString { target in
        unsafe path.withPlatformString { unsafe symlink(target, $0) }
    }
    if result != 0 { throw Errno(rawValue: errno) }
}
