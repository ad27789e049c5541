import Diagnostics
import Documents
import Projects

// The parameters a pipeline declares.
extension FileReader {
    mutating func parameters(_ pair: YAMLPair) -> [PipelineParameter] {
        guard let members = names(of: pair.value, "'params'", owner: pair.key) else { return [] }
        return members.compactMap { name, pair in
            if let problem = problemOfParameterName(name) {
                report("P014", at: pair.key, "the param name '\(name.prefix(100))' \(problem)")
                return nil
            }
            return parameter(name, pair)
        }
    }

    private mutating func parameter(_ name: String, _ pair: YAMLPair) -> PipelineParameter? {
        guard pair.value.mapping != nil else {
            guard let value = plainValue(pair.value, "the default of '\(name)'", key: pair.key) else { return nil }
            guard let kind = PipelineParameter.Kind(of: value) else {
                reportType(
                    of: pair.value, "'\(name)' in 'params'", expected: "a default value, or a mapping with a 'type'",
                    key: pair.key)
                return nil
            }
            return PipelineParameter(
                name: name, location: pair.key.location, kind: kind, defaultValue: value, choices: [])
        }
        guard let members = members(of: pair.value, as: ParameterKey.self, in: "the param '\(name)'") else {
            return nil
        }
        var parameter = PipelineParameter(name: name, location: pair.key.location, kind: .string, choices: [])
        var kind: PipelineParameter.Kind?
        var hasWrongKind = false
        for (key, pair) in members {
            switch key {
            case .type:
                kind = choice(pair, as: PipelineParameter.Kind.self, otherNames: PipelineParameter.Kind.otherNames)
                hasWrongKind = kind == nil
            case .default: parameter.defaultValue = plainValue(pair.value, "the default of '\(name)'", key: pair.key)
            case .choices: parameter.choices = choices(pair)
            case .min: parameter.minimum = number(pair)
            case .max: parameter.maximum = number(pair)
            case .help: parameter.help = plainText(pair)
            }
        }
        if parameter.defaultValue == .null { parameter.defaultValue = nil }
        guard !hasWrongKind else { return parameter }
        parameter.kind =
            kind ?? parameter.defaultValue.flatMap(PipelineParameter.Kind.init(of:))
            ?? parameter.choices.first.flatMap(PipelineParameter.Kind.init(of:)) ?? .string
        checkLimits(of: &parameter, pair.value)
        return parameter
    }

    /// The choices and the default must be values that may be given.
    private mutating func checkLimits(of parameter: inout PipelineParameter, _ node: YAMLNode) {
        if parameter.minimum != nil || parameter.maximum != nil, parameter.kind != .int, parameter.kind != .float,
            let pair = node.pair("min") ?? node.pair("max")
        {
            report(
                "P011", at: pair.key,
                "'\(pair.key.text ?? "")' is for numbers, and '\(parameter.name)' is of type \(parameter.kind)",
                remedy: "remove it, or set 'type: int' or 'type: float'")
        }
        var choices: [Value] = []
        for choice in parameter.choices {
            if let value = parameter.kind.value(choice) {
                choices.append(value)
            } else if let pair = node.pair("choices") {
                report(
                    "P022", at: pair.value,
                    "the choice \(choice.shownInMessage) of '\(parameter.name)' is not \(parameter.kind.words)")
            }
        }
        parameter.choices = choices
        guard let value = parameter.defaultValue, let pair = node.pair("default") else { return }
        switch parameter.accepting(value) {
        case .success(let value): parameter.defaultValue = value
        case .failure(let problem):
            report(
                "P022", at: pair.value, "the default of '\(parameter.name)' \(problem.message)", remedy: problem.remedy)
        }
    }

    private mutating func choices(_ pair: YAMLPair) -> [Value] {
        guard let items = pair.value.sequence, !items.isEmpty else {
            reportType(of: pair.value, "'choices'", expected: "a list of values", key: pair.key)
            return []
        }
        return items.compactMap { plainValue($0, "a choice") }
    }

    /// A value without expressions.
    private mutating func plainValue(_ node: YAMLNode, _ what: String, key: YAMLNode? = nil) -> Value? {
        guard let template = template(node, what, .anything, key: key) else { return nil }
        guard let value = template.literal else {
            report(
                "P043", at: node, "\(what) cannot hold an expression, because nothing is known before the params",
                remedy: "write a plain value")
            return nil
        }
        return value
    }
}

extension PipelineParameter.Kind {
    /// The kind a default of this value stands for.
    init?(of value: Value) {
        switch value {
        case .bool: self = .bool
        case .int: self = .int
        case .float: self = .float
        case .string: self = .string
        case .list: self = .list
        case .null, .artifact: return nil
        }
    }

    /// The type of its values.
    var type: ValueType {
        switch self {
        case .string, .path, .uri: .string
        case .int: .int
        case .float: .float
        case .bool: .bool
        case .list: .list(.any)
        }
    }

    /// Words for messages, such as `an integer`.
    var words: String {
        switch self {
        case .string: "text"
        case .int: "an integer"
        case .float: "a number"
        case .bool: "true or false"
        case .list: "a list"
        case .path: "a path"
        case .uri: "a URI"
        }
    }

    /// A value as this kind has it; nil when it is of another one.
    func value(_ value: Value) -> Value? {
        switch (self, value) {
        case (.int, .int), (.float, .float), (.bool, .bool), (.list, .list): value
        case (.float, .int(let number)): .float(Double(number))
        case (.int, .float(let number)): Int(exactly: number).map(Value.int)
        case (.string, .string), (.path, .string), (.uri, .string): value
        case (.string, .artifact), (.path, .artifact), (.uri, .artifact): value
        case (.string, .int), (.string, .float), (.string, .bool): value.text.map(Value.string)
        default: nil
        }
    }
}

extension PipelineParameter.Kind {
    /// What other systems call the types.
    fileprivate static let otherNames: [String: Self] = [
        "integer": .int, "long": .int, "str": .string, "text": .string, "boolean": .bool, "number": .float,
        "double": .float, "real": .float, "array": .list, "file": .path, "folder": .path, "directory": .path,
        "dir": .path, "url": .uri, "artifact": .uri,
    ]
}

/// Why a param does not take a value, as the end of a sentence.
struct RefusedValue: Error {
    var message: String
    var remedy: String?
}

extension PipelineParameter {
    /// The value as the param has it, within its type, choices and limits.
    func accepting(_ given: Value) -> Result<Value, RefusedValue> {
        guard let value = kind.value(given) else {
            return .failure(
                RefusedValue(message: "must be \(kind.words), not \(given.shownInMessage)", remedy: nil))
        }
        if !choices.isEmpty, !choices.contains(value) {
            let shown = choices.map(\.shownInMessage).joined(separator: ", ")
            return .failure(
                RefusedValue(
                    message: "must be one of \(shown), not \(given.shownInMessage)",
                    remedy: nearestName(to: given.text ?? "", among: choices.compactMap(\.text)).map {
                        "did you mean '\($0)'?"
                    }))
        }
        if let number = value.number {
            if number.isNaN, minimum != nil || maximum != nil {
                return .failure(RefusedValue(message: "must be a number within its limits, not NaN"))
            }
            if let minimum, number < minimum {
                return .failure(
                    RefusedValue(message: "must be at least \(shown(minimum)), not \(given.shownInMessage)"))
            }
            if let maximum, number > maximum {
                return .failure(RefusedValue(message: "must be at most \(shown(maximum)), not \(given.shownInMessage)"))
            }
        }
        if kind == .path || kind == .uri, value == .string("") {
            return .failure(RefusedValue(message: "must be \(kind.words), and it is empty"))
        }
        return .success(value)
    }

    private func shown(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? number.description
    }
}

extension Value {
    /// The value of a number.
    var number: Double? {
        switch self {
        case .int(let number): Double(number)
        case .float(let number): number
        default: nil
        }
    }

    /// The value in a message, cut when it is long; text in quotes.
    var shownInMessage: String {
        let text = self.text ?? "null"
        let cut = text.count > 60 ? "\(text.prefix(60))…" : text
        if case .string = self { return "'\(cut)'" }
        return cut
    }
}
