import Diagnostics
import Execution
import Files
import Glibc
import Processes
import SystemPackage
import Tracking

/// Shows a run while it happens: our lines on standard error, the command's streams where it wrote them.
struct RunDisplay: Sendable {
    let format: OutputFormat
    let showsLinks: Bool
    let trackingURI: String

    /// Passes the command's bytes on untouched.
    ///
    /// With `--json` standard output is ours, so both streams go to standard error.
    var passOn: @Sendable (OutputStream, RawSpan) -> Void {
        let outputDescriptor = format == .json ? STDERR_FILENO : STDOUT_FILENO
        return { stream, bytes in
            let descriptor = stream == .standardOutput ? outputDescriptor : STDERR_FILENO
            // A reader that went away does not end the run; its log is still kept.
            try? writeAll(bytes, to: FileDescriptor(rawValue: descriptor), shown: "output")
        }
    }

    func show(_ event: LaunchEvent) {
        switch event {
        case .note(let text): Messages.note(escapedForTerminal(redactedText(text)))
        case .warning(let diagnostic): Messages.show(diagnostic)
        case .progress(let text): Messages.progress(text)
        case .progressEnded: Messages.endProgress()
        case .created(let run, let isNew, let experiment):
            DetachedRun.report(run.runID)
            let name = Terminal.messages.styled(run.runName, .bold)
            let place = escapedForTerminal(experiment ?? run.experimentID)
            Messages.note("\(isNew ? "run" : "using run") \(run.runID) (\(name)) in experiment \(place)")
        case .launched: break
        case .starting(let command):
            Messages.note(
                Terminal.messages.styled("=== Running command '\(escapedForTerminal(shortened(command)))' ===", .faint))
        case .ended(let result):
            showEnd(result)
        }
    }

    private func shortened(_ text: String) -> String {
        text.count > 400 ? "\(text.prefix(400))…" : text
    }

    /// Tools in the wild look for MLflow's own two lines; they are kept to the letter.
    private func showEnd(_ result: RunResult) {
        let id = result.run.runID
        let used = result.outcome.end.map { end in
            let usage = end.usage.map { usage in
                " (cpu \(usage.processorTime.secondsText) s, peak memory \(usage.peakMemory >> 20) MiB)"
            }
            return " in \(end.wallTime.secondsText) s\(usage ?? "")"
        }
        if result.isSuccess {
            Messages.note(Terminal.messages.styled("=== Run (ID '\(id)') succeeded ===", .green) + (used ?? ""))
        } else {
            let reason = result.outcome.reason.map { ": \(escapedForTerminal($0))" } ?? ""
            let word = result.status == .killed ? "was killed" : "failed"
            Messages.note(Terminal.messages.styled("=== Run (ID '\(id)') \(word) ===", .red) + reason)
        }
    }

    func showResult(_ result: RunResult) throws {
        if format == .json {
            try Output.renderJSON(ResultReport(result))
        } else if showsLinks {
            let host = trackingURI.hasSuffix("/") ? String(trackingURI.dropLast()) : trackingURI
            let experiment = "\(redactedURL(host))/#/experiments/\(result.run.experimentID)"
            Output.write("🏃 View run \(result.run.runName) at: \(experiment)/runs/\(result.run.runID)\n")
            Output.write("🧪 View experiment at: \(experiment)\n")
        }
    }
}

/// What `run --json` prints at the end.
private struct ResultReport: Encodable {
    let runID: String
    let runName: String
    let experimentID: String
    let status: String
    let reason: String?
    let exitCode: Int32?
    let signal: String?
    let wallSeconds: String?
    let cpuSeconds: String?
    let peakMemoryBytes: Int64?
    let artifactURI: String

    init(_ result: RunResult) {
        runID = result.run.runID
        runName = result.run.runName
        experimentID = result.run.experimentID
        status = result.status.rawValue
        reason = result.outcome.reason
        artifactURI = result.run.artifactURI
        let end = result.outcome.end
        switch end?.termination {
        case .exited(let code): (exitCode, signal) = (code, nil)
        case .signaled(let number): (exitCode, signal) = (nil, signalName(number))
        case nil: (exitCode, signal) = (nil, nil)
        }
        wallSeconds = end?.wallTime.secondsText
        cpuSeconds = end?.usage?.processorTime.secondsText
        peakMemoryBytes = end?.usage?.peakMemory
    }
}
