import Documents
import Pipelines
import Testing
import Tracking

@testable import PipelineViews
@testable import Scheduling

struct LiveTreeTests {
    @Test func `each step has a line that says what is known of it`() throws {
        var tree = try startedTree(
            """
            name: demo
            steps:
              load: {command: "true"}
              train: {command: "true", needs: [load]}
              check: {command: "true", needs: [train]}
              late: {command: "true", needs: [check]}
            """)
        tree.apply(.node(node("load", .cached) { $0.cachedFrom = "7f3a91c2aaaa" }))
        tree.apply(
            .node(
                node("train", .running) {
                    $0.startTime = 1_000
                    $0.attempt = 2
                }))
        tree.measure("train", step: "train", metric: Metric("loss", 0.83, timestamp: 1, step: 6))
        tree.apply(
            .node(
                node("check", .retrying) {
                    $0.attempt = 1
                    $0.dueAt = 76_000
                    $0.reason = "the command ended with exit code 3"
                }))
        #expect(
            tree.lines(width: 100, height: 20, at: 73_000, hasColour: false) == [
                "demo  run ffffffff  1m13s",
                "  = load   reused 7f3a91c2",
                "  ▶ train  1m12s  attempt 2   loss=0.83 (step 6)",
                "  ↻ check  attempt 1 failed, again in 3.0 s  the command ended with exit code 3",
                "  · late   waiting",
            ])
    }

    @Test func `a fan-out is one line with its counts`() throws {
        var tree = try startedTree(
            """
            name: demo
            steps:
              train: {command: "true", matrix: {n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}}
            """)
        for number in 1...8 { tree.apply(.node(cell(number, .waiting))) }
        for number in 1...8 { tree.apply(.node(cell(number, number > 6 ? .failed : .succeeded))) }
        for number in 9...10 { tree.apply(.node(cell(number, .running))) }
        #expect(
            tree.lines(width: 80, height: 20, at: 0, hasColour: false).last
                == "  ▶ train ×12  6 ✓  2 ✗  2 ▶  2 waiting  ")
    }

    @Test func `steps of a nested pipeline stand below the step that it is`() throws {
        var tree = try startedTree(
            """
            name: demo
            steps:
              prepare: {pipeline: inner.yaml}
              parts: {pipeline: inner.yaml, matrix: {n: [1, 2]}}
              late: {command: "true"}
            """)
        let inner = "name: inner\nsteps:\n  clean: {command: \"true\"}\n  split: {command: \"true\"}\n"
        for path in ["prepare", "parts[n=1]", "parts[n=2]"] {
            tree.apply(.nested(path, try started(inner)))
            tree.apply(
                .nested(
                    path,
                    .node(
                        node("clean", .succeeded) {
                            $0.startTime = 0
                            $0.endTime = 2_000
                        })))
        }
        tree.apply(.nested("prepare", .node(node("split", .running) { $0.startTime = 0 })))
        tree.apply(.node(node("late", .ready)))
        #expect(
            tree.lines(width: 80, height: 20, at: 3_000, hasColour: false) == [
                "demo  run ffffffff  3.0 s",
                "  · prepare     waiting",
                "  ✓   clean     2.0 s",
                "  ▶   split     3.0 s",
                "  · parts ×2    2 waiting  ",
                "  ▶   clean ×2  2 ✓  3.0 s",
                "  ·   split ×?  ",
                "  · late        waits for resources",
            ])

        // Once the step has ended whose pipelines they are in, they have too, as the worst of them did.
        tree.apply(.nested("parts[n=1]", .node(node("split", .failed))))
        tree.apply(.nested("parts[n=2]", .node(node("split", .succeeded))))
        tree.apply(
            .settled(
                StepStatus(
                    step: "parts", state: .failed, reason: nil, isFanOut: true, cells: 2, failedCells: 1, runID: nil,
                    best: nil, time: 4_000)))
        let lines = tree.lines(width: 80, height: 20, at: 9_000, hasColour: false)
        #expect(lines.contains("  ✓   clean ×2  2 ✓  4.0 s"), "\(lines)")
        #expect(lines.contains("  ✗   split ×2  1 ✓  1 ✗  "), "\(lines)")
    }

    @Test func `where not all steps fit, those that run and those that failed are shown, and the others counted`()
        throws
    {
        let steps = (0..<200).map { "  s\($0): {command: \"true\"}" }.joined(separator: "\n")
        var tree = try startedTree("name: demo\nsteps:\n\(steps)\n")
        tree.apply(.node(node("s150", .running) { $0.startTime = 0 }))
        tree.apply(.node(node("s199", .failed) { $0.reason = "no luck" }))
        for number in 0..<100 { tree.apply(.node(node("s\(number)", .succeeded))) }
        let lines = tree.lines(width: 60, height: 10, at: 0, hasColour: false)
        #expect(lines.count == 10)
        #expect(lines.contains { $0.contains("▶ s150") })
        #expect(lines.contains { $0.contains("✗ s199") && $0.contains("no luck") })
        #expect(lines.last?.hasPrefix("  … 98 waiting, 94 succeeded") == true, "\(lines)")
    }

    @Test(arguments: [10, 11, 12, 20, 33, 80], [1, 2, 5, 24])
    func `no line is wider than the terminal and no frame higher, whatever the texts`(width: Int, height: Int) throws {
        var tree = try startedTree("name: demo\nsteps:\n  a: {command: \"true\"}\n  b: {command: \"true\"}\n")
        for text in ["深層学習モデルの学習が失敗しました", "e\u{301}e\u{301}", "👩‍💻👩‍💻👩‍💻👩‍💻", "\u{1B}[2J\u{202E}", "x\ny"] {
            tree.apply(.node(node("a", .failed) { $0.reason = String(repeating: text, count: 40) }))
            let lines = tree.lines(width: width, height: height, at: 0, hasColour: false)
            #expect(lines.count <= max(height, 2))
            for line in lines {
                #expect(columns(of: line) <= width)
                #expect(!line.unicodeScalars.contains { $0.value < 32 || $0 == "\u{202E}" })
            }
        }
    }

    @Test func `colours are there only where they are wanted`() throws {
        var tree = try startedTree("name: demo\nsteps:\n  a: {command: \"true\"}\n")
        tree.apply(.node(node("a", .succeeded)))
        #expect(!tree.lines(width: 80, height: 5, at: 0, hasColour: false).joined().contains("\u{1B}"))
        #expect(tree.lines(width: 80, height: 5, at: 0, hasColour: true).joined().contains("\u{1B}[32m✓\u{1B}[0m"))
    }
}

struct ScreenPainterTests {
    @Test func `after any frames and any text between them, the screen shows the text and below it the last frame`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var painter = ScreenPainter()
            var screen = Screen()
            var passed: [String] = []
            var last: [String] = []
            for step in 0..<20 {
                if Int.random(in: 0..<4, using: &random) == 0 {
                    let lines = (0..<Int.random(in: 1...3, using: &random)).map { "passing \(step) \($0)" }
                    passed += lines
                    screen.take(painter.insert(lines.map { $0 + "\n" }.joined(), width: 40))
                } else {
                    last = (0..<Int.random(in: 1...6, using: &random)).map { row in
                        "row \(row) " + String(repeating: "x", count: Int.random(in: 0...20, using: &random))
                    }
                    screen.take(painter.frame(last, width: 40))
                }
                #expect(screen.text == passed + last)
            }
            screen.take(painter.end() + "after")
            #expect(screen.text == passed + (last.isEmpty ? [] : last) + ["after"])
        }
    }

    @Test func `a frame that changes nothing writes nothing, and one line that changes writes that line`() {
        var painter = ScreenPainter()
        _ = painter.frame(["one", "two", "three"], width: 80)
        #expect(painter.frame(["one", "two", "three"], width: 80) == "")
        let change = painter.frame(["one", "TWO", "three"], width: 80)
        #expect(change.contains("TWO") && !change.contains("one") && !change.contains("three"))
    }
}

/// As much of a terminal as the painter uses.
private struct Screen {
    private var rows: [[Character]] = [[]]
    private var row = 0
    private var column = 0

    var text: [String] {
        var lines = rows.map { String($0) }
        while lines.last == "" { lines.removeLast() }
        return lines
    }

    mutating func take(_ text: String) {
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\r": column = 0
            case "\n":
                row += 1
                if row == rows.count { rows.append([]) }
            case "\u{1B}":
                rest.removeFirst()
                let digits = rest.prefix { ("0"..."9").contains(Character($0)) }
                rest = rest.dropFirst(digits.count)
                let number = Int(String(String.UnicodeScalarView(digits))) ?? 1
                switch rest.removeFirst() {
                case "A": row = max(0, row - number)
                case "K": rows[row].removeSubrange(min(column, rows[row].count)...)
                case "J":
                    rows[row].removeSubrange(min(column, rows[row].count)...)
                    rows.removeSubrange((row + 1)...)
                default: break
                }
            default:
                if column < rows[row].count {
                    rows[row][column] = Character(scalar)
                } else {
                    rows[row].append(Character(scalar))
                }
                column += 1
            }
        }
    }
}

private func startedTree(_ text: String) throws -> LiveTree {
    var tree = LiveTree()
    tree.apply(try started(text))
    return tree
}

private func started(_ text: String) throws -> PipelineEvent {
    let source = Array(text.utf8)
    let (pipeline, findings) = Pipeline.read(source, file: "pipeline.yaml")
    let made = Plan.make(
        try #require(pipeline, "\(findings)"), source: source, request: PlanRequest(), surroundings: PlanSurroundings())
    let run = RunInfo(
        runID: String(repeating: "f", count: 32), runName: "demo", experimentID: "0", userID: "me", status: .running,
        startTime: 0, artifactURI: "file:///x")
    return .started(try #require(made.plan, "\(made.findings)"), run, epoch: 1, experiment: "Default")
}

private func node(_ id: String, _ state: NodeState, _ change: (inout NodeStatus) -> Void = { _ in }) -> NodeStatus {
    var node = NodeStatus(id: id, step: id, isCell: false, state: state, time: 0, attempt: 1)
    change(&node)
    return node
}

private func cell(_ number: Int, _ state: NodeState) -> NodeStatus {
    var node = node("train[n=\(number)]", state)
    node.step = "train"
    node.isCell = true
    return node
}
