import Dispatch

/// Where blocking writes of a log happen, one after the other.
struct WritingQueue: Sendable {
    private let queue = DispatchQueue(label: "swiftflow.log")

    func run(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    /// Returns when everything before has been done.
    func wait() {
        queue.sync {}
    }
}
