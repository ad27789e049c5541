import Diagnostics
import Pipelines
import Testing

/// A pipeline's text, read and planned.
struct PipelineFixture {
    var text: String
    var request = PlanRequest()
    var surroundings = PlanSurroundings()

    init(_ text: String) {
        self.text = text
    }

    /// A file with one step `s` of the given keys.
    init(step: String) {
        self.init("steps:\n  s: {command: 'true', \(step)}\n")
    }

    /// Everything that is found, in the order of the file.
    func findings(isCheck: Bool = true) -> [Diagnostic] {
        let bytes = Array(text.utf8)
        let (pipeline, findings) = Pipeline.read(bytes, file: "pipeline.yaml")
        guard let pipeline, !findings.contains(where: { $0.severity == .error }) else { return findings }
        let made = Plan.make(
            pipeline, source: bytes, request: request, surroundings: surroundings, isCheck: isCheck)
        return findings + made.findings
    }

    func plan() throws -> Plan {
        let bytes = Array(text.utf8)
        let (pipeline, findings) = Pipeline.read(bytes, file: "pipeline.yaml")
        let errors = findings.filter { $0.severity == .error }
        try #require(errors.isEmpty, "\(errors)")
        let made = Plan.make(try #require(pipeline), source: bytes, request: request, surroundings: surroundings)
        return try #require(made.plan, "\(made.findings)")
    }
}

func given(_ name: String, _ text: String) -> PlanRequest.GivenValue { .init(name, .text(text)) }
