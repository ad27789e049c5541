/// What the expressions of a node refer to: params, the cell and the name are the plan's, everything else comes from outside.
struct NodeScope<Outside: Scope>: Scope {
    let params: [String: Value]
    let name: String
    let cell: Cell?
    let outside: Outside

    func answer(_ reference: Reference) -> Answer {
        switch reference {
        case .param(let name):
            guard let value = params[name] else {
                return .missing(ReferenceProblem("P020", "the param '\(name)' has no value"))
            }
            return .value(value)
        case .matrix(let name):
            guard let value = cell?[name] else {
                return .missing(ReferenceProblem("P043", "there is no matrix variable '\(name)'"))
            }
            return .value(value)
        case .pipeline("name"): return .value(.string(name))
        default: return outside.answer(reference)
        }
    }
}

/// Before the start nothing else is known.
struct NothingKnown: Scope {
    func answer(_ reference: Reference) -> Answer {
        .missing(ReferenceProblem("P045", "'\(reference)' is not known before the start"))
    }
}

extension Template {
    /// Whether the value is known before the start and holds no secret, which nobody but the step may know.
    var isOpenBeforeStart: Bool {
        references.allSatisfy { use in
            if case .secret = use.reference { return false }
            return use.reference.isKnownBeforeStart
        }
    }

    var usesMatrix: Bool {
        references.contains { if case .matrix = $0.reference { true } else { false } }
    }

    /// Whether it is made of the attempt's own run.
    var usesOwnRun: Bool {
        // Most values are written out.
        !expressions.isEmpty && references.contains { if case .run = $0.reference { true } else { false } }
    }
}
