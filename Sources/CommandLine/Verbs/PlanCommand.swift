import ArgumentParser
import Diagnostics
import Execution
import Files
import Pipelines
import Processes
import Scheduling
import SwiftFlow
import SystemPackage

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what a pipeline would run or reuse, and why; start nothing.",
        discussion: """
            Examples:
              swiftflow plan pipeline.yaml -P hidden_units=32
              swiftflow plan . --from train --json
              swiftflow plan . --check    (exit code 3 if anything would run)
            """)

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var options: PlanOptions

    @Option(name: .customLong("experiment-name"), help: "Whose runs may be reused, where the file names no experiment.")
    var experimentName: String?

    @Flag(name: .customLong("no-cache"), help: "As a run that uses no earlier results.")
    var ignoresCache = false

    @Argument(help: "A pipeline's file, or the folder of one.", completion: .file(extensions: ["yaml", "yml"]))
    var file = "."

    @Flag(help: "End with exit code 3 if anything would run.")
    var check = false

    func run() async throws {
        let file = try PipelineFile.find(file)
        let request = try options.request()
        let environment = processEnvironment()
        let services = try StandardServices(
            trackingURI: store.trackingURI, environment: environment, workingDirectory: currentDirectory())
        let launcher = services.launcher(
            receiveOutput: { _, _ in },
            observe: { event in
                if case .note(let text) = event { Messages.note(text) }
            })
        var fetched = FetchedPipelines()
        if let pipeline = file.pipeline {
            let found = await services.fetchPipelines(
                of: pipeline, in: file.nested, environment: environment, launcher: launcher)
            fetched = found.fetched
            file.show(found.problems)
        }
        let made = file.plan(request, fetched: fetched)
        file.show(made.findings)
        guard let plan = made.plan else {
            await services.close()
            throw ExitStatus(code: 2)
        }
        let forecast: PlanForecast
        do {
            forecast = try await self.forecast(of: plan, file, services, launcher)
            await services.close()
        } catch {
            await services.close()
            throw error
        }
        switch output.format {
        case .json: Output.write(forecast.json)
        case .table: Output.write(PipelinePlanReport(forecast).text)
        }
        if check, forecast.hasWork { throw ExitStatus(code: 3) }
    }

    /// What will happen, as far as the store tells.
    private func forecast(
        of plan: Plan, _ file: PipelineFile, _ services: StandardServices, _ launcher: Launcher
    ) async throws(UsageError) -> PlanForecast {
        do {
            guard let rehearsal = try await rehearsal(of: file, services, launcher) else {
                return PlanForecast(plan, lookUp: { _, _ in .init(.run, "it has not been run before") })
            }
            return rehearsal.forecast
        } catch let error as UsageError {
            throw error
        } catch {
            // What keeps it from running now is said, and the plan is shown as far as it is known.
            for finding in (error as? any ExplainedError)?.diagnostics ?? [Diagnostic(.warning, "\(error)")] {
                var warning = finding
                warning.severity = .warning
                Messages.show(warning)
            }
            return PlanForecast(plan)
        }
    }

    /// What the store says; nil when nothing has been recorded there.
    private func rehearsal(
        of file: PipelineFile, _ services: StandardServices, _ launcher: Launcher
    ) async throws -> PlanRehearsal? {
        var request = RunRequest(
            uri: file.path.removingLastComponent().string, environment: processEnvironment(),
            workingDirectory: currentDirectory())
        if let experimentName { request.experiment = .name(experimentName) }
        let source = PipelineSource(file: file.path, loaded: try await launcher.load(request))
        var prepared = try services.prepare(
            source, request: request, planRequest: try options.request(), report: { _ in })
        prepared.options.usesCache = !ignoresCache
        return try await services.rehearse(prepared, launcher: launcher)
    }
}
