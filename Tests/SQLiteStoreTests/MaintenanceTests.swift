import Files
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

@Suite struct `The care of a store` {
    @Test func `a backup of a live store has everything, and is a store`() async throws {
        let fixture = try StoreFixture()
        let copy = fixture.folder.path.appending("backup.db")
        let runs = try await fixture.withStore { (store) async throws in
            let first = try await store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
            async let writing: Void = {
                for index in 0..<50 {
                    try await store.logMetric(Metric("m", 1, timestamp: Int64(index)), runID: first)
                }
            }()
            try await store.backUp(to: copy)
            try await writing
            return [first]
        }
        let backup = try await SQLiteStore.open(copy, options: fixture.options)
        for run in runs { _ = try await backup.run(id: run) }
        #expect(try await backup.integrityProblems() == [])
        await backup.close()
    }

    @Test func `a backup never overwrites`() async throws {
        let fixture = try StoreFixture()
        let taken = fixture.folder.path.appending("taken")
        try write([1, 2, 3], to: taken)
        try await fixture.withStore { (store) async throws in
            _ = await #expect(throws: StoreFileError.self) { try await store.backUp(to: taken) }
        }
        #expect(try contents(of: taken) == [1, 2, 3])
    }

    @Test func `finds rows whose parents are missing`() async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { _ in }
        try execute("INSERT INTO params (key, value, run_uuid) VALUES ('p', '1', 'nobody')", on: fixture.path)
        try await fixture.withStore { (store) async throws in
            let problems = try await store.integrityProblems()
            #expect(problems.count == 1 && problems[0].contains("'params'"))
        }
    }

    @Test func `removes deleted runs for good, and no others`() async throws {
        try await StoreFixture().withStore { (store) async throws in
            var runs: [String] = []
            for _ in 0..<2 {
                let run = try await store.createRun(
                    RunCreation(experimentID: "0", startTime: 1, tags: [Tag("t", "1")], params: [Param("p", "1")])
                ).info.runID
                try await store.logMetric(Metric("m", 1, timestamp: 1), runID: run)
                try await store.logInputs(
                    RunInputs(datasets: [
                        DatasetInput(
                            Dataset(name: "d", digest: "1", sourceType: "local", source: "x"), tags: [Tag("k", "v")])
                    ]), runID: run)
                runs.append(run)
            }
            await #expect(throws: TrackingError.self) { try await store.purgeRun(id: runs[0]) }
            try await store.deleteRun(id: runs[0])
            #expect(try await store.deletedRuns(before: 0).isEmpty)
            #expect(try await store.deletedRuns().map(\.runID) == [runs[0]])
            try await store.purgeRun(id: runs[0])
            await #expect(throws: TrackingError.self) { _ = try await store.run(id: runs[0]) }
            #expect(try await store.run(id: runs[1]).inputs.datasets.first?.tags == [Tag("k", "v")])
            #expect(try await store.integrityProblems() == [])
        }
    }

    @Test func `removes a deleted experiment with all it holds`() async throws {
        try await StoreFixture().withStore { (store) async throws in
            let id = try await store.createExperiment(ExperimentCreation(name: "e", tags: [Tag("k", "v")]))
            let run = try await store.createRun(RunCreation(experimentID: id, startTime: 1)).info.runID
            let model = try await store.createLoggedModel(
                LoggedModelCreation(experimentID: id, sourceRunID: run, params: [Param("p", "1")]))
            try await store.logMetric(Metric("m", 1, timestamp: 1, modelID: model.modelID), runID: run)
            await #expect(throws: TrackingError.self) { try await store.purgeExperiment(id: id) }
            try await store.deleteExperiment(id: id)
            try await store.purgeExperiment(id: id)
            #expect(try await store.findExperiment(named: "e") == nil)
            #expect(try await store.integrityProblems() == [])
        }
    }
}
