package import Diagnostics

/// Why an expression has no value.
package struct EvaluationError: ExplainedError, Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// It needs a step that was skipped, so what needs it is skipped too.
        case skipped(step: String)
        /// Something it refers to is not there.
        case missing(ReferenceProblem)
        /// The values do not fit what is done with them.
        case failed
    }

    package let kind: Kind
    package let diagnostics: [Diagnostic]
}

/// The same with a byte of the expression's text instead of a place in the file.
struct EvaluationProblem: Error {
    var kind = EvaluationError.Kind.failed
    var offset: Int
    var code = "P046"
    var message: String
    var remedy: String?

    init(_ message: String, remedy: String? = nil, at offset: Int) {
        self.message = message
        self.remedy = remedy
        self.offset = offset
    }

    static func skipped(step: String, at offset: Int) -> EvaluationProblem {
        var problem = EvaluationProblem(
            "step '\(step)' was skipped, so it has no values", remedy: "write '… ?? VALUE' for what to take then",
            at: offset)
        problem.kind = .skipped(step: step)
        problem.code = "P045"
        return problem
    }

    static func missing(_ missing: ReferenceProblem, at offset: Int) -> EvaluationProblem {
        var problem = EvaluationProblem(missing.message, remedy: missing.remedy, at: offset)
        problem.kind = .missing(missing)
        problem.code = missing.code
        return problem
    }

    /// Whether a `??` goes on from here.
    var isAbsence: Bool { kind != .failed }
}
