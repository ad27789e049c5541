import ArgumentParser
import Server

/// Which store is served, and where artifacts lie.
struct ServerStorageOptions: ParsableArguments {
    @Option(
        name: .customLong("backend-store-uri"),
        help: ArgumentHelp(
            "The store: sqlite:///FILE, created when missing (default: sqlite:///mlflow.db). [MLFLOW_BACKEND_STORE_URI]",
            valueName: "uri"))
    var backendStore: String?

    @Option(
        name: .customLong("registry-store-uri"),
        help: ArgumentHelp(
            "The model registry; it lies in the same store. [MLFLOW_REGISTRY_STORE_URI]", valueName: "uri"))
    var registryStore: String?

    @Option(
        name: .customLong("artifacts-destination"),
        help: ArgumentHelp(
            "What mlflow-artifacts:/ stands for: a folder (default: ./mlartifacts) or s3://BUCKET/PREFIX. [MLFLOW_ARTIFACTS_DESTINATION]",
            valueName: "uri"))
    var artifactsDestination: String?

    @Option(
        name: .customLong("default-artifact-root"),
        help: ArgumentHelp(
            "Where new experiments keep artifacts (default: mlflow-artifacts:/, or ./mlruns if not serving them). [MLFLOW_DEFAULT_ARTIFACT_ROOT]",
            valueName: "uri"))
    var defaultArtifactRoot: String?

    @Flag(
        name: .customLong("serve-artifacts"), inversion: .prefixedNo,
        help: "Send and receive artifacts for clients (default). [MLFLOW_SERVE_ARTIFACTS]")
    var servesArtifacts: Bool?

    @Flag(
        name: .customLong("artifacts-only"),
        help: "Serve artifacts and nothing else; no store is opened. [MLFLOW_ARTIFACTS_ONLY]")
    var artifactsOnly = false
}

/// Where the server listens, and how much it takes at once.
struct ServerNetworkOptions: ParsableArguments {
    @Option(
        name: [.customShort("h"), .long],
        help: "The address to listen on (default: 127.0.0.1, this machine alone). [MLFLOW_HOST]")
    var host: String?

    @Option(name: .shortAndLong, help: "The port to listen on; 0 for any free one (default: 5000). [MLFLOW_PORT]")
    var port: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Threads for the network, in this one process (default: one per core). [MLFLOW_WORKERS]", valueName: "n"))
    var workers: String?

    @Option(
        name: .customLong("static-prefix"),
        help: ArgumentHelp("Answer below this path, such as /mlflow. [MLFLOW_STATIC_PREFIX]", valueName: "path"))
    var staticPrefix: String?

    @Option(
        name: .customLong("tls-certificate"),
        help: ArgumentHelp("Speak TLS with this certificate chain (PEM).", valueName: "file"), completion: .file())
    var tlsCertificate: String?

    @Option(
        name: .customLong("tls-key"), help: ArgumentHelp("The key of the certificate (PEM).", valueName: "file"),
        completion: .file())
    var tlsKey: String?

    @Option(
        name: .customLong("max-connections"),
        help: ArgumentHelp("More connections at once are answered 503 (default: 4096).", valueName: "n"))
    var connectionLimit: String?

    @Option(
        name: .customLong("max-message-size"),
        help: ArgumentHelp("The largest JSON message taken, as 500K, 16M, … (default: 16M).", valueName: "size"))
    var messageLimit: String?

    @Option(
        name: .customLong("max-artifact-size"),
        help: ArgumentHelp("The largest artifact taken (default: what the disk holds).", valueName: "size"))
    var artifactLimit: String?
}

/// Who may use the server.
struct ServerAccessOptions: ParsableArguments {
    @Option(
        name: .customLong("allowed-hosts"),
        help: ArgumentHelp(
            "Names under which clients reach the server, separated by commas; '*' in a name stands for any text. Needed for other addresses than loopback. [MLFLOW_SERVER_ALLOWED_HOSTS]",
            valueName: "names"))
    var allowedHosts: String?

    @Option(
        name: .customLong("cors-allowed-origins"),
        help: ArgumentHelp(
            "Web origins whose pages may use the server, as https://app.example.org. [MLFLOW_SERVER_CORS_ALLOWED_ORIGINS]",
            valueName: "origins"))
    var allowedOrigins: String?

    @Option(
        name: .customLong("x-frame-options"),
        help: ArgumentHelp(
            "SAMEORIGIN, DENY or NONE (default: SAMEORIGIN). [MLFLOW_SERVER_X_FRAME_OPTIONS]", valueName: "value"))
    var frameOptions: String?

    @Flag(
        name: .customLong("disable-security-middleware"),
        help: "DANGEROUS: answer to every host name and web origin. [MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE]")
    var disablesSecurity = false

    @Option(
        name: .customLong("token-file"),
        help: ArgumentHelp(
            "Let in only clients that show the token in this file (MLFLOW_TRACKING_TOKEN). The variable SWIFTFLOW_SERVER_TOKEN may hold it too.",
            valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(help: "The token itself; every user of this machine can see it in the list of processes.")
    var token: String?

    @Option(
        name: .customLong("basic-auth"),
        help: ArgumentHelp(
            "Let in only those who log in with a name and password of this file, one NAME:PASSWORD a line.",
            valueName: "file"), completion: .file())
    var passwordFile: String?
}

/// What the server tells about its work.
struct ServerObservationOptions: ParsableArguments {
    @Option(
        name: .customLong("expose-prometheus"),
        help: ArgumentHelp(
            "Serve figures for Prometheus at /metrics; the folder MLflow wants here is not used. [MLFLOW_EXPOSE_PROMETHEUS]",
            valueName: "dir"))
    var prometheus: String?

    @Option(
        name: .customLong("log-format"),
        help: "How messages are written to standard error, with a line for each request: text or json.")
    var logFormat = LogFormat.text

    @Option(
        name: .customLong("log-level"),
        help: "debug (also health checks), info, warning (no requests) or error.")
    var logLevel = LogLevel.info
}

extension LogFormat: ExpressibleByArgument {}

enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case debug, info, warning, error
}

/// Options of MLflow's server that stand for parts of it which do not exist here.
///
/// They are known so that a command line for MLflow is either understood or refused in words.
struct ForeignServerOptions: ParsableArguments {
    @Option(
        name: .customLong("gunicorn-opts"), parsing: .unconditional,
        help: ArgumentHelp("Ignored. [MLFLOW_GUNICORN_OPTS]", valueName: "text"))
    var gunicorn: String?

    @Option(
        name: .customLong("uvicorn-opts"), parsing: .unconditional,
        help: ArgumentHelp("Ignored. [MLFLOW_UVICORN_OPTS]", valueName: "text"))
    var uvicorn: String?

    @Option(
        name: .customLong("waitress-opts"), parsing: .unconditional, help: ArgumentHelp("Ignored.", valueName: "text"))
    var waitress: String?

    @Flag(help: "Ignored: there is nothing to reload.")
    var dev = false

    @Option(name: .customLong("secrets-cache-ttl"), help: ArgumentHelp("Ignored.", valueName: "seconds"))
    var secretsTime: Int?

    @Option(name: .customLong("secrets-cache-max-size"), help: ArgumentHelp("Ignored.", valueName: "n"))
    var secretsCount: Int?

    @Option(name: .customLong("workspace-store-uri"), help: ArgumentHelp("Ignored.", valueName: "uri"))
    var workspaceStore: String?

    @Flag(name: .customLong("disable-workspaces"), help: "There are none.")
    var disablesWorkspaces = false

    @Flag(name: .customLong("enable-workspaces"), help: "Refused.")
    var enablesWorkspaces = false

    @Option(
        name: .customLong("app-name"),
        help: ArgumentHelp("Refused; see --basic-auth and --token-file.", valueName: "name"))
    var appName: String?

    @Option(
        name: .customLong("read-replica-backend-store-uri"),
        help: ArgumentHelp("Refused. [MLFLOW_READ_REPLICA_BACKEND_STORE_URI]", valueName: "uri"))
    var readReplica: String?

    @Option(
        name: .customLong("trace-archival-config"),
        help: ArgumentHelp("Refused. [MLFLOW_TRACE_ARCHIVAL_CONFIG]", valueName: "file"))
    var traceArchival: String?
}
