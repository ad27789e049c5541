package import Diagnostics

extension Pipeline {
    /// What is wrong with the file beyond the form of its values: references, types, cycles, and things that exclude each other.
    package func check(_ surroundings: PlanSurroundings = PlanSurroundings()) -> [Diagnostic] {
        var check = PipelineCheck(self, surroundings)
        check.checkAll()
        markStepNames(in: &check.findings)
        return check.findings
    }

    /// Findings about a whole step stand at its name, and mean all of it.
    func markStepNames(in findings: inout [Diagnostic]) {
        guard findings.contains(where: { $0.length == nil }) else { return }
        var lengths: [SourceLocation: Int] = [:]
        for step in steps { lengths[step.location] = step.name.count }
        for index in findings.indices where findings[index].length == nil {
            findings[index].length = findings[index].location.flatMap { lengths[$0] }
        }
    }
}

/// The checks that need no value of a param.
struct PipelineCheck {
    private(set) var index: PipelineIndex
    let pipeline: Pipeline
    let surroundings: PlanSurroundings
    var findings: [Diagnostic] = []
    /// What each step waits for, by index.
    private(set) var dependencies: [[Dependency]] = []
    private(set) var order: [Int] = []

    init(_ pipeline: Pipeline, _ surroundings: PlanSurroundings, nestedOutputs: [String: [String]] = [:]) {
        self.pipeline = pipeline
        self.surroundings = surroundings
        index = PipelineIndex(pipeline)
        index.nestedOutputs = nestedOutputs
    }

    mutating func checkAll() {
        for field in pipeline.fields { check(field, of: nil) }
        for step in pipeline.steps { check(step) }
        warnAboutCacheOfAll()
        dependencies = pipeline.steps.map { dependencies(of: $0) }
        var sorting = DependencyOrder(dependencies.map { $0.map(\.step) })
        sorting.sort()
        order = sorting.order
        for cycle in sorting.cycles { reportCycle(cycle) }
        checkOptionalSteps()
    }

    mutating func report(_ code: String, at location: SourceLocation, _ message: String, remedy: String? = nil) {
        findings.append(Diagnostic(.error, code: code, at: location, message, remedy: remedy))
    }

    // MARK: Values

    private mutating func check(_ field: TemplateField, of step: Step?) {
        // Most values of most files are written out, and those were checked when they were read.
        guard !field.template.expressions.isEmpty else { return }
        let types = ReferenceTypes(index: index, step: step, contexts: field.contexts)
        let count = findings.count
        let type = field.template.check(in: types, reporting: &findings)
        guard findings.count == count, !field.kind.takes(type) else { return }
        report(
            type == .null ? "P044" : "P046", at: field.template.location,
            "\(field.what) must be \(field.kind.words), and this gives \(type)")
    }

    private mutating func check(_ step: Step) {
        for field in step.fields { check(field, of: step) }
        for condition in step.conditions {
            let types = ReferenceTypes(index: index, step: step, contexts: condition.contexts)
            condition.expression.checkCondition(in: types, reporting: &findings)
        }
        for need in step.needs where index.steps[need.value] == nil {
            report(
                "P041", at: need.location, "step '\(need.value)' does not exist",
                remedy: suggestion(for: need.value, among: index.steps.keys, kind: "steps"))
        }
        for secret in step.secrets where !index.secrets.contains(secret.value) {
            report(
                "P060", at: secret.location, "the pipeline asks for no secret '\(secret.value)'",
                remedy: suggestion(for: secret.value, among: index.secrets, kind: "secrets")
                    ?? "add 'secrets: [\(secret.value)]' at the top level")
        }
        checkBackend(step)
        checkMatrix(step)
        checkOutputs(step)
        checkCommand(step)
        checkParamsOfBuiltIns(step)
        warnAboutCache(step)
    }

    private mutating func checkBackend(_ step: Step) {
        guard case .string(let name)? = step.backend?.literal, let location = step.backend?.location,
            let known = surroundings.backends, !known.contains(name)
        else { return }
        // `defaults` give one value to many steps.
        let message = "there is no backend '\(name)'"
        guard !findings.contains(where: { $0.location == location && $0.message == message }) else { return }
        report("P051", at: location, message, remedy: suggestion(for: name, among: known, kind: "backends"))
    }

    // MARK: Matrix

    private mutating func checkMatrix(_ step: Step) {
        guard let matrix = step.matrix else { return }
        let names = matrix.variableNames
        for name in names {
            guard let param = step.parameters.first(where: { $0.name == name }) else { continue }
            report(
                "P013", at: param.location,
                "'\(name)' is a matrix variable of step '\(step.name)', which makes it a param already",
                remedy: "remove it from 'params'")
        }
        for combination in matrix.include + matrix.exclude {
            for value in combination.values where !names.contains(value.name) {
                report(
                    "P012", at: value.location, "the matrix of step '\(step.name)' has no variable '\(value.name)'",
                    remedy: suggestion(for: value.name, among: names, kind: "variables"))
            }
        }
        for combination in matrix.include {
            let missing = names.filter { name in !combination.values.contains { $0.name == name } }
            guard !missing.isEmpty else { continue }
            report(
                "P010", at: combination.location,
                "this cell has no value for \(missing.map { "'\($0)'" }.joined(separator: ", "))",
                remedy: "give every variable a value")
        }
        let listed = matrix.variables.flatMap { variable -> [Template] in
            if case .listed(let values) = variable.values { values } else { [] }
        }
        for value in listed where value.literal == .null {
            report(
                "P011", at: value.location, "a matrix value cannot be null", remedy: "write it as text, or leave it out"
            )
        }
    }

    // MARK: Outputs

    private mutating func checkOutputs(_ step: Step) {
        var paths: [String: String] = [:]
        for output in step.outputs {
            guard case .string(let path)? = output.value.literal else { continue }
            if let other = paths.updateValue(output.name, forKey: path) {
                report(
                    "P036", at: output.value.location,
                    "the outputs '\(other)' and '\(output.name)' of step '\(step.name)' have the same path",
                    remedy: "give each its own path")
            }
        }
        let isBuiltIn =
            switch step.action {
            case .register, .search: true
            default: false
            }
        if let first = step.outputs.first {
            if case .pipeline = step.action {
                report(
                    "P042", at: first.location, "the outputs of a pipeline are declared in its own file",
                    remedy: "remove 'outputs' from step '\(step.name)'")
            } else if isBuiltIn {
                report(
                    "P042", at: first.location, "step '\(step.name)' runs no code, so it has no outputs",
                    remedy: "remove 'outputs'")
            }
        }
    }

    private mutating func checkParamsOfBuiltIns(_ step: Step) {
        switch step.action {
        case .register, .search:
            guard let first = step.parameters.first else { return }
            report(
                "P012", at: first.location, "step '\(step.name)' runs no code, so it has no params",
                remedy: "remove 'params'")
        default: break
        }
    }

    // MARK: Commands

    /// `{name}` of a command is a param of the step; other braces are literal, so only a near miss is worth a word.
    private mutating func checkCommand(_ step: Step) {
        guard case .command(let command) = step.action else { return }
        let names = step.parameters.map(\.name) + (step.matrix?.variableNames ?? [])
        for name in placeholders(of: command.value) where !names.contains(name) {
            guard let nearest = nearestName(to: name, among: names) else { continue }
            findings.append(
                Diagnostic(
                    .warning, code: "placeholder", at: command.location,
                    "'{\(name)}' is no param of step '\(step.name)', so it stays as it is",
                    remedy: "did you mean '{\(nearest)}'?"))
        }
    }

    private func placeholders(of command: String) -> [String] {
        var names: [String] = []
        var rest = command[...]
        while let open = rest.firstIndex(of: "{") {
            rest = rest[rest.index(after: open)...]
            let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) }
            if !name.isEmpty, name.endIndex < rest.endIndex, rest[name.endIndex] == "}" { names.append(String(name)) }
        }
        return names
    }

    // MARK: Cache

    private mutating func warnAboutCache(_ step: Step) {
        guard let cache = step.cache else { return }
        let shared = Set(pipeline.environment.map(\.name))
        for ignored in cache.ignore
        where !(step.parameters + step.environment).contains(where: { $0.name == ignored.value })
            && step.matrix?.variableNames.contains(ignored.value) != true && !shared.contains(ignored.value)
        {
            // `defaults` may name params that only some steps have.
            guard
                pipeline.steps.allSatisfy({
                    ($0.parameters + $0.environment).allSatisfy { $0.name != ignored.value }
                })
            else { continue }
            let finding = Diagnostic(
                .warning, code: "cache", at: ignored.location, "no step has a param '\(ignored.value)' to ignore",
                remedy: suggestion(for: ignored.value, among: step.parameters.map(\.name), kind: "params"))
            if !findings.contains(finding) { findings.append(finding) }
        }
        // Of a nested pipeline its own steps decide.
        if case .pipeline = step.action { return }
        for param in step.parameters where !cache.ignore.contains(where: { $0.value == param.name }) {
            guard let use = param.value.references.first(where: { $0.reference.isNewEachTime }) else { continue }
            findings.append(
                Diagnostic(
                    .warning, code: "cache", at: use.location,
                    "'\(use.reference)' is new in each run, so step '\(step.name)' will never be reused",
                    remedy: "add 'cache: {ignore: [\(param.name)]}', or 'cache: false'"))
        }
        for variable in step.environment where !cache.ignore.contains(where: { $0.value == variable.name }) {
            guard let use = variable.value.references.first(where: { $0.reference.isNewEachTime }) else { continue }
            warn(variable, use, "step '\(step.name)'")
        }
    }

    /// A variable of the top level is one of every step.
    private mutating func warnAboutCacheOfAll() {
        for variable in pipeline.environment {
            guard let use = variable.value.references.first(where: { $0.reference.isNewEachTime }) else { continue }
            let hit = pipeline.steps.first { step in
                guard step.runsCode, let cache = step.cache else { return false }
                return !step.environment.contains { $0.name == variable.name }
                    && !cache.ignore.contains { $0.value == variable.name }
            }
            if let hit { warn(variable, use, pipeline.steps.count == 1 ? "step '\(hit.name)'" : "no step that has it") }
        }
    }

    private mutating func warn(_ variable: NamedTemplate, _ use: ReferenceUse, _ what: String) {
        let verb = what.hasPrefix("no ") ? "will ever" : "will never"
        let instead = use.reference == .run("run_id") ? "read MLFLOW_RUN_ID in the code instead, or " : ""
        findings.append(
            Diagnostic(
                .warning, code: "cache", at: use.location,
                "'\(use.reference)' is new in each run, so \(what) \(verb) be reused",
                remedy: "\(instead)add 'cache: {ignore: [\(variable.name)]}', or 'cache: false'"))
    }

    // MARK: Graph

    private mutating func dependencies(of step: Step) -> [Dependency] {
        var found: [Int: Dependency] = [:]
        func note(_ use: ReferenceUse) {
            guard let reference = use.reference.step, let other = index.steps[reference.step] else { return }
            let isSameCell = reference.selection == .sameCell
            var dependency = found[other] ?? Dependency(step: other, isOptional: true, isSameCell: true)
            dependency.isOptional = dependency.isOptional && use.isOptional
            dependency.isSameCell = dependency.isSameCell && isSameCell
            dependency.isData = true
            found[other] = dependency
        }
        for field in step.fields where !field.template.expressions.isEmpty {
            for use in field.template.references { note(use) }
        }
        for use in step.conditions.flatMap(\.expression.references) { note(use) }
        for need in step.needs {
            guard let other = index.steps[need.value] else { continue }
            var dependency = found[other] ?? Dependency(step: other)
            dependency.isOrder = true
            dependency.isOptional = false
            dependency.isSameCell = false
            found[other] = dependency
        }
        return found.values.sorted { $0.step < $1.step }
    }

    private mutating func reportCycle(_ cycle: [Int]) {
        guard let first = cycle.first else { return }
        let step = pipeline.steps[first]
        let names = cycle.map { pipeline.steps[$0].name }
        // Of a long cycle the beginning and the end tell enough.
        let shown = names.count <= 12 ? names : names.prefix(8) + ["… (\(names.count - 10) more) …"] + names.suffix(2)
        let path = (shown + [names[0]]).joined(separator: " → ")
        report(
            "P047", at: step.location,
            cycle.count == 1 ? "step '\(step.name)' waits for itself" : "these steps wait for each other: \(path)",
            remedy: cycle.count == 1
                ? "remove the reference to itself"
                : "remove one of the references or 'needs' (each waits for the one behind the arrow)")
    }

    /// `run_on: failure` without anything that can fail never runs.
    private mutating func checkOptionalSteps() {
        for (step, dependencies) in zip(pipeline.steps, dependencies)
        where step.runOn == .failure && dependencies.isEmpty {
            findings.append(
                Diagnostic(
                    .warning, code: "run-on", at: step.location,
                    "step '\(step.name)' runs when something it waits for fails, and it waits for nothing",
                    remedy: "add 'needs'"))
        }
    }
}

extension Reference {
    /// Whether it has another value in each run of the same pipeline.
    fileprivate var isNewEachTime: Bool {
        switch self {
        case .run, .fact: true
        case .pipeline(let field): field == "run_id"
        case .step(let reference): reference.field == .runID || reference.field == .artifactURI
        default: false
        }
    }
}

/// An order in which each step comes after everything it waits for; as near to the file's order as that allows.
///
/// Keeps a stack of its own: a chain may have any length.
struct DependencyOrder {
    private enum Mark { case new, open, done }

    private let dependencies: [[Int]]
    private(set) var order: [Int] = []
    /// Each as the steps in the order in which they wait for one another.
    private(set) var cycles: [[Int]] = []

    init(_ dependencies: [[Int]]) {
        self.dependencies = dependencies
    }

    mutating func sort() {
        var marks = [Mark](repeating: .new, count: dependencies.count)
        order.reserveCapacity(dependencies.count)
        for start in dependencies.indices where marks[start] == .new {
            var path = [(step: start, next: 0)]
            marks[start] = .open
            while let (step, next) = path.last {
                guard next < dependencies[step].count else {
                    path.removeLast()
                    marks[step] = .done
                    order.append(step)
                    continue
                }
                path[path.count - 1].next += 1
                let other = dependencies[step][next]
                switch marks[other] {
                case .done: break
                case .new:
                    marks[other] = .open
                    path.append((other, 0))
                case .open:
                    guard cycles.count < 20, let begin = path.lastIndex(where: { $0.step == other }) else { break }
                    cycles.append(path[begin...].map(\.step))
                }
            }
        }
    }
}
