import Diagnostics
import Execution
import JSON
import Pipelines
import Scheduling
import Tracking

/// An event of a pipeline as one line of JSON, for programs that follow it.
struct PipelineEventJSON {
    let line: String

    init(_ event: PipelineEvent) {
        var members: [JSONObject.Member] = []
        func add(_ name: String, _ value: JSONValue?) {
            if let value { members.append(.init(name: name, value: value)) }
        }
        func add(_ name: String, text: String?) { add(name, text.map { .string($0) }) }
        func add(_ name: String, number: Int64?) { add(name, number.map { .integer($0) }) }
        let (path, event) = event.unwrapped
        if !path.isEmpty { add("within", text: path) }
        switch event {
        case .started(let plan, let run, let epoch, let experiment):
            add("event", text: "started")
            add("pipeline", text: plan.name)
            add("run_id", text: run.runID)
            add("experiment_id", text: run.experimentID)
            add("experiment_name", text: experiment)
            add("epoch", number: Int64(epoch))
            add("steps", .array(plan.steps.map { .string($0.name) }))
        case .node(let node):
            add("event", text: "node")
            members += nodeMembers(node)
        case .settled(let step):
            add("event", text: "step")
            add("time", number: step.time)
            add("step", text: step.step)
            add("state", text: step.state.rawValue)
            add("reason", text: step.reason)
            if step.isFanOut {
                add("cells", number: Int64(step.cells))
                add("failed_cells", number: Int64(step.failedCells))
            }
            add("run_id", text: step.runID)
            add("best", text: step.best)
        case .note(let text):
            add("event", text: "note")
            add("message", text: text)
        case .warning(let diagnostic):
            add("event", text: "warning")
            add("message", text: diagnostic.description)
        case .ended(let outcome):
            add("event", text: "ended")
            add("run_id", text: outcome.run.runID)
            add("state", text: outcome.state.rawValue)
            add("status", text: outcome.run.status.rawValue)
            add("reason", text: outcome.reason)
            if !outcome.outputs.isEmpty { add("outputs", outputsJSON(outcome.outputs)) }
            let counts = outcome.counts.sorted { $0.key.rawValue < $1.key.rawValue }
            add(
                "nodes",
                .object(
                    JSONObject(members: counts.map { .init(name: $0.key.rawValue, value: .integer(Int64($0.value))) })))
        case .nested: break
        }
        var writer = JSONWriter()
        writer.value(.object(JSONObject(members: members)))
        line = String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// What is known of a node, as members of a JSON object.
func nodeMembers(_ node: NodeStatus) -> [JSONObject.Member] {
    var members: [JSONObject.Member] = []
    func add(_ name: String, _ value: JSONValue?) {
        if let value { members.append(.init(name: name, value: value)) }
    }
    add("time", .integer(node.time))
    add("node", .string(node.id))
    add("step", .string(node.step))
    add("state", .string(node.state.rawValue))
    add("attempt", node.attempt > 0 ? .integer(Int64(node.attempt)) : nil)
    add("run_id", node.runID.map { .string($0) })
    add("from_before", node.isFromBefore ? .bool(true) : nil)
    add("reason", node.reason.map { .string($0) })
    add("failure", node.failure.map { .string($0.rawValue) })
    add("exit_code", node.exitCode.map { .integer(Int64($0)) })
    add("cached_from", node.cachedFrom.map { .string($0) })
    add("start_time", node.startTime.map { .integer($0) })
    add("end_time", node.endTime.map { .integer($0) })
    add("due_at", node.dueAt.map { .integer($0) })
    add("queue_seconds", node.queueMilliseconds.map { .double(Double($0) / 1000) })
    add("cpu_seconds", node.processorSeconds.map { .double($0) })
    add("peak_memory_bytes", node.peakMemory.map { .integer($0) })
    if let metric = node.metric {
        add(
            "metric",
            .object(
                JSONObject(members: [
                    .init(name: "name", value: .string(metric.key)), .init(name: "value", value: .double(metric.value)),
                    .init(name: "step", value: .integer(metric.step)),
                ])))
    }
    return members
}
