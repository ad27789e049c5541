package import Tracking

/// MLflow's REST API over any store.
///
/// From the socket inwards: `HTTPService` accepts connections and keeps clients to their limits (`Serving/`);
/// `TrackingResponder` checks every request before it is routed (`Protection/`), finds its route (`Routes/`, one file per part of
/// the API), and turns errors into MLflow's form (`Responses/`). A handler reads the fields of its message (`Requests/`, `JSON/`),
/// calls the store, and writes the answer. Artifacts go through roots of our own only (`ArtifactStorage/`).
///
/// `TrackingEndpoint` serves the children of a runner; `TrackingServer` is what `swiftflow server` runs.
package typealias ServedStore = TrackingStore & ModelRegistryStore & LoggedModelStore

/// What can be chosen about a server.
package struct ServerSettings: Sendable {
    /// What clients must show; nil lets everybody in.
    package var credentials: Credentials?
    /// `Host` names to answer to, beside the addresses listened on.
    package var allowedHosts: [String]
    /// Web origins that may change things, beside our own.
    package var allowedOrigins: [String]
    package var artifactRoots: ArtifactRoots
    /// A regular expression that the source of every new model version must match somewhere.
    package var modelSourcePattern: String?
    var limits = ConnectionLimits()

    package init(
        credentials: Credentials? = nil, allowedHosts: [String] = [], allowedOrigins: [String] = [],
        artifactRoots: ArtifactRoots = ArtifactRoots(), modelSourcePattern: String? = nil
    ) {
        self.artifactRoots = artifactRoots
        self.modelSourcePattern = modelSourcePattern
        self.credentials = credentials
        self.allowedHosts = allowedHosts
        self.allowedOrigins = allowedOrigins
    }

    func makeRouteTable(for store: any ServedStore) -> RouteTable {
        let sourceRules = ModelSourceRules(store: store, pattern: modelSourcePattern)
        return RouteTable([
            ExperimentRoutes(store: store), RunRoutes(store: store), LoggingRoutes(store: store),
            InputRoutes(store: store), MetricRoutes(store: store), LoggedModelRoutes(store: store),
            RegisteredModelRoutes(store: store), ModelVersionRoutes(store: store, sourceRules: sourceRules),
            ArtifactRoutes(store: store, roots: artifactRoots, sourceRules: sourceRules),
            ArtifactProxyRoutes(roots: artifactRoots), ServerInfoRoutes(),
        ])
    }

    func makeResponder(for store: any ServedStore, listeningOn socket: ListeningSocket) -> TrackingResponder {
        makeResponder(for: store, address: socket.address, port: socket.port)
    }

    func makeResponder(for store: any ServedStore, address: String, port: Int) -> TrackingResponder {
        TrackingResponder(
            table: makeRouteTable(for: store),
            hosts: HostRules(
                allowedHosts: allowedHosts, allowedOrigins: allowedOrigins, listeningOn: address, port: port),
            credentials: credentials)
    }
}
