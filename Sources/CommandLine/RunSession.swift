import Diagnostics
import Execution
import Files
import Glibc
import Processes
import SwiftFlow
import Synchronization
import SystemPackage
import Tracking

/// One `swiftflow run` at a terminal: shows what happens, obeys signals, and ends with the right exit code.
struct RunSession {
    let request: RunRequest
    let services: StandardServices
    let format: OutputFormat
    let childTracksDirectly: Bool
    let pipelineChoices: PipelineChoices

    init(
        request: RunRequest, trackingURI: String?, format: OutputFormat, childTracksDirectly: Bool,
        pipelineChoices: PipelineChoices
    ) throws {
        self.request = request
        self.pipelineChoices = pipelineChoices
        self.format = format
        self.childTracksDirectly = childTracksDirectly
        services = try StandardServices(
            trackingURI: trackingURI, environment: request.environment, workingDirectory: request.workingDirectory)
    }

    func run() async throws {
        try services.warmUp()
        let display = RunDisplay(format: format, showsLinks: showsLinks, trackingURI: services.storeLocation.uri)
        let launcher = services.launcher(
            childTracksDirectly: childTracksDirectly, receiveOutput: display.passOn, observe: display.show)
        let target = try await findTarget(launcher)
        if case .pipeline(let source) = target {
            let session = PipelineSession(services: services, style: pipelineChoices.style(format))
            // What the commands of steps write goes to their logs; side by side on a terminal nobody could read it.
            let quiet = services.launcher(
                childTracksDirectly: childTracksDirectly, receiveOutput: { _, _ in }, observe: { _ in })
            let prepared = try services.prepare(
                source, request: request, planRequest: try pipelineChoices.planRequest(request),
                secrets: try pipelineChoices.secrets(request.environment), report: { Messages.show($0) })
            if let interrupted = try await services.interruptedRun(like: prepared),
                session.offers(toResume: interrupted, instead: format)
            {
                try await session.resume(
                    interrupted, secrets: try pipelineChoices.secrets(request.environment),
                    environment: request.environment, launcher: quiet)
            }
            try await session.run(pipelineChoices.applied(to: prepared), launcher: quiet)
        }
        guard case .project(let loaded) = target else { return }
        try pipelineChoices.checkUnused()
        let control = RunControl()
        let work = Task { [request] in
            try await launcher.run(try await launcher.prepare(request, in: loaded), control: control)
        }
        let signals = SignalWatch(stopping: work, control: control)
        let outcome = await work.result
        let received = signals.end()
        await services.close()
        switch outcome {
        case .success(let result):
            try display.showResult(result)
            throw ExitStatus(code: received.map { 128 + $0 } ?? (result.isSuccess ? 0 : 1))
        case .failure(let error):
            guard let received else { throw error }
            throw ExitStatus(code: 128 + received)
        }
    }

    private enum Target {
        case project(LoadedProject)
        case pipeline(PipelineSource)
    }

    /// Finds out whether the target is a pipeline; whatever it is, it is fetched and read once.
    private func findTarget(_ launcher: Launcher) async throws -> Target {
        if PipelineSource.isPipelineFile(request.uri, in: request.workingDirectory) {
            let file = request.workingDirectory.pushing(FilePath(request.uri))
            var folder = request
            folder.uri = file.removingLastComponent().string
            return .pipeline(PipelineSource(file: file, loaded: try await launcher.load(folder)))
        }
        // A backend that does not exist is said before anything is fetched for it.
        _ = try launcher.services.backends.backend(
            named: request.backend, configuration: request.backendConfiguration)
        let loaded = try await launcher.load(request)
        let source = PipelineSource(in: loaded, entryPoint: request.entryPoint, uri: request.uri)
        return source.map { .pipeline($0) } ?? .project(loaded)
    }

    /// Two lines with links, as MLflow prints them, where the store has a web page.
    private var showsLinks: Bool {
        guard case .server = services.storeLocation else { return false }
        return request.environment["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"]?.lowercased() != "true"
    }

    func showPlan() async throws {
        guard !PipelineSource.isPipelineFile(request.uri, in: request.workingDirectory) else {
            throw UsageError(
                "'\(request.uri)' is a pipeline, and --dry-run shows a single run",
                remedy: "see what it would run with 'swiftflow plan \(request.uri)'")
        }
        let launcher = services.launcher(
            receiveOutput: { _, _ in },
            observe: { event in
                switch event {
                case .warning(let diagnostic): Messages.show(diagnostic)
                case .progress(let text): Messages.progress(text)
                case .progressEnded: Messages.endProgress()
                case .note, .created, .starting, .launched, .ended: break
                }
            })
        let report = PlanReport(try await launcher.prepare(request), trackingURI: services.storeLocation.uri)
        switch format {
        case .json: try Output.renderJSON(report)
        case .table: Output.write(report.text)
        }
    }
}

/// Turns the first signal into a cancellation and the second into a kill.
private final class SignalWatch: Sendable {
    private let first = Mutex<Int32?>(nil)
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(stopping work: Task<RunResult, any Error>, control: RunControl) {
        let signals = TerminationSignals.install()
        let watching = Task { [weak self] in
            for await signal in signals {
                let isFirst = self?.note(signal) ?? false
                Messages.endProgress()
                if isFirst {
                    Messages.note("\(signalName(signal)): stopping the run; once more to kill it at once")
                    work.cancel()
                } else {
                    Messages.note("killing the run")
                    await control.killNow()
                }
            }
        }
        task.withLock { $0 = watching }
    }

    private func note(_ signal: Int32) -> Bool {
        first.withLock { first in
            defer { first = first ?? signal }
            return first == nil
        }
    }

    /// Stops watching; the first signal that came, if one did.
    func end() -> Int32? {
        task.withLock { $0?.cancel() }
        return first.withLock { $0 }
    }
}
