import Diagnostics
package import JSON
package import Processes
import Synchronization
package import SystemPackage

/// The user's own `kubectl`: its contexts, exec plugins and proxies lead to the cluster.
///
/// It is given paths of the API (`--raw`), so its answers are the server's own JSON, and nothing depends on how it prints things.
package struct Kubectl: ClusterAPI {
    private let executable: FilePath
    private let context: String?
    private let environment: [String: String]
    private let workingDirectory: FilePath
    private let starter: any ProcessStarter
    /// A question that is not answered after this time never will be.
    package var patience: Duration = .seconds(30)

    /// - Throws: `ClusterError` when there is no such program.
    package init(
        named name: String, context: String?, environment: [String: String], workingDirectory: FilePath,
        starter: any ProcessStarter
    ) throws(ClusterError) {
        guard let executable = findExecutable(name, searchPath: environment["PATH"]) else {
            throw ClusterError(
                .client, "'\(name)' was not found on PATH",
                remedy:
                    "install kubectl (https://kubernetes.io/docs/tasks/tools), or say in the backend configuration where it is: \"kubectl\": \"/path/to/kubectl\""
            )
        }
        self.executable = executable
        self.context = context
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.starter = starter
    }

    // MARK: Requests

    package func get(_ path: String) async throws -> JSONValue {
        try await document(["get", "--raw", path])
    }

    package func create(_ path: String, _ object: JSONValue) async throws -> JSONValue {
        try await document(["create", "--raw", path, "-f", "-"], sending: object)
    }

    package func replace(_ path: String, _ object: JSONValue) async throws -> JSONValue {
        try await document(["replace", "--raw", path, "-f", "-"], sending: object)
    }

    package func delete(_ path: String, options: JSONValue) async throws {
        _ = try await run(["delete", "--raw", path, "-f", "-"], sending: options)
    }

    package func stream(_ path: String, receive: @escaping @Sendable (RawSpan) -> Void) async throws {
        let errors = Mutex<[UInt8]>([])
        let process = try await starter.start(
            ProcessSpecification(
                executable: executable, arguments: contextArguments + ["get", "--raw", path], environment: environment,
                workingDirectory: workingDirectory,
                output: OutputHandling { stream, bytes in
                    if stream == .standardOutput { return receive(bytes) }
                    errors.withLock { errors in
                        guard errors.count < 16_384 else { return }
                        unsafe bytes.withUnsafeBytes { unsafe errors.append(contentsOf: $0) }
                    }
                }))
        let end = await withTaskCancellationHandler {
            await process.wait()
        } onCancel: {
            // Owned by the cancelled call: it is over when `wait()` returns.
            Task { await process.stop(grace: .zero) }
        }
        try Task.checkCancellation()
        guard !end.isSuccess else { return }
        let said = errors.withLock { String(decoding: $0, as: UTF8.self) }
        throw Self.failure(said.split(whereSeparator: \.isNewline).map(String.init), what: "get")
    }

    // MARK: What the client knows by itself

    /// The namespace the user's context names.
    ///
    /// - Throws: `ClusterError` when there is no such context.
    package func contextNamespace() async throws -> String? {
        let result = try await call(["config", "view", "--minify", "-o", "json"], standardInput: .null)
        guard result.end.isSuccess else {
            let error = Self.failure(result.lastLines, what: "config view")
            guard let context else {
                // Inside a pod there are no contexts.
                return nil
            }
            let names = try? await contexts()
            throw ClusterError(
                .client,
                names.map { $0.contains(context) } == false
                    ? "kubectl has no context '\(context)'" : error.message,
                remedy: names.flatMap { suggestion(for: context, among: $0, kind: "contexts") })
        }
        let view = try? JSONReader.read(result.output.span)
        return view?["contexts"]?.array?.first?["context"]?["namespace"]?.string
    }

    private func contexts() async throws -> [String] {
        let result = try await call(["config", "get-contexts", "-o", "name"], withContext: false, standardInput: .null)
        return String(decoding: result.output, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }

    // MARK: Calls

    private var contextArguments: [String] { context.map { ["--context=\($0)"] } ?? [] }

    private func document(_ arguments: [String], sending object: JSONValue? = nil) async throws -> JSONValue {
        let output = try await run(arguments, sending: object)
        do {
            if let value = try JSONReader.read(output.span) { return value }
        } catch {
            throw ClusterError(
                .other,
                "the answer to 'kubectl \(arguments.prefix(2).joined(separator: " "))' is not JSON: \(error.reason)")
        }
        throw ClusterError(.unreachable, "kubectl answered nothing to '\(arguments.prefix(2).joined(separator: " "))'")
    }

    private func run(_ arguments: [String], sending object: JSONValue? = nil) async throws -> [UInt8] {
        let result = try await call(
            arguments + ["--request-timeout=\(patience.components.seconds)s"],
            standardInput: object.map { .bytes($0.bytes) } ?? .null)
        guard result.end.isSuccess else {
            throw Self.failure(result.lastLines, what: arguments.first ?? "")
        }
        return result.output
    }

    private func call(
        _ arguments: [String], withContext: Bool = true, standardInput: StandardInput
    ) async throws -> ToolResult {
        let arguments = (withContext ? contextArguments : []) + arguments
        return try await withThrowingTaskGroup(of: ToolResult?.self) { group in
            group.addTask {
                try await starter.runTool(
                    executable, arguments, environment: environment, workingDirectory: workingDirectory,
                    standardInput: standardInput, limit: 256 << 20)
            }
            group.addTask {
                // A little more than its own limit, for plugins that fetch credentials.
                try await Task.sleep(for: patience + .seconds(5))
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else {
                throw ClusterError(
                    .unreachable, "kubectl has not answered within \(patience.components.seconds + 5) s",
                    remedy: "see whether 'kubectl get jobs' works")
            }
            return result
        }
    }

    // MARK: Failures

    /// What kubectl's complaint means.
    package static func failure(_ lines: [String], what: String) -> ClusterError {
        // Warnings may come before it; the last line is the complaint.
        let line = lines.last { !$0.isEmpty } ?? "kubectl \(what) failed without a word"
        let text = line.lowercased()
        let reasons: [(String, ClusterError.Kind)] = [
            ("(notfound)", .notFound), ("(forbidden)", .forbidden), ("(unauthorized)", .unauthorized),
            ("(alreadyexists)", .exists), ("(conflict)", .exists), ("(invalid)", .invalid), ("(badrequest)", .invalid),
            ("(toomanyrequests)", .busy), ("(gone)", .gone), ("(expired)", .gone), ("(internalerror)", .busy),
            ("(serviceunavailable)", .busy), ("(servertimeout)", .busy), ("(timeout)", .busy),
            ("you must be logged in", .unauthorized), ("unauthorized", .unauthorized),
            ("too many requests", .busy), ("currently unable to handle the request", .busy),
            ("etcdserver:", .busy), ("apiserver is shutting down", .busy),
            ("the server was unable to return a response", .busy),
            ("unable to connect to the server", .unreachable), ("the connection to the server", .unreachable),
            ("connection refused", .unreachable), ("connection reset", .unreachable), ("broken pipe", .unreachable),
            ("unexpected eof", .unreachable), ("i/o timeout", .unreachable), ("tls handshake timeout", .unreachable),
            ("no route to host", .unreachable), ("http2:", .unreachable), ("stream error", .unreachable),
            ("context deadline exceeded", .unreachable), ("client.timeout exceeded", .unreachable),
            ("no such host", .unreachable), ("network is unreachable", .unreachable), (": eof", .unreachable),
        ]
        var kind = reasons.first { text.contains($0.0) }?.1 ?? .other
        if text == "eof" || text == "error: eof" { kind = .unreachable }
        var message = line
        for prefix in ["Error from server ", "error: "] where message.hasPrefix(prefix) {
            message = String(message.dropFirst(prefix.count))
        }
        if message.hasPrefix("("), let end = message.firstRange(of: "): ") {
            message = String(message[end.upperBound...])
        }
        let remedy: String? =
            switch kind {
            case .unauthorized: "log in to the cluster as its operator tells you; 'kubectl get jobs' must work"
            case .forbidden: "ask for the rights listed in docs/kubernetes.md"
            case .unreachable: "see whether 'kubectl get jobs' works, and which context is chosen"
            default: nil
            }
        return ClusterError(kind, "the cluster says: \(redactedText(message))", remedy: remedy)
    }
}
