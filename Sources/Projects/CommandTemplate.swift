package import Diagnostics

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

    /// - Parameter known: the declared parameters.
    package init(parsing text: String, entryPoint: String, known: [String], location: SourceLocation? = nil) {
        var parser = TemplateParser(text: text, entryPoint: entryPoint, known: known, location: location)
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
            guard let description = place.description else { return nil }
            return Diagnostic(
                .warning, code: "quoted-placeholder", at: location,
                "entry point '\(entryPoint)': placeholder {\(name)} stands \(description), where values with special characters are refused",
                remedy: place.remedy(name))
        }
    }

    private var placeholders: [String] {
        pieces.compactMap { if case .placeholder(let name) = $0 { name } else { nil } }
    }

    /// The shell text with every placeholder replaced by its quoted value, and undeclared parameters as ` --name value`
    /// after the last word of the command.
    ///
    /// - Throws: for values that cannot stand where their placeholders are, and for text longer than the system takes.
    package func rendered(
        values: [String: String], extras: [GivenParameters.Parameter] = []
    ) throws(InvalidInput) -> String {
        var errors = problems
        let words = placeholders.map { values[$0] ?? "" }
        for ((name, place), value) in zip(zip(placeholders, places.places), words) where !place.accepts(value) {
            errors.append(refusal(of: name, place))
        }
        for line in places.hereDocumentLines where line.isDelimiter(with: words.map(shellQuoted)) {
            errors.append(
                Diagnostic(
                    .error, code: "unsafe-value", at: location,
                    "entry point '\(entryPoint)': a value would end the here-document '\(line.delimiter)' early",
                    remedy: "choose another delimiter in the command"))
        }
        let options = extras.map { " --\(shellQuoted($0.name)) \(shellQuoted($0.value))" }
        if !places.takesExtras {
            for (extra, option) in zip(extras, options)
            where option.dropFirst() != "--\(extra.name) \(extra.value)" || extra.value.isEmpty {
                errors.append(
                    Diagnostic(
                        .error, code: "unsafe-value", at: location,
                        "entry point '\(entryPoint)': parameter '\(extra.name)' cannot be added safely, because the command's end is not understood",
                        remedy: "declare the parameter and use it in the command"))
            }
        }
        let text = joined(words.map(shellQuoted), options.joined())
        if text.utf8.count > Self.longestCommand {
            errors.append(
                Diagnostic(
                    .error, code: "command-too-long", at: location,
                    "entry point '\(entryPoint)': the command has \(text.utf8.count) bytes with its values, more than the \(Self.longestCommand) the system takes",
                    remedy: "pass long values in files"))
        }
        guard errors.isEmpty else { throw InvalidInput(errors) }
        return text
    }

    private func joined(_ words: [String], _ options: String) -> String {
        var text = ""
        var nextWord = words.makeIterator()
        for (index, piece) in pieces.enumerated() {
            let whole: String
            switch piece {
            case .literal(let literal): whole = literal
            case .placeholder: whole = nextWord.next() ?? ""
            }
            if index == places.end.piece, !options.isEmpty {
                // After a placeholder there is no offset to count: its value is as long as it is.
                let cut = places.end.offset.map {
                    whole.utf8.index(whole.startIndex, offsetBy: min($0, whole.utf8.count))
                }
                text += whole[..<(cut ?? whole.endIndex)] + options + whole[(cut ?? whole.endIndex)...]
            } else {
                text += whole
            }
        }
        return pieces.isEmpty ? options : text
    }

    private func refusal(of name: String, _ place: ShellPlace) -> Diagnostic {
        Diagnostic(
            .error, code: "unsafe-value", at: location,
            "entry point '\(entryPoint)': placeholder {\(name)} stands \(place.description ?? "unquoted"), where its value would not stay one harmless word",
            remedy: place.remedy(name))
    }
}
