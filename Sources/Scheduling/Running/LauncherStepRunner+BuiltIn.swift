import Diagnostics
import Execution
import Pipelines
import Processes
import Tracking

/// Steps without a process: `register` and `search`.
extension LauncherStepRunner {
    /// Creates a registered model version.
    ///
    /// A step that is done again after a crash finds the version it has made before, by the mark of its node, and makes no second one.
    func register(_ registration: ResolvedStep.Registration, _ attempt: StepAttempt) async throws -> StepResult {
        let store = try await services.store()
        guard let registry = store as? any ModelRegistryStore else {
            throw InvalidInput("this store has no model registry", remedy: "use one that has")
        }
        let model = registration.model.text ?? ""
        let (source, runID) = try await modelSource(model, store)
        let run = try await begin(attempt, store, params: [Param("model", model), Param("name", registration.name)])
        do {
            do {
                _ = try await registry.registeredModel(named: registration.name)
            } catch let error as TrackingError where error.code == .resourceDoesNotExist {
                _ = try await registry.createRegisteredModel(name: registration.name, description: nil, tags: [])
            }
            let marker = Tag("swiftflow.registered_by", "\(attempt.parentRunID)/\(attempt.node)")
            var made: String?
            if !registration.name.contains("'") {
                let known = try await registry.searchModelVersions(
                    RegistrySearch(filter: "name = '\(registration.name)'", maxResults: 1000))
                made = known.elements.first { $0.tags.contains(marker) && $0.source == source }?.version
            }
            if made == nil {
                made = try await registry.createModelVersion(
                    ModelVersionCreation(
                        name: registration.name, source: source, runID: runID, description: registration.description,
                        tags: registration.tags.map { Tag($0.name, $0.value) } + [marker])
                ).version
            }
            let version = made ?? ""
            if let alias = registration.alias {
                try await registry.setAlias(alias, version: version, modelName: registration.name)
            }
            let outputs = ["version": OutputValue.text(version)]
            let ended = try await store.updateRun(
                RunUpdate(
                    runID: run.runID, status: .finished, endTime: currentTimeMilliseconds(),
                    tags: outputTags(outputs) + [Tag(NodeTag.state, NodeState.succeeded.rawValue)],
                    removedTags: [WellKnownTag.runner]))
            return StepResult(run: ended, outputs: outputs, endTime: ended.endTime)
        } catch {
            return try await fail(run, NodeFailure(.exit, messages(of: error)), store)
        }
    }

    /// Where the model's files are, and the run they come from.
    private func modelSource(_ model: String, _ store: any TrackingStore) async throws -> (String, String?) {
        guard model.hasPrefix("runs:/") else { return (model, nil) }
        let rest = model.dropFirst("runs:/".count)
        guard let slash = rest.firstIndex(of: "/") else {
            throw InvalidInput("'\(model)' names no artifact of its run", remedy: "name one")
        }
        let id = String(rest[..<slash])
        let folder = try await store.run(id: id).info.artifactURI
        return ("\(folder)/\(rest[rest.index(after: slash)...])", id)
    }

    /// Finds runs that are already in the store.
    func search(_ search: ResolvedStep.Search, _ attempt: StepAttempt) async throws -> StepResult {
        let store = try await services.store()
        var experiment = attempt.experimentID
        if let name = search.experiment { experiment = try await store.experiment(named: name).experimentID }
        var params = search.orderBy.enumerated().map { Param("order_by.\($0.offset)", $0.element) }
        if let filter = search.filter { params.append(Param("filter", filter)) }
        let run = try await begin(attempt, store, params: params)
        do {
            let limit = max(1, search.limit)
            // One more, because its own run is never what is meant.
            let page = try await store.searchRuns(
                RunSearch(
                    experimentIDs: [experiment], filter: search.filter ?? "", orderBy: search.orderBy,
                    maxResults: min(Limits.runsPerPage, limit + 1)))
            let found = Array(page.elements.filter { $0.info.runID != run.runID }.prefix(limit))
            let ids = found.map(\.info.runID).joined(separator: ",")
            let ended = try await store.updateRun(
                RunUpdate(
                    runID: run.runID, status: .finished, endTime: currentTimeMilliseconds(),
                    tags: [
                        Tag(NodeTag.found, String(ids.prefix(Limits.tagValueLength))),
                        Tag(NodeTag.state, NodeState.succeeded.rawValue),
                    ], removedTags: [WellKnownTag.runner]))
            return StepResult(run: ended, endTime: ended.endTime, found: found)
        } catch {
            return try await fail(run, NodeFailure(.exit, messages(of: error)), store)
        }
    }

    private func begin(_ attempt: StepAttempt, _ store: any TrackingStore, params: [Param]) async throws -> RunInfo {
        let tags =
            attempt.tags + [
                Tag(WellKnownTag.parentRunID, attempt.parentRunID),
                Tag(WellKnownTag.user, userName(in: options.environment)),
                Tag(WellKnownTag.sourceType, SourceType.project.rawValue),
                Tag(WellKnownTag.runner, services.runner.description),
            ]
        let run = try await store.createRun(
            RunCreation(
                experimentID: attempt.experimentID, name: attempt.node, userID: userName(in: options.environment),
                startTime: currentTimeMilliseconds(), tags: tags, params: params)
        ).info
        attempt.report(.created(run))
        attempt.report(.launched)
        return run
    }

    private func fail(_ run: RunInfo, _ failure: NodeFailure, _ store: any TrackingStore) async throws -> StepResult {
        let ended = try await store.updateRun(
            RunUpdate(
                runID: run.runID, status: .failed, endTime: currentTimeMilliseconds(),
                tags: failure.tags, removedTags: [WellKnownTag.runner]))
        return StepResult(run: ended, failure: failure, endTime: ended.endTime)
    }
}
