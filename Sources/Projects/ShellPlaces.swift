import Processes

/// Where a placeholder stands in the shell's grammar, and so which values may take its place.
enum ShellPlace: Sendable, Hashable {
    /// A quoted value is one word, whatever it holds.
    case unquoted
    /// The shell reads quoting anew or not at all; harmless values pass, as in MLflow.
    case inside(String)
    /// Even a pair of quotes would change how the rest of the command is read: only values that need none pass.
    case fragile(String)

    func accepts(_ value: String) -> Bool {
        switch self {
        case .unquoted: true
        case .inside: isHarmlessInsideQuotes(value)
        case .fragile: shellQuoted(value) == value
        }
    }

    var description: String? {
        switch self {
        case .unquoted: nil
        case .inside(let place), .fragile(let place): place
        }
    }

    func remedy(_ name: String) -> String {
        switch description {
        case "inside quotes"?: "remove the quotes"
        case "inside a comment"?: "move it out of the comment"
        case "behind a '$'"?: "remove the '$', or write '${{\(name)}}' for a shell variable"
        case "behind a '\\'"?: "remove the backslash"
        default: "give it to a shell variable first (value={\(name)}) and use \"$value\""
        }
    }
}

/// A line of a here-document that holds placeholders, which together might spell the delimiter.
struct HereDocumentLine: Sendable, Hashable {
    var delimiter: String
    var stripsTabs: Bool
    /// Bytes of the line; placeholders by their number, negative and counted from -1.
    var symbols: [Int]

    func isDelimiter(with words: [String]) -> Bool {
        var line: [UInt8] = []
        for symbol in symbols {
            if symbol >= 0 {
                line.append(UInt8(truncatingIfNeeded: symbol))
            } else if words.indices.contains(-symbol - 1) {
                line += words[-symbol - 1].utf8
            }
        }
        let text = stripsTabs ? line.drop { $0 == UInt8(ascii: "\t") } : line[...]
        return text.elementsEqual(delimiter.utf8)
    }
}

/// What a scan of a template's shell text tells.
struct ShellPlaces: Sendable {
    /// A point in the template: behind so many bytes of a piece, or behind all of it.
    struct Point: Sendable, Hashable {
        var piece: Int
        var offset: Int?
    }

    /// For each placeholder, in order.
    let places: [ShellPlace]
    let hereDocumentLines: [HereDocumentLine]
    /// Where undeclared parameters go: behind the last word of the command, before comments, line ends and
    /// here-documents.
    let end: Point
    /// Whether any value may be added there.
    let takesExtras: Bool

    init(of pieces: [CommandTemplate.Piece]) {
        var symbols: [Int] = []
        var placeholders = 0
        for piece in pieces {
            switch piece {
            case .literal(let text): symbols += text.utf8.lazy.map(Int.init)
            case .placeholder:
                placeholders += 1
                symbols.append(-placeholders)
            }
        }
        var scanner = ShellScanner(symbols)
        scanner.scan()
        places = (0..<placeholders).map {
            scanner.places[$0] ?? .fragile("in a part of the command that cannot be followed")
        }
        hereDocumentLines = scanner.hereDocumentLines
        takesExtras = scanner.endsInCommand
        end = Self.point(at: scanner.end, in: pieces)
    }

    /// The piece that holds the symbol before `count` symbols have passed.
    private static func point(at count: Int, in pieces: [CommandTemplate.Piece]) -> Point {
        var passed = 0
        for (index, piece) in pieces.enumerated() {
            switch piece {
            case .literal(let text):
                if count <= passed + text.utf8.count { return Point(piece: index, offset: count - passed) }
                passed += text.utf8.count
            case .placeholder:
                passed += 1
                if count == passed { return Point(piece: index, offset: nil) }
            }
        }
        return Point(piece: max(0, pieces.count - 1), offset: nil)
    }
}
