import Files
import Glibc
import KubernetesBackend
import Processes
import SystemPackage
import TestSupport
import Testing

/// What runs in the container beside the command, in the shells that images have.
///
/// Here it is no container's first process; that part is seen on the real cluster.
@Suite(.timeLimit(.minutes(10))) struct ContainerShellTests {
    static let shells = ["bash", "dash", "busybox"]

    /// Starts what a container would, where `sh` is that shell and there is no other.
    private func start(
        _ command: String, in shell: String, preparation: String? = nil, _ output: CollectedOutput,
        _ folder: TemporaryDirectory
    ) async throws -> any RunningProcess {
        let search = "/usr/bin:/bin:/usr/sbin"
        var programs = ["sh": try #require(findExecutable(shell, searchPath: search), "\(shell) is not installed")]
        if shell == "bash" { programs["bash"] = programs["sh"] }
        programs["sleep"] = findExecutable("sleep", searchPath: search)
        for (name, program) in programs { try link(to: program, at: folder.path.appending(name)) }
        let shell = ContainerShell(command: command, preparation: preparation, folder: "/", endMark: "MARK")
        return try await Keeper.shared.start(
            ProcessSpecification(
                executable: folder.path.appending("sh"), arguments: Array(shell.arguments.dropFirst()),
                environment: ["PATH": folder.path.string, "X": "a  b"], workingDirectory: "/", output: output.handling))
    }

    @Test(
        arguments: shells,
        [
            ("echo a; echo b >&2; printf c", "a\nb\ncMARK\n", 0), ("exit 7", "MARK\n", 7),
            ("printf '%s' \"$X\" '$X' && false || exit 3", "a  b$XMARK\n", 3), ("kill -9 $$", "MARK\n", 137),
            ("set -e; false; echo no", "MARK\n", 1), ("exec 1>&-; exit 4", "MARK\n", 4),
        ] as [(String, String, Int32)])
    func `the mark is the last thing written, and the command's end is the container's`(
        shell: String, row: (command: String, output: String, code: Int32)
    ) async throws {
        let output = CollectedOutput()
        let folder = try TemporaryDirectory()
        let end = await (try start(row.command, in: shell, output, folder)).wait()
        #expect(end.termination == .exited(code: row.code))
        #expect(output.text() == row.output)
    }

    @Test(arguments: shells) func `a command whose files cannot be had is not started`(shell: String) async throws {
        let output = CollectedOutput()
        let folder = try TemporaryDirectory()
        let end = await (try start("echo no", in: shell, preparation: "cd /none 2>&1", output, folder)).wait()
        #expect(end.termination == .exited(code: 126))
        #expect(output.text().hasSuffix("MARK\n"))
        #expect(!output.text().contains("no\n"))
    }

    @Test(arguments: shells) func `who is asked to end asks the command, and waits for it`(shell: String) async throws {
        let output = CollectedOutput()
        let folder = try TemporaryDirectory()
        let command = "trap 'echo asked; sleep 0.3; echo ends; exit 9' TERM; echo ready; while :; do sleep 0.1; done"
        let process = try await start(command, in: shell, output, folder)
        #expect(await eventually { output.text() == "ready\n" })
        kill(process.processID, SIGTERM)
        #expect(await process.wait().termination == .exited(code: 9))
        #expect(output.text() == "ready\nasked\nends\nMARK\n")
    }
}
