/// Tag names with a meaning, MLflow's and ours.
package enum WellKnownTag {
    package static let runName = "mlflow.runName"
    package static let user = "mlflow.user"
    package static let parentRunID = "mlflow.parentRunId"
    package static let note = "mlflow.note.content"
    package static let sourceName = "mlflow.source.name"
    package static let sourceType = "mlflow.source.type"
    package static let gitCommit = "mlflow.source.git.commit"
    package static let gitBranch = "mlflow.source.git.branch"
    package static let gitRepositoryURL = "mlflow.source.git.repoURL"
    package static let gitDirty = "mlflow.source.git.dirty"
    package static let projectEntryPoint = "mlflow.project.entryPoint"
    package static let projectEnvironment = "mlflow.project.env"
    package static let projectBackend = "mlflow.project.backend"
    package static let dockerImageURI = "mlflow.docker.image.uri"
    package static let dockerImageID = "mlflow.docker.image.id"
    package static let loggedModelHistory = "mlflow.log-model.history"
    /// On a dataset input: what the run used the dataset for.
    package static let datasetContext = "mlflow.data.context"
    /// On a logged model: the versions registered from it, as JSON.
    package static let modelVersions = "mlflow.modelVersions"
    /// On a registered model or version: it is a prompt, which model searches hide.
    package static let isPrompt = "mlflow.prompt.is_prompt"

    /// Ours, on a running run: who runs it, as `host:boot:pid:start`, so that a run whose runner died can be found.
    package static let runner = "swiftflow.runner"
    /// Ours, on a run that did not finish: why.
    package static let failureReason = "swiftflow.failure"
    /// Ours, beside it: the same in one word that a search can compare.
    package static let failureKind = "swiftflow.reason"
    /// Ours: how long the command took, in seconds.
    package static let wallSeconds = "swiftflow.wall_seconds"
    /// Ours: what finds a submitted job again after its runner died.
    package static let jobHandle = "swiftflow.handle"

    /// Ours, on the run of a pipeline's step: the deterministic name of the attempt in its backend.
    package static let launch = "swiftflow.launch"
}

/// Values of the tag `mlflow.source.type`.
package enum SourceType: String, Sendable, Hashable, CaseIterable {
    case local = "LOCAL"
    case project = "PROJECT"
    case notebook = "NOTEBOOK"
    case job = "JOB"
    case unknown = "UNKNOWN"
}
