package import SystemPackage
package import Tracking

/// What the user asked to run, as given: nothing in it has been looked at yet.
package struct RunRequest: Sendable {
    /// The project: a folder, a zip archive or a git URL, with an optional `#subdirectory`.
    package var uri: String
    package var entryPoint: String
    /// A branch, tag or commit.
    package var version: String?
    /// Values by parameter name, in the order given.
    package var parameters: [(name: String, value: String)]
    package var experiment: ExperimentChoice
    package var backend: String
    package var backendConfiguration: BackendConfiguration
    /// `local`, `virtualenv`, `uv` or `conda`; nil lets the project decide.
    package var environmentManager: String?
    /// Where downloaded `path` parameters are kept; nil for a temporary folder that is removed afterwards.
    package var storageDirectory: FilePath?
    /// A run that exists already and is to be used instead of a new one.
    package var runID: String?
    /// Whether that run was made for this request alone, and still lacks its params and most of its tags.
    package var completesRun = false
    package var runName: String?
    /// The run this one belongs under.
    package var parentRunID: String?
    /// The caller's environment and folder: relative paths are meant from there.
    package var environment: [String: String]
    package var workingDirectory: FilePath
    /// Whether the command reads the runner's standard input instead of `/dev/null`.
    package var inheritsStandardInput: Bool
    /// The job's name in the backend; nil for one made from the run's id.
    package var jobName: String?
    /// The run of the pipeline this is a step of.
    package var pipelineRunID: String?
    /// The image to run in, instead of the one the project names.
    package var image: String?
    package var buildsImage = false
    package var containerOptions: [ContainerRequest.Option] = []
    package var allowsMounts = false
    package var allowsHostVariables = false
    package var resources = ResourceRequest()
    /// Variables of the job itself, beside the caller's environment; a container gets these too.
    package var variables: [String: String] = [:]
    /// Elements of parameters that are lists, by name: in a command each becomes a word of its own.
    package var lists: [String: [String]] = [:]
    /// Files of this machine that elements of lists name: a backend has to know them as it knows `path` parameters.
    package var listedPaths: [PathParameter] = []
    /// Tags of the run beside those every project's run has.
    package var tags: [Tag] = []
    /// Tags that are set once the job exists.
    package var launchTags: [Tag] = []
    /// Called when the command has ended and before the end is recorded: it may turn a success into a failure, and add tags.
    package var conclude: (@Sendable (RunInfo, RunOutcome) async -> RunOutcome)?
    /// How long an ended run may take to obey TERM before it is killed.
    package var grace: Duration

    package init(
        uri: String, entryPoint: String = "main", version: String? = nil,
        parameters: [(name: String, value: String)] = [],
        experiment: ExperimentChoice = .unspecified, backend: String = "local",
        backendConfiguration: BackendConfiguration = BackendConfiguration(), environmentManager: String? = nil,
        storageDirectory: FilePath? = nil, runID: String? = nil, runName: String? = nil, parentRunID: String? = nil,
        environment: [String: String], workingDirectory: FilePath, inheritsStandardInput: Bool = false,
        grace: Duration = .seconds(10)
    ) {
        self.uri = uri
        self.entryPoint = entryPoint
        self.version = version
        self.parameters = parameters
        self.experiment = experiment
        self.backend = backend
        self.backendConfiguration = backendConfiguration
        self.environmentManager = environmentManager
        self.storageDirectory = storageDirectory
        self.runID = runID
        self.runName = runName
        self.parentRunID = parentRunID
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.inheritsStandardInput = inheritsStandardInput
        self.grace = grace
    }
}

/// Which experiment a run is recorded in.
package enum ExperimentChoice: Sendable, Hashable {
    /// The one named by `MLFLOW_EXPERIMENT_NAME` or `MLFLOW_EXPERIMENT_ID`, else `Default`.
    case unspecified
    case name(String)
    case id(String)
    /// One that the caller has looked at: the store is asked neither whether it is there nor what it is called.
    case known(id: String)
}
