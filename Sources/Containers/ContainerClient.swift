import Diagnostics
import Files
package import JSON
package import Processes
package import SystemPackage

/// The user's `docker` or `podman`, and how it is called: with argument vectors, in the user's own environment.
package struct ContainerClient: Sendable {
    /// Which program it is; podman differs in a few options.
    package enum Flavour: String, Sendable, Hashable, CaseIterable {
        case docker, podman
    }

    package let flavour: Flavour
    package let executable: FilePath
    /// The runner's environment, which leads the client to its engine (`DOCKER_HOST`, contexts, logins).
    package let environment: [String: String]
    package let workingDirectory: FilePath
    package let starter: any ProcessStarter
    /// Where short questions go; nil when they are the client's as well.
    let socket: EngineSocket?
    /// An engine that has not answered a question after this time is not there (row K-01).
    package var patience: Duration = .seconds(9)

    /// Finds the client.
    ///
    /// - Parameter wanted: nil for docker, else podman, whichever is on PATH.
    /// - Throws: `ContainerError` when there is none.
    package init(
        _ wanted: Flavour? = nil, environment: [String: String], workingDirectory: FilePath,
        starter: any ProcessStarter
    ) throws(ContainerError) {
        let flavours = wanted.map { [$0] } ?? Flavour.allCases
        let found = flavours.lazy.compactMap { flavour in
            findExecutable(flavour.rawValue, searchPath: environment["PATH"]).map { (flavour, $0) }
        }.first
        guard let (flavour, executable) = found else {
            let names = flavours.map { "'\($0.rawValue)'" }.joined(separator: " nor ")
            throw ContainerError(
                .clientMissing, "\(flavours.count > 1 ? "neither " : "")\(names) was found on PATH",
                remedy: "install docker (https://docs.docker.com/engine/install) or podman")
        }
        self.flavour = flavour
        self.executable = executable
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.starter = starter
        socket = Self.localSocket(flavour, executable, environment)
    }

    // MARK: Calls

    /// Runs the client to its end.
    ///
    /// - Parameters:
    ///   - variables: added to the client's environment, for `--env NAME`: values are never arguments, which everybody on the machine can read.
    ///   - patience: nil for calls that may take as long as they need.
    func call(
        _ arguments: [String], variables: [String: String] = [:], standardInput: StandardInput = .null,
        patience: Duration?, onOutput: (@Sendable (OutputStream, RawSpan) -> Void)? = nil
    ) async throws -> ToolResult {
        let environment = environment.merging(variables) { _, new in new }
        let work: @Sendable () async throws -> ToolResult = {
            try await starter.runTool(
                executable, arguments, environment: environment, workingDirectory: workingDirectory,
                standardInput: standardInput, onOutput: onOutput)
        }
        guard let patience else { return try await work() }
        return try await withThrowingTaskGroup(of: ToolResult?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: patience)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else {
                throw silence("\(flavour.rawValue) \(arguments.prefix(2).joined(separator: " "))")
            }
            return result
        }
    }

    /// Asks the engine without the client where that can be done.
    ///
    /// - Returns: nil when the client has to be asked.
    func askSocket(_ target: String, method: String = "GET") async throws -> EngineSocket.Answer? {
        guard let socket else { return nil }
        do {
            let answer = try await socket.ask(method, target, patience: patience)
            try Task.checkCancellation()
            return answer
        } catch is EngineSocket.Silence {
            throw silence("\(method) \(target.prefix { $0 != "?" })")
        }
    }

    private func silence(_ question: String) -> ContainerError {
        ContainerError(
            .engineUnreachable,
            "the container engine has not answered '\(question)' within \(patience.components.seconds) s",
            remedy: "see whether its daemon is well (\(flavour.rawValue) info), and what DOCKER_HOST says")
    }

    /// Runs the client and reads the JSON documents on its standard output.
    func ask(_ arguments: [String]) async throws -> [JSONValue] {
        let result = try await call(arguments, patience: patience)
        guard result.end.isSuccess else {
            throw failure(result, kind: .refused, what: "\(arguments.prefix(2).joined(separator: " "))")
        }
        return try documents(result.output, arguments)
    }

    func documents(_ output: [UInt8], _ arguments: [String]) throws -> [JSONValue] {
        do {
            // What Docker writes on a line each, Podman writes as one list over many lines.
            if flavour == .podman, let list = (try? JSONReader.read(output.span))?.array { return list }
            return try output.split(separator: UInt8(ascii: "\n")).compactMap { line in
                try JSONReader.read(Array(line).span)
            }
        } catch {
            throw ContainerError(
                .engineUnsuitable,
                "the answer of '\(flavour.rawValue) \(arguments.prefix(2).joined(separator: " "))' is not the JSON that was asked for",
                remedy: "see what '\(executable)' really is")
        }
    }

    // MARK: Failures

    /// Says in our words what the client said on standard error.
    ///
    /// - Parameter registry: where a login may be missing.
    func failure(
        _ result: ToolResult, kind: ContainerError.Kind, what: String, registry: String? = nil
    ) -> ContainerError {
        failure(saying: result.lastLines, kind: kind, what: what, registry: registry)
    }

    func failure(
        saying lines: [String], kind: ContainerError.Kind, what: String, registry: String? = nil
    ) -> ContainerError {
        let said = Self.complaint(in: lines)
        let text = said.lowercased()
        var unreachable = [
            "cannot connect to the docker daemon", "is the docker daemon running", "error during connect",
            "permission denied while trying to connect", "unable to connect to podman",
            "failed to connect to the docker api",
        ]
        // While an image is fetched or sent these are said of its registry, by an engine that is well.
        if ![.pullFailed, .pushFailed, .buildFailed].contains(kind) {
            unreachable += ["connection refused", "no such host", "context deadline exceeded"]
        }
        if unreachable.contains(where: text.contains) {
            let remedy =
                text.contains("permission denied")
                ? "your user may not use the engine: join the group 'docker', or use rootless docker or podman"
                : "start the daemon (systemctl start docker), or correct DOCKER_HOST or the client's context"
            return ContainerError(.engineUnreachable, "the container engine does not answer: \(said)", remedy: remedy)
        }
        if text.contains("is too old") || text.contains("is too new") || text.contains("minimum supported api version")
        {
            return ContainerError(
                .engineUnsuitable, "the \(flavour.rawValue) client and its engine do not fit together: \(said)",
                remedy: "update the older of the two, or set DOCKER_API_VERSION")
        }
        if text.contains("no such image") { return ContainerError(.imageMissing, said) }
        if text.contains("no such container") { return ContainerError(.noSuchContainer, said) }
        if text.contains("is already in use by container") || text.contains("name is already in use") {
            return ContainerError(.nameConflict, said)
        }
        return ContainerError(
            kind, "\(flavour.rawValue) \(what) failed: \(said)",
            remedy: Self.isAboutLogin(text) ? Self.loginRemedy(flavour, registry) : Self.remedy(for: text))
    }

    /// The sentence that matters, on one line and without the client's decoration.
    private static func complaint(in lines: [String]) -> String {
        let kept = lines.filter { line in
            !line.hasPrefix("See '") && !line.hasPrefix("Run '") && !line.hasPrefix("DEPRECATED")
                && !line.allSatisfy(\.isWhitespace)
        }
        let start =
            kept.lastIndex { $0.lowercased().contains("error") || $0.hasPrefix("docker: ") } ?? max(kept.count - 3, 0)
        var text = kept[min(start, kept.count)...].prefix(4).joined(separator: " ")
        for prefix in ["docker: ", "Error response from daemon: ", "Error: ", "ERROR: "] where text.hasPrefix(prefix) {
            text.removeFirst(prefix.count)
        }
        if text.isEmpty { return "it gave no reason" }
        return redactedText(String(text.prefix(1_000)))
    }

    /// What to do about a complaint of an engine or a registry, in lower case.
    package static func remedy(for text: String) -> String? {
        if text.contains("error getting credentials") {
            return "see to the credential helper that the client's configuration names ('credsStore', 'credHelpers')"
        }
        if text.contains("manifest unknown") || text.contains("not found") || text.contains("does not exist") {
            return "see whether the name and the tag of the image are right"
        }
        let isSilent = ["no such host", "i/o timeout", "dial tcp", "connection refused", "deadline exceeded"]
        if isSilent.contains(where: text.contains) {
            return "the registry cannot be reached: see to the network, or load the image by hand (docker load)"
        }
        if text.contains("unresolvable cdi devices") {
            return "the engine knows no such GPU: describe this machine's to it (nvidia-ctk cdi generate)"
        }
        if text.contains("could not select device driver") {
            return "the engine has no GPU support: install the NVIDIA container toolkit"
        }
        if text.contains("/etc/subuid") {
            return
                "give your user ids for what is in containers (usermod --add-subuids 300000-365535 --add-subgids 300000-365535 USER, then podman system migrate), or say \"user\": \"image\" in the backend configuration"
        }
        if text.contains("no space left") { return "make room: docker system prune" }
        return nil
    }
}

// MARK: Version

/// What a client and its engine say of themselves.
package struct EngineVersion: Sendable, Hashable {
    package var client: String
    package var server: String
    package var apiVersion: String
    package var operatingSystem: String
}

extension ContainerClient {
    /// Asks the engine for its version, which proves that it is there and fits the client.
    ///
    /// - Throws: `ContainerError` within ten seconds when it does not answer (row K-01).
    package func version() async throws -> EngineVersion {
        let arguments = ["version", "--format", "{{json .}}"]
        let result = try await call(arguments, patience: patience)
        guard result.end.isSuccess else { throw failure(result, kind: .engineUnreachable, what: "version") }
        // A podman that has no service somewhere else is its own engine.
        guard let answer = try documents(result.output, arguments).first,
            let server = (answer["Server"] ?? (flavour == .podman ? answer["Client"] : nil))?.object,
            let version = server["Version"]?.string
        else {
            throw ContainerError(
                .engineUnreachable, "the container engine has not said its version",
                remedy: "see what '\(flavour.rawValue) version' says")
        }
        let engine = EngineVersion(
            client: answer["Client"]?["Version"]?.string ?? "", server: version,
            apiVersion: server["ApiVersion"]?.string ?? server["APIVersion"]?.string ?? "",
            operatingSystem: server["Os"]?.string ?? "linux")
        guard engine.operatingSystem.hasPrefix("linux") else {
            throw ContainerError(
                .engineUnsuitable, "the container engine runs '\(engine.operatingSystem)' containers",
                remedy: "switch it to Linux containers")
        }
        return engine
    }
}

// MARK: Reading JSON

extension JSONValue {
    package subscript(name: String) -> JSONValue? { object?[name] }

    package var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
    package var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
}

extension JSONObject {
    package subscript(name: String) -> JSONValue? { members.first { $0.name == name }?.value }
}

// MARK: Where the engine is

extension ContainerClient {
    /// The engine's address as the client has it (`unix://…`, `tcp://…`, `ssh://…`); empty for the client's built-in one.
    package func engineHost() async throws -> String {
        if flavour == .podman { return environment["CONTAINER_HOST"] ?? "" }
        if let host = environment["DOCKER_HOST"], !host.isEmpty { return host }
        let context = Self.chosenContext(environment, Self.clientConfiguration(environment))
        guard context != nil else { return "" }
        let answer = try await ask(["context", "inspect", "--format", "{{json .Endpoints.docker.Host}}"])
        return answer.first?.string ?? ""
    }

    /// Whether the engine runs without root's rights.
    package func isRootless() async throws -> Bool {
        let options = try await ask(["info", "--format", "{{json .SecurityOptions}}"]).first?.array ?? []
        return options.contains { $0.string?.contains("name=rootless") == true }
    }

    /// The name of the bridge the engine gives containers by default; nil when it has none.
    package func bridgeInterface() async throws -> String? {
        guard let options = try? await ask(["network", "inspect", "bridge", "--format", "{{json .Options}}"]).first
        else {
            return nil
        }
        return options["com.docker.network.bridge.name"]?.string
    }
}
