import SQLiteStore
import Testing
import Tracking

@Suite struct `Writes that share a commit` {
    /// A batch that writes a parameter and then fails at another, beside batches that do not fail, all at once.
    @Test func `are undone alone when they fail halfway`() async throws {
        try await StoreFixture().withStore { store in
            let run = try await store.createRun(
                RunCreation(experimentID: "0", startTime: 1, params: [Param("fixed", "1")])
            ).info.runID
            let failures = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<90 {
                    group.addTask {
                        let second = Param("fixed", number.isMultiple(of: 3) ? "2" : "1")
                        let batch = LogBatch(
                            runID: run, metrics: [Metric("m", 1, timestamp: 1, step: Int64(number))],
                            params: [Param("p\(number)", "x"), second], tags: [Tag("t\(number)", "y")])
                        do {
                            try await store.logBatch(batch)
                            return false
                        } catch {
                            return (error as? TrackingError)?.code == .invalidParameterValue
                        }
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(failures == 30)
            let data = try await store.run(id: run).data
            let kept = (0..<90).filter { !$0.isMultiple(of: 3) }
            #expect(Set(data.params.map(\.key)) == Set(kept.map { "p\($0)" } + ["fixed"]))
            #expect(Set(data.tags.map(\.key)).isSuperset(of: kept.map { "t\($0)" }))
            #expect(data.tags.count == kept.count + 1)
            let steps = try await store.metricHistory(MetricHistoryQuery(runID: run, key: "m")).elements.map(\.step)
            #expect(steps == kept.map(Int64.init))
        }
    }
}
