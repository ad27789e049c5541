import Diagnostics
import Execution
import Pipelines
import Tracking

/// The `outputs` of the top level: tags of the pipeline's run, metrics where they are numbers, and what a pipeline around it sees.
extension PipelineRun {
    /// - Throws: for a nested pipeline why a value cannot be had; by itself that is a warning, since nobody needs the value.
    func outputs() throws(NodeFailure) -> [String: OutputValue] {
        var outputs: [String: OutputValue] = [:]
        for output in plan.pipeline.outputs {
            let value: Value
            do throws(EvaluationError) {
                value = try plan.resolveOutput(output, in: scope())
            } catch {
                // What depends on a step that was skipped is not there; who needs it says what to take then.
                if case .skipped = error.kind { continue }
                let message = "its output '\(output.name)' cannot be had: \(messages(of: error))"
                guard options.enclosing == nil else { throw NodeFailure(.missingOutput, message) }
                services.observe(.warning(Diagnostic(.warning, "'outputs': \(messages(of: error))")))
                continue
            }
            guard let handed = OutputValue(handingOn: value) else { continue }
            if options.enclosing != nil, let text = handed.recordedText, shortened(text) != text {
                throw NodeFailure(
                    .missingOutput,
                    "its output '\(output.name)' is too long to be recorded; hand it on as an artifact")
            }
            outputs[output.name] = handed
        }
        return outputs
    }

    /// The metrics that the step promises which this pipeline is.
    func checkPromises(_ metrics: [String: Double]) throws(NodeFailure) {
        let missing = (options.enclosing?.metrics ?? []).filter { metrics[$0] == nil }
        guard !missing.isEmpty else { return }
        let names = missing.map { "'\($0)'" }.joined(separator: ", ")
        throw NodeFailure(.missingMetric, "it promised the metric \(names), and no output of that name is a number")
    }

    /// Numbers can be compared among runs, and chosen by.
    func log(_ metrics: [String: Double]) async {
        guard !metrics.isEmpty else { return }
        let now = services.clock.now()
        await record("the outputs") { [info, store = services.store] in
            let all = metrics.sorted { $0.key < $1.key }.prefix(Limits.metricsPerBatch)
            try await store.logBatch(
                LogBatch(runID: info.runID, metrics: all.map { Metric($0.key, $0.value, timestamp: now) }))
        }
    }
}

extension [String: OutputValue] {
    /// Those that can be metrics.
    var numbers: [String: Double] {
        compactMapValues { output in
            switch output {
            case .value(.int(let number)): Double(number)
            case .value(.float(let number)): number.isFinite ? number : nil
            default: nil
            }
        }
    }
}

extension OutputValue {
    /// Nil for what is not there.
    init?(handingOn value: Value) {
        switch value {
        case .null: return nil
        case .string(let text): self = .text(text)
        case .artifact(let artifact) where artifact.form == .asAsked && artifact.uri.hasPrefix("runs:/"):
            self = .reference(uri: artifact.uri, digest: artifact.digest)
        case .bool, .int, .float, .list, .artifact: self = .value(value)
        }
    }

    /// The text of its longest tag.
    fileprivate var recordedText: String? {
        switch self {
        case .artifact: nil
        case .text(let text), .reference(let text, _): text
        case .value(let value): value.recorded
        }
    }
}
