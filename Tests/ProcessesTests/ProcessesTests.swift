import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

/// A process to run: `bash -c`, with a mark and collected output.
struct Trial {
    let mark = ProcessMark()
    let collected = CollectedOutput()

    func specification(
        _ executable: FilePath, _ arguments: [String], environment: [String: String]? = nil,
        workingDirectory: FilePath = "/", input: StandardInput = .null
    ) -> ProcessSpecification {
        ProcessSpecification(
            executable: executable, arguments: arguments, environment: environment ?? mark.environment,
            workingDirectory: workingDirectory, standardInput: input, output: collected.handling)
    }

    func script(_ text: String, input: StandardInput = .null) -> ProcessSpecification {
        specification("/bin/bash", ["-c", text], input: input)
    }

    func run(_ text: String, input: StandardInput = .null) async throws -> ProcessEnd {
        try await Keeper.shared.start(script(text, input: input)).wait()
    }

    /// Waits until the script has written the word.
    func hasWritten(_ word: String) async -> Bool {
        await eventually { collected.text().contains(word) }
    }
}

@Suite(.timeLimit(.minutes(10))) struct StartTests {
    let trial = Trial()

    @Test(arguments: [0, 1, 3, 126, 127, 255] as [Int32])
    func `X-07 the exact exit code is reported`(code: Int32) async throws {
        let end = try await trial.run("exit \(code)")
        #expect(end.termination == .exited(code: code))
        #expect(end.isSuccess == (code == 0))
        #expect(!end.leftDescendants && end.supervisionFailure == nil)
    }

    @Test(arguments: [1, 2, 6, 9, 11, 13, 15] as [Int32])
    func `X-07 the exact signal is reported`(signal: Int32) async throws {
        let end = try await trial.run("ulimit -c 0; kill -\(signal) $$")
        #expect(end.termination == .signaled(signal: signal))
        #expect(!end.isSuccess)
    }

    @Test func `C-01 arguments arrive unchanged`() async throws {
        let arguments = [
            "", " ", "; & | $(id) `id` \\ ' \" * ~ ! #\nx", "-n", "é\u{1F600}", String(repeating: "x", count: 131_000),
        ]
        _ = try await Keeper.shared.start(trial.specification("/usr/bin/printf", ["%s\\0"] + arguments)).wait()
        let arrived = trial.collected.bytes().split(separator: 0, omittingEmptySubsequences: false).dropLast()
        #expect(arrived.map { String(decoding: $0, as: UTF8.self) } == arguments)
    }

    @Test func `the environment is exactly the given one`() async throws {
        let environment = ["B": "x=y z", "A": "", "LINES": "a b"]
        _ = try await Keeper.shared.start(trial.specification("/usr/bin/env", [], environment: environment)).wait()
        #expect(trial.collected.text() == "A=\nB=x=y z\nLINES=a b\n")
    }

    @Test func `X-14 ten thousand variables arrive`() async throws {
        let environment = Dictionary(uniqueKeysWithValues: (0..<10_000).map { ("VARIABLE_\($0)", "value \($0)") })
        _ = try await Keeper.shared.start(trial.specification("/usr/bin/env", [], environment: environment)).wait()
        #expect(trial.collected.text().split(separator: "\n").count == 10_000)
    }

    @Test func `the working folder is the given one`() async throws {
        let folder = try TemporaryDirectory()
        _ = try await Keeper.shared.start(
            trial.specification("/bin/pwd", ["-P"], workingDirectory: folder.path)
        ).wait()
        #expect(trial.collected.text() == "\(folder.path)\n")
    }

    @Test func `R5 signals are default and not blocked, whatever the runner ignores`() async throws {
        _ = TerminationSignals.install([])
        _ = try await Keeper.shared.start(trial.specification("/bin/cat", ["/proc/self/status"])).wait()
        let lines = trial.collected.text().split(separator: "\n")
        for name in ["SigBlk", "SigIgn", "SigCgt"] {
            #expect(lines.contains("\(name):\t0000000000000000"))
        }
    }

    @Test func `R5 the process leads a session and a group of its own`() async throws {
        let end = try await trial.run("read -r line < /proc/$$/stat; set -- $line; echo $$ $5 $6")
        let numbers = trial.collected.text().split { $0.isWhitespace }
        #expect(end.isSuccess && numbers.count == 3 && Set(numbers).count == 1)
    }

    @Test func `R5 only the three standard descriptors are open`() async throws {
        // Descriptors of ours that are not close-on-exec, as a careless library might open them.
        let files = try (0..<20).map { _ in try FileDescriptor.open(FilePath("/dev/null"), .readOnly) }
        defer { for file in files { try? file.close() } }
        let keeper = try Keeper.launch()
        let process = try await keeper.start(trial.specification("/bin/ls", ["/proc/self/fd"]))
        _ = await process.wait()
        // The fourth is the folder that is being listed.
        #expect(trial.collected.text() == "0\n1\n2\n3\n")
    }

    @Test func `standard input is empty, given, or the runner's own`() async throws {
        _ = try await trial.run("cat; readlink /proc/self/fd/0")
        #expect(trial.collected.text() == "/dev/null\n")

        // More than a pipe holds.
        let bytes = [UInt8](repeating: 0, count: 1_500_000) + [UInt8](repeating: 0xFF, count: 1_500_000)
        let given = Trial()
        _ = try await Keeper.shared.start(given.specification("/bin/cat", [], input: .bytes(bytes))).wait()
        #expect(given.collected.bytes() == bytes)

        let inherited = Trial()
        _ = try await inherited.run("readlink /proc/self/fd/0", input: .inherited)
        #expect(inherited.collected.text() == "\(try linkTarget("/proc/self/fd/0"))\n")
    }

    @Test func `usage is that of the whole tree`() async throws {
        // A grandchild that is left behind by its parent works and grows.
        let end = try await trial.run(
            """
            (python3 -c 'x = bytearray(80_000_000); t = sum(i for i in range(3_000_000))' & wait)
            """)
        #expect(end.isSuccess)
        let usage = try #require(end.usage)
        #expect(usage.userTime > .milliseconds(20))
        #expect(usage.peakMemory > 80_000_000)
        #expect(end.wallTime > .milliseconds(20) && end.wallTime < .seconds(300))
    }

    @Test func `X-16 a hundred at once`() async throws {
        let codes = try await withThrowingTaskGroup(of: (Int32, ProcessEnd, String).self) { group in
            for number in Int32(0)..<100 {
                group.addTask {
                    let trial = Trial()
                    let end = try await trial.run("echo \(number); sleep 0.1; exit \(number)")
                    return (number, end, trial.collected.text())
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.count == 100)
        for (number, end, text) in codes {
            #expect(end.termination == .exited(code: number))
            #expect(text == "\(number)\n")
        }
    }
}

private func linkTarget(_ path: String) throws -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &buffer, buffer.count)
    try #require(count > 0)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
