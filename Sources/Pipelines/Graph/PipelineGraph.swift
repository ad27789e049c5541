package import Diagnostics
import JSON

/// A plan as a picture: boxes and arrows, to be drawn in several languages.
package struct PipelineGraph: Sendable {
    package struct Vertex: Sendable, Hashable {
        /// Unique; a step's name or a node's id.
        package var id: String
        /// Such as `train ×12`.
        package var label: String
        /// The key of the step's action.
        package var action: String
        package var isIncluded: Bool
    }

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

    /// What a picture of every cell may have; beyond it nobody sees anything, and `n` cells times `m` are many arrows.
    package static let edgeLimit = 20_000

    /// - Parameter isExpanded: whether every cell of a fan-out is a box of its own.
    package init(_ plan: Plan, isExpanded: Bool = false) throws(InvalidInput) {
        name = plan.name
        var places: [Range<Int>] = []
        for step in plan.steps {
            let first = vertices.count
            let nodes = plan.nodes(of: step)
            func vertex(_ id: String, _ label: String) -> Vertex {
                Vertex(id: id, label: label, action: step.step.action.name, isIncluded: step.isIncluded)
            }
            switch step.fanOut {
            case .none: vertices.append(vertex(step.name, step.name))
            case .dynamic: vertices.append(vertex(step.name, "\(step.name) ×?"))
            case .cells where isExpanded: vertices += nodes.map { vertex($0.id, $0.id) }
            case .cells: vertices.append(vertex(step.name, "\(step.name) ×\(nodes.count)"))
            }
            places.append(first..<vertices.count)
        }
        var byID: [String: Int] = [:]
        for (index, vertex) in vertices.enumerated() { byID[vertex.id] = index }
        for step in plan.steps {
            for dependency in step.dependencies {
                let other = plan.steps[dependency.step]
                func add(_ from: Int, _ to: Int) {
                    edges.append(
                        Edge(from: from, to: to, isOrderOnly: !dependency.isData, isOptional: dependency.isOptional))
                }
                if isExpanded, dependency.isSameCell, case .cells = step.fanOut, case .cells = other.fanOut {
                    for (node, to) in zip(plan.nodes(of: step), places[step.index]) {
                        guard let id = plan.matchingCellID(of: other, for: node), let from = byID[id] else { continue }
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

    // MARK: Mermaid

    private var mermaid: String {
        var text = "flowchart LR\n"
        for (index, vertex) in vertices.enumerated() {
            let (open, close) = Self.mermaidShape(of: vertex.action)
            text += "  n\(index)\(open)\"\(Self.mermaidText(vertex.label))\"\(close)\n"
        }
        for edge in edges {
            let arrow = edge.isOrderOnly || edge.isOptional ? "-.->" : "-->"
            text += "  n\(edge.from) \(arrow) n\(edge.to)\n"
        }
        let left = vertices.indices.filter { !vertices[$0].isIncluded }
        if !left.isEmpty {
            text += "  classDef left stroke-dasharray: 4 4,opacity:0.5\n"
            text += "  class \(left.map { "n\($0)" }.joined(separator: ",")) left\n"
        }
        return text
    }

    private static func mermaidShape(of action: String) -> (String, String) {
        switch action {
        case "register": ("[(", ")]")
        case "search": ("{{", "}}")
        case "pipeline": ("[[", "]]")
        default: ("[", "]")
        }
    }

    /// Mermaid knows entities, and no other escape.
    private static func mermaidText(_ text: String) -> String {
        var result = ""
        for scalar in escapedForTerminal(text).unicodeScalars {
            switch scalar {
            case "\"", "<", ">", "&", "#", ";", "`", "\\": result += "#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    // MARK: Graphviz

    private var dot: String {
        var text = "digraph \(Self.dotText(name)) {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n"
        for (index, vertex) in vertices.enumerated() {
            var attributes = ["label=\(Self.dotText(vertex.label))"]
            switch vertex.action {
            case "register": attributes.append("shape=cylinder")
            case "search": attributes.append("shape=hexagon")
            case "pipeline": attributes.append("peripheries=2")
            default: break
            }
            if !vertex.isIncluded { attributes.append("style=\"rounded,dashed\"") }
            text += "  n\(index) [\(attributes.joined(separator: ", "))];\n"
        }
        for edge in edges {
            let style = edge.isOptional ? " [style=dotted]" : edge.isOrderOnly ? " [style=dashed]" : ""
            text += "  n\(edge.from) -> n\(edge.to)\(style);\n"
        }
        return text + "}\n"
    }

    private static func dotText(_ text: String) -> String {
        var result = "\""
        for character in escapedForTerminal(text) {
            if character == "\"" || character == "\\" { result += "\\" }
            result.append(character)
        }
        return result + "\""
    }

    // MARK: JSON

    private var json: String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("name", name)
            writer.name("nodes")
            writer.array(vertices) { writer, vertex in
                writer.object { writer in
                    writer.field("id", vertex.id)
                    writer.field("label", vertex.label)
                    writer.field("action", vertex.action)
                    writer.field("included", vertex.isIncluded)
                }
            }
            writer.name("edges")
            writer.array(edges) { writer, edge in
                writer.object { writer in
                    writer.field("from", vertices[edge.from].id)
                    writer.field("to", vertices[edge.to].id)
                    writer.field("order_only", edge.isOrderOnly)
                    writer.field("optional", edge.isOptional)
                }
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }
}
