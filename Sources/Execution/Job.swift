package import Processes
package import SystemPackage
package import Tracking

/// One command bound to the run that records it: what a backend is given.
package struct Job: Sendable {
    /// The run as it was created in the store.
    package var run: RunInfo
    /// The project's `name:`, if it has one.
    package var projectName: String?
    package var entryPoint: String
    /// The resolved command, a text for `bash -c`; values in it are quoted already.
    package var command: String
    /// The project's folder, where the command runs.
    package var workingDirectory: FilePath
    /// The whole environment of the command.
    package var environment: [String: String]
    package var standardInput: StandardInput
    /// Where the bytes the command writes go.
    package var output: OutputHandling

    package init(
        run: RunInfo, projectName: String?, entryPoint: String, command: String, workingDirectory: FilePath,
        environment: [String: String], standardInput: StandardInput = .null, output: OutputHandling
    ) {
        self.run = run
        self.projectName = projectName
        self.entryPoint = entryPoint
        self.command = command
        self.workingDirectory = workingDirectory
        self.environment = environment
        self.standardInput = standardInput
        self.output = output
    }
}
