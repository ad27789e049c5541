package import Files
package import Processes
package import SystemPackage

/// What an environment is to be made for, and the means to make it.
package struct EnvironmentRequest: Sendable {
    /// The folder the entry point will run in; relative requirement references are resolved here.
    package var projectRoot: FilePath
    /// The folder nothing is read outside of: the checkout around the project, or the project itself.
    package var checkoutRoot: FilePath
    package var source: EnvironmentSource
    /// The caller's environment variables.
    ///
    /// Tools inherit them, less what would lead them out of the new environment.
    package var variables: [String: String]
    /// Where environments are kept; see `EnvironmentStore.defaultRoot(variables:workingDirectory:)`.
    package var root: FilePath
    package var processes: any ProcessStarter
    /// Sees what the tools write, as they write it.
    ///
    /// The bytes are only valid during the call.
    package var receiveOutput: @Sendable (OutputStream, RawSpan) -> Void
    package var report: @Sendable (EnvironmentMessage) -> Void

    package init(
        projectRoot: FilePath, checkoutRoot: FilePath? = nil, source: EnvironmentSource, variables: [String: String],
        root: FilePath, processes: any ProcessStarter,
        receiveOutput: @escaping @Sendable (OutputStream, RawSpan) -> Void = { _, _ in },
        report: @escaping @Sendable (EnvironmentMessage) -> Void = { _ in }
    ) {
        self.projectRoot = projectRoot
        self.checkoutRoot = checkoutRoot ?? projectRoot
        self.source = source
        self.variables = variables
        self.root = root
        self.processes = processes
        self.receiveOutput = receiveOutput
        self.report = report
    }
}

/// The file that declares the environment, below the project's root.
package enum EnvironmentSource: Sendable, Hashable {
    case pythonEnv(RelativePath)
    case condaFile(RelativePath)
    case noFile
}

/// A line for the user while an environment is prepared.
///
/// Text from outside is not yet escaped for a terminal.
package enum EnvironmentMessage: Sendable, Hashable {
    case progress(String)
    case warning(String)

    package var text: String {
        switch self {
        case .progress(let text), .warning(let text): text
        }
    }
}
