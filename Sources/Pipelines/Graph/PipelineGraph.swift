package import Diagnostics

/// A plan as a picture: boxes and arrows, to be drawn in several languages.
package struct PipelineGraph: Sendable {
    package struct Vertex: Sendable, Hashable {
        /// Unique; a step's name or a node's id, in a nested pipeline with the way to it.
        package var id: String
        /// Such as `train ×12`.
        package var label: String
        /// The key of the step's action.
        package var action: String
        package var isIncluded: Bool
        /// Index of the frame around it: of the pipeline whose step it is.
        package var parent: Int?
        /// Whether it is a frame around others, which come behind it.
        package var holdsSteps = false
    }

    /// Both ends are in the same frame.
    package struct Edge: Sendable, Hashable {
        /// Indices of `vertices`.
        package var from: Int
        package var to: Int
        /// Whether only the order matters, not a value.
        package var isOrderOnly: Bool
        /// Whether the value may be missing.
        package var isOptional: Bool
    }

    package enum Format: String, Sendable, CaseIterable {
        case mermaid, dot, json, svg
    }

    package var name: String
    package var vertices: [Vertex] = []
    package var edges: [Edge] = []
    /// The boxes of each frame, and those that are in none.
    private(set) var frames: [Int?: [Int]] = [:]

    /// What a picture of every cell may have; beyond it nobody sees anything, and `n` cells times `m` are many arrows.
    package static let edgeLimit = 20_000

    /// How deep frames are drawn in each other; deeper pipelines are boxes.
    private static let depthLimit = 16

    /// - Parameters:
    ///   - isExpanded: whether every cell of a fan-out is a box of its own.
    ///   - inside: the plan of the pipeline that a node is, by the way to it; nil for a box without an inside.
    package init(
        _ plan: Plan, isExpanded: Bool = false,
        inside: (_ path: String, _ step: PlannedStep) -> Plan? = { $1.nested?.plan }
    ) throws(InvalidInput) {
        name = plan.name
        try add(plan, in: nil, prefix: "", depth: 0, isExpanded, inside)
    }

    private mutating func add(
        _ plan: Plan, in parent: Int?, prefix: String, depth: Int, _ isExpanded: Bool,
        _ inside: (_ path: String, _ step: PlannedStep) -> Plan?
    ) throws(InvalidInput) {
        var places: [[Int]] = []
        for step in plan.steps {
            var boxes: [(id: String, label: String)] = []
            let nodes = plan.nodes(of: step)
            switch step.fanOut {
            case .none: boxes = [(step.name, step.name)]
            case .dynamic: boxes = [(step.name, "\(step.name) ×?")]
            case .cells where isExpanded: boxes = nodes.map { ($0.id, $0.id) }
            case .cells: boxes = [(step.name, "\(step.name) ×\(nodes.count)")]
            }
            var own: [Int] = []
            for box in boxes {
                let index = vertices.count
                own.append(index)
                frames[parent, default: []].append(index)
                let path = prefix + box.id
                vertices.append(
                    Vertex(
                        id: path, label: box.label, action: step.step.action.name, isIncluded: step.isIncluded,
                        parent: parent))
                guard step.isIncluded, depth < Self.depthLimit, case .pipeline = step.step.action,
                    let inner = inside(path, step), !inner.steps.isEmpty
                else { continue }
                vertices[index].holdsSteps = true
                try add(inner, in: index, prefix: path + "/", depth: depth + 1, isExpanded, inside)
            }
            places.append(own)
        }
        try addEdges(of: plan, places, prefix: prefix, isExpanded)
    }

    /// - Parameter places: the boxes of each step.
    private mutating func addEdges(
        of plan: Plan, _ places: [[Int]], prefix: String, _ isExpanded: Bool
    ) throws(InvalidInput) {
        var byID: [String: Int] = [:]
        for index in places.joined() { byID[vertices[index].id] = index }
        for step in plan.steps {
            for dependency in step.dependencies {
                let other = plan.steps[dependency.step]
                func add(_ from: Int, _ to: Int) {
                    edges.append(
                        Edge(from: from, to: to, isOrderOnly: !dependency.isData, isOptional: dependency.isOptional))
                }
                if isExpanded, dependency.isSameCell, case .cells = step.fanOut, case .cells = other.fanOut {
                    for (node, to) in zip(plan.nodes(of: step), places[step.index]) {
                        guard let id = plan.matchingCellID(of: other, for: node), let from = byID[prefix + id] else {
                            continue
                        }
                        add(from, to)
                    }
                    continue
                }
                let count = places[other.index].count.multipliedReportingOverflow(by: places[step.index].count)
                guard !count.overflow, count.partialValue <= Self.edgeLimit - min(edges.count, Self.edgeLimit) else {
                    throw InvalidInput(
                        "a graph of every cell would have more than \(Self.edgeLimit) arrows",
                        remedy: "leave out --expand")
                }
                for from in places[other.index] { for to in places[step.index] { add(from, to) } }
            }
        }
    }

    package func text(as format: Format) -> String {
        switch format {
        case .mermaid: mermaid
        case .dot: dot
        case .json: json
        case .svg: svg
        }
    }
}
