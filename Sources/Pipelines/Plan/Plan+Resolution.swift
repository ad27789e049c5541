import Diagnostics
package import JSON

// What is evaluated only when a step is about to start. The scope that is handed in answers everything but params, matrix
// variables and the pipeline's name, which are the plan's own.
extension Plan {
    /// Whether the node's `when` is true; it is when there is none.
    package func isWanted(_ node: PlanNode, in scope: some Scope) throws(EvaluationError) -> Bool {
        guard let when = steps[node.step].step.when else { return true }
        return try when.condition(in: self.scope(of: node, outside: scope))
    }

    /// Whether the node's `retry.when` is true; it is when there is none.
    package func allowsRetry(_ node: PlanNode, in scope: some Scope) throws(EvaluationError) -> Bool {
        guard let when = steps[node.step].step.retry.when else { return true }
        return try when.condition(in: self.scope(of: node, outside: scope))
    }

    /// The nodes of a step whose matrix comes from other steps, once those are done.
    package func expand(_ step: PlannedStep, in scope: some Scope) throws -> [PlanNode] {
        guard let matrix = step.step.matrix else { return [PlanNode(id: step.name, step: step.index)] }
        let scope = NodeScope(params: values, name: name, cell: nil, outside: scope)
        let cells = try matrix.cells(of: step.name, in: scope, limit: request.maximumCells)
        return cells.map { PlanNode(id: step.name + $0.label, step: step.index, cell: $0) }
    }

    /// The id of the cell of `step` that has the same values as the node.
    package func matchingCellID(of step: PlannedStep, for node: PlanNode) -> String? {
        guard let variables = step.step.matrix?.variableNames else { return nil }
        return node.cell?.restricted(to: variables).map { step.name + $0.label }
    }

    /// What a parent pipeline sees of this one.
    package func resolveOutputs(in scope: some Scope) throws -> [NamedValue] {
        let scope = NodeScope(params: values, name: name, cell: nil, outside: scope)
        return try pipeline.outputs.map { NamedValue($0.name, try $0.value.value(in: scope)) }
    }

    /// One of the values that a parent pipeline sees of this one.
    package func resolveOutput(_ output: NamedTemplate, in scope: some Scope) throws(EvaluationError) -> Value {
        try output.value.value(in: NodeScope(params: values, name: name, cell: nil, outside: scope))
    }

    /// Everything one attempt of a node needs.
    ///
    /// - Parameter hasRun: whether the scope knows the attempt's own run; what is made of that is left out where it does not.
    /// - Throws: `EvaluationError` when a value cannot be had, `InvalidInput` when it is of the wrong kind.
    package func resolve(
        _ node: PlanNode, in scope: some Scope, hasRun: Bool = false
    ) throws -> ResolvedStep {
        try Resolver(scope: self.scope(of: node, outside: scope), plan: self, node: node, hasRun: hasRun).resolved()
    }

    /// The variables of the top level that are made of the run of the step that has them.
    package var ownRunVariables: [String] { pipeline.environment.filter(\.value.usesOwnRun).map(\.name) }

    /// Those variables for the run that the scope knows.
    package func resolveOwnRunVariables(in scope: some Scope) throws(EvaluationError) -> [NamedText] {
        let scope = NodeScope(params: values, name: name, cell: nil, outside: scope)
        var variables: [NamedText] = []
        for variable in pipeline.environment where variable.value.usesOwnRun {
            variables.append(NamedText(variable.name, try variable.value.value(in: scope).text ?? ""))
        }
        return variables
    }

    private func scope<Outside: Scope>(of node: PlanNode, outside: Outside) -> NodeScope<Outside> {
        NodeScope(params: values, name: name, cell: node.cell, outside: outside)
    }
}

private struct Resolver<Outside: Scope> {
    let scope: NodeScope<Outside>
    let plan: Plan
    let node: PlanNode
    let hasRun: Bool

    func resolved() throws -> ResolvedStep {
        let step = plan.steps[node.step].step
        var params = node.cell?.values ?? []
        var awaited: [String] = []
        for param in step.parameters {
            if isAwaited(param) {
                awaited.append(param.name)
                continue
            }
            let value = try param.value.value(in: scope)
            guard value != .null else {
                throw refusal("P044", param.value, "the param '\(param.name)' is null", remedy: "write '… ?? VALUE'")
            }
            params.append(NamedValue(param.name, value))
        }
        var resolved = ResolvedStep(
            action: try action(of: step), project: try text(step.project, "'project'"),
            version: try text(step.version, "'version'"), params: params, environment: try environment(of: step),
            secrets: step.secrets.map(\.value), outputs: try outputs(of: step), metrics: step.metrics.map(\.value),
            backend: try text(step.backend, "'backend'") ?? "local",
            backendConfiguration: try backendConfiguration(of: step), image: try text(step.image, "'image'"),
            environmentManager: try text(step.environmentManager, "'env_manager'"), resources: try resources(of: step),
            timeout: try duration(step.timeout, "'timeout'"),
            grace: try duration(step.grace, "'grace'") ?? .seconds(30),
            retry: ResolvedStep.Retry(
                times: step.retry.times, delay: try duration(step.retry.delay, "'delay'") ?? .seconds(10),
                backoff: step.retry.backoff,
                maxDelay: try duration(step.retry.maxDelay, "'max_delay'") ?? .seconds(600),
                jitter: step.retry.jitter),
            cache: try cache(of: step), tags: try tags(of: step),
            description: try text(step.description, "'description'"))
        resolved.awaitedParams = awaited
        guard step.runsCode else { return resolved }
        resolved.awaitedVariables = variables(of: step).filter { isAwaited($0) }.map(\.name)
        resolved.usesOwnRun = (step.parameters + variables(of: step)).contains { $0.value.usesOwnRun }
        return resolved
    }

    private func isAwaited(_ value: NamedTemplate) -> Bool { !hasRun && value.value.usesOwnRun }

    /// The pipeline's variables, then the step's, which win.
    private func variables(of step: Step) -> [NamedTemplate] {
        let own = Set(step.environment.map(\.name))
        return plan.pipeline.environment.filter { !own.contains($0.name) } + step.environment
    }

    // MARK: Parts

    private func action(of step: Step) throws -> ResolvedStep.Action {
        switch step.action {
        case .entryPoint(let name): return .entryPoint(try required(name, "'entry_point'"))
        case .command(let command): return .command(command.value)
        case .pipeline(let place): return .pipeline(try required(place, "'pipeline'"))
        case .register(let registration):
            let model = try registration.model.value(in: scope)
            guard model != .null else { throw refusal("P044", registration.model, "the model to register is null") }
            return .register(
                ResolvedStep.Registration(
                    model: model, name: try required(registration.name, "'name'"),
                    alias: try text(registration.alias, "'alias'"), tags: try texts(registration.tags, "tag"),
                    description: try text(registration.description, "'description'")))
        case .search(let search):
            return .search(
                ResolvedStep.Search(
                    filter: try text(search.filter, "'filter'"),
                    orderBy: try search.orderBy.map { try required($0, "'order_by'") }, limit: search.limit,
                    experiment: try text(search.experiment, "'experiment'")))
        }
    }

    /// What is made of its own run is for a step that runs code; one that is a pipeline leaves that to its steps.
    private func environment(of step: Step) throws -> [NamedText] {
        try texts(
            variables(of: step).filter { !isAwaited($0) && (step.runsCode || !$0.value.usesOwnRun) }, "variable")
    }

    private func tags(of step: Step) throws -> [NamedText] {
        let own = try texts(step.tags, "tag")
        return plan.tags.filter { tag in !own.contains { $0.name == tag.name } } + own
    }

    private func outputs(of step: Step) throws -> [NamedText] {
        let outputs = try texts(step.outputs, "output")
        for (output, template) in zip(outputs, step.outputs) {
            guard let problem = problemOfOutputPath(output.value) else { continue }
            throw refusal("P014", template.value, "the path of output '\(output.name)', '\(output.value)', \(problem)")
        }
        return outputs
    }

    private func resources(of step: Step) throws -> [String: Double] {
        var resources = ["cpu": 1.0]
        for resource in step.resources {
            let value = try resource.value.value(in: scope)
            resources[resource.name] = try value.amount(
                "'\(resource.name)' in 'resources'", at: resource.value.location)
        }
        return resources
    }

    private func cache(of step: Step) throws -> ResolvedStep.Cache? {
        guard let cache = step.cache else { return nil }
        return ResolvedStep.Cache(
            code: cache.code, ignore: cache.ignore.map(\.value), timeToLive: try duration(cache.timeToLive, "'ttl'"),
            salt: try text(cache.salt, "'salt'") ?? "", scope: cache.scope)
    }

    private func backendConfiguration(of step: Step) throws -> ResolvedStep.BackendConfiguration? {
        switch step.backendConfiguration {
        case nil: return nil
        case .file(let path): return .file(try required(path, "'backend_config'"))
        case .values(let tree):
            guard case .object(let object) = try json(tree) else { return .values(JSONObject()) }
            return .values(object)
        }
    }

    /// The tree is as deep as its document, which is limited.
    private func json(_ tree: TemplateTree) throws -> JSONValue {
        switch tree {
        case .template(let template): return try template.value(in: scope).jsonValue
        case .list(let items): return .array(try items.map { try json($0) })
        case .mapping(let members):
            return .object(
                JSONObject(members: try members.map { JSONObject.Member(name: $0.name, value: try json($0.value)) }))
        }
    }

    // MARK: Values

    private func refusal(_ code: String, _ template: Template, _ message: String, remedy: String? = nil) -> InvalidInput
    {
        InvalidInput([Diagnostic(.error, code: code, at: template.location, message, remedy: remedy)])
    }

    private func text(_ template: Template?, _ what: String) throws -> String? {
        try template.map { try required($0, what) }
    }

    private func required(_ template: Template, _ what: String) throws -> String {
        let value = try template.value(in: scope)
        guard let text = value.text, !value.type.isList else {
            throw refusal(
                value == .null ? "P044" : "P046", template, "\(what) must be text, and this gives \(value.type)")
        }
        return text
    }

    private func texts(_ named: [NamedTemplate], _ kind: String) throws -> [NamedText] {
        try named.map { NamedText($0.name, try required($0.value, "the \(kind) '\($0.name)'")) }
    }

    private func duration(_ template: Template?, _ what: String) throws -> Duration? {
        guard let template else { return nil }
        return try Duration(of: try template.value(in: scope), what, at: template.location)
    }
}

extension Value {
    /// The value for JSON; an artifact is its URI.
    package var jsonValue: JSONValue {
        switch self {
        case .null: .null
        case .bool(let flag): .bool(flag)
        case .int(let number): .integer(Int64(number))
        case .float(let number): .double(number)
        case .string(let text): .string(text)
        case .artifact(let artifact): .string(artifact.uri)
        case .list(let items): .array(items.map(\.jsonValue))
        }
    }
}
