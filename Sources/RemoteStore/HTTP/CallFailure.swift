import Artifacts
import Diagnostics
import Tracking

/// Why one attempt at a call failed, and what that says about the next.
struct CallFailure: Error {
    enum Kind: Sendable {
        /// There was no connection: nothing can have happened.
        case unsent
        /// The server said that it did not even try (429, 503).
        case turnedAway(retryAfter: Duration?)
        /// Something on the way broke, or took too long; whether the call was carried out is unknown.
        case brokenOff
        /// The server failed inside, which another attempt may or may not change.
        case serverFault
        /// Another attempt would fail in the same way.
        case final
    }

    var kind: Kind
    var error: TrackingError

    init(_ kind: Kind, _ error: TrackingError) {
        self.kind = kind
        self.error = error
    }

    /// From what went wrong below HTTP.
    init(_ error: ArtifactError) {
        let diagnostic = error.diagnostics.first
        let message = diagnostic?.message ?? "the tracking server cannot be reached"
        var remedy = diagnostic?.remedy
        let code: TrackingError.Code
        switch error.reason {
        case .stalled:
            code = .deadlineExceeded
            remedy = "if the server is just slow, set MLFLOW_HTTP_REQUEST_TIMEOUT to more seconds"
        case .limit:
            code = .resourceExhausted
            remedy = "ask for fewer results at once"
        case .unreachable: code = .temporarilyUnavailable
        default: code = .internalError
        }
        let kind: Kind =
            error.nothingWasSent && error.isTransient ? .unsent : error.isTransient ? .brokenOff : .final
        self.init(kind, TrackingError(code, message, remedy: remedy))
    }

    /// Whether a call of that effect may be sent again after this.
    func permitsRepeating(_ effect: APICall.Effect) -> Bool {
        switch kind {
        case .unsent, .turnedAway: true
        case .brokenOff, .serverFault: effect != .once
        case .final: false
        }
    }

    /// Whether the call may have been carried out although it failed.
    var leavesOutcomeOpen: Bool {
        switch kind {
        case .brokenOff, .serverFault: true
        case .unsent, .turnedAway, .final: false
        }
    }

    var retryAfter: Duration? {
        guard case .turnedAway(let retryAfter) = kind else { return nil }
        return retryAfter
    }

    /// The error for the caller, after the last attempt.
    func explained(after attempts: Int, of effect: APICall.Effect) -> TrackingError {
        let message = attempts > 1 ? "\(error.message) (tried \(attempts) times)" : error.message
        var remedy = error.remedy
        if leavesOutcomeOpen, effect == .once {
            let warning = "the server may have done it all the same: look before trying again"
            remedy = remedy.map { "\($0); \(warning)" } ?? warning
        }
        return TrackingError(error.code, message, remedy: remedy)
    }
}
