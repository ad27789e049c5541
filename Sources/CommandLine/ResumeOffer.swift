import Diagnostics
import Execution
import Glibc
import Scheduling
import SwiftFlow
import Tracking

extension PipelineSession {
    /// Goes on with a pipeline.
    ///
    /// - Parameter steps: done again with what follows from them, even if they have succeeded.
    func resume(
        _ run: Run, from steps: [String] = [], isUpdated: Bool = false, secrets: [String: String],
        environment: [String: String], launcher: Launcher
    ) async throws -> Never {
        let prepared = try await services.prepareResume(
            run, environment: environment, isUpdated: isUpdated, from: steps, secrets: secrets, launcher: launcher,
            report: { Messages.show($0) })
        let display = PipelineDisplay(style: style)
        try await finish { [services] in
            let parts = try await services.pipelineServices(
                options: prepared.options, launcher: launcher, observe: display.show)
            return try await PipelineRun.resume(
                run.info.runID, prepared.plan, options: prepared.options, services: parts, from: steps)
        }
    }

    /// Asks whether an interrupted run is to be gone on with; where nobody can answer, says how that is done.
    func offers(toResume run: Run, instead format: OutputFormat) -> Bool {
        let id = run.info.runID.prefix(8)
        let since = localTime(run.info.startTime)
        guard format == .table, style != .json, style != .quiet, isatty(STDIN_FILENO) == 1,
            Terminal.messages.isInteractive
        else {
            Messages.note(
                "run \(id) of this pipeline (\(since)) was interrupted; to go on with it: swiftflow resume \(id)")
            return false
        }
        Messages.ask(
            "run \(id) of this pipeline (\(since)) was interrupted; go on with it instead of a new one? [y/N] ")
        let answer = readLine()?.lowercased() ?? ""
        return answer == "y" || answer == "yes"
    }
}
