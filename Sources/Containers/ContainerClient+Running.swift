import Diagnostics
package import Files
import JSON
package import Processes
import Synchronization
import SystemPackage

/// A container with the client that carries its output.
package struct CarriedContainer: Sendable {
    package var id: String
    package var process: any RunningProcess
    /// What the engine warned of.
    package var warnings: [String]
    fileprivate var admission: Admission

    /// What was written to standard error since the container is there, to its first 4 KiB: of one that was never started it is the client's
    /// reason.
    package var firstErrors: String { admission.firstErrors }

    /// Whether the engine noticed that the container ran out of memory and did not tell itself.
    ///
    /// Podman's monitor leaves a file called `oom` in the folder where the client was started, and Podman 4 looks for it elsewhere.
    package var leftWordOfMemory: Bool { fileStatus(admission.folder.path.appending("oom")) != nil }
}

extension ContainerClient {
    /// Creates a container and starts it with this client as the carrier of its output, which ends when the container ends.
    ///
    /// One call of the client does what `create` and `startAttached` do in two. It returns once the container is there; what the client
    /// itself has written until then is not the container's.
    ///
    /// - Parameters:
    ///   - arguments: everything after `run`: options, image, command.
    ///   - variables: for the client's environment, see `--env NAME`.
    ///   - standardInput: what `--env-file /dev/stdin` reads; the container has no other input.
    ///   - folder: for the client to be started in, where no argument is a path relative to the caller's folder.
    /// - Throws: when there is no container. A cancelled call waits for it, so that whoever cancels can remove it.
    package func run(
        _ arguments: [String], variables: [String: String] = [:], standardInput: StandardInput = .null,
        in folder: TemporaryDirectory? = nil, output: OutputHandling
    ) async throws -> CarriedContainer {
        let admission = try Admission(output, folder)
        let process = try await starter.start(
            ProcessSpecification(
                executable: executable, arguments: ["run", "--cidfile", admission.file.string] + arguments,
                environment: environment.merging(variables) { _, new in new },
                workingDirectory: folder?.path ?? workingDirectory,
                standardInput: standardInput, output: OutputHandling(receive: admission.receive)))
        // Not a child task: the wait goes on when this one is cancelled.
        let wait = Task { await admission.wait(for: process) }
        let id = await withTaskCancellationHandler {
            await wait.value
        } onCancel: {
            // An engine that has not made the container by then does not answer any more.
            Task {
                try? await Task.sleep(for: .seconds(5))
                if admission.identifier == nil { await process.stop(grace: .seconds(1)) }
            }
        }
        if let id {
            // Has told what it was there for; what is left until the end would stay behind if this program is killed.
            if folder == nil { admission.folder.remove() }
            return CarriedContainer(id: id, process: process, warnings: admission.warnings, admission: admission)
        }
        throw failure(saying: admission.clientLines, kind: .refused, what: "run")
    }
}

/// Tells what the client says before there is a container from what the container says.
private final class Admission: Sendable {
    /// Where the client writes the container's id, after its warnings and before it starts the container.
    let file: FilePath
    let folder: TemporaryDirectory
    private let output: OutputHandling
    private let state = Mutex(State())

    private struct State {
        var identifier: String?
        var clientBytes: [UInt8] = []
        var firstErrors: [UInt8] = []
        var processIsOver = false
    }

    init(_ output: OutputHandling, _ given: TemporaryDirectory?) throws {
        folder = try given ?? TemporaryDirectory(prefix: "swiftflow-container")
        file = folder.path.appending("id")
        self.output = output
    }

    var identifier: String? { look() }

    /// Passes on what comes once the container is there.
    var receive: @Sendable (OutputStream, RawSpan) -> Void {
        { stream, bytes in
            if self.look() != nil {
                if stream == .standardError { self.keep(bytes) }
                return self.output.receive(stream, bytes)
            }
            self.state.withLock { state in
                unsafe bytes.withUnsafeBytes { unsafe state.clientBytes.append(contentsOf: $0) }
                if state.clientBytes.count > 65_536 { state.clientBytes.removeFirst(32_768) }
            }
        }
    }

    private func keep(_ bytes: RawSpan) {
        state.withLock { state in
            let room = 4_096 - state.firstErrors.count
            guard room > 0 else { return }
            unsafe bytes.withUnsafeBytes { unsafe state.firstErrors.append(contentsOf: $0.prefix(room)) }
        }
    }

    var firstErrors: String { String(decoding: state.withLock { $0.firstErrors }, as: UTF8.self) }

    /// The container's id once it is there; nil when the client has ended without one.
    func wait(for process: any RunningProcess) async -> String? {
        // Ends with the process, whose end somebody always awaits.
        Task {
            _ = await process.wait()
            state.withLock { $0.processIsOver = true }
        }
        while true {
            let isOver = state.withLock { $0.processIsOver }
            if let identifier = look() { return identifier }
            if isOver { return nil }
            // A file that is filled, some tenths of a second from now: a watch on it would cost more, and watches run out.
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private func look() -> String? {
        state.withLock { state in
            if let known = state.identifier { return known }
            guard let bytes = try? readFile(file, limit: 256), bytes.count >= 64,
                bytes.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit })
            else { return nil }
            state.identifier = String(decoding: bytes, as: UTF8.self)
            return state.identifier
        }
    }

    var clientLines: [String] {
        let bytes = state.withLock { $0.clientBytes }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).suffix(20).map(String.init)
    }

    var warnings: [String] {
        clientLines.compactMap { line in
            if line.hasPrefix("WARNING: ") { return String(line.dropFirst("WARNING: ".count)) }
            // Podman's word, which has no mark of its own, for limits that its user may not set.
            return line.contains("not supported and ignored") ? line : nil
        }
    }
}
