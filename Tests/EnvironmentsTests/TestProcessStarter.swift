import Foundation
import Processes
import Synchronization
import SystemPackage

/// Stands in for the keeper while that is being written.
struct TestProcessStarter: ProcessStarter {
    func start(_ specification: ProcessSpecification) async throws -> any RunningProcess {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: specification.executable.string)
        process.arguments = specification.arguments
        process.environment = specification.environment
        process.currentDirectoryURL = URL(fileURLWithPath: specification.workingDirectory.string)
        process.standardInput = FileHandle.nullDevice
        let out = Pipe()
        let err = Pipe()
        process.standardOutput = out
        process.standardError = err
        do { try process.run() } catch { throw ProcessError("cannot start: \(error)") }
        return Running(process: process, out: out, err: err, receive: specification.output.receive)
    }

    final class Running: RunningProcess, @unchecked Sendable {
        let process: Process
        let tasks: [Task<Void, Never>]
        init(
            process: Process, out: Pipe, err: Pipe,
            receive: @escaping @Sendable (Processes.OutputStream, RawSpan) -> Void
        ) {
            self.process = process
            tasks = [(Processes.OutputStream.standardOutput, out), (.standardError, err)].map { stream, pipe in
                let handle = pipe.fileHandleForReading
                return Task.detached {
                    await withCheckedContinuation { c in
                        DispatchQueue.global().async {
                            while true {
                                let data = handle.availableData
                                if data.isEmpty { break }
                                let bytes = Array(data)
                                unsafe receive(stream, bytes.span.bytes)
                            }
                            c.resume()
                        }
                    }
                }
            }
        }
        var processID: Int32 { process.processIdentifier }
        func wait() async -> ProcessEnd {
            await withCheckedContinuation { c in
                DispatchQueue.global().async {
                    self.process.waitUntilExit()
                    c.resume()
                }
            }
            for task in tasks { await task.value }
            return ProcessEnd(
                termination: process.terminationReason == .exit
                    ? .exited(code: process.terminationStatus) : .signaled(signal: process.terminationStatus),
                wallTime: .zero, userTime: .zero, systemTime: .zero, peakMemory: 0)
        }
        func stop(grace: Duration) async { process.terminate() }
        func signal(_ number: Int32) async { kill(process.processIdentifier, number) }
    }
}
