package import Artifacts
import Files
package import SystemPackage
import Tracking

/// The places in which the server may read and write artifacts; it touches no file elsewhere (rule R18).
package struct ArtifactRoots: Sendable {
    /// What `mlflow-artifacts:/` stands for; nil when the server serves no artifacts.
    let served: (any ArtifactStorage)?
    /// Absolute folders below which the artifacts of runs with plain local locations may be listed and read.
    private let local: [FilePath]

    /// - Parameters:
    ///   - served: the folder that `mlflow-artifacts:/` stands for; nil when the server serves no artifacts.
    ///   - local: absolute folders below which the artifacts of runs with plain local locations may be listed and read.
    package init(served: FilePath? = nil, local: [FilePath] = []) {
        self.served = served.map { ArtifactFolder(path: $0) }
        self.local = local + [served].compactMap { $0 }
    }

    /// - Parameter repository: what `mlflow-artifacts:/` stands for: a local folder, a bucket, …
    package init(repository: any ArtifactRepository, local: [FilePath] = []) {
        if let folder = repository as? LocalArtifactRepository {
            self.init(served: folder.root, local: local)
        } else {
            self.init(storage: RepositoryStorage(repository: repository), local: local)
        }
    }

    private init(storage: any ArtifactStorage, local: [FilePath]) {
        served = storage
        self.local = local
    }

    /// The storage and the path in it that a stored location means, if it lies in one of ours.
    ///
    /// The location may have been chosen by a client: nothing is opened here, and what is opened later is opened beneath the folder.
    func place(of location: String) -> ArtifactPlace? {
        guard let uri = LocationURI(location) else { return nil }
        if uri.scheme == "mlflow-artifacts" {
            guard let served, let path = RelativePath(components: uri.components) else { return nil }
            return ArtifactPlace(storage: served, path: path)
        }
        guard uri.isLocal else { return nil }
        for root in local {
            guard let rootURI = LocationURI(root.string), uri.lies(in: rootURI),
                let path = RelativePath(components: Array(uri.components.dropFirst(rootURI.components.count)))
            else { continue }
            return ArtifactPlace(storage: ArtifactFolder(path: root), path: path)
        }
        return nil
    }

    /// The storage of `mlflow-artifacts:/`, or a refusal that says why there is none.
    func requireServed() throws(APIError) -> any ArtifactStorage {
        guard let served else {
            throw APIError(
                .temporarilyUnavailable,
                "This server does not serve artifacts: it was started with --no-serve-artifacts.")
        }
        return served
    }

    /// The place of a stored location, or a refusal that says why there is none.
    func requirePlace(of location: String) throws(APIError) -> ArtifactPlace {
        guard let place = place(of: location) else {
            throw APIError(
                .invalidParameterValue,
                "This server does not reach into the artifact location of the run or model; its artifacts are to be had "
                    + "from the storage itself.")
        }
        return place
    }
}

/// A path in one of the server's own storages.
struct ArtifactPlace: Sendable {
    let storage: any ArtifactStorage
    let path: RelativePath

    func appending(_ other: RelativePath) -> ArtifactPlace {
        ArtifactPlace(storage: storage, path: path.appending(other))
    }
}

extension RelativePath {
    /// Nil when one of the names may not be one.
    fileprivate init?(components: [String]) {
        guard !components.isEmpty else {
            self = .root
            return
        }
        guard let path = try? RelativePath(components.joined(separator: "/")), path.components == components else {
            return nil
        }
        self = path
    }

    /// A path a client gave for an artifact, decoded already.
    ///
    /// Beyond what every path from outside must satisfy, it may not turn into a step upwards when somebody decodes it once more, and
    /// not meddle with the names of uploads that are under way.
    static func artifact(_ text: String) throws(APIError) -> RelativePath {
        guard !text.contains("#"), let path = try? RelativePath(text),
            !path.components.contains(where: { $0.hasPrefix(AtomicFile.temporaryPrefix) })
        else { throw .invalidPath }
        var again = text
        for _ in 0..<8 {
            guard let next = percentDecoded(again), next != again else { return path }
            guard (try? RelativePath(next)) != nil else { throw .invalidPath }
            again = next
        }
        throw .invalidPath
    }

    /// An optional path in a field: none and the empty text are the root.
    static func artifact(optional text: String?) throws(APIError) -> RelativePath {
        guard let text, !text.isEmpty else { return .root }
        return try artifact(text)
    }
}

extension APIError {
    static var invalidPath: APIError { .invalidParameter("Invalid path") }
}
