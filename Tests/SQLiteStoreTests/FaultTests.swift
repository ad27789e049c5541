import FaultyFileSystem
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

/// What a script of writes got acknowledged before it failed.
private struct Acknowledged: Sendable {
    var runs: [String] = []
    var metrics: [(run: String, step: Int64)] = []
    var ended: [String] = []
    var failure: (any Error)?
}

/// A run's life, several times; stops at the first error.
private func script(_ store: SQLiteStore, runs: Int = 1) async -> Acknowledged {
    var done = Acknowledged()
    do {
        for _ in 0..<runs {
            let run = try await store.createRun(
                RunCreation(experimentID: "0", startTime: 1, tags: [Tag("t", "1")], params: [Param("p", "1")])
            ).info.runID
            done.runs.append(run)
            for step in 0..<2 {
                try await store.logMetric(Metric("m", 1, timestamp: 1, step: Int64(step)), runID: run)
                done.metrics.append((run, Int64(step)))
            }
            try await store.updateRun(RunUpdate(runID: run, status: .finished, endTime: 2))
            done.ended.append(run)
        }
    } catch {
        done.failure = error
    }
    return done
}

/// The failing layer is one for the whole process, so these tests take turns.
@Suite(.serialized, .timeLimit(.minutes(10))) struct `A failing disk` {
    private func check(_ fixture: StoreFixture, _ done: Acknowledged, _ comment: Comment) async throws {
        var healthy = fixture
        healthy.options.fileSystem = nil
        try await healthy.withStore { (store) async throws in
            #expect(try await store.integrityProblems() == [], comment)
            for run in done.runs {
                let found = try await store.run(id: run)
                #expect(found.data.param("p") == "1", comment)
                // FINISHED exactly when that was acknowledged, or just about to be.
                if done.ended.contains(run) { #expect(found.info.status == .finished, comment) }
            }
            for metric in done.metrics {
                let history = try await store.metricHistory(MetricHistoryQuery(runID: metric.run, key: "m"))
                #expect(history.elements.contains { $0.step == metric.step }, comment)
            }
            let again = await script(store)
            #expect(again.failure == nil, "works again without repair")
        }
    }

    /// Lets the n-th call fail, for every n until the script passes untouched.
    private func failEach(
        _ calls: UInt32, _ kind: faulty_kind, lasting: Bool,
        check body: (Int, SQLiteStore, Acknowledged) async throws -> Void
    ) async throws {
        #expect(faulty_register() == 0)
        for nth in 1...400 {
            var fixture = try StoreFixture()
            fixture.options.fileSystem = "faulty"
            let store = try await fixture.open()
            faulty_arm(Int32(calls), Int32(nth), kind, lasting ? 1 : 0)
            let done = await script(store)
            let hasFailed = faulty_disarm() == 1
            if hasFailed { try await body(nth, store, done) }
            await store.close()
            try await check(fixture, done, "call \(nth)")
            if !hasFailed {
                #expect(done.failure == nil)
                #expect(nth > 3, "the script must make some calls")
                return
            }
        }
        Issue.record("the script did not end within 400 calls")
    }

    @Test(arguments: [faulty_io_error, faulty_short_write])
    func `S-06 acknowledges nothing falsely when the n-th write fails`(kind: faulty_kind) async throws {
        try await failEach(faulty_write.rawValue, kind, lasting: false) { nth, store, done in
            #expect(done.failure is TrackingError, "call \(nth)")
            #expect(store.failure != nil, "call \(nth)")
        }
    }

    @Test func `S-07 is finished after a failed sync, and never reports success later`() async throws {
        try await failEach(faulty_sync.rawValue, faulty_io_error, lasting: false) { nth, store, done in
            #expect(done.failure is TrackingError, "call \(nth)")
            let failure = try #require(store.failure)
            let later = await #expect(throws: TrackingError.self) {
                _ = try await store.createRun(RunCreation(experimentID: "0", startTime: 1))
            }
            #expect(later == failure, "call \(nth)")
        }
    }

    @Test func `S-04 names the store when the disk is full, and works again after space without repair`() async throws {
        try await failEach(faulty_write.rawValue, faulty_disk_full, lasting: true) { nth, store, done in
            let failure = try #require(done.failure as? TrackingError)
            #expect(failure.message.contains("no space is left"), "call \(nth)")
            #expect(failure.message.contains(store.path.string), "call \(nth)")
        }
    }

    @Test(arguments: [1, 2, 3, 5, 8, 20, 60, 150])
    func `S-04 leaves nothing half made when the disk is full at the creation`(nth: Int) async throws {
        #expect(faulty_register() == 0)
        var fixture = try StoreFixture()
        fixture.options.fileSystem = "faulty"
        faulty_arm(Int32(faulty_write.rawValue), Int32(nth), faulty_disk_full, 1)
        let error = await #expect(throws: StoreFileError.self) { _ = try await fixture.open() }
        _ = faulty_disarm()
        #expect(error?.reason == .diskFull)
        fixture.options.fileSystem = nil
        try await fixture.withStore { (store) async throws in
            #expect(try await store.integrityProblems() == [])
            #expect(try await store.experiment(id: "0").name == "Default")
        }
    }

    @Test func `S-06 a failed read is an error of that read alone`() async throws {
        #expect(faulty_register() == 0)
        var fixture = try StoreFixture()
        let run = try await fixture.withStore { (store) async throws in
            try await store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
        }
        fixture.options.fileSystem = "faulty"
        try await fixture.withStore { (store) async throws in
            faulty_arm(Int32(faulty_read.rawValue), 1, faulty_io_error, 0)
            let failed = await #expect(throws: TrackingError.self) { _ = try await store.run(id: run) }
            _ = faulty_disarm()
            #expect(failed?.code == .internalError)
            _ = try await store.run(id: run)
            try await store.setTag(Tag("t", "1"), runID: run)
        }
    }
}
