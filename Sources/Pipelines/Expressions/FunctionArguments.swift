/// The evaluated arguments of a call, each asked for as what the function needs.
struct FunctionArguments {
    let function: ExpressionFunction
    let offset: Int
    private let nodes: [ExpressionNode]
    private let values: [Value]

    init(_ function: ExpressionFunction, _ nodes: [ExpressionNode], values: [Value], offset: Int) {
        self.function = function
        self.nodes = nodes
        self.values = values
        self.offset = offset
    }

    var count: Int { values.count }

    /// All but the first.
    var rest: [Value] { Array(values.dropFirst()) }
    var all: [Value] { values }

    /// Where an argument stands.
    func place(_ index: Int) -> Int { nodes.indices.contains(index) ? nodes[index].offset : offset }

    func value(_ index: Int) throws(EvaluationProblem) -> Value {
        guard values.indices.contains(index) else {
            throw EvaluationProblem(
                "'\(function.rawValue)' lacks an argument", remedy: "it is \(function.usage)", at: offset)
        }
        return values[index]
    }

    func first() throws(EvaluationProblem) -> Value { try value(0) }

    func unfit(_ index: Int, _ value: Value, wanted: String) -> EvaluationProblem {
        EvaluationProblem(
            "'\(function.rawValue)' wants \(wanted) here, and this is \(value.shown)",
            remedy: "it is \(function.usage)",
            at: place(index))
    }

    func text(_ index: Int) throws(EvaluationProblem) -> String {
        let value = try value(index)
        guard case .string(let text) = value else { throw unfit(index, value, wanted: "text") }
        return text
    }

    func integer(_ index: Int) throws(EvaluationProblem) -> Int {
        let value = try value(index)
        guard case .int(let number) = value else { throw unfit(index, value, wanted: "an integer") }
        return number
    }

    /// An integer or a float.
    func number(_ index: Int) throws(EvaluationProblem) -> Value {
        let value = try value(index)
        guard value.type.isNumber else { throw unfit(index, value, wanted: "a number") }
        return value
    }

    func list(_ index: Int) throws(EvaluationProblem) -> [Value] {
        let value = try value(index)
        guard case .list(let items) = value else { throw unfit(index, value, wanted: "a list") }
        return items
    }

    /// A text, or an artifact's URI.
    func path(_ index: Int) throws(EvaluationProblem) -> String {
        let value = try value(index)
        switch value {
        case .string(let text): return text
        case .artifact(let artifact): return artifact.uri
        default: throw unfit(index, value, wanted: "a path or an artifact")
        }
    }

    func artifact(_ index: Int, form: ArtifactReference.Form) throws(EvaluationProblem) -> ArtifactReference {
        let value = try value(index)
        if case .artifact(var artifact) = value {
            artifact.form = form
            return artifact
        }
        return ArtifactReference(uri: try path(index), form: form)
    }
}
