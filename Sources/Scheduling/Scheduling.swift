/// Runs a pipeline's plan: decides what may start, starts it, records it, and takes it up again after any crash.
///
/// Three layers, from the bottom:
///
/// * `Core/` is the state machine of pipelines. Events go in, actions come out; it performs no input or output and has no clock of
///   its own, so every state and transition is tested without a process or a database.
/// * `Journal/` says how the facts the machine cannot compute again are kept: as tags of the runs, and a lease on the pipeline's run.
/// * `Running/` is the driver. ``PipelineRun`` feeds events to the machine and performs its actions: evaluates expressions, asks the
///   cache, and starts steps through a ``StepRunner``, of which the real one uses `Execution.Launcher`.
///
/// What a step hands on to the next one is the business of `DataFlow/`.
package enum Scheduling {}

/// A moment or a length of time in milliseconds; moments count from 1970, as the store counts them.
package typealias Milliseconds = Int64
