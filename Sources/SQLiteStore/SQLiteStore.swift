package import SystemPackage
package import Tracking

/// The tracking store in one SQLite file, with the schema and the habits of MLflow 3.17.2, so that both can use it at once.
///
/// How it works, from the bottom: `Connection` wraps the C library; `StoreFile` opens or creates the file and looks at its
/// schema; `WriteQueue` owns the one connection that writes and commits many waiting writes at once; `ReaderPool` serves
/// reads, `SearchMemory` those searches that a file at rest can answer from memory, and `TagIndex` questions for values of tags.
/// The operations themselves are extensions, one file per area, each a function from a connection to a value.
package final class SQLiteStore: WriteReporting {
    package let path: FilePath
    package let options: Options
    let writer: WriteQueue
    let readers: ReaderPool
    let searchMemory: SearchMemory
    let tagIndexes = ConfinedTagIndexes()

    package struct Options: Sendable {
        /// Below which new experiments keep their artifacts, unless they say where.
        package var artifactRoot: String
        /// What relative artifact locations are relative to.
        package var workingDirectory: FilePath
        package var durability: Durability
        package var longValues: LongValues
        /// How long to wait for another process that holds the file.
        package var busyTimeout: Duration
        /// Whether a file that is not there is created.
        package var createsFile: Bool
        /// The wall clock, in milliseconds since 1970.
        package var now: @Sendable () -> Int64
        /// The layer through which SQLite reaches the file, when it is not the system itself: for fault injection.
        package var fileSystem: String?

        /// MLflow's defaults for a store that is used directly: artifacts under `./mlruns`.
        package init(
            workingDirectory: FilePath, artifactRoot: String? = nil, environment: [String: String] = [:],
            busyTimeout: Duration = .seconds(30), createsFile: Bool = true
        ) {
            self.workingDirectory = workingDirectory
            self.artifactRoot = absoluteLocation(artifactRoot ?? "./mlruns", in: workingDirectory)
            durability = Durability(environment: environment)
            longValues = LongValues(environment: environment)
            self.busyTimeout = busyTimeout
            self.createsFile = createsFile
            now = currentMilliseconds
        }
    }

    /// What an acknowledged write survives.
    package enum Durability: Sendable, Hashable {
        /// Loss of power as well.
        case full
        /// The end of the process, and of everything but the machine: the file is synced only now and then.
        case normal

        /// Follows `SWIFTFLOW_SQLITE_SYNC`; anything but `normal` is full.
        package init(environment: [String: String]) {
            self = environment["SWIFTFLOW_SQLITE_SYNC"]?.lowercased() == "normal" ? .normal : .full
        }
    }

    /// Opens the store, creating the file when there is none.
    ///
    /// - Throws: `StoreFileError` when the file is not one of ours to use; it is left as it was.
    package static func open(_ path: FilePath, options: Options) async throws -> SQLiteStore {
        let store = SQLiteStore(path: path, options: options)
        try await store.writer.read { _ in }
        return store
    }

    private init(path: FilePath, options: Options) {
        self.path = path
        self.options = options
        let file = StoreFile(path: path, options: options)
        writer = WriteQueue(path: path) { try file.openForWriting() }
        readers = ReaderPool(path: path) { try file.openForReading() }
        searchMemory = SearchMemory(path: path) { try file.openForReading() }
    }

    /// Why nothing can be written any more: a write or a sync has failed, and the process should end.
    package var failure: TrackingError? {
        writer.failure
    }

    package var writeFigures: WriteFigures {
        writer.figures
    }

    package func close() async {
        await readers.close()
        await searchMemory.close()
        await writer.close()
    }

    // MARK: Access for the operations

    /// Performs a change; returns when it is committed, together with whatever else was waiting.
    func write<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
        try await writer.write(body)
    }

    /// Reads from one consistent state.
    ///
    /// A short read takes the writer's connection when nobody writes, in the caller's thread where that cannot block; and so does any
    /// read of a process that has written nothing: a short run never opens a second connection.
    func read<T: Sendable>(
        isShort: Bool = false, _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
        if isShort, let result = writer.readAtOnce(body) { return try result.get() }
        return try await withCheckedThrowingContinuation { continuation in
            let call = PendingCall(body, continuation)
            if !writer.enqueueIfIdle(call, isShort: isShort) { readers.enqueue(call) }
        }
    }
}
