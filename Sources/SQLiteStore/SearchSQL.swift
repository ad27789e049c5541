import Tracking

/// A SELECT in the making: every value from outside is a bound parameter, never text of the statement.
struct SelectStatement {
    /// A table of keyed rows that is joined to the searched one.
    struct Join {
        let table: String
        let alias: String
        /// On which rows are joined; sees the searched table.
        let condition: String
        let values: [SQLiteValue]
        /// Rows without a keyed row stay.
        let isOuter: Bool
        /// Only rows with one certain value pass, which are likely to be few.
        let isNarrow: Bool
    }

    private(set) var joins: [Join] = []
    private var conditions: [String] = []
    private var conditionValues: [SQLiteValue] = []
    private var order: [String] = []

    let columns: String
    let table: String

    /// `table` names the table and its alias.
    init(_ columns: String, from table: String) {
        self.columns = columns
        self.table = table
    }

    /// The text with its values; the database chooses the order in which tables are read.
    var statement: (sql: String, values: [SQLiteValue]) {
        var sql = "SELECT \(columns) FROM \(table)"
        for join in joins {
            sql += " \(join.isOuter ? "LEFT JOIN" : "JOIN") \(join.table) \(join.alias) ON \(join.condition)"
        }
        return (sql + clauses, joins.flatMap(\.values) + conditionValues)
    }

    /// The text with its values for tables that are to be read in a certain order: the database keeps no statistics here, and guesses badly.
    ///
    /// - Parameters:
    ///   - first: the inner join whose table is read before the searched one; nil: the searched one is the first.
    ///   - isScanned: whether all of that table is read in the order of the disk, instead of looking up its rows in an index.
    func statement(readingFirst first: Join?, isScanned: Bool) -> (sql: String, values: [SQLiteValue]) {
        var sql = "SELECT \(columns) FROM "
        var values: [SQLiteValue] = []
        if let first {
            sql +=
                "\(first.table) \(first.alias)\(isScanned ? " NOT INDEXED" : "") CROSS JOIN \(table) ON \(first.condition)"
            values += first.values
        } else {
            sql += table
        }
        let rest = joins.filter { $0.alias != first?.alias }
        for join in rest.filter({ !$0.isOuter && $0.isNarrow }) + rest.filter({ !$0.isOuter && !$0.isNarrow })
            + rest.filter(\.isOuter)
        {
            sql += " \(join.isOuter ? "LEFT JOIN" : "CROSS JOIN") \(join.table) \(join.alias) ON \(join.condition)"
            values += join.values
        }
        return (sql + clauses, values + conditionValues)
    }

    private var clauses: String {
        var sql = ""
        if !conditions.isEmpty { sql += " WHERE " + conditions.joined(separator: " AND ") }
        if !order.isEmpty { sql += " ORDER BY " + order.joined(separator: ", ") }
        return sql
    }

    mutating func addCondition(_ sql: String, _ values: [SQLiteValue] = []) {
        conditions.append(sql)
        conditionValues += values
    }

    mutating func addOrder(_ sql: String) {
        order.append(sql)
    }

    /// Joins a table of keyed rows under the alias that is returned.
    ///
    /// `condition` sees the alias as `$`.
    mutating func join(
        outer isOuter: Bool = false, narrow isNarrow: Bool = false, _ table: String, on condition: String,
        _ values: [SQLiteValue]
    ) -> String {
        let alias = "j\(joins.count + 1)"
        joins.append(
            Join(
                table: table, alias: alias, condition: condition.replacing("$", with: alias), values: values,
                isOuter: isOuter, isNarrow: isNarrow))
        return alias
    }
}

/// Where the keyed rows of one kind of thing are kept.
struct KeyedTable {
    /// The table.
    var name: String
    /// Conditions that tie a row, `$`, to the searched row.
    var tie: String
    var keyColumn: String
    var valueColumn: String
}

extension Comparison.Test {
    /// The test as a condition on a column.
    func condition(on column: String) -> (sql: String, values: [SQLiteValue]) {
        switch self {
        case .number(let comparator, let number): ("\(column) \(comparator.rawValue) ?", [.real(number)])
        case .integer(let comparator, let number): ("\(column) \(comparator.rawValue) ?", [.integer(number)])
        case .text(.equal, let text): ("\(column) = ?", [.text(text)])
        case .text(.notEqual, let text): ("\(column) != ?", [.text(text)])
        case .text(.like, let pattern): ("\(column) LIKE ?", [.text(pattern)])
        case .text(.caseInsensitiveLike, let pattern): ("lower(\(column)) LIKE lower(?)", [.text(pattern)])
        case .anyOf(let list): ("\(column) IN (SELECT value FROM json_each(?))", [.text(jsonArray(list))])
        case .noneOf(let list): ("\(column) NOT IN (SELECT value FROM json_each(?))", [.text(jsonArray(list))])
        case .isNull: ("\(column) IS NULL", [])
        case .isNotNull: ("\(column) IS NOT NULL", [])
        }
    }
}

extension SelectStatement {
    /// Keeps the rows that have a keyed row which passes the test; a missing one fails every test but `IS NULL`.
    mutating func add(_ test: Comparison.Test, ofKey key: String, in table: KeyedTable) {
        switch test {
        case .isNull, .isNotNull:
            let tie = table.tie.replacing("$", with: "k")
            let not = test == .isNull ? "NOT " : ""
            addCondition(
                "\(not)EXISTS (SELECT 1 FROM \(table.name) k WHERE \(tie) AND k.\(table.keyColumn) = ?)", [.text(key)])
        default:
            let (condition, values) = test.condition(on: "$.\(table.valueColumn)")
            let isNarrow = if case .text(.equal, _) = test { true } else { false }
            _ = join(
                narrow: isNarrow, table.name, on: "\(table.tie) AND $.\(table.keyColumn) = ? AND \(condition)",
                [.text(key)] + values)
        }
    }

    /// Orders by the value of a keyed row; rows without one come last in both directions.
    mutating func addOrder(byKey key: String, in table: KeyedTable, isAscending: Bool) {
        let alias = join(outer: true, table.name, on: "\(table.tie) AND $.\(table.keyColumn) = ?", [.text(key)])
        addOrder(byColumn: "\(alias).\(table.valueColumn)", isAscending: isAscending)
    }

    /// Orders by a column, without values last in both directions.
    mutating func addOrder(byColumn column: String, isAscending: Bool) {
        addOrder("\(column) IS NULL")
        addOrder(isAscending ? column : "\(column) DESC")
    }
}

/// Texts as a JSON array, for `json_each`.
func jsonArray(_ texts: [String]) -> String {
    var json = "["
    for text in texts {
        if json.utf8.count > 1 { json += "," }
        json += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: json.unicodeScalars.append(scalar)
            }
        }
        json += "\""
    }
    return json + "]"
}
