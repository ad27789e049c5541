import Artifacts
package import Diagnostics
import Files
package import Server
package import SystemPackage

/// Where a server keeps artifacts, and where new experiments are told that theirs belong: MLflow's options, understood.
///
/// `--serve-artifacts` (the default): new experiments lie below `mlflow-artifacts:/`, which stands for `--artifacts-destination`.
/// `--no-serve-artifacts`: below `./mlruns`, which clients reach themselves. `--default-artifact-root` replaces either.
package struct ArtifactServing: Sendable, Hashable {
    /// What `mlflow-artifacts:/` stands for; nil when the server does not serve it.
    package let destination: ArtifactDestination?
    /// The location below which new experiments get theirs.
    package let defaultRoot: String

    package init(
        isServing: Bool, destination: String?, defaultRoot: String?, workingDirectory: FilePath
    ) throws(UsageError) {
        self.destination =
            isServing
            ? try ArtifactDestination(destination ?? "./mlartifacts", workingDirectory: workingDirectory) : nil
        self.defaultRoot = defaultRoot ?? (isServing ? "mlflow-artifacts:/" : "./mlruns")
    }

    /// The places the server may touch.
    ///
    /// A bucket is not asked for anything yet.
    ///
    /// Beside the destination these are the places where runs that were recorded without a server keep their files, to be listed and
    /// read, and the default root if it is local.
    ///
    /// - Parameter environment: says how a bucket is reached, with MLflow's and Amazon's variables.
    /// - Throws: `ArtifactError` for an address or settings of a bucket that cannot be understood.
    package func roots(
        store: StoreLocation?, environment: [String: String], workingDirectory: FilePath
    ) throws -> ArtifactRoots {
        var local = [workingDirectory.appending("mlruns")]
        if case .sqlite(let path)? = store { local.append(path.removingLastComponent().appending("mlruns")) }
        if let root = localFolder(ofArtifactURI: absolute(defaultRoot, workingDirectory)) { local.append(root) }
        var distinct: [FilePath] = []
        for folder in local where !distinct.contains(folder) { distinct.append(folder) }
        switch destination {
        case .folder(let path)?: return ArtifactRoots(served: path, local: distinct)
        case .bucket(let uri)?:
            let settings = try S3Settings(environment: environment, http: try OutgoingHTTP(environment: environment))
            return ArtifactRoots(repository: try S3ArtifactRepository(uri, settings: settings), local: distinct)
        case nil: return ArtifactRoots(served: nil, local: distinct)
        }
    }

    private func absolute(_ location: String, _ workingDirectory: FilePath) -> String {
        location.contains(":")
            ? location : workingDirectory.pushing(FilePath(location)).lexicallyNormalized().string
    }
}

/// The storage behind `mlflow-artifacts:/`.
package enum ArtifactDestination: Sendable, Hashable {
    /// A folder of this machine.
    case folder(FilePath)
    /// `s3://bucket/prefix`
    case bucket(String)

    /// Understands a path, a `file:` URI or the URI of another storage.
    package init(_ uri: String, workingDirectory: FilePath) throws(UsageError) {
        if uri.lowercased().hasPrefix("s3://") {
            self = .bucket("s3://\(uri.dropFirst("s3://".count))")
            return
        }
        let folder: FilePath?
        if let local = localFolder(ofArtifactURI: uri) {
            folder = local
        } else if uri.hasPrefix("file:") || uri.contains("://") {
            folder = nil
        } else {
            folder = uri.isEmpty ? nil : FilePath(uri)
        }
        guard let folder else {
            throw UsageError(
                "artifacts cannot be kept at '\(redactedURL(uri))'",
                remedy: "give --artifacts-destination a folder of this machine, or s3://BUCKET/PREFIX")
        }
        self = .folder(workingDirectory.pushing(folder).lexicallyNormalized())
    }

    /// As it is shown to people.
    package var text: String {
        switch self {
        case .folder(let path): path.string
        case .bucket(let uri): uri
        }
    }
}
