/// How long a plan takes when nothing has to wait for resources.
package struct CriticalPath: Sendable, Hashable {
    /// Indices of the steps of the longest path, in order.
    package var steps: [Int]
    package var length: Duration
    /// For each step, how long it takes from its start to the end of everything that follows from it.
    package var remaining: [Duration]
    /// The most steps that can run at once: those with the same distance from the start.
    package var width: Int
}

extension Plan {
    /// The longest path through the steps that run.
    ///
    /// - Parameter duration: how long a step is expected to take; nil (unknown) counts as a second. Steps that are left out or reused take no time.
    package func criticalPath(expecting duration: (PlannedStep) -> Duration?) -> CriticalPath {
        var remaining = [Duration](repeating: .zero, count: steps.count)
        var following = [Int?](repeating: nil, count: steps.count)
        for index in order.reversed() {
            let step = steps[index]
            let own = step.isIncluded ? duration(step) ?? .seconds(1) : .zero
            for other in step.dependents where following[index].map({ remaining[other] > remaining[$0] }) ?? true {
                following[index] = other
            }
            remaining[index] = own + (following[index].map { remaining[$0] } ?? .zero)
        }
        var path: [Int] = []
        // Of equal ones the first in the file.
        var next = order.min { (remaining[$1], $0) < (remaining[$0], $1) }
        let length = next.map { remaining[$0] } ?? .zero
        while let index = next {
            if steps[index].isIncluded { path.append(index) }
            next = following[index]
        }
        return CriticalPath(steps: path, length: length, remaining: remaining, width: width)
    }

    /// The distance of each step from the start, in steps.
    package var layers: [Int] {
        var layers = [Int](repeating: 0, count: steps.count)
        for index in order {
            layers[index] = steps[index].dependencies.map { layers[$0.step] + 1 }.max() ?? 0
        }
        return layers
    }

    private var width: Int {
        var counts: [Int: Int] = [:]
        for (index, layer) in layers.enumerated() where steps[index].isIncluded {
            counts[layer, default: 0] += max(1, steps[index].nodes.count)
        }
        return counts.values.max() ?? 0
    }
}
