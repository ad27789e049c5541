import Diagnostics
import JSON
import Projects

// What can be said about values that are known before the start.
extension PlanMaker {
    /// Resources that every machine has and no limit has to name.
    private static let knownResources = ["cpu", "memory", "gpu", "disk"]

    mutating func checkKnownValues(limits: [String: Double]) {
        var places: [String: String] = [:]
        for position in steps.indices {
            let step = steps[position].step
            let cells = nodes[steps[position].nodes].map { ($0.id, $0.cell) }
            for field in step.fields where field.contexts != .steps && field.template.isOpenBeforeStart {
                guard !field.template.expressions.isEmpty else { continue }
                if field.template.usesMatrix {
                    for (_, cell) in cells where !check(field, cell: cell) { break }
                } else {
                    _ = check(field, cell: nil)
                }
            }
            for (name, cell) in cells { checkAmounts(of: step, cell, limits: limits, node: name) }
            checkBackend(of: step, cells.map(\.1))
            checkOutputPlaces(of: step, cells, &places)
        }
    }

    /// Whether the field has a value of the right kind, or has none yet.
    private mutating func check(_ field: TemplateField, cell: Cell?) -> Bool {
        let count = findings.count
        switch field.kind {
        case .value: _ = value(field.template, cell: cell)
        case .text: _ = text(field.template, field.what, cell: cell)
        case .duration: _ = duration(field.template, field.what, cell: cell)
        case .amount: _ = amount(field.template, field.what, cell: cell)
        case .list: break
        }
        return findings.count == count
    }

    // MARK: Resources

    /// What other systems call them.
    private static let otherNames = [
        "mem": "memory", "ram": "memory", "cores": "cpu", "vcpu": "cpu", "threads": "cpu", "processors": "cpu",
        "storage": "disk",
    ]

    /// Needs no value, and so is told beside mistakes that keep values from being known.
    mutating func checkResourceNames() {
        let known = Self.knownResources + pipeline.limits.map(\.name)
        for resource in pipeline.steps.flatMap(\.resources) where !known.contains(resource.name) {
            reportOnce(
                "P050", at: resource.location, "there is no limit named '\(resource.name)'",
                remedy: Self.otherNames[resource.name.lowercased()].map { "did you mean '\($0)'?" }
                    ?? suggestion(for: resource.name, among: known, kind: "resources") ?? "add it to 'limits'")
        }
    }

    private mutating func checkAmounts(of step: Step, _ cell: Cell?, limits: [String: Double], node: String) {
        let isLocal = step.backend.map { $0.literal == .string("local") } ?? true
        for resource in step.resources {
            // The rest of what a remote backend is asked for is that backend's business.
            let limit = limits[resource.name] ?? (isLocal ? surroundings.machine[resource.name] : nil)
            guard let limit, isLocal || !Self.knownResources.contains(resource.name) else { continue }
            guard resource.value.isOpenBeforeStart,
                let amount = amount(resource.value, "'\(resource.name)' in 'resources'", cell: cell), amount > limit
            else { continue }
            reportOnce(
                "P050", at: resource.value.location,
                "step '\(step.name)' asks for \(shown(amount, resource.name)) of '\(resource.name)', and the limit is \(shown(limit, resource.name))",
                remedy: "ask for less, or raise the limit")
        }
    }

    private func shown(_ amount: Double, _ resource: String) -> String {
        guard let whole = Int(exactly: amount) else { return amount.description }
        return ["memory", "disk"].contains(resource) ? ByteSize(bytes: whole).description : String(whole)
    }

    private mutating func checkBackend(of step: Step, _ cells: [Cell?]) {
        guard let backend = step.backend, backend.literal == nil, backend.isOpenBeforeStart,
            let known = surroundings.backends
        else { return }
        for cell in backend.usesMatrix ? cells : [nil] {
            guard let name = text(backend, "'backend'", cell: cell), !known.contains(name) else { continue }
            return reportOnce(
                "P051", at: backend.location, "there is no backend '\(name)'",
                remedy: suggestion(for: name, among: known, kind: "backends"))
        }
    }

    // MARK: Outputs

    /// Two nodes must not write the same file of a project's folder.
    private mutating func checkOutputPlaces(
        of step: Step, _ cells: [(String, Cell?)], _ places: inout [String: String]
    ) {
        for output in step.outputs where output.value.isOpenBeforeStart {
            let isSame = !output.value.usesMatrix
            for (node, cell) in cells {
                guard let path = text(output.value, "the path of output '\(output.name)'", cell: cell) else { break }
                if output.value.literal == nil, let problem = problemOfOutputPath(path) {
                    reportOnce(
                        "P014", at: output.value.location, "the path of output '\(output.name)', '\(path)', \(problem)")
                    break
                }
                guard path.hasPrefix("./") else { break }
                // Where several cells run one after the other, each is logged before the next one writes.
                if isSame, cells.count > 1, step.maxParallel != 1 {
                    reportOnce(
                        "P036", at: output.value.location, "all cells of step '\(step.name)' write one file, '\(path)'",
                        remedy:
                            "put a matrix variable into the path, let the code write to ${{ outputs.\(output.name) }}, or set 'max_parallel: 1'"
                    )
                }
                let project = step.project.flatMap { $0.literal?.text } ?? ""
                let owner = isSame ? step.name : node
                if let other = places.updateValue(owner, forKey: "\(project)\u{0}\(path)"), other != owner {
                    reportOnce(
                        "P036", at: output.value.location, "'\(owner)' and '\(other)' write one file, '\(path)'",
                        remedy: "give each its own path")
                }
                if isSame { break }
            }
        }
    }

    // MARK: Entry points

    mutating func checkEntryPoints() {
        var projects: [String: Result<Project?, InvalidInput>] = [:]
        for position in steps.indices {
            let step = steps[position].step
            guard case .entryPoint(let template) = step.action, let name = knownText(template),
                let place = knownText(step.project), let version = knownText(step.version)
            else { continue }
            let key = "\(place.text ?? "")\u{0}\(version.text ?? "")"
            let result: Result<Project?, InvalidInput>
            if let known = projects[key] {
                result = known
            } else {
                do throws(InvalidInput) {
                    result = .success(try surroundings.project(place.text, version.text))
                } catch {
                    result = .failure(error)
                    findings += error.diagnostics.map { finding in
                        var finding = finding
                        if finding.location == nil { finding.location = step.project?.location ?? step.location }
                        return finding
                    }
                }
                projects[key] = result
            }
            guard case .success(let project?) = result, let entry = name.text else { continue }
            check(step, runs: entry, of: project, at: template.location)
        }
    }

    private struct KnownText {
        var text: String?
    }

    /// The text of a template that is the same for every cell and known now; nil when it is not known.
    private mutating func knownText(_ template: Template?) -> KnownText? {
        guard let template else { return KnownText(text: nil) }
        guard template.isOpenBeforeStart, !template.usesMatrix else { return nil }
        return text(template, "this").map { KnownText(text: $0) }
    }

    private mutating func check(_ step: Step, runs name: String, of project: Project, at location: SourceLocation) {
        let entryPoint: EntryPoint
        do throws(InvalidInput) {
            entryPoint = try project.entryPoint(named: name)
        } catch {
            let names = project.entryPoints.map(\.name)
            let isDefault = location == step.location
            let remedy =
                names.isEmpty
                ? isDefault ? "give the step a 'command' or an 'entry_point'" : error.diagnostics.first?.remedy
                : suggestion(for: name, among: names, kind: "entry points")
            return report(
                "P031", at: location,
                isDefault
                    ? "the project has no entry point '\(name)', which is what a step of this name runs"
                    : "the project has no entry point '\(name)'",
                remedy: remedy)
        }
        // Scripts take whatever they are given.
        guard project.entryPoints.contains(where: { $0.name == name }) else { return }
        let declared = entryPoint.parameters
        let variables = step.matrix?.variableNames ?? []
        let given =
            step.parameters.map { ($0.name, $0.location) }
            + variables.map { ($0, step.matrix?.location ?? step.location) }
        for (param, location) in given where !declared.contains(where: { $0.name == param }) {
            findings.append(
                Diagnostic(
                    .warning, code: "undeclared-param", at: location,
                    "the entry point '\(name)' declares no param '\(param)', so it is appended as '--\(param) VALUE'",
                    remedy: nearestName(to: param, among: declared.map(\.name)).map { "did you mean '\($0)'?" },
                    length: param.count))
        }
        for parameter in declared
        where parameter.defaultValue == nil && !given.contains(where: { $0.0 == parameter.name }) {
            report(
                "P020", at: step.location, "the entry point '\(name)' needs a value for its param '\(parameter.name)'",
                remedy: "add '\(parameter.name): …' to 'params' of step '\(step.name)'")
        }
        checkTypes(of: step, against: declared)
        checkPaths(of: step, against: declared)
    }

    private mutating func checkTypes(of step: Step, against declared: [ParameterDeclaration]) {
        for param in step.parameters {
            guard let parameter = declared.first(where: { $0.name == param.name }), param.value.isOpenBeforeStart,
                !param.value.usesMatrix, let text = value(param.value)?.text,
                let problem = parameter.type.problem(of: text)
            else { continue }
            report(
                "P022", at: param.value.location,
                "the param '\(param.name)' is of type \(parameter.type.name), and \(Value.string(text).shownInMessage) \(problem)"
            )
        }
    }

    // MARK: Paths

    /// A `path` param means a file of this machine, which a step that runs elsewhere may not see.
    private mutating func checkPaths(of step: Step, against declared: [ParameterDeclaration]) {
        let paths = declared.filter { $0.type == .path }
        guard !paths.isEmpty, let backend = knownText(step.backend)?.text,
            let configuration = knownConfiguration(of: step)
        else { return }
        for parameter in paths {
            let given = step.parameters.first { $0.name == parameter.name }?.value
            // Cells are looked at when they start.
            guard given?.usesMatrix != true, step.matrix?.variableNames.contains(parameter.name) != true,
                given != nil || parameter.defaultValue != nil
            else { continue }
            // What is not known before the start is the output of another step.
            var text = parameter.defaultValue
            if let given {
                text = nil
                if given.isOpenBeforeStart {
                    guard let known = value(given)?.text else { continue }
                    text = known
                }
            }
            guard let problem = surroundings.problemOfPath(backend, configuration.value, text) else { continue }
            report(
                "P052", at: given?.location ?? step.location,
                "the param '\(parameter.name)' is of type path, and \(problem.reason)", remedy: problem.remedy)
        }
    }

    private struct KnownConfiguration {
        var value: ResolvedStep.BackendConfiguration?
    }

    /// What the step's backend is told, if that is known now.
    private mutating func knownConfiguration(of step: Step) -> KnownConfiguration? {
        switch step.backendConfiguration {
        case nil: return KnownConfiguration()
        case .file(let template)?:
            guard let path = knownText(template)?.text else { return nil }
            return KnownConfiguration(value: .file(path))
        case .values(let tree)?:
            guard case .object(let object)? = literal(tree) else { return nil }
            return KnownConfiguration(value: .values(object))
        }
    }

    /// The tree is as deep as its document, which is limited.
    private func literal(_ tree: TemplateTree) -> JSONValue? {
        switch tree {
        case .template(let template): return template.literal?.jsonValue
        case .list(let items):
            let values = items.compactMap { literal($0) }
            return values.count == items.count ? .array(values) : nil
        case .mapping(let members):
            let values = members.compactMap { member in
                literal(member.value).map { JSONObject.Member(name: member.name, value: $0) }
            }
            return values.count == members.count ? .object(JSONObject(members: values)) : nil
        }
    }

    // MARK: Secrets

    mutating func checkSecrets() {
        guard let hasSecret = surroundings.hasSecret else { return }
        for secret in pipeline.secrets where !hasSecret(secret.value) {
            report(
                "P060", at: secret.location, "the secret '\(secret.value)' has no value",
                remedy: "set the environment variable '\(secret.value)', or name a file with --secrets-file")
        }
    }
}
