import Pipelines
import Tracking

/// What a pipeline's run keeps of a node beside its state.
struct NodeRecord {
    let plan: PlanNode
    /// How many attempts earlier runners made of it.
    var earlierAttempts = 0
    /// What the journal says of it, until it has been used.
    var journal: JournalNode?
    @Boxed var resolved: ResolvedStep?
    @Boxed var run: RunInfo?
    var previousRunID: String?
    var control: StepControl?
    /// The first process of the live attempt, where that is one of this machine.
    var processID: Int32?
    var cachedFrom: String?
    var startTime: Milliseconds?
    var endTime: Milliseconds?
    var processorSeconds: Double?
    var peakMemory: Int64?
    var cacheKey: CacheKey?
    /// Whether it had succeeded, and somebody wants it again whatever has been computed before.
    var isWantedAgain = false
    /// Why no earlier result was taken over.
    var cacheReason: String?
    /// The live attempt of a dead runner, on a backend whose jobs outlive it; of a nested pipeline its run.
    @Boxed var adopted: Run?
    /// The interrupted run of a nested pipeline that is to be begun anew, and has to be ended before.
    var unwanted: JournalAttempt?
    /// What it uses while it runs, by name.
    var amounts: [String: Double] = [:]
    /// Of a nested pipeline: what is set aside for all of it.
    var reserved: [String: Double] = [:]
    /// The delay that an earlier runner was waiting for when it died.
    var delay: Delay?

    /// Forgets what is of use only until the node has ended.
    mutating func forgetWork() {
        resolved = nil
        cacheKey = nil
        cacheReason = nil
        amounts = [:]
        reserved = [:]
    }

    struct Delay {
        var since: Milliseconds
        var failures: Int
        var attempt: Int
    }
}
