import Tracking

/// A search over registered models as SQL; its result is one column, the names in order.
struct RegisteredModelQuery {
    private var select = SelectStatement("m.name", from: "registered_models m")

    init(_ search: RegistrySearch) throws(TrackingError) {
        let filter = try Filter(search.filter, in: .registeredModels)
        let orderings = try Ordering.parse(search.orderBy, in: .registeredModels)
        select.addCondition("m.workspace = 'default'")
        let hidesPrompts = select.addPromptRule(filter, tagTable: "registered_model_tags", alias: "m")
        for comparison in filter.comparisons where !(hidesPrompts && comparison.isAboutPrompts) {
            switch comparison.key {
            case .tag(let key): select.add(comparison.test, ofKey: key, in: Self.tags)
            default:
                let (sql, values) = comparison.test.condition(on: "m.name")
                select.addCondition(sql, values)
            }
        }
        for ordering in orderings {
            let column = ordering.key == .attribute("name") ? "m.name" : "m.last_updated_time"
            select.addOrder(column + (ordering.isAscending ? "" : " DESC"))
        }
        select.addOrder("m.name")
    }

    var statement: (sql: String, values: [SQLiteValue]) { select.statement }

    private static let tags = KeyedTable(
        name: "registered_model_tags", tie: "$.workspace = m.workspace AND $.name = m.name", keyColumn: "key",
        valueColumn: "value")
}

/// A search over model versions as SQL; its result is `modelVersionColumns`.
struct ModelVersionQuery {
    private var select = SelectStatement(modelVersionColumns, from: "model_versions v")

    init(_ search: RegistrySearch) throws(TrackingError) {
        let filter = try Filter(search.filter, in: .modelVersions)
        var orderings = try Ordering.parse(search.orderBy, in: .modelVersions)
        if orderings.isEmpty { orderings = [Ordering(.attribute("last_updated_timestamp"), isAscending: false)] }
        select.addCondition("v.workspace = 'default' AND v.current_stage != '\(deletedStage)'")
        let hidesPrompts = select.addPromptRule(filter, tagTable: "model_version_tags", alias: "v")
        for comparison in filter.comparisons where !(hidesPrompts && comparison.isAboutPrompts) {
            switch comparison.key {
            case .tag(let key): select.add(comparison.test, ofKey: key, in: Self.tags)
            case .attribute(let name):
                let (sql, values) = comparison.test.condition(on: Self.column(name))
                select.addCondition(sql, values)
            case .metric, .param, .dataset: break
            }
        }
        for ordering in orderings {
            guard case .attribute(let name) = ordering.key else { continue }
            select.addOrder(Self.column(name) + (ordering.isAscending ? "" : " DESC"))
        }
        select.addOrder("v.name")
        select.addOrder("v.version DESC")
    }

    var statement: (sql: String, values: [SQLiteValue]) { select.statement }

    private static let tags = KeyedTable(
        name: "model_version_tags", tie: "$.workspace = v.workspace AND $.name = v.name AND $.version = v.version",
        keyColumn: "key", valueColumn: "value")

    private static func column(_ attribute: String) -> String {
        switch attribute {
        case "name": "v.name"
        case "run_id": "v.run_id"
        case "source_path": "v.source"
        case "version_number": "v.version"
        case "creation_timestamp": "v.creation_time"
        default: "v.last_updated_time"
        }
    }
}

extension Comparison {
    fileprivate var isAboutPrompts: Bool { key == .tag(WellKnownTag.isPrompt) }

    /// Whether the comparison asks for prompts to be shown.
    fileprivate var asksForPrompts: Bool {
        guard isAboutPrompts else { return false }
        switch test {
        case .text(.equal, let text): return text.lowercased() == "true"
        case .text(.notEqual, let text): return text.lowercased() == "false"
        default: return false
        }
    }
}

extension SelectStatement {
    /// Hides prompts, which are models with a certain tag, unless the filter asks for them; answers whether it does.
    ///
    /// Other conditions on that tag are then to be left out: a model does not have it, so none of them could hold.
    fileprivate mutating func addPromptRule(_ filter: Filter, tagTable: String, alias: String) -> Bool {
        guard !filter.comparisons.contains(where: \.asksForPrompts) else { return false }
        addCondition(
            """
            NOT EXISTS (SELECT 1 FROM \(tagTable) p WHERE p.workspace = \(alias).workspace AND p.name = \(alias).name
                AND p.key = '\(WellKnownTag.isPrompt)' AND p.value = 'true')
            """)
        return true
    }
}
