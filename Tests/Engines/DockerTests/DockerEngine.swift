import Containers
import DockerBackend
import Execution
import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

/// The real engine of these tests: a daemon that `scripts/engines/docker.sh` has started, with images made of this machine's own files.
enum DockerEngine {
    /// With `SWIFTFLOW_REQUIRE_ENGINES=1` the tests run in any case, and fail where there is no engine.
    static var isExpected: Bool {
        environmentVariable("SWIFTFLOW_TEST_DOCKER") != nil || environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1"
    }

    static var registry: String { environmentVariable("SWIFTFLOW_TEST_REGISTRY") ?? "127.0.0.1:1" }

    static let image = "busybox:test"
    static let pythonImage = "python-mini:test"

    /// An image's name as the engine lists it: Podman says from where it is, and what was made here is from `localhost`.
    static func fullName(of image: String) -> String { flavour == .podman ? "localhost/\(image)" : image }

    static var environment: [String: String] { processEnvironment() }

    /// `SWIFTFLOW_TEST_CONTAINER_CLIENT=podman` puts podman to most of these tests; the images must be its own by then.
    static var flavour: ContainerClient.Flavour {
        environmentVariable("SWIFTFLOW_TEST_CONTAINER_CLIENT").flatMap { ContainerClient.Flavour(rawValue: $0) }
            ?? .docker
    }

    static func client(_ variables: [String: String] = [:]) throws -> ContainerClient {
        try ContainerClient(
            flavour, environment: environment.merging(variables) { _, new in new }, workingDirectory: "/",
            starter: Keeper.shared)
    }

    static func backend(_ given: String? = nil, _ variables: [String: String] = [:]) throws -> DockerBackend {
        let json = given ?? "{\"client\": \"\(flavour.rawValue)\"}"
        return try DockerBackend(
            BackendConfiguration(json: json), environment: environment.merging(variables) { _, new in new },
            workingDirectory: "/", starter: Keeper.shared)
    }

    /// Puts each job of a conformance kit into a container in a folder of its own.
    static func kit(_ backend: DockerBackend, folder: TemporaryDirectory) -> BackendConformance {
        BackendConformance(backend) { job in
            job.container = ContainerRequest(image: image)
            job.workingDirectory = folder.path
            job.source = JobSource(projectFolder: folder.path)
        }
    }

    /// Whether the engine can set limits: where cgroups are of the first version, a rootless one cannot.
    static var setsLimits: Bool { getuid() == 0 || fileStatus("/sys/fs/cgroup/cgroup.controllers") != nil }

    /// What the client says, for what a test wants to know beside our own words.
    static func ask(_ arguments: String...) async throws -> String {
        let client = try client()
        let result = try await client.starter.runTool(
            client.executable, arguments, environment: environment, workingDirectory: "/")
        return String(decoding: result.output, as: UTF8.self).trimmed
    }

    /// What the client says in a process that nobody ends with us: Podman's containers are watched by processes that its client leaves behind.
    static func askApart(_ arguments: String...) throws -> String {
        let client = try client()
        let words = ([client.executable.string] + arguments).map { "'" + $0.replacing("'", with: "'\\''") + "'" }
        guard let pipe = unsafe popen(words.joined(separator: " ") + " 2>/dev/null", "r") else {
            throw FixtureFailure("no process for \(arguments)")
        }
        var text = ""
        var buffer = [CChar](repeating: 0, count: 4_096)
        while unsafe fgets(&buffer, Int32(buffer.count), pipe) != nil {
            text += String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        unsafe pclose(pipe)
        return text.trimmed
    }

    /// Kills a program with its guards and clients, all at once, as a machine's memory killer or a service manager does it.
    static func killAll(of program: SwiftflowProgram, _ running: SwiftflowProgram.Running) async {
        let ours = processIDs().filter { process in
            // An engine's own processes are not the program's, even where the client has started them.
            if let name = try? readFile(FilePath("/proc/\(process)/comm"), limit: 64),
                String(decoding: name, as: UTF8.self).hasPrefix("conmon")
            {
                return false
            }
            let variables = (try? readFile(FilePath("/proc/\(process)/environ"), limit: 1 << 20)) ?? []
            return String(decoding: variables, as: UTF8.self).contains("HOME=\(program.path)/home")
        }
        for process in ours { _ = kill(process, SIGSTOP) }
        // The runner last: the supervisors of guards wake what they end when it has died.
        for process in ours where process != running.process.processID { _ = kill(process, SIGKILL) }
        await running.process.signal(SIGKILL)
    }

    /// Containers that carry this run's id, running or not.
    static func containers(ofRun runID: String) async throws -> [String] {
        try await containers(labelled: "io.swiftflow.run=\(runID)")
    }

    /// Containers that carry a label, each with its state: `<id> running`.
    static func containers(labelled label: String) async throws -> [String] {
        let client = try client()
        let listed = try await ask("ps", "-a", "-q", "--no-trunc", "--filter", "label=\(label)")
        guard !listed.isEmpty else { return [] }
        // One that has gone since then is not told.
        let result = try await client.starter.runTool(
            client.executable,
            ["inspect", "-f", "{{.Id}} {{.State.Status}}"] + listed.split(separator: "\n").map(String.init),
            environment: environment, workingDirectory: "/")
        return String(decoding: result.output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// The container's name without the slash that Docker puts before it.
    static func name(of container: String) async throws -> String {
        let name = try await ask("inspect", "-f", "{{.Name}}", container)
        return name.hasPrefix("/") ? String(name.dropFirst()) : name
    }
}

/// All tests on the engine, one after the other: a start of the program clears away what dead runners left, also what another test has
/// just left on purpose.
@Suite(.serialized, .enabled(if: DockerEngine.isExpected)) enum OnDocker {}

extension String {
    var trimmed: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
