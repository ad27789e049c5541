import Synchronization

/// What attempts report, on its way to the pipeline.
///
/// All of it is taken in before anything else is decided. Only what somebody waits for wakes the pipeline: to wake it for each report
/// takes more of the processor than everything else that is done for it.
final class AttemptReports: Sendable {
    struct Entry: Sendable {
        let node: Int
        let attempt: Int
        let report: StepReport
    }

    /// One element whenever there is something that should not lie.
    let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let entries = Mutex<[Entry]>([])

    init() {
        (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ entry: Entry) {
        entries.withLock { $0.append(entry) }
        if entry.report.isAwaited { waker.yield() }
    }

    /// What has come since the last time.
    func taken() -> [Entry] {
        entries.withLock { entries in
            defer { entries = [] }
            return entries
        }
    }

    func close() {
        waker.finish()
    }
}

extension StepReport {
    /// Whether it says something that is seen, or leads to something, before the next event.
    fileprivate var isAwaited: Bool {
        switch self {
        case .launched, .note, .warning: true
        case .created, .finishing, .process: false
        }
    }
}
