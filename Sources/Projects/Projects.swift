// An MLflow project, from the text an operator typed to the command a shell runs. Every step is a value, and nothing is
// started here:
//
//   ProjectURI("https://…/repo.git#train")  what was typed: a folder, an archive or a git location, and a folder in it
//     └ Checkout(of:version:…)              the folder on this machine that holds the project
//        └ Project(loading: root)           its MLproject file: entry points, parameters, environment
//           └ project.entryPoint(named:)    the one to run; scripts count as entry points
//              └ entryPoint.resolve(…)      typed, checked parameters
//                 └ resolution.command(…)   the text for `bash -c`, every value quoted or refused
//
// Errors of one step are reported all at once (`InvalidInput`), and every one of them before a run is created.

package import Diagnostics
package import Files
package import SystemPackage

/// A project that can be run: what its MLproject file says, or what follows from having none.
package struct Project: Sendable {
    package var name: String?
    /// In the order of the file.
    package var entryPoints: [EntryPoint]
    package var environment: ProjectEnvironment
    package var sparkJob: SparkJob?
    /// The project's folder, which is the working directory of its entry points.
    package var root: FilePath
    /// The name of the MLproject file in the root, if there is one.
    package var file: String?
    /// What is odd about the file without being wrong.
    package var warnings: [Diagnostic]

    package init(
        name: String? = nil, entryPoints: [EntryPoint] = [], environment: ProjectEnvironment = .none,
        sparkJob: SparkJob? = nil, root: FilePath, file: String? = nil, warnings: [Diagnostic] = []
    ) {
        self.name = name
        self.entryPoints = entryPoints
        self.environment = environment
        self.sparkJob = sparkJob
        self.root = root
        self.file = file
        self.warnings = warnings
    }
}

/// What the project asks to be run in.
package enum ProjectEnvironment: Sendable, Hashable {
    /// A `python_env.yaml`, named by the project or found in its root.
    case python(RelativePath)
    /// A `conda.yaml`, named by the project or found in its root.
    case conda(RelativePath)
    case docker(DockerEnvironment)
    /// Nothing: the interpreter and packages that are there.
    case none
}

/// The `docker_env` of an MLproject file.
package struct DockerEnvironment: Sendable, Hashable {
    package enum Variable: Sendable, Hashable {
        /// Set to this value.
        case set(name: String, value: String)
        /// Copied from the host.
        case copied(name: String)
    }

    /// Nil when the image is built from `dockerfile`.
    package var image: String?
    /// Ours, not MLflow's: a Dockerfile of the project that makes the image.
    package var dockerfile: RelativePath?
    /// As written: `/host:/container[:options]`.
    package var volumes: [String]
    package var variables: [Variable]

    package init(
        image: String?, dockerfile: RelativePath? = nil, volumes: [String] = [], variables: [Variable] = []
    ) {
        self.image = image
        self.dockerfile = dockerfile
        self.volumes = volumes
        self.variables = variables
    }
}

/// The `databricks_spark_job` of an MLproject file.
package struct SparkJob: Sendable, Hashable {
    package var pythonFile: String?
    package var parameters: [String]
    package var pythonLibraries: [String]

    package init(pythonFile: String? = nil, parameters: [String] = [], pythonLibraries: [String] = []) {
        self.pythonFile = pythonFile
        self.parameters = parameters
        self.pythonLibraries = pythonLibraries
    }
}
