import CSQLite
import Diagnostics
import Files
import Glibc
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

@Suite struct `Opening a store` {
    @Test func `S-08 refuses what is no database, and leaves it as it was`() async throws {
        let text = Array("this is no database, and it is long enough to have had a header of one in it.".utf8)
        let contents = [text, Array(repeating: 0, count: 4096), Array(repeating: 0xFF, count: 100_000)]
        for bytes in contents {
            let fixture = try StoreFixture()
            try write(bytes, to: fixture.path)
            let error = await #expect(throws: StoreFileError.self) { _ = try await fixture.open() }
            #expect(error?.reason == .notADatabase)
            #expect(error?.description.contains(fixture.path.string) == true)
            #expect(try fixture.bytes == bytes)
        }
    }

    @Test func `S-08 refuses a database of something else`() async throws {
        let fixture = try StoreFixture()
        try execute("CREATE TABLE customers (id INTEGER)", on: fixture.path)
        let before = try fixture.bytes
        let error = await #expect(throws: StoreFileError.self) { _ = try await fixture.open() }
        #expect(error?.reason == .notAStore)
        #expect(try fixture.bytes == before)
    }

    @Test(arguments: ["ffffffffffff", "5b0e9adcef9c"])
    func `S-08 refuses the schema of another MLflow, and says what to do`(revision: String) async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { _ in }
        try execute("UPDATE alembic_version SET version_num = '\(revision)'", on: fixture.path)
        let before = try fixture.bytes
        let error = await #expect(throws: StoreFileError.self) { _ = try await fixture.open() }
        #expect(error?.reason == .otherSchema(revision))
        #expect(error?.description.contains("server") == true)
        #expect(try fixture.bytes == before)
    }

    @Test(arguments: [20, 100, 4096, 5000, 40_000, 500_000])
    func `S-08 refuses a truncated file`(length: Int) async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { _ in }
        let whole = try fixture.bytes
        try write(Array(whole.prefix(length)), to: fixture.path)
        let error = await #expect(throws: StoreFileError.self) { _ = try await fixture.open() }
        switch error?.reason {
        case .notADatabase, .damaged: break
        default: Issue.record("unexpected \(String(describing: error))")
        }
        #expect(try fixture.bytes == Array(whole.prefix(length)))
    }

    @Test func `S-08 survives flipped bytes without a crash`() async throws {
        let fixture = try StoreFixture()
        let run = try await fixture.withStore {
            try await $0.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
        }
        let whole = try fixture.bytes
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<40 {
            var damaged = whole
            for _ in 0..<20 {
                damaged[Int.random(in: 0..<damaged.count, using: &generator)] ^= UInt8.random(in: 1...255)
            }
            try write(damaged, to: fixture.path)
            do {
                try await fixture.withStore { (store) async throws in
                    _ = try? await store.run(id: run)
                    _ = try? await store.searchRuns(RunSearch(experimentIDs: ["0"]))
                    _ = try? await store.integrityProblems()
                }
            } catch is StoreFileError {
                // Said clearly, which is all that can be asked.
            }
        }
    }

    @Test func `S-04 says that a folder is missing, or that the path is one`() async throws {
        let folder = try TemporaryDirectory()
        let options = SQLiteStore.Options(workingDirectory: folder.path)
        let missing = folder.path.appending("no/such/mlflow.db")
        var error = await #expect(throws: StoreFileError.self) {
            _ = try await SQLiteStore.open(missing, options: options)
        }
        #expect(error?.reason == .noFolder)
        #expect(error?.description.contains("\(folder.path)/no/such") == true)
        error = await #expect(throws: StoreFileError.self) {
            _ = try await SQLiteStore.open(folder.path, options: options)
        }
        #expect(error?.reason == .isFolder)
    }

    @Test func `does not create a file when told not to`() async throws {
        var fixture = try StoreFixture()
        fixture.options.createsFile = false
        let error = await #expect(throws: StoreFileError.self) { _ = try await fixture.open() }
        #expect(error?.reason == .missing)
        #expect(throws: Errno.noSuchFileOrDirectory) { try fixture.bytes }
    }

    @Test(.enabled(if: getuid() != 0, "root may write everything"))
    func `S-04 says that the file or its folder is read-only`() async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { _ in }
        _ = unsafe fixture.path.withPlatformString { unsafe chmod($0, 0o400) }
        let error = await #expect(throws: StoreFileError.self) { _ = try await fixture.open() }
        #expect(error?.reason == .readOnly)
    }

    @Test func `opens a file that has lost its default experiment, as MLflow does`() async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { _ in }
        try execute("DELETE FROM experiments", on: fixture.path)
        try await fixture.withStore { (store) async throws in
            #expect(try await store.experiment(id: "0").name == "Default")
        }
    }

    @Test func `takes over an empty file`() async throws {
        let fixture = try StoreFixture()
        try write([], to: fixture.path)
        try await fixture.withStore { (store) async throws in
            #expect(try await store.experiment(id: "0").name == "Default")
        }
    }

    @Test func `keeps foreign tables that live beside its own`() async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { _ in }
        try execute("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)", on: fixture.path)
        try await fixture.withStore { (store) async throws in #expect(try await store.integrityProblems() == []) }
    }

    @Test func `uses a write-ahead log, and leaves no log behind when it closes`() async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { (store) async throws in
            _ = try await store.createRun(RunCreation(experimentID: "0", startTime: 1))
            #expect(throws: Never.self) { try contents(of: FilePath(fixture.path.string + "-wal")) }
        }
        #expect(throws: Errno.noSuchFileOrDirectory) { try contents(of: FilePath(fixture.path.string + "-wal")) }
    }
}
