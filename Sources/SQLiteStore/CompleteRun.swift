import Tracking

// Runs with everything they logged: one of them, or those of a page at once.
extension Connection {
    /// The run with everything it logged.
    func completeRun(_ info: RunInfo) throws -> Run {
        var data = RunData()
        try forEach(
            "SELECT 0, key, value, timestamp, step, is_nan FROM latest_metrics WHERE run_uuid = ?", [.text(info.runID)]
        ) { data.metrics.append(Metric(latest: $0)) }
        try forEach("SELECT 0, key, value FROM params WHERE run_uuid = ?", [.text(info.runID)]) {
            data.params.append(Param($0.text(1), $0.text(2)))
        }
        data.tags = try runTags(info.runID)
        data.metrics.sort { $0.key < $1.key }
        data.params.sort { $0.key < $1.key }
        return try withEdges(Run(info: info, data: data))
    }

    func runTags(_ runID: String) throws -> [Tag] {
        try all("SELECT key, value FROM tags WHERE run_uuid = ?", .text(runID)) { Tag($0.text(0), $0.text(1)) }
            .sorted { $0.key < $1.key }
    }

    /// A page of complete runs, given the rows of its runs and one more if there is another page.
    func pageOfRuns(_ rowIDs: [Int64], of size: Int, offset: Int) throws -> Page<Run> {
        let found = page(rowIDs, of: size, offset: offset) { $0 }
        return Page(try completeRuns(rowIDs: found.elements), nextPageToken: found.nextPageToken)
    }

    /// The runs with everything they logged, in the given order.
    func completeRuns(rowIDs: [Int64]) throws -> [Run] {
        var infos: [RunInfo] = []
        infos.reserveCapacity(rowIDs.count)
        for rowID in rowIDs {
            let info = try first(
                "SELECT \(runColumns) FROM runs r WHERE r.rowid = ?", .integer(rowID), transform: RunInfo.init(row:))
            guard let info else { throw TrackingError(.internalError, "a run vanished during a search") }
            infos.append(info)
        }
        return try completeRuns(infos)
    }

    /// The runs with everything they logged, in their order.
    func completeRuns(_ infos: [RunInfo]) throws -> [Run] {
        guard !infos.isEmpty else { return [] }
        // One statement fetches what all of them logged; the first column says whose a row is.
        let ids = SQLiteValue.text(jsonArray(infos.map(\.runID)))
        var data = Array(repeating: RunData(), count: infos.count)
        try forEach(
            """
            SELECT page.key, m.key, m.value, m.timestamp, m.step, m.is_nan
            FROM json_each(?) page CROSS JOIN latest_metrics m ON m.run_uuid = page.value
            """, [ids]
        ) { row in
            let run = Int(row.integer(0))
            let place = data[run].metrics.count
            let likely = run > 0 && data[run - 1].metrics.count > place ? data[run - 1].metrics[place].key : nil
            data[run].metrics.append(Metric(latest: row, key: row.text(1, likely: likely)))
        }
        try forEach(
            "SELECT page.key, p.key, p.value FROM json_each(?) page CROSS JOIN params p ON p.run_uuid = page.value",
            [ids]
        ) { data[Int($0.integer(0))].params.append(Param($0.text(1), $0.text(2))) }
        try forEach(
            "SELECT page.key, t.key, t.value FROM json_each(?) page CROSS JOIN tags t ON t.run_uuid = page.value", [ids]
        ) { row in
            let run = Int(row.integer(0))
            // Runs of one kind have their tags in the same order.
            var likely: Tag?
            if run > 0, data[run - 1].tags.indices.contains(data[run].tags.count) {
                likely = data[run - 1].tags[data[run].tags.count]
            } else {
                data[run].tags.reserveCapacity(16)
            }
            data[run].tags.append(
                Tag(row.text(1, likely: likely?.key), row.text(2, likely: likely?.value)))
        }
        let hasEdges = try exists("SELECT 1 FROM inputs LIMIT 1")
        return try zip(infos, data).map { info, data in
            var data = data
            data.metrics.sort { $0.key < $1.key }
            data.params.sort { $0.key < $1.key }
            data.tags.sort { $0.key < $1.key }
            let run = Run(info: info, data: data)
            return hasEdges ? try withEdges(run) : run
        }
    }

    /// The run with the datasets and models it read, and the models it made.
    private func withEdges(_ run: Run) throws -> Run {
        let id = run.info.runID
        return Run(
            info: run.info, data: run.data,
            inputs: RunInputs(datasets: try datasetInputs(runID: id), models: try modelInputs(runID: id)),
            outputs: try modelOutputs(runID: id))
    }
}

extension Metric {
    /// From a row of anything, key, value, timestamp, step and the flag for NaN.
    fileprivate init(latest row: Row, key: String? = nil) {
        self.init(
            key ?? row.text(1), row.integer(5) == 0 ? row.real(2) : .nan, timestamp: row.integer(3),
            step: row.integer(4))
    }
}
