/// Turns the tokens of one filter or order clause into typed comparisons.
///
/// The grammar has no nesting, so the parser does not recurse, and the time it takes is proportional to the text.
struct FilterParser {
    private let source: String
    private let vocabulary: SearchVocabulary
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

    private struct Identifier {
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

    // MARK: Comparators and values

    private enum Comparator: Equatable {
        case symbol(String)
        case like, caseInsensitiveLike, anyOf, noneOf, isNull, isNotNull

        var text: String {
            switch self {
            case .symbol(let text): text
            case .like: "LIKE"
            case .caseInsensitiveLike: "ILIKE"
            case .anyOf: "IN"
            case .noneOf: "NOT IN"
            case .isNull: "IS NULL"
            case .isNotNull: "IS NOT NULL"
            }
        }
    }

    private mutating func takeComparator() throws(TrackingError) -> Comparator {
        let token = current
        if token.kind == .comparator {
            advance()
            return .symbol(token.text)
        }
        if takeWord("LIKE") { return .like }
        if takeWord("ILIKE") { return .caseInsensitiveLike }
        if takeWord("IN") { return .anyOf }
        if takeWord("NOT"), takeWord("IN") { return .noneOf }
        if takeWord("IS") {
            let isNegated = takeWord("NOT")
            if takeWord("NULL") { return isNegated ? .isNotNull : .isNull }
        }
        if token.kind == .end {
            throw .invalidParameter("Invalid clause(s) in filter string: the last comparison is incomplete")
        }
        throw unexpectedClause(token)
    }

    private mutating func metricTest(
        _ comparator: Comparator, key: Identifier
    ) throws(TrackingError) -> Comparison.Test {
        if comparator == .isNull || comparator == .isNotNull {
            throw .invalidParameter(
                "IS NULL / IS NOT NULL is only supported for tags and params, not for 'metric' '\(key.key)'")
        }
        let symbol = try numberComparator(comparator)
        let token = current
        guard token.kind == .number, let number = Double(token.text) else {
            throw .invalidParameter("Expected numeric value type for metric. Found \(raw(token))" + place(of: token))
        }
        advance()
        return .number(symbol, number)
    }

    private mutating func attributeTest(
        _ comparator: Comparator, name: String
    ) throws(TrackingError) -> Comparison.Test {
        guard let attribute = vocabulary.attributes[name] else { return .isNull }
        if comparator == .isNull || comparator == .isNotNull {
            throw .invalidParameter(
                "IS NULL / IS NOT NULL is only supported for tags and params, not for 'attribute' '\(name)'")
        }
        switch attribute.kind {
        case .text:
            return try textTest(
                comparator, kind: "attribute", takesPatterns: attribute.takesPatterns, takesLists: attribute.takesLists)
        case .identifier:
            return try identifierTest(comparator, name: name)
        case .integer, .quotableInteger:
            return try integerTest(comparator, name: name, takesQuotes: attribute.kind == .quotableInteger)
        }
    }

    private mutating func integerTest(
        _ comparator: Comparator, name: String, takesQuotes: Bool
    ) throws(TrackingError) -> Comparison.Test {
        let symbol = try numberComparator(comparator)
        let token = current
        let isQuoted = if case .quoted(let quote) = token.kind { quote != UInt8(ascii: "`") } else { false }
        guard token.kind == .number || (takesQuotes && isQuoted) else {
            throw .invalidParameter(
                "Expected numeric value type for numeric attribute: \(name). Found \(raw(token))" + place(of: token))
        }
        guard let number = Int64(token.text) else {
            throw .invalidParameter("Invalid value for numeric attribute '\(name)': '\(token.text)'" + place(of: token))
        }
        advance()
        return .integer(symbol, number)
    }

    /// A numeric id, written as text, compared for identity.
    private mutating func identifierTest(
        _ comparator: Comparator, name: String
    ) throws(TrackingError) -> Comparison.Test {
        let test: Comparison.Test
        if current.kind == .number, comparator == .symbol("=") || comparator == .symbol("!=") {
            test = .text(comparator == .symbol("=") ? .equal : .notEqual, current.text)
            advance()
        } else {
            test = try textTest(comparator, kind: name, takesPatterns: false, takesLists: true)
        }
        switch test {
        case .text(let symbol, let text):
            return .integer(symbol == .equal ? .equal : .notEqual, try Validation.experimentID(text))
        case .anyOf(let list), .noneOf(let list):
            for text in list { _ = try Validation.experimentID(text) }
            return test
        default:
            return test
        }
    }

    private mutating func keyedTextTest(
        _ comparator: Comparator, kind: String
    ) throws(TrackingError) -> Comparison.Test {
        if vocabulary.takesNullTests {
            if comparator == .isNull { return .isNull }
            if comparator == .isNotNull { return .isNotNull }
        }
        return try textTest(
            comparator, kind: kind, takesPatterns: true, takesLists: vocabulary.takesListsEverywhere)
    }

    private mutating func textTest(
        _ comparator: Comparator, kind: String, takesPatterns: Bool, takesLists: Bool
    ) throws(TrackingError) -> Comparison.Test {
        switch comparator {
        case .symbol("="): return .text(.equal, try takeText(kind: kind))
        case .symbol("!="): return .text(.notEqual, try takeText(kind: kind))
        case .like where takesPatterns: return .text(.like, try takePattern(kind: kind))
        case .caseInsensitiveLike where takesPatterns: return .text(.caseInsensitiveLike, try takePattern(kind: kind))
        case .anyOf where takesLists: return .anyOf(try takeList())
        case .noneOf where takesLists: return .noneOf(try takeList())
        case .anyOf, .noneOf:
            throw .invalidParameter(
                "Only ['run_id'] attributes support comparison with a list of quoted string values.")
        case .symbol(let text) where !NumberComparator.allCases.map(\.rawValue).contains(text):
            throw invalidComparator(text)
        default:
            throw .invalidParameter("Invalid comparator for \(kind): \(comparator.text)")
        }
    }

    private func numberComparator(_ comparator: Comparator) throws(TrackingError) -> NumberComparator {
        guard case .symbol(let text) = comparator, let symbol = NumberComparator(rawValue: text) else {
            throw invalidComparator(comparator.text)
        }
        return symbol
    }

    private func invalidComparator(_ text: String) -> TrackingError {
        let valid = NumberComparator.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return .invalidParameter("Invalid comparator '\(text)' not one of '{\(valid)}'")
    }

    private mutating func takePattern(kind: String) throws(TrackingError) -> String {
        let token = current
        let pattern = try takeText(kind: kind)
        guard pattern.utf8.count <= Limits.patternLength else {
            throw .invalidParameter(
                "the pattern of \(pattern.utf8.count) bytes is too long: at most \(Limits.patternLength) are possible"
                    + place(of: token))
        }
        return pattern
    }

    private mutating func takeText(kind: String) throws(TrackingError) -> String {
        let token = current
        switch token.kind {
        case .quoted(let quote) where quote != UInt8(ascii: "`"):
            advance()
            return token.text
        case .number:
            throw .invalidParameter(
                "Expected a quoted string value for \(kind) (e.g. 'my-value'). Got value \(token.text)"
                    + place(of: token))
        case .end:
            throw .invalidParameter("Invalid clause(s) in filter string: the last comparison has no value")
        default:
            throw .invalidParameter(
                "Parameter value is either not quoted or unidentified quote types used for string value "
                    + "\(raw(token)). Use either single or double quotes." + place(of: token))
        }
    }

    private mutating func takeList() throws(TrackingError) -> [String] {
        let start = current
        guard takeSymbol("(") else {
            throw .invalidParameter("Expected a list of quoted strings in parentheses after IN" + place(of: start))
        }
        var list: [String] = []
        while !takeSymbol(")") {
            if !list.isEmpty, !takeSymbol(",") { throw badList(start) }
            guard case .quoted(let quote) = current.kind, quote != UInt8(ascii: "`") else {
                if list.isEmpty, current.text == ")" { break }
                throw badList(start)
            }
            list.append(current.text)
            advance()
        }
        guard !list.isEmpty else {
            throw .invalidParameter(
                "While parsing a list in the query, expected a non-empty list of string values, but got empty list"
                    + place(of: start))
        }
        return list
    }

    private func badList(_ start: FilterToken) -> TrackingError {
        .invalidParameter(
            "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different "
                + "type in list: \(raw(current))" + place(of: start))
    }

    // MARK: Tokens

    private var current: FilterToken {
        // The last token is `.end`, and nobody advances past it.
        tokens.indices.contains(index)
            ? tokens[index] : FilterToken(kind: .end, text: "", start: source.utf8.count, end: source.utf8.count)
    }

    private mutating func advance() {
        index += 1
    }

    private mutating func takeWord(_ word: String) -> Bool {
        guard current.kind == .word, current.text.uppercased() == word else { return false }
        advance()
        return true
    }

    private mutating func takeSymbol(_ symbol: String) -> Bool {
        guard current.kind == .other, current.text == symbol else { return false }
        advance()
        return true
    }

    /// The token when a word stands where a key should be that other query languages would allow there.
    private func conjunction(_ identifier: Identifier) -> FilterToken? {
        guard identifier.prefix == nil, identifier.token.kind == .word else { return nil }
        return ["AND", "OR", "NOT"].contains(identifier.key.uppercased()) ? identifier.token : nil
    }

    private func unexpectedClause(_ token: FilterToken? = nil) -> TrackingError {
        let token = token ?? current
        return .invalidParameter("Invalid clause(s) in filter string: '\(raw(token))'" + place(of: token))
    }

    /// The token as it was written, cut to a readable length.
    private func raw(_ token: FilterToken) -> String {
        let text = token.text.count > 100 ? token.text.prefix(100) + "…" : token.text[...]
        guard case .quoted(let quote) = token.kind else { return String(text) }
        let mark = String(Unicode.Scalar(quote))
        return mark + text + mark
    }

    private func place(of token: FilterToken) -> String {
        " (at character \(source.utf8.prefix(token.start).count { $0 & 0xC0 != 0x80 } + 1) of the filter)"
    }
}
