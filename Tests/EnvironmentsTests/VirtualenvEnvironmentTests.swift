import Files
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Environments

/// How virtualenv comes by its interpreter.
///
/// Interpreters are scripts that answer as a Python of some version and pass on the rest.
@Suite(.timeLimit(.minutes(10)))
struct VirtualenvEnvironmentTests {
    private let virtualenv = VirtualenvEnvironment()

    /// A machine with nothing on `PATH` but what a test adds.
    private func fixture(python: String) throws -> EnvironmentFixture {
        let fixture = try EnvironmentFixture(["python_env.yaml": "python: '\(python)'\n"])
        try makeFolders(fixture.root)
        return fixture
    }

    private func request(_ fixture: EnvironmentFixture, _ variables: [String: String] = [:]) throws
        -> EnvironmentRequest
    {
        fixture.request(
            .pythonEnv(try RelativePath("python_env.yaml")),
            variables: ["PATH": "\(fixture.temporary.path)/bin"].merging(variables) { $1 })
    }

    private func interpreter(_ version: String, canMakeEnvironments: Bool = true) -> String {
        """
        #!/bin/sh
        if [ "$1" = -I ]; then echo "\(version) \(canMakeEnvironments ? "True" : "False")"; exit; fi
        exec "\(Self.python)" "$@"
        """
    }

    /// The real interpreter behind the scripts; scripts of version managers need their own `PATH`.
    private static let python: String = {
        let kept = FilePath(environmentVariable("HOME") ?? "/").appending(".pyenv").appending("versions")
        let names = (try? Directory(opening: kept).list().map(\.name)) ?? []
        if let name = names.last(where: { $0.hasPrefix("3.11.") }) { return "\(kept)/\(name)/bin/python3" }
        return findExecutable("python3", searchPath: environmentVariable("PATH"))?.string ?? "/usr/bin/python3"
    }()

    private func chosen(_ fixture: EnvironmentFixture, _ variables: [String: String] = [:]) async throws -> FilePath {
        let wanted = try #require(
            try PythonDeclaration(request(fixture).source, in: Directory(opening: fixture.project)).python)
        guard case .version(let version) = wanted.request else { throw ProcessError("no version") }
        return try await PythonSearch(request(fixture, variables)).interpreter(for: version).path
    }

    @Test func `the most specific name on PATH is asked first`() async throws {
        let fixture = try fixture(python: "3.11")
        try fixture.addProgram("python3", interpreter("3.11.2"))
        try fixture.addProgram("python3.11", interpreter("3.11.9"))
        #expect(try await chosen(fixture).lastComponent?.string == "python3.11")
    }

    @Test func `a name is not believed, the answer is`() async throws {
        let fixture = try fixture(python: "3.11")
        try fixture.addProgram("python3.11", "#!/bin/sh\necho 'command not found' >&2; exit 127\n")
        try fixture.addProgram("python3", interpreter("3.12.1"))
        try fixture.addProgram("python", interpreter("3.11.4"))
        #expect(try await chosen(fixture).lastComponent?.string == "python")
    }

    @Test func `E-02 no interpreter of the version is an error that lists what there is`() async throws {
        let fixture = try fixture(python: "3.11.7")
        try fixture.addProgram("python3", interpreter("3.11.2"))
        let request = try request(fixture)
        let error = await #expect(throws: EnvironmentError.self) { try await virtualenv.prepare(request) }
        #expect(error?.reason == .missingPython)
        #expect(
            error?.description.contains(
                "no python 3.11.7 on PATH; found 3.11.2 (\(fixture.temporary.path)/bin/python3)") == true)
        #expect(error?.description.contains("or ask for 3.11 only") == true)
    }

    @Test func `the newest fitting interpreter of pyenv is taken, by numbers`() async throws {
        let fixture = try fixture(python: "3.1")
        for version in ["3.11.7", "3.1.2", "3.1.10", "3.1.9", "2.7.18", "3.1.11rc1", "system"] {
            try fixture.addProgram("python", interpreter(version), folder: "home/.pyenv/versions/\(version)/bin")
        }
        #expect(try await chosen(fixture).string.hasSuffix("/3.1.10/bin/python"))
    }

    @Test func `pyenv installs what is not there`() async throws {
        let fixture = try fixture(python: "3.1")
        // Plays pyenv's part: the real one would compile an interpreter for minutes.
        try fixture.addProgram(
            "pyenv",
            """
            #!/bin/sh
            root="\(fixture.temporary.path)/pyenv root"
            case "$*" in
            "install --list") printf '  %s\\n' Available: 2.7.18 3.1.2 3.1.10 3.11.7 3.1-dev 3.1.11rc1 pypy3.1-7 ;;
            "install --skip-existing 3.1.10")
                /bin/mkdir -p "$root/versions/3.1.10/bin"
                printf '#!/bin/sh\\necho 3.1.10 True\\n' > "$root/versions/3.1.10/bin/python"
                /bin/chmod +x "$root/versions/3.1.10/bin/python"; echo installed ;;
            root) echo "$root" ;;
            *) exit 2 ;;
            esac
            """)
        #expect(try await chosen(fixture).string == "\(fixture.temporary.path)/pyenv root/versions/3.1.10/bin/python")
        #expect(fixture.output.contains("installed"))
        #expect(fixture.messages.contains { $0.text.contains("installing python 3.1.10 with pyenv") })
    }

    @Test(
        .enabled(
            if: findExecutable("virtualenv", searchPath: EnvironmentFixture.toolsPath) != nil
                || environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1"))
    func `an interpreter without venv is served by the program virtualenv`() async throws {
        let fixture = try fixture(python: "3.11")
        try fixture.addProgram("python3.11", interpreter("3.11.2", canMakeEnvironments: false))
        let environment = try await virtualenv.prepare(
            request(fixture, ["PATH": "\(fixture.temporary.path)/bin:" + EnvironmentFixture.toolsPath]))
        #expect(fixture.starter.commands.contains { $0.starts(with: ["virtualenv", "--python"]) })
        #expect(
            try await fixture.run("python -c 'import sys; print(sys.prefix)'", in: environment)
                == "\(try #require(environment.folder))\n")
    }

    @Test func `E-02 an interpreter without venv, and no virtualenv, is an error with a way out`() async throws {
        let fixture = try fixture(python: "3.11")
        try fixture.addProgram("python3.11", interpreter("3.11.2", canMakeEnvironments: false))
        let request = try request(fixture)
        let error = await #expect(throws: EnvironmentError.self) { try await virtualenv.prepare(request) }
        #expect(error?.description.contains("python3-venv") == true)
    }

    @Test func `conditions are uv's business`() async throws {
        let fixture = try fixture(python: ">=3.9")
        let request = try request(fixture)
        let error = await #expect(throws: EnvironmentError.self) { try await virtualenv.prepare(request) }
        #expect(error?.description.contains("use '--env-manager uv'") == true)
    }

    // MARK: No version declared

    @Test func `without a version the python3 on PATH counts, and a program is asked once`() async throws {
        let fixture = try EnvironmentFixture()
        // A program, not a script: its answer may be remembered.
        try link(to: FilePath(Self.python), at: fixture.temporary.path.appending("bin").appending("python3"))
        var request = fixture.request(.noFile)
        request.variables["PATH"] = "\(fixture.temporary.path)/bin"
        let first = try await virtualenv.plan(request)
        let asked = fixture.starter.commands.count
        #expect(asked == 1)
        #expect(try await virtualenv.plan(request) == first)
        #expect(fixture.starter.commands.count == asked)
    }

    @Test func `a script called python3 is asked every time`() async throws {
        let fixture = try EnvironmentFixture()
        var request = fixture.request(.noFile)
        request.variables["PATH"] = "\(fixture.temporary.path)/bin"
        try fixture.addProgram("python3", interpreter("3.11.2"))
        #expect(try await virtualenv.plan(request).python == "3.11.2")
        try fixture.addProgram("python3", interpreter("3.12.3"))
        #expect(try await virtualenv.plan(request).python == "3.12.3")
    }

    @Test func `without a version and without python3 the error says what to write`() async throws {
        let fixture = try EnvironmentFixture()
        let request = fixture.request(.noFile, variables: ["PATH": "\(fixture.temporary.path)/bin"])
        let error = await #expect(throws: EnvironmentError.self) { try await virtualenv.plan(request) }
        #expect(error?.reason == .missingPython)
        #expect(error?.description.contains("python: \"3.11\"") == true)
    }
}
