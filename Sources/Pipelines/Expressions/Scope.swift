/// What answers the references of an expression when it is evaluated.
package protocol Scope {
    func answer(_ reference: Reference) -> Answer
}

/// What a reference stands for.
package enum Answer: Sendable, Hashable {
    /// A value; `null` for what is known not to be there, such as the best of a search that found none.
    case value(Value)
    /// The step was skipped; only `??` goes on from there.
    case skipped(step: String)
    /// It should be there and is not, such as a metric that was not logged; only `??` goes on from there.
    case missing(ReferenceProblem)
}

/// What tells the types of references before the start.
package protocol TypeScope {
    func type(of reference: Reference) -> Result<ValueType, ReferenceProblem>
}

/// What is wrong with a reference.
package struct ReferenceProblem: Error, Sendable, Hashable {
    /// The part of the reference that the message is about.
    package enum Part: Sendable, Hashable {
        case whole
        /// The step's name, or the context's for other references.
        case step
        /// The last name.
        case name
    }

    /// Such as `P041`.
    package var code: String
    package var message: String
    package var remedy: String?
    package var part: Part

    package init(_ code: String, _ message: String, remedy: String? = nil, at part: Part = .name) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.part = part
    }
}
