import Files
import Tracking

// Parts that several calls share.
extension RequestMessage {
    /// The run a call is about, its form checked before any look-up (rule R18); old clients say `run_uuid`.
    func runID() throws -> String {
        let id: String
        if let given = try string("run_id"), !given.isEmpty {
            id = given
        } else if let given = try string("run_uuid"), !given.isEmpty {
            id = given
        } else {
            throw missing("run_id")
        }
        try Validation.runID(id)
        return id
    }

    func experimentID() throws -> String {
        let id = try requiredString("experiment_id")
        _ = try Validation.experimentID(id)
        return id
    }

    /// `{key, value}` pairs; each key must be there.
    func tags(_ name: String = "tags") throws -> [Tag] {
        try messages(name).map { Tag(try $0.requiredString("key"), try $0.string("value") ?? "") }
    }

    func params(_ name: String = "params") throws -> [Param] {
        try messages(name).map { Param(try $0.requiredString("key"), try $0.string("value") ?? "") }
    }

    func metric() throws -> Metric {
        Metric(
            try requiredString("key"), try requiredDouble("value"), timestamp: try requiredInteger("timestamp"),
            step: try integer("step") ?? 0, modelID: try nonEmptyString("model_id"),
            datasetName: try nonEmptyString("dataset_name"), datasetDigest: try nonEmptyString("dataset_digest"))
    }

    /// An optional field where the empty string means the same as none.
    func nonEmptyString(_ name: String) throws(APIError) -> String? {
        guard let text = try string(name), !text.isEmpty else { return nil }
        return text
    }

    func viewType(_ name: String) throws -> ViewType {
        try enumeration(
            name, [("ACTIVE_ONLY", 1, ViewType.activeOnly), ("DELETED_ONLY", 2, .deletedOnly), ("ALL", 3, .all)])
            ?? .activeOnly
    }

    /// How many results a page may hold, checked against the call's bounds.
    func maxResults(default standard: Int?, limit: Int) throws -> Int {
        guard let given = try integer("max_results") ?? standard.map(Int64.init) else {
            try Validation.maxResults(0, limit: limit)
            return 0
        }
        let count = Int(clamping: given)
        try Validation.maxResults(count, limit: limit)
        return count
    }
}

// The registry's part.
extension RequestMessage {
    func modelName(_ field: String = "name") throws -> String {
        let name = try requiredString(field)
        try Validation.modelName(name, path: field)
        // A name that somebody decodes once more must not become another one's folder, or a step upwards.
        if let decoded = percentDecoded(name), decoded != name { try Validation.modelName(decoded, path: field) }
        return name
    }

    /// A version as text, checked to be a number.
    func modelVersionNumber() throws -> String {
        let version = try requiredString("version")
        return String(try Validation.modelVersion(version))
    }

    func registrySearch(default standard: Int, limit: Int) throws -> RegistrySearch {
        RegistrySearch(
            filter: try string("filter") ?? "", orderBy: try strings("order_by"),
            maxResults: try maxResults(default: standard, limit: limit), pageToken: try nonEmptyString("page_token"))
    }
}
