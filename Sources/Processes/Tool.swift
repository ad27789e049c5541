import Diagnostics
import Synchronization
package import SystemPackage

/// What a tool (uv, conda, gsutil, …) did, for callers that read its output.
package struct ToolResult: Sendable {
    package var end: ProcessEnd
    /// Standard output, up to the limit.
    package var output: [UInt8]
    /// Whether there was more output than the limit.
    package var outputWasCut: Bool
    /// The last lines of standard error (or of both streams, if output was streamed), for messages.
    package var lastLines: [String]
}

extension ProcessStarter {
    /// Runs a tool to its end and collects its output.
    ///
    /// Cancelling the task stops the tool's tree.
    ///
    /// - Parameters:
    ///   - limit: at most so many bytes of standard output are kept.
    ///   - onOutput: sees every byte of both streams as it comes.
    package func runTool(
        _ executable: FilePath, _ arguments: [String], environment: [String: String], workingDirectory: FilePath,
        standardInput: StandardInput = .null, limit: Int = 16 << 20,
        onOutput: (@Sendable (OutputStream, RawSpan) -> Void)? = nil
    ) async throws -> ToolResult {
        let collected = Mutex(CollectedOutput(limit: limit))
        let process = try await start(
            ProcessSpecification(
                executable: executable, arguments: arguments, environment: environment,
                workingDirectory: workingDirectory, standardInput: standardInput,
                output: OutputHandling { stream, bytes in
                    onOutput?(stream, bytes)
                    collected.withLock { $0.append(bytes, from: stream) }
                }))
        let end = await withTaskCancellationHandler {
            await process.wait()
        } onCancel: {
            // Owned by the cancelled call: it is over when `wait()` returns.
            Task { await process.stop(grace: .seconds(2)) }
        }
        try Task.checkCancellation()
        return collected.withLock { $0.result(end) }
    }
}

private struct CollectedOutput: ~Copyable {
    let limit: Int
    private var output: [UInt8] = []
    private var wasCut = false
    private var tail: [UInt8] = []

    init(limit: Int) {
        self.limit = limit
    }

    mutating func append(_ bytes: RawSpan, from stream: OutputStream) {
        unsafe bytes.withUnsafeBytes { buffer in
            if stream == .standardOutput {
                let room = limit - output.count
                unsafe output.append(contentsOf: buffer.prefix(room))
                wasCut = wasCut || buffer.count > room
            }
            unsafe tail.append(contentsOf: buffer.suffix(16_384))
        }
        if tail.count > 65_536 { tail.removeFirst(tail.count - 16_384) }
    }

    func result(_ end: ProcessEnd) -> ToolResult {
        let lines = String(decoding: tail.suffix(16_384), as: UTF8.self).split(whereSeparator: \.isNewline)
        return ToolResult(
            end: end, output: output, outputWasCut: wasCut, lastLines: lines.suffix(20).map(String.init))
    }
}
