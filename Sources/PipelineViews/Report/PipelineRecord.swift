package import Pipelines
package import Scheduling
package import Tracking

/// Everything the store knows of a run of a pipeline: what a report is made of.
package struct PipelineRecord: Sendable {
    package struct Step: Sendable {
        package var name: String
        /// The key of its action in the file; nil when there is no plan.
        package var action: String?
        package var isFanOut: Bool
        /// Names of the variables of its matrix.
        package var variables: [String]
        /// Of a fan-out.
        package var group: Run?
        package var nodes: [Node]
        package var state: NodeState
        package var reason: String?

        package init(
            name: String, action: String? = nil, isFanOut: Bool = false, variables: [String] = [], group: Run? = nil,
            nodes: [Node], state: NodeState, reason: String? = nil
        ) {
            self.name = name
            self.action = action
            self.isFanOut = isFanOut
            self.variables = variables
            self.group = group
            self.nodes = nodes
            self.state = state
            self.reason = reason
        }
    }

    package struct Node: Sendable {
        package var id: String
        package var state: NodeState
        /// Values of the matrix variables.
        package var cell: [NamedText]
        /// The runs of its attempts, the last one last.
        package var attempts: [Run]

        package init(id: String, state: NodeState, cell: [NamedText] = [], attempts: [Run] = []) {
            self.id = id
            self.state = state
            self.cell = cell
            self.attempts = attempts
        }
    }

    package var run: Run
    package var experimentName: String
    package var state: PipelineState
    package var steps: [Step]
    /// Missing when the definition is not among the run's artifacts any more.
    package var graph: PipelineGraph?
    package var definition: String?
    /// When what is shown was so; live attempts are drawn up to here.
    package var time: Milliseconds
    /// Address of a server's pages, where runs can be looked at.
    package var serverURL: String?

    package init(
        run: Run, experimentName: String, state: PipelineState, steps: [Step], graph: PipelineGraph? = nil,
        definition: String? = nil, time: Milliseconds, serverURL: String? = nil
    ) {
        self.run = run
        self.experimentName = experimentName
        self.state = state
        self.steps = steps
        self.graph = graph
        self.definition = definition
        self.time = time
        self.serverURL = serverURL
    }
}
