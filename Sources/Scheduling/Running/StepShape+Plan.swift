import Pipelines

extension StepShape {
    /// What the plan says of a step; durations and retries are known only later.
    ///
    /// - Parameter parallel: how many steps may run at once.
    init(_ planned: PlannedStep, parallel: Double? = nil) {
        let step = planned.step
        var maximumParallel = step.maxParallel
        // Steps take their slots one by one, and a nested pipeline takes none: without a bound, all would be begun at once.
        if case .pipeline = step.action, maximumParallel == nil, let parallel {
            maximumParallel = max(1, Int(min(parallel, 4096)))
        }
        self.init(
            name: step.name,
            dependencies: planned.isIncluded
                ? planned.dependencies.map { dependency in
                    Dependency(
                        dependency.step, isOptional: dependency.isOptional && !dependency.isOrder,
                        isSameCell: dependency.isSameCell && step.runOn == .success && planned.fanOut != .none)
                } : [],
            runOn: planned.isIncluded ? RunOn(rawValue: step.runOn.rawValue) ?? .success : .always,
            priority: step.priority, allowance: Allowance(step.allowFailure), maximumParallel: maximumParallel)
    }
}

extension StepShape.Allowance {
    init(_ allowed: Step.AllowedFailures) {
        switch allowed {
        case .none: self = .nothing
        case .any: self = .everything
        case .count(let count): self = .cells(count)
        case .percent(let percent): self = .part(Double(percent) / 100)
        }
    }
}

extension OnError {
    init(_ policy: FailurePolicy) {
        self = OnError(rawValue: policy.rawValue) ?? .finish
    }
}
