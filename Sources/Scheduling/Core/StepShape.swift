/// What the state machine must know of a step: its place in the graph and its rules, without any expression.
package struct StepShape: Sendable {
    package struct Dependency: Sendable, Hashable {
        package var step: Int
        /// Whether it is reached only on the left of `??`, so that its being skipped does not skip this step.
        package var isOptional: Bool
        /// Whether each cell waits for the matching cell of it only.
        package var isSameCell: Bool

        package init(_ step: Int, isOptional: Bool = false, isSameCell: Bool = false) {
            self.step = step
            self.isOptional = isOptional
            self.isSameCell = isSameCell
        }
    }

    /// Which outcome of the dependencies lets a step run.
    package enum RunOn: String, Sendable, Hashable, CaseIterable {
        case success, failure, always
    }

    /// How much of a step may fail without failing the pipeline.
    package enum Allowance: Sendable, Hashable {
        case nothing
        case everything
        /// So many cells.
        case cells(Int)
        /// This part of the cells, from 0 to 1.
        case part(Double)

        /// How many of `count` cells may fail.
        func cells(of count: Int) -> Int {
            switch self {
            case .nothing: 0
            case .everything: count
            case .cells(let number): min(count, max(0, number))
            // A tenth of a percent of slack, so that 20 % of 5 is 1 whatever the floating point says.
            case .part(let part): min(count, Int(max(0, min(1, part.isNaN ? 0 : part)) * Double(count) + 1e-3))
            }
        }
    }

    package var name: String
    package var dependencies: [Dependency]
    package var runOn: RunOn
    package var priority: Int
    /// How long it took the last time, in milliseconds.
    package var expectedDuration: Double
    package var allowance: Allowance
    package var retry: RetryPolicy
    /// How many cells may run at once.
    package var maximumParallel: Int?

    package init(
        name: String, dependencies: [Dependency] = [], runOn: RunOn = .success, priority: Int = 0,
        expectedDuration: Double = 1000, allowance: Allowance = .nothing, retry: RetryPolicy = RetryPolicy(),
        maximumParallel: Int? = nil
    ) {
        self.name = name
        self.dependencies = dependencies
        self.runOn = runOn
        self.priority = priority
        self.expectedDuration = expectedDuration
        self.allowance = allowance
        self.retry = retry
        self.maximumParallel = maximumParallel
    }
}

/// What happens to the rest after a step failed for good.
package enum OnError: String, Sendable, Hashable, CaseIterable {
    /// Start nothing new and let running ones end.
    case finish
    /// End the running ones too.
    case cancel
    /// Go on with everything that does not depend on it.
    case `continue`
}
