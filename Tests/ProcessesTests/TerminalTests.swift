import CLinux
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Processes

/// A terminal of the test's own, with the runner on it.
private struct TestTerminal: ~Copyable {
    let master: Descriptor
    let slave: Descriptor
    let runner: Int32

    init(_ arguments: [String]) throws {
        var ends: [Int32] = [-1, -1]
        let opened = unsafe ends.withUnsafeMutableBufferPointer { ends in
            unsafe ends.baseAddress.map { unsafe swiftflow_open_terminal($0, $0 + 1, -1) } ?? -1
        }
        try #require(opened == 0)
        let master = Descriptor(ends[0])
        let slave = Descriptor(ends[1])
        try Self.resize(slave.number, columns: 97, rows: 31)
        let fixture = try BuiltProducts.path("RunnerFixture").string
        runner = try spawnSession(
            fixture, arguments: [fixture] + arguments, environment: [], folder: "/", input: slave.number,
            output: slave.number, error: slave.number, extra: -1, subject: "runner")
        self.master = master
        self.slave = slave
    }

    deinit {
        kill(runner, SIGKILL)
        waitpid(runner, nil, 0)
    }

    static func resize(_ terminal: Int32, columns: UInt16, rows: UInt16) throws {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        try #require(unsafe ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
    }

    /// Reads what appears on the terminal until it contains the word.
    borrowing func text(until word: String) async -> String {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let number = master.number
        _ = await eventually {
            while true {
                let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(number, $0.baseAddress, $0.count) }
                guard count > 0 else { return text.contains(word) }
                text += String(decoding: buffer.prefix(count), as: UTF8.self)
            }
        }
        return text
    }
}

@Suite(.timeLimit(.minutes(1))) struct TerminalTests {
    @Test func `a process sees a terminal where the runner has one, and its bytes come unchanged`() async throws {
        let terminal = try TestTerminal([
            "run", "--terminal", "/bin/bash", "-c",
            "test -t 1 && test -t 2 && test ! -t 0 && printf 'a\\nb\\r\\x01'; stty size < /dev/fd/1; exit 3",
        ])
        let text = await terminal.text(until: "failure=")
        // The runner's own lines may come between.
        #expect(text.contains("a\n") && text.contains("b\r\u{1}") && text.contains("31 97\n"))
        #expect(text.contains("end exited 3 "))
    }

    @Test func `without mirroring there is none`() async throws {
        let terminal = try TestTerminal(["run", "/bin/bash", "-c", "test -t 1 || test -t 2 || exit 4"])
        let text = await terminal.text(until: "failure=")
        #expect(text.contains("end exited 4 "))
    }

    @Test func `the size follows, and the process is told`() async throws {
        let terminal = try TestTerminal([
            "run", "--terminal", "/bin/bash", "-c",
            "trap 'stty size < /dev/fd/1; exit 5' WINCH; echo ready; while :; do sleep 0.05; done",
        ])
        _ = await terminal.text(until: "ready")
        try TestTerminal.resize(terminal.slave.number, columns: 50, rows: 20)
        // The runner leads its session but has no controlling terminal here, so nobody tells it by itself.
        kill(terminal.runner, SIGWINCH)
        let text = await terminal.text(until: "failure=")
        #expect(text.contains("20 50\n") && text.contains("end exited 5 "))
    }

    @Test func `all output of a process on a terminal arrives, however it ends`() async throws {
        let terminal = try TestTerminal(["run", "--terminal", "/usr/bin/seq", "20000"])
        let text = await terminal.text(until: "failure=")
        #expect(text.contains("\n19999\n20000\n"))
    }
}
