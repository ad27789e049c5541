import Diagnostics
import Execution
import Files
import Glibc
import PipelineViews
import Processes
import Scheduling
import SwiftFlow
import Synchronization
import SystemPackage
import Tracking

/// Shows a pipeline as a tree that is redrawn in place; everything else that is said meanwhile passes above it.
///
/// Events only change the tree. One task draws, at most ten times a second and only what has changed, so that a terminal that has been
/// stopped (Ctrl-S) stops nothing but the picture.
final class LiveDisplay: Sendable {
    /// A program has one terminal.
    static let shared = LiveDisplay()

    private struct State {
        var tree = LiveTree()
        var painter = ScreenPainter()
        var passing = ""
        /// What is said once the pipeline has ended, below the tree.
        var closing = ""
        var failed: [NodeStatus] = []
        /// Notes that every step would repeat.
        var notes: Set<String> = []
        var isDirty = false
        var isClosing = false
        var drawnAt: Milliseconds = 0
        var drawing: Task<Void, Never>?
        var signals: Task<Void, Never>?
        var read: (@Sendable (String) async -> Run?)?
    }

    private let state = Mutex(State())

    private init() {}

    /// - Parameter read: finds a run in the store, to show what it has logged meanwhile.
    func begin(read: @escaping @Sendable (String) async -> Run?) {
        state.withLock { state in
            state.read = read
            guard state.drawing == nil else { return }
            state.drawing = Task { await self.draw() }
            state.signals = Task { await self.obeySignals() }
        }
    }

    var isOpen: Bool { state.withLock { $0.drawing != nil } }

    func show(_ event: PipelineEvent) {
        state.withLock { state in
            state.tree.apply(event)
            state.isDirty = true
            if case .node(let node)? = event.flattened, node.state == .failed { state.failed.append(node) }
        }
    }

    /// Shows a note of a step once, however many steps say the same.
    func note(_ text: String) {
        let common = Self.common(text)
        let isNew = state.withLock { $0.notes.insert(common).inserted }
        if isNew { pass(escapedForTerminal(redactedText(common)) + "\n") }
    }

    /// Whether no step has said the same before; of why one runs each may say its own.
    func isNew(_ text: String) -> Bool {
        let common = Self.common(text)
        return common.contains(Self.reason) || state.withLock { $0.notes.insert(common).inserted }
    }

    private static let reason = ": runs, because "

    /// What the notes of many steps have in common: of a reason the step, but not the cell.
    private static func common(_ text: String) -> String {
        guard let colon = text.firstRange(of: ": ") else { return text }
        let rest = text[colon.lowerBound...]
        guard rest.hasPrefix(reason) else { return String(text[colon.upperBound...]) }
        return stepPath(String(text[..<colon.lowerBound])) + rest
    }

    /// Takes text that stays on the screen; false when nothing is being drawn.
    @discardableResult
    func pass(_ text: String) -> Bool {
        state.withLock { state in
            guard state.drawing != nil else { return false }
            if state.tree.hasEnded { state.closing += text } else { state.passing += text }
            state.isDirty = true
            return true
        }
    }

    /// Draws what is still to be drawn, and leaves the terminal to others.
    func close() async {
        let (drawing, signals) = state.withLock { state in
            state.isClosing = true
            return (state.drawing, state.signals)
        }
        await drawing?.value
        signals?.cancel()
        state.withLock { state in
            state.drawing = nil
            // Nothing that was said at the last moment is lost.
            write(state.passing + state.closing)
            (state.passing, state.closing) = ("", "")
        }
    }

    // MARK: Drawing

    private func draw() async {
        var measuredAt: Milliseconds = 0
        while true {
            let isClosing = state.withLock { $0.isClosing }
            passLogs()
            let now = currentTimeMilliseconds()
            if !isClosing, now - measuredAt >= 1000 {
                measuredAt = now
                await measure()
            }
            drawFrame(at: now)
            if isClosing { break }
            try? await Task.sleep(for: .milliseconds(100))
        }
        write(state.withLock { $0.painter.end() })
    }

    private func drawFrame(at now: Milliseconds) {
        let width = max(20, Terminal.messages.width - 1)
        let height = terminalHeight(of: STDERR_FILENO) ?? 24
        let text = state.withLock { state -> String in
            // A running step's time is a change, once a second.
            guard state.isDirty || (state.tree.isLive && now / 1000 != state.drawnAt / 1000) else { return "" }
            state.isDirty = false
            state.drawnAt = now
            var text = ""
            if !state.passing.isEmpty {
                text += state.painter.insert(state.passing, width: width)
                state.passing = ""
            }
            return text
                + state.painter.frame(
                    state.tree.lines(
                        width: width, height: height - 1, at: now, hasColour: Terminal.messages.hasColour), width: width
                )
        }
        write(text)
    }

    private func write(_ text: String) {
        guard !text.isEmpty else { return }
        _ = writeAll(Array(text.utf8)[...], to: STDERR_FILENO)
    }

    /// What running steps have logged last, of a few of them.
    private func measure() async {
        let (nodes, read) = state.withLock { (Array($0.tree.measurable.prefix(8)), $0.read) }
        for node in nodes {
            guard let id = node.runID, let run = await read?(id) else { continue }
            let latest = run.data.metrics.filter { !CostMetric.includes($0.key) }
                .max { ($0.timestamp, $0.key) < ($1.timestamp, $1.key) }
            guard let latest else { continue }
            state.withLock { state in
                state.tree.measure(node.id, step: node.step, metric: latest)
                state.isDirty = true
            }
        }
    }

    // MARK: Logs of what failed

    private static let logTail = 4096
    private static let logLines = 8

    private func passLogs() {
        let failed = state.withLock { state in
            defer { state.failed = [] }
            return state.failed
        }
        for node in failed.prefix(10) {
            guard let uri = node.artifactURI, let folder = localFolder(ofArtifactURI: uri) else { continue }
            let lines = lastLines(of: folder.appending("logs").appending("output.log"))
            guard !lines.isEmpty else { continue }
            var text = Terminal.messages.styled("\(escapedForTerminal(node.id)) failed; its last lines:", .red) + "\n"
            for line in lines { text += "  │ \(escapedForTerminal(redactedText(line)))\n" }
            state.withLock { $0.passing += text }
        }
        if failed.count > 10 {
            state.withLock { $0.passing += "\(failed.count - 10) more failed; see 'swiftflow logs'\n" }
        }
    }

    private func lastLines(of path: FilePath) -> [String] {
        guard let size = fileStatus(path)?.size, size > 0,
            let file = try? FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .noFollow])
        else { return [] }
        defer { try? file.close() }
        var buffer = [UInt8](repeating: 0, count: Self.logTail)
        let start = max(0, Int64(size) - Int64(Self.logTail))
        let count =
            (try? unsafe buffer.withUnsafeMutableBytes {
                try unsafe file.read(fromAbsoluteOffset: start, into: $0)
            }) ?? 0
        var lines = buffer.prefix(count).split(separator: 0x0A)
        // The first line is not whole.
        if start > 0, lines.count > 1 { lines.removeFirst() }
        return lines.suffix(Self.logLines).map { line in
            String(String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self).prefix(400))
        }
    }

    // MARK: Signals

    private func obeySignals() async {
        for await signal in TerminationSignals.install([SIGWINCH, SIGTSTP, SIGCONT]) {
            if signal == SIGTSTP {
                write(state.withLock { $0.painter.end() })
                // What the signal would have done, had nobody caught it.
                _ = kill(getpid(), SIGSTOP)
            }
            state.withLock { $0.isDirty = true }
        }
    }
}
