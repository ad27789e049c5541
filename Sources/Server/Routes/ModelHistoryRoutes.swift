import Hummingbird
import JSON
import Synchronization
import Tracking

/// `runs/log-model`: how clients before MLflow 3 note the models of a run, as JSON in one of its tags.
struct ModelHistoryRoutes: RouteProvider {
    private static let mandatory = ["artifact_path", "flavors", "utc_time_created", "run_id"]
    private static let kept: Set<String> = ["run_id", "utc_time_created", "artifact_path", "model_uuid"]

    let store: any TrackingStore
    private let order = OneAfterAnother()

    init(store: any TrackingStore) {
        self.store = store
    }

    var routes: [Route] {
        Route.call(.post, "mlflow/runs/log-model", handler: logModel)
    }

    @Sendable private func logModel(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let runID = try message.runID()
        let entry = try Self.entry(try message.requiredString("model_json"))
        // Two models logged at once must both be in the history.
        try await order.run {
            let history = try await store.run(id: runID).data.tag(WellKnownTag.loggedModelHistory)
            let tag = Tag(WellKnownTag.loggedModelHistory, Self.history(history, adding: entry))
            try await store.setTag(tag, runID: runID)
        }
        return .empty
    }

    /// What of a model's description goes into the history.
    private static func entry(_ text: String) throws -> JSONValue {
        let parsed: JSONValue?
        do {
            parsed = try JSONReader.read(text.utf8.span)
        } catch {
            throw APIError.invalidParameter("Malformed model info. \n \(text.prefix(500)) \n is not a valid JSON.")
        }
        guard case .object(let model)? = parsed else {
            throw APIError.invalidParameter("The model info is not a JSON object.")
        }
        let missing = mandatory.filter { name in !model.members.contains { $0.name == name } }
        guard missing.isEmpty else {
            throw APIError.invalidParameter("Model json is missing mandatory fields: \(missing)")
        }
        var entry = JSONObject(members: model.members.filter { kept.contains($0.name) })
        if let flavors = model.members.first(where: { $0.name == "flavors" }) {
            entry.members.append(JSONObject.Member(name: "flavors", value: withoutConfig(flavors.value)))
        }
        return .object(entry)
    }

    private static func withoutConfig(_ flavors: JSONValue) -> JSONValue {
        guard case .object(var flavors) = flavors else { return flavors }
        for index in flavors.members.indices {
            guard case .object(var flavor) = flavors.members[index].value else { continue }
            flavor.members.removeAll { $0.name == "config" }
            flavors.members[index].value = .object(flavor)
        }
        return .object(flavors)
    }

    /// The longest history that a tag holds: the oldest entries give way, so that what is there stays readable.
    private static func history(_ text: String?, adding entry: JSONValue) -> String {
        var entries: [JSONValue] = []
        if let text, case .array(let earlier)? = try? JSONReader.read(text.utf8.span) { entries = earlier }
        entries.append(entry)
        while true {
            var writer = JSONWriter()
            writer.value(.array(entries))
            if writer.bytes.count <= Limits.tagValueLength || entries.isEmpty {
                return String(decoding: writer.bytes, as: UTF8.self)
            }
            entries.removeFirst()
        }
    }
}

/// Runs changes that begin with a look-up one after the other.
private final class OneAfterAnother: Sendable {
    private let last = Mutex<Task<Void, Never>?>(nil)

    func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let task = last.withLock { last in
            let previous = last
            // Unstructured, since the next caller waits for it too; the caller that made it awaits it.
            let task = Task {
                await previous?.value
                try await body()
            }
            last = Task { _ = try? await task.value }
            return task
        }
        try await task.value
    }
}
