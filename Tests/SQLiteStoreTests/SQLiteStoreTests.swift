import Files
import SQLiteStore
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tracking

/// A store in a folder of its own, which goes away with it.
struct StoreFixture: Sendable {
    let folder: TemporaryDirectory
    let path: FilePath
    var options: SQLiteStore.Options

    init(environment: [String: String] = [:]) throws {
        folder = try TemporaryDirectory(prefix: "swiftflow-store")
        path = folder.path.appending("mlflow.db")
        options = SQLiteStore.Options(workingDirectory: folder.path, environment: environment)
    }

    func open() async throws -> SQLiteStore {
        try await SQLiteStore.open(path, options: options)
    }

    /// Opens the store for `body`, and closes it whatever happens.
    func withStore<T: Sendable>(_ body: (SQLiteStore) async throws -> T) async throws -> T {
        let store = try await open()
        do {
            let result = try await body(store)
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }

    var bytes: [UInt8] {
        get throws { try contents(of: path) }
    }
}

func contents(of path: FilePath) throws -> [UInt8] {
    let descriptor = try FileDescriptor.open(path, .readOnly)
    return try descriptor.closeAfter {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try unsafe chunk.withUnsafeMutableBytes { try unsafe descriptor.read(into: $0) }
            if count == 0 { return bytes }
            bytes += chunk.prefix(count)
        }
    }
}

func write(_ bytes: [UInt8], to path: FilePath) throws {
    let descriptor = try FileDescriptor.open(
        path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
}

@Suite struct `SQLite store` {
    @Test(arguments: StoreConformance.checks)
    func `keeps the promises of a store`(check: StoreConformance.Check) async throws {
        try await StoreFixture().withStore { try await check.run(on: $0) }
    }

    @Test func `keeps what was written when it is opened again`() async throws {
        let fixture = try StoreFixture()
        let run = try await fixture.withStore {
            try await $0.createRun(
                RunCreation(experimentID: "0", startTime: 1, tags: [Tag("t", "1")], params: [Param("p", "2")]))
        }
        try await fixture.withStore { (store) async throws in #expect(try await store.run(id: run.info.runID) == run) }
    }

    @Test func `puts artifacts under ./mlruns of the working directory, as MLflow does`() async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { (store) async throws in
            #expect(try await store.experiment(id: "0").artifactLocation == "\(fixture.folder.path)/mlruns/0")
            let relative = try await store.createExperiment(
                ExperimentCreation(name: "relative", artifactLocation: "./somewhere/else"))
            #expect(
                try await store.experiment(id: relative).artifactLocation == "\(fixture.folder.path)/somewhere/else")
        }
    }

    @Test(arguments: [
        ("s3://bucket/p?x=1", "s3://bucket/p/0?x=1"), ("mlflow-artifacts:/", "mlflow-artifacts:/0"),
        ("/abs/", "/abs/0"), ("file:///abs", "file:///abs/0"),
    ])
    func `appends the experiment to the artifact root`(root: String, location: String) async throws {
        var fixture = try StoreFixture()
        fixture.options = SQLiteStore.Options(workingDirectory: fixture.folder.path, artifactRoot: root)
        try await fixture.withStore { (store) async throws in
            #expect(try await store.experiment(id: "0").artifactLocation == location)
        }
    }

    @Test func `A-13 stores the local place that a client chose, and touches nothing there`() async throws {
        let fixture = try StoreFixture()
        let place = fixture.folder.path.appending("not there")
        try await fixture.withStore { (store) async throws in
            let id = try await store.createExperiment(
                ExperimentCreation(name: "e", artifactLocation: place.string))
            let run = try await store.createRun(RunCreation(experimentID: id, startTime: 1))
            #expect(run.info.artifactURI == "\(place)/\(run.info.runID)/artifacts")
            #expect(throws: Errno.noSuchFileOrDirectory) { try FileDescriptor.open(place, .readOnly) }
        }
    }

    @Test func `refuses long values instead of truncating them when told so`() async throws {
        let fixture = try StoreFixture(environment: ["MLFLOW_TRUNCATE_LONG_VALUES": "false"])
        try await fixture.withStore { (store) async throws in
            let run = try await store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
            let error = await #expect(throws: TrackingError.self) {
                try await store.logParam(Param("p", String(repeating: "v", count: 6001)), runID: run)
            }
            #expect(error?.message == "'Param value' exceeds the maximum length of 6000 characters")
        }
    }

    @Test func `S-12 keeps durations and order when the clock jumps`() async throws {
        var fixture = try StoreFixture()
        let day: Int64 = 86_400_000
        let times = Times([1_000_000_000_000, 1_000_000_000_000 + day, 1_000_000_000_000 - day])
        fixture.options.now = { times.next() }
        try await fixture.withStore { (store) async throws in
            let ids = [
                try await store.createExperiment(ExperimentCreation(name: "a")),
                try await store.createExperiment(ExperimentCreation(name: "b")),
            ]
            let found = try await store.searchExperiments(ExperimentSearch(orderBy: ["experiment_id"]))
            #expect(found.elements.map(\.experimentID) == ["0"] + ids)
            let run = try await store.createRun(RunCreation(experimentID: ids[0], startTime: 5_000))
            for step in 0..<3 {
                try await store.logMetric(
                    Metric("m", Double(step), timestamp: Int64(3 - step), step: Int64(step)), runID: run.info.runID)
            }
            #expect(try await store.run(id: run.info.runID).data.metric("m")?.step == 2)
        }
    }

    @Test func `refuses calls after it was closed`() async throws {
        let store = try await StoreFixture().open()
        await store.close()
        let error = await #expect(throws: TrackingError.self) {
            _ = try await store.createRun(RunCreation(experimentID: "0", startTime: 1))
        }
        #expect(error?.message.contains("has been closed") == true)
    }
}

/// Times that a clock shows one after the other; the last one for ever.
private final class Times: Sendable {
    private let remaining: Mutex<[Int64]>

    init(_ times: [Int64]) {
        remaining = Mutex(times)
    }

    func next() -> Int64 {
        remaining.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? 0 }
    }
}
