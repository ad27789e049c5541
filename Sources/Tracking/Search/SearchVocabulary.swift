/// What one kind of search knows: its prefixes, its attributes, and what may be asked of each.
package struct SearchVocabulary: Sendable {
    /// What stands before the dot of a key.
    enum Entity: String, Sendable, CaseIterable {
        case attribute, metric, parameter, tag, dataset
    }

    struct Attribute: Sendable {
        enum Kind: Sendable {
            case text, integer
            /// A number that may also be written in quotes.
            case quotableInteger
            /// A number that is only compared for identity, and always written in quotes.
            case identifier
        }

        /// The canonical name.
        var name: String
        var kind: Kind
        var takesPatterns = true
        var takesLists = false
        /// Whether results may be ordered by it, and whether filters may use it.
        var isOrderKey = true
        var isFilterKey = true
    }

    let prefixes: [String: Entity]
    /// By every name they go by.
    let attributes: [String: Attribute]
    /// Which entities can be ordered by.
    let orderEntities: Set<Entity>
    let datasetKeys: [String]
    /// Whether `IS NULL` can be asked of tags and parameters.
    let takesNullTests: Bool
    /// Whether tags and parameters can be compared with lists.
    let takesListsEverywhere: Bool

    /// The canonical name of an attribute that results can be ordered by.
    package func orderKey(named name: String) -> String? {
        attributes[name].flatMap { $0.isOrderKey ? $0.name : nil }
    }

    func attributes(where isWanted: (Attribute) -> Bool) -> [String] {
        Set(attributes.values.filter(isWanted).map(\.name)).sorted()
    }
}

private let attributePrefixes: [String: SearchVocabulary.Entity] = ["attribute": .attribute, "attributes": .attribute]
private let tagPrefixes: [String: SearchVocabulary.Entity] = ["tag": .tag, "tags": .tag]
private let metricPrefixes: [String: SearchVocabulary.Entity] = ["metric": .metric, "metrics": .metric]
private let parameterPrefixes: [String: SearchVocabulary.Entity] = [
    "param": .parameter, "params": .parameter, "parameter": .parameter, "parameters": .parameter,
]

private func merged(_ tables: [String: SearchVocabulary.Entity]...) -> [String: SearchVocabulary.Entity] {
    tables.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
}

private func named(
    _ attributes: [SearchVocabulary.Attribute], aliases: [String: String] = [:]
) -> [String: SearchVocabulary.Attribute] {
    var table: [String: SearchVocabulary.Attribute] = [:]
    for attribute in attributes { table[attribute.name] = attribute }
    for (alias, name) in aliases { table[alias] = table[name] }
    return table
}

extension SearchVocabulary {
    package static let runs = SearchVocabulary(
        prefixes: merged(
            attributePrefixes, ["attr": .attribute, "run": .attribute], tagPrefixes, metricPrefixes, parameterPrefixes,
            ["dataset": .dataset, "datasets": .dataset]),
        attributes: named(
            [
                Attribute(name: "run_id", kind: .text, takesLists: true),
                Attribute(name: "run_name", kind: .text),
                Attribute(name: "status", kind: .text),
                Attribute(name: "artifact_uri", kind: .text),
                Attribute(name: "user_id", kind: .text),
                Attribute(name: "start_time", kind: .integer),
                Attribute(name: "end_time", kind: .integer),
            ],
            aliases: [
                "run name": "run_name", "Run name": "run_name", "Run Name": "run_name", "created": "start_time",
                "Created": "start_time",
            ]),
        orderEntities: [.attribute, .metric, .parameter, .tag],
        datasetKeys: ["name", "digest", "context"], takesNullTests: true, takesListsEverywhere: false)

    package static let experiments = SearchVocabulary(
        prefixes: merged(attributePrefixes, tagPrefixes),
        attributes: named([
            Attribute(name: "name", kind: .text),
            Attribute(name: "experiment_id", kind: .identifier, takesPatterns: false, takesLists: true),
            Attribute(name: "creation_time", kind: .integer),
            Attribute(name: "last_update_time", kind: .integer),
        ]),
        orderEntities: [.attribute], datasetKeys: [], takesNullTests: true, takesListsEverywhere: false)

    package static let registeredModels = SearchVocabulary(
        prefixes: merged(attributePrefixes, tagPrefixes),
        attributes: named(
            [
                Attribute(name: "name", kind: .text, takesLists: true),
                Attribute(name: "last_updated_timestamp", kind: .integer, isFilterKey: false),
            ], aliases: ["timestamp": "last_updated_timestamp"]),
        orderEntities: [.attribute], datasetKeys: [], takesNullTests: false, takesListsEverywhere: false)

    package static let modelVersions = SearchVocabulary(
        prefixes: merged(attributePrefixes, tagPrefixes),
        attributes: named([
            Attribute(name: "name", kind: .text, takesLists: true),
            Attribute(name: "run_id", kind: .text, takesLists: true, isOrderKey: false),
            Attribute(name: "source_path", kind: .text, isOrderKey: false),
            Attribute(name: "version_number", kind: .quotableInteger),
            Attribute(name: "creation_timestamp", kind: .integer, isFilterKey: false),
            Attribute(name: "last_updated_timestamp", kind: .integer, isFilterKey: false),
        ]),
        orderEntities: [.attribute], datasetKeys: [], takesNullTests: false, takesListsEverywhere: false)

    package static let loggedModels = SearchVocabulary(
        prefixes: merged(attributePrefixes, tagPrefixes, metricPrefixes, parameterPrefixes),
        attributes: named(
            [
                Attribute(name: "name", kind: .text, takesLists: true),
                Attribute(name: "model_id", kind: .text, takesLists: true),
                Attribute(name: "model_type", kind: .text, takesLists: true),
                Attribute(name: "status", kind: .text, takesLists: true),
                Attribute(name: "source_run_id", kind: .text, takesLists: true),
                Attribute(name: "experiment_id", kind: .text, isFilterKey: false),
                Attribute(name: "creation_timestamp", kind: .integer),
                Attribute(name: "last_updated_timestamp", kind: .integer),
            ],
            aliases: [
                "creation_time": "creation_timestamp", "creation_timestamp_ms": "creation_timestamp",
                "last_updated_timestamp_ms": "last_updated_timestamp",
            ]),
        orderEntities: [.attribute, .metric], datasetKeys: [], takesNullTests: false, takesListsEverywhere: true)
}
