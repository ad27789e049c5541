import Files
import Glibc
import Processes
import SystemPackage
import TestSupport

/// The built `swiftflow server`, as a process of its own on a free port of the loopback.
struct RunningServer: Sendable {
    let port: Int
    let running: SwiftflowProgram.Running
    private let headers: String

    struct NotServing: Error, CustomStringConvertible {
        let description: String
    }

    /// Starts it and returns when it serves.
    ///
    /// - Parameter headers: lines of every call's head, such as credentials.
    static func start(
        _ program: SwiftflowProgram, _ arguments: [String] = [], variables: [String: String] = [:],
        headers: [String] = []
    ) async throws -> RunningServer {
        let running = try await program.start(["server", "--port", "0"] + arguments, variables: variables)
        let mark = "is served at "
        try await running.waits(for: "  access")
        let address = running.messages.firstRange(of: mark).map { running.messages[$0.upperBound...] } ?? ""
        let line = address.prefix { $0 != "\n" }
        let authority = line.split(separator: "/").dropFirst().first ?? ""
        guard let port = authority.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw NotServing(description: running.messages)
        }
        return RunningServer(
            port: port, running: running, headers: headers.map { $0 + "\r\n" }.joined())
    }

    var uri: String { "http://127.0.0.1:\(port)" }

    /// The head of a request.
    func head(_ method: String, _ path: String, _ length: Int? = nil, _ more: String = "") -> String {
        let body = length.map { "content-type: application/json\r\ncontent-length: \($0)\r\n" } ?? ""
        return "\(method) \(path) HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\n\(headers)\(body)\(more)\r\n"
    }

    /// One request on a connection of its own.
    func call(_ method: String, _ path: String, _ body: String? = nil) async throws -> (status: Int, text: String) {
        let client = try RawClient(port: port)
        await client.send(head(method, path, body?.utf8.count, "connection: close\r\n") + (body ?? ""))
        let answer = await client.receive()
        return (firstStatus(answer) ?? 0, answer)
    }

    func post(_ call: String, _ body: String) async throws -> String {
        let answer = try await self.call("POST", "/api/2.0/mlflow/\(call)", body)
        guard answer.status == 200 else { throw NotServing(description: answer.text) }
        return answer.text
    }

    /// A new run's id.
    func createRun() async throws -> String {
        let answer = try await post("runs/create", #"{"experiment_id":"0"}"#)
        guard let start = answer.firstRange(of: #""run_id":""#) else { throw NotServing(description: answer) }
        return String(answer[start.upperBound...].prefix(32))
    }

    /// The most memory the process has held so far, in bytes.
    var peakMemory: Int {
        let status = try? readFile(FilePath("/proc/\(running.process.processID)/status"), limit: 1 << 16)
        let lines = String(decoding: status ?? [], as: UTF8.self).split(separator: "\n")
        let peak = lines.first { $0.hasPrefix("VmHWM:") }?.split(separator: " ").dropFirst().first
        return (peak.flatMap { Int($0) } ?? 0) << 10
    }

    /// Ends it by a signal and waits for its end.
    @discardableResult
    func end(by signal: Int32 = SIGTERM) async throws -> SwiftflowProgram.Result {
        _ = kill(running.process.processID, signal)
        return try await running.result()
    }
}
