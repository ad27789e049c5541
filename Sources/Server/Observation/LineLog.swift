import Diagnostics
import Glibc
import JSON
package import Logging
import Synchronization

/// How the lines of a server's log look.
package enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-11-21T12:00:00.000Z info request client=… method=…`
    case text
    /// One JSON object a line.
    case json
}

/// A log of lines on a file descriptor, for any number of loggers.
///
/// Lines are gathered and written by a queue of their own: serving never waits for whoever reads the log. A reader that is far behind loses
/// lines, and is told how many.
package final class LineLog: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var lostLines = 0
        var isWriting = false
    }

    /// So much may wait for the reader.
    private static let capacity = 4 << 20

    private let format: LogFormat
    private let descriptor: Int32
    private let state = Mutex(State())
    private let queue = WritingQueue()

    package init(format: LogFormat, descriptor: Int32 = STDERR_FILENO) {
        self.format = format
        self.descriptor = descriptor
    }

    package func logger(level: Logger.Level) -> Logger {
        var logger = Logger(label: "swiftflow") { _ in Handler(log: self) }
        logger.logLevel = level
        return logger
    }

    /// Returns when everything has been written that was logged before.
    package func flush() {
        queue.wait()
    }

    fileprivate func write(_ event: LogEvent, _ own: Logger.Metadata) {
        let metadata = own.merging(event.metadata ?? [:]) { _, new in new }
        append(Self.line(format, currentTime(), event.level, event.message.description, metadata))
    }

    private func append(_ line: [UInt8]) {
        let mustStart = state.withLock { state in
            if state.pending.count + line.count > Self.capacity { state.lostLines += 1 } else { state.pending += line }
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { queue.run { self.drain() } }
    }

    private func drain() {
        while true {
            let (bytes, lostLines) = state.withLock { state in
                defer { (state.pending, state.lostLines) = ([], 0) }
                if state.pending.isEmpty { state.isWriting = false }
                return (state.pending, state.lostLines)
            }
            guard !bytes.isEmpty else { return }
            writeAll(bytes)
            if lostLines > 0 {
                let metadata: Logger.Metadata = ["lines": .stringConvertible(lostLines)]
                writeAll(Self.line(format, currentTime(), .warning, "lines of this log were lost", metadata))
            }
        }
    }

    private func writeAll(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            // Nobody reads any more, which must not stop the server.
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    // MARK: Lines

    static func line(
        _ format: LogFormat, _ time: String, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata
    ) -> [UInt8] {
        let fields = metadata.sorted { $0.key < $1.key }
        switch format {
        case .text:
            var text = "\(time) \(level) \(escapedForTerminal(message))"
            for (name, value) in fields { text += " \(name)=\(quotedIfNeeded(escapedForTerminal(value.description)))" }
            return Array((text + "\n").utf8)
        case .json:
            var members = [
                JSONObject.Member(name: "time", value: .string(time)),
                JSONObject.Member(name: "level", value: .string(level.rawValue)),
                JSONObject.Member(name: "message", value: .string(message)),
            ]
            members += fields.map { JSONObject.Member(name: $0.key, value: jsonValue($0.value)) }
            var writer = JSONWriter()
            writer.value(.object(JSONObject(members: members)))
            return writer.bytes + [UInt8(ascii: "\n")]
        }
    }

    private static func quotedIfNeeded(_ text: String) -> String {
        guard text.isEmpty || text.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) else { return text }
        return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    private static func jsonValue(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .stringConvertible(let number as Int): .integer(Int64(number))
        case .stringConvertible(let number as Int64): .integer(number)
        case .stringConvertible(let number as Double): .double(number)
        default: .string(value.description)
        }
    }

    private struct Handler: LogHandler {
        let log: LineLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        func log(event: LogEvent) {
            log.write(event, metadata)
        }

        subscript(metadataKey name: String) -> Logger.MetadataValue? {
            get { metadata[name] }
            set { metadata[name] = newValue }
        }
    }
}

/// Now, as `2026-11-21T12:00:00.000Z`.
private func currentTime() -> String {
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    var parts = unsafe tm()
    unsafe gmtime_r(&now.tv_sec, &parts)
    func digits(_ number: Int, _ count: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
    }
    let date = unsafe [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
    let time = unsafe [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
    func joined(_ numbers: [Int], by separator: String) -> String {
        numbers.map { digits($0, 2) }.joined(separator: separator)
    }
    return "\(joined(date, by: "-"))T\(joined(time, by: ":")).\(digits(now.tv_nsec / 1_000_000, 3))Z"
}
