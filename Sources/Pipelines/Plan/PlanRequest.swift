package import Diagnostics
package import Projects

/// What is asked of a pipeline beside what its file says.
package struct PlanRequest: Sendable, Hashable {
    /// Params as given: text from the command line, values from a file or a parent pipeline.
    package var params: [GivenValue] = []
    /// The name of a pipeline that has none in its file: the project's, or the folder's.
    package var defaultName = "pipeline"
    package var part = PipelinePart()
    package var maximumCells = 10_000
    /// The commits that projects were resolved to when the pipeline started, by `PROJECT@VERSION`.
    package var commits: [NamedText] = []

    package init() {}

    package struct GivenValue: Sendable, Hashable {
        package enum Content: Sendable, Hashable {
            /// To be read by the param's type.
            case text(String)
            case value(Value)
        }

        package var name: String
        package var content: Content
        /// Where it was given, if that is a file.
        package var location: SourceLocation?

        package init(_ name: String, _ content: Content, at location: SourceLocation? = nil) {
            self.name = name
            self.content = content
            self.location = location
        }
    }
}

/// Which steps of a pipeline are wanted.
package struct PipelinePart: Sendable, Hashable {
    /// Only these.
    package var only: [String] = []
    /// This one and what follows from it.
    package var from: [String] = []
    /// This one and what it needs.
    package var until: [String] = []
    package var skip: [String] = []
    /// Run even if reuse is possible.
    package var force: [String] = []
    package var forceAll = false
    /// The run whose results stand in for steps that are left out.
    package var using: String?

    package init() {}

    /// Whether some steps may be left out.
    package var isPartial: Bool { !(only.isEmpty && from.isEmpty && until.isEmpty && skip.isEmpty) }
}

/// What a plan has to know and a pipeline's file cannot say; each answer may be missing, which checks less.
package struct PlanSurroundings {
    /// The project of a step, by `project` (nil: the file's folder) and `version`; nil when it cannot be read before the start.
    package var project: (_ project: String?, _ version: String?) throws(InvalidInput) -> Project? = { _, _ in nil }
    /// The plan of a nested pipeline with the params that are known before the start; a check when some are not.
    package var nestedPlan:
        (_ pipeline: String, _ version: String?, _ request: PlanRequest, _ isCheck: Bool) throws(InvalidInput) -> Plan? =
            {
                _, _, _, _ in nil
            }
    /// Backends that can be used; nil: any name may be one.
    package var backends: [String]?
    /// What keeps a step of this backend from seeing a file of this machine, and what to do; nil: nothing that is known.
    ///
    /// `value` is that of a `path` param; nil for an artifact of another step.
    package var problemOfPath:
        (_ backend: String, _ configuration: ResolvedStep.BackendConfiguration?, _ value: String?) -> (
            reason: String, remedy: String
        )? = { _, _, _ in nil }
    /// What this machine has, by resource name, where the file gives no limit.
    package var machine: [String: Double] = [:]
    /// Whether a secret has a value; nil: it is not looked at.
    package var hasSecret: ((_ name: String) -> Bool)?

    package init() {}
}
