import Diagnostics
import Foundation
import Processes
import Projects
import TestSupport
import Testing

/// The command for these values.
func rendered(
    _ template: String, _ values: [String: String], extras: [(String, String)] = []
) throws -> String {
    try CommandTemplate(parsing: template, entryPoint: "main", known: Array(values.keys))
        .rendered(values: values, extras: extras.map { .init(name: $0.0, value: $0.1) })
}

private let hostile = [
    "", " ", "a b", "a'b", "a\"b", "a`touch PWNED`b", "$(touch PWNED)", "${HOME}", "$HOME", "a;touch PWNED",
    "a&touch PWNED&",
    "a|touch PWNED", "a\ntouch PWNED\n", "a\r\nb", "\t", "*", "?", "[a-z]*", "~", "~root", "!", "!!", "#", "# x", "-",
    "--help", "\\", "a\\",
    "\\'", "'\"'\"'", "$'x'", "<(touch PWNED)", ">PWNED", "<PWNED", "a>PWNED", "{a,b}", "{1..3}", "{v}", "{{", "}",
    "%s", "\u{7F}\u{1B}[31m",
    "é ß 日本 😀", "a\u{200B}b", "\u{2028}", "=x", "a=b", "x[$(touch PWNED)]", "';touch PWNED;'", "\";touch PWNED;\"", "`",
    "$", "((", "]]", "EOF",
    String(repeating: "x y ", count: 25_000),
]

@Suite struct `Command templates` {
    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            "show {v}", "show -- {v}", "x={v}; show \"$x\"", "show {v} | cat", "(show {v})",
            "for i in 1; do show {v}; done", "if true; then show {v}; fi", "show <<< x {v}",
        ])
    func `C-01 values arrive unchanged as one argument`(template: String) async throws {
        let outcomes = try await Bash.run(try hostile.map { try rendered(template, ["v": $0]) })
        for (value, outcome) in zip(hostile, outcomes) {
            #expect(outcome.calls.last?.last == value)
            #expect(outcome.calls.count == 1)
            #expect(outcome.created.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(10))) func `C-01 random values arrive unchanged as one argument`() async throws {
        var generator = SeededGenerator(seed: 1)
        let alphabet = Array("ab 01'\"`$(){}[]<>|&;\\*?~!#-=%@+:,./^\n\t\r_é😀\u{1}\u{7F}")
        // Many to a command, since starting bash takes most of the time.
        let groups = (0..<200).map { _ in
            (0..<20).map { _ in
                String(
                    (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                        alphabet.randomElement(using: &generator) ?? "x"
                    })
            }
        }
        let template = (0..<20).map { "show {v\($0)} x{v\($0)}y\n" }.joined()
        let commands = try groups.map { values in
            try rendered(template, Dictionary(uniqueKeysWithValues: values.enumerated().map { ("v\($0)", $1) }))
        }
        for (values, outcome) in zip(groups, try await Bash.run(commands)) {
            #expect(outcome.calls == values.map { [$0, "x\($0)y"] })
            #expect(outcome.created.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `C-01 C-06 a long value arrives whole, and one the system cannot pass is refused`() async throws {
        let long = String(repeating: "é'", count: 16_000)
        #expect(try await Bash.arguments(of: rendered("show {v}", ["v": long])) == [long])
        let error = #expect(throws: InvalidInput.self) {
            try rendered("show {v}", ["v": String(repeating: "x", count: 131_072)])
        }
        #expect(error?.description.contains("131071") == true)
    }

    @Test(arguments: [
        ("show '{v}'", "quotes"), ("show \"{v}\"", "quotes"), ("show \"a $(echo \"{v}\")\"", "quotes"),
        ("cat <<EOF\n{v}\nEOF", "here-document"),
        ("cat <<'EOF'\n{v}\nEOF", "here-document"), ("cat <<-\\EOF\n\t{v}\n\tEOF", "here-document"),
        ("show x # {v}", "comment"),
        ("# {v}\nshow", "comment"), ("show $( {v} )", "$("), ("show $(echo {v})", "$("),
        ("show `echo {v}`", "backticks"),
        ("show ${{X:-{v}}}", "${"), ("show \"${{X:-{v}}}\"", "${"), ("show $((1 + {v}))", "arithmetic"),
        ("((x = {v}))", "arithmetic"),
        ("show $[{v}]", "arithmetic"), ("[[ {v} -eq 1 ]]", "[["), ("a[{v}]=1", "["), ("a=([{v}]=1)", "["),
        ("show ${v}", "$"),
        ("show \\{v}", "\\"), ("show \"\\{v}\"", "\\"), ("show $'{v}'", "$'"), ("bash -c 'show {v}'", "quotes"),
        ("python -c \"print('{v}')\"", "quotes"),
        ("cat <<{v}\nx\n", "followed"), ("show \"$(case x in x) echo \"{v}\";; esac)\"", "followed"),
        ("for ((i=0; i<{v}; i++)); do :; done", "arithmetic"),
        ("cat <<A <<B\n{v}\nA\nB", "here-document"), ("cat <<EOF # x\n{v}\nEOF\nshow", "here-document"),
        ("show \"`echo {v}`\"", "backticks"),
    ]) func `C-02 inside quotes and the like only harmless values pass`(template: String, place: String) throws {
        for value in ["a;b", "a'b", "a\"b", "$(touch PWNED)", "`touch PWNED`", "a\nb", "a$b", "\\", "é", "a*"] {
            let error = #expect(throws: InvalidInput.self) { try rendered(template, ["v": value]) }
            #expect(error?.description.contains("placeholder {v} stands") == true)
            #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
        }
        // Whatever is harmless passes just as MLflow would put it.
        for value in ["abc", "0.5", "a/b-c_d@e%f+g=h:i,j"] {
            let python = template.replacing("{v}", with: "\u{1}").replacing("{{", with: "{").replacing("}}", with: "}")
                .replacing("\u{1}", with: value)
            #expect(try rendered(template, ["v": value]) == python)
        }
    }

    @Test
    func `C-02 a harmless value with a space is quoted as in MLflow, or refused where that would unbalance quotes`()
        throws
    {
        #expect(try rendered("show \"{v}\"", ["v": "a b"]) == "show \"'a b'\"")
        #expect(try rendered("show $(echo {v})", ["v": "a b"]) == "show $(echo 'a b')")
        for template in ["show \\{v}", "show $'{v}'"] {
            #expect(throws: InvalidInput.self) { try rendered(template, ["v": "a b"]) }
            #expect(throws: InvalidInput.self) { try rendered(template, ["v": ""]) }
        }
    }

    @Test func `C-02 a value cannot end a here-document`() throws {
        let template = "cat <<EOF\n{v}{w}\n{v}\nEOF\n"
        #expect(throws: InvalidInput.self) { try rendered(template, ["v": "EOF", "w": ""]) }
        #expect(throws: InvalidInput.self) { try rendered(template, ["v": "EO", "w": "F"]) }
        #expect(throws: InvalidInput.self) { try rendered("cat <<-EOF\n\t{v}\n\tEOF\n", ["v": "EOF"]) }
        #expect(throws: InvalidInput.self) { try rendered("cat <<EOF\nE\\\n{v}\nEOF\n", ["v": "OF"]) }
        #expect(try rendered("cat <<'EOF'\nE\\\n{v}\nEOF\n", ["v": "OF"]).contains("E\\\nOF"))
        #expect(throws: Never.self) { try rendered(template, ["v": "EOFX", "w": "F"]) }
    }

    @Test func `C-02 all refused placeholders are named at once, with what to do`() throws {
        let error = #expect(throws: InvalidInput.self) { try rendered("show '{v}' # {w}", ["v": "$x", "w": "a\nb"]) }
        let text = try #require(error?.description)
        #expect(text.contains("placeholder {v} stands inside quotes"))
        #expect(text.contains("remove the quotes"))
        #expect(text.contains("placeholder {w} stands inside a comment"))
    }

    @Test(arguments: [
        "show {v}", "show \"a\"{v}'b'", "show a{v}", "(show {v}; show \"x\")", "show \"$(echo \")\")\" {v}",
        "show '#' {v}", "show a#b {v}",
        "show ${{#x}} {v}", "show $# {v}", "cat <<EOF\nit's \"\nEOF\nshow {v}",
        "cat <<'A' - <<\"B\"\n'\nA\n\"\nB\nshow {v}", "show # it's\nshow {v}",
        "show $((16#ff)) {v}", "show $((1 << 2)) {v}", "show <<< \"x\" {v}", "show \"\\\"\" {v}", "show \\' {v}",
        "show \\\n {v}", "show $'\\'' {v}",
        "[[ -n x ]] && show {v}", "[ -n {v} ] && show x", "((1 < 2)); show {v}", "show [{v},x]",
        "show `echo \\`echo \"\\`` {v}", "case {v} in {v}) show x;; esac",
        "show ${{X:-'}}'}} {v}", "show $(echo ')' \")\" '(' # )\n) {v}", "while false; do :; done; show {v}",
        "show > /dev/null {v}", "a=({v} x); show", "show \"${{X:-y}}\" {v}",
    ]) func `unquoted places take any value`(template: String) throws {
        for value in ["a b;'\"$(x)", "", "`"] { #expect(throws: Never.self) { try rendered(template, ["v": value]) } }
    }

    @Test(arguments: [
        ("x {v.x}", "plain placeholder", 3), ("x {v[0]}", "plain placeholder", 3), ("{v!r}", "plain placeholder", 1),
        ("{v:>1000000000}", "plain placeholder", 1),
        ("a {}", "names no parameter", 3), ("a {0}", "position", 3), ("a {v", "without '}'", 3),
        ("a }", "single '}'", 3), ("{v}}", "single '}'", 4),
        ("{{{v}", "without", 99), ("{w}", "not a declared parameter", 1), ("{V}", "did you mean 'v'?", 1),
        ("{ v }", "write '{v}'", 1), ("{{v}", "single '}'", 4), ("{v{v}}", "plain", 1),
        ("echo ${HOME}", "'${{HOME}}'", 7), ("awk '{print}'", "'{{' and '}}'", 6),
    ]) func `C-05 what is no plain placeholder is refused with its position`(
        template: String, what: String, position: Int
    ) throws {
        let parsed = CommandTemplate(
            parsing: template, entryPoint: "main", known: ["v"], location: .init(file: "MLproject", line: 4, column: 14)
        )
        if position == 99 { return #expect(parsed.problems.isEmpty) }
        let text = try #require(parsed.problems.first).description
        #expect(text.hasPrefix("MLproject:4:14: error: the command of entry point 'main' has "))
        #expect(text.contains(what), "\(text)")
        #expect(text.contains("at character \(position)"), "\(text)")
        #expect(throws: InvalidInput.self) { try parsed.rendered(values: ["v": "x"]) }
    }

    @Test func `C-05 all mistakes of a template are reported, with lines`() {
        let parsed = CommandTemplate(parsing: "a {x}\nb {y}\nc {v} }", entryPoint: "main", known: ["v"])
        #expect(parsed.problems.count == 3)
        #expect(parsed.problems.map(\.description).joined().contains("line 2, character 3"))
    }

    @Test func `braces are doubled, values are not read again`() throws {
        #expect(try rendered("a ${{X}} {{}} {v}", ["v": "{w}"]) == "a ${X} {} '{w}'")
    }

    @Test(arguments: ["", "abc", "a b", "it's", "''", "é", "a@%+=:,./-_Z9", "~", "\n"])
    func `quoting is that of shlex`(text: String) {
        let expected = [
            "": "''", "abc": "abc", "a b": "'a b'", "it's": "'it'\"'\"'s'", "''": "''\"'\"''\"'\"''", "é": "'é'",
            "a@%+=:,./-_Z9": "a@%+=:,./-_Z9", "~": "'~'",
            "\n": "'\n'",
        ]
        #expect(shellQuoted(text) == expected[text])
    }
}

@Suite struct `Undeclared parameters` {
    @Test(arguments: [
        ("show", "show --k v"), ("show\n", "show --k v\n"), ("show  \n\n", "show --k v  \n\n"),
        ("show # trains", "show --k v # trains"),
        ("show x\n# done\n", "show x --k v\n# done\n"), ("show \\\n  x \\\n", "show \\\n  x --k v \\\n"),
        ("show 'a # b'", "show 'a # b' --k v"), ("show;", "show --k v;"),
        ("show &", "show --k v &"), ("show 2>&1", "show 2>&1 --k v"),
        ("show - <<EOF\nx\nEOF\n", "show - <<EOF --k v\nx\nEOF\n"), ("show {v}", "show a --k v"),
        ("show \"{v}\"", "show \"a\" --k v"),
        ("show {v} # {v}", "show a --k v # a"), ("show $(echo x)", "show $(echo x) --k v"),
        ("a; show \\", "a; show --k v \\"), ("", " --k v"), ("{v}", "a --k v"),
        ("show a&&show b", "show a&&show b --k v"),
    ]) func `go behind the last word of the command`(template: String, expected: String) throws {
        #expect(try rendered(template, ["v": "a"], extras: [("k", "v")]) == expected)
    }

    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            "show x # trains", "show x\n", "show x\n# comment\n\n", "show \\\n x \\\n", "show x <<EOF\n--k\nEOF\n",
            "show x;", "true\nshow x",
        ]) func `C-03 arrive as two words each, whatever they hold`(template: String) async throws
    {
        let extras = [("k", "a b"), ("l-m", "$(touch PWNED)"), ("n o", "'\n"), ("p", ""), ("-", "#")]
        let arguments = try await Bash.arguments(of: try rendered(template, [:], extras: extras))
        #expect(arguments == ["x", "--k", "a b", "--l-m", "$(touch PWNED)", "--n o", "'\n", "--p", "", "---", "#"])
    }
}
