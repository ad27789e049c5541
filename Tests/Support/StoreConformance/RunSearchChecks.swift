import Testing
import Tracking

extension StoreConformance {
    /// Five runs whose names say what they are: `a` to `e`.
    private static func makeRuns(_ store: any CompleteStore) async throws -> String {
        let experiment = try await store.makeExperiment("search")
        let accuracy: [Double?] = [0.5, .nan, 0.9, nil, .infinity]
        for (index, value) in accuracy.enumerated() {
            let name = String("abcde"[String.Index(utf16Offset: index, in: "abcde")])
            var tags = [Tag("team", index < 2 ? "Red" : "blue")]
            if index == 3 { tags.append(Tag("a b/c", "quoted")) }
            let id = try await store.makeRun(
                in: experiment, name: name, startTime: Int64(100 + index), tags: tags,
                params: index == 4 ? [] : [Param("lr", "0.\(4 - index)")])
            if let value { try await store.logMetric(Metric("acc", value, timestamp: 1), runID: id) }
            if index == 2 { try await store.updateRun(RunUpdate(runID: id, status: .finished, endTime: 500)) }
            if index == 0 {
                try await store.logInputs(
                    RunInputs(datasets: [
                        DatasetInput(
                            Dataset(name: "iris", digest: "i1", sourceType: "local", source: "x"),
                            tags: [Tag(WellKnownTag.datasetContext, "train")])
                    ]), runID: id)
            }
        }
        return experiment
    }

    /// Filters and the names of the runs they find, oldest first.
    private static let filters: [(String, String)] = [
        ("", "abcde"),
        ("metrics.acc > 0.4", "ace"),
        ("metric.acc >= 0.9", "ce"),
        ("metrics.acc = 0.5", "a"),
        ("metrics.acc != 0.5", "bce"),
        ("metrics.acc < 1", "ac"),
        ("metrics.`acc` <= 9e-1", "ac"),
        ("metrics.\"acc\" = -1", ""),
        ("params.lr = '0.4'", "a"),
        ("params.lr != '0.4'", "bcd"),
        ("parameter.lr LIKE '0.%'", "abcd"),
        ("params.lr IS NULL", "e"),
        ("param.lr IS NOT NULL and tags.team = 'Red'", "ab"),
        ("tags.team = 'red'", ""),
        ("tags.team ILIKE 'RED'", "ab"),
        ("tags.team LIKE 'R_d'", "ab"),
        ("tags.`a b/c` = \"quoted\"", "d"),
        ("tags.missing != 'x'", ""),
        ("tags.`mlflow.runName` = 'b'", "b"),
        ("tags.mlflow.runName = 'b'", "b"),
        ("attributes.run_name = 'c'", "c"),
        ("run_name LIKE '%'", "abcde"),
        ("`Run name` != 'c'", "abde"),
        ("status = 'FINISHED'", "c"),
        ("attribute.status != 'FINISHED' AND start_time > 102", "de"),
        ("start_time >= 101 and attributes.start_time < 103", "bc"),
        ("created = 104", "e"),
        ("end_time > 0", "c"),
        ("end_time != 7", "c"),
        ("artifact_uri LIKE '%/artifacts'", "abcde"),
        ("user_id = ''", "abcde"),
        ("dataset.name = 'iris'", "a"),
        ("datasets.digest LIKE 'i%' and dataset.context = 'train'", "a"),
        ("dataset.name IN ('iris', 'x') AND dataset.context NOT IN ('eval')", "a"),
        ("dataset.context = 'eval'", ""),
        ("params.lr = \"'; DROP TABLE runs; --\"", ""),
        ("name='x'".replacing("name", with: "tags.team"), ""),
        ("tags.team='blue'AND metrics.acc>0.1 ANd params.lr LIKE '0.2'", "c"),
        ("metrics.acc > 0.1 AND", "ace"),
    ]

    /// Orders and the names of the runs in them.
    private static let orders: [([String], String)] = [
        ([], "edcba"),
        (["start_time"], "abcde"),
        (["attributes.start_time DESC"], "edcba"),
        (["metrics.acc"], "acebd"),
        (["metrics.acc DESC"], "ecabd"),
        (["metrics.`acc` asc"], "acebd"),
        (["params.lr"], "dcbae"),
        (["params.lr DESC"], "abcde"),
        (["tags.team", "start_time ASC"], "abcde"),
        (["tags.`a b/c`", "run_name DESC"], "decba"),
        (["end_time", "run_name"], "cabde"),
        (["end_time DESC", "run_name"], "cabde"),
        (["status", "created DESC"], "cedba"),
    ]

    static let runSearchChecks = [
        Check("runs are found by what a filter says") { (store) async throws in
            let experiment = try await makeRuns(store)
            for (filter, expected) in filters {
                let found = try await store.searchRuns(
                    RunSearch(experimentIDs: [experiment], filter: filter, orderBy: ["start_time"]))
                #expect(found.elements.map(\.info.runName).joined() == expected, "\(filter)")
            }
        },
        Check("runs are found by lists of their ids") { (store) async throws in
            let experiment = try await makeRuns(store)
            let all = try await store.searchRuns(RunSearch(experimentIDs: [experiment])).elements.map(\.info.runID)
            func found(_ filter: String) async throws -> Int {
                let page = try await store.searchRuns(RunSearch(experimentIDs: [experiment], filter: filter))
                return page.elements.count
            }
            #expect(try await found("run_id IN ('\(all[0])', '\(all[1])', 'none')") == 2)
            #expect(try await found("attributes.run_id NOT IN ('\(all[0])')") == 4)
            #expect(try await found("run_id = '\(all[3])'") == 1)
        },
        Check("runs come in the order that is asked for, what is missing last") { (store) async throws in
            let experiment = try await makeRuns(store)
            for (order, expected) in orders {
                let found = try await store.searchRuns(RunSearch(experimentIDs: [experiment], orderBy: order))
                #expect(found.elements.map(\.info.runName).joined() == expected, "\(order)")
            }
        },
        Check("found runs are complete") { (store) async throws in
            let experiment = try await makeRuns(store)
            for run in try await store.searchRuns(RunSearch(experimentIDs: [experiment])).elements {
                #expect(try await store.run(id: run.info.runID) == run)
            }
        },
        Check("runs come in pages until there are none") { (store) async throws in
            let experiment = try await makeRuns(store)
            var search = RunSearch(experimentIDs: [experiment], orderBy: ["metrics.acc"], maxResults: 2)
            var names: [String] = []
            repeat {
                let page = try await store.searchRuns(search)
                names.append(page.elements.map(\.info.runName).joined())
                search.pageToken = page.nextPageToken
            } while search.pageToken != nil
            #expect(names == ["ac", "eb", "d"])
            search = RunSearch(experimentIDs: [experiment], maxResults: 5)
            #expect(try await store.searchRuns(search).nextPageToken == nil)
        },
        Check("runs are searched by stage and experiment") { (store) async throws in
            let experiment = try await makeRuns(store)
            let other = try await store.makeRun()
            let deleted = try await store.searchRuns(RunSearch(experimentIDs: [experiment])).elements[0].info.runID
            try await store.deleteRun(id: deleted)
            func found(_ experiments: [String], _ view: ViewType) async throws -> Int {
                let page = try await store.searchRuns(RunSearch(experimentIDs: experiments, viewType: view))
                return page.elements.count
            }
            #expect(try await found([experiment], .activeOnly) == 4)
            #expect(try await found([experiment], .deletedOnly) == 1)
            #expect(try await found([experiment], .all) == 5)
            #expect(try await found([experiment, "0"], .all) == 6)
            #expect(try await found(["4711"], .all) == 0)
            #expect(try await found([], .all) == 0)
            #expect(other != deleted)
        },
        Check("A-35 what is no filter is refused, not run") { (store) async throws in
            let bad = [
                "1 = 1; DROP TABLE runs", "metrics.acc > 0.5 OR 1 = 1", "run_id = 'x' UNION SELECT 1",
                String(repeating: "(", count: 2000), "metrics.acc > 'x'", "sqlite_master.name = 'x'", " ",
                String(repeating: "a", count: 1_000_000),
                Array(repeating: "tags.a = 'b'", count: 60).joined(separator: " AND "),
            ]
            for filter in bad {
                await expectFailure(.invalidParameterValue) {
                    _ = try await store.searchRuns(RunSearch(experimentIDs: ["0"], filter: filter))
                }
            }
            for order in ["start_time; DROP TABLE runs", "1", "metrics.acc UP", "dataset.name", "foo"] {
                await expectFailure(.invalidParameterValue) {
                    _ = try await store.searchRuns(RunSearch(experimentIDs: ["0"], orderBy: [order]))
                }
            }
            for size in [0, -1, 50_001, Int.max] {
                await expectFailure(.invalidParameterValue) {
                    _ = try await store.searchRuns(RunSearch(experimentIDs: ["0"], maxResults: size))
                }
            }
            #expect(try await store.experiment(id: "0").name == "Default")
        },
        Check("many conditions and orders fit into one search") { (store) async throws in
            let experiment = try await makeRuns(store)
            let filter = (0..<50).map { _ in "tags.team LIKE '%'" }.joined(separator: " AND ")
            let order = (0..<10).map { "metrics.m\($0)" }
            let found = try await store.searchRuns(
                RunSearch(experimentIDs: [experiment], filter: filter, orderBy: order))
            #expect(found.elements.count == 5)
        },
    ]
}
