package import Diagnostics
package import Documents

/// A value of the file: written out, an expression, or text with expressions in it.
///
/// What an expression gives is never read again: a value that contains `${{` stays as it is.
package struct Template: Sendable, Hashable {
    package indirect enum Content: Sendable, Hashable {
        /// Written out.
        case literal(Value)
        /// `${{ … }}` is the whole value, so the result keeps its type.
        case expression(Expression)
        /// The result is text.
        case text([Part])
        /// Elements that are templates themselves.
        case list([Template])
    }

    package enum Part: Sendable, Hashable {
        case text(String)
        case expression(Expression)
    }

    package let content: Content
    /// The text as it was written, of which the same template can be read again; nil for what is no text.
    package let source: String?
    /// Where the value begins.
    package let location: SourceLocation

    private init(_ content: Content, at location: SourceLocation) {
        self.content = content
        source = nil
        self.location = location
    }

    /// A value that is not from the file, such as one of the command line; nothing in it is an expression.
    package init(literal value: Value, at location: SourceLocation) {
        self.init(.literal(value), at: location)
    }

    /// Reads a value of a pipeline file; `source` is the text of the file, for places in messages.
    ///
    /// - Throws: everything that is wrong with it, each with its place.
    package init(reading node: YAMLNode, in source: SourceText) throws(InvalidInput) {
        switch node.content {
        case .scalar(let scalar):
            let isText = !scalar.isPlain || scalar.text.contains("${{")
            if isText, node.tag == nil || node.tag == .string {
                guard scalar.text.contains("${{") else {
                    self.init(literal: .string(scalar.text), at: node.location)
                    return
                }
                try self.init(parsing: scalar.text, at: node.placement(in: source))
                return
            }
            self.init(literal: try node.coreValue().scalarValue, at: node.location)
        case .sequence(let items):
            var problems: [Diagnostic] = []
            var templates: [Template] = []
            for item in items {
                do {
                    templates.append(try Template(reading: item, in: source))
                } catch {
                    problems += error.diagnostics
                }
            }
            guard problems.isEmpty else { throw InvalidInput(problems) }
            var literals: [Value] = []
            for case .literal(let value) in templates.map(\.content) { literals.append(value) }
            self.init(
                literals.count == templates.count ? .literal(.list(literals)) : .list(templates), at: node.location)
        case .mapping:
            throw InvalidInput([
                Diagnostic(
                    .error, code: "P011", at: node.location, "a mapping cannot be a value here",
                    remedy: "give text, a number, true or false, or a list")
            ])
        }
    }

    /// Reads a text with `${{ … }}` in it; `\${{` is a literal `${{`.
    package init(parsing text: String, at placement: TextPlacement) throws(InvalidInput) {
        var reader = TemplateReader(text, placement)
        content = try reader.read()
        source = text
        location = placement.start
    }

    /// Every expression in it, in order.
    package var expressions: [Expression] {
        switch content {
        case .literal: []
        case .expression(let expression): [expression]
        case .text(let parts):
            parts.compactMap { if case .expression(let expression) = $0 { expression } else { nil } }
        case .list(let items): items.flatMap(\.expressions)
        }
    }

    package var references: [ReferenceUse] { expressions.flatMap(\.references) }

    /// The value, if it is written out.
    package var literal: Value? {
        if case .literal(let value) = content { value } else { nil }
    }

    /// Whether the value is another one each time, so that a step that has it as a param is never reused.
    package var isNewEachTime: Bool {
        references.contains { use in
            switch use.reference {
            case .run, .fact("attempt"), .pipeline("run_id"): true
            default: false
            }
        }
    }

    /// Whether the value is known before anything starts.
    package var isKnownBeforeStart: Bool { expressions.allSatisfy(\.isKnownBeforeStart) }
}

/// Splits a text into what stands as it is and what is an expression.
private struct TemplateReader {
    private let text: String
    private let bytes: [UInt8]
    private let placement: TextPlacement
    private var position = 0
    private var literal: [UInt8] = []
    private var parts: [Template.Part] = []
    private var problems: [Diagnostic] = []

    init(_ text: String, _ placement: TextPlacement) {
        self.text = text
        bytes = Array(text.utf8)
        self.placement = placement
    }

    mutating func read() throws(InvalidInput) -> Template.Content {
        while position < bytes.count {
            if starts("\\${{", at: position) {
                literal += Array("${{".utf8)
                position += 4
            } else if starts("${{", at: position) {
                readExpression()
            } else {
                literal.append(bytes[position])
                position += 1
            }
        }
        guard problems.isEmpty else { throw InvalidInput(problems) }
        if parts.isEmpty { return .literal(.string(String(decoding: literal, as: UTF8.self))) }
        if literal.isEmpty, parts.count == 1, case .expression(let expression) = parts[0] {
            return .expression(expression)
        }
        endLiteral()
        return .text(parts)
    }

    private func starts(_ prefix: String, at offset: Int) -> Bool {
        bytes[offset...].starts(with: prefix.utf8)
    }

    private mutating func endLiteral() {
        guard !literal.isEmpty else { return }
        parts.append(.text(String(decoding: literal, as: UTF8.self)))
        literal = []
    }

    private mutating func readExpression() {
        endLiteral()
        let start = position + 3
        var parser = ExpressionParser(bytes, at: start)
        do {
            let root = try parser.parse(isInTemplate: true)
            problems += parser.problems.map { $0.diagnostic(placement) }
            position = parser.position
            let inner = String(decoding: bytes[start..<max(start, position - 2)], as: UTF8.self)
            parts.append(.expression(Expression(root, text: inner.trimmingSpaces, placement: placement)))
        } catch {
            problems += (parser.problems + [error]).map { $0.diagnostic(placement) }
            // The token that could not follow may have been the end itself.
            var lexer = ExpressionLexer(bytes, at: start)
            lexer.skipToClose()
            position = max(lexer.position, start)
        }
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        let rest = drop(while: \.isWhitespace)
        return String(rest[..<(rest.lastIndex { !$0.isWhitespace }.map { rest.index(after: $0) } ?? rest.startIndex)])
    }
}

extension CoreValue {
    /// A scalar as a value of an expression; lists and mappings are read node by node.
    package var scalarValue: Value {
        switch self {
        case .null: .null
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .float(let number): .float(number)
        case .string(let text): .string(text)
        case .list(let items): .list(items.map(\.scalarValue))
        case .mapping: .null
        }
    }
}
