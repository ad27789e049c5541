import Diagnostics
import Documents
import Pipelines
import Testing

/// A place for expressions that stand in no file.
let nowhere = TextPlacement(SourceLocation(file: "pipeline.yaml", line: 1, column: 1))

/// Answers references from tables; what is in none of them is missing.
struct TableScope: Scope {
    var values: [String: Value] = [:]
    var skippedSteps: Set<String> = []

    func answer(_ reference: Reference) -> Answer {
        if let step = reference.step?.step, skippedSteps.contains(step) { return .skipped(step: step) }
        if let value = values[reference.description] { return .value(value) }
        return .missing(ReferenceProblem("P045", "'\(reference)' is not there"))
    }
}

/// Knows the types of references from a table.
struct TableTypes: TypeScope {
    var types: [String: ValueType] = [:]

    func type(of reference: Reference) -> Result<ValueType, ReferenceProblem> {
        if let type = types[reference.description] { return .success(type) }
        if case .step(let step) = reference {
            return .failure(ReferenceProblem("P041", "step '\(step.step)' does not exist", at: .step))
        }
        return .failure(ReferenceProblem("P021", "'\(reference)' is unknown"))
    }
}

/// The value of an expression that is read, checked against what is known, and evaluated.
func value(of text: String, _ values: [String: Value] = [:]) throws -> Value {
    let expression = try Expression(condition: text, at: nowhere)
    return try expression.value(in: TableScope(values: values))
}

/// What is found wrong with an expression before the start.
func findings(in text: String, _ types: [String: ValueType] = [:]) -> [Diagnostic] {
    do {
        var findings: [Diagnostic] = []
        try Expression(condition: text, at: nowhere).check(in: TableTypes(types: types), reporting: &findings)
        return findings
    } catch {
        return error.diagnostics
    }
}

/// The error with which an evaluation ends.
func failure(of text: String, _ values: [String: Value] = [:], skipped: Set<String> = []) throws -> EvaluationError {
    let expression = try Expression(condition: text, at: nowhere)
    let error = #expect(throws: EvaluationError.self, "\(text)") {
        try expression.value(in: TableScope(values: values, skippedSteps: skipped))
    }
    return try #require(error)
}
