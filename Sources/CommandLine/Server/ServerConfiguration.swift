import Diagnostics
import Files
import Server
import SwiftFlow
import SystemPackage

/// What `swiftflow server` was asked for: options and variables, understood and checked before anything is opened.
struct ServerConfiguration {
    let host: String
    let port: Int
    /// Nil for one per core.
    let threads: Int?
    /// Nil with `--artifacts-only`.
    let store: StoreLocation?
    let artifacts: ArtifactServing
    let settings: ServerSettings
    let logFormat: LogFormat
    let logLevel: LogLevel
    let warnings: [String]
    let environment: [String: String]
    let workingDirectory: FilePath

    /// - Throws: `UsageError` with all mistakes.
    init(_ command: ServerCommand, environment: [String: String], workingDirectory: FilePath) throws {
        var source = OptionSource(environment: environment)
        self.environment = environment
        self.workingDirectory = workingDirectory
        command.foreign.explain(to: &source)
        host = source.text(command.network.host, "MLFLOW_HOST") ?? "127.0.0.1"
        port = source.number(command.network.port, "--port", "MLFLOW_PORT", in: 0...65_535) ?? 5000
        threads = source.number(command.network.workers, "--workers", "MLFLOW_WORKERS", in: 1...1024)
        let storage = StorageChoice(command.storage, &source, workingDirectory)
        store = storage.store
        var settings = ServerSettings()
        command.network.apply(to: &settings, &source, workingDirectory)
        command.access.apply(to: &settings, host: host, &source, workingDirectory)
        settings.exposesMetrics = source.text(command.observation.prometheus, "MLFLOW_EXPOSE_PROMETHEUS") != nil
        logFormat = command.observation.logFormat
        logLevel = command.observation.logLevel
        settings.modelSourcePattern = source.text(nil, "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX")
        try source.failIfMistaken()
        guard let artifacts = storage.artifacts else { throw UsageError("no place for artifacts") }
        self.artifacts = artifacts
        settings.artifactRoots = try artifacts.roots(
            store: store, environment: environment, workingDirectory: workingDirectory)
        self.settings = settings
        warnings = source.warnings
    }
}

/// The store and the artifact folders that the options name.
private struct StorageChoice {
    var store: StoreLocation?
    var artifacts: ArtifactServing?

    init(_ options: ServerStorageOptions, _ source: inout OptionSource, _ workingDirectory: FilePath) {
        let standard = "sqlite:///mlflow.db"
        let uri = source.text(options.backendStore, "MLFLOW_BACKEND_STORE_URI")
        let artifactsOnly = source.flag(
            options.artifactsOnly ? true : nil, "--artifacts-only", "MLFLOW_ARTIFACTS_ONLY", default: false)
        let isServing = source.flag(
            options.servesArtifacts, "--serve-artifacts", "MLFLOW_SERVE_ARTIFACTS", default: true)
        if artifactsOnly {
            if uri != nil, uri != standard {
                source.refuse(
                    "--artifacts-only and --backend-store-uri exclude each other: no store is opened",
                    remedy: "leave one of them out")
            }
            if !isServing {
                source.refuse("--artifacts-only and --no-serve-artifacts leave nothing to serve")
            }
        } else {
            store = Self.location(uri ?? standard, "--backend-store-uri", &source, workingDirectory)
            if let registry = source.text(options.registryStore, "MLFLOW_REGISTRY_STORE_URI"), store != nil,
                Self.location(registry, "--registry-store-uri", &source, workingDirectory).map({ $0 != store }) == true
            {
                source.refuse(
                    "--registry-store-uri names another store than --backend-store-uri",
                    remedy: "leave it out: runs and models are kept in one store")
            }
        }
        let destination = source.text(options.artifactsDestination, "MLFLOW_ARTIFACTS_DESTINATION")
        let root = source.text(options.defaultArtifactRoot, "MLFLOW_DEFAULT_ARTIFACT_ROOT")
        artifacts = source.keepingMistakes { () throws(UsageError) in
            try ArtifactServing(
                isServing: isServing, destination: destination, defaultRoot: root, workingDirectory: workingDirectory)
        }
    }

    private static func location(
        _ uri: String, _ option: String, _ source: inout OptionSource, _ workingDirectory: FilePath
    ) -> StoreLocation? {
        if let location = try? StoreLocation(uri, environment: [:], workingDirectory: workingDirectory),
            case .sqlite = location
        {
            return location
        }
        source.refuse(
            "\(option): the store '\(redactedURL(uri))' cannot be served",
            remedy: "give the file of a SQLite store: sqlite:///mlflow.db or sqlite:////absolute/mlflow.db")
        return nil
    }
}

extension ServerNetworkOptions {
    fileprivate func apply(
        to settings: inout ServerSettings, _ source: inout OptionSource, _ workingDirectory: FilePath
    ) {
        if let text = source.text(staticPrefix, "MLFLOW_STATIC_PREFIX") {
            settings.staticPrefix = StaticPrefix(text)
            if settings.staticPrefix == nil {
                source.refuse(
                    "--static-prefix '\(text)' is no path", remedy: "begin it with '/' and end it without, as /mlflow")
            }
        }
        switch (tlsCertificate, tlsKey) {
        case (let certificate?, let key?):
            settings.tls = TLSFiles(
                certificateChain: workingDirectory.pushing(FilePath(certificate)),
                privateKey: workingDirectory.pushing(FilePath(key)))
        case (nil, nil): break
        default: source.refuse("--tls-certificate and --tls-key belong together", remedy: "give both")
        }
        if let limit = source.number(connectionLimit, "--max-connections", in: 1...1_000_000) {
            settings.connectionLimit = limit
        }
        if let limit = source.size(messageLimit, "--max-message-size", in: 1024...(1 << 30)) {
            settings.messageLimit = Int(limit)
        }
        settings.artifactLimit = source.size(artifactLimit, "--max-artifact-size", in: 0...Int64.max)
    }
}

extension ServerAccessOptions {
    fileprivate func apply(
        to settings: inout ServerSettings, host: String, _ source: inout OptionSource, _ workingDirectory: FilePath
    ) {
        settings.allowedHosts = source.list(allowedHosts, "MLFLOW_SERVER_ALLOWED_HOSTS")
        settings.allowedOrigins = source.list(allowedOrigins, "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS")
        applyFrameOptions(to: &settings, &source)
        let isUnguarded = source.flag(
            disablesSecurity ? true : nil, "--disable-security-middleware",
            "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", default: false)
        if isUnguarded {
            settings.allowedHosts = ["*"]
            settings.allowedOrigins = ["*"]
            settings.frameOptions = nil
        }
        if settings.allowedHosts.contains("*") {
            source.warn("every host name is answered to: a web page may reach this server under a name of its own")
        }
        if settings.allowedOrigins.contains("*") {
            source.warn("every web page may change what this server holds")
        }
        let credentials = ServerCredentials(self, &source, workingDirectory).value
        settings.credentials = credentials
        if !TrackingServer.isLoopback(host) { checkExposed(host, settings, &source) }
    }

    private func applyFrameOptions(to settings: inout ServerSettings, _ source: inout OptionSource) {
        guard let text = source.text(frameOptions, "MLFLOW_SERVER_X_FRAME_OPTIONS")?.uppercased() else { return }
        switch text {
        case "SAMEORIGIN", "DENY": settings.frameOptions = text
        case "NONE": settings.frameOptions = nil
        default: source.refuse("--x-frame-options '\(text)': give SAMEORIGIN, DENY or NONE")
        }
    }

    /// Rule R16: who listens for other machines says under which names, and is told what that means.
    private func checkExposed(_ host: String, _ settings: ServerSettings, _ source: inout OptionSource) {
        if settings.allowedHosts.isEmpty {
            source.refuse(
                "other machines can reach the address '\(host)', and no host names are allowed",
                remedy: "name the hosts under which clients reach the server, as --allowed-hosts mlflow.example.org")
        }
        if settings.credentials == nil {
            source.warn(
                "other machines can reach the address '\(host)', and no credentials are asked for: whoever reaches it may read, "
                    + "change and delete everything; see --token-file and --basic-auth")
        } else if settings.tls == nil {
            source.warn(
                "credentials travel unencrypted to the address '\(host)'; see --tls-certificate, or let a proxy encrypt"
            )
        }
    }
}

extension ForeignServerOptions {
    /// Says what is ignored, and refuses what would be missed.
    fileprivate func explain(to source: inout OptionSource) {
        for (name, text) in [
            ("--gunicorn-opts", source.text(gunicorn, "MLFLOW_GUNICORN_OPTS")),
            ("--uvicorn-opts", source.text(uvicorn, "MLFLOW_UVICORN_OPTS")), ("--waitress-opts", waitress),
        ] {
            guard let text else { continue }
            // Whoever meant the connections to be encrypted must not get plain ones.
            if ["ssl", "certfile", "keyfile"].contains(where: text.contains) {
                source.refuse(
                    "\(name) cannot switch on TLS: there is no Python server behind this one",
                    remedy: "use --tls-certificate and --tls-key")
            } else {
                source.warn("\(name) is ignored: there is no Python server behind this one")
            }
        }
        if dev { source.warn("--dev is ignored: there is nothing to reload") }
        if secretsTime != nil || secretsCount != nil {
            source.warn("the options for cached secrets are ignored: this server keeps none")
        }
        if workspaceStore ?? source.text(nil, "MLFLOW_WORKSPACE_STORE_URI") != nil {
            source.warn("--workspace-store-uri is ignored: there are no workspaces")
        }
        if source.flag(
            enablesWorkspaces ? true : nil, "--disable-workspaces", "MLFLOW_ENABLE_WORKSPACES", default: false)
        {
            source.refuse(
                "there are no workspaces", remedy: "leave --enable-workspaces out, or run one server for each")
        }
        if let appName {
            source.refuse(
                "--app-name \(appName): this server has no such application",
                remedy: "to ask for credentials, use --basic-auth or --token-file")
        }
        if source.text(readReplica, "MLFLOW_READ_REPLICA_BACKEND_STORE_URI") != nil {
            source.refuse("--read-replica-backend-store-uri: a SQLite store has no replicas", remedy: "leave it out")
        }
        if source.text(traceArchival, "MLFLOW_TRACE_ARCHIVAL_CONFIG") != nil {
            source.refuse("--trace-archival-config: traces are not archived here", remedy: "leave it out")
        }
    }
}
