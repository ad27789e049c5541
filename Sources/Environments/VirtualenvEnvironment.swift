import Files
import Processes
import SystemPackage

/// Environments made by Python's own `venv` and filled by `pip`.
///
/// The interpreter of the wanted version is looked for on `PATH` and among pyenv's; pyenv installs it if need be.
package struct VirtualenvEnvironment: EnvironmentManager {
    package static let name = EnvironmentManagerName.virtualenv.rawValue

    package init() {}

    package func plan(_ request: EnvironmentRequest) async throws -> EnvironmentPlan {
        try await PythonEnvironment(request, honoursLock: false).plan(manager: Self.name, request: request)
    }

    package func prepare(_ request: EnvironmentRequest) async throws -> PreparedEnvironment {
        let environment = try await PythonEnvironment(request, honoursLock: false)
        let store = EnvironmentStore(root: request.root)
        let ready = try await store.obtain(environment.name, report: request.report) { folder in
            try await build(environment, in: folder, request)
        }
        return environment.prepared(ready, manager: Self.name, request: request)
    }

    private func build(
        _ environment: PythonEnvironment, in folder: FilePath, _ request: EnvironmentRequest
    ) async throws -> EnvironmentRecord {
        for notice in environment.notices { request.report(.warning(notice)) }
        guard case .version(let version) = environment.pythonRequest else {
            throw EnvironmentError(
                .missingPython, "'\(environment.python)' is no version that virtualenv can look for",
                remedy: "write one such as \"3.11\", or use '--env-manager uv'")
        }
        let interpreter = try await PythonSearch(request).interpreter(for: version)
        request.report(.progress("creating the environment '\(folder)' with \(interpreter.path)"))
        var installation = Installation(request)
        if interpreter.canMakeEnvironments {
            try await installation.run(interpreter.path, ["-m", "venv", folder.string], in: request.root)
        } else {
            // Some distributions ship python without venv's parts; the program virtualenv brings its own.
            let virtualenv = try installation.program(
                "virtualenv",
                remedy: "'\(interpreter.path)' comes without venv: install its venv package (on Debian python3-venv),"
                    + " or virtualenv, or uv")
            try await installation.run(
                virtualenv, ["--python", interpreter.path.string, folder.string], in: request.root)
        }
        let activation = try await installation.activation(of: folder, name: environment.name)

        installation = Installation(request, in: folder)
        for lines in [environment.buildDependencies, environment.dependencies] {
            try await installation.withRequirementsFile(lines) { file in
                try await installation.run(
                    folder.appending("bin").appending("python"), ["-m", "pip", "install", "-r", file.string],
                    in: request.projectRoot)
            }
        }
        return EnvironmentRecord(
            manager: Self.name, fingerprint: environment.name, created: secondsSince1970(), python: environment.python,
            activation: activation)
    }
}
