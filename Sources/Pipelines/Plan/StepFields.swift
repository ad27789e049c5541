import Diagnostics

/// One value of a file that may hold expressions, with what may stand in it and what must come out.
struct TemplateField {
    enum Kind: Hashable {
        /// Anything a param may be.
        case value
        /// Something that has a text.
        case text
        case duration
        /// A number or a size.
        case amount
        case list
    }

    var template: Template
    /// Such as `'timeout'`.
    var what: String
    var kind: Kind
    var contexts: Contexts
}

/// A condition of a file.
struct ConditionField {
    var expression: Expression
    var contexts: Contexts
}

extension Step {
    /// Every value of the step that may hold expressions.
    var fields: [TemplateField] {
        var fields: [TemplateField] = []
        func add(_ template: Template?, _ what: String, _ kind: TemplateField.Kind = .text, _ contexts: Contexts) {
            guard let template else { return }
            fields.append(TemplateField(template: template, what: what, kind: kind, contexts: contexts))
        }
        func add(_ named: [NamedTemplate], _ what: String, _ kind: TemplateField.Kind = .text, _ contexts: Contexts) {
            for each in named { add(each.value, "'\(each.name)' in '\(what)'", kind, contexts) }
        }
        // Which code runs is decided when the cell is there, before any attempt.
        let aCell: Contexts = [.steps, .matrix]
        switch action {
        case .entryPoint(let name): add(name, "'entry_point'", .text, aCell)
        case .command: break
        case .pipeline(let place): add(place, "'pipeline'", .text, aCell)
        case .register(let registration):
            let contexts: Contexts = [.steps, .matrix, .pipelineRun]
            add(registration.model, "'model'", .value, contexts)
            add(registration.name, "'name'", .text, contexts)
            add(registration.alias, "'alias'", .text, contexts)
            add(registration.tags, "tags", .text, contexts)
            add(registration.description, "'description'", .text, contexts)
        case .search(let search):
            let contexts: Contexts = [.steps, .matrix, .pipelineRun]
            add(search.filter, "'filter'", .text, contexts)
            for order in search.orderBy { add(order, "'order_by'", .text, contexts) }
            add(search.experiment, "'experiment'", .text, contexts)
        }
        add(project, "'project'", .text, aCell)
        add(version, "'version'", .text, aCell)
        add(parameters, "params", .value, valueContexts.union(.outputs))
        add(matrixFields)
        add(outputs, "outputs", .text, .matrix)
        add(backend, "'backend'", .text, aCell)
        switch backendConfiguration {
        case .file(let path)?: add(path, "'backend_config'", .text, .anAttempt)
        case .values(let tree)?:
            for template in tree.templates { add(template, "'backend_config'", .value, .anAttempt) }
        case nil: break
        }
        add(image, "'image'", .text, aCell)
        add(environmentManager, "'env_manager'", .text, aCell)
        add(environment, "env", .text, valueContexts.union(.secrets))
        add(resources, "resources", .amount, [.steps, .matrix, .attempt])
        add(timeout, "'timeout'", .duration, [.steps, .matrix, .attempt])
        add(grace, "'grace'", .duration, [.steps, .matrix, .attempt])
        add(retry.delay, "'delay'", .duration, aCell)
        add(retry.maxDelay, "'max_delay'", .duration, aCell)
        add(cache?.timeToLive, "'ttl'", .duration, .matrix)
        add(cache?.salt, "'salt'", .text, aCell)
        add(tags, "tags", .text, .anAttempt)
        add(description, "'description'", .text, .anAttempt)
        return fields

        func add(_ more: [TemplateField]) { fields += more }
    }

    /// What `params` and `env` may refer to; the run of a step that is code is made before they are complete.
    private var valueContexts: Contexts {
        switch action {
        case .entryPoint, .command: .anAttempt.union(.ownRun)
        case .pipeline, .register, .search: .anAttempt
        }
    }

    /// The values of the matrix variables: known before the step's cells are.
    var matrixFields: [TemplateField] {
        guard let matrix else { return [] }
        var fields: [TemplateField] = []
        for variable in matrix.variables {
            let what = "the matrix variable '\(variable.name)'"
            switch variable.values {
            case .listed(let values):
                fields += values.map { TemplateField(template: $0, what: what, kind: .value, contexts: .steps) }
            case .computed(let list):
                fields.append(TemplateField(template: list, what: what, kind: .list, contexts: .steps))
            }
        }
        for value in (matrix.include + matrix.exclude).flatMap(\.values) {
            fields.append(
                TemplateField(template: value.value, what: "'\(value.name)'", kind: .value, contexts: .steps))
        }
        return fields
    }

    var conditions: [ConditionField] {
        var conditions: [ConditionField] = []
        if let when { conditions.append(ConditionField(expression: when, contexts: [.steps, .matrix, .pipelineRun])) }
        if let when = retry.when {
            conditions.append(ConditionField(expression: when, contexts: [.steps, .matrix, .attempt, .ending]))
        }
        return conditions
    }
}

extension Pipeline {
    /// The values of the top level that may hold expressions; `env` belongs to every step.
    var fields: [TemplateField] {
        var fields: [TemplateField] = []
        func add(_ template: Template?, _ what: String, _ kind: TemplateField.Kind, _ contexts: Contexts = []) {
            guard let template else { return }
            fields.append(TemplateField(template: template, what: what, kind: kind, contexts: contexts))
        }
        add(name, "'name'", .text)
        add(description, "'description'", .text)
        add(experiment, "'experiment'", .text)
        add(timeout, "'timeout'", .duration)
        for limit in limits { add(limit.value, "'\(limit.name)' in 'limits'", .amount) }
        for tag in tags { add(tag.value, "'\(tag.name)' in 'tags'", .text) }
        for variable in environment {
            add(variable.value, "'\(variable.name)' in 'env'", .text, [.attempt, .pipelineRun, .ownRun, .secrets])
        }
        for output in outputs { add(output.value, "'\(output.name)' in 'outputs'", .value, [.steps, .pipelineRun]) }
        return fields
    }
}

extension TemplateField.Kind {
    /// Whether a value of the type can be what is wanted.
    func takes(_ type: ValueType) -> Bool {
        switch self {
        case .value: true
        case .text: type != .null && !type.isList
        case .duration: type.mayBe(.string)
        case .amount: type.mayBe(.float) || type.mayBe(.string)
        case .list: type.mayBe(.list(.any))
        }
    }

    var words: String {
        switch self {
        case .value: "a value"
        case .text: "text"
        case .duration: "a duration such as 90s"
        case .amount: "a number, or a size such as 8GiB"
        case .list: "a list"
        }
    }
}

extension ValueType {
    var isList: Bool { if case .list = self { true } else { false } }
}
