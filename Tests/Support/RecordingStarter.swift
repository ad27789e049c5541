package import Processes
import Synchronization
import SystemPackage

/// Starts processes with another starter and remembers what it was asked to start.
package final class RecordingStarter: ProcessStarter {
    private let real: any ProcessStarter
    private let recorded = Mutex<[ProcessSpecification]>([])

    package init(_ real: any ProcessStarter) {
        self.real = real
    }

    package var specifications: [ProcessSpecification] { recorded.withLock { $0 } }

    /// Program name and arguments of each start.
    package var commands: [[String]] {
        specifications.map { [$0.executable.lastComponent?.string ?? ""] + $0.arguments }
    }

    package func forget() { recorded.withLock { $0 = [] } }

    package func start(_ specification: ProcessSpecification) async throws -> any RunningProcess {
        recorded.withLock { $0.append(specification) }
        return try await real.start(specification)
    }
}
