package import Diagnostics
import Tracking

/// Why a pipeline cannot be cancelled.
package struct CancelRefused: ExplainedError {
    package let diagnostics: [Diagnostic]

    init(_ run: Run) {
        diagnostics = [
            Diagnostic(
                .error, "the pipeline's run \(run.info.runID) has ended already (\(run.info.status.rawValue))")
        ]
    }
}
