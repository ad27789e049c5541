package import Pipelines
package import Processes
package import SystemPackage
package import Tracking

/// What a pipeline that is a step of another one is given by that one.
package struct EnclosingStep: Sendable {
    /// The way to the nested pipeline, such as `prepare` or `train[fold=1]/fit`.
    package var path: String
    /// Of the attempt that the pipeline's run stands for.
    package var tags: [Tag]
    /// The pipeline's run, or the group of a fan-out, below which the nested run is.
    package var parentRunID: String
    /// The runs of the pipelines around it, the outermost first.
    package var outerRuns: [String]
    package var experimentID: String
    /// What all steps of the outer pipeline together may use, and so no more than that here.
    package var limits: [String: Double]
    /// What is set aside for the nested pipeline as a whole: its steps share it, and borrow none of it.
    package var reserved: Set<String>
    /// The devices set aside for it.
    package var devices: [Int]
    /// Variables of every nested step.
    package var variables: [String: String]
    /// More of them, each made of the run of the step that has it.
    package var ownRunVariables = OwnRunVariables()
    /// Secrets that every nested step gets as variables.
    package var secrets: [String: String]
    /// Where artifacts that are bound to params lie on this machine, by URI.
    package var localPaths: [String: FilePath]
    /// Metrics that the step promises.
    package var metrics: [String]
    package var lender: any ResourceLender
}

/// Variables whose values are made of the run of the step that has them.
package struct OwnRunVariables: Sendable {
    var names: [String] = []
    var values: @Sendable (RunInfo) throws -> [NamedText] = { _ in [] }

    package init() {}
}

/// Lets steps of a nested pipeline use what the outer one has left.
package protocol ResourceLender: Sendable {
    /// Waits until so much is free, and takes it; nil when the task has been cancelled before.
    func borrow(_ amounts: [String: Double]) async throws -> ResourceLoan?
    func giveBack(_ loan: ResourceLoan) async
}

/// What has been lent to a step of a nested pipeline.
package struct ResourceLoan: Sendable {
    let guest: Int
    /// Numbers of the GPU devices in it.
    package let devices: [Int]
    /// What that pipeline had to borrow itself.
    let outer: [ResourceLoan]
}

/// A pipeline that is to be run as a step of another one.
package struct NestedStep: Sendable {
    /// The file or the project, as the step says.
    package var place: String
    package var version: String?
    package var params: [NamedValue]
    /// The node of the outer pipeline.
    package var node: String
    /// The options of the outer pipeline.
    package var options: PipelineOptions
    package var enclosing: EnclosingStep
    /// The run of an earlier runner to go on with.
    package var known: Run?
    /// The runner that the outer pipeline has been taken over from, and the nested ones with it.
    package var displaced: ProcessIdentity?
    /// Whether nothing in it may be reused.
    package var isForced = false
    package var observe: @Sendable (PipelineEvent) -> Void
}

/// A pipeline that is a step, planned but not begun.
package struct PreparedNesting: Sendable {
    package var plan: Plan
    package var options: PipelineOptions
    package var services: PipelineServices

    package init(plan: Plan, options: PipelineOptions, services: PipelineServices) {
        self.plan = plan
        self.options = options
        self.services = services
    }
}

/// Prepares a nested pipeline and records its run; what it throws is why the step fails.
package typealias Nesting = @Sendable (NestedStep) async throws -> PipelineRun

extension PipelineOptions {
    /// Everything one attempt of a node needs, also of what the pipelines around this one say.
    func resolve(
        _ node: PlanNode, of plan: Plan, in scope: OutcomeScope, hasRun: Bool = false
    ) throws -> ResolvedStep {
        var resolved = try plan.resolve(node, in: scope, hasRun: hasRun)
        guard let outer = enclosing?.ownRunVariables, plan.steps[node.step].step.runsCode else { return resolved }
        let own = Set(resolved.environment.map(\.name) + resolved.awaitedVariables)
        let names = outer.names.filter { !own.contains($0) }
        guard !names.isEmpty else { return resolved }
        resolved.usesOwnRun = true
        if hasRun, let run = scope.run {
            resolved.environment += try outer.values(run).filter { names.contains($0.name) }
        } else {
            resolved.awaitedVariables += names
        }
        return resolved
    }

    /// Those of the top levels of this pipeline and of the ones around it, for the steps of one that is this step.
    ///
    /// - Parameter scope: what else they are made of.
    func ownRunVariables(of step: ResolvedStep, in plan: Plan, _ scope: OutcomeScope) -> OwnRunVariables {
        let outer = enclosing?.ownRunVariables ?? OwnRunVariables()
        let replaced = Set(step.environment.map(\.name))
        let own = plan.ownRunVariables.filter { !replaced.contains($0) }
        let inherited = outer.names.filter { !replaced.contains($0) && !own.contains($0) }
        var variables = OwnRunVariables()
        variables.names = inherited + own
        variables.values = { run in
            var scope = scope
            scope.run = run
            return try outer.values(run).filter { inherited.contains($0.name) }
                + plan.resolveOwnRunVariables(in: scope).filter { own.contains($0.name) }
        }
        return variables
    }

    /// The secrets that a step sees: those of the steps around its pipeline, and its own.
    func secrets(of step: ResolvedStep) -> [String: String] {
        var secrets = enclosing?.secrets ?? [:]
        for name in step.secrets { secrets[name] = self.secrets[name] }
        return secrets
    }

    /// The variables that the steps of a pipeline see which is this step.
    func variables(of step: ResolvedStep) -> [String: String] {
        var variables = enclosing?.variables ?? [:]
        for variable in step.environment { variables[variable.name] = variable.value }
        return variables
    }
}
