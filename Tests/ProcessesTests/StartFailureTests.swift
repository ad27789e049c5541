import Diagnostics
import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct StartFailureTests {
    private let folder: TemporaryDirectory
    private let trial = Trial()

    init() throws {
        folder = try TemporaryDirectory()
    }

    private func message(_ specification: ProcessSpecification) async throws -> String {
        let error = await #expect(throws: ProcessError.self) { try await Keeper.shared.start(specification) }
        return try #require(error).description
    }

    private func write(_ name: String, _ text: String, mode: mode_t = 0o755) throws -> FilePath {
        try folder.directory.writeFile(RelativePath(name), Array(text.utf8))
        let path = folder.path.appending(name)
        try #require(unsafe chmod(path.string, mode) == 0)
        return path
    }

    @Test func `a missing program is named`() async throws {
        let text = try await message(trial.specification("/no/such/program", []))
        #expect(text == "error: cannot start '/no/such/program': there is no such program")
    }

    @Test func `a file without permission, and a folder`() async throws {
        let path = try write("plain", "#!/bin/sh\n", mode: 0o644)
        #expect(try await message(trial.specification(path, [])).contains("it may not be executed"))
        #expect(try await message(trial.specification(folder.path, [])).contains("it may not be executed"))
    }

    @Test func `a script whose interpreter is missing`() async throws {
        let path = try write("script", "#!/no/such/interpreter\n")
        let text = try await message(trial.specification(path, []))
        #expect(text.contains("the interpreter in its first line ('#!') or its loader is missing"))
    }

    @Test func `a script without an interpreter line`() async throws {
        let path = try write("script", "echo hello\n")
        #expect(try await message(trial.specification(path, [])).contains("neither a program for this machine"))
    }

    @Test func `a missing working folder, and a file in its place`() async throws {
        var specification = trial.script("true")
        specification.workingDirectory = "/no/such/folder"
        #expect(try await message(specification).contains("its working folder '/no/such/folder' does not exist"))
        specification.workingDirectory = try write("file", "")
        #expect(try await message(specification).contains("is not a folder"))
    }

    @Test func `C-06 a command longer than the system takes`() async throws {
        let long = String(repeating: "x", count: 200_000)
        let text = try await message(trial.specification("/bin/echo", [long]))
        #expect(text.contains("too long") && text.contains("128 KiB"))
        let many = [String](repeating: String(repeating: "x", count: 100_000), count: 100)
        #expect(try await message(trial.specification("/bin/echo", many)).contains("too long"))
    }

    @Test func `C-06 NUL bytes and impossible names are refused`() async throws {
        #expect(try await message(trial.specification("/bin/echo", ["a", "b\0c"])).contains("argument 2"))
        for (name, part) in [("", "name of a variable"), ("A=B", "name of a variable"), ("A\0", "name of a variable")] {
            let text = try await message(trial.specification("/bin/true", [], environment: [name: "x"]))
            #expect(text.contains(part))
        }
        let text = try await message(trial.specification("/bin/true", [], environment: ["A": "secret\0"]))
        #expect(text.contains("variable 'A'") && !text.contains("secret"))
        _ = try await message(trial.specification("", []))
    }

    @Test func `a program that is still being written is waited for`() async throws {
        // ETXTBSY: what a thread that has just written a program meets when another one starts a process at that moment.
        let path = folder.path.appending("program")
        let copied = try await Keeper.shared.start(trial.specification("/bin/cp", ["/bin/true", path.string])).wait()
        try #require(copied.isSuccess)
        let writer = try await Keeper.shared.start(trial.script("exec 9>> \(path); echo open; sleep 0.2"))
        #expect(await trial.hasWritten("open"))
        #expect(try await Keeper.shared.start(trial.specification(path, [])).wait().isSuccess)
        _ = await writer.wait()
    }

    @Test func `a missing keeper is explained`() async throws {
        let keeper = Keeper(executable: "/no/such/swiftflow-keeper")
        let error = await #expect(throws: ProcessError.self) { try await keeper.start(trial.script("true")) }
        #expect(error?.description.contains("/no/such/swiftflow-keeper") == true)
    }

    @Test func `descriptors are given back when nothing was started`() async throws {
        let keeper = try Keeper.launch()
        let count = { () throws -> Int in try Directory(opening: "/proc/self/fd").list().count }
        _ = try? await keeper.start(trial.specification("/no/such/program", []))
        let before = try count()
        for _ in 0..<200 { _ = try? await keeper.start(trial.specification("/no/such/program", [])) }
        // Other tests open and close files meanwhile; a leak would be a thousand.
        #expect(await eventually { (try? count()).map { $0 < before + 150 } ?? false })
    }
}
