import NIOCore

/// Runs a connection's tasks on the thread of its event loop.
///
/// A request otherwise changes threads twice more, from the loop to the concurrent executor and back, and each change costs more than the
/// handling of a small request. Nothing in a handler blocks: stores and files have threads of their own.
final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
