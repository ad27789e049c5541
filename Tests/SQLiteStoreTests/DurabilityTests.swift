import CSQLite
import Files
import Glibc
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

/// What a process wrote down, one line a time, of the writes that were acknowledged to it.
private struct Ledger: Sendable {
    let path: FilePath

    func append(_ line: String) throws {
        let descriptor = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
        try descriptor.closeAfter { _ = try descriptor.writeAll(Array("\(line)\n".utf8)) }
    }

    var lines: [String] {
        guard let bytes = try? contents(of: path) else { return [] }
        // The last line may have been cut off by the end of the process.
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .dropLast().map(String.init)
    }
}

/// Opens the store in a folder and logs from several tasks, writing down what was acknowledged, until it is killed.
private func writeUntilKilled(in folder: String, after delay: Int) async throws {
    Task {
        try await Task.sleep(for: .milliseconds(delay))
        kill(getpid(), SIGKILL)
    }
    let path = FilePath(folder)
    let store = try await SQLiteStore.open(
        path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: path))
    let ledger = Ledger(path: path.appending("acknowledged"))
    try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
            group.addTask {
                let run = try await store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
                try ledger.append("\(run) run 0")
                for index in 0... {
                    try await store.logMetric(
                        Metric("m", Double(index), timestamp: 1, step: Int64(index)), runID: run)
                    try ledger.append("\(run) metric \(index)")
                }
            }
        }
        try await group.waitForAll()
    }
}

/// Logs a number of runs into a store that many processes share, and leaves.
private func writeRuns(_ count: Int, in folder: String) async throws {
    let path = FilePath(folder)
    let store = try await SQLiteStore.open(
        path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: path))
    for index in 0..<count {
        let run = try await store.createRun(
            RunCreation(experimentID: "0", startTime: 1, tags: [Tag("process", "\(getpid())")]))
        try await store.logMetric(Metric("m", Double(index), timestamp: 1), runID: run.info.runID)
    }
    await store.close()
}

@Suite struct `What was acknowledged` {
    @Test(.timeLimit(.minutes(10)), arguments: [15, 40, 90, 200, 400])
    func `S-01 is there after kill -9 at any time`(delay: Int) async throws {
        let fixture = try StoreFixture()
        let folder = fixture.folder.path.string
        await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String, delay = delay as Int] in
            try await writeUntilKilled(in: folder, after: delay)
        }
        let acknowledged = Ledger(path: fixture.folder.path.appending("acknowledged")).lines
        try await fixture.withStore { (store) async throws in
            #expect(try await store.integrityProblems() == [])
            var histories: [String: Set<Int64>] = [:]
            for line in acknowledged {
                let words = line.split(separator: " ").map(String.init)
                let run = words[0]
                if histories[run] == nil {
                    histories[run] = Set(
                        try await store.metricHistory(MetricHistoryQuery(runID: run, key: "m")).elements.map(\.step))
                }
                if words[1] == "run" {
                    _ = try await store.run(id: run)
                } else {
                    #expect(histories[run]?.contains(Int64(words[2]) ?? -1) == true, "\(line)")
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `S-02 is there once when sixteen processes start on a fresh file together`() async throws {
        let fixture = try StoreFixture()
        let folder = fixture.folder.path.string
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [folder = folder as String] in
                        try await writeRuns(20, in: folder)
                    }
                }
            }
        }
        try await fixture.withStore { (store) async throws in
            let runs = try await store.searchRuns(RunSearch(experimentIDs: ["0"])).elements
            #expect(runs.count == 16 * 20)
            #expect(Set(runs.compactMap { $0.data.tag("process") }).count == 16)
            #expect(runs.allSatisfy { $0.data.metrics.count == 1 })
            #expect(try await store.searchExperiments(ExperimentSearch()).elements.count == 1)
            #expect(try await store.integrityProblems() == [])
        }
    }

    @Test func `S-02 is not held up by a reader that never ends`() async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { (store) async throws in
            var connection: OpaquePointer?
            _ = unsafe fixture.path.withPlatformString { unsafe sqlite3_open($0, &connection) }
            defer { unsafe sqlite3_close(connection) }
            let code = unsafe sqlite3_exec(connection, "BEGIN; SELECT count(*) FROM runs", nil, nil, nil)
            #expect(code == SQLITE_OK)
            for _ in 0..<50 { _ = try await store.createRun(RunCreation(experimentID: "0", startTime: 1)) }
        }
    }

    @Test func `S-02 waits for another writer, and at last says that the store is locked`() async throws {
        var fixture = try StoreFixture()
        fixture.options.busyTimeout = .milliseconds(200)
        try await fixture.withStore { (store) async throws in
            var connection: OpaquePointer?
            _ = unsafe fixture.path.withPlatformString { unsafe sqlite3_open($0, &connection) }
            defer { unsafe sqlite3_close(connection) }
            _ = unsafe sqlite3_exec(connection, "BEGIN IMMEDIATE", nil, nil, nil)
            let error = await #expect(throws: TrackingError.self) {
                _ = try await store.createRun(RunCreation(experimentID: "0", startTime: 1))
            }
            #expect(error?.code == .temporarilyUnavailable)
            #expect(error?.message.contains(fixture.path.string) == true)
            #expect(store.failure == nil)
            _ = unsafe sqlite3_exec(connection, "ROLLBACK", nil, nil, nil)
            _ = try await store.createRun(RunCreation(experimentID: "0", startTime: 1))
        }
    }

    @Test func `is committed many at a time when many wait`() async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { (store) async throws in
            let run = try await store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<2000 {
                    group.addTask {
                        try await store.logMetric(Metric("m\(index % 7)", 1, timestamp: Int64(index)), runID: run)
                    }
                }
                try await group.waitForAll()
            }
            var points = 0
            for key in 0..<7 {
                points += try await store.metricHistory(MetricHistoryQuery(runID: run, key: "m\(key)")).elements.count
            }
            #expect(points == 2000)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `S-10 is a prefix of the history when the log was cut by a loss of power`() async throws {
        let fixture = try StoreFixture()
        let log = FilePath(fixture.path.string + "-wal")
        // The files as they are while the store is open: what a disk would hold at a loss of power.
        let (database, wholeLog) = try await fixture.withStore { (store) async throws in
            for index in 0..<12 {
                _ = try await store.createRun(
                    RunCreation(experimentID: "0", name: "run \(index)", startTime: Int64(index)))
            }
            return (try fixture.bytes, try contents(of: log))
        }
        #expect(wholeLog.count > 12 * 4096)
        var generator = SystemRandomNumberGenerator()
        let cuts =
            [0, 1, 31, 32, 33, 56, wholeLog.count - 1, wholeLog.count]
            + (0..<25).map { _ in Int.random(in: 0..<wholeLog.count, using: &generator) }
        var seen: Set<Int> = []
        for cut in cuts {
            let copy = try StoreFixture()
            try write(database, to: copy.path)
            try write(Array(wholeLog.prefix(cut)), to: FilePath(copy.path.string + "-wal"))
            try await copy.withStore { (store) async throws in
                #expect(try await store.integrityProblems() == [], "cut at \(cut)")
                let runs = try await store.searchRuns(RunSearch(experimentIDs: ["0"], orderBy: ["start_time"])).elements
                #expect(runs.map(\.info.runName) == (0..<runs.count).map { "run \($0)" }, "cut at \(cut)")
                seen.insert(runs.count)
            }
        }
        #expect(seen.contains(0) && seen.contains(12) && seen.count > 3)
    }

    @Test func `S-10 is a prefix of the history when the log is gone or stale`() async throws {
        let fixture = try StoreFixture()
        let log = FilePath(fixture.path.string + "-wal")
        let (early, database) = try await fixture.withStore { (store) async throws in
            _ = try await store.createRun(RunCreation(experimentID: "0", name: "first", startTime: 0))
            let early = try contents(of: log)
            _ = try await store.createRun(RunCreation(experimentID: "0", name: "second", startTime: 1))
            return (early, try fixture.bytes)
        }
        for (remains, expected) in [([], []), (early, ["first"])] as [([UInt8], [String])] {
            let copy = try StoreFixture()
            try write(database, to: copy.path)
            if !remains.isEmpty { try write(remains, to: FilePath(copy.path.string + "-wal")) }
            try await copy.withStore { (store) async throws in
                #expect(try await store.integrityProblems() == [])
                let runs = try await store.searchRuns(RunSearch(experimentIDs: ["0"])).elements
                #expect(runs.map(\.info.runName) == expected)
            }
        }
    }
}
