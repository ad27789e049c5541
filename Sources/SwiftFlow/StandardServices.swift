package import Artifacts
import Diagnostics
import DockerBackend
package import Execution
import Files
import KubernetesBackend
import LocalBackend
package import Processes
import Projects
import RemoteStore
import Synchronization
package import SystemPackage
package import Tracking

/// Everything a launcher needs, put together the standard way.
///
/// Nothing is opened before it is used.
package final class StandardServices: Sendable {
    package let storeLocation: StoreLocation
    package let store: OnceOpened
    package let starter: any ProcessStarter
    package let artifacts: ArtifactResolver
    private let kubernetes: KubernetesClusters
    private let http: OutgoingHTTP
    private let environment: [String: String]
    private let workingDirectory: FilePath

    /// - Parameter trackingURI: nil for what `MLFLOW_TRACKING_URI` says.
    package init(trackingURI: String?, environment: [String: String], workingDirectory: FilePath) throws {
        let location = try StoreLocation(trackingURI, environment: environment, workingDirectory: workingDirectory)
        let http = try OutgoingHTTP(environment: environment)
        let store = OnceOpened {
            try await location.open(environment: environment, workingDirectory: workingDirectory, http: http)
        }
        storeLocation = location
        self.store = store
        starter = Keeper.shared
        kubernetes = KubernetesClusters(starter: starter)
        self.http = http
        artifacts = ArtifactResolver(
            environment: environment, trackingURI: location.uri, workingDirectory: workingDirectory, http: http,
            serverEnvironment: { try await CredentialsFile.completing(environment) }, tools: starter,
            runs: StoredArtifacts(store: store))
        self.environment = environment
        self.workingDirectory = workingDirectory
    }

    /// - Parameters:
    ///   - childTracksDirectly: gives commands the store's own URI instead of an endpoint of ours.
    ///   - receiveOutput: sees what commands and environment tools write.
    package func launcher(
        childTracksDirectly: Bool = false, receiveOutput: @escaping @Sendable (OutputStream, RawSpan) -> Void,
        observe: @escaping @Sendable (LaunchEvent) -> Void
    ) -> Launcher {
        let (starter, store, artifacts) = (starter, store, artifacts)
        let childTracking: any ChildTracking =
            switch storeLocation {
            case .sqlite where !childTracksDirectly:
                LoopbackChildTracking(store: store, workingDirectory: workingDirectory)
            case .sqlite, .server: DirectChildTracking(uri: storeLocation.uri)
            }
        let logs = LogPlaces(artifacts: artifacts)
        let projects = ProjectFetching(
            starter: starter, environment: environment, workingDirectory: workingDirectory,
            http: http, observe: observe)
        var launchServices = LaunchServices(
            starter: starter, store: { try await store.get() },
            backends: BackendRegistry([
                "local": { _ in LocalBackend(starter: starter) },
                "docker": { [environment, workingDirectory] configuration in
                    try DockerBackend(
                        configuration, environment: environment, workingDirectory: workingDirectory,
                        starter: starter)
                },
                "kubernetes": { [kubernetes, environment, workingDirectory] configuration in
                    try KubernetesBackend(
                        configuration, clusters: kubernetes, environment: environment,
                        workingDirectory: workingDirectory)
                },
            ]),
            childTracking: childTracking, checkoutSources: projects.sources,
            sourceState: { await projects.sourceState(of: $0) },
            download: { uri, folder in try await artifacts.download(uri, into: folder) }, runner: .current,
            artifactFolder: { localFolder(ofArtifactURI: $0.artifactURI) },
            logFolder: { try logs.folder(of: $0) }, keepLog: { try await logs.keep($0, of: $1) },
            receiveOutput: receiveOutput, observe: observe)
        launchServices.folderCode = { try await projects.folderCode($0, $1, $2) }
        return Launcher(services: launchServices)
    }

    /// Starts loading what every run needs while the caller still reads the project.
    package func warmUp() throws {
        try Keeper.shared.launch()
    }

    /// Ends connections and closes the store; what was acknowledged is durable with or without it.
    package func close() async {
        await store.close()
        await http.shutdown()
    }
}

/// Opens a store at the first use; everybody gets the same one.
package final class OnceOpened: Sendable {
    private let open: @Sendable () async throws -> any TrackingStore
    private let opening = Mutex<Task<any TrackingStore, any Error>?>(nil)

    init(_ open: @escaping @Sendable () async throws -> any TrackingStore) {
        self.open = open
    }

    package func get() async throws -> any TrackingStore {
        // An unstructured task, because its result belongs to all callers; `close()` is its owner.
        let task = opening.withLock { opening in
            let task = opening ?? Task { [open] in try await open() }
            opening = task
            return task
        }
        return try await task.value
    }

    /// Closes the store if it was opened.
    package func close() async {
        let task = opening.withLock { opening in
            defer { opening = nil }
            return opening
        }
        guard let store = try? await task?.value else { return }
        await store.close()
    }
}
