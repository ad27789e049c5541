import Diagnostics
import Documents
import Files
import Projects

// A step.
extension FileReader {
    mutating func step(_ name: String, _ pair: YAMLPair, defaults: Step) -> Step {
        var step = defaults
        step.name = name
        step.location = pair.key.location
        step.action = .entryPoint(Template(literal: .string(name), at: pair.key.location))
        // `name:` with nothing behind it runs the entry point of that name.
        if (try? pair.value.coreValue()) == .null { return step }
        guard let members = members(of: pair.value, as: StepKey.self, in: "a step", owner: pair.key) else {
            return step
        }
        for (key, pair) in members { read(key, pair, into: &step) }
        checkCombinations(members, of: step)
        return step
    }

    private mutating func read(_ key: StepKey, _ pair: YAMLPair, into step: inout Step) {
        switch key {
        case .entryPoint: if let name = template(pair, .text) { step.action = .entryPoint(name) }
        case .command: if let command = command(pair) { step.action = .command(command) }
        case .pipeline: if let place = template(pair, .text) { step.action = .pipeline(place) }
        case .register: if let registration = registration(pair) { step.action = .register(registration) }
        case .search: if let search = search(pair) { step.action = .search(search) }
        case .params: step.parameters = stepParameters(pair)
        case .needs: step.needs = texts(pair, of: "step names")
        case .when: step.when = condition(pair)
        case .runOn: step.runOn = choice(pair, as: Step.Outcome.self) ?? .success
        case .matrix: step.matrix = matrix(pair)
        case .sweep: break
        case .select: step.select = selection(pair)
        case .maxParallel: step.maxParallel = integer(pair, in: 1...Int.max)
        case .outputs: step.outputs = outputs(pair)
        case .metrics: step.metrics = texts(pair, of: "metric names")
        case .secrets: step.secrets = secretNames(pair)
        case .allowFailure: step.allowFailure = allowedFailures(pair) ?? .none
        case .priority: step.priority = integer(pair, in: Int.min...Int.max) ?? 0
        case .tags: step.tags = values(pair, .scalar)
        case .description: step.description = template(pair, .text)
        case .hooks: reportLater(pair, "hooks")
        case .project, .version, .backend, .backendConfig, .image, .envManager, .env, .resources, .timeout, .grace,
            .retry, .cache:
            readSetting(key, pair, into: &step)
        }
    }

    /// A key that `defaults` has too.
    mutating func readSetting(_ key: StepKey, _ pair: YAMLPair, into step: inout Step) {
        switch key {
        case .project: step.project = template(pair, .text)
        case .version: step.version = template(pair, .text)
        case .backend: step.backend = template(pair, .text)
        case .backendConfig: step.backendConfiguration = backendConfiguration(pair)
        case .image: step.image = template(pair, .text)
        case .envManager: step.environmentManager = environmentManager(pair)
        case .env: step.environment = merged(step.environment, environment(pair))
        case .resources: step.resources = merged(step.resources, amounts(pair))
        case .timeout: step.timeout = template(pair, .duration)
        case .grace: step.grace = template(pair, .duration)
        case .retry: step.retry = retry(pair) ?? Retry()
        case .cache: step.cache = cache(pair)
        default: break
        }
    }

    private func merged(_ defaults: [NamedTemplate], _ own: [NamedTemplate]) -> [NamedTemplate] {
        let names = Set(own.map(\.name))
        return defaults.filter { !names.contains($0.name) } + own
    }

    private mutating func checkCombinations(_ members: [(key: StepKey, pair: YAMLPair)], of step: Step) {
        func pair(_ key: StepKey) -> YAMLPair? { members.first { $0.key == key }?.pair }
        let actions = members.filter { StepKey.actions.contains($0.key) }
        if actions.count > 1, let second = actions.dropFirst().first {
            let names = actions.map { "'\($0.key.rawValue)'" }.joined(separator: " and ")
            report(
                "P030", at: second.pair.key, "step '\(step.name)' has \(names), but a step does one thing",
                remedy: "keep one of them, and make another step of the other")
        }
        if let select = pair(.select), pair(.matrix) == nil, pair(.sweep) == nil {
            report(
                "P032", at: select.key,
                "'select' chooses among the cells of a fan-out, and step '\(step.name)' has none",
                remedy: "add a 'matrix', or remove 'select'")
        }
        guard let sweep = pair(.sweep) else { return }
        if pair(.matrix) != nil {
            report(
                "P033", at: sweep.key, "step '\(step.name)' has both 'matrix' and 'sweep'",
                remedy: "keep one of them; a 'choice' in a sweep does what a matrix variable does")
        }
        let algorithm = sweep.value["algorithm"]?.text ?? "random"
        if algorithm != "grid", algorithm != "random", pair(.select) == nil {
            report(
                "P035", at: sweep.key, "the sweep of step '\(step.name)' has no objective for '\(algorithm)'",
                remedy: "add 'select: {metric: …, goal: min}'")
        }
        reportLater(sweep, "sweep")
    }

    // MARK: Actions

    private mutating func command(_ pair: YAMLPair) -> Located<String>? {
        guard case .string(let text)? = try? pair.value.coreValue() else {
            reportType(of: pair.value, "'command'", expected: "text", key: pair.key)
            return nil
        }
        guard !text.contains("${{") else {
            report(
                "P011", at: pair.value, "a command cannot hold an expression",
                remedy:
                    "make it a param of the step (a matrix variable is one already), and write {name} for its quoted value"
            )
            return nil
        }
        return Located(text, at: pair.value.location)
    }

    private mutating func registration(_ pair: YAMLPair) -> Registration? {
        guard let members = members(of: pair.value, as: RegisterKey.self, in: "'register'", owner: pair.key) else {
            return nil
        }
        let nothing = Template(literal: .string(""), at: pair.key.location)
        var registration = Registration(model: nothing, name: nothing)
        for (key, pair) in members {
            switch key {
            case .model: registration.model = template(pair, .text) ?? nothing
            case .name: registration.name = template(pair, .text) ?? nothing
            case .alias: registration.alias = template(pair, .text)
            case .tags: registration.tags = values(pair, .scalar)
            case .description: registration.description = template(pair, .text)
            }
        }
        for key in [RegisterKey.model, .name] where !members.contains(where: { $0.key == key }) {
            report("P010", at: pair.key, "'register' needs '\(key.rawValue)'", remedy: "add '\(key.rawValue): …'")
        }
        return registration
    }

    private mutating func search(_ pair: YAMLPair) -> Search? {
        guard let members = members(of: pair.value, as: SearchKey.self, in: "'search'", owner: pair.key) else {
            return nil
        }
        var search = Search()
        for (key, pair) in members {
            switch key {
            case .filter: search.filter = template(pair, .text)
            case .orderBy:
                if let items = pair.value.sequence {
                    search.orderBy = items.compactMap { template($0, "an item of 'order_by'", .text) }
                } else if let one = template(pair, .text) {
                    search.orderBy = [one]
                }
            case .limit: search.limit = integer(pair, in: 1...50_000) ?? 1
            case .experiment: search.experiment = template(pair, .text)
            }
        }
        return search
    }

    // MARK: Fan-out

    private mutating func matrix(_ pair: YAMLPair) -> Matrix? {
        guard let members = names(of: pair.value, "'matrix'", owner: pair.key) else { return nil }
        var matrix = Matrix(variables: [], location: pair.key.location)
        for (name, pair) in members {
            switch name {
            case "include": matrix.include = combinations(pair)
            case "exclude": matrix.exclude = combinations(pair)
            default:
                if let problem = problemOfParameterName(name) {
                    report("P014", at: pair.key, "the variable name '\(name.prefix(100))' \(problem)")
                } else if let values = matrixValues(name, pair) {
                    matrix.variables.append(.init(name: name, location: pair.key.location, values: values))
                }
            }
        }
        if matrix.variables.isEmpty, matrix.include.isEmpty, members.isEmpty {
            report("P010", at: pair.key, "'matrix' has no variable", remedy: "add one, such as 'fold: [1, 2, 3]'")
            return nil
        }
        return matrix
    }

    private mutating func matrixValues(_ name: String, _ pair: YAMLPair) -> Matrix.Values? {
        if let items = pair.value.sequence {
            guard !items.isEmpty else {
                report(
                    "P010", at: pair.value, "the matrix variable '\(name)' has no values", remedy: "give at least one")
                return nil
            }
            return .listed(items.compactMap { template($0, "a value of '\(name)'", .anything) })
        }
        guard let text = pair.value.text, text.contains("${{"), let list = template(pair, .anything) else {
            reportType(
                of: pair.value, "the matrix variable '\(name)'", expected: "a list, or an expression that gives one",
                key: pair.key)
            return nil
        }
        guard case .expression = list.content else {
            report(
                "P011", at: pair.value, "the matrix variable '\(name)' must be a list, and this gives text",
                remedy: "make the whole value one expression: \"${{ … }}\"")
            return nil
        }
        return .computed(list)
    }

    private mutating func combinations(_ pair: YAMLPair) -> [Matrix.Combination] {
        let what = "'\(pair.key.text ?? "")'"
        guard let items = pair.value.sequence else {
            reportType(of: pair.value, what, expected: "a list of mappings", key: pair.key)
            return []
        }
        return items.compactMap { item in
            guard let members = names(of: item, "an item of \(what)", owner: item) else { return nil }
            let values = members.compactMap { name, pair in
                template(pair.value, "'\(name)' in \(what)", .anything, key: pair.key).map {
                    NamedTemplate(name, at: pair.key.location, $0)
                }
            }
            return Matrix.Combination(values: values, location: item.location)
        }
    }

    private mutating func selection(_ pair: YAMLPair) -> Selection? {
        guard let members = members(of: pair.value, as: SelectKey.self, in: "'select'", owner: pair.key) else {
            return nil
        }
        var metric: String?
        var goal: Selection.Goal?
        var selection = Selection(metric: "", goal: .min)
        for (key, pair) in members {
            switch key {
            case .metric: metric = plainText(pair, expected: "the name of a metric")
            case .goal: goal = choice(pair, as: Selection.Goal.self)
            case .top: selection.top = integer(pair, in: 1...Int.max) ?? 1
            case .over: selection.over = choice(pair, as: Selection.Over.self) ?? .last
            }
        }
        for key in [SelectKey.metric, .goal] where !members.contains(where: { $0.key == key }) {
            report("P010", at: pair.key, "'select' needs '\(key.rawValue)'", remedy: "add '\(key.rawValue): …'")
        }
        guard let metric, let goal else { return nil }
        selection.metric = metric
        selection.goal = goal
        return selection
    }

    // MARK: Data

    private mutating func stepParameters(_ pair: YAMLPair) -> [NamedTemplate] {
        guard let members = names(of: pair.value, "'params'", owner: pair.key) else { return [] }
        return members.compactMap { name, pair in
            if let problem = problemOfParameterName(name) {
                report("P014", at: pair.key, "the param name '\(name.prefix(100))' \(problem)")
                return nil
            }
            return template(pair.value, "'\(name)' in 'params'", .anything, key: pair.key).map {
                NamedTemplate(name, at: pair.key.location, $0)
            }
        }
    }

    private mutating func outputs(_ pair: YAMLPair) -> [NamedTemplate] {
        let outputs = values(pair, .text)
        for output in outputs {
            if !isStepName(output.name) || output.name.utf8.count > 64 {
                findings.append(
                    Diagnostic(
                        .error, code: "P014", at: output.location, "'\(output.name)' cannot be the name of an output",
                        remedy: "use up to 64 letters, digits, '_' and '-', beginning with a letter or '_'",
                        length: output.name.count))
            }
            if case .string(let path)? = output.value.literal, let problem = problemOfOutputPath(path) {
                findings.append(
                    Diagnostic(
                        .error, code: "P014", at: output.value.location,
                        "the path of output '\(output.name)' \(problem)",
                        remedy: "name a place inside the run's artifacts, or './PATH' for one in the project's folder"))
            }
        }
        return outputs
    }

    // MARK: Settings

    private mutating func backendConfiguration(_ pair: YAMLPair) -> Step.BackendConfiguration? {
        if pair.value.mapping != nil { return tree(pair.value).map { .values($0) } }
        if case .string? = try? pair.value.coreValue() { return template(pair, .text).map { .file($0) } }
        reportType(
            of: pair.value, "'backend_config'", expected: "a mapping, or the path of a JSON or YAML file", key: pair.key
        )
        return nil
    }

    /// The document's depth is limited, so the recursion is.
    private mutating func tree(_ node: YAMLNode) -> TemplateTree? {
        switch node.content {
        case .scalar: return template(node, "a value", .anything).map { .template($0) }
        case .sequence(let items): return .list(items.compactMap { tree($0) })
        case .mapping(let pairs):
            return .mapping(pairs.compactMap { pair in tree(pair.value).map { (pair.key.text ?? "", $0) } })
        }
    }

    private mutating func environmentManager(_ pair: YAMLPair) -> Template? {
        let known = ["local", "virtualenv", "uv", "conda"]
        guard let template = template(pair, .text) else { return nil }
        if case .string(let name)? = template.literal, !known.contains(name) {
            report(
                "P011", at: pair.value,
                "'env_manager' must be one of 'local', 'virtualenv', 'uv', 'conda', not '\(name)'",
                remedy: nearestName(to: name, among: known).map { "did you mean '\($0)'?" })
            return nil
        }
        return template
    }

    private mutating func retry(_ pair: YAMLPair) -> Retry? {
        let times = 0...1000
        guard pair.value.mapping != nil else {
            guard case .int(let number)? = try? pair.value.coreValue(), times.contains(number) else {
                reportType(
                    of: pair.value, "'retry'", expected: "a number of times from 0 to 1000, or a mapping", key: pair.key
                )
                return nil
            }
            return Retry(times: number)
        }
        guard let members = members(of: pair.value, as: RetryKey.self, in: "'retry'", owner: pair.key) else {
            return nil
        }
        var retry = Retry()
        for (key, pair) in members {
            switch key {
            case .times: retry.times = integer(pair, in: times) ?? 0
            case .delay: retry.delay = template(pair, .duration)
            case .backoff: retry.backoff = number(pair, in: 1...Double.infinity) ?? 2
            case .maxDelay: retry.maxDelay = template(pair, .duration)
            case .jitter: retry.jitter = number(pair, in: 0...1) ?? 0.1
            case .when: retry.when = condition(pair)
            }
        }
        if !members.contains(where: { $0.key == .times }) {
            report("P010", at: pair.key, "'retry' needs 'times'", remedy: "add 'times: …'")
        }
        return retry
    }

    mutating func cache(_ pair: YAMLPair) -> Cache? {
        if case .bool(let isOn)? = try? pair.value.coreValue() { return isOn ? Cache() : nil }
        guard pair.value.mapping != nil else {
            reportType(of: pair.value, "'cache'", expected: "true, false or a mapping", key: pair.key)
            return nil
        }
        guard let members = members(of: pair.value, as: CacheKeyword.self, in: "'cache'", owner: pair.key) else {
            return nil
        }
        var cache = Cache()
        for (key, pair) in members {
            switch key {
            case .code: cache.code = texts(pair, of: "globs", areUnique: false).map(\.value)
            case .ignore: cache.ignore = texts(pair, of: "param names")
            case .ttl: cache.timeToLive = template(pair, .duration)
            case .salt: cache.salt = template(pair, .text)
            case .scope: cache.scope = choice(pair, as: Cache.Scope.self) ?? .experiment
            }
        }
        return cache
    }

    private mutating func allowedFailures(_ pair: YAMLPair) -> Step.AllowedFailures? {
        switch try? pair.value.coreValue() {
        case .bool(let isAllowed)?: return isAllowed ? .any : Step.AllowedFailures.none
        case .int(let count)? where count >= 0: return .count(count)
        case .string(let text)?:
            if text.last == "%", text.utf8.count <= 4, let percent = Int(text.dropLast()), (0...100).contains(percent),
                text.first != "+", text.first != "-"
            {
                return .percent(percent)
            }
        default: break
        }
        reportType(
            of: pair.value, "'allow_failure'", expected: "true, false, a number of cells or a percentage such as 20%",
            key: pair.key)
        return nil
    }
}

/// Why a path cannot be an output's, as the end of a sentence.
func problemOfOutputPath(_ path: String) -> String? {
    let inside = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    if inside.isEmpty { return "is empty" }
    do throws(PathRefusal) {
        _ = try RelativePath(inside)
        return nil
    } catch {
        return error.reason
    }
}
