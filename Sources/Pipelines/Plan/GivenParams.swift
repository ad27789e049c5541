package import Diagnostics
import Documents
import JSON
import Projects

extension PlanRequest {
    /// Reads `--params-file`, a YAML or JSON mapping of names to values.
    package static func params(reading bytes: [UInt8], file: String) throws(InvalidInput) -> [GivenValue] {
        let document = try YAMLDocument(parsing: bytes, file: file, limits: Pipeline.documentLimits)
        guard let root = document.root else { return [] }
        guard let pairs = root.mapping else {
            throw InvalidInput([
                Diagnostic(
                    .error, code: "P011", at: root.location, "the file of params must be a mapping of names to values",
                    remedy: "write 'NAME: VALUE' lines")
            ])
        }
        var problems: [Diagnostic] = document.warnings.map { warning in
            var problem = warning
            problem.severity = .error
            problem.code = "P013"
            return problem
        }
        var values: [GivenValue] = []
        for pair in pairs {
            do throws(InvalidInput) {
                guard let value = Value(plain: try pair.value.coreValue()) else {
                    problems.append(
                        Diagnostic(
                            .error, code: "P022", at: pair.value.location,
                            "the value of '\(pair.key.text ?? "")' is a mapping",
                            remedy: "give text, a number, true or false, or a list"))
                    continue
                }
                values.append(GivenValue(pair.key.text ?? "", .value(value), at: pair.value.location))
            } catch {
                problems += error.diagnostics
            }
        }
        guard problems.isEmpty else { throw InvalidInput(problems) }
        return values
    }
}

extension Value {
    /// A value of a document; nil for one with a mapping in it.
    init?(plain value: CoreValue) {
        switch value {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .float(let number): self = .float(number)
        case .string(let text): self = .string(text)
        case .list(let items):
            let values = items.compactMap(Value.init(plain:))
            guard values.count == items.count else { return nil }
            self = .list(values)
        case .mapping: return nil
        }
    }
}

extension Pipeline {
    /// The values of the params: what is given, by each one's type, else its default.
    ///
    /// - Parameter allowsMissing: whether a required one may stay without a value, as for a mere check of the file.
    func values(
        of given: [PlanRequest.GivenValue], allowsMissing: Bool, reporting findings: inout [Diagnostic]
    ) -> [NamedValue] {
        var byName: [String: PlanRequest.GivenValue] = [:]
        for value in given {
            // What is given later wins: the command line over a file.
            byName[value.name] = value
            guard !parameters.contains(where: { $0.name == value.name }) else { continue }
            findings.append(
                Diagnostic(
                    .error, code: "P021", at: value.location, "the pipeline has no param '\(value.name)'",
                    remedy: suggestion(for: value.name, among: parameters.map(\.name), kind: "params")
                        ?? "it declares none"))
        }
        var values: [NamedValue] = []
        for parameter in parameters {
            guard let given = byName[parameter.name] else {
                if let value = parameter.defaultValue {
                    values.append(NamedValue(parameter.name, value))
                } else if !allowsMissing {
                    findings.append(
                        Diagnostic(
                            .error, code: "P020", at: parameter.location, "the param '\(parameter.name)' needs a value",
                            remedy: "give it with -P \(parameter.name)=VALUE, or a 'default' in the file",
                            length: parameter.name.count))
                }
                continue
            }
            switch parameter.value(of: given.content) {
            case .success(let value): values.append(NamedValue(parameter.name, value))
            case .failure(let problem):
                findings.append(
                    Diagnostic(
                        .error, code: "P022", at: given.location, "the param '\(parameter.name)' \(problem.message)",
                        remedy: problem.remedy ?? parameter.help))
            }
        }
        return values
    }
}

extension PipelineParameter {
    func value(of given: PlanRequest.GivenValue.Content) -> Result<Value, RefusedValue> {
        switch given {
        case .value(let value): return accepting(value)
        case .text(let text):
            guard let value = kind.value(reading: text) else {
                let remedy = kind == .list ? "write JSON, such as '[1, 2, 3]'" : nil
                return .failure(
                    RefusedValue(
                        message: "must be \(kind.words), not \(Value.string(text).shownInMessage)", remedy: remedy))
            }
            return accepting(value)
        }
    }
}

extension PipelineParameter.Kind {
    /// Reads text of the command line.
    fileprivate func value(reading text: String) -> Value? {
        switch self {
        case .string, .path, .uri: return .string(text)
        case .int, .float, .bool:
            // The same spellings as in the file.
            let node = YAMLNode(.scalar(YAMLScalar(text, isPlain: true)), location: SourceLocation(file: ""))
            return (try? node.coreValue()).flatMap(Value.init(plain:)).flatMap { value($0) }
        case .list:
            guard let json = try? JSONReader.read(Array(text.utf8).span), let value = Value(json: json),
                case .list = value
            else { return nil }
            return value
        }
    }
}
