import Tracking

/// Which sources a model version may have.
///
/// A version's files are handed out by whoever may read the registry, so a source must lie in the artifacts of the run or logged model
/// that the request names; a client may not point a version at files that are not its own.
struct ModelSourceRules: Sendable {
    /// The sources that prompts have instead of files.
    private static let promptPlaceholders: Set<String> = ["prompt-template", "dummy-source"]

    /// Sources that make whoever fetches them connect to a host that the source names.
    private static let hostSchemes: Set<String> = ["http", "https", "ftp", "sftp", "hdfs", "viewfs"]

    let stores: ServedStores
    /// Of `MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX`, which every source must contain a match of.
    let pattern: String?

    /// The creation with its source resolved, if the source may be used.
    func checked(_ creation: ModelVersionCreation) async throws -> ModelVersionCreation {
        if let pattern, try Regex(pattern).firstMatch(in: creation.source) == nil {
            throw TrackingError.invalidParameter("Invalid model version source: '\(creation.source)'.")
        }
        guard !Self.isPrompt(creation.tags) else {
            guard Self.promptPlaceholders.contains(creation.source) else {
                throw TrackingError.invalidParameter(
                    "Invalid prompt source: '\(creation.source)'. Prompt sources must use an MLflow placeholder.")
            }
            return creation
        }
        let resolved = try await resolvingVersion(creation)
        try await check(
            source: resolved.source, runID: resolved.runID?.isEmpty == true ? nil : resolved.runID,
            modelID: resolved.modelID)
        return resolved
    }

    /// Checks a version that exists.
    func check(_ version: ModelVersion) async throws {
        guard let source = version.source, !Self.isPrompt(version.tags) else {
            throw TrackingError.invalidParameter("The model version has no artifacts.")
        }
        // One that was made from another version has that version's files, which were checked when it was made.
        if case .version? = ModelURI(source) { return }
        try await check(
            source: source, runID: version.runID?.isEmpty == true ? nil : version.runID,
            modelID: version.modelID ?? ModelURI(source)?.loggedModelID)
    }

    private static func isPrompt(_ tags: [Tag]) -> Bool {
        tags.last { $0.key == WellKnownTag.isPrompt }?.value.lowercased() == "true"
    }

    // MARK: Sources in the registry

    private func resolvingVersion(_ creation: ModelVersionCreation) async throws -> ModelVersionCreation {
        guard creation.source.lowercased().hasPrefix("models:") else { return creation }
        guard let uri = ModelURI(creation.source) else { throw invalid(creation.source, "model_id") }
        guard let registry = stores.registry,
            let version = try await version(behind: uri, of: creation.source, in: registry)
        else { return creation }
        let namesAnother =
            (creation.runID.map { $0 != version.runID ?? "" } ?? false)
            || (creation.modelID.map { $0 != version.modelID ?? "" } ?? false)
        guard !namesAnother else {
            throw TrackingError.invalidParameter(
                "Invalid model version source: '\(creation.source)'. The run_id and model_id request parameters must match "
                    + "the referenced model version.")
        }
        var resolved = creation
        resolved.source = "models:/\(version.name)/\(version.version)"
        resolved.runID = creation.runID ?? version.runID
        resolved.modelID = creation.modelID ?? version.modelID
        return resolved
    }

    private func version(
        behind uri: ModelURI, of source: String, in store: any ModelRegistryStore
    ) async throws -> ModelVersion? {
        let name: String
        switch uri {
        case .loggedModel: return nil
        case .version(let model, _), .stage(let model, _), .alias(let model, _), .latest(let model): name = model
        }
        if Self.isPrompt(try await store.registeredModel(named: name).tags) {
            throw TrackingError.invalidParameter(
                "Invalid model version source: '\(source)'. Prompt versions cannot be used as model version sources.")
        }
        switch uri {
        case .loggedModel: return nil
        case .version(_, let number): return try await store.modelVersion(named: name, version: number)
        case .alias(_, let alias): return try await store.modelVersion(alias: alias, modelName: name)
        case .latest: return try await store.modelVersion(alias: "latest", modelName: name)
        case .stage(_, let stage):
            guard let newest = try await store.latestVersions(ofModel: name, stages: [stage]).first else {
                throw invalid(source, "model_id")
            }
            return newest
        }
    }

    // MARK: Sources among artifacts

    private func check(source: String, runID: String?, modelID: String?) async throws {
        let owner = modelID == nil ? "run_id" : "model_id"
        if let uri = ModelURI(source) {
            if case .loggedModel(let id) = uri, id != modelID { throw invalid(source, "model_id") }
            return
        }
        guard let location = LocationURI(source) else {
            throw source.contains(":") || source.hasPrefix("/") ? steppingUp(source) : local(source, owner)
        }
        switch location.scheme {
        case "runs":
            guard modelID == nil, location.authority.isEmpty, let runID, location.components.first == runID else {
                throw invalid(source, owner)
            }
        case _ where location.isLocal || location.isArtifactProxy || Self.hostSchemes.contains(location.scheme):
            guard let root = try await artifactRoot(runID: runID, modelID: modelID, source), location.lies(in: root)
            else { throw location.isLocal ? local(source, owner) : invalid(source, owner) }
        default: return
        }
    }

    private func artifactRoot(runID: String?, modelID: String?, _ source: String) async throws -> LocationURI? {
        do {
            if let modelID {
                guard isLoggedModelID(modelID), let models = stores.loggedModels else { return nil }
                return LocationURI(try await models.loggedModel(id: modelID, includingDeleted: false).artifactURI)
            }
            guard let runID else { return nil }
            try Validation.runID(runID)
            return LocationURI(try await stores.tracking.run(id: runID).info.artifactURI)
        } catch let error as TrackingError where error.code == .resourceDoesNotExist {
            return nil
        }
    }

    private func local(_ source: String, _ field: String) -> TrackingError {
        .invalidParameter(
            "Invalid model version source: '\(source.prefix(500))'. To use a local path as a model version source, the "
                + "\(field) request parameter has to be specified and the local path has to be contained within the "
                + "artifact directory of the run specified by the \(field).")
    }

    private func steppingUp(_ source: String) -> TrackingError {
        .invalidParameter(
            "Invalid model version source: '\(source.prefix(500))'. If supplying a source as an http, https, local file "
                + "path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative "
                + "path references present. Please provide an absolute path.")
    }

    private func invalid(_ source: String, _ field: String) -> TrackingError {
        .invalidParameter(
            "Invalid model version source: '\(source.prefix(500))'. The \(field) request parameter must identify the "
                + "resource that contains the source.")
    }
}

/// What a `models:/…` source refers to.
enum ModelURI: Hashable {
    case loggedModel(String)
    case version(name: String, number: String)
    case stage(name: String, stage: String)
    case alias(name: String, alias: String)
    case latest(name: String)

    var loggedModelID: String? {
        guard case .loggedModel(let id) = self else { return nil }
        return id
    }

    init?(_ text: String) {
        guard text.hasPrefix("models:/"), !text.hasPrefix("models://") else { return nil }
        let parts = text.dropFirst("models:/".count).split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, !first.isEmpty, !first.contains("%"), parts.count <= 2 else { return nil }
        if parts.count == 2, let suffix = parts.last {
            guard !suffix.isEmpty else { return nil }
            if suffix.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
                self = .version(name: String(first), number: String(suffix))
            } else if suffix.lowercased() == "latest" {
                self = .latest(name: String(first))
            } else {
                self = .stage(name: String(first), stage: String(suffix))
            }
        } else if let at = first.lastIndex(of: "@") {
            let alias = first[first.index(after: at)...]
            guard !alias.isEmpty, at > first.startIndex else { return nil }
            self = .alias(name: String(first[..<at]), alias: String(alias))
        } else {
            self = .loggedModel(String(first))
        }
    }
}
