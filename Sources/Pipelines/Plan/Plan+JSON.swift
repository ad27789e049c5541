package import Diagnostics
package import JSON

// The plan as the artifact `pipeline/plan.json`.
//
// A plan follows from the file's text and the request alone. So its JSON carries those two, from which it is made again, and
// beside them what follows, for people and tools, and to notice when another version of the program would plan something else.
extension Plan {
    private static let format = "swiftflow-plan-1"

    /// The plan as JSON.
    package var json: [UInt8] {
        var writer = JSONWriter(reservingCapacity: source.count + nodes.count * 64 + 1024)
        writer.value(.object(jsonObject))
        return writer.bytes + Array("\n".utf8)
    }

    /// The plan as JSON, without the text of the file.
    package var summary: JSONObject {
        var object = JSONObject()
        object["name"] = .string(name)
        object["description"] = description.map(JSONValue.string)
        object["experiment"] = experiment.map(JSONValue.string)
        object["params"] = .object(JSONObject(members: params.map { .init(name: $0.name, value: $0.value.jsonValue) }))
        object["steps"] = .array(steps.map { .object(json(of: $0)) })
        object["nodes"] = .array(nodes.map { .object(json(of: $0)) })
        return object
    }

    private var jsonObject: JSONObject {
        var object = JSONObject()
        object["format"] = .string(Self.format)
        object["file"] = .string(pipeline.file)
        object["source"] = .string(String(decoding: source, as: UTF8.self))
        object["request"] = .object(request.json)
        object.members += summary.members
        return object
    }

    private func json(of step: PlannedStep) -> JSONObject {
        var object = JSONObject()
        object["name"] = .string(step.name)
        object["action"] = .string(step.step.action.name)
        object["waits_for"] = .array(
            step.dependencies.map { dependency in
                var object = JSONObject()
                object["step"] = .string(steps[dependency.step].name)
                object["data"] = .bool(dependency.isData)
                if dependency.isOptional { object["optional"] = .bool(true) }
                if dependency.isSameCell { object["same_cell"] = .bool(true) }
                return .object(object)
            })
        switch step.fanOut {
        case .none: break
        case .cells(let variables):
            object["matrix"] = .array(variables.map(JSONValue.string))
            object["cells"] = .integer(Int64(step.nodes.count))
        case .dynamic(let variables):
            object["matrix"] = .array(variables.map(JSONValue.string))
            object["cells"] = .null
        }
        if !step.isIncluded { object["included"] = .bool(false) }
        if step.isForced { object["forced"] = .bool(true) }
        if let nested = step.nested?.plan {
            object["pipeline"] = .object(nested.summary)
            object["pipeline_digest"] = .string(nested.sourceDigest)
        }
        return object
    }

    private func json(of node: PlanNode) -> JSONObject {
        var object = JSONObject()
        object["id"] = .string(node.id)
        object["step"] = .string(steps[node.step].name)
        if let cell = node.cell {
            object["cell"] = .object(
                JSONObject(members: cell.values.map { .init(name: $0.name, value: $0.value.jsonValue) }))
        }
        return object
    }

    // MARK: Reading

    /// Reads a plan that was written by `json`.
    ///
    /// - Parameter surroundings: needed for nested pipelines; nothing that was checked when the plan was made is checked again.
    /// - Throws: when it is no plan, or when this version of the program would plan something else.
    package init(
        reading bytes: [UInt8], surroundings: PlanSurroundings = PlanSurroundings()
    ) throws(InvalidInput) {
        let refusal = InvalidInput(
            "the plan cannot be read", remedy: "it was written by another version of swiftflow, or was changed")
        guard let json = try? JSONReader.read(bytes.span), case .object(let object) = json,
            object["format"] == .string(Self.format), case .string(let source)? = object["source"],
            case .string(let file)? = object["file"], case .object(let asked)? = object["request"],
            let request = PlanRequest(json: asked)
        else { throw refusal }
        let text = Array(source.utf8)
        let (pipeline, findings) = Pipeline.read(text, file: file)
        guard let pipeline, !findings.contains(where: { $0.severity == .error }) else { throw InvalidInput(findings) }
        let made = Plan.make(pipeline, source: text, request: request, surroundings: surroundings)
        guard let plan = made.plan else { throw InvalidInput(made.findings.filter { $0.severity == .error }) }
        let written = object["nodes"]
        guard written == .array(plan.nodes.map { .object(plan.json(of: $0)) }) else {
            throw InvalidInput(
                "this version of swiftflow plans other nodes for '\(plan.name)' than the one that started it",
                remedy: "go on with the version that started it, or run the pipeline anew")
        }
        self = plan
    }
}

extension Step.Action {
    /// The key of the action in the file.
    package var name: String {
        switch self {
        case .entryPoint: "entry_point"
        case .command: "command"
        case .pipeline: "pipeline"
        case .register: "register"
        case .search: "search"
        }
    }
}

extension PlanRequest {
    fileprivate var json: JSONObject {
        var object = JSONObject()
        object["params"] = .array(
            params.map { param in
                var object = JSONObject()
                object["name"] = .string(param.name)
                switch param.content {
                case .text(let text): object["text"] = .string(text)
                case .value(let value): object["value"] = value.taggedJSON
                }
                return .object(object)
            })
        object["default_name"] = .string(defaultName)
        object["max_cells"] = .integer(Int64(maximumCells))
        if !commits.isEmpty {
            object["commits"] = .object(
                JSONObject(members: commits.map { .init(name: $0.name, value: .string($0.value)) }))
        }
        for (name, names) in part.lists where !names.isEmpty { object[name] = .array(names.map(JSONValue.string)) }
        if part.forceAll { object["force_all"] = .bool(true) }
        object["using"] = part.using.map(JSONValue.string)
        return object
    }

    fileprivate init?(json: JSONObject) {
        self.init()
        guard case .array(let params)? = json["params"], case .string(let name)? = json["default_name"],
            case .integer(let cells)? = json["max_cells"]
        else { return nil }
        defaultName = name
        maximumCells = Int(clamping: cells)
        for param in params {
            guard case .object(let param) = param, case .string(let name)? = param["name"] else { return nil }
            if case .string(let text)? = param["text"] {
                self.params.append(.init(name, .text(text)))
            } else if let value = param["value"].flatMap(Value.init(tagged:)) {
                self.params.append(.init(name, .value(value)))
            } else {
                return nil
            }
        }
        if case .object(let commits)? = json["commits"] {
            for commit in commits.members {
                guard case .string(let id) = commit.value else { return nil }
                self.commits.append(NamedText(commit.name, id))
            }
        }
        part.only = Self.names(json["only"])
        part.from = Self.names(json["from"])
        part.until = Self.names(json["until"])
        part.skip = Self.names(json["skip"])
        part.force = Self.names(json["force"])
        part.forceAll = json["force_all"] == .bool(true)
        if case .string(let run)? = json["using"] { part.using = run }
    }

    private static func names(_ value: JSONValue?) -> [String] {
        guard case .array(let items)? = value else { return [] }
        return items.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
}

extension PipelinePart {
    fileprivate var lists: [(String, [String])] {
        [("only", only), ("from", from), ("until", until), ("skip", skip), ("force", force)]
    }
}

extension Value {
    /// JSON that tells an artifact from a text and a whole float from an integer.
    fileprivate var taggedJSON: JSONValue {
        switch self {
        case .float(let number): .object(JSONObject(members: [.init(name: "float", value: .string("\(number)"))]))
        case .artifact(let artifact):
            .object(
                JSONObject(members: [
                    .init(name: "artifact", value: .string(artifact.uri)),
                    .init(name: "form", value: .string(artifact.form.rawValue)),
                    .init(name: "digest", value: artifact.digest.map(JSONValue.string) ?? .null),
                ]))
        case .list(let items): .array(items.map(\.taggedJSON))
        default: jsonValue
        }
    }

    /// The value as a text that tells an artifact from a text and a whole float from an integer.
    package var recorded: String {
        var writer = JSONWriter()
        writer.value(taggedJSON)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Reads `recorded`; nil for any other text.
    package init?(recorded text: String) {
        guard let json = try? JSONReader.read(Array(text.utf8).span) else { return nil }
        self.init(tagged: json)
    }

    fileprivate init?(tagged json: JSONValue) {
        switch json {
        case .object(let object):
            if case .string(let text)? = object["float"], let number = Double(text) {
                self = .float(number)
            } else if case .string(let uri)? = object["artifact"], case .string(let name)? = object["form"],
                let form = ArtifactReference.Form(rawValue: name)
            {
                var digest: String?
                if case .string(let text)? = object["digest"] { digest = text }
                self = .artifact(ArtifactReference(uri: uri, form: form, digest: digest))
            } else {
                return nil
            }
        case .array(let items):
            let values = items.compactMap(Value.init(tagged:))
            guard values.count == items.count else { return nil }
            self = .list(values)
        default: self.init(json: json)
        }
    }
}

extension JSONObject {
    subscript(_ name: String) -> JSONValue? {
        get { members.first { $0.name == name }?.value }
        set {
            if let index = members.firstIndex(where: { $0.name == name }) {
                if let newValue { members[index].value = newValue } else { members.remove(at: index) }
            } else if let newValue {
                members.append(Member(name: name, value: newValue))
            }
        }
    }
}
