import Diagnostics

/// What an expression may refer to, by where it stands.
struct Contexts: OptionSet {
    let rawValue: Int

    static let steps = Contexts(rawValue: 1)
    /// Variables of the step's own matrix.
    static let matrix = Contexts(rawValue: 2)
    static let attempt = Contexts(rawValue: 4)
    /// The attempt's own places for outputs.
    static let outputs = Contexts(rawValue: 8)
    /// The attempt's own run.
    static let ownRun = Contexts(rawValue: 16)
    /// `pipeline.run_id` and `pipeline.experiment_id`.
    static let pipelineRun = Contexts(rawValue: 32)
    static let secrets = Contexts(rawValue: 64)
    /// `exit_code` and `reason` of an attempt that ended.
    static let ending = Contexts(rawValue: 128)

    /// What is known when an attempt is about to start.
    static let anAttempt: Contexts = [.steps, .matrix, .attempt, .pipelineRun]
}

/// The types of what a pipeline's expressions refer to, and why a reference is not possible.
struct ReferenceTypes: TypeScope {
    let index: PipelineIndex
    /// The step the expression belongs to; nil at the top level.
    let step: Step?
    let contexts: Contexts

    func type(of reference: Reference) -> Result<ValueType, ReferenceProblem> {
        switch reference {
        case .param(let name):
            guard let parameter = index.parameters[name] else {
                return .failure(
                    ReferenceProblem(
                        "P021", "the pipeline has no param '\(name)'",
                        remedy: suggestion(for: name, among: index.parameters.keys, kind: "params")
                            ?? "declare it in 'params'"))
            }
            return .success(parameter.kind.type)
        case .matrix(let name): return matrixType(name)
        case .step(let reference): return stepType(reference)
        case .output(let name): return outputType(name)
        case .run(let field): return ownRunType(field)
        case .pipeline(let field):
            if field == "name" { return .success(.string) }
            guard contexts.contains(.pipelineRun) else { return refuse("pipeline.\(field)", "not known yet") }
            return ["run_id", "experiment_id"].contains(field)
                ? .success(.string) : refuse("pipeline.\(field)", "for hooks only")
        case .secret(let name): return secretType(name)
        case .fact(let name):
            if name == "attempt" {
                return contexts.contains(.attempt)
                    ? .success(.int) : refuse(name, "known only for one attempt of a step")
            }
            guard contexts.contains(.ending) else { return refuse(name, "known in 'retry.when' only") }
            return .success(name == "exit_code" ? .int : .string)
        }
    }

    private func refuse(_ what: String, _ why: String) -> Result<ValueType, ReferenceProblem> {
        .failure(ReferenceProblem("P043", "'\(what)' cannot be used here: it is \(why)", at: .whole))
    }

    private func ownRunType(_ field: String) -> Result<ValueType, ReferenceProblem> {
        guard Reference.fieldsOfRun.contains(field) else {
            return .failure(
                ReferenceProblem(
                    "P043", "'run' has no '\(field)'",
                    remedy: suggestion(for: field, among: Reference.fieldsOfRun, kind: "fields"), at: .whole))
        }
        guard contexts.contains(.ownRun) else {
            var why = "the run is made once these values are known"
            var remedy = "use it in 'params' or 'env' of the step"
            if case .pipeline? = step?.action {
                // Which steps have which values is recorded with the run, so that any runner can go on with it.
                why = "the run of a step that is a pipeline begins with its params"
                remedy = "write 'pipeline.\(field)' in the nested pipeline"
                if field != "run_id" { remedy = "write 'run.\(field)' in the steps of the nested pipeline" }
            }
            return .failure(
                ReferenceProblem("P043", "'run.\(field)' cannot be used here: \(why)", remedy: remedy, at: .whole))
        }
        return .success(.string)
    }

    private func matrixType(_ name: String) -> Result<ValueType, ReferenceProblem> {
        guard contexts.contains(.matrix), let step else {
            return refuse("matrix.\(name)", "known only in a cell of a step")
        }
        guard let matrix = step.matrix else {
            return .failure(
                ReferenceProblem(
                    "P043", "step '\(step.name)' has no matrix", remedy: "add 'matrix: {\(name): […]}'", at: .whole))
        }
        guard let type = matrix.types[name] else {
            return .failure(
                ReferenceProblem(
                    "P043", "the matrix of step '\(step.name)' has no variable '\(name)'",
                    remedy: suggestion(for: name, among: matrix.types.keys, kind: "variables")))
        }
        return .success(type)
    }

    private func outputType(_ name: String) -> Result<ValueType, ReferenceProblem> {
        guard contexts.contains(.outputs), let step else {
            return refuse("outputs.\(name)", "the place of an attempt's own output, for its params")
        }
        let names = step.outputs.map(\.name)
        guard names.contains(name) else {
            return .failure(
                ReferenceProblem(
                    "P042", "step '\(step.name)' declares no output '\(name)'",
                    remedy: suggestion(for: name, among: names, kind: "outputs") ?? "add 'outputs: {\(name): PATH}'"))
        }
        return .success(.string)
    }

    private func secretType(_ name: String) -> Result<ValueType, ReferenceProblem> {
        guard contexts.contains(.secrets) else {
            return .failure(
                ReferenceProblem(
                    "P048", "'secrets.\(name)' may stand in 'env' only, so that it is never recorded",
                    remedy: "set a variable in 'env', and read it in the code", at: .whole))
        }
        guard index.secrets.contains(name) else {
            return .failure(
                ReferenceProblem(
                    "P060", "the pipeline asks for no secret '\(name)'",
                    remedy: suggestion(for: name, among: index.secrets, kind: "secrets") ?? "add 'secrets: [\(name)]'"))
        }
        return .success(.string)
    }

    // MARK: Steps

    private func stepType(_ reference: StepReference) -> Result<ValueType, ReferenceProblem> {
        guard let other = index.step(named: reference.step) else {
            return .failure(
                ReferenceProblem(
                    "P041", "step '\(reference.step)' does not exist",
                    remedy: suggestion(for: reference.step, among: index.steps.keys, kind: "steps"), at: .step))
        }
        guard contexts.contains(.steps) else {
            return .failure(
                ReferenceProblem("P043", "the values of steps are not known here, before anything has run", at: .whole))
        }
        if let problem = problem(of: reference.selection, in: other, reference) { return .failure(problem) }
        return fieldType(reference.field, of: other, reference).map { type in
            reference.selection == .all ? .list(type) : type
        }
    }

    private func problem(
        of selection: StepReference.Selection, in other: Step, _ reference: StepReference
    ) -> ReferenceProblem? {
        let isSearch = if case .search = other.action { true } else { false }
        switch selection {
        case .best, .top:
            if isSearch || other.select != nil { return nil }
            let remedy =
                other.matrix == nil ? "write 'steps.\(other.name)…' without it" : "add 'select' to step '\(other.name)'"
            return ReferenceProblem(
                "P042", "step '\(other.name)' has no best run, because it has no 'select'", remedy: remedy, at: .step)
        case .all:
            if isSearch || other.matrix != nil { return nil }
            return ReferenceProblem(
                "P042", "step '\(other.name)' has one run only, so there is no 'all'",
                remedy: "write 'steps.\(other.name)…' without it", at: .step)
        case .sameCell:
            guard let variables = other.matrix?.variableNames else {
                return ReferenceProblem(
                    "P042", "step '\(other.name)' has no matrix, so no cell of it can match", at: .step)
            }
            let own = step?.matrix?.variableNames ?? []
            let missing = variables.filter { !own.contains($0) }
            guard !missing.isEmpty else { return nil }
            let names = missing.map { "'\($0)'" }.joined(separator: ", ")
            return ReferenceProblem(
                "P046", "'steps.\(other.name)[matrix]' needs the same matrix variables, and here is no \(names)",
                remedy: "add them to this step's matrix, or use '.all' or '.best'", at: .step)
        case .only:
            switch reference.field {
            case .output, .exitCode:
                if isSearch || other.matrix != nil { return manyRuns(of: other, isSearch: isSearch) }
            case .metric, .param, .tag:
                if isSearch || other.matrix != nil && other.select == nil {
                    return manyRuns(of: other, isSearch: isSearch)
                }
            case .runID, .artifactURI, .status, .duration: if isSearch { return manyRuns(of: other, isSearch: true) }
            }
            return nil
        }
    }

    private func manyRuns(of other: Step, isSearch: Bool) -> ReferenceProblem {
        ReferenceProblem(
            "P042", "step '\(other.name)' \(isSearch ? "finds" : "has") several runs",
            remedy:
                "say which: 'steps.\(other.name).best…'\(isSearch ? "" : ", 'steps.\(other.name)[matrix]…'") or 'steps.\(other.name).all…'",
            at: .step)
    }

    private func fieldType(
        _ field: StepReference.Field, of other: Step, _ reference: StepReference
    ) -> Result<ValueType, ReferenceProblem> {
        switch field {
        case .output(let name):
            guard let names = index.outputNames(of: other) else { return .success(.any) }
            guard names.contains(name) else {
                return .failure(
                    ReferenceProblem(
                        "P042", "step '\(other.name)' declares no output '\(name)'",
                        remedy: suggestion(for: name, among: names, kind: "outputs")
                            ?? "add 'outputs: {\(name): PATH}' to step '\(other.name)'"))
            }
            // It is an artifact, or a small value that the code wrote under the same name.
            return .success(.any)
        case .metric: return .success(.float)
        // What the code or the engine logged: text, or what the file gives.
        case .param: return .success(.any)
        case .tag, .runID, .artifactURI, .status: return .success(.string)
        case .exitCode: return .success(.int)
        case .duration: return .success(.float)
        }
    }
}

/// A pipeline's names, to look them up.
struct PipelineIndex {
    var parameters: [String: PipelineParameter] = [:]
    var steps: [String: Int] = [:]
    var secrets: Set<String> = []
    let pipeline: Pipeline
    /// The outputs of steps that are pipelines, as far as those could be read.
    var nestedOutputs: [String: [String]] = [:]

    init(_ pipeline: Pipeline) {
        self.pipeline = pipeline
        for parameter in pipeline.parameters { parameters[parameter.name] = parameter }
        for (index, step) in pipeline.steps.enumerated() { steps[step.name] = index }
        secrets = Set(pipeline.secrets.map(\.value))
    }

    func step(named name: String) -> Step? {
        steps[name].map { pipeline.steps[$0] }
    }

    /// The names of a step's outputs; nil when any may be one.
    func outputNames(of step: Step) -> [String]? {
        switch step.action {
        case .pipeline: nestedOutputs[step.name]
        // Found runs have the artifacts they have.
        case .search: nil
        case .entryPoint, .command, .register: step.outputs.map(\.name)
        }
    }
}

extension Matrix {
    /// Variables of all cells, first those that are enumerated.
    var variableNames: [String] {
        variables.isEmpty ? include.first?.values.map(\.name) ?? [] : variables.map(\.name)
    }

    /// The types of the variables, as far as they are written out.
    var types: [String: ValueType] {
        var types: [String: ValueType] = [:]
        for name in variableNames { types[name] = .any }
        for variable in variables {
            guard case .listed(let values) = variable.values else { continue }
            let extra = include.compactMap { combination in combination.values.first { $0.name == variable.name }?.value
            }
            let all = values + extra
            let literals = all.compactMap(\.literal)
            guard literals.count == all.count else { continue }
            types[variable.name] = ValueType.common(literals.map(\.type)) ?? .any
        }
        return types
    }
}
