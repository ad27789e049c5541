/// Which ready node starts next: by priority, then by the longest path that remains behind it, then by its place in the file.
struct ReadyQueue: Sendable {
    struct Entry: Comparable, Sendable {
        var priority: Int
        /// Milliseconds of everything that can only follow it, itself included.
        var remainingPath: Double
        var step: Int
        var cell: Int
        var node: Int
        /// A step of the pipeline that the node is, waiting to be lent something.
        var guest: Int?

        static func < (left: Entry, right: Entry) -> Bool {
            if left.priority != right.priority { return left.priority > right.priority }
            if left.remainingPath != right.remainingPath { return left.remainingPath > right.remainingPath }
            return (left.step, left.cell, left.node, left.guest ?? -1)
                < (right.step, right.cell, right.node, right.guest ?? -1)
        }
    }

    /// Nodes that ask for the same are all possible or all impossible, so only the first of each kind is looked at.
    private struct Bucket: Sendable {
        let request: ResourcePool.Request
        var entries = Heap<Entry>()
    }

    private var buckets: [Bucket] = []
    private var indices: [ResourcePool.Request: Int] = [:]

    mutating func insert(_ entry: Entry, asking request: ResourcePool.Request) {
        let index = indices[request] ?? buckets.count
        if index == buckets.count {
            buckets.append(Bucket(request: request))
            indices[request] = index
        }
        buckets[index].entries.insert(entry)
    }

    /// Takes the first entry whose request fits into what is free.
    ///
    /// - Parameter isCurrent: whether the node still wants to start; others are dropped.
    mutating func next(fitting pool: ResourcePool, isCurrent: (Entry) -> Bool) -> Entry? {
        var best: (bucket: Int, entry: Entry)?
        for index in buckets.indices where pool.fits(buckets[index].request) {
            while let first = buckets[index].entries.first, !isCurrent(first) {
                _ = buckets[index].entries.removeFirst()
            }
            guard let first = buckets[index].entries.first else { continue }
            if let known = best, known.entry < first { continue }
            best = (index, first)
        }
        guard let best else { return nil }
        return buckets[best.bucket].entries.removeFirst()
    }
}

/// For each step the time of the longest path from its start to an end, when `durations` says how long steps take.
///
/// - Parameter dependencies: for each step the steps it needs; they form no cycle.
package func remainingPaths(durations: [Double], dependencies: [[Int]]) -> [Double] {
    var dependents = [Int](repeating: 0, count: durations.count)
    for needed in dependencies { for step in needed { dependents[step] += 1 } }
    var behind = [Double](repeating: 0, count: durations.count)
    var result = durations
    var open = dependents.indices.filter { dependents[$0] == 0 }
    while let step = open.popLast() {
        result[step] = durations[step] + behind[step]
        for needed in dependencies[step] {
            behind[needed] = max(behind[needed], result[step])
            dependents[needed] -= 1
            if dependents[needed] == 0 { open.append(needed) }
        }
    }
    return result
}
