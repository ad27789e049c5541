import ArgumentParser
import Files
import Processes

/// `swiftflow server`: MLflow's tracking, registry and artifact API over a store.
struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "Serve a store to MLflow clients: tracking, model registry and artifacts.",
        discussion: """
            Examples:
              swiftflow server
              swiftflow server --backend-store-uri sqlite:////srv/mlflow/mlflow.db --artifacts-destination /srv/mlflow/artifacts
              swiftflow server --host 0.0.0.0 --allowed-hosts mlflow.example.org --token-file token \\
                --tls-certificate chain.pem --tls-key key.pem

            Options and environment variables are those of 'mlflow server' where it has them; an option wins over its variable.
            SIGTERM or Ctrl-C finishes the requests that have begun and ends with exit code 0.
            """,
        // -h is MLflow's short name of --host.
        helpNames: [.long])

    @ParentCommand var parent: Swiftflow
    @OptionGroup(title: "Storage") var storage: ServerStorageOptions
    @OptionGroup(title: "Network") var network: ServerNetworkOptions
    @OptionGroup(title: "Access") var access: ServerAccessOptions
    @OptionGroup(title: "Observation") var observation: ServerObservationOptions
    @OptionGroup(title: "Options of 'mlflow server' without a meaning here") var foreign: ForeignServerOptions

    func run() async throws {
        // Before anything that must be closed in good order.
        let signals = TerminationSignals.install()
        let environment = try environmentWithFile(parent.environmentFile)
        let configuration = try ServerConfiguration(
            self, environment: environment, workingDirectory: currentDirectory())
        try await ServerSession(configuration: configuration).run(until: signals)
    }
}
