import Tracking

/// A SELECT in the making: every value from outside is a bound parameter, never text of the statement.
struct SelectStatement {
    private var joins = ""
    private var joinValues: [SQLiteValue] = []
    private var conditions: [String] = []
    private var conditionValues: [SQLiteValue] = []
    private var order: [String] = []
    private var aliases = 0

    let columns: String
    let table: String

    /// `table` names the table and its alias.
    init(_ columns: String, from table: String) {
        self.columns = columns
        self.table = table
    }

    var statement: (sql: String, values: [SQLiteValue]) {
        var sql = "SELECT \(columns) FROM \(table)\(joins)"
        if !conditions.isEmpty { sql += " WHERE " + conditions.joined(separator: " AND ") }
        if !order.isEmpty { sql += " ORDER BY " + order.joined(separator: ", ") }
        return (sql, joinValues + conditionValues)
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
        outer isOuter: Bool = false, _ table: String, on condition: String, _ values: [SQLiteValue]
    ) -> String {
        aliases += 1
        let alias = "j\(aliases)"
        joins += " \(isOuter ? "LEFT JOIN" : "JOIN") \(table) \(alias) ON " + condition.replacing("$", with: alias)
        joinValues += values
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
            _ = join(
                table.name, on: "\(table.tie) AND $.\(table.keyColumn) = ? AND \(condition)", [.text(key)] + values)
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
