package import SystemPackage

/// What a manager would use, found out without changing anything.
package struct EnvironmentPlan: Sendable, Hashable {
    package var manager: String
    /// MLflow's name of the environment (`mlflow-` and a SHA-1); nil for `local`.
    package var name: String?
    package var folder: FilePath?
    /// The python version as declared, or as found when none is declared; nil where the manager leaves it open.
    package var python: String?
    /// Changes whenever a new environment is needed.
    ///
    /// Part of a step's cache key.
    package var fingerprint: String
    /// Whether a complete environment is there.
    package var isReady: Bool
    /// What the user should know: options the project passes to pip, files it names outside itself, ignored entries.
    package var notices: [String]

    package init(
        manager: String, name: String? = nil, folder: FilePath? = nil, python: String? = nil, fingerprint: String,
        isReady: Bool, notices: [String] = []
    ) {
        self.manager = manager
        self.name = name
        self.folder = folder
        self.python = python
        self.fingerprint = fingerprint
        self.isReady = isReady
        self.notices = notices
    }
}

/// An environment that is ready, and what an entry point needs to run in it.
///
/// Keep the value until the entry point has ended: it holds the lease that keeps `prune` away.
package struct PreparedEnvironment: Sendable {
    /// The value of the tag `mlflow.project.env`; nil for `local`.
    package var managerTag: String?
    package var variables: [String: String]
    /// Folders to put in front of `PATH`, first one first.
    package var pathPrefixes: [FilePath]
    package var removedVariables: Set<String>
    /// Shell text to join with ` && ` in front of the entry point's command.
    package var shellPrefix: String?
    package var fingerprint: String
    package var folder: FilePath?
    /// Whether it was built just now.
    package var wasBuilt: Bool
    package var lease: EnvironmentLease?

    package init(
        managerTag: String?, variables: [String: String] = [:], pathPrefixes: [FilePath] = [],
        removedVariables: Set<String> = [], shellPrefix: String? = nil, fingerprint: String, folder: FilePath? = nil,
        wasBuilt: Bool = false, lease: EnvironmentLease? = nil
    ) {
        self.managerTag = managerTag
        self.variables = variables
        self.pathPrefixes = pathPrefixes
        self.removedVariables = removedVariables
        self.shellPrefix = shellPrefix
        self.fingerprint = fingerprint
        self.folder = folder
        self.wasBuilt = wasBuilt
        self.lease = lease
    }

    /// The caller's variables as the entry point gets them.
    package func applied(to variables: [String: String]) -> [String: String] {
        var result = variables.filter { !removedVariables.contains($0.key) }
        result.merge(self.variables) { _, new in new }
        if !pathPrefixes.isEmpty {
            // As the activation script does it: an unset PATH leaves a trailing colon.
            result["PATH"] = (pathPrefixes.map(\.string) + [variables["PATH"] ?? ""]).joined(separator: ":")
        }
        return result
    }
}
