/// The right-hand sides of comparisons: which comparators and values each kind of key takes.
extension FilterParser {
    enum Comparator: Equatable {
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

    mutating func takeComparator() throws(TrackingError) -> Comparator {
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

    mutating func metricTest(
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

    mutating func attributeTest(
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

    mutating func keyedTextTest(
        _ comparator: Comparator, kind: String
    ) throws(TrackingError) -> Comparison.Test {
        if vocabulary.takesNullTests {
            if comparator == .isNull { return .isNull }
            if comparator == .isNotNull { return .isNotNull }
        }
        return try textTest(
            comparator, kind: kind, takesPatterns: true, takesLists: vocabulary.takesListsEverywhere)
    }

    mutating func textTest(
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
}
