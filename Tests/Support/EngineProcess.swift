import Files
import Glibc
import Processes
package import SystemPackage

/// A real program (moto, sshd, …) that a test talks to; it is ended with its process group when the value goes away.
package final class EngineProcess: Sendable {
    private let processID: pid_t
    /// Everything the program wrote.
    package let log: FilePath

    /// Starts a program in a process group of its own, with both streams in `log`.
    ///
    /// - Throws: `Errno` when it cannot be started.
    package init(
        _ executable: FilePath, _ arguments: [String], environment: [String: String] = [:], log: FilePath
    ) throws {
        self.log = log
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        // All pointers below are to values that outlive the call; the two objects are initialised before use and destroyed after it.
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, log.string, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        unsafe posix_spawnattr_setpgroup(&attributes, 0)

        var variables = [
            "PATH": environmentVariable("PATH") ?? "/usr/bin:/bin", "HOME": environmentVariable("HOME") ?? "/",
        ]
        variables.merge(environment) { $1 }
        var argv = unsafe ([executable.string] + arguments).map { unsafe strdup($0) } + [nil]
        var envp = unsafe variables.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            unsafe (argv + envp).forEach { unsafe free($0) }
        }
        var child: pid_t = 0
        let result = unsafe posix_spawn(&child, executable.string, &actions, &attributes, &argv, &envp)
        guard result == 0 else { throw Errno(rawValue: result) }
        processID = child
    }

    deinit {
        kill(-processID, SIGKILL)
        var status: Int32 = 0
        // Reaps the child; the pointer is to a local value.
        while unsafe waitpid(processID, &status, 0) == -1, errno == EINTR {}
    }

    package var output: String {
        guard let bytes = try? readFile(log, limit: 1 << 20) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The programs tests need beside the toolchain: in the folder `SWIFTFLOW_TEST_TOOLS`, else on PATH.
package func testTool(_ name: String) -> FilePath? {
    let folders = [
        environmentVariable("SWIFTFLOW_TEST_TOOLS").map { "\($0)/bin" }, environmentVariable("PATH"), "/usr/sbin",
    ]
    return findExecutable(name, searchPath: folders.compactMap { $0 }.joined(separator: ":"))
}

/// Whether tests against a real program run: always where engines are required, so that a missing one fails them.
package func hasEngine(_ names: String...) -> Bool {
    environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1" || names.allSatisfy { testTool($0) != nil }
}

/// A port of the loopback that nobody listens on right now.
package func freePort() throws -> Int {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { throw Errno(rawValue: errno) }
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    // The address is a local value of exactly this type and size.
    let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            unsafe bind(socket, address, length) == 0 && getsockname(socket, address, &length) == 0
        }
    }
    guard result else { throw Errno(rawValue: errno) }
    return Int(UInt16(bigEndian: address.sin_port))
}

/// Whether something accepts connections on a port of the loopback.
package func isListening(_ port: Int) -> Bool {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    // The address is a local value of exactly this type and size.
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

/// Waits until a server listens; there is no event to wait for, so it asks every 20 ms.
package func waitForServer(port: Int, _ engine: EngineProcess, within limit: Duration = .seconds(60)) async throws {
    let deadline = ContinuousClock.now + limit
    while !isListening(port) {
        guard ContinuousClock.now < deadline else { throw EngineDidNotStart(output: engine.output) }
        try await Task.sleep(for: .milliseconds(20))
    }
}

package struct EngineDidNotStart: Error {
    package var output: String
}
