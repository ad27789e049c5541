import Diagnostics
import Documents
import JSON
import Pipelines
import Testing

@Suite struct GraphTests {
    private static let text = """
        name: g
        steps:
          load: {command: x, outputs: {d: d}}
          train: {command: x, matrix: {fold: [1, 2, 3]}, params: {d: "${{ steps.load.outputs.d }}"}, outputs: {m: m}}
          eval: {command: x, matrix: {fold: [1, 2, 3]}, params: {m: "${{ steps.train[matrix].outputs.m }}"}}
          find: {search: {filter: "tags.a = 'b'"}}
          report: {command: x, needs: [eval], when: "(steps.find.best.metrics.m ?? 1.0) > 0.5"}
        """

    private func graph(isExpanded: Bool = false) throws -> PipelineGraph {
        try PipelineGraph(try PipelineFixture(Self.text).plan(), isExpanded: isExpanded)
    }

    @Test func `a fan-out is one box, with the number of its cells`() throws {
        let graph = try graph()
        #expect(graph.vertices.map(\.label) == ["load", "train ×3", "eval ×3", "find", "report"])
        #expect(graph.edges.map { [$0.from, $0.to] } == [[0, 1], [1, 2], [2, 4], [3, 4]])
        #expect(graph.edges.map(\.isOrderOnly) == [false, false, true, false])
        #expect(graph.edges.map(\.isOptional) == [false, false, false, true])
    }

    @Test func `expanded, each cell is a box, and matching cells are joined one to one`() throws {
        let graph = try graph(isExpanded: true)
        #expect(graph.vertices.count == 9)
        let names = graph.edges.map { "\(graph.vertices[$0.from].id) \(graph.vertices[$0.to].id)" }
        #expect(names.contains("train[fold=2] eval[fold=2]") && !names.contains("train[fold=1] eval[fold=2]"))
        #expect(names.count { $0.hasSuffix(" report") } == 4)
    }

    @Test func `mermaid and dot have every box and every arrow`() throws {
        let graph = try graph()
        #expect(
            graph.text(as: .mermaid) == """
                flowchart LR
                  n0["load"]
                  n1["train ×3"]
                  n2["eval ×3"]
                  n3{{"find"}}
                  n4["report"]
                  n0 --> n1
                  n1 --> n2
                  n2 -.-> n4
                  n3 -.-> n4

                """)
        let dot = graph.text(as: .dot)
        #expect(
            dot.hasPrefix("digraph \"g\" {") && dot.contains("n1 [label=\"train ×3\"];")
                && dot.contains("n2 -> n4 [style=dashed];"))
    }

    @Test func `JSON and SVG are well formed, also with odd cell names`() throws {
        let plan = try PipelineFixture("steps:\n  s: {command: x, matrix: {v: ['<&\"]', \"a\\nb\", x]}}").plan()
        let graph = try PipelineGraph(plan, isExpanded: true)
        guard case .object(let object)? = try JSONReader.read(Array(graph.text(as: .json).utf8).span) else {
            Issue.record("no object")
            return
        }
        #expect(object.members.map(\.name) == ["name", "nodes", "edges"])
        let svg = graph.text(as: .svg)
        #expect(svg.hasPrefix("<svg ") && svg.contains("&lt;&amp;") && !svg.contains("<&"))
        #expect(svg.count { $0 == "<" } == svg.count { $0 == ">" })
    }

    @Test func `boxes of the picture do not cover each other`() throws {
        let svg = try graph(isExpanded: true).text(as: .svg)
        let boxes = self.boxes(in: svg)
        #expect(boxes.count == 9)
        for (index, one) in boxes.enumerated() {
            for other in boxes.dropFirst(index + 1) { #expect(!one.covers(other)) }
        }
    }

    // MARK: Frames

    /// `part` is a pipeline of three steps of which the last is a pipeline too.
    private func nested(isExpanded: Bool = false) throws -> PipelineGraph {
        let innermost = try PipelineFixture("steps:\n  x: {command: x}\n  y: {command: x, needs: [x]}").plan()
        let inner = try PipelineFixture(
            "steps:\n  a: {command: x}\n  b: {command: x}\n  c: {pipeline: other.yaml, needs: [a, b]}"
        ).plan()
        let outer = try PipelineFixture(
            """
            name: outer
            steps:
              first: {command: x}
              part: {pipeline: inner.yaml, matrix: {i: [1, 2]}, needs: [first]}
              last: {command: x, needs: [part]}
            """
        ).plan()
        return try PipelineGraph(outer, isExpanded: isExpanded) { path, _ in
            path.hasSuffix("/c") ? innermost : inner
        }
    }

    @Test func `nested pipelines are frames, in each language`() throws {
        let graph = try nested()
        #expect(
            graph.vertices.map(\.id) == [
                "first", "part", "part/a", "part/b", "part/c", "part/c/x", "part/c/y", "last",
            ])
        #expect(graph.vertices.map(\.parent) == [nil, nil, 1, 1, 1, 4, 4, nil])
        #expect(
            graph.text(as: .mermaid) == """
                flowchart LR
                  n0["first"]
                  subgraph n1["part ×2"]
                    n2["a"]
                    n3["b"]
                    subgraph n4["c"]
                      n5["x"]
                      n6["y"]
                    end
                  end
                  n7["last"]
                  n5 -.-> n6
                  n2 -.-> n4
                  n3 -.-> n4
                  n0 -.-> n1
                  n1 -.-> n7

                """)
        let dot = graph.text(as: .dot)
        #expect(dot.contains("compound=true") && dot.contains("subgraph cluster_n4 {"))
        // From the frame's last box, and to its first one.
        #expect(dot.contains("n0 -> n2 [style=dashed, lhead=cluster_n1];"), "\(dot)")
        #expect(dot.contains("n6 -> n7 [style=dashed, ltail=cluster_n1];"), "\(dot)")
        #expect(graph.text(as: .json).contains("\"parent\":\"part/c\""))
        let cells = try nested(isExpanded: true).vertices.map(\.id)
        #expect(cells.contains("part[i=2]/c/x") && cells.count == 1 + 2 * 6 + 1)
    }

    @Test func `boxes of a frame are inside of it, and nothing else is`() throws {
        let graph = try nested(isExpanded: true)
        let boxes = self.boxes(in: graph.text(as: .svg))
        #expect(boxes.count == graph.vertices.count)
        for (index, box) in boxes.enumerated() {
            let one = graph.vertices[box.vertex]
            if let parent = one.parent, let frame = boxes.first(where: { $0.vertex == parent }) {
                #expect(frame.x < box.x && box.x + box.width < frame.x + frame.width, "\(one.id)")
                #expect(frame.y < box.y && box.y + box.height < frame.y + frame.height, "\(one.id)")
            }
            for other in boxes.dropFirst(index + 1) where graph.vertices[other.vertex].parent == one.parent {
                #expect(!box.covers(other), "\(one.id) \(graph.vertices[other.vertex].id)")
            }
        }
    }

    private struct Box {
        var vertex: Int
        var x: Int
        var y: Int
        var width: Int
        var height: Int

        func covers(_ other: Box) -> Bool {
            x + width > other.x && other.x + other.width > x && y + height > other.y && other.y + other.height > y
        }
    }

    private func boxes(in svg: String) -> [Box] {
        svg.split(separator: "<g id=\"node-").dropFirst().map { piece in
            func number(_ name: String) -> Int {
                piece.split(separator: " \(name)=\"").dropFirst().first.flatMap { Int($0.prefix { $0 != "\"" }) } ?? -1
            }
            return Box(
                vertex: Int(piece.prefix { $0 != "\"" }) ?? -1, x: number("x"), y: number("y"),
                width: number("width"), height: number("height"))
        }
    }

    @Test func `more arrows than anybody could see are refused`() throws {
        let plan = try PipelineFixture(
            "steps:\n  a: {command: x, matrix: {v: '${{ range(1000) }}'}}\n  b: {command: x, needs: [a], matrix: {v: '${{ range(1000) }}'}}"
        ).plan()
        #expect(throws: InvalidInput.self) { try PipelineGraph(plan, isExpanded: true) }
        #expect(try PipelineGraph(plan).vertices.count == 2)
    }
}
