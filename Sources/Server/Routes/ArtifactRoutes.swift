import Files
import Hummingbird
import JSON
import Tracking

/// Artifacts by the run, version or model they belong to.
struct ArtifactRoutes: RouteProvider {
    /// What the web pages may upload at once.
    private static let uploadLimit: Int64 = 10 << 20

    let stores: ServedStores
    let roots: ArtifactRoots
    let sourceRules: ModelSourceRules

    var routes: [Route] {
        var routes = Route.call(.get, "mlflow/artifacts/list", handler: listRunArtifacts)
        routes.append(Route(.get, "/get-artifact", handler: runArtifact))
        routes.append(Route(.post, "/ajax-api/2.0/mlflow/upload-artifact", handler: uploadRunArtifact))
        if let models = stores.loggedModels {
            let path = "mlflow/logged-models/{model_id}/artifacts"
            routes += Route.call(.get, "\(path)/directories") { try await listModelArtifacts($0, models) }
            routes.append(
                Route(.get, "/ajax-api/2.0/\(path)/files") { try await modelArtifact($0, models) })
        }
        if let registry = stores.registry {
            routes.append(
                Route(.get, "/model-versions/get-artifact") { try await versionArtifact($0, registry) })
        }
        return routes
    }

    // MARK: Lists

    @Sendable private func listRunArtifacts(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let path = try RelativePath.artifact(optional: try message.string("path"))
        let uri = try await stores.tracking.run(id: try message.runID()).info.artifactURI
        return try await list(path, rootURI: uri)
    }

    private func listModelArtifacts(
        _ request: APIRequest, _ models: any LoggedModelStore
    ) async throws -> Response {
        let text = try await request.message().string("artifact_directory_path")
        let path = try RelativePath.artifact(optional: text)
        let model = try await models.loggedModel(id: try request.loggedModelID(), includingDeleted: false)
        return try await list(path, rootURI: model.artifactURI)
    }

    private func list(_ path: RelativePath, rootURI: String) async throws -> Response {
        let place = try roots.requirePlace(of: rootURI).appending(path)
        let entries = try await place.storage.list(place.path)
        return .json {
            $0.field("root_uri", rootURI)
            $0.field("files", entries) {
                $0.fileInfo(path: path.isRoot ? $1.name : "\(path.string)/\($1.name)", entry: $1)
            }
        }
    }

    // MARK: Files

    @Sendable private func runArtifact(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let path = try RelativePath.artifact(try message.requiredString("path"))
        let uri = try await stores.tracking.run(id: try message.runID()).info.artifactURI
        return try await file(path, rootURI: uri, request)
    }

    private func versionArtifact(_ request: APIRequest, _ registry: any ModelRegistryStore) async throws -> Response {
        let message = try await request.message()
        let path = try RelativePath.artifact(try message.requiredString("path"))
        let version = try await registry.modelVersion(
            named: try message.modelName(), version: try message.modelVersionNumber())
        // What was allowed at creation is checked again: the row may be older than the rule, or come from elsewhere.
        try await sourceRules.check(version)
        let uri = try await registry.downloadURI(ofModel: version.name, version: version.version)
        return try await file(path, rootURI: uri, request)
    }

    private func modelArtifact(_ request: APIRequest, _ models: any LoggedModelStore) async throws -> Response {
        let path = try RelativePath.artifact(try await request.message().requiredString("artifact_file_path"))
        let model = try await models.loggedModel(id: try request.loggedModelID(), includingDeleted: false)
        return try await file(path, rootURI: model.artifactURI, request)
    }

    private func file(_ path: RelativePath, rootURI: String, _ request: APIRequest) async throws -> Response {
        let place = try roots.requirePlace(of: rootURI).appending(path)
        return ArtifactAnswer(artifact: try await place.storage.open(place.path)).response(to: request.request)
    }

    @Sendable private func uploadRunArtifact(_ request: APIRequest) async throws -> Response {
        let message = RequestMessage(try Query.fields(request.request.uri.query ?? ""), isQuery: true)
        // The web pages show these sentences.
        guard let runID = try message.nonEmptyString("run_uuid") else {
            throw APIError.invalidParameter("Request must specify run_uuid.")
        }
        guard let text = try message.nonEmptyString("path") else {
            throw APIError.invalidParameter("Request must specify path.")
        }
        let path = try RelativePath.artifact(text)
        guard request.request.headers[.contentLength] != "0" else {
            throw APIError.invalidParameter("Request must specify data.")
        }
        try Validation.runID(runID)
        let run = try await stores.tracking.run(id: runID)
        guard run.info.lifecycleStage == .active else {
            throw TrackingError.runNotActive(id: run.info.runID, stage: run.info.lifecycleStage)
        }
        let place = try roots.requirePlace(of: run.info.artifactURI).appending(path)
        try await ArtifactReception(request: request.request, limit: Self.uploadLimit).receive(into: place)
        return Response(status: .ok)
    }
}
