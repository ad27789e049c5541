package import Diagnostics
import Documents

extension Plan {
    /// Makes the plan of a pipeline, or says everything that is in its way.
    ///
    /// - Parameter isCheck: only the file is judged: a required param may be without a value, and what depends on it is not looked at.
    /// - Returns: no plan when there is an error among the findings; the plan of a check may lack values and is not to be run.
    package static func make(
        _ pipeline: Pipeline, source: [UInt8], request: PlanRequest = PlanRequest(),
        surroundings: PlanSurroundings = PlanSurroundings(), isCheck: Bool = false
    ) -> (plan: Plan?, findings: [Diagnostic]) {
        var maker = PlanMaker(pipeline, source: source, request: request, surroundings: surroundings, isCheck: isCheck)
        let plan = maker.make()
        pipeline.markStepNames(in: &maker.findings)
        return (maker.findings.contains { $0.severity == .error } ? nil : plan, maker.findings)
    }
}

/// Evaluates what is known before the start, and puts a plan together.
struct PlanMaker {
    let pipeline: Pipeline
    let source: [UInt8]
    let request: PlanRequest
    let surroundings: PlanSurroundings
    let isCheck: Bool
    var findings: [Diagnostic] = []
    /// What is wrong with nested pipelines, which keeps nothing else from being checked.
    private var nestedFindings: [Diagnostic] = []
    private var params: [NamedValue] = []
    private var values: [String: Value] = [:]
    private var name = ""
    var steps: [PlannedStep] = []
    var nodes: [PlanNode] = []

    init(
        _ pipeline: Pipeline, source: [UInt8], request: PlanRequest, surroundings: PlanSurroundings, isCheck: Bool
    ) {
        self.pipeline = pipeline
        self.source = source
        self.request = request
        self.surroundings = surroundings
        self.isCheck = isCheck
    }

    mutating func make() -> Plan? {
        params = pipeline.values(of: request.params, allowsMissing: isCheck, reporting: &findings)
        values = Dictionary(params.map { ($0.name, $0.value) }) { $1 }
        name = pipeline.name == nil ? request.defaultName : ""
        if let given = pipeline.name { name = evaluatedName(given) ?? request.defaultName }

        let nested = nestedPlans()
        var check = PipelineCheck(
            pipeline, surroundings, nestedOutputs: nested.mapValues { $0.pipeline.outputs.map(\.name) })
        check.checkAll()
        findings += check.findings
        checkResourceNames()
        defer { findings += nestedFindings.filter { !findings.contains($0) } }
        // Without a sound graph there is no order in which anything could be known.
        guard !findings.contains(where: { $0.severity == .error }) else { return nil }

        let experiment = pipeline.experiment.flatMap { text($0, "'experiment'") }
        let description = pipeline.description.flatMap { text($0, "'description'") }
        let timeout = pipeline.timeout.flatMap { duration($0, "'timeout'") }
        let tags = pipeline.tags.compactMap { tag in
            text(tag.value, "the tag '\(tag.name)'").map { NamedText(tag.name, $0) }
        }
        var limits: [String: Double] = [:]
        for limit in pipeline.limits { limits[limit.name] = amount(limit.value, "the limit '\(limit.name)'") }

        var index: [String: Int] = [:]
        for (position, step) in pipeline.steps.enumerated() {
            index[step.name] = position
            var planned = PlannedStep(step: step, index: position)
            planned.dependencies = check.dependencies[position]
            planned.nested = nested[step.name].map(NestedPlan.init)
            steps.append(planned)
        }
        for step in steps {
            for dependency in step.dependencies { steps[dependency.step].dependents.append(step.index) }
        }
        for position in steps.indices { addNodes(of: position) }
        checkMatchingCells()
        checkKnownValues(limits: limits)
        checkEntryPoints()
        checkSecrets()
        choosePart()
        return Plan(
            pipeline: pipeline, request: request, source: source, name: name, description: description,
            experiment: experiment, params: params, limits: limits, timeout: timeout, tags: tags, steps: steps,
            nodes: nodes, order: check.order, warnings: findings.filter { $0.severity == .warning }, indices: index,
            values: values)
    }

    mutating func report(_ code: String, at location: SourceLocation?, _ message: String, remedy: String? = nil) {
        findings.append(Diagnostic(.error, code: code, at: location, message, remedy: remedy))
    }

    // MARK: Values

    func scope(_ cell: Cell? = nil) -> NodeScope<NothingKnown> {
        NodeScope(params: values, name: name, cell: cell, outside: NothingKnown())
    }

    /// The value of a template that is known before the start; nil when it cannot be had, which is reported.
    mutating func value(_ template: Template, cell: Cell? = nil) -> Value? {
        do throws(EvaluationError) {
            return try template.value(in: scope(cell))
        } catch {
            // A param without a value has been reported, or is allowed to have none in a check.
            if error.diagnostics.allSatisfy({ $0.code == "P020" }) { return nil }
            findings += error.diagnostics.filter { !findings.contains($0) }
            return nil
        }
    }

    mutating func text(_ template: Template, _ what: String, cell: Cell? = nil) -> String? {
        guard let value = value(template, cell: cell) else { return nil }
        if let text = value.text, !value.type.isList { return text }
        reportOnce(
            value == .null ? "P044" : "P046", at: template.location,
            "\(what) must be text, and this gives \(value.type)")
        return nil
    }

    mutating func duration(_ template: Template, _ what: String, cell: Cell? = nil) -> Duration? {
        guard let value = value(template, cell: cell) else { return nil }
        do throws(InvalidInput) {
            return try Duration(of: value, what, at: template.location)
        } catch {
            for finding in error.diagnostics where !findings.contains(finding) { findings.append(finding) }
            return nil
        }
    }

    mutating func amount(_ template: Template, _ what: String, cell: Cell? = nil) -> Double? {
        guard let value = value(template, cell: cell) else { return nil }
        do throws(InvalidInput) {
            return try value.amount(what, at: template.location)
        } catch {
            for finding in error.diagnostics where !findings.contains(finding) { findings.append(finding) }
            return nil
        }
    }

    /// What is wrong with a value of one cell is mostly wrong with all.
    mutating func reportOnce(_ code: String, at location: SourceLocation, _ message: String, remedy: String? = nil) {
        let finding = Diagnostic(.error, code: code, at: location, message, remedy: remedy)
        if !findings.contains(finding) { findings.append(finding) }
    }

    private mutating func evaluatedName(_ template: Template) -> String? {
        // What it may not refer to is found by the check.
        guard template.isOpenBeforeStart, let name = text(template, "'name'") else { return nil }
        guard isPipelineName(name) else {
            if template.literal == nil {
                report("P014", at: template.location, pipelineNameProblem(name), remedy: nameRemedy)
            }
            return nil
        }
        return name
    }

    // MARK: Nodes

    private mutating func addNodes(of position: Int) {
        let step = steps[position].step
        let first = nodes.count
        defer { steps[position].nodes = first..<nodes.count }
        guard let matrix = step.matrix else {
            nodes.append(PlanNode(id: step.name, step: position))
            return
        }
        guard matrix.isKnownBeforeStart else {
            steps[position].fanOut = .dynamic(variables: matrix.variableNames)
            return
        }
        steps[position].fanOut = .cells(variables: matrix.variableNames)
        do {
            let cells = try matrix.cells(of: step.name, in: scope(), limit: request.maximumCells)
            nodes.reserveCapacity(nodes.count + cells.count)
            for cell in cells { nodes.append(PlanNode(id: step.name + cell.label, step: position, cell: cell)) }
        } catch let error as EvaluationError {
            if !error.diagnostics.allSatisfy({ $0.code == "P020" }) { findings += error.diagnostics }
        } catch let error as InvalidInput {
            findings += error.diagnostics
        } catch {
            // Nothing else is thrown there.
        }
    }

    /// `steps.S[matrix]` wants a cell of `S` for each cell of the step.
    private mutating func checkMatchingCells() {
        for step in steps {
            for dependency in step.dependencies where dependency.isSameCell {
                let other = steps[dependency.step]
                guard case .cells(let variables) = other.fanOut, case .cells = step.fanOut else { continue }
                let known = Set(nodes[other.nodes].map(\.id))
                for node in nodes[step.nodes] {
                    guard let cell = node.cell?.restricted(to: variables) else { continue }
                    let id = other.name + cell.label
                    guard !known.contains(id) else { continue }
                    report(
                        "P046", at: step.step.location,
                        "'\(node.id)' refers to the matching cell of step '\(other.name)', and there is no '\(id)'",
                        remedy: "give both steps the same cells")
                    break
                }
            }
        }
    }

    // MARK: Sub-pipelines

    private mutating func nestedPlans() -> [String: Plan] {
        var plans: [String: Plan] = [:]
        for step in pipeline.steps {
            guard case .pipeline(let place) = step.action, place.isOpenBeforeStart, !place.usesMatrix,
                let text = text(place, "'pipeline'")
            else { continue }
            if let version = step.version, version.literal == nil { continue }
            var request = PlanRequest()
            request.maximumCells = self.request.maximumCells
            request.defaultName = step.name
            var isComplete = step.matrix == nil
            for param in step.parameters {
                guard param.value.isOpenBeforeStart, !param.value.usesMatrix, let value = value(param.value) else {
                    isComplete = false
                    continue
                }
                request.params.append(.init(param.name, .value(value), at: param.value.location))
            }
            do throws(InvalidInput) {
                guard let plan = try surroundings.nestedPlan(text, step.version?.literal?.text, request, !isComplete)
                else { continue }
                plans[step.name] = plan
                checkParams(of: step, against: plan.pipeline)
            } catch {
                nestedFindings += error.diagnostics.map { $0.asked(of: step, at: place.location) }
            }
        }
        return plans
    }

    private mutating func checkParams(of step: Step, against nested: Pipeline) {
        let known = nested.parameters.map(\.name)
        for param in step.parameters where !known.contains(param.name) {
            reportOnce(
                "P021", at: param.location, "the pipeline of step '\(step.name)' has no param '\(param.name)'",
                remedy: suggestion(for: param.name, among: known, kind: "params"))
        }
        for name in step.matrix?.variableNames ?? [] where !known.contains(name) {
            reportOnce(
                "P021", at: step.matrix?.location ?? step.location,
                "the pipeline of step '\(step.name)' has no param '\(name)', which the matrix makes one of",
                remedy: suggestion(for: name, among: known, kind: "params"))
        }
        for variable in step.matrix?.variables ?? [] {
            guard case .listed(let values) = variable.values,
                let parameter = nested.parameters.first(where: { $0.name == variable.name })
            else { continue }
            for template in values {
                guard let value = template.literal, case .failure(let problem) = parameter.accepting(value) else {
                    continue
                }
                reportOnce(
                    "P022", at: template.location, "the param '\(variable.name)' \(problem.message)",
                    remedy: problem.remedy)
            }
        }
        let given = step.parameters.map(\.name) + (step.matrix?.variableNames ?? [])
        for parameter in nested.parameters where parameter.defaultValue == nil && !given.contains(parameter.name) {
            reportOnce(
                "P020", at: step.location, "the pipeline of step '\(step.name)' needs a value for '\(parameter.name)'",
                remedy: "add it to 'params' of the step")
        }
    }
}

extension Diagnostic {
    /// A param without a value is a mistake of the step that should have given it.
    ///
    /// - Parameter place: where the pipeline is named, for what has no other place.
    fileprivate func asked(of step: Step, at place: SourceLocation) -> Diagnostic {
        guard code == "P020", let name = message.firstMatch(between: "the param '", and: "' needs a value") else {
            var finding = self
            if finding.location == nil { finding.location = place }
            return finding
        }
        return Diagnostic(
            .error, code: code, at: step.location,
            "the pipeline of step '\(step.name)' needs a value for '\(name)'",
            remedy: "add it to 'params' of the step")
    }
}

extension String {
    /// What stands between a beginning and an end.
    fileprivate func firstMatch(between start: String, and end: String) -> String? {
        guard hasPrefix(start), hasSuffix(end), count > start.count + end.count else { return nil }
        return String(dropFirst(start.count).dropLast(end.count))
    }
}

extension Cell {
    /// The same cell of another matrix, by that one's variables; nil when a value is missing here.
    func restricted(to variables: [String]) -> Cell? {
        var values: [NamedValue] = []
        for name in variables {
            guard let value = self[name] else { return nil }
            values.append(NamedValue(name, value))
        }
        return Cell(values: values)
    }
}

extension Duration {
    /// A duration from what an expression gave.
    init(of value: Value, _ what: String, at location: SourceLocation) throws(InvalidInput) {
        guard case .string(let text) = value else {
            throw InvalidInput([
                Diagnostic(
                    .error, code: value == .null ? "P044" : "P046", at: location,
                    "\(what) must be a duration such as 90s, and this gives \(value.shownInMessage)")
            ])
        }
        try self.init(written: text, at: TextPlacement(location))
    }
}

extension Value {
    /// A number, or the bytes of a size.
    func amount(_ what: String, at location: SourceLocation) throws(InvalidInput) -> Double {
        switch self {
        case .int(let number) where number >= 0: return Double(number)
        case .float(let number) where number >= 0 && number.isFinite: return number
        case .string(let text):
            return Double(try ByteSize(written: text, at: TextPlacement(location)).bytes)
        default:
            throw InvalidInput([
                Diagnostic(
                    .error, code: self == .null ? "P044" : "P046", at: location,
                    "\(what) must be a number of at least 0 or a size such as 8GiB, and this gives \(shownInMessage)")
            ])
        }
    }
}
