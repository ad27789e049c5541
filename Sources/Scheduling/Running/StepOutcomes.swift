import Pipelines
import SystemPackage
import Tracking

/// What has become of one node: all that expressions can ask of it.
struct NodeOutcome: Sendable {
    var id: String
    var state: NodeState
    var run: RunInfo?
    var exitCode: Int32?
    /// In seconds.
    var duration: Double?
    var outputs: [String: OutputValue] = [:]
    /// The run that holds them, when that is another one.
    var outputRunID: String?
    /// What its run logged, when somebody may ask for it.
    var data = RunData()
    var cell: Cell?
}

/// What has become of a step.
struct StepOutcome: Sendable {
    var state: NodeState = .waiting
    var isFanOut = false
    /// Whether it is no part of this run and has no results of an earlier one; what refers to it does as for a skipped step.
    var isLeftOut = false
    /// In the order of the cells; of a `search` the runs it found.
    var nodes: [NodeOutcome] = []
    var group: RunInfo?
    /// Places in `nodes`, the best first.
    var top: [Int] = []
    var isSearch = false
    /// The runs that a `search` found.
    var found: [NodeOutcome] = []

    /// What `all`, `best` and `top` are about.
    fileprivate var members: [NodeOutcome] { isSearch ? found : nodes }
}

/// Answers what expressions ask about steps that have ended.
struct OutcomeScope: Scope {
    /// By name.
    let steps: [String: StepOutcome]
    var places: [String: FilePath] = [:]
    var run: RunInfo?
    var pipelineRunID = ""
    var experimentID = ""
    var secrets: [String: String] = [:]
    var facts: [String: Value] = [:]
    /// The cell that asks, for `steps.S[matrix]`.
    var cell: Cell?

    func answer(_ reference: Reference) -> Answer {
        switch reference {
        case .step(let reference): return answer(reference)
        case .output(let name):
            return places[name].map { .value(.string($0.string)) }
                ?? missing("P042", "this step declares no output '\(name)'")
        case .run("run_id"): return run.map { .value(.string($0.runID)) } ?? missing("P045", "there is no run yet")
        case .run("artifact_uri"):
            return run.map { .value(.string($0.artifactURI)) } ?? missing("P045", "there is no run yet")
        case .pipeline("run_id"): return .value(.string(pipelineRunID))
        case .pipeline("experiment_id"): return .value(.string(experimentID))
        case .secret(let name):
            return secrets[name].map { .value(.string($0)) } ?? missing("P060", "the secret '\(name)' is not given")
        case .fact(let name): return .value(facts[name] ?? .null)
        case .param, .matrix, .run, .pipeline: return missing("P043", "'\(reference)' is not known here")
        }
    }

    private func missing(_ code: String, _ message: String, remedy: String? = nil) -> Answer {
        .missing(ReferenceProblem(code, message, remedy: remedy))
    }

    private func answer(_ reference: StepReference) -> Answer {
        guard let step = steps[reference.step] else { return missing("P041", "there is no step '\(reference.step)'") }
        if step.state == .skipped || step.isLeftOut { return .skipped(step: reference.step) }
        switch reference.selection {
        case .only:
            if step.isFanOut { return group(step, reference) }
            guard let node = step.nodes.first else { return nothing(reference, step) }
            return value(of: reference.field, node, reference)
        case .best: return chosen(0, of: step, reference)
        case .top(let index): return chosen(index ?? 0, of: step, reference)
        case .all:
            var values: [Value] = []
            for node in step.members where step.isSearch || node.state.isSuccess {
                switch value(of: reference.field, node, reference) {
                case .value(let value): values.append(value)
                case .missing: values.append(.null)
                case .skipped: break
                }
            }
            return .value(.list(values))
        case .sameCell:
            let node = step.nodes.first { node in
                node.cell?.agrees(with: cell) == true
            }
            guard let node else { return missing("P045", "'\(reference.step)' has no matching cell") }
            return value(of: reference.field, node, reference)
        }
    }

    private func chosen(_ index: Int, of step: StepOutcome, _ reference: StepReference) -> Answer {
        guard step.top.indices.contains(index) else {
            // A search that found nothing is no mistake.
            return step.isSearch ? .value(.null) : nothing(reference, step)
        }
        return value(of: reference.field, step.members[step.top[index]], reference)
    }

    private func group(_ step: StepOutcome, _ reference: StepReference) -> Answer {
        switch reference.field {
        case .status: return .value(.string(step.state.rawValue))
        case .runID: if let run = step.group { return .value(.string(run.runID)) }
        case .artifactURI: if let run = step.group { return .value(.string(run.artifactURI)) }
        default: break
        }
        return missing(
            "P045", "'\(reference.step)' has several runs, so '\(reference)' does not say which",
            remedy: "write .best, .top[i] or .all")
    }

    private func nothing(_ reference: StepReference, _ step: StepOutcome) -> Answer {
        if reference.field == .status { return .value(.string(step.state.rawValue)) }
        return missing("P045", "step '\(reference.step)' is \(step.state.rawValue), so '\(reference)' has no value")
    }

    private func value(of field: StepReference.Field, _ node: NodeOutcome, _ reference: StepReference) -> Answer {
        func absent(_ what: String, _ known: [String]) -> Answer {
            let shown = known.isEmpty ? "it has none" : "it has \(known.prefix(12).joined(separator: ", "))"
            return missing("P045", "'\(node.id)' has no \(what)", remedy: shown)
        }
        switch field {
        case .status: return .value(.string(node.state.rawValue))
        case .runID: return node.run.map { .value(.string($0.runID)) } ?? absent("run", [])
        case .artifactURI: return node.run.map { .value(.string($0.artifactURI)) } ?? absent("run", [])
        case .exitCode: return .value(node.exitCode.map { .int(Int($0)) } ?? .null)
        case .duration: return .value(node.duration.map { .float($0) } ?? .null)
        case .metric(let name):
            guard let metric = node.data.metric(name) else {
                return absent("metric '\(name)'", node.data.metrics.map(\.key))
            }
            return .value(.float(metric.value))
        case .param(let name):
            guard let param = node.data.param(name) else {
                return absent("param '\(name)'", node.data.params.map(\.key))
            }
            return .value(.string(param))
        case .tag(let name):
            guard let tag = node.data.tag(name) else { return absent("tag '\(name)'", []) }
            return .value(.string(tag))
        case .output(let name):
            guard node.state.isSuccess || node.outputs[name] != nil else {
                return missing("P045", "'\(node.id)' is \(node.state.rawValue), so it has no output '\(name)'")
            }
            switch node.outputs[name] {
            case .artifact(let path, let digest)?:
                guard let run = node.run else { return absent("run", []) }
                return .value(
                    .artifact(ArtifactReference(uri: "runs:/\(node.outputRunID ?? run.runID)/\(path)", digest: digest)))
            case .text(let text)?: return .value(.string(text))
            case .reference(let uri, let digest)?:
                return .value(.artifact(ArtifactReference(uri: uri, digest: digest)))
            case .value(let value)?: return .value(value)
            case nil: return absent("output '\(name)'", node.outputs.keys.sorted())
            }
        }
    }
}

extension RunData {
    /// How long the command took, as its end was recorded.
    var wallSeconds: Double? {
        metric(CostMetric.wallSeconds)?.value ?? tag(WellKnownTag.wallSeconds).flatMap { Double($0) }
    }
}

extension Cell {
    /// Whether the other one has the same values of the variables that both have.
    func agrees(with cell: Cell?) -> Bool {
        guard let cell else { return false }
        return values.allSatisfy { value in
            let other: Value? = cell[value.name]
            return other == nil || other == value.value
        }
    }
}

extension ArtifactReference {
    init(uri: String, digest: String?) {
        self.init(uri: uri)
        self.digest = digest
    }
}
