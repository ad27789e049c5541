import Tracking

/// A search over runs by their columns in memory; finds the same in the same order as the statement of `RunQuery`.
struct RunColumnSearch {
    private var tests: [RunTest] = []
    private var orders: [RunOrder] = []
    private let experiments: Set<Int64>
    private let view: ViewType

    /// Gets the columns that the search needs.
    ///
    /// - Throws: `RunColumns.Unsuitable` when it cannot be answered from memory.
    init(_ query: RunQuery, _ columns: inout RunColumns, _ connection: Connection) throws {
        experiments = Set(query.experiments)
        view = query.viewType
        for comparison in query.filter.comparisons { tests.append(try RunTest(comparison, &columns, connection)) }
        for ordering in query.orderings { orders.append(try RunOrder(ordering, &columns, connection)) }
        if !query.orderings.contains(where: { $0.key == .attribute("start_time") }) {
            orders.append(.integers(columns.startTimes.values, isAscending: false))
        }
    }

    /// The rows of the runs that are found, in order, from the place `offset` on and at most so many.
    func rowIDs(in columns: RunColumns, offset: Int, limit: Int) -> [Int64] {
        let isWanted = columns.experimentIDs.map(experiments.contains)
        var candidates = (0..<columns.count).filter { run in
            isWanted[Int(columns.experiments[run])]
                && (view == .all || columns.isDeleted[run] == (view == .deletedOnly))
        }
        for test in tests { test.apply(to: &candidates) }
        return first(offset + limit, of: candidates).dropFirst(offset).map { columns.rowIDs[$0.run] }
    }

    private struct Candidate {
        let key: UInt64
        let run: Int
    }

    /// The first of the candidates in order.
    private func first(_ count: Int, of candidates: [Int]) -> ArraySlice<Candidate> {
        guard let order = orders.first else { return [] }
        var best: [Candidate] = []
        var last: Candidate?
        for run in candidates {
            let candidate = Candidate(key: order.key(of: run), run: run)
            if let last, precedes(last, candidate) { continue }
            best.append(candidate)
            // Whatever comes after the first `count` of twice as many is out.
            if best.count >= 2 * count, best.count >= 64 {
                best.sort(by: precedes)
                best.removeLast(best.count - count)
                last = best.last
            }
        }
        best.sort(by: precedes)
        return best.prefix(count)
    }

    private func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
        if left.key != right.key { return left.key < right.key }
        for order in orders.dropFirst() {
            let keys = (order.key(of: left.run), order.key(of: right.run))
            if keys.0 != keys.1 { return keys.0 < keys.1 }
        }
        // Columns are in the order of run ids.
        return left.run < right.run
    }
}

/// One comparison of a filter, with the column it looks at.
private enum RunTest {
    case metric(MetricColumn, NumberComparator, Double)
    case integer(IntegerColumn, NumberComparator, Int64)
    case presence(IntegerColumn, Bool)
    /// Whether a code passes.
    case text(codes: [Int32], passes: [Bool])

    init(_ comparison: Comparison, _ columns: inout RunColumns, _ connection: Connection) throws {
        switch (comparison.key, comparison.test) {
        case (.metric(let key), .number(let comparator, let number)):
            self = .metric(try columns.metric(StoredKey(text: key), connection), comparator, number)
        case (.param(let key), let test):
            self = try .text(test, columns.text(.param(StoredKey(text: key)), connection), connection)
        case (.tag(let key), let test):
            self = try .text(test, columns.text(.tag(StoredKey(text: key)), connection), connection)
        case (.attribute("run_name"), let test):
            self = try .text(test, columns.text(.tag(StoredKey(text: WellKnownTag.runName)), connection), connection)
        case (.attribute(let name), .integer(let comparator, let number)):
            self = .integer(try columns.integers(name, connection), comparator, number)
        case (.attribute(let name), .isNull) where RunColumns.hasIntegers(name):
            self = .presence(try columns.integers(name, connection), false)
        case (.attribute(let name), .isNotNull) where RunColumns.hasIntegers(name):
            self = .presence(try columns.integers(name, connection), true)
        case (.attribute(let name), let test):
            self = try .text(test, columns.text(try columns.source(ofAttribute: name), connection), connection)
        default: throw RunColumns.Unsuitable()
        }
    }

    private static func text(
        _ test: Comparison.Test, _ column: TextColumn, _ connection: Connection
    ) throws -> RunTest {
        var passes = Array(repeating: false, count: column.texts.count + Int(TextColumn.firstText))
        func setAll(_ value: Bool) {
            for code in Int(TextColumn.firstText)..<passes.count { passes[code] = value }
        }
        func set(_ value: Bool, for texts: [String]) {
            for text in texts { if let code = column.code(of: text) { passes[Int(code)] = value } }
        }
        switch test {
        case .text(.equal, let text): set(true, for: [text])
        case .anyOf(let texts): set(true, for: texts)
        case .text(.notEqual, let text):
            setAll(true)
            set(false, for: [text])
        case .noneOf(let texts):
            setAll(true)
            set(false, for: texts)
        case .isNull: passes[Int(TextColumn.absent)] = true
        case .isNotNull:
            setAll(true)
            passes[Int(TextColumn.null)] = true
        case .text(.like, _), .text(.caseInsensitiveLike, _):
            // The database itself judges the patterns, once for each different text.
            guard column.texts.count <= 500 else { throw RunColumns.Unsuitable() }
            let (condition, values) = test.condition(on: "?1")
            for (index, text) in column.texts.enumerated() {
                passes[index + Int(TextColumn.firstText)] = try connection.isTrue(condition, [.text(text)] + values)
            }
        case .number, .integer: throw RunColumns.Unsuitable()
        }
        return .text(codes: column.codes, passes: passes)
    }

    /// Takes away the runs that do not pass.
    func apply(to runs: inout [Int]) {
        switch self {
        case .metric(let column, let comparator, let number):
            runs.removeAll { run in
                switch column.states[run] {
                case .missing: true
                // It differs from every number and is neither less nor greater.
                case .nan: comparator != .notEqual
                case .number: !comparator.holds(column.values[run], number)
                }
            }
        case .integer(let column, let comparator, let number):
            runs.removeAll { run in
                let value = column.values[run]
                return value == IntegerColumn.missing || !comparator.holds(value, number)
            }
        case .presence(let column, let isPresent):
            runs.removeAll { (column.values[$0] != IntegerColumn.missing) != isPresent }
        case .text(let codes, let passes):
            runs.removeAll { !passes[Int(codes[$0])] }
        }
    }
}

extension NumberComparator {
    fileprivate func holds<Number: Comparable>(_ left: Number, _ right: Number) -> Bool {
        switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }
}

/// One key of an order, with its column: every run has a number, and the numbers are ordered as the runs are to be.
private enum RunOrder {
    case metrics(MetricColumn, isAscending: Bool)
    case integers([Int64], isAscending: Bool)
    case texts(codes: [Int32], ranks: [UInt64], isAscending: Bool)

    init(_ ordering: Ordering, _ columns: inout RunColumns, _ connection: Connection) throws {
        let isAscending = ordering.isAscending
        func texts(_ source: RunColumns.TextSource) throws -> RunOrder {
            let ranks = try columns.ranks(of: source, connection)
            return .texts(codes: try columns.text(source, connection).codes, ranks: ranks, isAscending: isAscending)
        }
        switch ordering.key {
        case .metric(let key):
            self = .metrics(try columns.metric(StoredKey(text: key), connection), isAscending: isAscending)
        case .param(let key): self = try texts(.param(StoredKey(text: key)))
        case .tag(let key): self = try texts(.tag(StoredKey(text: key)))
        case .attribute("run_name"): self = try texts(.attribute("name"))
        case .attribute(let name) where RunColumns.hasIntegers(name):
            self = .integers(try columns.integers(name, connection).values, isAscending: isAscending)
        case .attribute(let name): self = try texts(try columns.source(ofAttribute: name))
        case .dataset: throw RunColumns.Unsuitable()
        }
    }

    /// What is missing comes last in both directions, NaN just before it.
    func key(of run: Int) -> UInt64 {
        switch self {
        case .metrics(let column, let isAscending):
            switch column.states[run] {
            case .missing: return .max
            case .nan: return .max - 1
            case .number:
                // Bits of numbers are ordered as the numbers are, once the signs are straightened out; both zeros are one.
                let bits = (column.values[run] + 0.0).bitPattern
                let key = bits >> 63 == 0 ? bits | 1 << 63 : ~bits
                return isAscending ? key : ~key
            }
        case .integers(let values, let isAscending):
            let value = values[run]
            if value == IntegerColumn.missing { return .max }
            let key = UInt64(bitPattern: value ^ .min)
            return isAscending ? key : ~key
        case .texts(let codes, let ranks, let isAscending):
            let rank = ranks[Int(codes[run])]
            return isAscending || rank == .max ? rank : .max - 1 - rank
        }
    }
}

extension RunColumns {
    /// Whether an attribute is a whole number.
    fileprivate static func hasIntegers(_ attribute: String) -> Bool {
        attribute == "start_time" || attribute == "end_time"
    }

    fileprivate mutating func integers(_ attribute: String, _ connection: Connection) throws -> IntegerColumn {
        switch attribute {
        case "start_time": startTimes
        case "end_time": try endTimes(connection)
        default: throw Unsuitable()
        }
    }

    /// Where a text attribute is found; run ids are all different, so that a column of them is of no use.
    fileprivate func source(ofAttribute name: String) throws -> TextSource {
        switch name {
        case "status", "artifact_uri", "user_id": .attribute(name)
        default: throw Unsuitable()
        }
    }
}
