package import Files
package import Processes
import Synchronization
package import SystemPackage

/// Finds the artifacts of runs and models, for URIs that name those instead of a place.
///
/// The tracking store answers.
package protocol RunArtifactLocator: Sendable {
    /// The artifact root of a run.
    func artifactURI(ofRun runID: String) async throws -> String

    /// Where the files of a model version, or of a logged model, lie.
    func artifactURI(ofModel reference: ModelReference) async throws -> String
}

/// Turns the URI of an artifact into the repository that holds it.
package final class ArtifactResolver: Sendable {
    /// An artifact and where it lies.
    package struct Place: Sendable {
        package var repository: any ArtifactRepository
        package var path: RelativePath

        package init(repository: any ArtifactRepository, path: RelativePath) {
            self.repository = repository
            self.path = path
        }
    }

    private let environment: [String: String]
    private let serverEnvironment: (@Sendable () async throws -> [String: String])?
    private let trackingURI: String?
    private let workingDirectory: FilePath
    private let http: OutgoingHTTP
    private let tools: (any ProcessStarter)?
    private let runs: (any RunArtifactLocator)?
    private let s3 = Mutex<S3Settings?>(nil)

    /// Opens nothing and reads nothing yet.
    ///
    /// - Parameters:
    ///   - trackingURI: what `mlflow-artifacts:/` is relative to.
    ///   - workingDirectory: what relative paths are relative to.
    ///   - serverEnvironment: the environment with what is known of the tracking server's credentials from elsewhere; asked for when
    ///     artifacts are behind that server.
    ///   - tools: starts the command-line clients of stores we do not speak to ourselves.
    package init(
        environment: [String: String], trackingURI: String?, workingDirectory: FilePath, http: OutgoingHTTP,
        serverEnvironment: (@Sendable () async throws -> [String: String])? = nil,
        tools: (any ProcessStarter)? = nil, runs: (any RunArtifactLocator)? = nil
    ) {
        self.environment = environment
        self.serverEnvironment = serverEnvironment
        self.trackingURI = trackingURI
        self.workingDirectory = workingDirectory
        self.http = http
        self.tools = tools
        self.runs = runs
    }

    /// The repository whose root is at `uri`: the artifact root of a run or an experiment.
    package func repository(at uri: String) async throws -> any ArtifactRepository {
        let (root, path) = try await reference(uri) ?? (try ArtifactURI(uri), .root)
        return try await repository(try root.appending(path))
    }

    /// The artifact `uri` names, which may be a file or a folder.
    package func place(of uri: String) async throws -> Place {
        // Below the root of a run or a model no link is followed; so the root stays the root.
        if let (root, path) = try await reference(uri) {
            return Place(repository: try await repository(root), path: path)
        }
        let place = try ArtifactURI(uri)
        guard place.scheme != .web || place.isProxyRoute, let (parent, name) = try place.splitLastComponent() else {
            return Place(repository: try await repository(place), path: .root)
        }
        return Place(repository: try await repository(parent), path: name)
    }

    /// Downloads what `uri` names into a folder, which is created; returns where it lies now.
    ///
    /// It keeps the last component of its address as name. A whole bucket, host or run comes directly into the folder.
    package func download(_ uri: String, into folder: FilePath, _ transfer: Transfer = Transfer()) async throws
        -> FilePath
    {
        let place = try await place(of: uri)
        let directory = try await onBlockingThread { try Directory(creating: folder) }
        return try await place.repository.download(place.path, into: directory, transfer)
    }

    /// The place that `runs:` and `models:` stand for, and the path below it; `nil` for a URI that names a place itself.
    private func reference(_ uri: String) async throws -> (root: ArtifactURI, path: RelativePath)? {
        let parsed = try ArtifactURI(uri)
        let root: String
        let path: RelativePath
        switch parsed.scheme {
        case .runs:
            let runID: String
            (runID, path) = try parsed.runReference()
            root = try await locator(for: uri).artifactURI(ofRun: runID)
        case .models:
            let model: ModelReference
            (model, path) = try ModelReference.parse(uri)
            root = try await locator(for: uri).artifactURI(ofModel: model)
        default: return nil
        }
        let target = try ArtifactURI(root)
        guard target.scheme == .runs else {
            // One step only: a store that answers with another reference could send us in circles.
            guard target.scheme != .models else {
                throw ArtifactError(
                    .untrustedAnswer, "'\(uri)' stands for '\(root)', which is not a place but another reference")
            }
            return (target, path)
        }
        // A model version's source may be the artifact of a run.
        let (runID, below) = try target.runReference()
        let runRoot = try ArtifactURI(try await locator(for: uri).artifactURI(ofRun: runID))
        guard runRoot.scheme != .runs, runRoot.scheme != .models else {
            throw ArtifactError(
                .untrustedAnswer, "'\(root)' stands for '\(runRoot.text)', which is not a place but another reference")
        }
        return (runRoot, below.appending(path))
    }

    private func locator(for uri: String) throws -> any RunArtifactLocator {
        guard let runs else {
            throw ArtifactError(.unsupportedScheme, "'\(uri)' needs a tracking store, and there is none here")
        }
        return runs
    }

    private func repository(_ uri: ArtifactURI) async throws -> any ArtifactRepository {
        switch uri.scheme {
        case .local: return LocalArtifactRepository(root: try uri.localPath(relativeTo: workingDirectory))
        case .web:
            if uri.isProxyRoute { return try await proxy(uri.text) }
            return HTTPFileSource(try HTTPURL(uri.text), http: http, tls: .general(environment: environment))
        case .proxy: return try await proxy(uri.text)
        case .s3: return S3ArtifactRepository(try S3Address(uri.text), settings: try s3Settings())
        case .r2, .b2:
            let (address, endpoint) = try uri.bucketAndEndpoint()
            // The endpoint's own region, which the signature names: `auto` for R2, a part of the host for B2.
            var environment = environment
            let labels = endpoint.host.split(separator: ".")
            environment["AWS_DEFAULT_REGION"] = uri.scheme == .r2 || labels.count < 2 ? "auto" : String(labels[1])
            return S3ArtifactRepository(
                address, settings: try S3Settings(environment: environment, http: http, endpoint: endpoint))
        case .tool(let scheme):
            guard let tools else {
                throw ArtifactError(
                    .unsupportedScheme, "'\(scheme)' locations need an external program, which cannot be started here")
            }
            return try ExternalToolRepository(uri.text, environment: environment, tools: tools)
        case .runs, .models: throw ArtifactError(.unsupportedScheme, "'\(uri.text)' does not name a place")
        }
    }

    private func proxy(_ uri: String) async throws -> MLflowArtifactsRepository {
        let environment = try await serverEnvironment?() ?? environment
        return try MLflowArtifactsRepository(uri, server: trackingURI, environment: environment, http: http)
    }

    private func s3Settings() throws -> S3Settings {
        try s3.withLock { known in
            if let known { return known }
            let made = try S3Settings(environment: environment, http: http)
            known = made
            return made
        }
    }
}
