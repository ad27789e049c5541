/// How a store that commits writes together has done so since it was opened.
package struct WriteFigures: Sendable {
    /// How many writes shared a commit.
    package var commitSizes = Histogram(limits: [1, 2, 5, 10, 20, 50, 100, 200, 500])
    /// Seconds from the moment a write was asked for to its commit.
    package var waits = Histogram(limits: [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
    /// Writes that have been asked for and not been committed yet.
    package var waiting = 0

    package init() {}
}

/// Amounts, counted by their sizes.
package struct Histogram: Sendable, Hashable {
    /// The upper ends of the buckets, each counting among the smaller.
    package let limits: [Double]
    /// Not cumulative; the last one is for what is above all limits.
    package private(set) var buckets: [Int]
    package private(set) var sum = 0.0

    package init(limits: [Double]) {
        self.limits = limits
        buckets = Array(repeating: 0, count: limits.count + 1)
    }

    package var count: Int { buckets.reduce(0, +) }

    package mutating func add(_ amount: Double) {
        buckets[limits.firstIndex { amount <= $0 } ?? limits.count] += 1
        sum += amount
    }
}

/// A store that can tell how its writes are doing.
package protocol WriteReporting: Sendable {
    var writeFigures: WriteFigures { get }
}
