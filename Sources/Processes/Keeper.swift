import Diagnostics
import Files
import Glibc
import Synchronization
package import SystemPackage

/// Starts processes through `swiftflow-keeper`, a small program of ours that ends every process tree it has started when
/// this program ends, for whatever reason.
///
/// It is found by the variable `SWIFTFLOW_KEEPER`, beside the running program, or in `../libexec/swiftflow` from there. A keeper
/// that has been killed is replaced at the next start; what it kept has ended.
package final class Keeper: ProcessStarter, Sendable {
    /// The keeper of commands that may not need one: it comes up at the first start.
    package static let shared = Keeper()

    private let executable: FilePath?
    private let connection = Mutex<KeeperConnection?>(nil)

    /// A keeper that comes up at the first `start`, or at `launch()`.
    package init(executable: FilePath? = nil) {
        self.executable = executable
    }

    deinit {
        connection.withLock { $0?.close() }
    }

    /// Starts a keeper now and returns at once: it comes up while the caller goes on.
    package static func launch(executable: FilePath? = nil) throws(ProcessError) -> Keeper {
        let keeper = Keeper(executable: executable)
        try keeper.launch()
        return keeper
    }

    /// Starts the keeper, unless it is running.
    package func launch() throws(ProcessError) {
        _ = try openConnection()
    }

    /// The keeper's process, for messages and tests.
    package var processID: Int32? {
        connection.withLock { $0?.isGone == false ? $0?.processID : nil }
    }

    package func start(_ specification: ProcessSpecification) async throws -> any RunningProcess {
        let request = try StartRequest(specification)
        return try await openConnection().start(request)
    }

    private func openConnection() throws(ProcessError) -> KeeperConnection {
        let result: Result<KeeperConnection, ProcessError> = connection.withLock { connection in
            if let connection, !connection.isGone { return .success(connection) }
            do throws(ProcessError) {
                let program = if let executable { executable } else { try Self.locate() }
                let new = try KeeperConnection(executable: program)
                connection = new
                return .success(new)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Finds the keeper's program.
    package static func locate() throws(ProcessError) -> FilePath {
        try companionProgram(
            "swiftflow-keeper", variable: "SWIFTFLOW_KEEPER", value: environmentVariable("SWIFTFLOW_KEEPER"))
    }
}

/// Finds a program that is installed with this one: beside it, or in `../libexec/swiftflow`.
///
/// - Parameters:
///   - variable: the environment variable that names another place, for messages.
///   - value: what it says; empty or nil leaves the standard places.
package func companionProgram(
    _ name: String, variable: String, value: String?
) throws(ProcessError) -> FilePath {
    if let path = value, !path.isEmpty {
        guard let found = findExecutable(path.contains("/") ? path : "./\(path)", searchPath: nil) else {
            throw ProcessError(
                "\(variable) names '\(path)', which is not a program", remedy: "correct or unset the variable")
        }
        return found
    }
    let folder = runningExecutable().removingLastComponent()
    let places = [
        folder.appending(name), folder.removingLastComponent().appending("libexec/swiftflow").appending(name),
    ]
    for place in places {
        if let found = findExecutable(place.string, searchPath: nil) { return found }
    }
    throw ProcessError(
        "cannot find '\(name)', neither as '\(places[0])' nor as '\(places[1])'",
        remedy: "install swiftflow again, or set \(variable) to its path")
}

/// The file this program runs from.
package func runningExecutable() -> FilePath {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe buffer.withUnsafeMutableBytes { buffer in
        unsafe buffer.withMemoryRebound(to: CChar.self) { text in
            unsafe text.baseAddress.map { unsafe readlink("/proc/self/exe", $0, text.count) } ?? 0
        }
    }
    return FilePath(String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self))
}
