/// Turns a request to run a project into a recorded run: checkout, entry point, environment, command, backend, end.
///
/// Read `Launcher` first: it is the one way anything is started. It binds what the lower modules prepare into a ``Job``,
/// hands the job to a ``Backend``, and makes sure that the run in the store ends as truthfully as it began.
///
/// * ``RunRequest`` is what the user asked for, before anything was looked at.
/// * ``PreparedLaunch`` is everything that can be known without creating a run; all mistakes of the user surface there.
/// * ``Job`` is one command bound to a run; ``Backend`` and ``SubmittedRun`` are the seam other places to run plug into.
/// * ``RunRecord`` writes the beginning and the end into the store; ``AbandonedRuns`` ends what dead runners left.
package enum Execution {}
