package import Processes
import Synchronization
import SystemPackage

/// Starts processes with another starter and remembers what it was asked to start.
package final class RecordingStarter: ProcessStarter {
    private let real: any ProcessStarter
    private let recorded = Mutex<[[String]]>([])

    package init(_ real: any ProcessStarter) {
        self.real = real
    }

    /// Program name and arguments of each start.
    ///
    /// Nothing else of a start is kept: its output's receiver may well hold what holds this starter.
    package var commands: [[String]] { recorded.withLock { $0 } }

    package func forget() { recorded.withLock { $0 = [] } }

    package func start(_ specification: ProcessSpecification) async throws -> any RunningProcess {
        let command = [specification.executable.lastComponent?.string ?? ""] + specification.arguments
        recorded.withLock { $0.append(command) }
        return try await real.start(specification)
    }
}
