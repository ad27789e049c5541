import Diagnostics
import Files
import SystemPackage

/// The environment of this program, with the variables of an `--env-file` where it has none of that name.
func environmentWithFile(_ file: String?) throws -> [String: String] {
    let environment = processEnvironment()
    guard let file else { return environment }
    let loaded = try EnvironmentFile(contentsOf: FilePath(file), over: environment)
    Messages.note("Loaded environment variables from: \(file)")
    return environment.merging(loaded.variables) { existing, _ in existing }
}

/// Variables from an `--env-file`, read as python-dotenv reads them: `export`, quotes, comments and `${NAME}` are understood.
struct EnvironmentFile {
    let variables: [String: String]

    /// - Parameters:
    ///   - option: the one that names the file.
    ///   - environment: what `${NAME}` may refer to besides earlier lines; it wins over the file.
    init(
        contentsOf path: FilePath, over environment: [String: String], option: String = "--env-file"
    ) throws {
        let bytes: [UInt8]
        do {
            bytes = try readFile(currentDirectory().pushing(path), limit: 1 << 20)
        } catch {
            throw UsageError(
                "the file '\(path)' given to \(option) cannot be read", remedy: "check the path")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw UsageError("the environment file '\(path)' is not valid UTF-8")
        }
        try self.init(text, named: path.string, over: environment)
    }

    init(_ text: String, named name: String, over environment: [String: String]) throws {
        var parser = Parser(text: text, environment: environment)
        parser.parse()
        guard parser.problems.isEmpty else {
            throw InvalidInput(
                parser.problems.map { line, message in
                    Diagnostic(
                        .error, at: SourceLocation(file: name, line: line), message, remedy: "write NAME=value")
                })
        }
        variables = parser.variables
    }

    private struct Parser {
        var rest: Substring
        var line = 1
        let environment: [String: String]
        var variables: [String: String] = [:]
        var problems: [(line: Int, message: String)] = []

        init(text: String, environment: [String: String]) {
            rest = text[...]
            self.environment = environment
        }

        mutating func parse() {
            while !rest.isEmpty {
                skip { $0 == " " || $0 == "\t" }
                guard let first = rest.first else { return }
                if first.isNewline {
                    rest.removeFirst()
                    line += 1
                } else if first == "#" {
                    skip { !$0.isNewline }
                } else {
                    parseAssignment()
                }
            }
        }

        private mutating func parseAssignment() {
            let start = line
            if rest.hasPrefix("export "), rest.dropFirst(7).first != "=" {
                rest = rest.dropFirst(7)
                skip { $0 == " " || $0 == "\t" }
            }
            let name = rest.prefix { !$0.isNewline && $0 != "=" && $0 != "#" && $0 != " " && $0 != "\t" }
            rest = rest.dropFirst(name.count)
            skip { $0 == " " || $0 == "\t" }
            guard !name.isEmpty, rest.first == "=" else {
                // A bare name declares nothing, as in python-dotenv.
                if name.isEmpty || !(rest.isEmpty || rest.first?.isNewline == true || rest.first == "#") {
                    problems.append((start, "'\(rest.prefix { !$0.isNewline }.prefix(40))' is no assignment"))
                }
                return skip { !$0.isNewline }
            }
            rest.removeFirst()
            skip { $0 == " " || $0 == "\t" }
            variables[String(name)] = parseValue()
        }

        private mutating func parseValue() -> String {
            guard let quote = rest.first, quote == "'" || quote == "\"" else {
                var value = String(rest.prefix { !$0.isNewline })
                rest = rest.dropFirst(value.count)
                if let comment = value.firstRange(of: " #") { value = String(value[..<comment.lowerBound]) }
                if value.hasPrefix("#") { value = "" }
                while value.last == " " || value.last == "\t" { value.removeLast() }
                return interpolated(value)
            }
            rest.removeFirst()
            var value = ""
            while let character = rest.popFirst(), character != quote {
                if character.isNewline { line += 1 }
                guard character == "\\", let escaped = rest.first else {
                    value.append(character)
                    continue
                }
                rest.removeFirst()
                value += unescaped(escaped, in: quote)
            }
            skip { !$0.isNewline }
            return quote == "'" ? value : interpolated(value)
        }

        private func unescaped(_ character: Character, in quote: Character) -> String {
            if character == quote || character == "\\" { return String(character) }
            guard quote == "\"" else { return "\\\(character)" }
            switch character {
            case "n": return "\n"
            case "t": return "\t"
            case "r": return "\r"
            default: return "\\\(character)"
            }
        }

        /// Replaces `${NAME}` and `${NAME:-default}`.
        private func interpolated(_ text: String) -> String {
            var result = ""
            var rest = text[...]
            while let start = rest.firstRange(of: "${") {
                result += rest[..<start.lowerBound]
                let inside = rest[start.upperBound...]
                guard let end = inside.firstIndex(of: "}") else { return result + rest[start.lowerBound...] }
                let expression = inside[..<end]
                let parts = expression.firstRange(of: ":-")
                let name = String(parts.map { expression[..<$0.lowerBound] } ?? expression)
                let fallback = parts.map { String(expression[$0.upperBound...]) } ?? ""
                result += environment[name] ?? variables[name] ?? fallback
                rest = inside[inside.index(after: end)...]
            }
            return result + rest
        }

        private mutating func skip(while condition: (Character) -> Bool) {
            rest = rest.drop(while: condition)
        }
    }
}
