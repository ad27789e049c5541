import SQLiteStore
import SystemPackage
import Tracking

// What the store does without HTTP, for profilers: `StoreBenchmark FILE CASE COUNT [CLIENTS]`.
// Cases: metric, batch, create, get, search and history; the last two need a file that tracking/fill.py has filled.

func argument(_ index: Int, _ standard: String) -> String {
    CommandLine.arguments.indices.contains(index) ? CommandLine.arguments[index] : standard
}

let path = FilePath(argument(1, "store.db"))
let task = argument(2, "metric")
let count = Int(argument(3, "1000")) ?? 1000
let clients = Int(argument(4, "8")) ?? 8
let folder = path.removingLastComponent()
let store = try await SQLiteStore.open(path, options: SQLiteStore.Options(workingDirectory: folder))

/// Performs the work in so many tasks at once and prints how often it was done in a second.
func measure(_ work: @escaping @Sendable (_ runID: String, _ number: Int) async throws -> Void) async throws {
    var runIDs: [String] = []
    for _ in 0..<clients {
        runIDs.append(try await store.createRun(RunCreation(experimentID: "0", userID: "ada", startTime: 1)).info.runID)
    }
    let clock = ContinuousClock()
    let began = clock.now
    try await withThrowingTaskGroup { group in
        for runID in runIDs {
            group.addTask { for number in 0..<count / clients { try await work(runID, number) } }
        }
        try await group.waitForAll()
    }
    let elapsed = clock.now - began
    print("\(task): \(Double(count / clients * clients) / (elapsed / .seconds(1))) per second with \(clients) clients")
}

switch task {
case "metric":
    try await measure { runID, number in
        try await store.logMetric(Metric("loss", 0.5, timestamp: Int64(number), step: Int64(number)), runID: runID)
    }
case "batch":
    try await measure { runID, number in
        let metrics = (0..<1000).map { index in
            Metric(
                "metric-\(index % 10)", Double(index) * 0.1, timestamp: 1_700_000_000_000 + Int64(number),
                step: Int64(number * 100 + index / 10))
        }
        try await store.logBatch(LogBatch(runID: runID, metrics: metrics))
    }
case "create":
    try await measure { _, number in
        _ = try await store.createRun(
            RunCreation(experimentID: "0", userID: "ada", startTime: 1, tags: [Tag("mlflow.user", "ada")]))
    }
case "get":
    try await measure { runID, _ in _ = try await store.run(id: runID) }
case "search":
    try await measure { _, number in
        let search = RunSearch(
            experimentIDs: ["1"],
            filter: "metrics.accuracy > 0.\(500 + number % 100) and params.optimizer = 'adam'",
            orderBy: ["metrics.loss ASC"], maxResults: 100)
        let page = try await store.searchRuns(search)
        guard page.elements.count == 100 else { fatalError("\(page.elements.count) found") }
    }
case "history":
    let first = try await store.searchRuns(
        RunSearch(experimentIDs: ["1"], filter: "", orderBy: ["start_time ASC"], maxResults: 1))
    guard let runID = first.elements.first?.info.runID else { fatalError("no run") }
    try await measure { _, _ in
        let page = try await store.metricHistory(MetricHistoryQuery(runID: runID, key: "history"))
        guard page.elements.count == 100_000 else { fatalError("\(page.elements.count) points") }
    }
default:
    print("unknown case '\(task)'")
}
await store.close()
