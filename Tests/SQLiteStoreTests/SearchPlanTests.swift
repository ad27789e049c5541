import SQLiteStore
import Testing
import Tracking

@Suite struct `A search over runs` {
    private struct Planned: Sendable {
        var id: String
        var size: Int
        var loss: Double
        var kind: String
    }

    /// The tables are read in an order that depends on the amounts in the store: which part of the runs is searched, and how many
    /// metrics each has.
    @Test(arguments: [1, 15])
    func `finds the same in whatever order the tables are read`(metricsPerRun: Int) async throws {
        try await StoreFixture().withStore { store in
            let small = try await store.createExperiment(ExperimentCreation(name: "small"))
            let large = try await store.createExperiment(ExperimentCreation(name: "large"))
            var planned: [String: [Planned]] = [:]
            for number in 0..<120 {
                let experiment = number.isMultiple(of: 10) ? small : large
                let kind = ["a", "b", "c"][number / 10 % 3]
                let run = try await store.createRun(
                    RunCreation(
                        experimentID: experiment, startTime: Int64(number), tags: [Tag("kind", kind)],
                        params: [Param("size", String(number % 4))]))
                let loss = Double(number * 37 % 120)
                let others = (1..<metricsPerRun).map { Metric("other\($0)", 1, timestamp: 1) }
                // A quarter has no loss to be ordered by.
                let losses = number % 4 == 3 ? [] : [Metric("loss", loss, timestamp: 1)]
                try await store.logBatch(
                    LogBatch(
                        runID: run.info.runID, metrics: losses + others + [Metric("n", Double(number), timestamp: 1)]))
                planned[experiment, default: []].append(
                    Planned(id: run.info.runID, size: number % 4, loss: number % 4 == 3 ? .infinity : loss, kind: kind))
            }
            for experiments in [[small], [large], [small, large]] {
                let runs = experiments.flatMap { planned[$0] ?? [] }
                let wanted = runs.filter { $0.kind != "b" && $0.size >= 2 }.sorted { $0.loss < $1.loss }
                let found = try await search(
                    "tags.kind != 'b' and metrics.n >= 0 and params.size != '0' and params.size != '1'",
                    in: experiments,
                    of: store)
                let ordered = wanted.prefix { $0.loss.isFinite }.map(\.id)
                #expect(Array(found.prefix(ordered.count)) == ordered)
                #expect(Set(found) == Set(wanted.map(\.id)))
                let narrow = runs.filter { $0.kind == "a" && $0.size == 2 && $0.loss > 10 }.sorted { $0.loss < $1.loss }
                let narrowed = try await search(
                    "metrics.loss > 10 and tags.kind = 'a' and params.size = '2'", in: experiments, of: store)
                #expect(narrowed == narrow.map(\.id))
            }
        }
    }

    private func search(_ filter: String, in experiments: [String], of store: SQLiteStore) async throws -> [String] {
        let page = try await store.searchRuns(
            RunSearch(experimentIDs: experiments, filter: filter, orderBy: ["metrics.loss ASC"]))
        return page.elements.map(\.info.runID)
    }
}
