package import Execution
package import Processes
import SystemPackage

/// Runs jobs as processes of this machine: `bash -c COMMAND` in the project's folder, or what that would come to.
///
/// The keeper ends every process of a job when the runner dies, so nothing outlives `swiftflow run`.
package struct LocalBackend: Backend {
    package let name = "local"
    private let starter: any ProcessStarter

    package init(starter: any ProcessStarter) {
        self.starter = starter
    }

    package func submit(_ job: Job) async throws -> any SubmittedJob {
        if let plain = PlainCommand(
            job.command, environment: job.environment, workingDirectory: job.workingDirectory)
        {
            var specification = ProcessSpecification(
                executable: plain.executable, arguments: Array(plain.words.dropFirst()), environment: plain.environment,
                workingDirectory: job.workingDirectory, standardInput: job.standardInput, output: job.output)
            specification.name = plain.words.first
            return LocalJob(process: try await starter.start(specification))
        }
        // The environment's own PATH decides, as it would for a shell that was started in it.
        guard
            let bash = findExecutable("bash", searchPath: job.environment["PATH"])
                ?? findExecutable("bash", searchPath: nil)
        else {
            throw ProcessError("'bash' was not found on PATH", remedy: "install bash: entry points are bash commands")
        }
        let process = try await starter.start(
            ProcessSpecification(
                executable: bash, arguments: ["-c", job.command], environment: job.environment,
                workingDirectory: job.workingDirectory, standardInput: job.standardInput, output: job.output))
        return LocalJob(process: process)
    }
}

private struct LocalJob: SubmittedJob {
    let process: any RunningProcess

    var processID: Int32? { process.processID }

    func wait() async -> JobEnd {
        .ended(await process.wait())
    }

    func cancel(grace: Duration) async {
        await process.stop(grace: grace)
    }

    func kill() async {
        await process.stop(grace: .zero)
    }
}
