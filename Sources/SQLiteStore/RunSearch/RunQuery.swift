import Tracking

/// A search over runs as SQL; its result is one column, the row ids in order.
struct RunQuery {
    private var select = SelectStatement("r.rowid", from: "runs r")
    /// As a JSON array of text.
    let experimentIDs: SQLiteValue
    // The same, before it is a statement.
    let experiments: [Int64]
    let filter: Filter
    let orderings: [Ordering]
    let viewType: ViewType

    init(_ search: RunSearch) throws(TrackingError) {
        filter = try Filter(search.filter, in: .runs)
        orderings = try Ordering.parse(search.orderBy, in: .runs)
        viewType = search.viewType
        var experiments: [Int64] = []
        for id in search.experimentIDs { experiments.append(try Validation.experimentID(id)) }
        self.experiments = experiments
        experimentIDs = .text(jsonArray(experiments.map { String($0) }))
        select.addCondition("r.experiment_id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))", [experimentIDs])
        switch search.viewType {
        case .activeOnly: select.addCondition("r.lifecycle_stage = 'active'")
        case .deletedOnly: select.addCondition("r.lifecycle_stage = 'deleted'")
        case .all: break
        }
        for comparison in filter.comparisons { add(comparison) }
        for ordering in orderings { add(ordering) }
        if !orderings.contains(where: { $0.key == .attribute("start_time") }) {
            select.addOrder("r.start_time DESC")
        }
        select.addOrder("r.run_uuid")
    }

    /// The statement, with its tables in the order that is best for a store of that shape.
    ///
    /// A filter on a key is followed from its own table where that leads to runs that are searched anyway, and from the runs where most of
    /// them are not.
    func statement(for shape: StoreShape) -> (sql: String, values: [SQLiteValue]) {
        let inner = select.joins.filter { !$0.isOuter }
        guard shape.searchedShare >= 0.25, let first = inner.first(where: \.isNarrow) ?? inner.first else {
            return select.statement(readingFirst: nil, isScanned: false)
        }
        // Reading a few rows in passing is quicker than looking up one.
        return select.statement(readingFirst: first, isScanned: shape.rowsPerRun(of: first.table) <= 10)
    }

    private static let params = KeyedTable(
        name: "params", tie: "$.run_uuid = r.run_uuid", keyColumn: "key", valueColumn: "value")
    private static let tags = KeyedTable(
        name: "tags", tie: "$.run_uuid = r.run_uuid", keyColumn: "key", valueColumn: "value")

    private mutating func add(_ comparison: Comparison) {
        switch comparison.key {
        case .param(let key): select.add(comparison.test, ofKey: key, in: Self.params)
        case .tag(let key): select.add(comparison.test, ofKey: key, in: Self.tags)
        case .metric(let key): addMetric(comparison.test, key: key)
        case .dataset(let key): addDataset(comparison.test, key: key)
        // The column `name` is empty for runs that old clients made; the tag is always there.
        case .attribute("run_name"): select.add(comparison.test, ofKey: WellKnownTag.runName, in: Self.tags)
        case .attribute(let name):
            let (sql, values) = comparison.test.condition(on: Self.column(name))
            select.addCondition(sql, values)
        }
    }

    /// NaN is stored as zero beside a flag; it differs from every number and is neither less nor greater.
    private mutating func addMetric(_ test: Comparison.Test, key: String) {
        let (condition, values) = test.condition(on: "$.value")
        let isNotEqual = if case .number(.notEqual, _) = test { true } else { false }
        let valid = isNotEqual ? "(\(condition) OR $.is_nan = 1)" : "\(condition) AND $.is_nan = 0"
        _ = select.join(
            "latest_metrics", on: "$.run_uuid = r.run_uuid AND $.key = ? AND \(valid)", [.text(key)] + values)
    }

    /// Some dataset of the run passes the test.
    private mutating func addDataset(_ test: Comparison.Test, key: String) {
        let edge = "i.destination_type = 'RUN' AND i.destination_id = r.run_uuid AND i.source_type = 'DATASET'"
        if key == "context" {
            let (condition, values) = test.condition(on: "t.value")
            select.addCondition(
                """
                EXISTS (SELECT 1 FROM inputs i JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = ?
                    WHERE \(edge) AND \(condition))
                """, [.text(WellKnownTag.datasetContext)] + values)
        } else {
            let (condition, values) = test.condition(on: key == "name" ? "d.name" : "d.digest")
            select.addCondition(
                """
                EXISTS (SELECT 1 FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
                    WHERE \(edge) AND \(condition))
                """, values)
        }
    }

    private mutating func add(_ ordering: Ordering) {
        switch ordering.key {
        case .param(let key): select.addOrder(byKey: key, in: Self.params, isAscending: ordering.isAscending)
        case .tag(let key): select.addOrder(byKey: key, in: Self.tags, isAscending: ordering.isAscending)
        case .metric(let key):
            let alias = select.join(
                outer: true, "latest_metrics", on: "$.run_uuid = r.run_uuid AND $.key = ?", [.text(key)])
            select.addOrder("CASE WHEN \(alias).value IS NULL THEN 2 ELSE \(alias).is_nan END")
            select.addOrder("\(alias).value" + (ordering.isAscending ? "" : " DESC"))
        case .attribute(let name):
            select.addOrder(byColumn: Self.column(name), isAscending: ordering.isAscending)
        case .dataset: break
        }
    }

    private static func column(_ attribute: String) -> String {
        switch attribute {
        case "run_id": "r.run_uuid"
        case "run_name": "r.name"
        case "status": "r.status"
        case "artifact_uri": "r.artifact_uri"
        case "user_id": "r.user_id"
        case "start_time": "r.start_time"
        default: "r.end_time"
        }
    }
}
