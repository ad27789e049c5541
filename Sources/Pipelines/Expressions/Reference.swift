/// What an expression names outside itself.
package enum Reference: Sendable, Hashable {
    /// `params.NAME`
    case param(String)
    /// `steps.STEP…`
    case step(StepReference)
    /// `matrix.NAME`
    case matrix(String)
    /// `outputs.NAME`: the place of this attempt for an output of the step itself.
    case output(String)
    /// `run.run_id`, `run.artifact_uri`
    case run(String)
    /// `pipeline.name`, `pipeline.run_id`, `pipeline.experiment_id`, and what hooks have.
    case pipeline(String)
    /// `secrets.NAME`
    case secret(String)
    /// `attempt`, and the facts `retry.when` is about: `exit_code`, `reason`.
    case fact(String)

    /// Whether its value is known before anything starts.
    package var isKnownBeforeStart: Bool {
        switch self {
        case .param, .matrix, .secret: true
        case .pipeline(let field): field == "name"
        case .step, .output, .run, .fact: false
        }
    }

    /// What `run` has.
    static let fieldsOfRun = ["run_id", "artifact_uri"]

    package var step: StepReference? {
        if case .step(let reference) = self { reference } else { nil }
    }
}

extension Reference: CustomStringConvertible {
    /// The reference as it is written.
    package var description: String {
        switch self {
        case .param(let name): "params" + member(name)
        case .step(let reference): reference.description
        case .matrix(let name): "matrix" + member(name)
        case .output(let name): "outputs" + member(name)
        case .run(let field): "run" + member(field)
        case .pipeline(let field): "pipeline" + member(field)
        case .secret(let name): "secrets" + member(name)
        case .fact(let name): name
        }
    }
}

/// A value of another step.
package struct StepReference: Sendable, Hashable, CustomStringConvertible {
    /// Which of a step's runs.
    package enum Selection: Sendable, Hashable {
        /// `steps.S.x`: the step's only run; of a fan-out its group.
        case only
        /// `steps.S.best.x`
        case best
        /// `steps.S.top[i].x`; nil while `i` is not known before the start.
        case top(Int?)
        /// `steps.S.all.x`: a list, in the order of the cells.
        case all
        /// `steps.S[matrix].x`: the cell with the same values of the variables both have.
        case sameCell
    }

    package enum Field: Sendable, Hashable {
        case output(String)
        case metric(String)
        case param(String)
        case tag(String)
        case runID, artifactURI, status, exitCode, duration
    }

    package var step: String
    package var selection: Selection
    package var field: Field

    package init(_ step: String, _ selection: Selection = .only, _ field: Field) {
        self.step = step
        self.selection = selection
        self.field = field
    }

    package var description: String {
        let runs =
            switch selection {
            case .only: ""
            case .best: ".best"
            case .top(let index): ".top[\(index.map(String.init) ?? "…")]"
            case .all: ".all"
            case .sameCell: "[matrix]"
            }
        return "steps" + (isStepName(step) ? ".\(step)" : member(step)) + runs + field.description
    }
}

extension StepReference.Field: CustomStringConvertible {
    /// The field behind a step, with its dot.
    package var description: String {
        switch self {
        case .output(let name): ".outputs" + member(name)
        case .metric(let name): ".metrics" + member(name)
        case .param(let name): ".params" + member(name)
        case .tag(let name): ".tags" + member(name)
        case .runID: ".run_id"
        case .artifactURI: ".artifact_uri"
        case .status: ".status"
        case .exitCode: ".exit_code"
        case .duration: ".duration"
        }
    }

    /// The fields that are no maps of names.
    static let single: [String: StepReference.Field] = [
        "run_id": .runID, "artifact_uri": .artifactURI, "status": .status, "exit_code": .exitCode,
        "duration": .duration,
    ]

    /// The maps of names, by their own name.
    static let named: [String: @Sendable (String) -> StepReference.Field] = [
        "outputs": { .output($0) }, "metrics": { .metric($0) }, "params": { .param($0) }, "tags": { .tag($0) },
    ]
}

/// `.name`, or `["name"]` when a dot cannot be followed by it.
private func member(_ name: String) -> String {
    isName(name) ? ".\(name)" : "[\(quoted(name))]"
}
