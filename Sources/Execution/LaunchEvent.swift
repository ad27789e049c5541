package import Diagnostics
package import Tracking

/// What happens during a launch, for whoever shows it.
///
/// Text in events may come from outside; showing it safely is the receiver's business.
package enum LaunchEvent: Sendable {
    /// One line the user should see.
    case note(String)
    case warning(Diagnostic)
    /// A line that may be replaced by the next one, such as the state of a download.
    case progress(String)
    case progressEnded
    /// The run exists in the store from here on.
    /// `experiment` is the name of the run's experiment, where it is known.
    case created(RunInfo, isNew: Bool, experiment: String?)
    /// The command is about to run.
    case starting(command: String)
    /// The job exists; its first process, where that is one of this machine.
    case launched(processID: Int32?)
    case ended(RunResult)
}

/// How a launch ended.
package struct RunResult: Sendable, Hashable {
    package var run: RunInfo
    /// The run's status in the store now.
    package var status: RunStatus
    package var outcome: RunOutcome

    package init(run: RunInfo, status: RunStatus, outcome: RunOutcome) {
        self.run = run
        self.status = status
        self.outcome = outcome
    }

    package var isSuccess: Bool { status == .finished }
}
