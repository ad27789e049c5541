import Testing
import Tracking

extension StoreConformance {
    private static func dataset(_ name: String, digest: String = "d1", source: String = "file:/x") -> Dataset {
        Dataset(name: name, digest: digest, sourceType: "local", source: source, schema: "{}", profile: "{\"n\": 1}")
    }

    static let inputChecks = [
        Check("a run's datasets come back with their tags") { (store) async throws in
            let id = try await store.makeRun()
            let inputs = RunInputs(
                datasets: [
                    DatasetInput(dataset("a"), tags: [Tag(WellKnownTag.datasetContext, "train")]),
                    DatasetInput(dataset("b")),
                ])
            try await store.logInputs(inputs, runID: id)
            #expect(try await store.run(id: id).inputs == inputs)
            let listed = try await store.datasets(experimentIDs: ["0"])
            #expect(
                Set(listed) == [
                    DatasetSummary(experimentID: "0", name: "a", digest: "d1", context: "train"),
                    DatasetSummary(experimentID: "0", name: "b", digest: "d1"),
                ])
        },
        Check("a dataset that is known keeps its first description, and a run's use its first tags") {
            (store) async throws in
            let first = try await store.makeRun()
            let second = try await store.makeRun()
            try await store.logInputs(
                RunInputs(datasets: [DatasetInput(dataset("a"), tags: [Tag("k", "1")])]), runID: first)
            let other = DatasetInput(dataset("a", source: "elsewhere"), tags: [Tag("k", "2")])
            try await store.logInputs(RunInputs(datasets: [other]), runID: first)
            try await store.logInputs(RunInputs(datasets: [other]), runID: second)
            let kept = try await store.run(id: first).inputs.datasets
            #expect(kept == [DatasetInput(dataset("a"), tags: [Tag("k", "1")])])
            #expect(
                try await store.run(id: second).inputs.datasets == [DatasetInput(dataset("a"), tags: [Tag("k", "2")])])
        },
        Check("a run's models come back; an output only once") { (store) async throws in
            let id = try await store.makeRun()
            let inputs = RunInputs(models: [LoggedModelInput(modelID: "m-1"), LoggedModelInput(modelID: "m-2")])
            try await store.logInputs(inputs, runID: id)
            try await store.logInputs(inputs, runID: id)
            try await store.logOutputs([LoggedModelOutput(modelID: "m-3", step: 7)], runID: id)
            let run = try await store.run(id: id)
            #expect(run.inputs == inputs)
            #expect(run.outputs == [LoggedModelOutput(modelID: "m-3", step: 7)])
            await expectFailure(.invalidParameterValue) {
                try await store.logOutputs([LoggedModelOutput(modelID: "m-3", step: 8)], runID: id)
            }
        },
        Check("S-13 datasets over a limit are refused") { (store) async throws in
            let id = try await store.makeRun()
            let bad = [
                DatasetInput(dataset(String(repeating: "n", count: 501))),
                DatasetInput(dataset("n", digest: String(repeating: "d", count: 37))),
                DatasetInput(dataset("n", source: String(repeating: "s", count: 65_536))),
                DatasetInput(dataset("n"), tags: [Tag(String(repeating: "k", count: 256), "v")]),
                DatasetInput(dataset("n"), tags: [Tag("k", String(repeating: "v", count: 501))]),
            ]
            for input in bad {
                await expectFailure(.invalidParameterValue, "exceeds the maximum length") {
                    try await store.logInputs(RunInputs(datasets: [input]), runID: id)
                }
            }
            #expect(try await store.run(id: id).inputs.isEmpty)
        },
    ]
}
