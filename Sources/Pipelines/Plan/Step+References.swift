extension Step {
    /// Every reference in the step's values and conditions.
    package var references: [ReferenceUse] {
        fields.flatMap(\.template.references) + conditions.flatMap(\.expression.references)
    }

    /// Whether its params or variables are made of the attempt's own run.
    package var usesOwnRun: Bool {
        parameters.contains { $0.value.usesOwnRun } || environment.contains { $0.value.usesOwnRun }
    }
}

extension PlanNode {
    /// The node that stands for all of a step, also where its cells are not known.
    package init(whole step: PlannedStep) {
        self.init(id: step.name, step: step.index)
    }
}
