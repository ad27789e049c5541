import Glibc

/// Names one process for ever, on any machine: a process id alone is given to another process sooner or later.
///
/// As text: `host:boot:pid:start`. Runs record their runner with it, so that the next start can tell which runners are dead.
package struct ProcessIdentity: Sendable, Hashable, LosslessStringConvertible {
    /// What can be said about the process from here and now.
    package enum Liveness: Sendable, Hashable {
        case running
        case ended
        /// It belongs to another machine (or container); only that one can tell.
        case elsewhere
    }

    package var host: String
    /// A number that the kernel draws at each boot.
    package var bootID: String
    package var processID: Int32
    /// In clock ticks since the boot.
    package var startTime: UInt64

    /// The calling process.
    package static let current = ProcessIdentity(processID: getpid())

    /// A process of this machine; one that does not exist has the start time 0 and counts as ended.
    package init(processID: Int32) {
        host = hostName()
        bootID = Processes.bootID() ?? "unknown"
        self.processID = processID
        startTime = processStartTime(processID) ?? 0
    }

    package init?(_ description: String) {
        // From the right: only the host's name is not under our control.
        let parts = description.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 4, let start = UInt64(parts[parts.count - 1]), let process = Int32(parts[parts.count - 2]),
            process > 0
        else { return nil }
        host = parts.dropLast(3).joined(separator: ":")
        bootID = String(parts[parts.count - 3])
        guard !host.isEmpty, !bootID.isEmpty else { return nil }
        processID = process
        startTime = start
    }

    package var description: String { "\(host):\(bootID):\(processID):\(startTime)" }

    package var liveness: Liveness {
        guard host == hostName() else { return .elsewhere }
        guard bootID == Processes.bootID() ?? "unknown" else { return .ended }
        return startTime != 0 && processStartTime(processID) == startTime ? .running : .ended
    }
}

extension ProcessIdentity: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let identity = ProcessIdentity(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not of the form host:boot:pid:start")
        }
        self = identity
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// When a process started, in clock ticks since the boot; nil if there is no such process or only its zombie.
package func processStartTime(_ processID: Int32) -> UInt64? {
    guard let text = smallFile("/proc/\(processID)/stat"), let end = text.lastIndex(of: ")") else { return nil }
    // After the name: state is field 3, the start time field 22.
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return UInt64(fields[19])
}

/// The number that the kernel has drawn at this boot.
package func bootID() -> String? {
    smallFile("/proc/sys/kernel/random/boot_id").map { String($0.prefix { !$0.isWhitespace }) }
}

private func hostName() -> String {
    var name = utsname()
    guard unsafe uname(&name) == 0 else { return "localhost" }
    let text = unsafe withUnsafeBytes(of: &name.nodename) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    return text.isEmpty ? "localhost" : text
}

/// The text of a file of the kernel, which is read in one piece.
private func smallFile(_ path: String) -> String? {
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return nil }
    let file = Descriptor(number)
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let count = unsafe buffer.withUnsafeMutableBytes { buffer in
        unsafe read(file.number, buffer.baseAddress, buffer.count)
    }
    guard count > 0 else { return nil }
    return String(decoding: buffer.prefix(count), as: UTF8.self)
}
