package import Files
package import Processes
package import Projects
package import SystemPackage
package import Tracking

/// One command bound to the run that records it: what a backend is given.
package struct Job: Sendable {
    /// The run as it was created in the store.
    package var run: RunInfo
    /// The job's name in the backend, at most 63 of `[a-z0-9-]`; the same after a restart of the runner, another for each attempt.
    package var name: String
    /// The run of the outermost pipeline it is a step of: its jobs are found again by whoever resumes that.
    package var pipelineRunID: String?
    /// The project's `name:`, if it has one.
    package var projectName: String?
    package var entryPoint: String
    /// The resolved command, a text for `bash -c`; values in it are quoted already.
    package var command: String
    /// The project's folder, where the command runs.
    package var workingDirectory: FilePath
    /// The whole environment of the command on this machine.
    package var environment: [String: String]
    /// The part of the environment that belongs to the job itself: all that a command in a container or on another machine gets.
    package var ownVariables: [String: String]
    package var standardInput: StandardInput
    /// Where the bytes the command writes go.
    package var output: OutputHandling
    /// What the project asks of a container; nil when it runs without one.
    package var container: ContainerRequest?
    package var resources: ResourceRequest
    package var source: JobSource
    /// The run's artifact folder when it is one of this machine.
    package var artifactFolder: FilePath?
    /// The `path` parameters, whose values in the command are places of this machine.
    package var paths: [PathParameter] = []
    /// Where the files lie that were downloaded for `path` parameters; nil when there are none.
    package var downloadFolder: FilePath?
    /// Tells the user what is going on.
    package var report: @Sendable (LaunchEvent) -> Void

    package init(
        run: RunInfo, name: String? = nil, projectName: String?, entryPoint: String, command: String,
        workingDirectory: FilePath, environment: [String: String], ownVariables: [String: String] = [:],
        standardInput: StandardInput = .null, output: OutputHandling, container: ContainerRequest? = nil,
        resources: ResourceRequest = ResourceRequest(), source: JobSource? = nil, artifactFolder: FilePath? = nil,
        report: @escaping @Sendable (LaunchEvent) -> Void = { _ in }
    ) {
        self.run = run
        self.name = name ?? Self.name(ofRun: run.runID)
        self.projectName = projectName
        self.entryPoint = entryPoint
        self.command = command
        self.workingDirectory = workingDirectory
        self.environment = environment
        self.ownVariables = ownVariables
        self.standardInput = standardInput
        self.output = output
        self.container = container
        self.resources = resources
        self.source = source ?? JobSource(projectFolder: workingDirectory)
        self.artifactFolder = artifactFolder
        self.report = report
    }

    /// The name of a job that is the only one of its run.
    package static func name(ofRun runID: String) -> String { "sf-\(runID.prefix(12))" }
}

/// Where the project's files come from, for backends that deliver them by themselves.
package struct JobSource: Sendable, Hashable {
    /// The project's folder on this machine.
    package var projectFolder: FilePath
    /// The repository's URL without credentials, when the files are those of a commit.
    package var repositoryURL: String?
    /// The full id of the commit; nil when the folder differs from it or is in no repository.
    package var commit: String?
    /// The project's folder inside the repository.
    package var subdirectory: RelativePath
    /// Whether the project was fetched from elsewhere, so that its author is not taken for the user.
    package var isFetched: Bool

    package init(
        projectFolder: FilePath, repositoryURL: String? = nil, commit: String? = nil,
        subdirectory: RelativePath = .root, isFetched: Bool = false
    ) {
        self.projectFolder = projectFolder
        self.repositoryURL = repositoryURL
        self.commit = commit
        self.subdirectory = subdirectory
        self.isFetched = isFetched
    }
}

/// The container a job asks for: the project's `docker_env` and what the user said about it.
package struct ContainerRequest: Sendable, Hashable {
    /// An option for the container client, `-A name=value`.
    package struct Option: Sendable, Hashable {
        package var name: String
        package var value: String?

        package init(name: String, value: String?) {
            self.name = name
            self.value = value
        }
    }

    /// The image: the request's own, else that of the project's `docker_env`.
    package var image: String?
    /// A Dockerfile of the project that makes the image instead.
    package var dockerfile: RelativePath?
    /// As written: `/host:/container[:options]`.
    package var volumes: [String]
    package var variables: [DockerEnvironment.Variable]
    /// Whether an image with the project's files is built first (`--build-image`).
    package var buildsImage: Bool
    package var options: [Option]
    /// Whether a fetched project may mount folders of this machine, and read variables of it.
    package var allowsMounts: Bool
    package var allowsHostVariables: Bool

    package init(
        image: String?, dockerfile: RelativePath? = nil, volumes: [String] = [],
        variables: [DockerEnvironment.Variable] = [], buildsImage: Bool = false, options: [Option] = [],
        allowsMounts: Bool = false, allowsHostVariables: Bool = false
    ) {
        self.image = image
        self.dockerfile = dockerfile
        self.volumes = volumes
        self.variables = variables
        self.buildsImage = buildsImage
        self.options = options
        self.allowsMounts = allowsMounts
        self.allowsHostVariables = allowsHostVariables
    }
}

/// What a job wants of its place; nil leaves it to the place.
package struct ResourceRequest: Sendable, Hashable {
    /// In cores, such as 0.5.
    package var processors: Double?
    /// In bytes.
    package var memory: Int64?
    package var graphicsProcessors: Int?
    /// In bytes.
    package var disk: Int64?

    package init(
        processors: Double? = nil, memory: Int64? = nil, graphicsProcessors: Int? = nil, disk: Int64? = nil
    ) {
        self.processors = processors
        self.memory = memory
        self.graphicsProcessors = graphicsProcessors
        self.disk = disk
    }
}

/// What is known of a job before its run exists: what `Backend.check` looks at.
package struct ProspectiveJob: Sendable {
    package var projectName: String?
    package var entryPoint: String
    package var container: ContainerRequest?
    package var resources: ResourceRequest
    package var source: JobSource
    package var paths: [PathParameter] = []
    /// The caller's environment and folder.
    package var environment: [String: String]
    package var workingDirectory: FilePath
    package var report: @Sendable (LaunchEvent) -> Void

    package init(
        projectName: String?, entryPoint: String, container: ContainerRequest?, resources: ResourceRequest,
        source: JobSource, environment: [String: String], workingDirectory: FilePath,
        report: @escaping @Sendable (LaunchEvent) -> Void
    ) {
        self.projectName = projectName
        self.entryPoint = entryPoint
        self.container = container
        self.resources = resources
        self.source = source
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.report = report
    }
}
