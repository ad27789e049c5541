/// Turns the tokens of one filter or order clause into typed comparisons.
///
/// The grammar has no nesting, so the parser does not recurse, and the time it takes is proportional to the text.
struct FilterParser {
    private let source: String
    let vocabulary: SearchVocabulary
    private let tokens: [FilterToken]
    private var index = 0

    init(_ source: String, vocabulary: SearchVocabulary) throws(TrackingError) {
        guard source.utf8.count <= Limits.filterLength else {
            throw .invalidParameter(
                "Invalid filter of \(source.utf8.count) bytes: at most \(Limits.filterLength) are possible")
        }
        self.source = source
        self.vocabulary = vocabulary
        var lexer = FilterLexer(source)
        tokens = try lexer.tokens()
    }

    // MARK: Grammar

    mutating func parseFilter() throws(TrackingError) -> [Comparison] {
        guard !source.isEmpty else { return [] }
        guard current.kind != .end else {
            throw .invalidParameter("Invalid filter '\(source.prefix(200))'. Could not be parsed.")
        }
        var comparisons: [Comparison] = []
        while current.kind != .end {
            guard comparisons.count < Limits.filterComparisons else {
                throw .invalidParameter("Invalid filter: at most \(Limits.filterComparisons) comparisons are possible")
            }
            comparisons.append(try parseComparison())
            guard current.kind != .end else { break }
            guard takeWord("AND") else { throw unexpectedClause() }
        }
        return comparisons
    }

    mutating func parseOrdering() throws(TrackingError) -> Ordering {
        guard let identifier = takeIdentifier() else {
            throw .invalidParameter("Invalid order_by clause '\(source.prefix(200))'. Could not be parsed.")
        }
        var isAscending = true
        if takeWord("DESC") {
            isAscending = false
        } else {
            _ = takeWord("ASC")
        }
        guard current.kind == .end else {
            throw .invalidParameter("Invalid ordering key in order_by clause '\(source.prefix(200))'.")
        }
        return Ordering(try orderKey(identifier), isAscending: isAscending)
    }

    private mutating func parseComparison() throws(TrackingError) -> Comparison {
        let start = current
        guard let identifier = takeIdentifier() else {
            if start.kind == .other { throw unexpectedClause() }
            throw .invalidParameter(
                "Invalid comparison clause. Expected 'Identifier' found '\(raw(start))'" + place(of: start))
        }
        if let word = conjunction(identifier) { throw unexpectedClause(word) }
        let subject = try filterKey(identifier)
        let comparator = try takeComparator()
        let test =
            switch subject {
            case .metric: try metricTest(comparator, key: identifier)
            case .attribute(let name): try attributeTest(comparator, name: name)
            case .param: try keyedTextTest(comparator, kind: "parameter")
            case .tag: try keyedTextTest(comparator, kind: "tag")
            case .dataset: try textTest(comparator, kind: "dataset", takesPatterns: true, takesLists: true)
            }
        return Comparison(subject, test)
    }

    // MARK: Identifiers

    struct Identifier {
        var prefix: String?
        var key: String
        var token: FilterToken
    }

    private mutating func takeIdentifier() -> Identifier? {
        let token = current
        switch token.kind {
        case .quoted(let quote) where quote != UInt8(ascii: "'"):
            advance()
            return Identifier(prefix: nil, key: token.text, token: token)
        case .word:
            advance()
            guard let dot = token.text.firstIndex(of: ".") else {
                return Identifier(prefix: nil, key: token.text, token: token)
            }
            let prefix = String(token.text[..<dot])
            let key = String(token.text[token.text.index(after: dot)...])
            guard key.isEmpty else { return Identifier(prefix: prefix, key: key, token: token) }
            // `metrics.` is completed by a quoted key that follows without a blank.
            let next = current
            guard case .quoted(let quote) = next.kind, quote != UInt8(ascii: "'"), next.start == token.end else {
                return nil
            }
            advance()
            return Identifier(prefix: prefix, key: next.text, token: token)
        default:
            return nil
        }
    }

    private func filterKey(_ identifier: Identifier) throws(TrackingError) -> SearchKey {
        let entity = try entity(of: identifier)
        switch entity {
        case .metric: return .metric(identifier.key)
        case .parameter: return .param(identifier.key)
        case .tag: return .tag(identifier.key)
        case .dataset:
            guard vocabulary.datasetKeys.contains(identifier.key) else {
                throw .invalidParameter(
                    "Invalid dataset key '\(identifier.key)' specified. Valid keys are '\(vocabulary.datasetKeys)'"
                        + place(of: identifier.token))
            }
            return .dataset(identifier.key)
        case .attribute:
            guard let attribute = vocabulary.attributes[identifier.key], attribute.isFilterKey else {
                throw .invalidParameter(
                    "Invalid attribute key '\(identifier.key)' specified. Valid keys are "
                        + "'\(vocabulary.attributes(where: \.isFilterKey))'" + place(of: identifier.token))
            }
            return .attribute(attribute.name)
        }
    }

    private func orderKey(_ identifier: Identifier) throws(TrackingError) -> SearchKey {
        let entity = try entity(of: identifier)
        guard vocabulary.orderEntities.contains(entity) else {
            throw .invalidParameter("Invalid identifier type '\(entity.rawValue)'")
        }
        switch entity {
        case .metric: return .metric(identifier.key)
        case .parameter: return .param(identifier.key)
        case .tag: return .tag(identifier.key)
        case .dataset: return .dataset(identifier.key)
        case .attribute:
            guard let attribute = vocabulary.attributes[identifier.key], attribute.isOrderKey else {
                throw .invalidParameter(
                    "Invalid order by key '\(identifier.key)' specified. Valid keys are "
                        + "'\(vocabulary.attributes(where: \.isOrderKey))'")
            }
            return .attribute(attribute.name)
        }
    }

    private func entity(of identifier: Identifier) throws(TrackingError) -> SearchVocabulary.Entity {
        guard let prefix = identifier.prefix else { return .attribute }
        guard let entity = vocabulary.prefixes[prefix] else {
            let valid = Set(vocabulary.prefixes.values).map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
            throw .invalidParameter(
                "Invalid entity type '\(prefix)'. Valid values are [\(valid)]" + place(of: identifier.token))
        }
        return entity
    }

    // MARK: Tokens

    var current: FilterToken {
        // The last token is `.end`, and nobody advances past it.
        tokens.indices.contains(index)
            ? tokens[index] : FilterToken(kind: .end, text: "", start: source.utf8.count, end: source.utf8.count)
    }

    mutating func advance() {
        index += 1
    }

    mutating func takeWord(_ word: String) -> Bool {
        guard current.kind == .word, current.text.uppercased() == word else { return false }
        advance()
        return true
    }

    mutating func takeSymbol(_ symbol: String) -> Bool {
        guard current.kind == .other, current.text == symbol else { return false }
        advance()
        return true
    }

    /// The token when a word stands where a key should be that other query languages would allow there.
    private func conjunction(_ identifier: Identifier) -> FilterToken? {
        guard identifier.prefix == nil, identifier.token.kind == .word else { return nil }
        return ["AND", "OR", "NOT"].contains(identifier.key.uppercased()) ? identifier.token : nil
    }

    func unexpectedClause(_ token: FilterToken? = nil) -> TrackingError {
        let token = token ?? current
        return .invalidParameter("Invalid clause(s) in filter string: '\(raw(token))'" + place(of: token))
    }

    /// The token as it was written, cut to a readable length.
    func raw(_ token: FilterToken) -> String {
        let text = token.text.count > 100 ? token.text.prefix(100) + "…" : token.text[...]
        guard case .quoted(let quote) = token.kind else { return String(text) }
        let mark = String(Unicode.Scalar(quote))
        return mark + text + mark
    }

    func place(of token: FilterToken) -> String {
        " (at character \(source.utf8.prefix(token.start).count { $0 & 0xC0 != 0x80 } + 1) of the filter)"
    }
}
