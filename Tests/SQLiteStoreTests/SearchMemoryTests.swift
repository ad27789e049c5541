import TestSupport
import Testing
import Tracking

@testable import SQLiteStore

@Suite struct `Searches from memory` {
    private static let losses: [Double?] = [nil, .nan, 0, -0.0, -1.5, 0.1, 1e300, -.infinity, .infinity, 2, 3, 4.25]
    private static let texts: [String?] = [
        nil, "", "a", "A", "ab", "é", "e\u{301}", "z\u{10FFFF}", "0.5", "10", "9", "a%b", "its", "Ä",
    ]

    private func fill(_ store: SQLiteStore, _ dealer: inout SeededGenerator) async throws -> [String] {
        var experiments: [String] = []
        for name in ["one", "two", "three"] {
            experiments.append(try await store.createExperiment(ExperimentCreation(name: name)))
        }
        for number in 0..<150 {
            let run = try await store.createRun(
                RunCreation(
                    experimentID: dealer.one(of: experiments) ?? "0", name: "run \(number % 20)",
                    userID: dealer.one(of: ["ada", "bob", ""]) ?? "", startTime: Int64(number % 17))
            ).info.runID
            var batch = LogBatch(runID: run)
            for key in ["loss", "acc"] {
                if let value = dealer.one(of: Self.losses) ?? nil {
                    batch.metrics.append(Metric(key, value, timestamp: 1))
                }
            }
            if let text = dealer.one(of: Self.texts) ?? nil { batch.params.append(Param("p", text)) }
            if let text = dealer.one(of: Self.texts) ?? nil { batch.tags.append(Tag("t", text)) }
            try await store.logBatch(batch)
            if number.isMultiple(of: 3) {
                try await store.updateRun(
                    RunUpdate(
                        runID: run, status: dealer.one(of: RunStatus.allCases), endTime: Int64(number % 5)))
            }
            if number.isMultiple(of: 9) { try await store.deleteRun(id: run) }
        }
        return experiments
    }

    private func comparison(_ dealer: inout SeededGenerator) -> String {
        let comparator = dealer.one(of: ["=", "!=", "<", "<=", ">", ">="]) ?? "="
        let textComparator = dealer.one(of: ["=", "!=", "LIKE", "ILIKE"]) ?? "="
        let text = (dealer.one(of: Self.texts) ?? "a") ?? "%a%"
        let number = dealer.one(of: ["0", "-0.0", "0.1", "-1.5", "1e300", "1.7976931348623157e308", "5"]) ?? "0"
        switch Int.random(in: 0..<10, using: &dealer) {
        case 0...2: return "metrics.\(dealer.one(of: ["loss", "acc", "none"]) ?? "loss") \(comparator) \(number)"
        case 3: return "params.p \(textComparator) '\(text)'"
        case 4: return "tags.t \(textComparator) \"\(text)\""
        case 5:
            return
                "\(dealer.one(of: ["params.p", "tags.t"]) ?? "params.p") IS \(Bool.random(using: &dealer) ? "" : "NOT ")NULL"
        case 6: return "status \(textComparator) '\(dealer.one(of: ["FINISHED", "F%", "running"]) ?? "")'"
        case 7: return "start_time \(comparator) 8"
        case 8: return "end_time \(comparator) 2"
        default: return "run_name \(textComparator) '\(dealer.one(of: ["run 1", "run%", "RUN 1_"]) ?? "")'"
        }
    }

    private func search(in experiments: [String], _ dealer: inout SeededGenerator) -> RunSearch {
        let filter = (0..<Int.random(in: 0..<4, using: &dealer)).map { _ in comparison(&dealer) }
        var keys = [
            "metrics.loss", "metrics.acc", "metrics.none", "params.p", "tags.t", "start_time", "end_time", "status",
            "run_name", "user_id",
        ]
        keys.shuffle(using: &dealer)
        let orders = keys.prefix(Int.random(in: 0..<4, using: &dealer)).map {
            $0 + (dealer.one(of: ["", " ASC", " DESC"]) ?? "")
        }
        return RunSearch(
            experimentIDs: experiments.filter { _ in Bool.random(using: &dealer) } + ["4711"],
            filter: filter.joined(separator: " AND "), orderBy: Array(orders),
            viewType: dealer.one(of: ViewType.allCases) ?? .all)
    }

    @Test func `find what the tables say, in the same order`() async throws {
        try await StoreFixture().withStore { store in
            var dealer = SeededGenerator(seed: 20)
            let experiments = try await fill(store, &dealer)
            let everything = try RunQuery(RunSearch(experimentIDs: experiments))
            while try await store.searchMemory.page(of: everything, maxResults: 1, offset: 0) == nil {}
            var found = 0
            for _ in 0..<1500 {
                let search = search(in: experiments, &dealer)
                let query = try RunQuery(search)
                let size = dealer.one(of: [1, 3, 40, 200]) ?? 1
                let offset = dealer.one(of: [0, 0, 2, 50]) ?? 0
                let fromMemory = try #require(
                    try await store.searchMemory.page(of: query, maxResults: size, offset: offset), "\(search)")
                let fromTables = try await store.pageFromTables(of: query, maxResults: size, offset: offset)
                try #require(
                    fromMemory.elements.map(\.info.runID) == fromTables.elements.map(\.info.runID), "\(search)")
                #expect(fromMemory.nextPageToken == fromTables.nextPageToken)
                found += fromMemory.elements.count
            }
            #expect(found > 5000)
        }
    }

    @Test func `leave to the tables what is rare`() async throws {
        try await StoreFixture().withStore { store in
            var dealer = SeededGenerator(seed: 21)
            let experiments = try await fill(store, &dealer)
            let everything = try RunQuery(RunSearch(experimentIDs: experiments))
            while try await store.searchMemory.page(of: everything, maxResults: 1, offset: 0) == nil {}
            for filter in ["run_id LIKE '%a%'", "dataset.name = 'd'"] {
                let query = try RunQuery(RunSearch(experimentIDs: experiments, filter: filter))
                #expect(try await store.searchMemory.page(of: query, maxResults: 10, offset: 0) == nil)
            }
            #expect(try await store.searchMemory.page(of: everything, maxResults: 1001, offset: 0) == nil)
            #expect(try await store.searchMemory.page(of: everything, maxResults: 1000, offset: 0) != nil)
        }
    }

    /// Whoever has written: this store, or somebody else who has the file open.
    @Test(arguments: [true, false])
    func `see every write`(isOwn: Bool) async throws {
        let fixture = try StoreFixture()
        try await fixture.withStore { store in
            try await fixture.withStore { other in
                let writer = isOwn ? store : other
                let run = try await store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
                let search = RunSearch(experimentIDs: ["0"], filter: "metrics.m >= 0", orderBy: ["metrics.m DESC"])
                let query = try RunQuery(search)
                for step in 0..<40 {
                    try await writer.logMetric(
                        Metric("m", Double(step), timestamp: Int64(step), step: Int64(step)), runID: run)
                    // More and more searches find the file unchanged, so that the last ones are answered from memory.
                    for _ in 0...step {
                        let found = try await store.searchRuns(search).elements
                        #expect(found.map { $0.data.metric("m")?.value } == [Double(step)])
                    }
                }
                while try await store.searchMemory.page(of: query, maxResults: 1, offset: 0) == nil {}
                let second = try await writer.createRun(RunCreation(experimentID: "0", startTime: 2)).info.runID
                try await writer.logMetric(Metric("m", 99, timestamp: 1), runID: second)
                #expect(try await store.searchRuns(search).elements.map(\.info.runID) == [second, run])
                while try await store.searchMemory.page(of: query, maxResults: 1, offset: 0) == nil {}
                try await writer.deleteRun(id: second)
                #expect(try await store.searchRuns(search).elements.map(\.info.runID) == [run])
            }
        }
    }
}

extension SeededGenerator {
    fileprivate mutating func one<Element>(of elements: [Element]) -> Element? { elements.randomElement(using: &self) }
}
