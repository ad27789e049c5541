import Diagnostics
import Logging
import Server
import SwiftFlow

/// What a server says of itself: for people as sentences, for machines as lines of the log.
struct ServerMessages: Sendable {
    let logger: Logger
    private let format: LogFormat

    init(log: LineLog, format: LogFormat, level: LogLevel) {
        logger = log.logger(level: Logger.Level(rawValue: level.rawValue) ?? .info)
        self.format = format
    }

    func warn(_ text: String) {
        switch format {
        case .text: Messages.warning(text)
        case .json: logger.warning("\(text)")
        }
    }

    func announce(_ server: TrackingServer, _ configuration: ServerConfiguration) {
        let store = configuration.store.map { redactedURL($0.uri) } ?? "none"
        let artifacts = configuration.artifacts.destination?.text ?? "none"
        let root = redactedURL(configuration.artifacts.defaultRoot)
        let access = configuration.settings.credentials == nil ? "without credentials" : "with credentials"
        switch format {
        case .text:
            Messages.note(
                """
                MLflow's API \(MLflowAPI.version) is served at \(server.uri)
                  store      \(store)
                  artifacts  \(artifacts); new experiments in \(root)
                  access     \(access)
                """)
        case .json:
            logger.notice(
                "serving",
                metadata: [
                    "url": "\(server.uri)", "store": "\(store)", "artifacts": "\(artifacts)",
                    "default_artifact_root": "\(root)", "access": "\(access)",
                ])
        }
    }

    func stopping(_ signal: String) {
        switch format {
        case .text: Messages.note("\(signal): finishing the requests that have begun; once more to end at once")
        case .json: logger.notice("stopping", metadata: ["signal": "\(signal)"])
        }
    }
}
