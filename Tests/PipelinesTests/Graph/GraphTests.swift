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
        var boxes: [(x: Int, y: Int, width: Int, height: Int)] = []
        for piece in svg.split(separator: "<rect ").dropFirst() {
            func number(_ name: String) -> Int {
                piece.split(separator: " \(name)=\"").dropFirst().first.flatMap { Int($0.prefix { $0 != "\"" }) } ?? -1
            }
            boxes.append((number("x"), number("y"), number("width"), number("height")))
        }
        #expect(boxes.count == 9)
        for (index, one) in boxes.enumerated() {
            for other in boxes.dropFirst(index + 1) {
                #expect(
                    one.x + one.width <= other.x || other.x + other.width <= one.x || one.y + one.height <= other.y
                        || other.y + other.height <= one.y)
            }
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
