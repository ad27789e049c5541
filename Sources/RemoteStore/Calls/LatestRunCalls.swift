package import Tracking

extension RemoteStore {
    /// The API has no question for many values of a tag, so the newest runs are read page by page until every value has its own.
    ///
    /// Where that takes more pages than it saves questions, and for few values, each value is asked for by itself.
    package func latestRuns(
        withTag key: String, among values: Set<String>, experimentIDs: [String]
    ) async throws -> [String: [Run]] {
        guard !experimentIDs.isEmpty else { return [:] }
        var latest = LatestRuns(key: key, open: values)
        if values.count >= Self.worthAPage, experimentIDs.count <= Self.experimentsPerSearch {
            var search = RunSearch(
                // LIKE and not IS NOT NULL, which older servers do not know.
                experimentIDs: experimentIDs, filter: "tags.`\(key)` LIKE '%'",
                orderBy: ["attributes.start_time DESC"], maxResults: 1000)
            for _ in 0...(values.count / Self.worthAPage) {
                let page = try await searchRuns(search)
                latest.add(page.elements)
                search.pageToken = page.nextPageToken
                if page.nextPageToken == nil || latest.open.isEmpty { return latest.runs }
            }
        }
        let open = latest.open.filter { !$0.contains("'") }
        try await withThrowingTaskGroup(of: (String, [Run]).self) { group in
            var next = open.makeIterator()
            func ask(_ value: String) {
                group.addTask {
                    (value, try await self.newestRuns(withTag: key, value, experimentIDs: experimentIDs))
                }
            }
            for _ in 0..<Self.askedAtOnce { if let value = next.next() { ask(value) } }
            while let (value, found) = try await group.next() {
                latest.runs[value] = nil
                latest.add(found)
                if let value = next.next() { ask(value) }
            }
        }
        return latest.runs
    }

    private func newestRuns(withTag key: String, _ value: String, experimentIDs: [String]) async throws -> [Run] {
        var found: [Run] = []
        for part in experimentIDs.parts(of: Self.experimentsPerSearch) {
            let search = RunSearch(
                experimentIDs: Array(part), filter: "tags.`\(key)` = '\(value)'",
                orderBy: ["attributes.start_time DESC"], maxResults: Limits.latestRuns)
            found += try await searchRuns(search).elements
        }
        return found.sorted { $0.info.startTime > $1.info.startTime }
    }

    /// For so many values a page of a thousand runs costs less than asking for each.
    private static let worthAPage = 16
    private static let experimentsPerSearch = 1000
    private static let askedAtOnce = 8
}

/// Takes the runs of each value as they come, the newest first, until the first that has finished.
private struct LatestRuns {
    let key: String
    /// The values whose runs are not all there.
    var open: Set<String>
    var runs: [String: [Run]] = [:]

    mutating func add(_ page: [Run]) {
        for run in page {
            guard let value = run.data.tag(key), open.contains(value) else { continue }
            runs[value, default: []].append(run)
            if run.info.status == .finished || runs[value]?.count == Limits.latestRuns { open.remove(value) }
        }
    }
}
