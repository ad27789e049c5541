import Diagnostics
import Pipelines
import TestSupport
import Testing

@Suite struct `Random expressions` {
    static let pieces = [
        "1", "0", "-", "--", "+", "*", "/", "//", "%", "(", ")", "[", "]", ",", ".", "..", "==", "=", "!=", "<", "<=",
        "??", "?", "and",
        "or", "not", "in", "not in", "true", "false", "null", "'a'", "\"b\"", "'", "\"", "\\", "1e9", "1e999", "1.5",
        "9223372036854775808",
        "99999999999999999999", "params.x", "params", "params['x']", "steps.s.metrics.m", "steps.s", "steps",
        "steps.s.top[0].run_id",
        "steps.s.all.outputs.o", "steps.s[matrix].run_id", "matrix.m", "attempt", "outputs.o", "run.run_id",
        "pipeline.name", "secrets.S",
        "min(", "max(", "sum(", "range(", "range(9)", "range(1000000000)", "len(", "sorted(", "json(",
        "from_json('[1]')", "from_json(", "join(",
        "matches('a', 'a*')", "matches(", "format('{}', 1)", "format(", "if(", "if(true,1,2)", "round(", "path('x')",
        "str(", "int(", "${{", "}}", "{", "}",
        "\u{0}", "é", "👍", "\n", "\t", "#", "@", "x", "foo(", "$",
    ]

    @Test(.timeLimit(.minutes(10)))
    func `no text makes the reader, the checker or the evaluation fail otherwise than with findings`() {
        var random = SeededGenerator(seed: 4)
        let scope = TableScope(values: [
            "params.x": .float(.nan), "steps.s.metrics.m": .null, "attempt": .int(.max),
            "matrix.m": .list([.int(1), .string("a")]),
        ])
        let types = TableTypes(types: ["params.x": .float, "attempt": .int])
        var read = 0
        var evaluated = 0
        for _ in 0..<30_000 {
            var text = ""
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                text += (Self.pieces.randomElement(using: &random) ?? "") + (random.next() % 3 == 0 ? " " : "")
            }
            do {
                let expression = try Expression(condition: text, at: nowhere)
                read += 1
                var findings: [Diagnostic] = []
                let type = expression.check(in: types, reporting: &findings)
                let value = try expression.value(in: scope)
                evaluated += 1
                // A type that is told before the start is the one the value has.
                if findings.isEmpty, value != .null {
                    #expect(value.type.mayBe(type) || type.mayBe(value.type), "\(text) \(type) \(value)")
                }
            } catch let error as any ExplainedError {
                #expect(!error.diagnostics.isEmpty)
            } catch {
                Issue.record("\(error)")
            }
            _ = try? Template(parsing: "a ${{ \(text) }} b \\${{ ${{ 1 }}", at: nowhere)
        }
        #expect(read > 300 && evaluated > 100)
    }

    @Test(.timeLimit(.minutes(10))) func `no depth and no length reaches the stack`() throws {
        for text in [
            String(repeating: "(", count: 5000),
            String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000),
            String(repeating: "[", count: 5000), String(repeating: "not ", count: 4000) + "true",
            String(repeating: "abs(", count: 4000),
            "x" + String(repeating: "[0]", count: 5000), "params.x" + String(repeating: "[0]", count: 5000),
            String(repeating: "1 + ", count: 6000) + "1",
        ] {
            #expect(throws: InvalidInput.self) { try Expression(condition: text, at: nowhere) }
        }
        #expect(try value(of: String(repeating: "1 + ", count: 3000) + "1") == .int(3001))
        #expect(try value(of: String(repeating: "true and ", count: 1500) + "false") == .bool(false))
        #expect(try value(of: String(repeating: "(", count: 60) + "1" + String(repeating: ")", count: 60)) == .int(1))
        #expect(try value(of: String(repeating: "null ?? ", count: 1500) + "2") == .int(2))
    }

    @Test(.timeLimit(.minutes(10))) func `W-08 a pattern that is slow elsewhere is quick here`() throws {
        let many = String(repeating: "a", count: 3000)
        #expect(try value(of: "matches(params.s, '^(a+)+$')", ["params.s": .string(many + "b")]) == .bool(false))
        #expect(try value(of: "matches(params.s, '(a|a)*(a|a)*c')", ["params.s": .string(many)]) == .bool(false))
        #expect(throws: EvaluationError.self) {
            try value(of: "matches(params.s, 'a{900}b')", ["params.s": .string(String(repeating: many, count: 100))])
        }
    }
}
