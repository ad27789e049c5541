import Diagnostics
import Files
import Projects
import TestSupport
import Testing

/// `SWIFTFLOW_FUZZ_SEEDS=100..<200` searches further than the tests' own seeds do.
private let fuzzSeeds: Range<UInt64> = {
    let bounds = (environmentVariable("SWIFTFLOW_FUZZ_SEEDS") ?? "").split(separator: "..<").compactMap { UInt64($0) }
    return bounds.count == 2 && bounds[0] < bounds[1] ? bounds[0]..<bounds[1] : 1..<3
}()

/// The scanner of templates against the real bash: no template, however twisted, may let a value run or write anything.
@Suite struct `Shell places, by force` {
    private static let values = [
        "$(touch PWNED)", "`touch PWNED`", "';touch PWNED;'", "\";touch PWNED;\"", "x\ntouch PWNED\n", ")touch PWNED",
        ";touch PWNED #",
        "|touch PWNED", "a[$(touch PWNED)]", "'$(touch PWNED)'", "\\';touch PWNED", "a b", "EOF", "E", "F", "",
        "}touch PWNED", "x]=$(touch PWNED)",
        "&touch PWNED&", "`touch PWNED", "\";`touch PWNED`\"", "{touch,PWNED}", ">PWNED", "\n>PWNED\n", "x b", "-eq 1",
        "#", "\\",
    ]

    @Test(.timeLimit(.minutes(10)), arguments: fuzzSeeds)
    func `C-02 no value is ever executed in a template of nested constructs`(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        try await run((0..<400).map { _ in Script.list(depth: 4, &generator) }, &generator)
    }

    @Test(.timeLimit(.minutes(10)), arguments: fuzzSeeds)
    func `C-02 no value is ever executed in a template of random tokens`(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let tokens = [
            "'", "\"", "`", "$(", ")", "${{x:-", "}}", "\\", "#", " ", " ", "\n", "<<E\n", "\nE\n", "<<'E F'\n", "[[ ",
            " ]]", "((", "))", "case x in x)", ";; esac",
            "$'", "a[", "]", "$((", "))", "echo ", "show ", "; ", "{v}", "{v}", "{w}", "{w}", "x=(", "$", "<<<", "<(",
            "&", "|", "$[", "~", "if true; then ", "; fi", "x", "=", "- <<-E\n", "$\"",
        ]
        let templates = (0..<400).map { _ in
            (0..<Int.random(in: 3...14, using: &generator)).map { _ in tokens.randomElement(using: &generator) ?? "" }
                .joined()
        }
        try await run(templates, &generator)
    }

    private func run(_ templates: [String], _ generator: inout SeededGenerator) async throws {
        var commands: [(template: String, text: String)] = []
        for template in templates {
            for _ in 0..<2 {
                let v = Self.values.randomElement(using: &generator) ?? ""
                let w = Self.values.randomElement(using: &generator) ?? ""
                let extras = Bool.random(using: &generator) ? [("k", v)] : []
                if let text = try? rendered(template, ["v": v, "w": w], extras: extras) {
                    commands.append((template, text))
                }
            }
        }
        #expect(commands.count > templates.count / 10)
        let outcomes = try await Bash.run(commands.map(\.text))
        for (command, outcome) in zip(commands, outcomes) {
            #expect(outcome.created.isEmpty, "template: \(command.template)\ncommand: \(command.text)")
        }
    }
}

/// Random scripts that are mostly valid.
private enum Script {
    static func list(depth: Int, _ generator: inout SeededGenerator) -> String {
        (0..<Int.random(in: 1...3, using: &generator)).map { _ in command(depth: depth, &generator) }
            .joined(separator: pick(["; ", "\n", " && ", " | ", " # it's {v}\n", " || "], &generator))
    }

    private static func command(depth: Int, _ generator: inout SeededGenerator) -> String {
        guard depth > 0 else { return "show \(word(depth: 0, &generator))" }
        switch Int.random(in: 0...13, using: &generator) {
        case 0: return "if true; then \(list(depth: depth - 1, &generator)); fi"
        case 1: return "(\(list(depth: depth - 1, &generator))\n)"
        case 2: return "{{ \(list(depth: depth - 1, &generator))\n}}"
        case 3: return "cat <<EOF\n\(body(&generator))\nEOF\n"
        case 4: return "cat <<-'EOF' - \(word(depth: depth - 1, &generator))\n\(body(&generator))\n\tEOF\n"
        case 5: return "[[ \(word(depth: depth - 1, &generator)) \(pick(["==", "-eq", "-lt", "=~"], &generator)) x ]]"
        case 6: return "((y = \(pick(["{v}", "1 + {w}", "1"], &generator))))"
        case 7:
            return
                "case \(word(depth: depth - 1, &generator)) in x) show {v};; *) \(list(depth: depth - 1, &generator));; esac"
        case 8: return "a[\(pick(["{v}", "1", "\"{w}\""], &generator))]=\(word(depth: depth - 1, &generator))"
        case 9: return "a=(\(word(depth: depth - 1, &generator)) [\(pick(["{v}", "1"], &generator))]=x); show"
        case 10: return "x=\(word(depth: depth - 1, &generator))"
        default:
            return "show "
                + (0..<Int.random(in: 1...3, using: &generator)).map { _ in word(depth: depth - 1, &generator) }
                .joined(separator: " ")
        }
    }

    private static func word(depth: Int, _ generator: inout SeededGenerator) -> String {
        let plain = [
            "x", "{v}", "{w}", "'it'", "\"q\"", "a{v}", "\\\\", "\\'", "\\\"", "~", "#x", "x#y", "$$", "$'\\''",
            "$'{v}\\''", "\\{v}", "[{v}]", "a[{w}]",
        ]
        guard depth > 0 else { return pick(plain, &generator) }
        switch Int.random(in: 0...11, using: &generator) {
        case 0: return "\"\(quoted(depth: depth - 1, &generator))\""
        case 1: return "$(\(list(depth: depth - 1, &generator))\n)"
        case 2: return "`show \(pick(["x", "{v}", "'{v}'", "\\\"{w}\\\"", "\"{w}\""], &generator))`"
        case 3: return "${{z:-\(word(depth: depth - 1, &generator))}}"
        case 4: return "$((\(pick(["1", "{v}", "2 << 1"], &generator))))"
        case 5: return "<(\(list(depth: depth - 1, &generator))\n)"
        case 6: return "$[{v}]"
        case 7: return word(depth: depth - 1, &generator) + word(depth: depth - 1, &generator)
        case 8: return "$\"\(quoted(depth: depth - 1, &generator))\""
        default: return pick(plain, &generator)
        }
    }

    private static func quoted(depth: Int, _ generator: inout SeededGenerator) -> String {
        (0..<Int.random(in: 1...3, using: &generator)).map { _ in
            switch Int.random(in: 0...7, using: &generator) {
            case 0 where depth > 0: "$(\(list(depth: depth - 1, &generator))\n)"
            case 1 where depth > 0: "${{z:-\(quoted(depth: depth - 1, &generator))}}"
            case 2: "`show {v}`"
            case 3: "{w}"
            case 4: "it's"
            case 5: "\\\""
            case 6: "$((1 + {v}))"
            default: "x "
            }
        }.joined()
    }

    private static func body(_ generator: inout SeededGenerator) -> String {
        (0..<Int.random(in: 1...3, using: &generator)).map { _ in
            pick(
                ["it's", "{v}", "{v}{w}", "\"", "$(show {v})", "\t{w}", "E\\\n{v}", "`", "EO{w}", "${{z:-{v}}}"],
                &generator)
        }.joined(separator: "\n")
    }

    private static func pick(_ choices: [String], _ generator: inout SeededGenerator) -> String {
        choices.randomElement(using: &generator) ?? ""
    }
}
