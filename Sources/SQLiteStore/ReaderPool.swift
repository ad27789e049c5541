import Dispatch
import Synchronization
import SystemPackage
import Tracking

/// Connections that only read, opened when they are first needed; reads run beside each other and beside the writer.
final class ReaderPool: Sendable {
    private struct Reader: Sendable {
        let queue: DispatchQueue
        let confined = ConfinedConnection()
    }

    /// Reads are short or limited by the processor; more connections than this would only hold more memory.
    private static let count = 4

    private let path: FilePath
    private let open: @Sendable () throws -> Connection
    private let readers: [Reader]
    /// How many calls each reader has before it.
    private let loads: Mutex<[Int]>

    init(path: FilePath, open: @escaping @Sendable () throws -> Connection) {
        self.path = path
        self.open = open
        readers = (0..<Self.count).map { index in
            Reader(queue: DispatchQueue(label: "swiftflow.store.reader.\(index)", qos: .userInitiated))
        }
        loads = Mutex(Array(repeating: 0, count: Self.count))
    }

    func enqueue(_ call: any ConnectionCall) {
        let index = loads.withLock { loads in
            // The first of the least loaded, so that few connections are opened while few are needed.
            let index = loads.indices.min { loads[$0] < loads[$1] } ?? 0
            loads[index] += 1
            return index
        }
        let reader = readers[index]
        reader.queue.async {
            defer { self.loads.withLock { $0[index] -= 1 } }
            do {
                let connection = try reader.confined.connection ?? self.open()
                reader.confined.connection = connection
                Self.perform(call, on: connection, path: self.path).deliver(path: self.path)
            } catch {
                call.fail(error)
            }
        }
    }

    func close() async {
        for reader in readers {
            await withCheckedContinuation { continuation in
                reader.queue.async {
                    reader.confined.connection = nil
                    continuation.resume()
                }
            }
        }
    }

    static func perform(_ call: any ConnectionCall, on connection: Connection, path: FilePath) -> Answer {
        do {
            try read(from: connection, path: path) { try call.perform(on: $0) }
            return Answer(call: call, error: nil)
        } catch {
            return Answer(call: call, error: error)
        }
    }

    /// Reads in a transaction of its own, so that all statements see one state.
    static func read<T>(from connection: Connection, path: FilePath, _ body: (Connection) throws -> T) throws -> T {
        do {
            try connection.run("BEGIN")
            defer { if connection.isInTransaction { try? connection.run("COMMIT") } }
            return try body(connection)
        } catch let failure as SQLiteFailure {
            throw TrackingError(explaining: failure, path: path)
        }
    }
}
