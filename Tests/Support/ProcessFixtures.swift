import Files
import Glibc
package import Processes
import Synchronization
import SystemPackage

/// Keeps what a process writes.
package final class CollectedOutput: Sendable {
    private let streams = Mutex<[OutputStream: [UInt8]]>([:])

    package init() {}

    package var handling: OutputHandling { OutputHandling { self.append($1, from: $0) } }

    package func append(_ bytes: RawSpan, from stream: OutputStream) {
        streams.withLock { streams in
            unsafe bytes.withUnsafeBytes { unsafe streams[stream, default: []].append(contentsOf: $0) }
        }
    }

    package func bytes(_ stream: OutputStream = .standardOutput) -> [UInt8] {
        streams.withLock { $0[stream] ?? [] }
    }

    package func text(_ stream: OutputStream = .standardOutput) -> String {
        String(decoding: bytes(stream), as: UTF8.self)
    }
}

/// A mark that every process of a tree carries in its environment, wherever it goes; so a test can find those that escaped.
package struct ProcessMark: Sendable {
    package let name = "SWIFTFLOW_TEST_MARK"
    package let value = randomName()

    package init() {}

    package var environment: [String: String] { [name: value, "PATH": "/usr/local/bin:/usr/bin:/bin"] }

    /// The living processes that carry the mark.
    package var processes: [Int32] {
        let mark = Array("\(name)=\(value)".utf8)
        return processIDs().filter { process in
            guard let bytes = try? readFile(FilePath("/proc/\(process)/environ"), limit: 1 << 20) else { return false }
            return bytes.split(separator: 0).contains { Array($0) == mark }
        }
    }
}

/// Every process of the machine that this test may see.
package func processIDs() -> [Int32] {
    guard let folder = unsafe opendir("/proc") else { return [] }
    defer { unsafe closedir(folder) }
    var result: [Int32] = []
    while let entry = unsafe readdir(folder) {
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
            unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        }
        if let number = Int32(name) { result.append(number) }
    }
    return result
}

/// The parent of a process, or nil if there is no such process.
package func parentProcess(of process: Int32) -> Int32? {
    guard let bytes = try? readFile(FilePath("/proc/\(process)/stat"), limit: 4_096) else { return nil }
    let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
    return fields.flatMap { $0.count > 1 ? Int32($0[1]) : nil }
}

/// Waits until the condition holds, for what other processes do and nothing reports.
///
/// - Returns: whether it did within the time.
package func eventually(within limit: Duration = .seconds(60), _ condition: () -> Bool) async -> Bool {
    let end = ContinuousClock.now + limit
    var pause = 2
    while !condition() {
        guard ContinuousClock.now < end, !Task.isCancelled else { return false }
        try? await Task.sleep(for: .milliseconds(pause))
        // Looking costs processor time that the others need as well.
        pause = min(pause * 2, 50)
    }
    return true
}
