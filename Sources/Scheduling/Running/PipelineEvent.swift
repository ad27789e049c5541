package import Diagnostics
package import Pipelines
package import Tracking

/// What happens in a pipeline, for whoever shows it.
///
/// Text in events may come from outside; showing it safely is the receiver's business.
package indirect enum PipelineEvent: Sendable {
    /// The pipeline's run exists, and its plan is about to be carried out.
    ///
    /// `experiment` is the name of its experiment, where the store says it.
    case started(Plan, RunInfo, epoch: Int, experiment: String?)
    /// A node has changed its state, or something became known of it.
    case node(NodeStatus)
    /// A step has reached its last state; for a fan-out that is not the state of any of its nodes.
    case settled(StepStatus)
    case note(String)
    case warning(Diagnostic)
    case ended(PipelineOutcome)
    /// Something happened in the pipeline that this node is.
    case nested(String, PipelineEvent)
}

/// Everything that is known of a node at a moment.
package struct NodeStatus: Sendable, Hashable {
    /// Such as `train[model=rf,fold=2]`.
    package var id: String
    package var step: String
    package var isCell: Bool
    package var state: NodeState
    package var time: Milliseconds
    package var attempt: Int
    package var runID: String?
    /// Where the artifacts of that run are, its log among them.
    package var artifactURI: String?
    /// Why it failed, was skipped, or is waited for.
    package var reason: String?
    package var failure: FailureReason?
    package var exitCode: Int32?
    /// The run whose results were taken over.
    package var cachedFrom: String?
    /// When the current or last attempt was launched.
    package var startTime: Milliseconds?
    package var endTime: Milliseconds?
    /// When the next attempt may start.
    package var dueAt: Milliseconds?
    /// How long it could have run and waited for resources.
    package var queueMilliseconds: Milliseconds?
    /// Of the whole process tree, once it has ended.
    package var processorSeconds: Double?
    package var peakMemory: Int64?
    /// The metric that was logged last, while it runs.
    package var metric: Metric?
    /// Whether it had succeeded before this runner began.
    package var isFromBefore = false
}

package struct StepStatus: Sendable, Hashable {
    package var step: String
    package var state: NodeState
    package var reason: String?
    package var isFanOut: Bool
    package var cells: Int
    package var failedCells: Int
    /// The group run of a fan-out.
    package var runID: String?
    /// The best cell, when there was a choice.
    package var best: String?
    package var time: Milliseconds
}

/// How a pipeline ended.
package struct PipelineOutcome: Sendable, Hashable {
    package var run: RunInfo
    package var state: PipelineState
    package var reason: String?
    package var counts: [NodeState: Int]
    /// Steps that failed for good, with why.
    package var failures: [String]
    /// The first of those failures.
    package var failure: NodeFailure?
    /// What it hands on, by name.
    package var outputs: [String: OutputValue] = [:]
}
