import Execution
import Files
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import LocalBackend

/// The local backend keeps what every backend promises.
@Suite(.timeLimit(.minutes(10))) struct LocalBackendTests {
    private var kit: BackendConformance {
        BackendConformance(LocalBackend(starter: Keeper.shared)) { job in
            // The bytes are compared as they are written; a terminal of the developer's would have no part in that.
            job.output.mirrorsTerminal = false
            job.workingDirectory = "/tmp"
        }
    }

    @Test func `exit codes arrive as they are`() async throws {
        expectKept(try await kit.checkExitCodes())
    }

    @Test func `the command and the variables reach the shell unread by any other`() async throws {
        expectKept(try await kit.checkCommandText())
    }

    @Test func `every byte of the output arrives, in order`() async throws {
        expectKept(try await kit.checkOutput())
    }

    @Test func `a stopped command is asked first and made to end after the grace`() async throws {
        expectKept(try await kit.checkCancellation())
    }

    @Test func `a killed command is not asked`() async throws {
        expectKept(try await kit.checkKillAndWaiting())
    }

    @Test func `commands side by side do not know of each other`() async throws {
        expectKept(try await kit.checkManyAtOnce())
    }

    @Test func `a job that was never submitted is not found`() async throws {
        expectKept(try await kit.checkUnknownJob())
    }

    /// Commands of which bash would only start a program, and such that are more than they look.
    static let commands = [
        "env", "/usr/bin/env", "  env   -u HOME  ", "./tool a=b c:d,e %f @g +h", "../commands/tool x", "tool y", "true",
        "false",
        "missing a", "./missing a", "./script a", "./folder", "./unreadable", "exit 3", "echo a", "A=1 env", "sleep",
        "test 1 -eq 2",
        "env | sort", "env; false", "env ~", "env #", "env\\ttrue", "", "   ", "kill -TERM 1x", "%1", "command env",
        "ls -d /usr",
    ]

    static let surroundings: [[String: String]] = [
        [:], ["SHLVL": "3", "OLDPWD": "/usr", "PWD": "/tmp"], ["SHLVL": "x", "OLDPWD": "/nowhere", "PWD": "."],
        ["SHLVL": "-4"], ["SHLVL": "2000"], ["RANDOM": "4"], ["BASH_ENV": "./hello"], ["PATH": ":/usr/bin:/bin"],
        ["PATH": "."],
        ["BASH_FUNC_tool%%": "() { echo function; }"], ["IFS": ":"], ["_": "z", "ENV": "x"],
        ["A.B": "c", "LC_ALL": "C"],
    ]

    @Test(arguments: surroundings) func `a command without a shell does what it does with one`(
        variables: [String: String]
    ) async throws {
        let folder = try TemporaryDirectory()
        let place = folder.path.appending("commands")
        try makeFolders(place.appending("folder"))
        func write(_ name: String, _ text: String, mode: FilePermissions) throws {
            let file = try FileDescriptor.open(
                place.appending(name), .writeOnly, options: .create, permissions: mode)
            try file.closeAfter { _ = try file.writeAll(text.utf8) }
        }
        try write("script", "echo script $0 $1 $SHLVL\n", mode: [.ownerReadWriteExecute])
        try write("hello", "echo hello\n", mode: [.ownerReadWrite])
        try write("unreadable", "no program\n", mode: [.ownerReadWrite])
        let bytes = try readFile("/usr/bin/env", limit: 1 << 24)
        let tool = try FileDescriptor.open(
            place.appending("tool"), .writeOnly, options: .create, permissions: [.ownerReadWriteExecute])
        try tool.closeAfter { _ = try tool.writeAll(bytes) }
        let environment = ["PATH": "/usr/bin:/bin:\(place)", "HOME": "/root"].merging(variables) { $1 }
        let kit = BackendConformance(LocalBackend(starter: Keeper.shared)) { job in
            job.output.mirrorsTerminal = false
            job.workingDirectory = place
            job.environment = environment
        }
        for command in Self.commands {
            let (output, expectedOutput) = (CollectedOutput(), CollectedOutput())
            let job = try kit.job(command, output: output.handling)
            let end = await (try await LocalBackend(starter: Keeper.shared).submit(job)).wait()
            var handling = expectedOutput.handling
            handling.mirrorsTerminal = false
            let shell = try await Keeper.shared.start(
                ProcessSpecification(
                    executable: "/bin/bash", arguments: ["-c", command], environment: environment,
                    workingDirectory: place, output: handling))
            let expected = await shell.wait()
            guard case .ended(let process) = end else {
                Issue.record("'\(command)' did not end: \(end)")
                continue
            }
            #expect(process.termination == expected.termination, "\(command)")
            // The order in which a program is given its variables means nothing.
            func lines(_ output: CollectedOutput, _ stream: OutputStream) -> [String] {
                output.text(stream).replacing("/usr/bin/bash: ", with: "").replacing("/bin/bash: ", with: "")
                    .split(separator: "\n").map(String.init).sorted()
            }
            #expect(lines(output, .standardOutput) == lines(expectedOutput, .standardOutput), "\(command)")
            #expect(lines(output, .standardError) == lines(expectedOutput, .standardError), "\(command)")
        }
    }

    @Test func `a plain command is started without a shell`() async throws {
        let output = CollectedOutput()
        let job = try kit.job("cat /proc/self/stat", output: output.handling)
        let submitted = try await LocalBackend(starter: Keeper.shared).submit(job)
        _ = await submitted.wait()
        #expect(output.text(.standardOutput).hasPrefix("\(submitted.processID ?? 0) (cat)"))
        for command in ["cat 'a'", "cat $A", "cat *", "cat a && b", "cat > x", "cat\ncat", "[ a ]", "é", "!", "{ a"] {
            #expect(PlainCommand(command, environment: job.environment, workingDirectory: "/tmp") == nil, "\(command)")
        }
        #expect(PlainCommand("cat a", environment: job.environment, workingDirectory: "/tmp")?.words == ["cat", "a"])
    }
}
