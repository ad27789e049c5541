import Diagnostics
import Documents
import Glibc
import TestSupport
import Testing

/// The tree a YAML text is read as.
func node(_ text: String) throws -> YAMLNode {
    try #require(try YAMLDocument(parsing: Array(text.utf8), file: "MLproject").root)
}

/// The error a YAML document is refused with.
func refusal(_ bytes: [UInt8]) throws -> Diagnostic {
    let error = #expect(throws: InvalidInput.self) { try YAMLDocument(parsing: bytes, file: "MLproject") }
    return try #require(error?.diagnostics.first)
}

func refusal(_ text: String) throws -> Diagnostic { try refusal(Array(text.utf8)) }

@Suite struct `YAML trees` {
    @Test func `nodes know where they stand`() throws {
        let root = try node("name: demo\nentry_points:\n  main:\n    command: 'true'\n")
        let main = try #require(root["entry_points"]?.pair("main"))
        #expect(main.key.location == SourceLocation(file: "MLproject", line: 3, column: 3))
        #expect(main.value["command"]?.location == SourceLocation(file: "MLproject", line: 4, column: 14))
        #expect(root["name"]?.text == "demo")
    }

    @Test func `a byte-order mark and CRLF line ends are no matter`() throws {
        let root = try node("\u{FEFF}a: 1\r\nb: |\r\n  x\r\n  y\r\n")
        #expect(root["a"]?.text == "1")
        #expect(root["b"]?.text == "x\ny\n")
        #expect(root["b"]?.location.line == 2)
    }

    @Test(arguments: ["", "# nothing\n", "\n\n"]) func `a file without content has no root`(text: String) throws {
        #expect(try YAMLDocument(parsing: Array(text.utf8), file: "f").root == nil)
    }

    @Test func `merge keys give way to own keys and keep precedence`() throws {
        let root = try node("base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\nm: {<<: [*b, *o], x: 0}\n")
        let merged = try #require(root["m"]?.mapping).map { "\($0.key.text ?? "")=\($0.value.text ?? "")" }
        #expect(Set(merged) == ["x=0", "y=2", "z=4"])
    }

    @Test func `Y-07 of equal keys the last one stands, with a warning that names both places`() throws {
        let document = try YAMLDocument(parsing: Array("a: 1\nb: 2\na: 3\n'0x1': x\n".utf8), file: "MLproject")
        #expect(document.root?["a"]?.text == "3")
        let warning = try #require(document.warnings.first)
        #expect(document.warnings.count == 1)
        #expect(warning.code == "duplicate-key")
        #expect(warning.description.contains("MLproject:3:1: warning: 'a'"))
        #expect(warning.message.contains("line 1"))
    }

    @Test func `an anchor may be given anew, and the latest counts`() throws {
        let root = try node("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")
        #expect(root["b"]?.text == "1")
        #expect(root["d"]?.text == "2")
    }
}

@Suite struct `YAML refusals` {
    @Test(
        arguments: [
            ("a: [1, 2", 1), ("a: b: c", 1), ("a: 1\n\tb: 2", 2), ("a: *missing", 1), ("a: 1\n---\nb: 2", 2),
            ("? [a]\n: 1", 1),
            ("a: \"x", 1), ("a: {b: 1\nc: 2", 2), ("<<: 5", 1),
        ]) func `Y-06 broken documents are errors with a line`(text: String, line: Int) throws
    {
        let error = try refusal(text)
        #expect(error.location?.file == "MLproject")
        #expect(try #require(error.location?.line) >= line)
        #expect(error.location?.column != nil)
    }

    @Test func `a tab as indentation says so`() throws {
        #expect(try refusal("a:\n  b: 1\n\tc: 2\n").description.contains("spaces"))
    }

    @Test(arguments: [
        "!!python/object/apply:os.system ['touch x']", "!!python/name:os.system x", "!foo bar", "!!binary aGk=",
        "!<tag:x,2020:y> z",
        "!!set {a, b}", "!!map [1]", "!!seq {a: 1}", "!!str [1]", "!!python/tuple [1]",
    ]) func `Y-04 tags outside the core are errors, never actions`(value: String) throws {
        let error = try refusal("a: 1\nb: \(value)\n")
        #expect(error.location?.line == 2)
        #expect(error.message.contains("tag"))
    }

    @Test(
        arguments: [
            [0x61, 0x3A, 0x00, 0x0A], [0x61, 0x3A, 0x20, 0xFF, 0x0A], [0xFF, 0xFE, 0x61, 0x00],
            [0xFE, 0xFF, 0x00, 0x61], [0xC3],
            [0x61, 0x3A, 0x20, 0xED, 0xA0, 0x80], [0x61, 0x3A, 0x20, 0xC0, 0x80], [0x61, 0x00, 0x3A, 0x00],
            [0x61, 0x3A, 0x20, 0x07],
        ] as [[UInt8]]) func `Y-05 NUL, invalid UTF-8 and UTF-16 are errors that name the file`(bytes: [UInt8]) throws
    {
        #expect(try refusal(bytes).location?.file == "MLproject")
    }

    @Test func `Y-05 the place of a wrong byte is named`() throws {
        let error = try refusal(Array("a: é\nb: ".utf8) + [0xFF])
        #expect(error.location == SourceLocation(file: "MLproject", line: 2, column: 4))
        #expect(try refusal("a: é\nb: \"\\0\"").location?.line == 2)
    }
}

@Suite struct `YAML limits` {
    @Test(.timeLimit(.minutes(10))) func `Y-01 alias bombs are refused in less than a second`() throws {
        let width = 10
        var laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...11 {
            let aliases = Array(repeating: "*a\(level - 1)", count: width).joined(separator: ", ")
            laughs += "a\(level): &a\(level) [\(aliases)]\n"
        }
        var doubling = "a0: &a0 {k: v}\n"
        for level in 1...30 { doubling += "a\(level): &a\(level) {l: *a\(level - 1), r: *a\(level - 1)}\n" }
        for bomb in [laughs, doubling] {
            let start = ProcessorTime.now
            #expect(try refusal(bomb).message.contains("100000 values"))
            #expect(start.elapsed < .aSecondOfTheReleasedProgram)
        }
    }

    @Test(.timeLimit(.minutes(10))) func `Y-02 deep nesting is an error with a line, not a stack overflow`() throws {
        let cases = [
            "a: " + String(repeating: "[", count: 100_000),
            "a: " + String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000),
            String(repeating: "{a: ", count: 20_000),
            String(repeating: "- ", count: 100_000) + "x",
            String(repeating: "? ", count: 20_000) + "x",
            (0..<1_000).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
                + String(repeating: " ", count: 1_000) + "x",
            "a:\n  - &x [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n  - [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        ]
        for text in cases {
            let start = ProcessorTime.now
            let error = try refusal(text)
            #expect(error.message.contains("nested deeper"))
            #expect(error.location?.line != nil)
            #expect(start.elapsed < .aSecondOfTheReleasedProgram)
        }
    }

    @Test(arguments: ["a: &x [1, *x]", "&x {a: *x}", "a: &x {<<: *x}"])
    func `Y-02 an alias inside its own value is refused`(text: String) throws {
        #expect(try refusal(text).message.contains("contain itself"))
    }

    @Test(.timeLimit(.minutes(10))) func `Y-02 a merge-key bomb is refused in less than a second`() throws {
        var text = "a0: &a0 {\((0..<50).map { "k\($0): v" }.joined(separator: ", "))}\n"
        for level in 1...30 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 20).joined(separator: ", ")
            text += "a\(level): &a\(level) {<<: [\(aliases)], n\(level): 1}\n"
        }
        let start = ProcessorTime.now
        #expect(try refusal(text).message.contains("values"))
        #expect(start.elapsed < .aSecondOfTheReleasedProgram)
    }

    @Test func `Y-09 a file over the limit is refused by its size`() throws {
        let error = try refusal([UInt8](repeating: 0x20, count: 60 << 20))
        #expect(error.message.contains("1048576"))
    }

    @Test(.timeLimit(.minutes(10))) func `Y-09 a file of many values is read in bounded time`() throws {
        let text = (0..<20_000).map { "p\($0): {type: float}\n" }.joined()
        let start = ProcessorTime.now
        #expect(try node(text).mapping?.count == 20_000)
        #expect(start.elapsed < .seconds(50))
        #expect(try refusal((0..<50_000).map { "p\($0): [1]\n" }.joined()).message.contains("values"))
    }

    @Test(.timeLimit(.minutes(10))) func `random bytes never trap`() {
        var generator = SeededGenerator(seed: 11)
        let alphabet = Array("ab:-?[]{},&*!|>'\"%@`# \n\t<~01.\\xé\u{FEFF}".utf8) + [0xFF, 0x80, 0x00]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            if let root = try? YAMLDocument(parsing: bytes, file: "f").root { _ = try? root.value().pythonText }
            _ = try? JSONDocument(parsing: bytes, file: "f")
        }
    }
}

/// Processor time of this thread: what a test may cost must not depend on what else the machine does.
struct ProcessorTime {
    private let time: Duration

    static var now: ProcessorTime {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return ProcessorTime(time: .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec))
    }

    var elapsed: Duration { Self.now.time - time }
}

extension Duration {
    /// The program of the tests is built without optimisation, and machines differ; what is not linear would take hours.
    fileprivate static let aSecondOfTheReleasedProgram = Duration.seconds(10)
}
