import Files
import Glibc
package import JSON
import Processes
import Synchronization
package import SystemPackage

/// The engine's own interface: HTTP on a socket of this machine.
///
/// To start the client for a short question takes ten times as long as the answer. Where it would do nothing but carry the question to a
/// local socket, the engine is asked here; everything else, and whatever does not go smoothly here, is the client's.
package struct EngineSocket: Sendable {
    package struct Answer: Sendable {
        package var status: Int
        /// What it says; nil when it says nothing.
        package var json: JSONValue?
    }

    /// The engine took the question and has not answered in time.
    package struct Silence: Error {}

    /// More than any description of a container or an image.
    private static let limit = 8 << 20

    private let path: FilePath
    /// `/v1.41`; empty for the newest version the engine has.
    private let version: String

    package init(_ path: FilePath, version: String = "") {
        self.path = path
        self.version = version
    }

    /// Asks the engine.
    ///
    /// - Parameter target: a path with its query, encoded.
    /// - Returns: nil when the engine could not be asked in this way.
    package func ask(_ method: String, _ target: String, patience: Duration) async throws(Silence) -> Answer? {
        // The older version: its answers are neither in pieces nor followed by others.
        let request = Array("\(method) \(version)\(target) HTTP/1.0\r\nHost: engine\r\nContent-Length: 0\r\n\r\n".utf8)
        let exchange = Exchange(path: path.string, request: request, limit: Self.limit, patience: patience)
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let work = { @Sendable in continuation.resume(returning: exchange.perform()) }
                if !startThread(named: "engine", work) { continuation.resume(returning: .failed) }
            }
        } onCancel: {
            exchange.abandon()
        }
        switch outcome {
        case .bytes(let bytes): return Self.read(bytes)
        case .failed: return nil
        case .silence: throw Silence()
        }
    }

    /// Reads a whole answer; nil when it is not one.
    private static func read(_ bytes: [UInt8]) -> Answer? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { return nil }
        let body = Array(bytes[end.upperBound...])
        for line in lines.dropFirst() {
            let header = line.lowercased()
            if header.hasPrefix("transfer-encoding:") { return nil }
            // A connection that broke must not pass for the end of the answer.
            if header.hasPrefix("content-length:"),
                Int(header.drop { $0 != ":" }.dropFirst().filter { $0 != " " }) != body.count
            {
                return nil
            }
        }
        do {
            return Answer(status: status, json: try JSONReader.read(body.span))
        } catch {
            return nil
        }
    }

    /// A value as part of a path or a query; only what needs it is written in another way.
    package static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x3A, 0x40, 0x5F:
                result.unicodeScalars.append(UnicodeScalar(byte))
            default:
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}

/// One connection with one question, on a thread that may block.
///
/// The HTTP client that artifacts use would start its event loops, a thread for each core, for two or three short questions of a container.
private final class Exchange: Sendable {
    enum Outcome: Sendable {
        case bytes([UInt8])
        case failed, silence
    }

    private let path: String
    private let request: [UInt8]
    private let limit: Int
    private let end: ContinuousClock.Instant
    private let state = Mutex(State())

    private struct State {
        /// Closed by the thread alone.
        var socket: Int32?
        var isAbandoned = false
    }

    init(path: String, request: [UInt8], limit: Int, patience: Duration) {
        self.path = path
        self.request = request
        self.limit = limit
        end = .now + patience
    }

    /// Makes the thread give up.
    func abandon() {
        state.withLock { state in
            state.isAbandoned = true
            if let socket = state.socket { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    func perform() -> Outcome {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard number >= 0 else { return .failed }
        defer {
            state.withLock { $0.socket = nil }
            close(number)
        }
        let isAbandoned = state.withLock { state in
            state.socket = number
            return state.isAbandoned
        }
        // A socket with a full queue refuses at once; its engine has work enough, and the client knows how to wait.
        guard !isAbandoned, isConnected(number) else { return .failed }
        var rest = request[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                guard isReady(number, POLLOUT) else { return .silence }
            } else if errno != EINTR {
                return .failed
            }
        }
        return answer(from: number)
    }

    private func answer(from number: Int32) -> Outcome {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while bytes.count <= limit {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(number, $0.baseAddress, $0.count, 0) }
            if count > 0 {
                bytes += buffer[..<count]
            } else if count == 0 {
                return .bytes(bytes)
            } else if errno == EAGAIN {
                guard isReady(number, POLLIN) else { return .silence }
            } else if errno != EINTR {
                return .failed
            }
        }
        return .failed
    }

    /// Waits until the socket can go on; false when the time is over.
    private func isReady(_ number: Int32, _ event: Int32) -> Bool {
        while true {
            let (seconds, attoseconds) = (end - .now).components
            let rest = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
            guard rest > 0 else { return false }
            var descriptor = pollfd(fd: number, events: Int16(event), revents: 0)
            let count = unsafe poll(&descriptor, 1, Int32(clamping: rest))
            if count > 0 { return true }
            if count < 0, errno != EINTR { return false }
        }
    }

    private func isConnected(_ number: Int32) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let text = Array(path.utf8)
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            guard text.count < buffer.count else { return false }
            unsafe buffer.copyBytes(from: text)
            return true
        }
        guard fits else { return false }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}

// MARK: Whether there is one

extension ContainerClient {
    /// The socket the client would ask; nil when it might do anything more than that.
    static func localSocket(
        _ flavour: Flavour, _ executable: FilePath, _ environment: [String: String]
    ) -> EngineSocket? {
        // A script of that name may lead to any engine.
        guard flavour == .docker, isNativeProgram(executable) else { return nil }
        let version = environment["DOCKER_API_VERSION"] ?? ""
        guard version.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }) else { return nil }
        let configuration = clientConfiguration(environment)
        // What the user's client sends along, an engine behind a proxy may need.
        guard configuration?["HttpHeaders"] == nil else { return nil }
        let path: String
        if let host = environment["DOCKER_HOST"], !host.isEmpty {
            guard host.hasPrefix("unix:///") else { return nil }
            path = String(host.dropFirst("unix://".count))
        } else {
            guard chosenContext(environment, configuration) == nil else { return nil }
            path = "/var/run/docker.sock"
        }
        return EngineSocket(FilePath(path), version: version.isEmpty ? "" : "/v\(version)")
    }

    /// What `docker` reads from its own file; nil when there is none.
    static func clientConfiguration(_ environment: [String: String]) -> JSONValue? {
        guard let file = configurationFile(environment), let bytes = try? readFile(file, limit: 1 << 20) else {
            return nil
        }
        return try? JSONReader.read(bytes.span)
    }

    static func configurationFile(_ environment: [String: String]) -> FilePath? {
        let folder =
            environment["DOCKER_CONFIG"].map { FilePath($0) }
            ?? environment["HOME"].map { FilePath($0).appending(".docker") }
        return folder?.appending("config.json")
    }

    /// The context the user has chosen, which is rare; nil for the client's built-in one.
    static func chosenContext(_ environment: [String: String], _ configuration: JSONValue?) -> String? {
        var name = environment["DOCKER_CONTEXT"] ?? ""
        if name.isEmpty { name = configuration?["currentContext"]?.string ?? "" }
        return name.isEmpty || name == "default" ? nil : name
    }
}
