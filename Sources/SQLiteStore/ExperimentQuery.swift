import Tracking

/// A search over experiments as SQL; its result is `experimentColumns`.
struct ExperimentQuery {
    private var select = SelectStatement(experimentColumns, from: "experiments e")

    init(_ search: ExperimentSearch) throws(TrackingError) {
        let filter = try Filter(search.filter, in: .experiments)
        let orderings = try Ordering.parse(search.orderBy, in: .experiments)
        switch search.viewType {
        case .activeOnly: select.addCondition("e.lifecycle_stage = 'active'")
        case .deletedOnly: select.addCondition("e.lifecycle_stage = 'deleted'")
        case .all: break
        }
        for comparison in filter.comparisons { add(comparison) }
        for case .attribute(let name) in orderings.map(\.key) {
            let isAscending = orderings.contains(Ordering(.attribute(name)))
            select.addOrder(Self.column(name) + (isAscending ? "" : " DESC"))
        }
        if orderings.isEmpty {
            select.addOrder("e.creation_time DESC")
            select.addOrder("e.experiment_id")
        } else if !orderings.contains(where: { $0.key == .attribute("experiment_id") }) {
            select.addOrder("e.experiment_id DESC")
        }
    }

    var statement: (sql: String, values: [SQLiteValue]) { select.statement }

    private static let tags = KeyedTable(
        name: "experiment_tags", tie: "$.experiment_id = e.experiment_id", keyColumn: "key", valueColumn: "value")

    private mutating func add(_ comparison: Comparison) {
        switch comparison.key {
        case .tag(let key): select.add(comparison.test, ofKey: key, in: Self.tags)
        case .attribute("experiment_id"):
            // Lists are of texts, the column is a number.
            let column =
                if case .integer = comparison.test { "e.experiment_id" } else { "CAST(e.experiment_id AS TEXT)" }
            let (sql, values) = comparison.test.condition(on: column)
            select.addCondition(sql, values)
        case .attribute(let name):
            let (sql, values) = comparison.test.condition(on: Self.column(name))
            select.addCondition(sql, values)
        case .metric, .param, .dataset: break
        }
    }

    private static func column(_ attribute: String) -> String {
        switch attribute {
        case "name": "e.name"
        case "experiment_id": "e.experiment_id"
        case "creation_time": "e.creation_time"
        default: "e.last_update_time"
        }
    }
}
