package import Diagnostics
package import SystemPackage

/// What to start: a program with exact arguments, environment and folder.
///
/// No shell is involved unless the program is one.
package struct ProcessSpecification: Sendable {
    /// Absolute path of the program (see `findExecutable(_:searchPath:)`).
    package var executable: FilePath
    /// The name the program is told as its own; nil for its path.
    package var name: String?
    /// The arguments after the program's own name.
    package var arguments: [String]
    /// The whole environment of the process; nothing is inherited beside it.
    package var environment: [String: String]
    package var workingDirectory: FilePath
    package var standardInput: StandardInput
    package var output: OutputHandling

    package init(
        executable: FilePath, arguments: [String], environment: [String: String], workingDirectory: FilePath,
        standardInput: StandardInput = .null, output: OutputHandling
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.standardInput = standardInput
        self.output = output
    }
}

/// What a process reads as its standard input.
package enum StandardInput: Sendable {
    /// `/dev/null`.
    case null
    /// The runner's own standard input.
    case inherited
    /// These bytes, then the end of the file.
    ///
    /// They are held in memory, not in a file that others could read.
    case bytes([UInt8])
}

/// One of the two streams a process writes.
package enum OutputStream: Sendable, Hashable {
    case standardOutput, standardError
}

/// What becomes of the bytes a process writes.
package struct OutputHandling: Sendable {
    /// Receives every byte of both streams, each stream in order, on a thread of its own where it may block: a slow
    /// receiver slows the process, nothing is dropped.
    ///
    /// The buffer is only valid during the call.
    package var receive: @Sendable (OutputStream, RawSpan) -> Void
    /// Gives the process a terminal on each stream where the runner has one, so that programs keep their colours,
    /// progress bars and line buffering.
    ///
    /// The bytes still go to `receive`, unchanged.
    package var mirrorsTerminal: Bool

    package init(
        mirrorsTerminal: Bool = false, receive: @escaping @Sendable (OutputStream, RawSpan) -> Void
    ) {
        self.mirrorsTerminal = mirrorsTerminal
        self.receive = receive
    }

    package static var discarded: OutputHandling { OutputHandling { _, _ in } }
}

/// How a process ended, and what its whole tree used.
package struct ProcessEnd: Sendable, Hashable {
    package enum Termination: Sendable, Hashable {
        case exited(code: Int32)
        case signaled(signal: Int32)
    }

    package var termination: Termination
    /// From start to the end of the first process, by the monotonic clock.
    package var wallTime: Duration
    /// What the whole tree used; nil where nobody can tell, as of a command in a container.
    package var usage: ResourceUsage?
    /// Whether descendants had to be ended after the first process was gone.
    package var leftDescendants: Bool
    /// What went wrong with the supervision: it was killed and so the process with it, or some of the tree cannot be ended.
    ///
    /// A clause about the process, such as `its keeper was killed, which ended it`.
    package var supervisionFailure: String?

    package var isSuccess: Bool { termination == .exited(code: 0) && supervisionFailure == nil }

    package init(
        termination: Termination, wallTime: Duration, usage: ResourceUsage?, leftDescendants: Bool = false,
        supervisionFailure: String? = nil
    ) {
        self.termination = termination
        self.wallTime = wallTime
        self.usage = usage
        self.leftDescendants = leftDescendants
        self.supervisionFailure = supervisionFailure
    }
}

/// What a process tree used.
package struct ResourceUsage: Sendable, Hashable {
    package var userTime: Duration
    package var systemTime: Duration
    /// Largest resident set of any process of the tree, in bytes.
    package var peakMemory: Int64

    package init(userTime: Duration, systemTime: Duration, peakMemory: Int64) {
        self.userTime = userTime
        self.systemTime = systemTime
        self.peakMemory = peakMemory
    }

    package var processorTime: Duration { userTime + systemTime }
}

/// Starts processes whose whole trees end with the runner, for whatever reason the runner ends.
///
/// `Keeper` is the real one.
package protocol ProcessStarter: Sendable {
    /// Starts a process in a session of its own; returns once the program has been executed.
    ///
    /// - Throws: `ProcessError` when the program cannot be started (missing, not executable, no such folder, limits).
    func start(_ specification: ProcessSpecification) async throws -> any RunningProcess
}

/// A started process tree.
package protocol RunningProcess: Sendable {
    var processID: Int32 { get }

    /// Waits until the first process has ended, its tree is gone and its output has been delivered.
    ///
    /// Descendants that outlive the first process are ended; pipes they hold are waited for at most 5 s.
    /// Cancelling the waiting task does not end the process: call `stop(grace:)`.
    func wait() async -> ProcessEnd

    /// Ends the tree: TERM to the group, after `grace` KILL to the group and to every remaining descendant.
    ///
    /// Returns at once; `wait()` tells when the tree is gone. Without a grace (`.zero`) there is no TERM. A second call with a shorter grace
    /// shortens it.
    func stop(grace: Duration) async

    /// Sends a signal to the process group.
    func signal(_ number: Int32) async
}

/// Why a program could not be started.
package struct ProcessError: ExplainedError {
    package let diagnostics: [Diagnostic]

    package init(_ message: String, remedy: String? = nil) {
        diagnostics = [Diagnostic(.error, message, remedy: remedy)]
    }
}
