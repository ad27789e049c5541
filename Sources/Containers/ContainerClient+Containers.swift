import Diagnostics
import JSON
package import Processes

/// A container's state as its engine keeps it.
package struct ContainerState: Sendable, Hashable {
    package enum Phase: String, Sendable, Hashable {
        case created, running, paused, restarting, removing, exited, dead, unknown

        package var isOver: Bool { self == .exited || self == .dead }
    }

    package var id: String
    package var name: String
    package var imageID: String
    package var phase: Phase
    package var exitCode: Int32
    package var wasKilledForMemory: Bool
    /// Why it could not be started.
    package var error: String
    package var hasStarted: Bool
    package var labels: [String: String]
    /// As the engine writes it: `2026-11-21T12:00:00.123456789Z`.
    package var finishedAt: String
}

extension ContainerState {
    /// Reads an engine's description; nil when it is none.
    fileprivate init?(_ answer: JSONValue) {
        guard let state = answer["State"], let id = answer["Id"]?.string else { return nil }
        var labels: [String: String] = [:]
        for member in answer["Config"]?["Labels"]?.object?.members ?? [] {
            labels[member.name] = member.value.string ?? ""
        }
        let started = state["StartedAt"]?.string ?? ""
        self.init(
            id: id, name: (answer["Name"]?.string ?? "").droppingPrefix("/"), imageID: answer["Image"]?.string ?? "",
            phase: ContainerState.Phase(rawValue: state["Status"]?.string ?? "") ?? .unknown,
            exitCode: Int32(clamping: state["ExitCode"]?.integer ?? 0),
            wasKilledForMemory: state["OOMKilled"]?.bool ?? false,
            error: state["Error"]?.string ?? "", hasStarted: !started.isEmpty && !started.hasPrefix("0001-"),
            labels: labels,
            finishedAt: state["FinishedAt"]?.string ?? "")
    }
}

extension ContainerClient {
    /// Creates a container; nothing runs yet.
    ///
    /// - Parameters:
    ///   - arguments: everything after `create`: options, image, command.
    ///   - variables: for the client's environment, see `--env NAME`.
    ///   - standardInput: what `--env-file /dev/stdin` reads.
    /// - Returns: the container's id.
    package func create(
        _ arguments: [String], variables: [String: String] = [:], standardInput: StandardInput = .null
    ) async throws -> String {
        // An engine under load may need its time for this one; cancelling the task is the way out.
        let result = try await call(
            ["create"] + arguments, variables: variables, standardInput: standardInput, patience: nil)
        guard result.end.isSuccess else { throw failure(result, kind: .refused, what: "create") }
        let lines = String(decoding: result.output, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard let id = lines.last, id.count >= 12, id.allSatisfy(\.isHexDigit) else {
            throw ContainerError(.engineUnsuitable, "the engine has not said the id of the container it created")
        }
        return String(id)
    }

    /// Starts a created container with this client as the carrier of its output: it ends when the container ends.
    ///
    /// - Parameter givesInput: whether the container was created with an input, which never ends when nobody is there to end it.
    package func startAttached(
        _ container: String, standardInput: StandardInput = .null, givesInput: Bool = false, output: OutputHandling
    ) async throws -> any RunningProcess {
        var arguments = ["start", "--attach"]
        if givesInput { arguments.append("--interactive") }
        return try await keep(arguments + [container], standardInput: standardInput, output: output)
    }

    /// Follows a container that runs already, from its first byte on.
    package func follow(_ container: String, output: OutputHandling) async throws -> any RunningProcess {
        try await keep(["logs", "--follow", container], output: output)
    }

    private func keep(
        _ arguments: [String], standardInput: StandardInput = .null, output: OutputHandling
    ) async throws -> any RunningProcess {
        try await starter.start(
            ProcessSpecification(
                executable: executable, arguments: arguments, environment: environment,
                workingDirectory: workingDirectory, standardInput: standardInput, output: output))
    }

    /// The container's state, or nil when there is none of that name.
    package func container(_ name: String) async throws -> ContainerState? {
        if let answer = try await askSocket("/containers/\(EngineSocket.encoded(name))/json") {
            if answer.status == 404 { return nil }
            if answer.status == 200, let state = answer.json.flatMap({ ContainerState($0) }) { return state }
        }
        let arguments = ["container", "inspect", "--format", "{{json .}}", name]
        let result = try await call(arguments, patience: patience)
        guard result.end.isSuccess else {
            let error = failure(result, kind: .refused, what: "container inspect")
            if error.kind == .noSuchContainer || result.lastLines.joined().lowercased().contains("no such") {
                return nil
            }
            throw error
        }
        guard let state = try documents(result.output, arguments).first.flatMap({ ContainerState($0) }) else {
            throw ContainerError(.engineUnsuitable, "the engine's description of the container '\(name)' has no state")
        }
        return state
    }

    /// Waits for the end of a container.
    package func wait(for container: String) async throws {
        let result = try await call(["wait", container], patience: nil)
        guard result.end.isSuccess else { throw failure(result, kind: .refused, what: "wait") }
    }

    /// The arguments that make the client ask the container to end, and after `grace` make it end.
    package func stopArguments(_ container: String, grace: Duration) -> [String] {
        let (seconds, attoseconds) = grace.components
        return ["stop", "-t", "\(min(max(seconds, 0), 1_000_000) + (attoseconds > 0 ? 1 : 0))", container]
    }

    /// Asks the container to end, and after `grace` makes it end; one that is not there or has ended is no error.
    package func stop(_ container: String, grace: Duration) async throws {
        let result = try await call(stopArguments(container, grace: grace), patience: nil)
        try accept(result, "stop")
    }

    /// Ends the container at once; one that is not there or has ended is no error.
    package func kill(_ container: String) async throws {
        let result = try await call(["kill", container], patience: patience)
        try accept(result, "kill")
    }

    /// Removes the container, also one that runs, with the volumes that are only its own.
    package func remove(_ container: String) async throws {
        let answer = try await askSocket(
            "/containers/\(EngineSocket.encoded(container))?force=1&v=1", method: "DELETE")
        if let answer, answer.status == 204 || answer.status == 404 { return }
        // Podman asks it to end first, and gives it ten seconds for that.
        let atOnce = flavour == .podman ? ["--time", "0"] : []
        let result = try await call(["rm", "--force", "--volumes"] + atOnce + [container], patience: patience)
        try accept(result, "rm")
    }

    /// Gives the container another name.
    package func rename(_ container: String, to name: String) async throws {
        let result = try await call(["rename", container, name], patience: patience)
        guard result.end.isSuccess else { throw failure(result, kind: .refused, what: "rename") }
    }

    private func accept(_ result: ToolResult, _ what: String) throws {
        guard !result.end.isSuccess else { return }
        let error = failure(result, kind: .refused, what: what)
        let text = result.lastLines.joined().lowercased()
        let isOverAlready = [
            "is not running", "no such container", "no container with name", "already in progress",
            "can only kill running",
        ]
        guard error.kind != .noSuchContainer, !isOverAlready.contains(where: text.contains) else { return }
        throw error
    }

    /// The containers that carry the label, running or not.
    ///
    /// - Parameter value: nil for any.
    package func containers(labelled label: String, as value: String? = nil) async throws -> [ListedContainer] {
        let wanted = label + (value.map { "=\($0)" } ?? "")
        var filter = JSONWriter()
        filter.object { $0.field("label", [wanted]) { $0.string($1) } }
        let filters = EngineSocket.encoded(String(decoding: filter.bytes, as: UTF8.self))
        if let answer = try await askSocket("/containers/json?all=1&filters=\(filters)"), answer.status == 200,
            let list = answer.json?.array
        {
            return list.compactMap { ListedContainer($0, label) }
        }
        return try await ask(
            ["ps", "--all", "--no-trunc", "--filter", "label=\(wanted)", "--format", "{{json .}}"]
        ).compactMap { ListedContainer($0, label) }
    }
}

/// A container as it was found by a label.
package struct ListedContainer: Sendable, Hashable {
    package var id: String
    package var name: String
    /// What the label says.
    package var value: String

    /// Reads an entry of an engine's list.
    fileprivate init?(_ entry: JSONValue, _ label: String) {
        guard let id = entry["ID"]?.string ?? entry["Id"]?.string else { return nil }
        self.id = id
        // Podman's list and the engine's own have an array and an object here, Docker's one text for all.
        name = (entry["Names"]?.array?.first?.string ?? entry["Names"]?.string ?? "").droppingPrefix("/")
        if let value = entry["Labels"]?[label]?.string {
            self.value = value
        } else {
            let texts = entry["Labels"]?.string?.split(separator: ",") ?? []
            guard let text = texts.first(where: { $0.hasPrefix("\(label)=") }) else { return nil }
            value = String(text.dropFirst(label.count + 1))
        }
    }
}

extension String {
    fileprivate func droppingPrefix(_ prefix: String) -> String {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
    }
}
