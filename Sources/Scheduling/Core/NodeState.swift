package import Execution

/// The state of a node: of a step, or of one cell of it.
package enum NodeState: String, Sendable, Hashable, CaseIterable {
    /// A dependency is not done.
    case waiting
    /// May start, and waits for resources.
    case ready
    /// Claimed: its run is being created and its command launched.
    case starting
    case running
    /// An attempt failed; the next one waits for its delay.
    case retrying
    case succeeded
    /// The result of an earlier run was taken over.
    case cached
    case failed
    case cancelled
    /// Ended by a rule that stops hopeless trials.
    case pruned
    /// `when` was false, `run_on` was not met, or something upstream was skipped.
    case skipped
    /// Needs something that failed.
    case blocked

    package var isTerminal: Bool {
        switch self {
        case .waiting, .ready, .starting, .running, .retrying: false
        case .succeeded, .cached, .failed, .cancelled, .pruned, .skipped, .blocked: true
        }
    }

    /// What became of it, as the end of a sentence.
    var past: String {
        switch self {
        case .failed: "failed"
        case .cancelled: "was cancelled"
        case .waiting, .ready, .starting, .running, .retrying, .succeeded, .cached, .pruned, .skipped, .blocked:
            "is \(rawValue)"
        }
    }

    /// Whether what depends on it finds its results.
    package var isSuccess: Bool { self == .succeeded || self == .cached }

    /// Whether an attempt of it may be at work.
    package var isLive: Bool { self == .starting || self == .running }
}

/// Why an attempt failed: the value of the tag `swiftflow.reason`.
package typealias FailureReason = FailureKind

extension FailureKind {
    /// Whether it says nothing about the step itself, so that the first time does not count.
    var isFreeOnce: Bool { self == .lost || self == .launch }
}

/// A failure with what is known of it.
package struct NodeFailure: Error, Sendable, Hashable {
    package var reason: FailureReason
    /// For people: what happened.
    package var message: String
    package var exitCode: Int32?
    /// Whether there must be no other attempt: this one may still be at work somewhere, or the next would fail like it.
    package var isFinal = false
    /// Whether it is of a step further inside, where another attempt has been made for free already.
    package var isFromInside = false

    package init(_ reason: FailureReason, _ message: String, exitCode: Int32? = nil) {
        self.reason = reason
        self.message = message
        self.exitCode = exitCode
    }
}

/// The state of a whole pipeline.
package enum PipelineState: String, Sendable, Hashable, CaseIterable {
    case running, succeeded, failed, cancelled
    /// Its runner is gone.
    case interrupted

    package var isTerminal: Bool { self == .succeeded || self == .failed || self == .cancelled }
}
