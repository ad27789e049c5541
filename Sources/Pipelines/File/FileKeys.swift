import Diagnostics

/// The keys of one kind of mapping in a pipeline file.
///
/// The reader switches over them and the JSON Schema lists them, so neither can know a key that the other does not.
protocol FileKey: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
    /// What other systems call the same thing: people write that before they have read anything.
    static var otherNames: [String: Self] { get }
}

extension FileKey {
    static var otherNames: [String: Self] { [:] }

    /// What to say to a key that is none.
    static func suggestion(for name: String) -> String? {
        let plain = name.lowercased().replacing("-", with: "_")
        if let meant = otherNames[plain] { return "did you mean '\(meant.rawValue)'?" }
        return Diagnostics.suggestion(for: name, among: allCases.map(\.rawValue), kind: "keys")
    }
}

enum TopKey: String, FileKey {
    case version, name, description, experiment, params, env, secrets, cache, defaults, limits
    case onError = "on_error"
    case timeout, steps, outputs, hooks, tags, concurrency

    static let otherNames: [String: TopKey] = [
        "jobs": .steps, "tasks": .steps, "stages": .steps, "nodes": .steps, "dag": .steps, "entry_points": .steps,
        "parameters": .params, "inputs": .params, "vars": .params, "variables": .params, "args": .params,
        "environment": .env, "title": .name, "resources": .limits,
        "labels": .tags, "caching": .cache,
    ]
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

    static let otherNames: [String: StepKey] = [
        "run": .command, "cmd": .command, "script": .command, "shell": .command, "bash": .command, "exec": .command,
        "entry": .entryPoint, "entrypoint": .entryPoint, "main": .entryPoint, "uses": .pipeline,
        "subpipeline": .pipeline, "depends_on": .needs, "dependson": .needs, "depends": .needs, "deps": .needs,
        "dependencies": .needs, "requires": .needs, "after": .needs, "upstream": .needs, "if": .when,
        "condition": .when, "parameters": .params, "inputs": .params, "input": .params, "args": .params,
        "arguments": .params, "with": .params, "vars": .params, "environment": .env, "variables": .env,
        "retries": .retry, "max_retries": .retry, "attempts": .retry, "outs": .outputs, "artifacts": .outputs,
        "produces": .outputs, "foreach": .matrix, "for_each": .matrix, "strategy": .matrix, "scatter": .matrix,
        "loop": .matrix, "continue_on_error": .allowFailure, "ignore_errors": .allowFailure,
        "container": .image, "docker": .image,
        "parallelism": .maxParallel, "concurrency": .maxParallel, "labels": .tags, "caching": .cache,
        "uri": .project, "repository": .project, "repo": .project, "executor": .backend, "runs_on": .backend,
    ]

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

    static let otherNames: [String: ParameterKey] = [
        "value": .default, "description": .help, "enum": .choices, "options": .choices, "values": .choices,
        "minimum": .min, "maximum": .max, "kind": .type,
    ]
}

enum CacheKeyword: String, FileKey {
    case code, ignore, ttl, salt, scope
}

enum RetryKey: String, FileKey {
    case times, delay, backoff
    case maxDelay = "max_delay"
    case jitter, when

    static let otherNames: [String: RetryKey] = [
        "count": .times, "limit": .times, "attempts": .times, "max_attempts": .times,
        "wait": .delay, "interval": .delay, "if": .when,
    ]
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
