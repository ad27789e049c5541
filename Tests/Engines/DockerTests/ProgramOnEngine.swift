import Containers
import Execution
import Files
import Glibc
import Processes
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

/// The built `swiftflow` in a folder of its own, with the engine's client around it.
struct ProgramOnEngine {
    let program: SwiftflowProgram

    init() throws {
        var variables: [String: String] = [:]
        for name in [
            "DOCKER_HOST", "DOCKER_CONFIG", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF",
            "BUILDAH_ISOLATION", "XDG_RUNTIME_DIR",
        ] {
            variables[name] = environmentVariable(name)
        }
        // By this name a rootless Podman finds the ids it may give to what is in containers.
        if getuid() != 0 { variables["USER"] = environmentVariable("USER") }
        program = try SwiftflowProgram(variables: variables)
    }

    /// Runs the project of its folder, or the one named first, in a container of the engine under test.
    func run(_ arguments: String..., variables: [String: String] = [:]) async throws -> SwiftflowProgram.Result {
        try await program.run(Self.words(arguments), variables: variables)
    }

    /// The same without waiting for its end.
    func start(
        _ arguments: String..., variables: [String: String] = [:]
    ) async throws -> SwiftflowProgram.Running {
        try await program.start(Self.words(arguments), variables: variables)
    }

    private static func words(_ arguments: [String]) -> [String] {
        ["run"] + (arguments.isEmpty ? ["."] : arguments) + ["-c", configuration]
    }

    /// What leads the program to the client under test.
    static var configuration: String { "{\"client\": \"\(DockerEngine.flavour.rawValue)\"}" }

    func runs() async throws -> [Run] {
        let store = try await SQLiteStore.open(
            program.path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: program.path))
        let page = try await store.searchRuns(RunSearch(experimentIDs: ["0"]))
        await store.close()
        return page.elements
    }

    func tag(_ key: String, of run: Run) -> String? { run.data.tag(key) }

    /// Podman's containers are descendants of its client, and so of the tests' own keeper, which ends all it has started.
    static var containersMayOutliveTests: Bool { DockerEngine.flavour == .docker }

    /// Kills the runner with its guards and clients, all at once, as a machine's memory killer or a service manager does it.
    func killAll(_ running: SwiftflowProgram.Running) async {
        await DockerEngine.killAll(of: program, running)
    }
}
