package import Artifacts
import Diagnostics
import Files
import Processes
import RemoteStore
package import SQLiteStore
import SystemPackage
import Tracking

/// Removes for good what was deleted: runs, logged models and experiments, first their artifacts and then their rows.
///
/// In this order a collection that is interrupted can be repeated: what is still listed as deleted may have lost its artifacts
/// already, which is no error the next time; what is not listed any more has none left behind. The rules of what goes are `mlflow gc`'s.
package struct GarbageCollection: Sendable {
    /// What to collect; nil is everything that is deleted.
    package struct Selection: Sendable {
        package var runIDs: [String]?
        package var experimentIDs: [String]?
        package var modelIDs: [String]?
        /// Only what was deleted so long ago.
        package var olderThan: Age?

        package init(
            runIDs: [String]? = nil, experimentIDs: [String]? = nil, modelIDs: [String]? = nil, olderThan: Age? = nil
        ) {
            self.runIDs = runIDs
            self.experimentIDs = experimentIDs
            self.modelIDs = modelIDs
            self.olderThan = olderThan
        }
    }

    /// One thing to be removed.
    package struct Item: Sendable, Hashable {
        package enum Kind: String, Sendable, Hashable {
            case run, model, experiment
        }

        package var kind: Kind
        package var id: String
        package var name: String
        /// Where its files are; nil for what has none of its own.
        package var artifactURI: String?
    }

    /// How one removal went.
    package enum Outcome: Sendable {
        case removed
        /// The rows are gone; the artifacts cannot even be looked for.
        case removedWithoutArtifacts(String)
        /// Nothing of it is removed, or not all of the artifacts; it can be tried again.
        case kept(any Error)
    }

    private let store: SQLiteStore
    private let artifacts: ArtifactResolver
    /// What `mlflow-artifacts:` stands for where no server is asked.
    private let destination: String?
    private let hasServer: Bool

    /// - Parameters:
    ///   - destination: what `mlflow-artifacts:` stands for; nil to ask the tracking server.
    ///   - hasServer: whether `artifacts` knows a tracking server.
    package init(store: SQLiteStore, artifacts: ArtifactResolver, destination: String?, hasServer: Bool) {
        self.store = store
        self.artifacts = artifacts
        self.destination = destination
        self.hasServer = hasServer
    }

    // MARK: What goes

    /// What would be removed, in the order in which it would be.
    ///
    /// - Throws: `InvalidInput` naming everything in the selection that is not deleted, or not long enough.
    package func plan(_ selection: Selection) async throws -> [Item] {
        let now = store.options.now()
        let threshold = selection.olderThan.map { now - $0.milliseconds + 1 } ?? .max
        var refusals: [Diagnostic] = []

        let experiments = try await experiments(selection, threshold: threshold, &refusals)
        let collectable = Set(try await store.deletedRuns(before: threshold).map(\.runID))
        var runs: [RunInfo] = []
        for id in selection.runIDs ?? [] {
            // Nothing is removed while anything of the request is in doubt.
            do {
                let run = try await store.run(id: id).info
                if run.lifecycleStage != .deleted {
                    refusals.append(Self.notDeleted("run", id, remedy: "delete it first: swiftflow runs delete \(id)"))
                } else if !collectable.contains(id) {
                    refusals.append(Self.notOld("run", id))
                }
                runs.append(run)
            } catch let error as TrackingError {
                refusals.append(Diagnostic(.error, error.message))
            }
        }
        if selection.runIDs == nil { runs = try await store.deletedRuns(before: threshold) }
        var known = Set(runs.map(\.runID))
        let deleted = try await store.deletedRuns()
        let experimentIDs = Set(experiments.map(\.experimentID))
        for run in deleted where experimentIDs.contains(run.experimentID) && known.insert(run.runID).inserted {
            if !collectable.contains(run.runID) { refusals.append(Self.notOld("run", run.runID)) }
            runs.append(run)
        }
        var models = try await models(selection, threshold: threshold, &refusals)
        let knownModels = Set(models.map(\.modelID))
        // The rows of an experiment's models go with it, whatever their own stage; so must their files.
        for experiment in experiments {
            models += try await store.loggedModels(ofExperiment: experiment.experimentID).filter {
                !knownModels.contains($0.modelID)
            }
        }
        let proxied = (runs.map(\.artifactURI) + models.map(\.artifactURI)).filter {
            $0.hasPrefix("mlflow-artifacts:")
        }
        if !proxied.isEmpty, destination == nil, !hasServer {
            refusals.append(
                Diagnostic(
                    .error, "the artifacts of \(proxied.count) runs or models are kept by a tracking server",
                    remedy: "name the server with --tracking-uri, or its storage with --artifacts-destination"))
        }
        guard refusals.isEmpty else { throw InvalidInput(refusals) }
        return runs.map { Item(kind: .run, id: $0.runID, name: $0.runName, artifactURI: $0.artifactURI) }
            + models.map { Item(kind: .model, id: $0.modelID, name: $0.name, artifactURI: $0.artifactURI) }
            + experiments.map { Item(kind: .experiment, id: $0.experimentID, name: $0.name, artifactURI: nil) }
    }

    private func experiments(
        _ selection: Selection, threshold: Int64, _ refusals: inout [Diagnostic]
    ) async throws -> [Experiment] {
        func isOld(_ experiment: Experiment) -> Bool {
            selection.olderThan == nil || experiment.lastUpdateTime.map { $0 < threshold - 1 } ?? false
        }
        guard let ids = selection.experimentIDs else {
            return try await store.allExperiments(.deletedOnly).filter(isOld)
        }
        var found: [Experiment] = []
        for id in ids {
            do {
                let experiment = try await store.experiment(id: id)
                if experiment.lifecycleStage != .deleted {
                    refusals.append(
                        Self.notDeleted(
                            "experiment", id, remedy: "delete it first: swiftflow experiments delete \(id)"))
                } else if !isOld(experiment) {
                    refusals.append(Self.notOld("experiment", id))
                }
                found.append(experiment)
            } catch let error as TrackingError {
                refusals.append(Diagnostic(.error, error.message))
            }
        }
        return found
    }

    private func models(
        _ selection: Selection, threshold: Int64, _ refusals: inout [Diagnostic]
    ) async throws -> [LoggedModel] {
        let collectable = try await store.deletedLoggedModels(before: threshold)
        guard let ids = selection.modelIDs else { return collectable }
        let old = Set(collectable.map(\.modelID))
        var found: [LoggedModel] = []
        for id in ids {
            do {
                let model = try await store.loggedModel(id: id, includingDeleted: true)
                if model.lifecycleStage != .deleted {
                    refusals.append(Self.notDeleted("logged model", id, remedy: "delete it first"))
                } else if !old.contains(id) {
                    refusals.append(Self.notOld("logged model", id))
                }
                found.append(model)
            } catch let error as TrackingError {
                refusals.append(Diagnostic(.error, error.message))
            }
        }
        return found
    }

    private static func notDeleted(_ what: String, _ id: String, remedy: String) -> Diagnostic {
        Diagnostic(
            .error, "\(what) '\(id)' is not deleted; only what is deleted can be removed for good", remedy: remedy)
    }

    private static func notOld(_ what: String, _ id: String) -> Diagnostic {
        Diagnostic(
            .error, "\(what) '\(id)' was deleted more recently than --older-than says", remedy: "wait, or leave it out")
    }

    // MARK: How much it is

    /// The files of an item, counted.
    ///
    /// - Throws: when its place cannot be looked at.
    package func size(of item: Item) async throws -> (files: Int, bytes: Int64) {
        guard let place = try await place(of: item) else { return (0, 0) }
        var open = [place.path]
        var (files, bytes) = (0, Int64(0))
        while let folder = open.popLast() {
            for entry in try await place.repository.list(folder) {
                if entry.isDirectory {
                    open.append(entry.path)
                } else {
                    files += 1
                    bytes += entry.size ?? 0
                }
            }
        }
        return (files, bytes)
    }

    // MARK: Removing

    /// Removes one item, artifacts first.
    package func remove(_ item: Item) async -> Outcome {
        var unreachable: String?
        do {
            try await checkIsDeleted(item)
            do {
                if let place = try await place(of: item) { try await place.repository.delete(place.path) }
            } catch let error as ArtifactError where Self.isNowhere(error) {
                // As MLflow does it: an address that leads nowhere must not keep the rows for ever.
                if error.reason != .notFound { unreachable = error.diagnostics.first?.message ?? "\(error)" }
            }
            switch item.kind {
            case .run: try await store.purgeRun(id: item.id)
            case .model: try await removeModel(item.id)
            case .experiment: try await store.purgeExperiment(id: item.id)
            }
        } catch {
            return .kept(error)
        }
        return unreachable.map { .removedWithoutArtifacts($0) } ?? .removed
    }

    /// Somebody may have restored it since the plan was made.
    private func checkIsDeleted(_ item: Item) async throws {
        guard item.kind == .run, try await store.run(id: item.id).info.lifecycleStage != .deleted else { return }
        throw InvalidInput("run '\(item.id)' has been restored meanwhile")
    }

    /// A model that goes with its experiment need not be deleted itself; its rows go with those of the experiment.
    private func removeModel(_ id: String) async throws {
        guard try await store.loggedModel(id: id, includingDeleted: true).lifecycleStage == .deleted else { return }
        try await store.purgeLoggedModel(id: id)
    }

    private static func isNowhere(_ error: ArtifactError) -> Bool {
        switch error.reason {
        case .notFound, .invalidAddress, .unsupportedScheme: true
        default: false
        }
    }

    /// Where the files of an item are; nil when it has none.
    ///
    /// - Throws: `ArtifactError` with `invalidAddress` for a place that does not bear the item's own name: other things may lie there.
    private func place(of item: Item) async throws -> ArtifactResolver.Place? {
        guard let uri = item.artifactURI, !uri.isEmpty else { return nil }
        guard uri.split(separator: "/").contains(Substring(item.id)) else {
            throw ArtifactError(
                .invalidAddress,
                "the artifact location '\(redactedURL(uri))' of \(item.kind.rawValue) '\(item.id)' does not name it, so it is left alone"
            )
        }
        if let destination, uri.hasPrefix("mlflow-artifacts:") {
            let path = try RelativePath(percentEncoded: Self.pathBelowProxy(uri))
            return ArtifactResolver.Place(repository: try await artifacts.repository(at: destination), path: path)
        }
        return try await artifacts.place(of: uri)
    }

    private static func pathBelowProxy(_ uri: String) -> String {
        var rest = uri.dropFirst("mlflow-artifacts:".count)
        if rest.hasPrefix("//") { rest = rest.dropFirst(2).drop { $0 != "/" } }
        return rest.split(separator: "/").joined(separator: "/")
    }
}

extension StoreMaintenance {
    /// A collection over the store and whatever holds its artifacts.
    ///
    /// - Parameter destination: what `mlflow-artifacts:` stands for; nil to ask the tracking server.
    package func withCollection(
        destination: String?, _ body: (GarbageCollection) async throws -> Void
    ) async throws {
        let http = try OutgoingHTTP(environment: environment)
        let resolver = ArtifactResolver(
            environment: environment, trackingURI: trackingURI, workingDirectory: workingDirectory, http: http,
            serverEnvironment: { [environment] in try await CredentialsFile.completing(environment) },
            tools: Keeper.shared)
        do {
            try await withStore { store in
                try await body(
                    GarbageCollection(
                        store: store, artifacts: resolver, destination: destination, hasServer: trackingURI != nil))
            }
            await http.shutdown()
        } catch {
            await http.shutdown()
            throw error
        }
    }
}
