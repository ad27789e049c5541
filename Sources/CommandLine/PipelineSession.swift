import CMalloc
import Diagnostics
import Execution
import Files
import Pipelines
import Processes
import Scheduling
import SwiftFlow
import Synchronization
import SystemPackage
import Tracking

/// One pipeline at a terminal: shows what happens, obeys signals, and ends with the right exit code.
struct PipelineSession {
    let services: StandardServices
    let style: ProgressStyle

    /// Runs a new pipeline.
    func run(_ prepared: PreparedPipeline, launcher: Launcher) async throws -> Never {
        let display = PipelineDisplay(style: style)
        try await finish { [services] in
            let parts = try await services.pipelineServices(
                options: prepared.options, launcher: launcher, observe: display.show)
            return try await PipelineRun.start(prepared.plan, options: prepared.options, services: parts)
        }
    }

    /// Carries a pipeline to its end, and ends the program.
    func finish(_ start: () async throws -> PipelineRun) async throws -> Never {
        // A pool of free memory for each thread is worth nothing to a runner that mostly waits, and takes a third more.
        _ = swiftflow_share_memory_pools(2)
        _ = swiftflow_grow_memory_pools_by(1 << 20)
        let signals = TerminationSignals.install()
        do {
            if PipelineDisplay(style: style).style == .live {
                LiveDisplay.shared.begin { [services] id in try? await services.store.get().run(id: id) }
            }
            let run = try await start()
            let watching = Task { [received = SignalBox()] in
                for await signal in signals {
                    Messages.endProgress()
                    if received.note(signal) {
                        Messages.note("\(signalName(signal)): stopping the pipeline; once more to kill what runs")
                        await run.cancel(reason: "stopped by \(signalName(signal))")
                    } else {
                        Messages.note("killing what runs")
                        await run.kill()
                    }
                }
            }
            let outcome = try await run.run()
            watching.cancel()
            await LiveDisplay.shared.close()
            await services.close()
            let code: Int32
            switch outcome.state {
            case .succeeded: code = 0
            case .cancelled: code = 130
            case .failed, .running, .interrupted: code = 1
            }
            throw ExitStatus(code: code)
        } catch let lost as LeaseLost {
            await LiveDisplay.shared.close()
            await services.close()
            Messages.show(lost)
            throw ExitStatus(code: 4)
        } catch {
            await LiveDisplay.shared.close()
            throw error
        }
    }
}

/// Remembers whether a signal has come before.
private final class SignalBox: Sendable {
    private let hasCome = Mutex(false)

    /// Whether this is the first one.
    func note(_ signal: Int32) -> Bool {
        hasCome.withLock { hasCome in
            defer { hasCome = true }
            return !hasCome
        }
    }
}
