import Execution
import SystemPackage

/// What a command in a container needs to reach the run's artifact store by itself, as MLflow gives it: variables that are set, and
/// files they speak of.
struct ArtifactStoreAccess {
    var variables: [String: String] = [:]
    /// Read-only mounts: file or folder of the host, place in the container.
    var mounts: [(source: String, target: String)] = []

    init(for artifactURI: String, environment: [String: String], exists: (FilePath) -> Bool) {
        func copy(_ names: String...) {
            for name in names { if let value = environment[name] { variables[name] = value } }
        }
        let scheme = artifactURI.split(separator: ":", maxSplits: 1).first.map(String.init) ?? ""
        switch scheme {
        case "s3", "r2":
            copy(
                "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION",
                "AWS_PROFILE",
                "MLFLOW_S3_ENDPOINT_URL", "MLFLOW_S3_IGNORE_TLS")
            if let home = environment["HOME"], exists(FilePath(home).appending(".aws")) {
                mounts.append((FilePath(home).appending(".aws").string, "/.aws"))
                variables["AWS_SHARED_CREDENTIALS_FILE"] = "/.aws/credentials"
                variables["AWS_CONFIG_FILE"] = "/.aws/config"
            }
        case "wasb", "wasbs", "abfs", "abfss":
            copy("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCESS_KEY")
        case "gs":
            if let key = environment["GOOGLE_APPLICATION_CREDENTIALS"], exists(FilePath(key)) {
                mounts.append((key, "/.gcs"))
                variables["GOOGLE_APPLICATION_CREDENTIALS"] = "/.gcs"
            }
        case "hdfs":
            copy("MLFLOW_KERBEROS_USER", "MLFLOW_PYARROW_EXTRA_CONF")
            if let cache = environment["MLFLOW_KERBEROS_TICKET_CACHE"], exists(FilePath(cache)) {
                mounts.append((cache, cache))
                variables["MLFLOW_KERBEROS_TICKET_CACHE"] = cache
            }
        default: break
        }
    }
}
