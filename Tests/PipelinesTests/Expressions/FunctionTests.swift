import Diagnostics
import Pipelines
import Testing

@Suite struct `Functions` {
    typealias Case = `Operators`.Case

    static let model = Value.artifact(ArtifactReference(uri: "runs:/abc/models/als"))

    static let cases: [Case] = [
        Case("min(3, 1, 2)", .int(1)), Case("max([1, 2.5])", .float(2.5)), Case("max('a', 'b')", .string("b")),
        Case("min([1, null, 0])", .int(0)),
        Case("sum([1, 2])", .int(3)), Case("sum([])", .int(0)), Case("sum([0.1, 0.2, 0.3, 1])", .float(1.6)),
        Case("mean([1, 2])", .float(1.5)),
        Case("mean([1, null, 3])", .float(2)), Case("median([3, 1, 2])", .float(2)),
        Case("median([1, 2, 3, 4])", .float(2.5)),
        Case("count([1, null])", .int(1)), Case("len([1, null])", .int(2)), Case("len('añ👍')", .int(3)),
        Case("sorted([3, 1.5, 2])", .list([.float(1.5), .int(2), .int(3)])),
        Case("sorted(['b', 'a', 'B'])", .list([.string("B"), .string("a"), .string("b")])),
        Case("round(2.5)", .int(2)), Case("round(3.5)", .int(4)), Case("round(-0.5)", .int(0)),
        Case("round(2.675, 2)", .float(2.67)), Case("round(1.005, 2)", .float(1.0)),
        Case("round(7, 2)", .int(7)), Case("abs(-3)", .int(3)), Case("abs(-0.5)", .float(0.5)),
        Case("int(true)", .int(1)), Case("float('1e-4')", .float(0.0001)), Case("float(2)", .float(2)),
        Case("float('-inf') < 0", .bool(true)), Case("str(1.0)", .string("1.0")), Case("str(1e-5)", .string("1e-05")),
        Case("str(0.1 + 0.2)", .string("0.30000000000000004")), Case("str(true)", .string("true")),
        Case("str([1, 'a', null])", .string("[1, \"a\", null]")),
        Case("json('a\"b')", .string("\"a\\\"b\"")),
        Case("json([1, 2.0, null, false])", .string("[1, 2.0, null, false]")),
        Case(
            "from_json('[1, 2.5, \"x\", null, true]')", .list([.int(1), .float(2.5), .string("x"), .null, .bool(true)])),
        Case("from_json(json([0.1, [1]]))[1][0]", .int(1)),
        Case("basename('a/b/c.txt')", .string("c.txt")), Case("basename('s3://b/p/x.csv?v=1')", .string("x.csv")),
        Case("basename('a/b/')", .string("b")), Case("basename(params.model)", .string("als")),
        Case("basename('plain')", .string("plain")), Case("basename('/')", .string("/")),
        Case("join(['a', 1, 2.5], '-')", .string("a-1-2.5")), Case("join([], ',')", .string("")),
        Case("range(3)", .list([.int(0), .int(1), .int(2)])), Case("range(2, 8, 3)", .list([.int(2), .int(5)])),
        Case("range(3, 0, -1)", .list([.int(3), .int(2), .int(1)])), Case("range(5, 1)", .list([])),
        Case("range(9223372036854775806, 9223372036854775807, 5)", .list([.int(.max - 1)])),
        Case(
            "range(-9223372036854775808, 9223372036854775807, 9223372036854775807)",
            .list([.int(.min), .int(-1), .int(.max - 1)])),
        Case("contains([1, 2], 2)", .bool(true)), Case("contains('abc', 'bc')", .bool(true)),
        Case("starts_with('abc', 'ab')", .bool(true)), Case("ends_with('abc', 'bc')", .bool(true)),
        Case("ends_with('c', 'abc')", .bool(false)),
        Case("matches('model-12.bin', '^model-\\\\d+\\\\.bin$')", .bool(true)),
        Case("matches('xyz', 'a|y')", .bool(true)),
        Case("format('{}-{:.2f}-{0}', 'a', 1.234)", .string("a-1.23-a")),
        Case("format('{{{:03d}}}', 7)", .string("{007}")),
        Case("if(1 < 2, 'a', params.missing)", .string("a")), Case("if(false, 1 / 0, 2)", .int(2)),
        Case("path('data.csv')", .artifact(ArtifactReference(uri: "data.csv", form: .path))),
        Case("uri(params.model)", .artifact(ArtifactReference(uri: "runs:/abc/models/als", form: .uri))),
        Case("str(path('x'))", .string("x")),
    ]

    @Test(arguments: cases) func `a function has its value`(example: Case) throws {
        #expect(try value(of: example.text, ["params.model": Self.model]) == example.value)
    }

    @Test(arguments: [
        "min([])", "mean([])", "mean([null])", "median([])", "min([1, 'a'])", "min(1)", "sum(['a'])", "sum(3)",
        "sum([9223372036854775807, 1])", "sum([1e308, 1e308])",
        "sorted([1, 'a'])", "sorted([float('nan')])", "sorted([true])", "round('a')", "round(1e300)",
        "round(float('nan'))", "round(1.5, 16)", "round(1.5, 0.5)",
        "abs(-9223372036854775808)", "int('1.5')", "int('')", "int('0x10')", "int('99999999999999999999')", "int(1e19)",
        "int([1])", "float('0x1p3')", "float('')", "float('.')", "float('1e999')",
        "str(null)", "from_json('{\"a\": 1}')", "from_json('')", "from_json('[1')", "from_json(1)", "join([null], ',')",
        "join('a', ',')", "join([1], 1)",
        "range(1000000000)", "range(-9223372036854775808, 9223372036854775807)", "range(1, 2, 0)", "range(1.5)",
        "contains(1, 2)", "starts_with(1, '1')", "matches('a', '(')", "matches('a', 1)", "format('{}')",
        "format('{:.2f}', 'a')", "format('{', 1)", "format('{}', null)",
        "basename(1)", "path(1)", "if(1, 2, 3)", "len(5)",
    ]) func `a function that is given what it cannot use is an error`(text: String) throws {
        #expect(try failure(of: text).kind == .failed)
    }

    @Test func `W-05 no result grows without limit`() throws {
        let large = Value.string(String(repeating: "x", count: 900_000))
        #expect(try failure(of: "params.s + params.s", ["params.s": large]).description.contains("longer than"))
        #expect(
            try failure(of: "join([params.s, params.s], '')", ["params.s": large]).description.contains("longer than"))
        #expect(try failure(of: "format('{0}{0}', params.s)", ["params.s": large]).description.contains("longer than"))
        let million = "range(1000000)"
        let many = Array(repeating: million, count: 30).joined(separator: ", ")
        #expect(try failure(of: "len([\(many)])").description.contains("more work than is allowed"))
        #expect(try failure(of: "range(600000) + range(600000)").description.contains("more than 1000000 elements"))
        #expect(try value(of: "len(range(1000000))") == .int(1_000_000))
        let template = try Template(parsing: "${{ params.s }}${{ params.s }}", at: nowhere)
        #expect(throws: EvaluationError.self) { try template.value(in: TableScope(values: ["params.s": large])) }
    }
}
