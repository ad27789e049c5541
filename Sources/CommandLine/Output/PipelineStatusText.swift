import Diagnostics
import Execution
import Scheduling
import Tracking

/// What the store says of a pipeline, for people.
struct PipelineStatusText {
    let text: String

    init(_ status: PipelineStatus) {
        let name = Terminal.output.styled(escapedForTerminal(status.name), .bold)
        var lines = ["\(name)  \(status.state.rawValue)  run \(status.run.info.runID)"]
        if status.state == .interrupted {
            lines.append("  its runner is gone; go on with: swiftflow resume \(status.run.info.runID.prefix(8))")
        }
        if status.state == .running, status.run.data.tag(NodeTag.turn) != nil {
            lines.append("  it waits for another run of this pipeline")
        }
        if let reason = status.run.data.tag(WellKnownTag.failureReason) {
            lines.append("  \(escapedForTerminal(reason))")
        }
        let width = min(60, status.nodes.map(\.id.count).max() ?? 0)
        for node in status.nodes {
            let id = escapedForTerminal(node.id)
            var line = "  \(id)\(String(repeating: " ", count: max(0, width - id.count)))  \(node.state.rawValue)"
            if let run = node.run {
                line += "  \(run.info.runID.prefix(8))"
                if let end = run.info.endTime { line += "  \(Self.seconds(end - run.info.startTime))" }
                if node.attempts > 1 { line += "  attempt \(node.attempts)" }
            }
            if let cached = node.cachedFrom { line += "  reused \(cached.prefix(8))" }
            if let reason = node.reason, node.state != .succeeded { line += "  \(escapedForTerminal(reason))" }
            lines.append(line)
        }
        lines += outputLines(storedOutputs(status.run.data.tags))
        text = lines.joined(separator: "\n") + "\n"
    }

    private static func seconds(_ milliseconds: Milliseconds) -> String {
        let value = max(0, milliseconds)
        return "\(value / 1000).\(value % 1000 / 100) s"
    }
}

/// A line of the list of active pipelines.
struct PipelineRow: Listable {
    static let columns = ["RUN", "PIPELINE", "STATE", "STARTED"]

    let runID: String
    let name: String
    let state: String
    let startTime: Int64

    init(_ run: Run) {
        runID = run.info.runID
        name = run.data.tag(NodeTag.pipeline) ?? ""
        let lease = run.data.tag(NodeTag.lease).flatMap { Lease($0) }
        let isGone = lease.map { $0.isExpired(at: currentTimeMilliseconds()) } ?? true
        let isWaiting = run.data.tag(NodeTag.turn) != nil
        state = isGone ? PipelineState.interrupted.rawValue : isWaiting ? "waiting" : PipelineState.running.rawValue
        startTime = run.info.startTime
    }

    var cells: [String] { [String(runID.prefix(12)), name, state, localTime(startTime)] }
}
