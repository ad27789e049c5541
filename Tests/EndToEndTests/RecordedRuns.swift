import Glibc
import Processes
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

/// What the built program has recorded in the store of its folder.
extension SwiftflowProgram {
    /// All runs of the default experiment, the earliest first.
    func recordedRuns() async throws -> [Run] {
        let store = try await SQLiteStore.open(
            path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: path))
        let page = try await store.searchRuns(
            RunSearch(experimentIDs: ["0"], orderBy: ["attributes.start_time ASC"], maxResults: 10_000))
        await store.close()
        return page.elements
    }

    /// Runs `pipeline.yaml`, kills its runner and perhaps that of a resume, and resumes until it has ended.
    ///
    /// - Parameters:
    ///   - sign: the output after which the first kill may come.
    ///   - delays: how many milliseconds later each kill comes, at random.
    ///   - pipeline: finds the pipeline's run among all.
    /// - Returns: the pipeline's run as it is then.
    func runKilled(
        after sign: String, within delays: ClosedRange<Int>, _ pipeline: ([Run]) throws -> Run
    ) async throws -> RunInfo {
        var running = try await start(["run", "pipeline.yaml", "--progress", "plain"])
        try await running.waits(for: sign)
        // A run may be killed, and the resume of it too.
        for _ in 0..<2 {
            try await Task.sleep(for: .milliseconds(Int.random(in: delays)))
            kill(running.process.processID, SIGKILL)
            _ = try await running.result()
            let state = try pipeline(try await recordedRuns()).info
            if state.status != .running { break }
            running = try await start(["resume", state.runID])
        }
        _ = try await running.result()
        let current = try pipeline(try await recordedRuns()).info
        guard current.status != .finished else { return current }
        let resumed = try await run("resume", current.runID)
        #expect(resumed.exitCode == 0, "\(resumed.messages)")
        return try pipeline(try await recordedRuns()).info
    }
}

extension [Run] {
    /// The last run of a node.
    func node(_ id: String) throws -> Run {
        try #require(last { $0.data.tag("swiftflow.node") == id })
    }

    /// The last run of a pipeline that is no step of another one.
    func outermost() throws -> Run {
        try #require(last { $0.data.tag("swiftflow.pipeline") != nil && $0.data.tag("swiftflow.node") == nil })
    }
}
