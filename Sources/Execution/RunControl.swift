import Synchronization

/// Lets whoever launched a run make an impatient end of it.
///
/// The first wish to stop is the cancellation of the launching task; `killNow()` is the second.
package final class RunControl: Sendable {
    private struct State {
        var job: (any SubmittedJob)?
        var wantsKill = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Ends the job at once, or as soon as it is there.
    package func killNow() async {
        let job = state.withLock { state in
            state.wantsKill = true
            return state.job
        }
        await job?.kill()
    }

    /// Returns once nothing is left of the job, whose end has been recorded.
    func settle() async {
        await state.withLock { $0.job }?.settle()
    }

    /// Waits for the job's end; when the waiting task is cancelled, the job is asked to end and after `grace` made to.
    func wait(for job: any SubmittedJob, grace: Duration) async -> JobEnd {
        let wantsKill = state.withLock { state in
            state.job = job
            return state.wantsKill
        }
        if wantsKill { await job.kill() }
        return await withTaskCancellationHandler {
            await job.wait()
        } onCancel: {
            // Owned by the cancelled wait: it is over when `job.wait()` returns.
            Task { await job.cancel(grace: grace) }
        }
    }
}
