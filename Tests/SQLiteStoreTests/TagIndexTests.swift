import Files
import SystemPackage
import TestSupport
import Testing
import Tracking

@testable import SQLiteStore

/// Questions for values of a tag find what the tables hold now, whoever has written there.
@Suite struct `Questions for values of a tag` {
    private func makeRun(_ store: SQLiteStore, _ value: String, at time: Int64) async throws -> String {
        try await store.createRun(
            RunCreation(
                experimentID: "0", startTime: time, tags: [Tag("other", "x"), Tag("kind", value)],
                end: RunEnd(.finished, at: time))
        ).info.runID
    }

    private func ask(_ store: SQLiteStore, _ values: Set<String>) async throws -> [String: [String]] {
        try await store.latestRuns(withTag: "kind", among: values, experimentIDs: ["0"])
            .mapValues { $0.map(\.info.runID) }
    }

    @Test func `what another process records is found by the next question`() async throws {
        let folder = try TemporaryDirectory()
        let path = folder.path.appending("mlflow.db")
        let options = SQLiteStore.Options(workingDirectory: folder.path)
        let asking = try await SQLiteStore.open(path, options: options)
        let writing = try await SQLiteStore.open(path, options: options)
        #expect(try await ask(asking, ["a"]).isEmpty)
        for time in 1...50 {
            let run = try await makeRun(time.isMultiple(of: 2) ? writing : asking, "a", at: Int64(time))
            #expect(try await ask(asking, ["a", "b"]) == ["a": [run]])
        }
        // More than is read in passing.
        try execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 21000)
            INSERT INTO tags (key, value, run_uuid) SELECT 'many ' || i, 'a', (SELECT run_uuid FROM runs LIMIT 1) FROM n
            """, on: path)
        let last = try await makeRun(writing, "b", at: 60)
        #expect(try await ask(asking, ["b"]) == ["b": [last]])
        await writing.close()
        await asking.close()
    }

    @Test func `rows that are deleted, and numbers that are used again, are never taken for what they were`()
        async throws
    {
        let folder = try TemporaryDirectory()
        let path = folder.path.appending("mlflow.db")
        let store = try await SQLiteStore.open(path, options: .init(workingDirectory: folder.path))
        let kept = try await makeRun(store, "a", at: 1)
        let removed = try await makeRun(store, "b", at: 2)
        #expect(try await ask(store, ["a", "b"]) == ["a": [kept], "b": [removed]])
        try execute("DELETE FROM tags WHERE run_uuid = '\(removed)'", on: path)
        #expect(try await ask(store, ["a", "b"]) == ["a": [kept]])
        let next = try await makeRun(store, "c", at: 3)
        #expect(try await ask(store, ["a", "b", "c"]) == ["a": [kept], "c": [next]])
        try execute("UPDATE tags SET value = 'd' WHERE run_uuid = '\(next)' AND key = 'kind'", on: path)
        #expect(try await ask(store, ["c"]).isEmpty)
        await store.close()
    }
}
