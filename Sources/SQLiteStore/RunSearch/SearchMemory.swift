import Dispatch
import Synchronization
import SystemPackage
import Tracking

/// Answers searches over runs from columns in memory while nobody writes.
///
/// The columns are those of one state of the file. Every search looks first, in its own transaction, whether the file is still in that
/// state (`PRAGMA data_version`, which also tells what other processes have written). If it is not, the search goes the usual way; the
/// columns are read again when a second search finds the file as the first one left it, and later when reading them has not paid before.
final class SearchMemory: Sendable {
    private let path: FilePath
    private let open: @Sendable () throws -> Connection
    private let queue = DispatchQueue(label: "swiftflow.store.search", qos: .userInitiated)
    private let confined = ConfinedSearchMemory()
    private let searches = Atomic(0)

    init(path: FilePath, open: @escaping @Sendable () throws -> Connection) {
        self.path = path
        self.open = open
    }

    /// One page of a search; nil when it is not answered from memory.
    func page(of query: RunQuery, maxResults: Int, offset: Int) async throws -> Page<Run>? {
        // A short run searches once, and is spared the connection. Long pages are the work of several connections.
        guard searches.add(1, ordering: .relaxed).oldValue > 0, maxResults <= 1000 else { return nil }
        return try await withCheckedThrowingContinuation { continuation in
            let call = PendingCall(
                { [confined] in try confined.answer(query, maxResults: maxResults, offset: offset, by: $0) },
                continuation)
            queue.async {
                do {
                    let connection = try self.confined.connection ?? self.open()
                    self.confined.connection = connection
                    ReaderPool.perform(call, on: connection, path: self.path).deliver(path: self.path)
                } catch {
                    call.fail(error)
                }
            }
        }
    }

    func close() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.confined.connection = nil
                self.confined.forget()
                continuation.resume()
            }
        }
    }
}

/// What work on the queue of a `SearchMemory` uses.
///
/// `@unchecked Sendable` holds because everything in it is only touched by work on that serial queue.
private final class ConfinedSearchMemory: @unchecked Sendable {
    var connection: Connection?
    private var columns: RunColumns?
    /// What the file was at the last search.
    private var version: Int64?
    private var searchesOfVersion = 0
    /// How many searches must find the file unchanged before its runs are read.
    private var patience = 1

    private static let longestPatience = 64

    func answer(_ query: RunQuery, maxResults: Int, offset: Int, by connection: Connection) throws -> Page<Run>? {
        try checkVersion(connection)
        guard var columns else { return nil }
        self.columns = nil
        defer { self.columns = columns }
        do {
            let search = try RunColumnSearch(query, &columns, connection)
            let rowIDs = search.rowIDs(in: columns, offset: offset, limit: maxResults + 1)
            return try connection.pageOfRuns(rowIDs, of: maxResults, offset: offset)
        } catch is RunColumns.Unsuitable {
            return nil
        }
    }

    func forget() {
        columns = nil
        version = nil
    }

    /// Forgets the columns when the file has changed, and reads them when it is time to.
    private func checkVersion(_ connection: Connection) throws {
        let current = try connection.first("PRAGMA data_version") { $0.integer(0) }
        if current != version {
            if columns != nil { patience = searchesOfVersion >= patience + 4 ? 1 : longerPatience }
            columns = nil
            version = current
            searchesOfVersion = 0
        }
        searchesOfVersion += 1
        guard columns == nil, searchesOfVersion == patience + 1 else { return }
        do {
            columns = try RunColumns(from: connection)
        } catch is RunColumns.Unsuitable {
            patience = longerPatience
        }
    }

    private var longerPatience: Int { min(2 * patience, Self.longestPatience) }
}
