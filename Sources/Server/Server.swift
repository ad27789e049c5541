import Tracking

/// MLflow's REST API over any store.
///
/// From the socket inwards: `HTTPService` accepts connections and keeps clients to their limits (`Serving/`);
/// `TrackingResponder` checks every request before it is routed (`Protection/`), finds its route (`Routes/`, one file per part of
/// the API), and turns errors into MLflow's form (`Responses/`). A handler reads the fields of its message (`Requests/`, `JSON/`),
/// calls the store, and writes the answer. `Observation/` counts and logs. Artifacts go through roots of our own only (`ArtifactStorage/`).
///
/// `TrackingEndpoint` serves the children of a runner; `TrackingServer` is what `swiftflow server` runs.
package enum MLflowAPI {
    /// The version of MLflow whose API this is: clients compare it to know what they may ask for.
    package static let version = "3.17.2"
}

/// What a server serves: a store of runs, and of models where it keeps those too.
struct ServedStores: Sendable {
    let tracking: any TrackingStore
    /// Nil: the calls of the registry are answered as an older server would.
    let registry: (any ModelRegistryStore)?
    let loggedModels: (any LoggedModelStore)?

    init(_ store: any TrackingStore) {
        tracking = store
        registry = store as? any ModelRegistryStore
        loggedModels = store as? any LoggedModelStore
    }
}

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
    /// Nil: connections are not encrypted.
    package var tls: TLSFiles?
    /// Nil: the API begins at the root.
    package var staticPrefix: StaticPrefix?
    /// The value of `X-Frame-Options`; nil leaves the header out.
    package var frameOptions: String? = "SAMEORIGIN"
    /// More connections than this at once are answered 503.
    package var connectionLimit: Int {
        get { limits.connections }
        set { limits.connections = newValue }
    }
    /// Requests with a larger message are refused unread; artifacts are not messages.
    package var messageLimit = 16 << 20
    /// Artifacts larger than this are refused; nil takes whatever the disk holds.
    package var artifactLimit: Int64?
    /// Whether figures for Prometheus are served at `/metrics`.
    package var exposesMetrics = false
    /// Called when a request has failed through no fault of its client.
    package var noteFault: @Sendable () -> Void = {}
    var limits = ConnectionLimits()

    package init(
        credentials: Credentials? = nil, allowedHosts: [String] = [], allowedOrigins: [String] = [],
        artifactRoots: ArtifactRoots = ArtifactRoots(), modelSourcePattern: String? = nil, tls: TLSFiles? = nil
    ) {
        self.tls = tls
        self.artifactRoots = artifactRoots
        self.modelSourcePattern = modelSourcePattern
        self.credentials = credentials
        self.allowedHosts = allowedHosts
        self.allowedOrigins = allowedOrigins
    }

    /// - Parameter store: nil for a server of artifacts alone.
    func makeRouteTable(for store: (any TrackingStore)?, metrics: ServerMetrics? = nil) -> RouteTable {
        var general: [any RouteProvider] = [
            ArtifactProxyRoutes(roots: artifactRoots, uploadLimit: artifactLimit),
            DirectAccessRoutes(roots: artifactRoots, uploadLimit: artifactLimit),
            ServerInfoRoutes(roots: artifactRoots, uploadLimit: artifactLimit), LandingRoutes(),
        ]
        if exposesMetrics, let metrics {
            general.append(MetricsRoutes(metrics: metrics, writes: store as? any WriteReporting))
        }
        guard let store else { return RouteTable(general + [ArtifactsOnlyRoutes()]) }
        let stores = ServedStores(store)
        let sourceRules = ModelSourceRules(stores: stores, pattern: modelSourcePattern)
        var providers: [any RouteProvider] = general
        providers += [
            ExperimentRoutes(store: store), RunRoutes(store: store), LoggingRoutes(store: store),
            InputRoutes(store: store), MetricRoutes(store: store), ModelHistoryRoutes(store: store),
            ArtifactRoutes(stores: stores, roots: artifactRoots, sourceRules: sourceRules),
        ]
        if let loggedModels = stores.loggedModels { providers.append(LoggedModelRoutes(store: loggedModels)) }
        if let registry = stores.registry {
            providers.append(RegisteredModelRoutes(store: registry))
            providers.append(ModelVersionRoutes(store: registry, sourceRules: sourceRules))
        }
        return RouteTable(providers)
    }

    func makeResponder(
        for store: (any TrackingStore)?, address: String, port: Int, metrics: ServerMetrics? = nil
    ) -> TrackingResponder {
        TrackingResponder(
            table: makeRouteTable(for: store, metrics: metrics),
            hosts: HostRules(
                allowedHosts: allowedHosts, allowedOrigins: allowedOrigins, listeningOn: address, port: port),
            settings: self)
    }
}
