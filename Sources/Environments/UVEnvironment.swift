import Diagnostics
import Files
import Processes
import SystemPackage

/// Environments made by `uv`, which also finds or downloads the interpreter.
///
/// A `uv.lock` in the project's root takes the place of the declared lists: exactly what it pins is installed, without the development
/// groups and without the project itself, whose code is run from where it is.
package struct UVEnvironment: EnvironmentManager {
    package static let name = EnvironmentManagerName.uv.rawValue

    package init() {}

    package func plan(_ request: EnvironmentRequest) async throws -> EnvironmentPlan {
        try await PythonEnvironment(request, honoursLock: true).plan(manager: Self.name, request: request)
    }

    package func prepare(_ request: EnvironmentRequest) async throws -> PreparedEnvironment {
        let environment = try await PythonEnvironment(request, honoursLock: true)
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
        request.report(.progress("creating the environment '\(folder)' with uv and python \(environment.python)"))
        var installation = Installation(request)
        let uv = try installation.program(
            "uv", remedy: "install it (https://docs.astral.sh/uv), or use '--env-manager virtualenv'")
        let index = PipConfiguration(variables: request.variables).uvVariables(for: request)
        installation.variables.merge(index) { _, new in new }
        installation.variables["PATH"] = PythonSearch(request).searchPath(forUV: environment.pythonRequest)
        try await installation.run(
            uv, ["venv", folder.string, "--python=\(environment.pythonRequest.text)"], in: request.root)
        let activation = try await installation.activation(of: folder, name: environment.name)

        installation = Installation(request, in: folder)
        installation.variables.merge(index) { _, new in new }
        if let lock = environment.lock {
            try await sync(lock, environment, in: folder, installation, uv)
        } else {
            for lines in [environment.buildDependencies, environment.dependencies] {
                try await installation.withRequirementsFile(lines) { file in
                    try await installation.run(
                        uv, ["pip", "install", "--python", "\(folder)/bin/python", "-r", file.string],
                        in: request.projectRoot)
                }
            }
        }
        return EnvironmentRecord(
            manager: Self.name, fingerprint: environment.name, created: secondsSince1970(), python: environment.python,
            activation: activation)
    }

    /// Installs what the lock pins.
    ///
    /// uv wants the lock and its project file in one folder; as MLflow does, that is the environment's.
    private func sync(
        _ lock: UVLock, _ environment: PythonEnvironment, in folder: FilePath, _ installation: Installation,
        _ uv: FilePath
    ) async throws {
        installation.request.report(.progress("installing what 'uv.lock' pins"))
        let directory = try Directory(opening: folder)
        try directory.writeFile(RelativePath("uv.lock"), lock.content)
        let project =
            lock.projectFile
            ?? Array(
                """
                [project]
                name = "\(lock.rootPackage ?? "mlflow-model-env")"
                version = "0.0.0"
                requires-python = "\(requirement(environment.pythonRequest))"
                dependencies = []

                """.utf8)
        try directory.writeFile(RelativePath("pyproject.toml"), project)
        var installation = installation
        installation.variables["UV_PROJECT_ENVIRONMENT"] = folder.string
        // The interpreter is named, else a version pinned elsewhere would make uv throw this environment away.
        try await installation.run(
            uv,
            [
                "sync", "--frozen", "--no-dev", "--no-install-project", "--no-install-workspace", "--python",
                "\(folder)/bin/python",
            ], in: folder)
    }

    private func requirement(_ request: PythonRequest) -> String {
        switch request {
        case .version(let version) where version.numbers.count == 3: "==\(version)"
        case .version(let version): "==\(version).*"
        case .conditions(let conditions): conditions
        }
    }
}
