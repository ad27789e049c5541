import Testing
import Tracking

extension StoreConformance {
    static let metricChecks = [
        Check("the latest point is the one of the greatest step, then time, then value") { (store) async throws in
            let id = try await store.makeRun()
            let points: [(Metric, Double)] = [
                (Metric("m", 1, timestamp: 10, step: 5), 1), (Metric("m", 9, timestamp: 99, step: 4), 1),
                (Metric("m", 2, timestamp: 11, step: 5), 2), (Metric("m", 3, timestamp: 11, step: 5), 3),
                (Metric("m", 2.5, timestamp: 11, step: 5), 3), (Metric("m", -7, timestamp: 1, step: 6), -7),
                (Metric("m", 0, timestamp: 1, step: -1), -7),
            ]
            for (point, latest) in points {
                try await store.logMetric(point, runID: id)
                #expect(try await store.run(id: id).data.metric("m")?.value == latest)
            }
        },
        Check("NaN counts as zero when the latest is chosen") { (store) async throws in
            let id = try await store.makeRun()
            try await store.logMetric(Metric("m", .nan, timestamp: 1), runID: id)
            #expect(try await store.run(id: id).data.metric("m")?.value.isNaN == true)
            try await store.logMetric(Metric("m", -1, timestamp: 1), runID: id)
            #expect(try await store.run(id: id).data.metric("m")?.value.isNaN == true)
            try await store.logMetric(Metric("m", 1, timestamp: 1), runID: id)
            #expect(try await store.run(id: id).data.metric("m")?.value == 1)
        },
        Check("S-13 extreme numbers come back exactly; infinities as the largest numbers") { (store) async throws in
            let id = try await store.makeRun()
            let largest = Double.greatestFiniteMagnitude
            let values: [(Double, Double)] = [
                (.infinity, largest), (-.infinity, -largest), (1e308, 1e308), (largest, largest),
                (.leastNonzeroMagnitude, .leastNonzeroMagnitude), (0.1, 0.1), (-0.0, 0),
            ]
            for (index, (given, kept)) in values.enumerated() {
                try await store.logMetric(Metric("m\(index)", given, timestamp: 1), runID: id)
                #expect(try await store.run(id: id).data.metric("m\(index)")?.value == kept)
            }
            for step in [Int64.max, .min, -1, 0] {
                try await store.logMetric(Metric("steps", 1, timestamp: .max, step: step), runID: id)
            }
            let history = try await store.metricHistory(MetricHistoryQuery(runID: id, key: "steps"))
            #expect(history.elements.map(\.step) == [.min, -1, 0, .max])
            #expect(history.elements.allSatisfy { $0.timestamp == .max })
            await expectFailure(.invalidParameterValue, "Timestamp must be a nonnegative long") {
                try await store.logMetric(Metric("m", 1, timestamp: -1), runID: id)
            }
        },
        Check("a point is kept once, and the history is ordered by time, step, value") { (store) async throws in
            let id = try await store.makeRun()
            let points = [
                Metric("m", 3, timestamp: 2, step: 0), Metric("m", 1, timestamp: 1, step: 9),
                Metric("m", .nan, timestamp: 2, step: 1), Metric("m", -2, timestamp: 2, step: 1),
                Metric("m", 3, timestamp: 2, step: 0),
            ]
            for point in points { try await store.logMetric(point, runID: id) }
            try await store.logBatch(LogBatch(runID: id, metrics: points))
            let history = try await store.metricHistory(MetricHistoryQuery(runID: id, key: "m"))
            #expect(
                history.elements == [
                    Metric("m", 1, timestamp: 1, step: 9), Metric("m", 3, timestamp: 2, step: 0),
                    Metric("m", -2, timestamp: 2, step: 1), Metric("m", .nan, timestamp: 2, step: 1),
                ])
        },
        Check("a batch keeps each point of each of its keys, and the latest") { (store) async throws in
            let id = try await store.makeRun()
            try await store.logMetric(Metric("k64", 5, timestamp: 7, step: 60), runID: id)
            let counts = [1, 7, 8, 64, 73, 145]
            var metrics: [Metric] = []
            for index in 0..<145 {
                for count in counts where index < count {
                    let value = index == 40 ? Double.nan : Double(index)
                    metrics.append(Metric("k\(count)", value, timestamp: 7, step: Int64(index)))
                }
            }
            // Some come twice.
            metrics += metrics.filter { $0.step % 10 == 3 }
            try await store.logBatch(LogBatch(runID: id, metrics: metrics))
            try await store.logBatch(LogBatch(runID: id, metrics: Array(metrics.reversed())))
            let latest = try await store.run(id: id).data
            for count in counts {
                let history = try await store.metricHistory(MetricHistoryQuery(runID: id, key: "k\(count)")).elements
                var steps = (0..<Int64(count)).map(\.self)
                if count == 64 { steps.append(60) }
                #expect(history.map(\.step) == steps.sorted())
                #expect(history.count { $0.value.isNaN } == (count > 40 ? 1 : 0))
                #expect(latest.metric("k\(count)")?.step == Int64(count - 1))
            }
        },
        Check("a history comes in pages, whole, or not at all") { (store) async throws in
            let id = try await store.makeRun()
            try await store.logBatch(
                LogBatch(runID: id, metrics: (0..<25).map { Metric("m", Double($0), timestamp: Int64($0)) }))
            var query = MetricHistoryQuery(runID: id, key: "m", maxResults: 10)
            var values: [[Double]] = []
            repeat {
                let page = try await store.metricHistory(query)
                values.append(page.elements.map(\.value))
                query.pageToken = page.nextPageToken
            } while query.pageToken != nil
            #expect(values.map(\.count) == [10, 10, 5])
            #expect(values.flatMap(\.self) == (0..<25).map(Double.init))
            #expect(try await store.metricHistory(MetricHistoryQuery(runID: id, key: "m")).elements.count == 25)
            #expect(try await store.metricHistory(MetricHistoryQuery(runID: id, key: "x")).elements.isEmpty)
            #expect(try await store.metricHistory(MetricHistoryQuery(runID: "unknown", key: "m")).elements.isEmpty)
            await expectFailure(.invalidParameterValue) {
                _ = try await store.metricHistory(MetricHistoryQuery(runID: id, key: "m", maxResults: 0))
            }
        },
        Check("A-35 forged page tokens are refused") { (store) async throws in
            let id = try await store.makeRun()
            for token in ["%%%", "bm90IGpzb24=", "eyJvZmZzZXQiOiAtMX0=", "eyJvZmZzZXQiOiAxZTk5fQ==", "e30="] {
                await expectFailure(.invalidParameterValue, "Invalid page token") {
                    _ = try await store.metricHistory(
                        MetricHistoryQuery(runID: id, key: "m", maxResults: 5, pageToken: token))
                }
                await expectFailure(.invalidParameterValue, "Invalid page token") {
                    _ = try await store.searchRuns(RunSearch(experimentIDs: ["0"], pageToken: token))
                }
            }
        },
        Check("histories of several runs carry their run ids") { (store) async throws in
            let ids = [try await store.makeRun(), try await store.makeRun()].sorted()
            for (index, id) in ids.enumerated() {
                try await store.logBatch(
                    LogBatch(runID: id, metrics: (0..<5).map { Metric("m", Double(index), timestamp: Int64($0)) }))
            }
            let points = try await store.metricHistories(runIDs: ids.reversed(), key: "m", maxResults: 8)
            #expect(points.map(\.runID) == Array(repeating: ids[0], count: 5) + Array(repeating: ids[1], count: 3))
        },
        Check("a sampled history has the first of equal parts, and the last point") { (store) async throws in
            let id = try await store.makeRun()
            try await store.logBatch(
                LogBatch(
                    runID: id,
                    metrics: (0..<1000).map { Metric("m", Double($0), timestamp: Int64($0), step: Int64($0)) }))
            let sample = try await store.sampledMetricHistories(
                MetricIntervalQuery(runIDs: [id], key: "m", maxResults: 10))
            #expect(sample.map(\.step) == [0, 100, 200, 300, 400, 500, 600, 700, 800, 999])
            #expect(sample.allSatisfy { $0.runID == id })
            let part = try await store.sampledMetricHistories(
                MetricIntervalQuery(runIDs: [id], key: "m", steps: 10...12, maxResults: 10))
            #expect(part.map(\.step) == [10, 11, 12])
        },
        Check("points of one step are sampled in the order of time and value") { (store) async throws in
            let id = try await store.makeRun()
            let points = [
                Metric("m", 9, timestamp: 5, step: 1), Metric("m", 4, timestamp: 3, step: 1),
                Metric("m", 2, timestamp: 3, step: 1), Metric("m", 7, timestamp: 1, step: 2),
                Metric("m", 8, timestamp: 9, step: 0), Metric("m", 6, timestamp: 4, step: 1),
            ]
            try await store.logBatch(LogBatch(runID: id, metrics: points))
            let sample = try await store.sampledMetricHistories(
                MetricIntervalQuery(runIDs: [id], key: "m", steps: 0...2, maxResults: 6))
            #expect(Set(sample.map(\.value)) == [8, 2, 4, 6, 9, 7])
            let ofOneStep = try await store.sampledMetricHistories(
                MetricIntervalQuery(runIDs: [id], key: "m", steps: 1...1, maxResults: 6))
            #expect(Set(ofOneStep.map(\.value)) == [2, 4, 6, 9])
        },
    ]
}
