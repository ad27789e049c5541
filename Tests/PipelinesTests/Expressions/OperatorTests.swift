import Diagnostics
import Pipelines
import Testing

@Suite struct `Operators` {
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var value: Value

        init(_ text: String, _ value: Value) {
            self.text = text
            self.value = value
        }

        var testDescription: String { text }
    }

    static let scope: [String: Value] = [
        "params.n": .int(7), "params.x": .float(0.5), "params.s": .string("abc"),
        "params.l": .list([.int(1), .int(2)]),
        "params.t": .bool(true), "params.null": .null, "params[\"learning-rate\"]": .float(0.1), "attempt": .int(2),
        "steps.a.metrics.rmse": .float(0.7), "steps.a.metrics[\"val/rmse\"]": .float(0.8),
        "steps.my-step.outputs.model": .artifact(ArtifactReference(uri: "runs:/1/model")),
        "steps.cv.top[1].metrics.auc": .float(0.9), "steps.cv[matrix].run_id": .string("r"),
        "steps.cv.all.metrics.auc": .list([.float(0.5), .null, .float(1)]), "steps.cv.best.params.arch": .string("mlp"),
    ]

    static let cases: [Case] = [
        Case("1 + 2 * 3", .int(7)), Case("(1 + 2) * 3", .int(9)), Case("2 - 3 - 4", .int(-5)),
        Case("8 / 4 / 2", .float(1)),
        Case("7 // 2", .int(3)), Case("-7 // 2", .int(-4)), Case("7 % -3", .int(-2)), Case("-7 % 3", .int(2)),
        Case("7.5 // 2", .float(3)), Case("-7.5 % 2", .float(0.5)), Case("1 / 2", .float(0.5)),
        Case("-2 * -3", .int(6)),
        Case("-9223372036854775808", .int(.min)), Case("9223372036854775807", .int(.max)), Case("010", .int(10)),
        Case("1e-4", .float(0.0001)), Case("1e3", .float(1000)), Case("2.50", .float(2.5)),
        Case("'a' + \"b\"", .string("ab")),
        Case("[1] + [2.5, 'x']", .list([.int(1), .float(2.5), .string("x")])),
        Case("1 == 1.0", .bool(true)), Case("9007199254740993 == 9007199254740992.0", .bool(false)),
        Case("9007199254740993 > 9007199254740992.0", .bool(true)),
        Case("9223372036854775807 < 9223372036854775808.0", .bool(true)),
        Case("'a' < 'b' and 'B' < 'a'", .bool(true)), Case("not true or true", .bool(true)),
        Case("not (true or true)", .bool(false)),
        Case("not 1 == 2", .bool(true)), Case("true or params.missing", .bool(true)),
        Case("false and params.missing", .bool(false)),
        Case("true or false and false", .bool(true)), Case("2 in [1, 2]", .bool(true)),
        Case("3 not in [1, 2]", .bool(true)),
        Case("'b' in 'abc'", .bool(true)), Case("'' in 'abc'", .bool(true)), Case("not 'z' in 'abc'", .bool(true)),
        Case("[1, [2, 3]][1][0]", .int(2)), Case("[1, 2, 3][-1]", .int(3)), Case("[1, 2] == [1, 2.0]", .bool(true)),
        Case("null == null", .bool(true)), Case("params.null == null", .bool(true)),
        Case("params.n != null", .bool(true)),
        Case("params.n + 1", .int(8)), Case("params.l[1]", .int(2)), Case("params[\"learning-rate\"]", .float(0.1)),
        Case("params['n']", .int(7)), Case("16 * attempt", .int(32)), Case("steps.a.metrics.rmse < 0.75", .bool(true)),
        Case("steps.a.metrics['val/rmse']", .float(0.8)), Case("steps['a'].metrics.rmse", .float(0.7)),
        Case("steps.my-step.outputs.model", .artifact(ArtifactReference(uri: "runs:/1/model"))),
        Case("steps.cv.top[1].metrics.auc", .float(0.9)), Case("steps.cv.top[attempt - 1].metrics.auc", .float(0.9)),
        Case("steps.cv[matrix].run_id", .string("r")), Case("steps.cv.all.metrics.auc[0]", .float(0.5)),
        Case("steps.cv.best.params.arch == 'mlp'", .bool(true)), Case("mean(steps.cv.all.metrics.auc)", .float(0.75)),
        Case("params.missing ?? 1", .int(1)), Case("params.null ?? 2", .int(2)), Case("params.n ?? 2", .int(7)),
        Case("params.missing ?? params.null ?? 3", .int(3)), Case("params.null ?? null", .null),
        Case("(params.missing + 1) ?? 5", .int(5)), Case("1 + params.missing ?? 5", .int(5)),
        Case("params.missing ?? 2 > 1", .bool(true)),
        Case("'\\n\\t\\\\\\'\\\"\\u00e9'", .string("\n\t\\'\"é")), Case("  1\n  +\t2 ", .int(3)),
        Case("'é' == 'e\\u0301'", .bool(false)),
    ]

    @Test(arguments: cases) func `an expression has its value`(example: Case) throws {
        #expect(try value(of: example.text, Self.scope) == example.value)
    }

    @Test(arguments: [
        ("1 / 0", "a division by zero"), ("1 // 0", "a division by zero"), ("1.0 % 0", "a division by zero"),
        ("9223372036854775807 + 1", "does not fit 64 bits"), ("-9223372036854775808 // -1", "does not fit 64 bits"),
        ("- (-9223372036854775807 - 1)", "does not fit 64 bits"), ("1e308 * 10", "too large for a float"),
        ("3037000500 * 3037000500", "does not fit 64 bits"), ("-9223372036854775808 - 1", "does not fit 64 bits"),
        ("1 == 'a'", "cannot be compared"), ("true < false", "has no order"), ("[1] < [2]", "has no order"),
        ("params.null < 1", "cannot be compared"),
        ("1 + 'a'", "cannot be done"), ("'a' * 2", "cannot be done"), ("true + 1", "cannot be done"),
        ("-'a'", "wants a number"),
        ("not 1", "wants true or false"), ("1 and true", "wants true or false"), ("[1, 2][2]", "there is no element 2"),
        ("[1][-2]", "there is no element -2"), ("[1]['a']", "an index is an integer"),
        ("'abc'[0]", "only a list has elements"),
        ("1 in 2", "cannot be looked for"), ("1 in ['a']", "cannot be compared"), ("params.null + 1", "cannot be done"),
        ("[][0] ?? 1", "there is no element 0"), ("(1 / 0) ?? 1", "a division by zero"),
    ]) func `an operation without a result is an error that says why`(text: String, words: String) throws {
        let error = try failure(of: text, Self.scope)
        #expect(error.kind == .failed)
        #expect(error.diagnostics.first?.message.contains(words) == true, "\(error)")
        #expect(error.diagnostics.first?.code == "P046")
    }

    @Test func `what is missing or skipped is told apart, and a fallback takes its place`() throws {
        let missing = try failure(of: "1 + steps.a.metrics.auc")
        #expect(missing.kind == .missing(ReferenceProblem("P045", "'steps.a.metrics.auc' is not there")))
        #expect(missing.diagnostics.first?.code == "P045")
        #expect(try failure(of: "len(steps.b.run_id)", skipped: ["b"]).kind == .skipped(step: "b"))
        let expression = try Expression(condition: "steps.b.run_id ?? steps.c.run_id ?? 'none'", at: nowhere)
        #expect(try expression.value(in: TableScope(skippedSteps: ["b", "c"])) == .string("none"))
        // The right side is not asked for when it is not needed, and its own absence counts when it is.
        #expect(try failure(of: "steps.b.run_id ?? steps.c.run_id", skipped: ["b", "c"]).kind == .skipped(step: "c"))
    }
}
