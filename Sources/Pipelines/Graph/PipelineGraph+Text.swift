import Diagnostics
import JSON

// The graph in the languages of tools that draw it.
extension PipelineGraph {
    /// What is directly in a frame, or in none.
    func children(of parent: Int?) -> [Int] {
        frames[parent] ?? []
    }

    // MARK: Mermaid

    var mermaid: String {
        var text = "flowchart LR\n"
        mermaidBoxes(in: nil, indent: "  ", to: &text)
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

    private func mermaidBoxes(in parent: Int?, indent: String, to text: inout String) {
        for index in children(of: parent) {
            let label = Self.mermaidText(vertices[index].label)
            if vertices[index].holdsSteps {
                text += "\(indent)subgraph n\(index)[\"\(label)\"]\n"
                mermaidBoxes(in: index, indent: indent + "  ", to: &text)
                text += "\(indent)end\n"
            } else {
                let (open, close) = Self.mermaidShape(of: vertices[index].action)
                text += "\(indent)n\(index)\(open)\"\(label)\"\(close)\n"
            }
        }
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

    var dot: String {
        var text = "digraph \(Self.dotText(name)) {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n"
        if vertices.contains(where: \.holdsSteps) { text += "  compound=true;\n" }
        dotBoxes(in: nil, indent: "  ", to: &text)
        let (ends, starts) = (Set(edges.map(\.from)), Set(edges.map(\.to)))
        for edge in edges {
            var attributes: [String] = []
            if edge.isOptional || edge.isOrderOnly {
                attributes.append("style=\(edge.isOptional ? "dotted" : "dashed")")
            }
            // An arrow goes from box to box, and is cut off at the frame.
            let from = representative(of: edge.from) { !ends.contains($0) }
            let to = representative(of: edge.to) { !starts.contains($0) }
            if from != edge.from { attributes.append("ltail=cluster_n\(edge.from)") }
            if to != edge.to { attributes.append("lhead=cluster_n\(edge.to)") }
            text += "  n\(from) -> n\(to)\(attributes.isEmpty ? "" : " [\(attributes.joined(separator: ", "))]");\n"
        }
        return text + "}\n"
    }

    private func dotBoxes(in parent: Int?, indent: String, to text: inout String) {
        for index in children(of: parent) {
            let vertex = vertices[index]
            if vertex.holdsSteps {
                text += "\(indent)subgraph cluster_n\(index) {\n"
                text += "\(indent)  label=\(Self.dotText(vertex.label)); style=rounded;\n"
                dotBoxes(in: index, indent: indent + "  ", to: &text)
                text += "\(indent)}\n"
                continue
            }
            var attributes = ["label=\(Self.dotText(vertex.label))"]
            switch vertex.action {
            case "register": attributes.append("shape=cylinder")
            case "search": attributes.append("shape=hexagon")
            case "pipeline": attributes.append("peripheries=2")
            default: break
            }
            if !vertex.isIncluded { attributes.append("style=\"rounded,dashed\"") }
            text += "\(indent)n\(index) [\(attributes.joined(separator: ", "))];\n"
        }
    }

    /// A box that stands for the frame around it.
    private func representative(of index: Int, _ isPreferred: (Int) -> Bool) -> Int {
        var index = index
        while vertices[index].holdsSteps {
            let inside = children(of: index)
            guard let next = inside.first(where: isPreferred) ?? inside.first else { break }
            index = next
        }
        return index
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

    var json: String {
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
                    if let parent = vertex.parent { writer.field("parent", vertices[parent].id) }
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
