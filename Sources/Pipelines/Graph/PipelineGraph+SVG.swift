import Diagnostics

// The graph as a picture of its own, for reports and for people without a renderer.
extension PipelineGraph {
    private static let boxHeight = 32
    /// A little more than a character of the font takes.
    private static let characterWidth = 8

    /// How much higher a frame is than what is in it, for its name.
    private static let titleHeight = 14

    /// The places of what is directly in one frame.
    private struct Level {
        var members: [Int]
        var edges: [Edge]
        var sizes: [LayeredLayout.Size]
        var layout: LayeredLayout
        var size: LayeredLayout.Size { .init(width: layout.width, height: layout.height + PipelineGraph.titleHeight) }
    }

    var svg: String {
        let labels = vertices.map { Self.cut($0.label) }
        var sorted: [Int?: [Edge]] = [:]
        for edge in edges { sorted[vertices[edge.from].parent, default: []].append(edge) }
        var levels: [Int?: Level] = [:]
        // What is inside a frame comes behind it, so that its size is known before.
        for index in vertices.indices.reversed() where vertices[index].holdsSteps {
            levels[index] = level(in: index, sorted, labels, levels)
        }
        let whole = level(in: nil, sorted, labels, levels)
        levels[nil] = whole
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(whole.layout.width)" height="\(whole.layout.height)" \
            viewBox="0 0 \(whole.layout.width) \(whole.layout.height)" font-family="ui-monospace, monospace" font-size="13" role="img">
            <title>\(Self.escaped(name))</title>
            <style>
            .box{fill:#f6f8fa;stroke:#57606a}.label{fill:#1f2328;text-anchor:middle;dominant-baseline:central}
            .edge{fill:none;stroke:#57606a;stroke-width:1.2}.order{stroke-dasharray:5 4}.optional{stroke-dasharray:2 3}
            .left{opacity:.4;stroke-dasharray:4 4}.title{fill:#1f2328;dominant-baseline:central;font-weight:600}
            .register{fill:#ddf4ff}.search{fill:#fff8c5}.pipeline{fill:#fbefff}.frame{fill-opacity:.45}
            @media (prefers-color-scheme: dark){.box{fill:#21262d;stroke:#8b949e}.label,.title{fill:#e6edf3}.edge{stroke:#8b949e}}
            </style>
            <defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
            <path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>

            """
        draw(nil, at: LayeredLayout.Point(x: 0, y: 0), levels, labels, to: &text)
        return text + "</svg>\n"
    }

    private func level(
        in parent: Int?, _ sorted: [Int?: [Edge]], _ labels: [String], _ levels: [Int?: Level]
    ) -> Level {
        let members = children(of: parent)
        let sizes = members.map { index in
            let own = labels[index].count * Self.characterWidth + 24
            guard let inside = levels[index]?.size else {
                return LayeredLayout.Size(width: own, height: Self.boxHeight)
            }
            return LayeredLayout.Size(width: max(own, inside.width), height: inside.height)
        }
        var places: [Int: Int] = [:]
        for (place, index) in members.enumerated() { places[index] = place }
        let edges = (sorted[parent] ?? []).compactMap { edge -> Edge? in
            guard let from = places[edge.from], let to = places[edge.to] else { return nil }
            return Edge(from: from, to: to, isOrderOnly: edge.isOrderOnly, isOptional: edge.isOptional)
        }
        return Level(
            members: members, edges: edges, sizes: sizes,
            layout: LayeredLayout(sizes: sizes, edges: edges.map { ($0.from, $0.to) }))
    }

    /// - Parameter origin: of the frame's inside; as deep as frames are in each other.
    private func draw(
        _ parent: Int?, at origin: LayeredLayout.Point, _ levels: [Int?: Level], _ labels: [String],
        to text: inout String
    ) {
        guard let level = levels[parent] else { return }
        for (index, edge) in level.edges.enumerated() {
            let kind = edge.isOptional ? " optional" : edge.isOrderOnly ? " order" : ""
            let path = path(of: edge, bends: level.layout.bends[index], level, origin)
            text += "<path class=\"edge\(kind)\" marker-end=\"url(#end)\" d=\"\(path)\"/>\n"
        }
        for (place, index) in level.members.enumerated() {
            let vertex = vertices[index]
            let size = level.sizes[place]
            let middle = LayeredLayout.Point(
                x: origin.x + level.layout.boxes[place].x, y: origin.y + level.layout.boxes[place].y)
            let top = middle.y - size.height / 2
            let kind = (vertex.isIncluded ? "" : " left") + (vertex.holdsSteps ? " frame" : "")
            text += "<g id=\"node-\(index)\"><title>\(Self.escaped(vertex.id))</title>"
            text += "<rect class=\"box \(vertex.action)\(kind)\" x=\"\(middle.x)\" y=\"\(top)\" "
            text += "width=\"\(size.width)\" height=\"\(size.height)\" rx=\"6\"/>"
            let label = Self.escaped(labels[index])
            if vertex.holdsSteps {
                text += "<text class=\"title\" x=\"\(middle.x + 12)\" y=\"\(top + 14)\">\(label)</text></g>\n"
                let inside = LayeredLayout.Point(x: middle.x, y: top + Self.titleHeight)
                draw(index, at: inside, levels, labels, to: &text)
            } else {
                text +=
                    "<text class=\"label\" x=\"\(middle.x + size.width / 2)\" y=\"\(middle.y)\">\(label)</text></g>\n"
            }
        }
    }

    private func path(
        of edge: Edge, bends: [LayeredLayout.Point], _ level: Level, _ origin: LayeredLayout.Point
    ) -> String {
        let layout = level.layout
        let start = layout.boxes[edge.from]
        var place = LayeredLayout.Point(x: start.x + level.sizes[edge.from].width, y: start.y)
        func shown(_ x: Int, _ y: Int) -> String { "\(origin.x + x) \(origin.y + y)" }
        var path = "M\(shown(place.x, place.y))"
        func curve(to next: LayeredLayout.Point) {
            let middle = (place.x + next.x) / 2
            path += "C\(shown(middle, place.y)) \(shown(middle, next.y)) \(shown(next.x, next.y))"
            place = next
        }
        for bend in bends {
            curve(to: bend)
            // Straight through the column, as long as its boxes are.
            let column = layout.columnWidths[layout.column(at: bend.x)]
            path += "H\(origin.x + bend.x + column)"
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
