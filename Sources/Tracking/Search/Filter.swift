/// A parsed filter: all of its comparisons must hold.
///
/// Nothing in it is text of the query any more.
package struct Filter: Sendable, Hashable {
    package var comparisons: [Comparison]

    package init(_ comparisons: [Comparison] = []) {
        self.comparisons = comparisons
    }

    /// Parses a filter of MLflow's search language; empty text is the filter that everything passes.
    ///
    /// - Throws: `INVALID_PARAMETER_VALUE`, saying what is wrong and at which character.
    package init(_ text: String, in vocabulary: SearchVocabulary) throws(TrackingError) {
        var parser = try FilterParser(text, vocabulary: vocabulary)
        comparisons = try parser.parseFilter()
    }
}

/// What a comparison or an order looks at.
package enum SearchKey: Sendable, Hashable {
    /// The name is the canonical one, aliases are resolved.
    case attribute(String)
    case metric(String)
    case param(String)
    case tag(String)
    case dataset(String)
}

/// One comparison of a filter.
package struct Comparison: Sendable, Hashable {
    package enum Test: Sendable, Hashable {
        case number(NumberComparator, Double)
        case integer(NumberComparator, Int64)
        case text(TextComparator, String)
        case anyOf([String])
        case noneOf([String])
        case isNull
        case isNotNull
    }

    package var key: SearchKey
    package var test: Test

    package init(_ key: SearchKey, _ test: Test) {
        self.key = key
        self.test = test
    }
}

package enum NumberComparator: String, Sendable, Hashable, CaseIterable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
}

package enum TextComparator: String, Sendable, Hashable, CaseIterable {
    case equal = "="
    case notEqual = "!="
    /// Case-sensitive; `%` stands for any run of characters, `_` for one, and nothing escapes them.
    case like = "LIKE"
    /// The same, without regard to the case of ASCII letters.
    case caseInsensitiveLike = "ILIKE"
}

/// One key of an order.
package struct Ordering: Sendable, Hashable {
    package var key: SearchKey
    package var isAscending: Bool

    package init(_ key: SearchKey, isAscending: Bool = true) {
        self.key = key
        self.isAscending = isAscending
    }

    /// Parses the entries of `order_by`, each `KEY [ASC|DESC]`; a key may come only once.
    package static func parse(_ clauses: [String], in vocabulary: SearchVocabulary) throws(TrackingError) -> [Ordering]
    {
        guard clauses.count <= Limits.orderKeys else {
            throw .invalidParameter("`order_by` has \(clauses.count) fields; at most \(Limits.orderKeys) are possible")
        }
        var orderings: [Ordering] = []
        for clause in clauses {
            let ordering = try parse(clause, in: vocabulary)
            guard !orderings.contains(where: { $0.key == ordering.key }) else {
                throw .invalidParameter("`order_by` contains duplicate fields: \(clauses)")
            }
            orderings.append(ordering)
        }
        return orderings
    }

    private static func parse(_ clause: String, in vocabulary: SearchVocabulary) throws(TrackingError) -> Ordering {
        var parser: FilterParser
        do {
            parser = try FilterParser(clause, vocabulary: vocabulary)
        } catch {
            throw .invalidParameter("Invalid order_by clause '\(clause.prefix(200))'. Could not be parsed.")
        }
        return try parser.parseOrdering()
    }
}
