package import JSON

/// The JSON Schema of pipeline files, for editors.
///
/// Made from the same keys the reader switches over, so neither can know a key that the other does not. `check` knows more:
/// references, types, and what excludes what beyond a single step.
package enum PipelineSchema {
    package static var json: JSONValue {
        schema(
            "$schema", .string("https://json-schema.org/draft/2020-12/schema"),
            [
                ("title", .string("swiftflow pipeline")), ("type", .string("object")),
                ("additionalProperties", .bool(false)), extensions, ("required", texts(["steps"])),
                ("properties", properties(TopKey.self, top)),
                (
                    "$defs",
                    object([
                        ("cache", cache), ("retry", retry), ("resources", resources), ("hooks", hooks),
                        ("param", param), ("matrix", matrix), ("space", space), ("sweep", sweep), ("select", select),
                        ("step", step),
                    ])
                ),
            ])
    }

    /// The schema as the text of a file.
    package static var text: String { json.indented + "\n" }

    // MARK: Mappings of keys

    private static func top(_ key: TopKey) -> JSONValue {
        switch key {
        case .version: object([("const", .integer(1)), ("default", .integer(1))])
        case .name: pattern("^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
        case .description, .experiment: type("string")
        case .params: map(of: reference("param"))
        case .env, .tags: scalars
        case .secrets: uniqueTexts
        case .cache: reference("cache")
        case .defaults:
            object([
                ("type", .string("object")), ("additionalProperties", .bool(false)), extensions,
                ("properties", properties(DefaultsKey.self) { $0.stepKey.map(stepValue) ?? .bool(true) }),
            ])
        case .limits: map(of: amount)
        case .onError: choice(FailurePolicy.self, default: .finish)
        case .timeout: duration()
        case .steps:
            object([
                ("type", .string("object")), ("minProperties", .integer(1)),
                ("propertyNames", pattern(stepName)), ("additionalProperties", reference("step")),
            ])
        case .outputs: map(of: anything)
        case .hooks: reference("hooks")
        case .concurrency: choice(Concurrency.self, default: .allow)
        }
    }

    private static func stepValue(_ key: StepKey) -> JSONValue {
        switch key {
        case .project: type("string", "Folder or git URI (url#subdir) of the MLflow Project.")
        case .version: type("string", "Git commit, tag or branch.")
        case .backend:
            object([
                ("type", .string("string")),
                ("description", .string("local, docker, kubernetes, slurm, ray or a plug-in.")),
                ("default", .string("local")),
            ])
        case .backendConfig: object([("type", texts(["object", "string"]))])
        case .image, .pipeline, .description: type("string")
        case .envManager:
            anyOf([object([("enum", texts(["local", "virtualenv", "uv", "conda"]))]), pattern(expression)])
        case .env, .tags: scalars
        case .resources: reference("resources")
        case .timeout: duration()
        case .grace: duration(default: "30s")
        case .retry: reference("retry")
        case .cache: reference("cache")
        case .entryPoint: type("string", "Entry point of the project. Default: the step's own name.")
        case .command: type("string", "Shell command; {name} is the quoted value of a param of this step.")
        case .register:
            closed(RegisterKey.self, required: ["model", "name"]) { $0 == .tags ? scalars : type("string") }
        case .search:
            closed(SearchKey.self) { key in
                switch key {
                case .filter, .experiment: type("string")
                case .orderBy: anyOf([type("string"), list(of: type("string"))])
                case .limit: integer(from: 1, default: .integer(1))
                }
            }
        case .params: map(of: anything)
        case .needs: object([("type", .string("array")), ("items", pattern(stepName)), ("uniqueItems", .bool(true))])
        case .when:
            object([
                ("type", texts(["string", "boolean"])), ("description", .string("Expression; false skips the step.")),
            ])
        case .runOn: choice(Step.Outcome.self, default: .success)
        case .matrix: reference("matrix")
        case .sweep: reference("sweep")
        case .select: reference("select")
        case .maxParallel: integer(from: 1)
        case .outputs: map(of: type("string"))
        case .metrics, .secrets: uniqueTexts
        case .allowFailure:
            object([
                ("anyOf", .array([type("boolean"), integer(from: 0), pattern("^[0-9]{1,3}%$")])),
                ("default", .bool(false)),
            ])
        case .priority: object([("type", .string("integer")), ("default", .integer(0))])
        case .hooks: reference("hooks")
        }
    }

    // MARK: Definitions

    private static var step: JSONValue {
        var pairs: [JSONValue] = []
        func exclude(_ one: StepKey, _ other: StepKey) {
            pairs.append(object([("not", object([("required", texts([one.rawValue, other.rawValue]))]))]))
        }
        for (index, action) in StepKey.actions.enumerated() {
            for other in StepKey.actions.dropFirst(index + 1) { exclude(action, other) }
        }
        exclude(.matrix, .sweep)
        let fanOut = anyOf([object([("required", texts(["matrix"]))]), object([("required", texts(["sweep"]))])])
        return anyOf([
            type("null"),
            object([
                ("type", .string("object")), ("additionalProperties", .bool(false)), extensions,
                ("properties", properties(StepKey.self, stepValue)), ("allOf", .array(pairs)),
                ("dependentSchemas", object([("select", fanOut)])),
            ]),
        ])
    }

    private static var cache: JSONValue {
        let detail = closed(CacheKeyword.self, hasExtensions: true) { key in
            switch key {
            case .code:
                object([
                    ("type", .string("array")), ("items", type("string")),
                    ("description", .string("Globs of the project files that count.")),
                ])
            case .ignore: uniqueTexts
            case .ttl: duration()
            case .salt: type("string")
            case .scope: choice(Cache.Scope.self, default: .experiment)
            }
        }
        return object([
            ("description", .string("Reuse the run of an equal step. Default false.")),
            ("anyOf", .array([type("boolean"), detail])),
        ])
    }

    private static var retry: JSONValue {
        let times = object([("type", .string("integer")), ("minimum", .integer(0)), ("maximum", .integer(1000))])
        let detail = closed(RetryKey.self, required: ["times"]) { key in
            switch key {
            case .times: times
            case .delay: duration(default: "10s")
            case .backoff:
                object([("type", .string("number")), ("minimum", .integer(1)), ("default", .integer(2))])
            case .maxDelay: duration(default: "10m")
            case .jitter:
                object([
                    ("type", .string("number")), ("minimum", .integer(0)), ("maximum", .integer(1)),
                    ("default", .double(0.1)),
                ])
            case .when: type("string", "Expression over exit_code, reason, attempt.")
            }
        }
        return object([
            ("description", .string("How often and when a failed attempt is repeated. Default 0.")),
            ("anyOf", .array([times, detail])),
        ])
    }

    private static var resources: JSONValue {
        object([
            ("type", .string("object")),
            ("description", .string("cpu, memory, gpu, disk or any name listed in limits.")),
            ("additionalProperties", amount),
        ])
    }

    private static var param: JSONValue {
        anyOf([
            object([("type", texts(["string", "number", "boolean", "array"]))]),
            closed(ParameterKey.self) { key in
                switch key {
                case .type: object([("enum", texts(PipelineParameter.Kind.allCases.map(\.rawValue)))])
                case .default: anything
                case .choices: object([("type", .string("array")), ("minItems", .integer(1))])
                case .min, .max: type("number")
                case .help: type("string")
                }
            },
        ])
    }

    private static var matrix: JSONValue {
        let cells = list(of: type("object"))
        return object([
            ("type", .string("object")),
            (
                "description",
                .string("Fan-out: every combination is one cell; each variable is a param of the step.")
            ),
            ("minProperties", .integer(1)), ("properties", object([("include", cells), ("exclude", cells)])),
            ("additionalProperties", anyOf([someValues, pattern(expression)])),
        ])
    }

    private static var select: JSONValue {
        closed(SelectKey.self, required: ["metric", "goal"]) { key in
            switch key {
            case .metric: type("string")
            case .goal: object([("enum", texts(Selection.Goal.allCases.map(\.rawValue)))])
            case .top: integer(from: 1, default: .integer(1))
            case .over: choice(Selection.Over.self, default: .last)
            }
        }
    }

    // MARK: Parts of the format that are not in this version

    private static var hooks: JSONValue {
        let hook = object([
            ("type", .string("object")), ("additionalProperties", .bool(false)),
            (
                "properties",
                object([
                    ("command", type("string")), ("webhook", type("string")),
                    ("method", object([("enum", texts(["POST", "PUT", "GET"])), ("default", .string("POST"))])),
                    ("body", anything), ("headers", scalars),
                ])
            ),
            (
                "oneOf",
                .array([object([("required", texts(["command"]))]), object([("required", texts(["webhook"]))])])
            ),
        ])
        let events = ["on_start", "on_success", "on_failure", "on_finish"]
        return object([
            ("type", .string("object")), ("additionalProperties", .bool(false)),
            ("properties", object(events.map { ($0, list(of: hook)) })),
        ])
    }

    private static var sweep: JSONValue {
        func orExpression(_ value: JSONValue) -> JSONValue { anyOf([value, pattern(expression)]) }
        let above: (String, JSONValue) = ("exclusiveMinimum", .integer(1))
        let trialPolicy = object([
            ("type", .string("object")), ("additionalProperties", .bool(false)), ("required", texts(["policy"])),
            (
                "properties",
                object([
                    ("policy", object([("enum", texts(["median", "asha"]))])), ("warmup", integer(from: 0)),
                    ("every", integer(from: 1)), ("reduction", object([("type", .string("number")), above])),
                ])
            ),
        ])
        let sweepPolicy = object([
            ("type", .string("object")), ("additionalProperties", .bool(false)),
            (
                "properties",
                object([
                    ("patience", integer(from: 1)), ("below", type("number")), ("above", type("number")),
                    ("after", duration()),
                ])
            ),
        ])
        return object([
            ("type", .string("object")), ("additionalProperties", .bool(false)), ("required", texts(["space"])),
            (
                "properties",
                object([
                    (
                        "algorithm",
                        object([
                            ("enum", texts(["grid", "random", "sobol", "tpe"])), ("default", .string("random")),
                        ])
                    ),
                    ("trials", orExpression(integer(from: 1))), ("seed", orExpression(type("integer"))),
                    ("space", reference("space")), ("stop_trial", trialPolicy), ("stop_sweep", sweepPolicy),
                ])
            ),
        ])
    }

    private static var space: JSONValue {
        let pair = object([
            ("type", .string("array")), ("minItems", .integer(2)), ("maxItems", .integer(2)),
            ("items", type("number")),
        ])
        let step = object([("type", .string("number")), ("exclusiveMinimum", .integer(0))])
        func kind(_ name: String, _ properties: [(String, JSONValue)]) -> JSONValue {
            object([
                ("type", .string("object")), ("additionalProperties", .bool(false)), ("required", texts([name])),
                ("properties", object(properties)),
            ])
        }
        let kinds = ["uniform", "loguniform", "int", "logint", "normal"].map { kind($0, [($0, pair), ("q", step)]) }
        return object([
            ("type", .string("object")), ("minProperties", .integer(1)),
            (
                "additionalProperties",
                anyOf([someValues, pattern(expression)] + kinds + [kind("choice", [("choice", someValues)])])
            ),
        ])
    }

    // MARK: Values

    private static let expression = #"^\$\{\{.*\}\}$"#
    private static let stepName = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
    private static let extensions = ("patternProperties", object([("^x-", object([]))]))
    private static var scalars: JSONValue { map(of: object([("type", texts(["string", "number", "boolean"]))])) }
    private static var someValues: JSONValue { object([("type", .string("array")), ("minItems", .integer(1))]) }
    private static var anything: JSONValue {
        object([("type", texts(["string", "number", "boolean", "null", "array", "object"]))])
    }
    private static var amount: JSONValue {
        anyOf([
            type("number"),
            pattern(#"^([0-9]+(\.[0-9]+)?\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?|.*\$\{\{.*\}\}.*)$"#),
        ])
    }
    private static var uniqueTexts: JSONValue {
        object([("type", .string("array")), ("items", type("string")), ("uniqueItems", .bool(true))])
    }

    private static func duration(default text: String? = nil) -> JSONValue {
        let members: [(String, JSONValue)] = [
            ("type", .string("string")),
            ("description", .string("A duration such as 90s, 15m, 1h30m, 2d, or an expression.")),
            ("pattern", .string(#"^(([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+|.*\$\{\{.*\}\}.*)$"#)),
        ]
        return object(members + (text.map { [("default", .string($0))] } ?? []))
    }

    private static func integer(from minimum: Int64, default value: JSONValue? = nil) -> JSONValue {
        object(
            [("type", .string("integer")), ("minimum", .integer(minimum))] + (value.map { [("default", $0)] } ?? []))
    }

    private static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ type: Choice.Type, default value: Choice
    ) -> JSONValue {
        object([("enum", texts(Choice.allCases.map(\.rawValue))), ("default", .string(value.rawValue))])
    }

    private static func pattern(_ pattern: String) -> JSONValue {
        object([("type", .string("string")), ("pattern", .string(pattern))])
    }

    private static func type(_ name: String, _ description: String? = nil) -> JSONValue {
        object([("type", .string(name))] + (description.map { [("description", .string($0))] } ?? []))
    }

    private static func list(of items: JSONValue) -> JSONValue {
        object([("type", .string("array")), ("items", items)])
    }

    private static func map(of values: JSONValue) -> JSONValue {
        object([("type", .string("object")), ("additionalProperties", values)])
    }

    private static func anyOf(_ values: [JSONValue]) -> JSONValue { object([("anyOf", .array(values))]) }

    private static func reference(_ name: String) -> JSONValue {
        object([("$ref", .string("#/$defs/\(name)"))])
    }

    private static func properties<Key: FileKey>(_ type: Key.Type, _ value: (Key) -> JSONValue) -> JSONValue {
        object(Key.allCases.map { ($0.rawValue, value($0)) })
    }

    private static func closed<Key: FileKey>(
        _ type: Key.Type, required: [String] = [], hasExtensions: Bool = false, _ value: (Key) -> JSONValue
    ) -> JSONValue {
        object(
            [("type", .string("object")), ("additionalProperties", .bool(false))]
                + (hasExtensions ? [extensions] : []) + (required.isEmpty ? [] : [("required", texts(required))])
                + [("properties", properties(type, value))])
    }

    private static func texts(_ texts: [String]) -> JSONValue { .array(texts.map(JSONValue.string)) }

    private static func object(_ members: [(String, JSONValue)]) -> JSONValue {
        .object(JSONObject(members: members.map { JSONObject.Member(name: $0.0, value: $0.1) }))
    }

    private static func schema(_ name: String, _ value: JSONValue, _ rest: [(String, JSONValue)]) -> JSONValue {
        object([(name, value)] + rest)
    }
}

extension JSONValue {
    /// The value as text of several lines, for people.
    package var indented: String {
        var text = ""
        append(to: &text, depth: 0)
        return text
    }

    private func append(to text: inout String, depth: Int) {
        let margin = String(repeating: "  ", count: depth + 1)
        switch self {
        case .array(let items) where !items.isEmpty:
            let isFlat = items.allSatisfy {
                if case .object = $0 { false } else if case .array = $0 { false } else { true }
            }
            guard !isFlat else {
                text += "[" + items.map(\.compact).joined(separator: ", ") + "]"
                return
            }
            text += "[\n"
            for (index, item) in items.enumerated() {
                text += margin
                item.append(to: &text, depth: depth + 1)
                text += index == items.count - 1 ? "\n" : ",\n"
            }
            text += margin.dropLast(2) + "]"
        case .object(let object) where !object.members.isEmpty:
            text += "{\n"
            for (index, member) in object.members.enumerated() {
                text += "\(margin)\(JSONValue.string(member.name).compact): "
                member.value.append(to: &text, depth: depth + 1)
                text += index == object.members.count - 1 ? "\n" : ",\n"
            }
            text += margin.dropLast(2) + "}"
        default: text += compact
        }
    }

    private var compact: String {
        var writer = JSONWriter()
        writer.value(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
