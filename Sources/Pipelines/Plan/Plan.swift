package import Diagnostics

/// What a pipeline will do with given params: its steps in order, the nodes they become, and what each waits for.
///
/// A pure function of the file's text and of the request, so a plan that is read back (`Plan(reading:)`) is the one that was written.
package struct Plan: Sendable {
    package let pipeline: Pipeline
    package let request: PlanRequest
    /// The text of the file, which the plan's JSON carries.
    package let source: [UInt8]
    package let name: String
    package let description: String?
    /// Nil: the one the command line or the environment names.
    package let experiment: String?
    /// Every param of the pipeline, in the order of the file.
    package let params: [NamedValue]
    /// Amounts by resource name, as given in the file; sizes in bytes.
    package let limits: [String: Double]
    package let timeout: Duration?
    package let tags: [NamedText]
    /// In the order of the file; everything else refers to steps by their index here.
    package let steps: [PlannedStep]
    /// All nodes known before the start, step by step, cells in order; those of a dynamic matrix are missing.
    package let nodes: [PlanNode]
    /// Indices of `steps`, each after everything it waits for; the order of the file breaks ties.
    package let order: [Int]
    /// What is odd without being wrong.
    package let warnings: [Diagnostic]

    package func step(named name: String) -> PlannedStep? {
        indices[name].map { steps[$0] }
    }

    /// Index of a step by name.
    package let indices: [String: Int]
    /// `params` by name.
    let values: [String: Value]

    package func nodes(of step: PlannedStep) -> ArraySlice<PlanNode> {
        nodes[step.nodes]
    }
}

/// A name with its value, such as a param.
package struct NamedValue: Sendable, Hashable {
    package var name: String
    package var value: Value

    package init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }
}

/// A name with its text, such as a tag.
package struct NamedText: Sendable, Hashable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A step of a plan.
package struct PlannedStep: Sendable {
    /// What the file says.
    package var step: Step
    /// Its place in `Plan.steps`.
    package var index: Int
    /// What it waits for, by reference or by `needs`, each step once; in the order of the file.
    package var dependencies: [Dependency] = []
    /// Indices of the steps that wait for it.
    package var dependents: [Int] = []
    package var fanOut: FanOut = .none
    /// Its nodes in `Plan.nodes`; empty for a dynamic matrix.
    package var nodes: Range<Int> = 0..<0
    /// Whether it is part of this run (`--only`, `--from`, `--until`, `--skip`).
    package var isIncluded = true
    /// Whether it runs even if an equal run could be reused (`--force`).
    package var isForced = false
    /// The plan of a step that is a pipeline, when the pipeline could be read before the start.
    package var nested: NestedPlan?

    package var name: String { step.name }

    package enum FanOut: Sendable, Hashable {
        /// One node.
        case none
        /// One node for each cell.
        case cells(variables: [String])
        /// Variables come from other steps, so `Plan.expand` makes the cells when those are done.
        case dynamic(variables: [String])
    }
}

/// A plan inside a plan.
package final class NestedPlan: Sendable {
    package let plan: Plan

    package init(_ plan: Plan) {
        self.plan = plan
    }
}

/// One step that another one waits for.
package struct Dependency: Sendable, Hashable {
    /// Index of the step.
    package var step: Int
    /// Whether a value of it is referred to.
    package var isData = false
    /// Whether it is named in `needs`.
    package var isOrder = false
    /// Whether every reference to it stands on the left of `??`, so that it may be skipped.
    package var isOptional = false
    /// Whether every reference to it is `steps.S[matrix]`, so that a cell waits for the matching cell only.
    package var isSameCell = false
}

/// What is scheduled: a step, or one cell of it.
package struct PlanNode: Sendable, Hashable {
    /// Such as `train` or `train[model=rf,fold=2]`; unique in the plan.
    package var id: String
    /// Index of its step.
    package var step: Int
    /// Its values of the matrix variables; nil for a step without a matrix.
    package var cell: Cell?
}

/// A combination of values of a matrix.
package struct Cell: Sendable, Hashable {
    package var values: [NamedValue]

    package subscript(_ name: String) -> Value? {
        values.first { $0.name == name }?.value
    }
}
