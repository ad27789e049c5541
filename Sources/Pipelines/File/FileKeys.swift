/// The keys of one kind of mapping in a pipeline file.
///
/// The reader switches over them and the JSON Schema lists them, so neither can know a key that the other does not.
protocol FileKey: RawRepresentable<String>, CaseIterable, Hashable, Sendable {}

enum TopKey: String, FileKey {
    case version, name, description, experiment, params, env, secrets, cache, defaults, limits
    case onError = "on_error"
    case timeout, steps, outputs, hooks, tags, concurrency
}

enum StepKey: String, FileKey {
    // Those that `defaults` has too.
    case project, version, backend
    case backendConfig = "backend_config"
    case image
    case envManager = "env_manager"
    case env, resources, timeout, grace, retry, cache
    // The five actions.
    case entryPoint = "entry_point"
    case command, pipeline, register, search
    // The rest.
    case params, needs, when
    case runOn = "run_on"
    case matrix, sweep, select
    case maxParallel = "max_parallel"
    case outputs, metrics, secrets
    case allowFailure = "allow_failure"
    case priority, tags, description, hooks

    static let actions: [StepKey] = [.entryPoint, .command, .pipeline, .register, .search]
}

enum DefaultsKey: String, FileKey {
    case project, version, backend
    case backendConfig = "backend_config"
    case image
    case envManager = "env_manager"
    case env, resources, timeout, grace, retry, cache

    /// The key of a step that it stands for.
    var stepKey: StepKey? { StepKey(rawValue: rawValue) }
}

enum ParameterKey: String, FileKey {
    case type, `default`, choices, min, max, help
}

enum CacheKeyword: String, FileKey {
    case code, ignore, ttl, salt, scope
}

enum RetryKey: String, FileKey {
    case times, delay, backoff
    case maxDelay = "max_delay"
    case jitter, when
}

enum RegisterKey: String, FileKey {
    case model, name, alias, tags, description
}

enum SearchKey: String, FileKey {
    case filter
    case orderBy = "order_by"
    case limit, experiment
}

enum SelectKey: String, FileKey {
    case metric, goal, top, over
}
