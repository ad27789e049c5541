import Diagnostics

/// Splits a template into literal text and placeholders, and says where it is not a template.
struct TemplateParser {
    private(set) var pieces: [CommandTemplate.Piece] = []
    private(set) var problems: [Diagnostic] = []
    private let characters: [Character]
    private let entryPoint: String
    private let known: [String]
    private let location: SourceLocation?
    private let otherBracesAreLiteral: Bool
    private var literal = ""
    private var index = 0

    /// - Parameter otherBracesAreLiteral: whether only `{name}` of a known name means something, as in a pipeline's `command:`.
    init(
        text: String, entryPoint: String, known: [String], location: SourceLocation?,
        otherBracesAreLiteral: Bool = false
    ) {
        characters = Array(text)
        self.entryPoint = entryPoint
        self.known = known
        self.location = location
        self.otherBracesAreLiteral = otherBracesAreLiteral
    }

    mutating func parse() {
        while index < characters.count {
            switch characters[index] {
            case "{" where otherBracesAreLiteral && knownName == nil, "}" where otherBracesAreLiteral:
                literal.append(characters[index])
                index += 1
            case "{" where next == "{", "}" where next == "}":
                literal.append(characters[index])
                index += 2
            case "{": placeholder()
            case "}":
                report("a single '}'", remedy: "write '}}' for a brace")
                index += 1
            case let character:
                literal.append(character)
                index += 1
            }
        }
        flush()
    }

    private var next: Character? {
        index + 1 < characters.count ? characters[index + 1] : nil
    }

    /// The known parameter that the brace at the index encloses.
    private var knownName: String? {
        guard let end = characters[index...].firstIndex(of: "}") else { return nil }
        let field = String(characters[(index + 1)..<end])
        return known.contains(field) ? field : nil
    }

    private mutating func placeholder() {
        guard let end = characters[index...].firstIndex(of: "}") else {
            report("'{' without '}'", remedy: "write '{{' for a brace")
            index = characters.count
            return
        }
        let field = String(characters[(index + 1)..<end])
        if let problem = problem(of: field) {
            report("'{\(field.prefix(60))}' \(problem.what)", remedy: problem.remedy)
        } else {
            flush()
            pieces.append(.placeholder(field))
        }
        index = end + 1
    }

    private func problem(of field: String) -> (what: String, remedy: String?)? {
        let isBehindDollar = index > 0 && characters[index - 1] == "$"
        let braces =
            isBehindDollar ? "for a shell variable write '${{\(field.prefix(60))}}'" : "write '{{' and '}}' for braces"
        if field.isEmpty { return ("names no parameter", braces) }
        if field.contains(where: { "!:.[{".contains($0) }) {
            return (
                "is not a plain placeholder: formats, attributes and indexes are not available",
                "write '{name}', or \(braces)"
            )
        }
        if field.allSatisfy({ $0.isASCII && $0.isNumber }) { return ("is a position, not a parameter", braces) }
        guard known.contains(field) else {
            if isBehindDollar { return ("is not a declared parameter", braces) }
            let words = field.split(separator: " ")
            if words.count == 1, known.contains(String(words[0])) {
                return ("is not a declared parameter", "write '{\(words[0])}' without blanks")
            }
            let remedy = suggestion(for: field, among: known, kind: "parameters") ?? "declare it under 'parameters'"
            return ("is not a declared parameter", "\(remedy); \(braces)")
        }
        return nil
    }

    private mutating func flush() {
        guard !literal.isEmpty else { return }
        pieces.append(.literal(literal))
        literal = ""
    }

    private mutating func report(_ what: String, remedy: String?) {
        let line = characters[..<index].count { $0.isNewline } + 1
        let column = index - (characters[..<index].lastIndex { $0.isNewline } ?? -1)
        let isOneLine = !characters.dropLast().contains { $0.isNewline }
        let position = isOneLine ? "character \(column)" : "line \(line), character \(column)"
        problems.append(
            Diagnostic(
                .error, code: "template", at: location,
                "the command of entry point '\(entryPoint)' has \(what) at \(position)", remedy: remedy))
    }
}
