import Diagnostics

// The graph as a picture of its own, for reports and for people without a renderer.
extension PipelineGraph {
    private static let boxHeight = 32
    /// A little more than a character of the font takes.
    private static let characterWidth = 8

    var svg: String {
        let labels = vertices.map { Self.cut($0.label) }
        let widths = labels.map { $0.count * Self.characterWidth + 24 }
        let layout = LayeredLayout(widths: widths, edges: edges.map { ($0.from, $0.to) })
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(layout.width)" height="\(layout.height)" \
            viewBox="0 0 \(layout.width) \(layout.height)" font-family="ui-monospace, monospace" font-size="13" role="img">
            <title>\(Self.escaped(name))</title>
            <style>
            .box{fill:#f6f8fa;stroke:#57606a}.label{fill:#1f2328;text-anchor:middle;dominant-baseline:central}
            .edge{fill:none;stroke:#57606a;stroke-width:1.2}.order{stroke-dasharray:5 4}.optional{stroke-dasharray:2 3}
            .left{opacity:.4;stroke-dasharray:4 4}
            .register{fill:#ddf4ff}.search{fill:#fff8c5}.pipeline{fill:#fbefff}
            @media (prefers-color-scheme: dark){.box{fill:#21262d;stroke:#8b949e}.label{fill:#e6edf3}.edge{stroke:#8b949e}}
            </style>
            <defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
            <path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>

            """
        for (index, edge) in edges.enumerated() {
            let kind = edge.isOptional ? " optional" : edge.isOrderOnly ? " order" : ""
            text +=
                "<path class=\"edge\(kind)\" marker-end=\"url(#end)\" d=\"\(path(of: edge, bends: layout.bends[index], layout, widths))\"/>\n"
        }
        for (index, vertex) in vertices.enumerated() {
            let place = layout.boxes[index]
            let left = vertex.isIncluded ? "" : " left"
            text += "<g id=\"node-\(index)\"><title>\(Self.escaped(vertex.id))</title>"
            text +=
                "<rect class=\"box \(vertex.action)\(left)\" x=\"\(place.x)\" y=\"\(place.y - Self.boxHeight / 2)\" "
            text += "width=\"\(widths[index])\" height=\"\(Self.boxHeight)\" rx=\"6\"/>"
            text +=
                "<text class=\"label\" x=\"\(place.x + widths[index] / 2)\" y=\"\(place.y)\">\(Self.escaped(labels[index]))</text></g>\n"
        }
        return text + "</svg>\n"
    }

    private func path(
        of edge: Edge, bends: [LayeredLayout.Point], _ layout: LayeredLayout, _ widths: [Int]
    ) -> String {
        let start = layout.boxes[edge.from]
        var place = LayeredLayout.Point(x: start.x + widths[edge.from], y: start.y)
        var path = "M\(place.x) \(place.y)"
        func curve(to next: LayeredLayout.Point) {
            let middle = (place.x + next.x) / 2
            path += "C\(middle) \(place.y) \(middle) \(next.y) \(next.x) \(next.y)"
            place = next
        }
        for bend in bends {
            curve(to: bend)
            // Straight through the column, as long as its boxes are.
            let column = layout.columnWidths[layout.column(at: bend.x)]
            path += "H\(bend.x + column)"
            place.x = bend.x + column
        }
        curve(to: layout.boxes[edge.to])
        return path
    }

    private static func cut(_ label: String) -> String {
        let text = escapedForTerminal(label)
        return text.count <= 60 ? text : "\(text.prefix(59))…"
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in escapedForTerminal(text) {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}
