import Diagnostics
import Documents
import Pipelines
import Testing

/// The template of the value of `key` in a YAML text.
private func template(_ yaml: String, _ key: String = "v") throws -> Template {
    let bytes = Array(yaml.utf8)
    let document = try YAMLDocument(parsing: bytes, file: "pipeline.yaml")
    return try Template(reading: try #require(document.root?[key]), in: SourceText(bytes))
}

@Suite struct `Templates` {
    static let scope = TableScope(values: [
        "params.n": .int(3), "params.x": .float(0.1), "params.s": .string("${{ params.n }} {x} $(id) \"'"),
        "params.null": .null,
        "params.l": .list([.int(1), .string("a")]), "attempt": .int(2),
    ])

    @Test(
        arguments: [
            ("v: ${{ params.n }}", .int(3)), ("v: '${{ params.n }}'", .int(3)),
            ("v: ${{params.n}}GiB", .string("3GiB")), ("v: \"${{ 16 * attempt }}GiB\"", .string("32GiB")),
            ("v: a ${{ params.n }} b ${{ params.x }}", .string("a 3 b 0.1")),
            ("v: \\${{ params.n }}", .string("${{ params.n }}")),
            ("v: \\${{ a }} ${{ params.n }}", .string("${{ a }} 3")), ("v: plain", .string("plain")), ("v: 5", .int(5)),
            ("v: '5'", .string("5")), ("v: 1e-4", .float(0.0001)), ("v: no", .string("no")), ("v:", .null),
            ("v: ${{ '}}' }}", .string("}}")), ("v: ${{ params.l }}", .list([.int(1), .string("a")])),
            ("v: x${{ params.l }}", .string("x[1, \"a\"]")), ("v: x${{ true }}", .string("xtrue")),
            ("v: [1, '${{ params.n }}', a]", .list([.int(1), .int(3), .string("a")])),
            ("v: $ {{ x }", .string("$ {{ x }")), ("v: |\n  a\n  ${{ params.n }}\n", .string("a\n3\n")),
            ("v: !!str 5", .string("5")),
        ] as [(String, Value)]) func `a value of the file becomes a value`(yaml: String, expected: Value) throws
    {
        #expect(try template(yaml).value(in: Self.scope) == expected)
    }

    @Test func `W-05 a value is data: nothing in it is an expression, a command or a quote`() throws {
        let hostile = "${{ params.n }} {x} $(id) \"'"
        #expect(try template("v: ${{ params.s }}").value(in: Self.scope) == .string(hostile))
        #expect(try template("v: '<${{ params.s }}>'").value(in: Self.scope) == .string("<\(hostile)>"))
        let large = String(repeating: "é{}", count: 200_000)
        let scope = TableScope(values: ["params.s": .string(large)])
        #expect(try template("v: ${{ params.s }}").value(in: scope) == .string(large))
        let tooLarge = TableScope(values: ["params.s": .string(String(repeating: "x", count: 10 << 20))])
        #expect(throws: EvaluationError.self) { try template("v: a${{ params.s }}").value(in: tooLarge) }
    }

    @Test func `null in text is P044, with its place`() throws {
        let error = #expect(throws: EvaluationError.self) {
            try template("a: 1\nv: x ${{ params.null }}").value(in: Self.scope)
        }
        #expect(error?.diagnostics.first?.code == "P044")
        #expect(error?.diagnostics.first?.location == SourceLocation(file: "pipeline.yaml", line: 2, column: 10))
        #expect(try template("v: x ${{ params.null ?? 1 }}").value(in: Self.scope) == .string("x 1"))
        var findings: [Diagnostic] = []
        try template("v: x ${{ null }}").check(in: TableTypes(), reporting: &findings)
        #expect(findings.map(\.code) == ["P044"])
    }

    @Test func `all that is wrong with a list is reported at once`() throws {
        let error = #expect(throws: InvalidInput.self) {
            try template("v:\n  - ${{ 1 + }}\n  - ok\n  - a ${{ foo(1) }} ${{ bar }}\n")
        }
        #expect(
            error?.diagnostics.map { "\($0.location?.line ?? 0) \($0.code ?? "")" } == ["2 P040", "4 P043", "4 P043"])
    }

    @Test func `references are told, with whether they have a fallback`() throws {
        let read = try template(
            "v: \"${{ steps.tune.best.outputs.model ?? steps.base.outputs.model }} ${{ f }}\"".replacing(
                " ${{ f }}", with: " ${{ len([params.a ?? params.b]) + (steps.x.run_id == 'a' ?? 1) }}"))
        #expect(
            read.references.map { "\($0.reference) \($0.isOptional)" } == [
                "steps.tune.best.outputs.model true", "steps.base.outputs.model false", "params.a true",
                "params.b false", "steps.x.run_id false",
            ])
        #expect(!read.isKnownBeforeStart)
        #expect(try template("v: ${{ params.a + matrix.b }} ${{ pipeline.name }}").isKnownBeforeStart)
        #expect(try !template("v: ${{ attempt }}").isKnownBeforeStart)
        #expect(try !template("v: ${{ outputs.x }}").isKnownBeforeStart)
    }
}

@Suite struct `Places in the file` {
    @Test(arguments: [
        ("v: ${{ params.nope }}", 1, 15), ("v: '${{ params.nope }}'", 1, 16), ("v: \"${{ params.nope }}\"", 1, 16),
        ("v: \"é\\t\\u0041${{ params.nope }}\"", 1, 25), ("v: 'it''s ${{ params.nope }}'", 1, 22),
        ("v: a\n   b ${{ params.nope }}", 2, 17),
        ("v: |\n  first\n    ${{ params.nope }}\n", 3, 16), ("v: >\n  a\n  b\n\n  c ${{ params.nope }}", 5, 16),
        ("v: >-\n\n  a\n    more\n  b ${{ params.nope }}", 5, 16),
        ("v: \"a\n  b\\\n  ${{ params.nope }}\"", 3, 14), ("v: &x ${{ params.nope }}", 1, 18),
        ("v: !!str ${{ params.nope }}", 1, 21), ("\u{FEFF}v: ${{ params.nope }}", 1, 15),
        ("v: ${{ params.nope }} # not this", 1, 15), ("x: 1\r\nv: |\r\n  a\r\n  ${{ params.nope }}\r\n", 4, 14),
        ("v: |2\n   ${{ params.nope }}\n", 2, 15), ("v: |\n\n  a ${{ params.nope }}", 3, 16),
    ]) func `a finding points at the name, whatever the spelling of the value`(yaml: String, line: Int, column: Int)
        throws
    {
        var findings: [Diagnostic] = []
        try template(yaml).check(in: TableTypes(), reporting: &findings)
        #expect(findings.first?.location == SourceLocation(file: "pipeline.yaml", line: line, column: column))
        #expect(findings.first?.length == 4)
    }

    @Test(arguments: [
        ("r: {memory: ${{ 16 * attempt }}GiB}", "needs quotes"), ("r: [${{ a }}, 1]", "needs quotes"),
        ("r:\n  x: {a: 1,\n    b: ${{ a }}}", "needs quotes"),
        ("r: ${{ a ?? 'x: y' }}", "whole value in quotes"), ("r: {{ params.x }}", "begins with '${{'"),
    ]) func `YAML that an expression broke says what to do`(yaml: String, words: String) throws {
        let error = #expect(throws: InvalidInput.self) { try YAMLDocument(parsing: Array(yaml.utf8), file: "p") }
        let explained = try #require(error).explainingExpressions(in: SourceText(Array(yaml.utf8)))
        #expect(explained.diagnostics.first?.remedy?.contains(words) == true, "\(explained)")
        // The reader of pipeline files says it too.
        let finding = Pipeline.read(Array(yaml.utf8), file: "p").findings.first
        #expect(finding?.code == "P002")
        #expect(finding?.remedy?.contains(words) == true)
    }
}

@Suite struct `Findings before the start` {
    static let types: [String: ValueType] = [
        "params.n": .int, "params.x": .float, "params.s": .string, "params.b": .bool, "params.l": .list(.int),
        "params.any": .any, "steps.a.outputs.model": .artifact,
        "steps.a.all.metrics.rmse": .list(.float),
    ]

    @Test(arguments: [
        ("1 +", "P040"), ("", "P040"), ("(1", "P040"), ("1 2", "P040"), ("1 < 2 < 3", "P040"), ("a = b", "P040"),
        ("1 && 2", "P040"), ("'a", "P040"), ("'\\q'", "P040"), ("[1,]", "P040"), ("params", "P040"),
        ("params[n]", "P040"),
        ("params.l.x", "P040"), ("- -1", "P040"), ("9223372036854775808", "P040"), ("1abc", "P040"), ("{a: 1}", "P040"),
        ("steps.a", "P040"), ("steps.a[0].run_id", "P040"), ("and", "P040"), ("not", "P040"),
        ("foo(1)", "P043"), ("mean1(params.l)", "P043"), ("param.n", "P043"), ("True", "P043"),
        ("steps.b.run_id", "P041"), ("steps.a.output.model", "P042"), ("params.nope", "P021"),
        ("1 == 'a'", "P046"), ("params.s < 1", "P046"), ("params.b < true", "P046"), ("params.s + 1", "P046"),
        ("params.s * 2", "P046"), ("not params.n", "P046"), ("params.b and params.n", "P046"), ("params.n[0]", "P046"),
        ("params.l['a']", "P046"), ("-params.s", "P046"),
        ("mean(params.s)", "P046"), ("mean(['a'])", "P046"), ("len(1)", "P046"), ("min()", "P046"),
        ("if(1, 2, 3)", "P046"), ("range(0.5)", "P046"), ("matches('a', '(')", "P046"), ("format('{} {}', 1)", "P046"),
        ("format('{', 1)", "P046"), ("join('a', 'b')", "P046"),
        ("params.n in params.s", "P046"), ("'a' in params.l", "P046"), ("contains(params.l, 'a')", "P046"),
        ("steps.a.outputs.model == 'x'", "P046"), ("starts_with(1, 'a')", "P046"),
        ("(params.n ?? params.x) + 'a'", "P046"),
    ]) func `a mistake is found, with its code and place`(text: String, code: String) throws {
        let found = findings(in: text, Self.types)
        #expect(found.map(\.code) == [code], "\(found)")
        #expect(found.first?.location?.line == 1)
    }

    @Test(
        arguments: [
            ("params.n + params.x", .float), ("params.n // 2", .int), ("params.n / 2", .float),
            ("params.s + 'x'", .string), ("params.any + 1", .any), ("params.any / 2", .float),
            ("1 < params.any", .bool), ("mean(steps.a.all.metrics.rmse) > 0.85", .bool),
            ("params.n == 1.5", .bool), ("params.any == 'a'", .bool), ("params.n ?? 'a'", .any),
            ("params.n ?? 1.5", .float), ("null ?? 2", .int), ("[1, 2.5]", .list(.float)), ("[1, 'a'][0]", .any),
            ("[]", .list(.any)), ("if(params.b, 1, 2)", .int),
            ("range(params.n)", .list(.int)), ("sorted(params.l)", .list(.int)),
            ("path(steps.a.outputs.model)", .artifact), ("basename(steps.a.outputs.model)", .string),
            ("params.n == null", .bool), ("params.n in [1, 2]", .bool), ("from_json(params.s)", .any),
            ("len(params.l)", .int), ("round(params.x, 2)", .float), ("-params.x", .float),
        ] as [(String, ValueType)]) func `what fits has its type and no findings`(text: String, type: ValueType) throws
    {
        var found: [Diagnostic] = []
        #expect(
            try Expression(condition: text, at: nowhere).check(in: TableTypes(types: Self.types), reporting: &found)
                == type)
        #expect(found.isEmpty)
    }

    @Test func `nearest names are offered`() {
        #expect(findings(in: "meen([1])").first?.remedy == "did you mean 'mean'?")
        #expect(findings(in: "param.n").first?.remedy?.contains("'params'") == true)
        #expect(findings(in: "steps.a.output.model").first?.remedy == "did you mean 'outputs'?")
        #expect(findings(in: "a && b").first?.remedy == "write 'and'")
    }

    @Test func `a condition is true or false`() throws {
        var found: [Diagnostic] = []
        try Expression(condition: "params.n", at: nowhere).checkCondition(
            in: TableTypes(types: Self.types), reporting: &found)
        #expect(found.map(\.code) == ["P046"])
        #expect(throws: EvaluationError.self) {
            try Expression(condition: "1", at: nowhere).condition(in: TableScope())
        }
        #expect(try Expression(condition: "${{ 1 < 2 }}", at: nowhere).condition(in: TableScope()))
        #expect(throws: InvalidInput.self) { try Expression(condition: "${{ true }} and false", at: nowhere) }
    }
}
