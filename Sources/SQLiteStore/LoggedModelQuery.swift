import Tracking

/// A search over logged models as SQL; its result is `loggedModelColumns`.
struct LoggedModelQuery {
    private var select = SelectStatement(loggedModelColumns, from: "logged_models l")
    /// Ties a page token to the search it came from.
    private let fingerprint: UInt64

    init(_ search: LoggedModelSearch) throws(TrackingError) {
        fingerprint = Self.fingerprint(of: search)
        guard search.datasets.allSatisfy({ !$0.name.isEmpty }) else {
            throw .invalidParameter("`dataset_name` in the `datasets` clause must be specified.")
        }
        let filter = try Filter(search.filter, in: .loggedModels)
        var ids: [String] = []
        for id in search.experimentIDs { ids.append(String(try Validation.experimentID(id))) }
        select.addCondition("l.lifecycle_stage != 'deleted'")
        select.addCondition(
            "l.experiment_id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))", [.text(jsonArray(ids))])
        for comparison in filter.comparisons { add(comparison, datasets: search.datasets) }
        let comparesMetrics = filter.comparisons.contains { if case .metric = $0.key { true } else { false } }
        if !search.datasets.isEmpty, !comparesMetrics { addMetric(nil, datasets: search.datasets) }
        for order in search.orderBy { try add(order) }
        select.addOrder("l.creation_timestamp_ms DESC")
        select.addOrder("l.model_id")
    }

    var statement: (sql: String, values: [SQLiteValue]) { select.statement }

    // MARK: Paging

    func offset(from token: String?) throws(TrackingError) -> Int {
        let token = try PageToken(token)
        guard token.offset == 0 || token.fingerprint == fingerprint else {
            throw .invalidParameter(
                "The page token does not match the requested experiment IDs, filter string and order by.")
        }
        return token.offset
    }

    func token(offset: Int) -> String {
        PageToken(offset: offset, fingerprint: fingerprint).text
    }

    /// FNV-1a over everything that decides the order of results; the same in every process, unlike `Hasher`.
    private static func fingerprint(of search: LoggedModelSearch) -> UInt64 {
        var parts = search.experimentIDs + ["\u{1}", search.filter]
        for order in search.orderBy {
            parts += [order.fieldName, String(order.ascending), order.datasetName ?? "", order.datasetDigest ?? ""]
        }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in parts.joined(separator: "\u{0}").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }

    // MARK: Conditions

    private static let params = KeyedTable(
        name: "logged_model_params", tie: "$.model_id = l.model_id", keyColumn: "param_key", valueColumn: "param_value")
    private static let tags = KeyedTable(
        name: "logged_model_tags", tie: "$.model_id = l.model_id", keyColumn: "tag_key", valueColumn: "tag_value")

    private mutating func add(_ comparison: Comparison, datasets: [LoggedModelSearch.DatasetFilter]) {
        switch comparison.key {
        case .param(let key): select.add(comparison.test, ofKey: key, in: Self.params)
        case .tag(let key): select.add(comparison.test, ofKey: key, in: Self.tags)
        case .metric(let key): addMetric((key, comparison.test), datasets: datasets)
        case .attribute(let name):
            // The status is a number, which no text equals; that is how the reference has it.
            let (sql, values) = comparison.test.condition(on: Self.column(name))
            select.addCondition(sql, values)
        case .dataset: break
        }
    }

    /// Some metric of the model passes the test; several steps, runs and datasets may have logged it.
    private mutating func addMetric(
        _ metric: (key: String, test: Comparison.Test)?, datasets: [LoggedModelSearch.DatasetFilter]
    ) {
        var conditions = ["k.model_id = l.model_id"]
        var values: [SQLiteValue] = []
        if let metric {
            let (condition, tested) = metric.test.condition(on: "k.metric_value")
            conditions += ["k.metric_name = ?", condition]
            values += [.text(metric.key)] + tested
        }
        if !datasets.isEmpty {
            var alternatives: [String] = []
            for dataset in datasets {
                alternatives.append("(k.dataset_name = ? AND (? IS NULL OR k.dataset_digest = ?))")
                values += [.text(dataset.name), SQLiteValue(dataset.digest), SQLiteValue(dataset.digest)]
            }
            conditions.append("(" + alternatives.joined(separator: " OR ") + ")")
        }
        select.addCondition(
            "EXISTS (SELECT 1 FROM logged_model_metrics k WHERE \(conditions.joined(separator: " AND ")))", values)
    }

    // MARK: Order

    private mutating func add(_ order: LoggedModelSearch.Order) throws(TrackingError) {
        let parts = order.fieldName.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard parts[0] == "metrics" else {
                throw .invalidParameter(
                    "Invalid order by field name: \(order.fieldName). Only metrics are supported.")
            }
            addMetricOrder(order, key: String(parts[1]).trimmingBackticks)
            return
        }
        guard let name = SearchVocabulary.loggedModels.orderKey(named: order.fieldName) else {
            throw .invalidParameter("Invalid order by field name: \(order.fieldName)")
        }
        select.addOrder(byColumn: Self.column(name), isAscending: order.ascending)
    }

    /// Orders by the latest value of a metric, of one dataset if the order says so.
    private mutating func addMetricOrder(_ order: LoggedModelSearch.Order, key: String) {
        var conditions = "k.model_id = l.model_id AND k.metric_name = ?"
        var values: [SQLiteValue] = [.text(key)]
        for (column, value) in [("dataset_name", order.datasetName), ("dataset_digest", order.datasetDigest)] {
            guard let value, !value.isEmpty else { continue }
            conditions += " AND k.\(column) = ?"
            values.append(.text(value))
        }
        let alias = select.join(
            outer: true, "logged_model_metrics",
            on: """
                $.rowid = (SELECT k.rowid FROM logged_model_metrics k WHERE \(conditions)
                    ORDER BY k.metric_timestamp_ms DESC, k.metric_step DESC, k.run_id LIMIT 1)
                """, values)
        select.addOrder(byColumn: "\(alias).metric_value", isAscending: order.ascending)
    }

    private static func column(_ attribute: String) -> String {
        switch attribute {
        case "name": "l.name"
        case "model_id": "l.model_id"
        case "model_type": "l.model_type"
        case "status": "l.status"
        case "source_run_id": "l.source_run_id"
        case "experiment_id": "l.experiment_id"
        case "creation_timestamp": "l.creation_timestamp_ms"
        default: "l.last_updated_timestamp_ms"
        }
    }
}

extension String {
    fileprivate var trimmingBackticks: String {
        guard count >= 2, hasPrefix("`"), hasSuffix("`") else { return self }
        return String(dropFirst().dropLast())
    }
}
