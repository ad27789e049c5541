import Glibc
import SystemPackage

/// What a process and everything below it have used so far, as the kernel tells it now.
///
/// Processes that have ended count with whoever waited for them; the exact figures come with the end of the whole.
struct LiveUsage: Sendable, Hashable {
    var processorSeconds: Double
    /// Of all of them together, at this moment, in bytes.
    var memory: Int64

    /// - Returns: nil when the process has ended.
    init?(of processID: Int32) {
        guard let first = ProcessFacts(processID) else { return nil }
        var all = first
        var open = first.children(of: processID)
        // Whoever starts processes without end is not followed without end.
        var left = 1_000
        while let child = open.popLast(), left > 0 {
            left -= 1
            guard let facts = ProcessFacts(child) else { continue }
            all.ticks += facts.ticks
            all.pages += facts.pages
            open += facts.children(of: child)
        }
        processorSeconds = Double(all.ticks) / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        memory = all.pages.multipliedReportingOverflow(by: Int64(sysconf(Int32(_SC_PAGESIZE)))).partialValue
    }
}

private struct ProcessFacts {
    /// Of the process, and of the children it has waited for.
    var ticks: Int64
    var pages: Int64

    init?(_ processID: Int32) {
        guard let text = kernelText("/proc/\(processID)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        // After the name: state is field 3, the times are fields 14 to 17, the resident pages field 24.
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 21 else { return nil }
        ticks = fields[11...14].reduce(0) { $0 + (Int64($1) ?? 0) }
        pages = Int64(fields[21]) ?? 0
    }

    func children(of processID: Int32) -> [Int32] {
        let text = kernelText("/proc/\(processID)/task/\(processID)/children") ?? ""
        return text.split { $0 == " " || $0 == "\n" }.compactMap { Int32($0) }
    }
}

/// A file of the kernel, whose size says nothing.
private func kernelText(_ path: String) -> String? {
    guard let file = try? FileDescriptor.open(FilePath(path), .readOnly) else { return nil }
    defer { try? file.close() }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while bytes.count < 65_536 {
        let count = (try? unsafe buffer.withUnsafeMutableBytes { unsafe try file.read(into: $0) }) ?? 0
        guard count > 0 else { break }
        bytes += buffer.prefix(count)
    }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
}

extension PipelineRun {
    /// Tells observers what the steps at work on this machine use.
    func observeUsage() async {
        takeReports()
        let live = records.indices.compactMap { node in records[node].processID.map { (node, $0) } }
        guard !live.isEmpty else { return }
        for (node, usage) in await Self.sample(live) {
            // It may have ended meanwhile, or all of it, and its end knows better.
            guard records.indices.contains(node), records[node].processID != nil, machine.nodes[node].state == .running
            else { continue }
            records[node].processorSeconds = usage.processorSeconds
            records[node].peakMemory = max(records[node].peakMemory ?? 0, usage.memory)
            services.observe(.node(status(of: node)))
        }
    }

    @concurrent
    private static func sample(_ live: [(node: Int, processID: Int32)]) async -> [(Int, LiveUsage)] {
        live.compactMap { node, processID in LiveUsage(of: processID).map { (node, $0) } }
    }
}
