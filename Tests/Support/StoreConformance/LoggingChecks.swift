import Testing
import Tracking

extension StoreConformance {
    static let loggingChecks = [
        Check("a parameter is written once; the same value again is fine, another is not") { (store) async throws in
            let id = try await store.makeRun()
            try await store.logParam(Param("p", "a"), runID: id)
            try await store.logParam(Param("p", "a"), runID: id)
            await expectFailure(
                .invalidParameterValue,
                "Changing param values is not allowed. Param with key='p' was already logged with value='a' for run "
                    + "ID='\(id)'. Attempted logging new value 'b'."
            ) { try await store.logParam(Param("p", "b"), runID: id) }
            try await store.logParam(Param("empty", ""), runID: id)
            #expect(try await store.run(id: id).data.params == [Param("empty", ""), Param("p", "a")])
        },
        Check("values that Swift takes for equal but are other bytes are another value") { (store) async throws in
            let id = try await store.makeRun()
            try await store.logParam(Param("p", "caf\u{E9}"), runID: id)
            await expectFailure(.invalidParameterValue, "Changing param values") {
                try await store.logParam(Param("p", "cafe\u{301}"), runID: id)
            }
        },
        Check("tags replace each other and can be taken away") { (store) async throws in
            let id = try await store.makeRun(name: "n")
            try await store.setTag(Tag("t", "1"), runID: id)
            try await store.setTag(Tag("t", "2"), runID: id)
            #expect(try await store.run(id: id).data.tag("t") == "2")
            try await store.deleteTag("t", runID: id)
            await expectFailure(.resourceDoesNotExist, "No tag with name: t in run with id \(id)") {
                try await store.deleteTag("t", runID: id)
            }
        },
        Check("a name of a run is taken by one of several at once, and for ever") { (store) async throws in
            let id = try await store.makeRun()
            let winners = try await withThrowingTaskGroup(of: String?.self) { group in
                for number in 0..<8 {
                    group.addTask { try await store.claim("t.1", of: id, as: "w\(number)") ? "w\(number)" : nil }
                }
                return try await group.reduce(into: []) { $0 += $1.map { [$0] } ?? [] }
            }
            let winner = try #require(winners.first)
            #expect(winners.count == 1)
            #expect(try await store.claim("t.1", of: id, as: winner), "a repeated call of the winner")
            #expect(try await store.claim("t.1", of: id, as: "late") == false)
            #expect(try await store.claim("t.2", of: id, as: "late"))
        },
        Check("the tag mlflow.runName renames the run") { (store) async throws in
            let id = try await store.makeRun(name: "old")
            try await store.setTag(Tag("mlflow.runName", "new"), runID: id)
            #expect(try await store.run(id: id).info.runName == "new")
            try await store.logBatch(LogBatch(runID: id, tags: [Tag("mlflow.runName", "newer")]))
            #expect(try await store.run(id: id).info.runName == "newer")
        },
        Check("S-13 keys and values at their limits round-trip, one over is truncated or refused") {
            (store) async throws in
            let id = try await store.makeRun()
            let key = String(repeating: "k", count: 250)
            let long = String(repeating: "\u{1F600}", count: 6000)
            try await store.logParam(Param(key, long), runID: id)
            try await store.setTag(Tag(key, String(repeating: "é", count: 8000)), runID: id)
            try await store.logMetric(Metric(key, 1, timestamp: 0), runID: id)
            let data = try await store.run(id: id).data
            #expect(data.param(key) == long)
            #expect(data.tag(key) == String(repeating: "é", count: 8000))
            #expect(data.metric(key)?.value == 1)

            try await store.logParam(Param("over", long + "x"), runID: id)
            #expect(try await store.run(id: id).data.param("over") == long)
            let over = key + "k"
            await expectFailure(.invalidParameterValue, "'Param key' exceeds the maximum length of 250 characters") {
                try await store.logParam(Param(over, "1"), runID: id)
            }
            await expectFailure(.invalidParameterValue, "'key' exceeds the maximum length of 250 characters") {
                try await store.setTag(Tag(over, "1"), runID: id)
            }
            await expectFailure(.invalidParameterValue, "'Metric name' exceeds the maximum length of 250 characters") {
                try await store.logMetric(Metric(over, 1, timestamp: 0), runID: id)
            }
        },
        Check("S-13 any Unicode in values comes back byte by byte") { (store) async throws in
            let id = try await store.makeRun()
            let values = [
                "", " ", "\n\t\r", "a\u{0}b", "e\u{301}", "\u{E9}", "\u{FEFF}x", "\u{202E}x", "\u{10FFFF}", "'\"`;--",
                "👩‍👩‍👧‍👦", "%_", "NULL",
            ]
            for (index, value) in values.enumerated() {
                try await store.setTag(Tag("t\(index)", value), runID: id)
            }
            let data = try await store.run(id: id).data
            for (index, value) in values.enumerated() {
                #expect(data.tag("t\(index)").map { Array($0.utf8) } == Array(value.utf8), "value \(index)")
            }
        },
        Check("keys are refused that are no names or other paths") { (store) async throws in
            let id = try await store.makeRun()
            for key in ["a;b", "a\nb", "a\"b", "🎉", "a$"] {
                await expectFailure(.invalidParameterValue, "Names may only contain alphanumerics") {
                    try await store.logParam(Param(key, "1"), runID: id)
                }
            }
            for key in ["", ".", "..", "/a", "a//b", "a/", "../a", "a/../b", "./a", "..a"] {
                await expectFailure(.invalidParameterValue, "must not resolve to other names") {
                    try await store.setTag(Tag(key, "1"), runID: id)
                }
            }
            for key in ["a/b", "größe", "变量", "a-b.c:d e_f", ".a", "1"] {
                try await store.logMetric(Metric(key, 1, timestamp: 1), runID: id)
            }
        },
        Check("a batch writes all its kinds") { (store) async throws in
            let id = try await store.makeRun()
            try await store.logBatch(
                LogBatch(
                    runID: id, metrics: [Metric("m", 1, timestamp: 1), Metric("m", 2, timestamp: 2)],
                    params: [Param("p", "1")], tags: [Tag("t", "1"), Tag("t", "2")]))
            let data = try await store.run(id: id).data
            #expect(data.metrics == [Metric("m", 2, timestamp: 2)])
            #expect(data.params == [Param("p", "1")])
            #expect(data.tag("t") == "2")
            try await store.logBatch(LogBatch(runID: id))
        },
        Check("A-31 batches over a limit are refused as a whole") { (store) async throws in
            let id = try await store.makeRun()
            func metrics(_ count: Int) -> [Metric] { (0..<count).map { Metric("m\($0)", 1, timestamp: 1) } }
            func params(_ count: Int) -> [Param] { (0..<count).map { Param("p\($0)", "1") } }
            func tags(_ count: Int) -> [Tracking.Tag] { (0..<count).map { Tag("t\($0)", "1") } }
            await expectFailure(
                .invalidParameterValue,
                "A batch logging request can contain at most 1000 metrics. Got 1001 metrics. Please split up metrics "
                    + "across multiple requests and try again."
            ) { try await store.logBatch(LogBatch(runID: id, metrics: metrics(1001))) }
            await expectFailure(.invalidParameterValue, "at most 100 params. Got 101 params") {
                try await store.logBatch(LogBatch(runID: id, params: params(101)))
            }
            await expectFailure(.invalidParameterValue, "at most 100 tags. Got 101 tags") {
                try await store.logBatch(LogBatch(runID: id, tags: tags(101)))
            }
            await expectFailure(.invalidParameterValue, "1000 metrics, params, and tags. Got 1001") {
                try await store.logBatch(LogBatch(runID: id, metrics: metrics(901), params: params(100)))
            }
            #expect(try await store.run(id: id).data.metrics.isEmpty)
            try await store.logBatch(LogBatch(runID: id, metrics: metrics(800), params: params(100), tags: tags(100)))
            #expect(try await store.run(id: id).data.metrics.count == 800)
        },
        Check("A-31 one bad element of a batch is named, and nothing is written") { (store) async throws in
            let id = try await store.makeRun(params: [Param("old", "1")])
            await expectFailure(.invalidParameterValue, "for parameter 'metrics[1].name' supplied") {
                try await store.logBatch(
                    LogBatch(runID: id, metrics: [Metric("ok", 1, timestamp: 1), Metric("a;b", 1, timestamp: 1)]))
            }
            await expectFailure(.invalidParameterValue, "for parameter 'params[0].key' supplied") {
                try await store.logBatch(LogBatch(runID: id, params: [Param("../x", "1")]))
            }
            await expectFailure(.invalidParameterValue, "Duplicate parameter keys have been submitted") {
                try await store.logBatch(LogBatch(runID: id, params: [Param("p", "1"), Param("p", "2")]))
            }
            await expectFailure(.invalidParameterValue, "Changing param values") {
                try await store.logBatch(
                    LogBatch(
                        runID: id, metrics: [Metric("ok", 1, timestamp: 1)],
                        params: [Param("new", "1"), Param("old", "2")]))
            }
            let data = try await store.run(id: id).data
            #expect(data.params == [Param("old", "1")])
            #expect(data.metrics.isEmpty)
        },
        Check("one failing write among many at once spoils no other") { (store) async throws in
            let id = try await store.makeRun(params: [Param("fixed", "1")])
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        do {
                            let param = index.isMultiple(of: 5) ? Param("fixed", "2") : Param("p\(index)", "1")
                            try await store.logParam(param, runID: id)
                            return true
                        } catch {
                            return false
                        }
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(outcomes == 160)
            #expect(try await store.run(id: id).data.params.count == 161)
        },
    ]
}
