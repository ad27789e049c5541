package import JSON

/// A node's step with every value evaluated: what one attempt of it needs.
package struct ResolvedStep: Sendable, Hashable {
    package enum Action: Sendable, Hashable {
        case entryPoint(String)
        /// A shell command in which `{name}` is the quoted value of a param.
        case command(String)
        case pipeline(String)
        case register(Registration)
        case search(Search)
    }

    package struct Registration: Sendable, Hashable {
        /// An artifact, or a model's URI as text.
        package var model: Value
        package var name: String
        package var alias: String?
        package var tags: [NamedText]
        package var description: String?
    }

    package struct Search: Sendable, Hashable {
        package var filter: String?
        package var orderBy: [String]
        package var limit: Int
        /// Nil: the pipeline's own.
        package var experiment: String?
    }

    package enum BackendConfiguration: Sendable, Hashable {
        case file(String)
        case values(JSONObject)
    }

    package struct Retry: Sendable {
        package var times: Int
        package var delay: Duration
        package var backoff: Double
        package var maxDelay: Duration
        package var jitter: Double
    }

    package struct Cache: Sendable, Hashable {
        package var code: [String]?
        package var ignore: [String]
        package var timeToLive: Duration?
        package var salt: String
        package var scope: Pipelines.Cache.Scope
    }

    package var action: Action
    package var project: String?
    package var version: String?
    /// The cell's values first, then the step's own params.
    package var params: [NamedValue]
    package var environment: [NamedText]
    /// Names of secrets that become variables.
    package var secrets: [String]
    /// Promised outputs and their paths.
    package var outputs: [NamedText]
    package var metrics: [String]
    package var backend: String
    package var backendConfiguration: BackendConfiguration?
    package var image: String?
    package var environmentManager: String?
    /// Amounts by name, sizes in bytes; `cpu` is 1 unless given.
    package var resources: [String: Double]
    package var timeout: Duration?
    package var grace: Duration
    package var retry: Retry
    package var cache: Cache?
    package var tags: [NamedText]
    package var description: String?
    /// Params and variables that are made of the attempt's own run, and are left out while there is none.
    package var awaitedParams: [String] = []
    package var awaitedVariables: [String] = []
    /// Whether some of its values are made of its own run, whether or not there is one.
    package var usesOwnRun = false

    /// Whether its values are complete only once its run has been made.
    package var awaitsRun: Bool { !awaitedParams.isEmpty || !awaitedVariables.isEmpty }
}

extension ResolvedStep.Retry: Hashable {}
