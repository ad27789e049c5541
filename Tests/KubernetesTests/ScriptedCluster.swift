import JSON
import KubernetesBackend
import Synchronization

/// A cluster that answers what the test says: a stand-in for what a real one does too rarely, such as 429, 410 and lost answers.
final class ScriptedCluster: ClusterAPI {
    private struct State {
        var jobs: [String: JSONValue] = [:]
        var pods: [String: JSONValue] = [:]
        var failures: [(verb: String, error: ClusterError)] = []
        var creations = 0
        var requests: [String] = []
        var nextLogStandsStill = false
        var watchers: [Int: AsyncStream<[UInt8]>.Continuation] = [:]
        var isPod: [Int: Bool] = [:]
        var nextWatcher = 0
        var log: [UInt8] = []
        var earlierLogs: [String] = []
        var events: [JSONValue] = []
        var keepsThenFails = false
    }

    private let state = Mutex(State())

    var requests: [String] { state.withLock { $0.requests } }

    /// The next connection for a log brings what there is, and then nothing more, not even an end.
    func letNextLogStandStill() { state.withLock { $0.nextLogStandsStill = true } }
    var creations: Int { state.withLock { $0.creations } }

    /// The next requests of that verb (`get`, `create`, `delete`, `watch`, `log`) fail so.
    func fail(_ verb: String, with kinds: ClusterError.Kind...) {
        state.withLock { $0.failures += kinds.map { (verb, ClusterError($0, "scripted \($0)")) } }
    }

    /// The next creation is done, and its answer lost.
    func loseNextAnswer() { state.withLock { $0.keepsThenFails = true } }

    /// What is told about everything, each as `{"type": …, "reason": …, "lastTimestamp": …}`.
    func setEvents(_ events: String...) {
        state.withLock { $0.events = events.compactMap { try? JSONReader.read(Array($0.utf8).span) } }
    }

    func setLog(_ text: String) { state.withLock { $0.log = Array(text.utf8) } }

    /// The next requests for a log are answered so, before what ``setLog(_:)`` says.
    func answerLogs(_ texts: String...) { state.withLock { $0.earlierLogs += texts } }

    func setJob(_ name: String, _ json: String) { set(name, json, isPod: false) }

    /// - Parameter isTold: whether those who watch are told.
    func setPod(_ name: String, _ json: String, isTold: Bool = true) { set(name, json, isPod: true, isTold: isTold) }

    private func set(_ name: String, _ json: String, isPod: Bool, isTold: Bool = true) {
        guard let value = try? JSONReader.read(Array(json.utf8).span) else { return }
        state.withLock { state in
            if isPod { state.pods[name] = value } else { state.jobs[name] = value }
            if isTold { send("MODIFIED", value, isPod: isPod, &state) }
        }
    }

    func removePod(_ name: String) {
        state.withLock { state in
            if let value = state.pods.removeValue(forKey: name) { send("DELETED", value, isPod: true, &state) }
        }
    }

    func removeJob(_ name: String) {
        state.withLock { state in
            if let value = state.jobs.removeValue(forKey: name) { send("DELETED", value, isPod: false, &state) }
        }
    }

    /// Ends all watches, as a server that goes away; what changes while nobody watches is seen by the next list only.
    func endWatches(sending text: String? = nil) {
        state.withLock { state in
            for watcher in state.watchers.values {
                if let text { watcher.yield(Array(text.utf8)) }
                watcher.finish()
            }
            state.watchers = [:]
        }
    }

    private func send(_ type: String, _ value: JSONValue, isPod: Bool, _ state: inout State) {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("type", type)
            writer.name("object")
            writer.value(value)
        }
        for (number, watcher) in state.watchers where state.isPod[number] == isPod {
            watcher.yield(writer.bytes + [UInt8(ascii: "\n")])
        }
    }

    private func note(_ verb: String, _ path: String) throws {
        try state.withLock { state in
            state.requests.append("\(verb) \(path)")
            guard let index = state.failures.firstIndex(where: { $0.verb == verb }) else { return }
            throw state.failures.remove(at: index).error
        }
    }

    func get(_ path: String) async throws -> JSONValue {
        try note("get", path)
        return try state.withLock { state in
            if path.contains("/events?") { return Self.list(state.events) }
            if path.contains("/pods?") { return Self.list(Array(state.pods.values)) }
            if path.contains("/jobs?") { return Self.list(Array(state.jobs.values)) }
            guard let job = state.jobs[String(path.split(separator: "/").last ?? "")] else {
                throw ClusterError(.notFound, "no such job")
            }
            return job
        }
    }

    private static func list(_ items: [JSONValue]) -> JSONValue {
        .object(JSONObject(members: [.init(name: "items", value: .array(items))]))
    }

    func create(_ path: String, _ object: JSONValue) async throws -> JSONValue {
        try note("create", path)
        return try state.withLock { state in
            guard case .object(let members) = object,
                case .object(let metadata)? = members.members.first(where: { $0.name == "metadata" })?.value,
                case .string(let name)? = metadata.members.first(where: { $0.name == "name" })?.value
            else { throw ClusterError(.invalid, "no name") }
            guard state.jobs[name] == nil else { throw ClusterError(.exists, "there already") }
            state.jobs[name] = object
            state.creations += 1
            if state.keepsThenFails {
                state.keepsThenFails = false
                throw ClusterError(.unreachable, "the answer was lost")
            }
            return object
        }
    }

    func replace(_ path: String, _ object: JSONValue) async throws -> JSONValue {
        try note("replace", path)
        return object
    }

    func delete(_ path: String, options: JSONValue) async throws {
        try note("delete", path)
        if path.contains("/pods?") {
            for name in state.withLock({ Array($0.pods.keys) }) { removePod(name) }
        } else {
            removeJob(String(path.split(separator: "/").last ?? ""))
        }
    }

    func stream(_ path: String, receive: @escaping @Sendable (RawSpan) -> Void) async throws {
        if path.contains("/log?") {
            try note("log", path)
            let bytes = state.withLock { state in
                state.earlierLogs.isEmpty ? state.log : Array(state.earlierLogs.removeFirst().utf8)
            }
            unsafe receive(bytes.span.bytes)
            let standsStill = state.withLock { state in
                defer { state.nextLogStandsStill = false }
                return state.nextLogStandsStill
            }
            if standsStill {
                let (silence, continuation) = AsyncStream<Void>.makeStream()
                for await _ in silence {}
                withExtendedLifetime(continuation) {}
                try Task.checkCancellation()
            }
            return
        }
        try note("watch", path)
        let (lines, continuation) = AsyncStream<[UInt8]>.makeStream()
        state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = continuation
            state.isPod[state.nextWatcher] = path.contains("/pods?")
        }
        for await line in lines { unsafe receive(line.span.bytes) }
        try Task.checkCancellation()
    }
}
