package import Diagnostics
import Processes

/// The command of an entry point, with its `{name}` placeholders found and their places in the shell's grammar known.
///
/// The language is the harmless part of Python's `str.format`: `{name}`, and `{{` and `}}` for braces.
package struct CommandTemplate: Sendable {
    enum Piece: Sendable, Hashable {
        case literal(String)
        case placeholder(String)
    }

    /// The system passes no longer argument to a program (`MAX_ARG_STRLEN`, with the final NUL).
    package static let longestCommand = 131_071

    /// What makes the template unusable, with positions; all of it.
    package let problems: [Diagnostic]
    let pieces: [Piece]
    private let places: ShellPlaces
    private let entryPoint: String
    private let location: SourceLocation?

    /// - Parameters:
    ///   - known: the declared parameters.
    ///   - otherBracesAreLiteral: whether only `{name}` of a declared parameter means something.
    package init(
        parsing text: String, entryPoint: String, known: [String], location: SourceLocation? = nil,
        otherBracesAreLiteral: Bool = false
    ) {
        var parser = TemplateParser(
            text: text, entryPoint: entryPoint, known: known, location: location,
            otherBracesAreLiteral: otherBracesAreLiteral)
        parser.parse()
        problems = parser.problems
        pieces = parser.pieces
        places = ShellPlaces(of: parser.pieces)
        self.entryPoint = entryPoint
        self.location = location
    }

    /// Shell text in which braces mean nothing.
    init(literal text: String, entryPoint: String) {
        problems = []
        pieces = [.literal(text)]
        places = ShellPlaces(of: pieces)
        self.entryPoint = entryPoint
        location = nil
    }

    /// Placeholders at places where only harmless values can stand.
    package var warnings: [Diagnostic] {
        zip(placeholders, places.places).compactMap { name, place in
            place.description.map { description in
                diagnostic(
                    .warning, "quoted-placeholder",
                    "placeholder {\(name)} stands \(description), where values with special characters are refused",
                    remedy: place.remedy(name))
            }
        }
    }

    /// The shell text with every placeholder replaced by its quoted value.
    ///
    /// Undeclared parameters are added as ` --name value` behind the last word of the command.
    ///
    /// - Throws: for values that cannot stand where their placeholders are, and for text longer than the system takes.
    package func rendered(
        values: [String: String], extras: [GivenParameters.Parameter] = [], lists: [String: [String]] = [:]
    ) throws(InvalidInput) -> String {
        let values = placeholders.map { lists[$0] ?? [values[$0] ?? ""] }
        let words = values.map { $0.map(shellQuoted).joined(separator: " ") }
        let options = extras.map { " --\(shellQuoted($0.name)) \(shellQuoted($0.value))" }.joined()
        let text = joined(words, options)
        let errors = problems + refusals(of: values) + earlyEnds(with: words) + refusals(of: extras) + excess(of: text)
        guard errors.isEmpty else { throw InvalidInput(errors) }
        return text
    }

    private var placeholders: [String] {
        pieces.compactMap { if case .placeholder(let name) = $0 { name } else { nil } }
    }

    private func joined(_ words: [String], _ options: String) -> String {
        var text = ""
        var nextWord = words.makeIterator()
        for (index, piece) in pieces.enumerated() {
            switch piece {
            case .literal(let literal) where index == places.end.piece:
                // Behind a placeholder there is nothing to count; in a literal the place is counted in bytes.
                let offset = min(places.end.offset ?? literal.utf8.count, literal.utf8.count)
                let cut = literal.utf8.index(literal.startIndex, offsetBy: offset)
                text += literal[..<cut] + options + literal[cut...]
            case .literal(let literal): text += literal
            case .placeholder: text += (nextWord.next() ?? "") + (index == places.end.piece ? options : "")
            }
        }
        return pieces.isEmpty ? options : text
    }

    // MARK: What keeps a command from being rendered

    private func refusals(of values: [[String]]) -> [Diagnostic] {
        zip(zip(placeholders, places.places), values).compactMap { placeholder, value in
            let (name, place) = placeholder
            guard !value.allSatisfy(place.accepts) else { return nil }
            return diagnostic(
                .error, "unsafe-value",
                "placeholder {\(name)} stands \(place.description ?? "unquoted"), "
                    + "where its value would not stay one harmless word",
                remedy: place.remedy(name))
        }
    }

    private func earlyEnds(with words: [String]) -> [Diagnostic] {
        places.hereDocumentLines.filter { $0.isDelimiter(with: words) }.map { line in
            diagnostic(
                .error, "unsafe-value", "a value would end the here-document '\(line.delimiter)' early",
                remedy: "choose another delimiter in the command")
        }
    }

    private func refusals(of extras: [GivenParameters.Parameter]) -> [Diagnostic] {
        guard !places.takesExtras else { return [] }
        return extras.filter { shellQuoted($0.name) != $0.name || shellQuoted($0.value) != $0.value }.map { extra in
            diagnostic(
                .error, "unsafe-value",
                "parameter '\(extra.name)' cannot be added safely, because the command's end is not understood",
                remedy: "declare the parameter and use it in the command")
        }
    }

    private func excess(of text: String) -> [Diagnostic] {
        let count = text.utf8.count
        guard count > Self.longestCommand else { return [] }
        return [
            diagnostic(
                .error, "command-too-long",
                "the command has \(count) bytes with its values, more than the \(Self.longestCommand) the system takes",
                remedy: "pass long values in files")
        ]
    }

    private func diagnostic(
        _ severity: Diagnostic.Severity, _ code: String, _ message: String, remedy: String
    ) -> Diagnostic {
        Diagnostic(severity, code: code, at: location, "entry point '\(entryPoint)': \(message)", remedy: remedy)
    }
}
