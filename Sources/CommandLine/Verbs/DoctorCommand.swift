import ArgumentParser
import Containers
import Diagnostics
import Environments
import Files
import Git
import Processes
import SwiftFlow
import SystemPackage
import Tracking

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check that everything swiftflow needs on this machine is there.",
        discussion: "Example: swiftflow doctor    (exit code 0: ready, 1: something needed is missing)")

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let environment = processEnvironment()
        var findings = [keeper(), gitWorker()]
        findings += Self.programs.map { program($0, environment) }
        findings.append(await containerEngine(environment))
        findings.append(await storeFinding(environment))
        findings.append(
            folder(
                "environments",
                try? EnvironmentStore.defaultRoot(variables: environment, workingDirectory: currentDirectory())))
        switch output.format {
        case .json: try Output.renderJSON(findings)
        case .table: findings.forEach { Output.write($0.line) }
        }
        if findings.contains(where: { $0.state == .missing }) { throw ExitStatus(code: 1) }
    }

    private static let programs: [(name: String, purpose: String, isNeeded: Bool)] = [
        ("bash", "runs every entry point", true),
        ("python3", "python projects", false),
        ("uv", "builds python environments (python_env.yaml)", false),
        ("conda", "builds conda environments (conda.yaml)", false),
        ("git", "credential helpers; fetching works without it", false),
        ("Rscript", "R entry points", false),
    ]

    private func program(_ program: (name: String, purpose: String, isNeeded: Bool), _ environment: [String: String])
        -> Finding
    {
        let found = findExecutable(program.name, searchPath: environment["PATH"])
        return Finding(
            subject: program.name, state: found != nil ? .ready : program.isNeeded ? .missing : .absent,
            detail: found.map(\.string) ?? "not on PATH; \(program.purpose)")
    }

    private func keeper() -> Finding {
        do {
            return Finding(subject: "keeper", state: .ready, detail: try Keeper.locate().string)
        } catch {
            return Finding(subject: "keeper", state: .missing, detail: "\(error)")
        }
    }

    private func gitWorker() -> Finding {
        do {
            return Finding(subject: "git worker", state: .ready, detail: try workerProgram(processEnvironment()).string)
        } catch {
            return Finding(subject: "git worker", state: .missing, detail: "\(error)")
        }
    }

    private func containerEngine(_ environment: [String: String]) async -> Finding {
        do {
            let client = try ContainerClient(
                environment: environment, workingDirectory: currentDirectory(), starter: Keeper.shared)
            let version = try await client.version()
            return Finding(
                subject: "containers", state: .ready,
                detail: "\(client.executable) \(version.client), engine \(version.server)")
        } catch {
            let reason = (error as? any ExplainedError)?.diagnostics.first?.message ?? "\(error)"
            return Finding(subject: "containers", state: .absent, detail: "\(reason); docker projects")
        }
    }

    private func storeFinding(_ environment: [String: String]) async -> Finding {
        do {
            let location = try StoreLocation(store.trackingURI, environment: environment)
            if case .sqlite(let path) = location, fileStatus(path) == nil {
                return Finding(
                    subject: "store", state: .ready, detail: "\(location.uri) (will be created by the first run)")
            }
            let count = try await store.withStore { try await $0.allExperiments(.activeOnly).count }
            return Finding(
                subject: "store", state: .ready, detail: "\(redactedURL(location.uri)) (\(count) experiments)")
        } catch {
            return Finding(subject: "store", state: .missing, detail: "\(error)")
        }
    }

    private func folder(_ subject: String, _ path: FilePath?) -> Finding {
        guard let path else {
            return Finding(subject: subject, state: .missing, detail: "no folder for them is known; set HOME")
        }
        return Finding(subject: subject, state: .ready, detail: path.string)
    }
}

private struct Finding: Encodable {
    enum State: String, Encodable {
        case ready, absent, missing
    }

    let subject: String
    let state: State
    let detail: String

    var line: String {
        let mark =
            switch state {
            case .ready: Terminal.output.styled("✓", .green)
            case .absent: Terminal.output.styled("–", .faint)
            case .missing: Terminal.output.styled("✗", .red)
            }
        let padding = String(repeating: " ", count: max(0, 14 - subject.count))
        return "\(mark) \(subject)\(padding)\(escapedForTerminal(detail))\n"
    }
}
