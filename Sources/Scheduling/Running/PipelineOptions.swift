package import Execution
package import Processes
package import SystemPackage
package import Tracking

/// What is asked of a run of a pipeline beside its plan.
package struct PipelineOptions: Sendable {
    package var experiment: ExperimentChoice = .unspecified
    /// The caller's environment and folder.
    package var environment: [String: String]
    package var workingDirectory: FilePath
    /// The folder of the pipeline's file, or the git URI it came from: where steps have their project unless they say otherwise.
    package var project: String
    /// The commit of that project, when it was fetched.
    package var version: String?
    /// The folder of the pipeline's file on this machine, from where relative paths of the file are meant.
    package var folder: FilePath
    /// The pipeline's file inside the project, or its path; what a resume reads again.
    package var file: String = "pipeline.yaml"
    /// The entry point of the project that is the pipeline.
    package var entryPoint: String?
    /// More than the file's `limits.parallel`.
    package var parallel: Int?
    /// Where steps run that do not say so themselves.
    package var environmentManager: String?
    /// Whether earlier results may be used.
    package var usesCache = true
    /// Values by name; only steps that ask for one get it.
    package var secrets: [String: String] = [:]
    /// Those of them that came from a file, for nested pipelines too.
    package var givenSecrets: [String: String] = [:]
    /// How many cells a matrix of a nested pipeline may have.
    package var maximumCells = 10_000
    package var parentRunID: String?
    package var runName: String?
    /// Tags of the pipeline's run that tell where it comes from.
    package var sourceTags: [Tag] = []
    /// The step of another pipeline that this one is.
    package var enclosing: EnclosingStep?
    /// The pipelines around this one, the outermost first, as they are told apart.
    package var ancestors: [String] = []
    /// Whether a resume uses the files of today, also of nested pipelines.
    package var usesUpdatedFiles = false
    /// Steps that a resume does again whatever has been computed before.
    package var forcedSteps: Set<String> = []

    package init(
        environment: [String: String], workingDirectory: FilePath, project: String, folder: FilePath
    ) {
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.project = project
        self.folder = folder
    }
}

/// What a pipeline is run with: made once by whoever assembles the program, replaced piece by piece in tests.
package struct PipelineServices: Sendable {
    package var store: any TrackingStore
    package var runner: any StepRunner
    package var artifacts: any RunArtifacts
    package var clock: any PipelineClock
    /// Who runs it, as the lease says.
    package var owner: ProcessIdentity
    package var observe: @Sendable (PipelineEvent) -> Void
    /// Prepares pipelines that are steps; nil where there are none.
    package var nest: Nesting?
    /// The same without beginning it, for a forecast.
    package var prepareNested: (@Sendable (NestedStep) async throws -> PreparedNesting)?
    /// What is done with a pipeline's run once its end is recorded, such as keeping a report of it.
    package var conclude: @Sendable (RunInfo) async throws -> Void = { _ in }

    package init(
        store: any TrackingStore, runner: any StepRunner, artifacts: any RunArtifacts,
        clock: any PipelineClock = SteadyClock(), owner: ProcessIdentity = .current,
        observe: @escaping @Sendable (PipelineEvent) -> Void = { _ in }
    ) {
        self.store = store
        self.runner = runner
        self.artifacts = artifacts
        self.clock = clock
        self.owner = owner
        self.observe = observe
    }
}

/// The artifacts of runs as a pipeline sees them.
package protocol RunArtifacts: Sendable {
    /// The folder that holds the run's artifacts, when it is one of this machine.
    func folder(of run: RunInfo) -> FilePath?
    func write(_ bytes: [UInt8], to path: String, of run: RunInfo) async throws
    /// - Throws: when there is no such file, or it is larger than `limit`.
    func read(_ path: String, of run: RunInfo, limit: Int) async throws -> [UInt8]
    /// Makes a local file or folder an artifact; it may be moved away from where it was.
    ///
    /// - Returns: the digest of its content, where that could not be had afterwards.
    func keep(_ local: FilePath, as path: String, of run: RunInfo, mayMove: Bool) async throws -> String?
    func exists(_ path: String, of run: RunInfo) async throws -> Bool
    /// The digest of the content; nil where it could only be had by fetching it.
    func digest(_ path: String, of run: RunInfo) async throws -> String?
}
