import Diagnostics
import Tracking

/// A run as a line of `runs list`.
struct RunRow: Listable {
    static let columns = ["RUN", "NAME", "EXPERIMENT", "ENTRY POINT", "STATUS", "STARTED", "DURATION", "METRICS"]

    let runID: String
    let name: String
    let experiment: String
    let entryPoint: String
    let status: String
    let startTime: Int64
    let endTime: Int64?
    let source: String?
    let params: [String: String]
    let metrics: [String: MetricText]

    init(_ run: Run, experimentName: String) {
        runID = run.info.runID
        name = run.info.runName
        experiment = experimentName
        entryPoint = run.data.tag(WellKnownTag.projectEntryPoint) ?? ""
        status = run.info.status.rawValue
        startTime = run.info.startTime
        endTime = run.info.endTime
        source = run.data.tag(WellKnownTag.sourceName)
        params = Dictionary(run.data.params.map { ($0.key, $0.value) }) { first, _ in first }
        metrics = Dictionary(run.data.metrics.map { ($0.key, MetricText($0.value)) }) { first, _ in first }
    }

    var cells: [String] {
        let shownMetrics = metrics.sorted { $0.key < $1.key }.prefix(3).map { "\($0.key)=\($0.value.short)" }
        return [
            String(runID.prefix(8)), name, experiment, entryPoint, status, localTime(startTime),
            endTime.map { durationText(milliseconds: $0 - startTime) } ?? "", shownMetrics.joined(separator: " "),
        ]
    }
}

/// Everything of a run, for `runs show`.
struct RunReport: Encodable {
    let runID: String
    let name: String
    let experiment: String
    let experimentID: String
    let status: String
    let lifecycleStage: String
    let user: String
    let startTime: Int64
    let endTime: Int64?
    let artifactURI: String
    let params: [String: String]
    let metrics: [String: MetricText]
    let tags: [String: String]
    let artifacts: [String]

    init(_ run: Run, experimentName: String, artifacts: [String]) {
        runID = run.info.runID
        name = run.info.runName
        experiment = experimentName
        experimentID = run.info.experimentID
        status = run.info.status.rawValue
        lifecycleStage = run.info.lifecycleStage.rawValue
        user = run.info.userID
        startTime = run.info.startTime
        endTime = run.info.endTime
        artifactURI = run.info.artifactURI
        params = Dictionary(run.data.params.map { ($0.key, $0.value) }) { first, _ in first }
        metrics = Dictionary(run.data.metrics.map { ($0.key, MetricText($0.value)) }) { first, _ in first }
        tags = Dictionary(run.data.tags.map { ($0.key, $0.value) }) { first, _ in first }
        self.artifacts = artifacts
    }

    var text: String {
        var facts = [
            ("run", runID), ("name", name), ("experiment", "\(experiment) (\(experimentID))"), ("status", statusText),
            ("started", localTime(startTime)),
        ]
        if let endTime { facts.append(("duration", durationText(milliseconds: endTime - startTime))) }
        facts.append(("artifacts", artifactURI))
        let sections = [
            ("params", params.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }),
            ("metrics", metrics.sorted { $0.key < $1.key }.map { ($0.key, $0.value.full) }),
            ("tags", tags.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }),
        ]
        var text = lines(facts, indent: "")
        for (title, pairs) in sections where !pairs.isEmpty {
            text += Terminal.output.styled(title, .bold) + "\n" + lines(pairs, indent: "  ")
        }
        if !artifacts.isEmpty {
            text += Terminal.output.styled("artifacts", .bold) + "\n"
            text += artifacts.map { "  \(escapedForTerminal($0))\n" }.joined()
        }
        return text
    }

    private var statusText: String {
        let reason = tags[WellKnownTag.failureReason].map { ": \($0)" } ?? ""
        return status + reason + (lifecycleStage == "active" ? "" : " (\(lifecycleStage))")
    }

    private func lines(_ pairs: [(String, String)], indent: String) -> String {
        let width = pairs.map(\.0.count).max() ?? 0
        return pairs.map { name, value in
            let padding = String(repeating: " ", count: width - name.count)
            return "\(indent)\(escapedForTerminal(name))\(padding)  \(escapedForTerminal(value))\n"
        }.joined()
    }
}

/// A metric's value; JSON has no NaN, so such values are written as MLflow's API writes them.
struct MetricText: Encodable {
    let value: Double

    init(_ value: Double) {
        self.value = value
    }

    var full: String { value.isNaN ? "NaN" : "\(value)" }

    /// Four significant digits or so, for tables.
    var short: String {
        guard value.isFinite, abs(value) < 1e15, value != value.rounded() else { return full }
        let magnitude = abs(value) >= 1 ? 1000.0 : 100_000.0
        return "\((value * magnitude).rounded() / magnitude)"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if value.isFinite {
            try container.encode(value)
        } else {
            try container.encode(value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity")
        }
    }
}
