extension Step {
    /// Every reference in the step's values and conditions.
    package var references: [ReferenceUse] {
        fields.flatMap(\.template.references) + conditions.flatMap(\.expression.references)
    }

    /// Whether it runs code of its own, whose run is the attempt's.
    package var runsCode: Bool {
        switch action {
        case .entryPoint, .command: true
        case .pipeline, .register, .search: false
        }
    }
}

extension PlanNode {
    /// The node that stands for all of a step, also where its cells are not known.
    package init(whole step: PlannedStep) {
        self.init(id: step.name, step: step.index)
    }
}
