import ArgumentParser
import Diagnostics
import FoundationEssentials
import Glibc

/// How results are printed: a table for people, JSON for machines.
enum OutputFormat {
    case table, json
}

/// The flag every listing verb has.
struct OutputOptions: ParsableArguments {
    @Flag(name: .customLong("json"), help: "Print JSON instead of a table.")
    var isJSON = false

    var format: OutputFormat { isJSON ? .json : .table }
}

/// A result that can be listed.
protocol Listable: Encodable {
    static var columns: [String] { get }
    var cells: [String] { get }
}

/// The one place that turns results into text on standard output.
enum Output {
    static func render<Row: Listable>(_ rows: [Row], as format: OutputFormat, whenEmpty: String) throws {
        switch format {
        case .json:
            try renderJSON(rows)
        case .table:
            guard !rows.isEmpty else { return Messages.note(whenEmpty) }
            write(table(header: Row.columns, rows: rows.map(\.cells)))
        }
    }

    static func renderJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
    }

    static func write(_ text: String) {
        _ = write(Array(text.utf8)[...])
    }

    /// Writes to standard output.
    ///
    /// - Returns: false when the reader went away (`| head`), which is no error.
    static func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        writeAll(bytes, to: STDOUT_FILENO)
    }

    static func table(header: [String], rows: [[String]]) -> String {
        let shown = rows.map { $0.map(escapedForTerminal) }
        let widths = header.indices.map { column in
            ([header] + shown).map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        func line(_ cells: [String]) -> String {
            zip(cells, widths).map { cell, width in cell + String(repeating: " ", count: max(0, width - cell.count)) }
                .joined(separator: "  ").trimmingTrailingSpaces + "\n"
        }
        let title = Terminal.output.styled(line(header).trimmingTrailingSpaces.dropLastNewline, .bold) + "\n"
        return title + shown.map(line).joined()
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }

    fileprivate var dropLastNewline: String { hasSuffix("\n") ? String(dropLast()) : self }
}
