import Diagnostics
import Files
import Pipelines
import Processes
import SystemPackage
import TestSupport
import Testing

@Suite struct `Compared with Python` {
    /// Random expressions over numbers and truth values, with the operators that mean the same in Python.
    struct Generator {
        var random: SeededGenerator

        mutating func number(_ depth: Int) -> String {
            switch depth <= 0 ? random.next() % 3 : random.next() % 9 {
            case 0: return "\(random.next() % 20)"
            case 1: return ["0.5", "2.5", "1e3", "0.1", "7.25", "3.0"].randomElement(using: &random) ?? "1"
            case 2: return "-\(random.next() % 9 + 1)"
            case 3: return "(\(number(depth - 1)))"
            case 4: return "abs(\(number(depth - 1)))"
            case 5: return "max(\(number(depth - 1)), \(number(depth - 1)))"
            default:
                let operation = ["+", "-", "*", "/", "//", "%"].randomElement(using: &random) ?? "+"
                return "\(number(depth - 1)) \(operation) \(number(depth - 1))"
            }
        }

        mutating func truth(_ depth: Int) -> String {
            switch depth <= 0 ? random.next() % 2 : random.next() % 7 {
            case 0: return random.next() % 2 == 0 ? "true" : "false"
            case 1:
                let comparator = ["==", "!=", "<", "<=", ">", ">="].randomElement(using: &random) ?? "=="
                return "\(number(depth - 1)) \(comparator) \(number(depth - 1))"
            case 2: return "\(number(depth - 1)) \(random.next() % 2 == 0 ? "in" : "not in") [1, 2, 3, 4.0]"
            case 3: return "not \(truth(depth - 1))"
            case 4: return "(\(truth(depth - 1)))"
            default: return "\(truth(depth - 1)) \(random.next() % 2 == 0 ? "and" : "or") \(truth(depth - 1))"
            }
        }
    }

    @Test(.timeLimit(.minutes(10))) func `operators bind and reckon as Python's`() async throws {
        let python = try #require(findExecutable("python3", searchPath: environmentVariable("PATH") ?? "/usr/bin:/bin"))
        var generator = Generator(random: SeededGenerator(seed: 20_261_121))
        var texts: [String] = []
        for index in 0..<4000 {
            texts.append(index % 2 == 0 ? generator.number(4) : generator.truth(4))
        }
        let folder = try TemporaryDirectory(prefix: "swiftflow-expressions")
        try folder.directory.writeFile(try RelativePath("expressions"), Array(texts.joined(separator: "\n").utf8))
        let script = """
            import sys
            names = {'true': True, 'false': False, 'abs': abs, 'max': max, '__builtins__': {}}
            for line in open(sys.argv[1]):
                try:
                    value = eval(line.strip(), names)
                    if isinstance(value, bool): print('true' if value else 'false')
                    elif isinstance(value, int) and not -2**63 <= value < 2**63: print('error')
                    else: print(repr(value))
                except (ZeroDivisionError, OverflowError): print('error')
            """
        let result = try await Keeper.shared.runTool(
            python, ["-c", script, folder.path.appending("expressions").string], environment: [:],
            workingDirectory: folder.path)
        let answers = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
        try #require(answers.count == texts.count)
        var errors = 0
        for (text, answer) in zip(texts, answers) {
            let own: String
            do {
                own = try value(of: text).text ?? "null"
            } catch let error as EvaluationError {
                // Python's integers have no limit, so it may go on where ours end.
                if error.diagnostics.first?.message.contains("64 bits") == true { continue }
                own = "error"
            }
            if own == "error" { errors += 1 }
            #expect(own == String(answer), "\(text)")
        }
        // Divisions by zero are among them, but most have a value.
        #expect(errors < texts.count / 2)
    }
}
