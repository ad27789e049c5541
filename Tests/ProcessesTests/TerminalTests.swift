import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

/// A terminal of the test's own, with the runner on it as its session's leader.
private final class TestTerminal: Sendable {
    private let master: Int32
    private let slave: Int32
    private let runner: Int32

    init(_ arguments: [String]) throws {
        var ends: (master: Int32, slave: Int32) = (-1, -1)
        var size = winsize(ws_row: 31, ws_col: 97, ws_xpixel: 0, ws_ypixel: 0)
        var name = [CChar](repeating: 0, count: 64)
        try #require(unsafe openpty(&ends.master, &ends.slave, &name, nil, &size) == 0)
        (master, slave) = ends
        for end in [master, slave] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
        // What the terminal itself does to the bytes is not the matter here.
        var attributes = termios()
        unsafe tcgetattr(slave, &attributes)
        unsafe cfmakeraw(&attributes)
        unsafe tcsetattr(slave, TCSANOW, &attributes)

        let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let fixture = try BuiltProducts.path("RunnerFixture").string
        // The leader of a session that opens a terminal gets it as its controlling terminal.
        runner = try startDetached(
            "/bin/bash", arguments: ["-c", "exec \"$@\" <> \(path) >&0 2>&1", "bash", fixture] + arguments,
            environment: [:], workingDirectory: "/")
    }

    deinit {
        kill(runner, SIGKILL)
        waitpid(runner, nil, 0)
        close(master)
        close(slave)
    }

    func resize(columns: UInt16, rows: UInt16) throws {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        try #require(unsafe ioctl(master, UInt(TIOCSWINSZ), &size) == 0)
    }

    /// Reads what appears on the terminal until it contains the word.
    func text(until word: String) async -> String {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 4_096)
        _ = await eventually {
            // A terminal holds 4 KiB, so whoever writes much needs us all the time: wait here, but not for long.
            var waiting = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
            while !text.contains(word), unsafe poll(&waiting, 1, 20) > 0 {
                let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(master, $0.baseAddress, $0.count) }
                guard count > 0 else { break }
                text += String(decoding: buffer.prefix(count), as: UTF8.self)
            }
            return text.contains(word)
        }
        return text
    }
}

@Suite(.timeLimit(.minutes(10))) struct TerminalTests {
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
        try terminal.resize(columns: 50, rows: 20)
        let text = await terminal.text(until: "failure=")
        #expect(text.contains("20 50\n") && text.contains("end exited 5 "))
    }

    @Test func `all output of a process on a terminal arrives, however it ends`() async throws {
        let terminal = try TestTerminal(["run", "--terminal", "/usr/bin/seq", "20000"])
        let text = await terminal.text(until: "failure=")
        #expect(text.contains("\n19999\n20000\n"))
    }
}
