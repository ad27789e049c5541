import Testing
import Tracking

extension StoreConformance {
    static let runChecks = [
        Check("a run is created with name, tags and parameters at once") { (store) async throws in
            let run = try await store.createRun(
                RunCreation(
                    experimentID: "0", name: "first", userID: "ann", startTime: 12,
                    tags: [Tag("z", "1"), Tag(WellKnownTag.runner, "host:boot:1:2")], params: [Param("alpha", "0.5")]))
            #expect(run.info.runName == "first")
            #expect(run.info.userID == "ann")
            #expect(run.info.status == .running)
            #expect(run.info.startTime == 12)
            #expect(run.info.endTime == nil)
            #expect(run.info.runID.count == 32 && isRunID(run.info.runID))
            #expect(run.info.artifactURI.hasSuffix("/0/\(run.info.runID)/artifacts"))
            #expect(run.data.tag("mlflow.runName") == "first")
            #expect(run.data.params == [Param("alpha", "0.5")])
            #expect(try await store.run(id: run.info.runID) == run)
        },
        Check("a run without a name gets one, which is also its tag") { (store) async throws in
            let run = try await store.createRun(RunCreation(experimentID: "0", startTime: 1))
            #expect(run.info.runName.count <= 20)
            #expect(run.info.runName.split(separator: "-").count == 3)
            #expect(run.data.tags == [Tag("mlflow.runName", run.info.runName)])
            let tagged = try await store.createRun(
                RunCreation(experimentID: "0", startTime: 1, tags: [Tag("mlflow.runName", "by tag")]))
            #expect(tagged.info.runName == "by tag")
            await expectFailure(.invalidParameterValue, "Both 'run_name' argument and 'mlflow.runName' tag") {
                _ = try await store.makeRun(name: "a", tags: [Tag("mlflow.runName", "b")])
            }
        },
        Check("a run needs an experiment that exists") { (store) async throws in
            await expectFailure(.resourceDoesNotExist, "No Experiment with id=77 exists") {
                _ = try await store.makeRun(in: "77")
            }
        },
        Check("A-12 run ids of a wrong form are refused before any look-up") { (store) async throws in
            for id in ["../..", "", "' OR 1=1", "-a", String(repeating: "a", count: 4000), "a b", "a/b"] {
                await expectFailure(.invalidParameterValue, "for parameter 'run_id' supplied") {
                    _ = try await store.run(id: id)
                }
                await expectFailure(.invalidParameterValue) { try await store.deleteRun(id: id) }
            }
            await expectFailure(.resourceDoesNotExist, "Run with id=artifacts not found") {
                _ = try await store.run(id: "artifacts")
            }
        },
        Check("a run's end, name and tags are set in one call") { (store) async throws in
            let id = try await store.makeRun(tags: [Tag("gone", "1"), Tag("kept", "1")])
            let info = try await store.updateRun(
                RunUpdate(
                    runID: id, status: .failed, endTime: 99, name: "renamed", tags: [Tag("why", "exit 3")],
                    removedTags: ["gone", "never was"]))
            #expect(info.status == .failed)
            let run = try await store.run(id: id)
            #expect(run.info == info)
            #expect(run.info.endTime == 99)
            #expect(run.info.runName == "renamed")
            #expect(
                run.data.tags == [Tag("kept", "1"), Tag("mlflow.runName", "renamed"), Tag("why", "exit 3")])
        },
        Check("a run that has ended already is recorded in one call, with all it logged") { (store) async throws in
            let run = try await store.createRun(
                RunCreation(
                    experimentID: "0", name: "done", startTime: 5, tags: [Tag("t", "1")], params: [Param("p", "2")],
                    metrics: [Metric("m", 1, timestamp: 6), Metric("m", 2, timestamp: 7, step: 1)],
                    end: RunEnd(.finished, at: 9)))
            #expect(run.info.status == .finished)
            #expect(run.info.endTime == 9)
            #expect(run.data.metric("m")?.value == 2)
            #expect(try await store.run(id: run.info.runID) == run)
            let failed = try await store.createRun(
                RunCreation(experimentID: "0", startTime: 5, end: RunEnd(.failed, at: 6)))
            #expect(try await store.run(id: failed.info.runID).info.status == .failed)
        },
        Check("many runs are created together, and one that cannot be fails alone") { (store) async throws in
            var creations: [RunCreation] = []
            for index in 0..<40 {
                var creation = RunCreation(
                    experimentID: "0", name: "run \(index)", startTime: Int64(index), params: [Param("p", "\(index)")])
                creation.tags = (0...index % 20).map { Tag("t\($0)", "\(index)") }
                if index % 2 == 0 { creation.metrics = [Metric("m", Double(index), timestamp: 1)] }
                creations.append(creation)
            }
            creations[7].experimentID = "77"
            creations[9].tags = [Tag(WellKnownTag.runName, "another")]
            let created = await store.createRuns(creations)
            #expect(created.count == creations.count)
            for (index, result) in created.enumerated() {
                guard case .success(let run) = result else {
                    #expect([7, 9].contains(index), "\(index): \(result)")
                    continue
                }
                #expect(run.info.runName == "run \(index)")
                #expect(try await store.run(id: run.info.runID) == run)
                #expect(run.data.tag("t\(index % 20)") == "\(index)")
                #expect(run.data.metric("m")?.value == (index % 2 == 0 ? Double(index) : nil))
            }
            #expect(created.count { (try? $0.get()) != nil } == 38)
            #expect(try await store.searchRuns(RunSearch(experimentIDs: ["0"])).elements.count == 38)
        },
        Check("metrics come with the change of a run") { (store) async throws in
            let id = try await store.makeRun()
            try await store.updateRun(
                RunUpdate(
                    runID: id, status: .finished, endTime: 9, tags: (0..<150).map { Tag("t\($0)", "v") },
                    metrics: [Metric("cost", 0.5, timestamp: 8)]))
            let run = try await store.run(id: id)
            #expect(run.info.status == .finished)
            #expect(run.data.metric("cost")?.value == 0.5)
            #expect(run.data.tag("t149") == "v")
        },
        Check("an update leaves alone what it does not name") { (store) async throws in
            let id = try await store.makeRun(name: "same")
            try await store.updateRun(RunUpdate(runID: id, status: .finished, endTime: 5))
            let info = try await store.updateRun(RunUpdate(runID: id, name: ""))
            #expect(info.status == .finished && info.endTime == 5 && info.runName == "same")
        },
        Check("what a run said of its own end can be respected") { (store) async throws in
            let id = try await store.makeRun()
            try await store.updateRun(RunUpdate(runID: id, status: .killed, endTime: 5))
            let info = try await store.updateRun(
                RunUpdate(
                    runID: id, status: .finished, endTime: 9, tags: [Tag("exit", "0")], respectsTerminalStatus: true))
            #expect(info.status == .killed && info.endTime == 5)
            #expect(try await store.run(id: id).data.tag("exit") == "0")
        },
        Check("a deleted run can be read and restored, but not written") { (store) async throws in
            let id = try await store.makeRun()
            try await store.deleteRun(id: id)
            try await store.deleteRun(id: id)
            #expect(try await store.run(id: id).info.lifecycleStage == .deleted)
            let refusal = "The run \(id) must be in the 'active' state. Current state is deleted."
            await expectFailure(.invalidParameterValue, refusal) {
                try await store.updateRun(RunUpdate(runID: id, status: .finished))
            }
            await expectFailure(.invalidParameterValue, refusal) {
                try await store.logMetric(Metric("m", 1, timestamp: 1), runID: id)
            }
            await expectFailure(.invalidParameterValue, refusal) {
                try await store.logParam(Param("p", "1"), runID: id)
            }
            await expectFailure(.invalidParameterValue, refusal) { try await store.setTag(Tag("t", "1"), runID: id) }
            await expectFailure(.invalidParameterValue, refusal) { try await store.deleteTag("t", runID: id) }
            await expectFailure(.invalidParameterValue, refusal) { try await store.logBatch(LogBatch(runID: id)) }
            await expectFailure(.invalidParameterValue, refusal) {
                try await store.logInputs(RunInputs(models: [LoggedModelInput(modelID: "m-1")]), runID: id)
            }
            await expectFailure(.invalidParameterValue, refusal) {
                try await store.logOutputs([LoggedModelOutput(modelID: "m-1")], runID: id)
            }
            try await store.restoreRun(id: id)
            try await store.setTag(Tag("t", "1"), runID: id)
            await expectFailure(.resourceDoesNotExist) { try await store.deleteRun(id: "unknown") }
            await expectFailure(.resourceDoesNotExist) { try await store.restoreRun(id: "unknown") }
        },
        Check("X-06 running runs that carry a runner's tag are found") { (store) async throws in
            let running = try await store.makeRun(tags: [Tag(WellKnownTag.runner, "host:boot:1:2")])
            let ended = try await store.makeRun(tags: [Tag(WellKnownTag.runner, "host:boot:3:4")])
            let foreign = try await store.makeRun()
            let deleted = try await store.makeRun(tags: [Tag(WellKnownTag.runner, "host:boot:5:6")])
            try await store.updateRun(RunUpdate(runID: ended, status: .finished, endTime: 2))
            try await store.deleteRun(id: deleted)
            let found = try await store.runs(withStatus: .running, havingTag: WellKnownTag.runner)
            #expect(found.map(\.info.runID) == [running])
            #expect(found.first?.data.tag(WellKnownTag.runner) == "host:boot:1:2")
            #expect(foreign != running)
        },
        Check("the latest runs with one of many values of a tag are found, back to the first that has finished") {
            (store) async throws in
            let experiments = ["0", try await store.createExperiment(ExperimentCreation(name: "other"))]
            func make(_ value: String, at time: Int64, _ status: RunStatus = .finished, in experiment: String = "0")
                async throws -> String
            {
                let run = try await store.createRun(
                    RunCreation(experimentID: experiment, startTime: time, tags: [Tag("kind", value)]))
                if status != .running {
                    try await store.updateRun(RunUpdate(runID: run.info.runID, status: status, endTime: time))
                }
                return run.info.runID
            }
            func ask(_ values: [String], in experiments: [String] = ["0"]) async throws -> [String: [String]] {
                try await store.latestRuns(withTag: "kind", among: Set(values), experimentIDs: experiments)
                    .mapValues { $0.map(\.info.runID) }
            }
            #expect(try await ask(["a"]).isEmpty)
            let old = try await make("a", at: 1)
            let finished = try await make("a", at: 2)
            let failed = try await make("a", at: 3, .failed)
            let running = try await make("a", at: 4, .running)
            let quoted = try await make("it's", at: 5)
            let elsewhere = try await make("a", at: 6, in: experiments[1])
            let many = (0..<40).map { "value \($0)" }
            #expect(try await ask(["a", "b"]) == ["a": [running, failed, finished]])
            #expect(try await ask(["a"], in: experiments) == ["a": [elsewhere]])
            #expect(try await ask(["a"] + many) == ["a": [running, failed, finished]])
            #expect(try await ask(["it's"] + many) == ["it's": [quoted]])
            #expect(try await ask(["A", "a ", ""]).isEmpty)
            #expect(try await ask(["a"], in: []).isEmpty)
            #expect(try await ask([]).isEmpty)

            // What has been asked before is no answer to what is asked now.
            try await store.deleteRun(id: finished)
            try await store.deleteTag("kind", runID: failed)
            try await store.setTag(Tag("kind", "c"), runID: running)
            #expect(try await ask(["a"]) == ["a": [old]])
            var newest = ""
            for (place, value) in many.enumerated() { newest = try await make(value, at: Int64(10 + place)) }
            let found = try await ask(many)
            #expect(found.count == 40)
            #expect(found["value 39"] == [newest])
            let complete = try await store.latestRuns(withTag: "kind", among: ["value 39"], experimentIDs: ["0"])
            #expect(complete["value 39"]?.first == (try await store.run(id: newest)))
        },
    ]
}
