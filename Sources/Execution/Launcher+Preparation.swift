import Diagnostics
import Environments
import Files
import Processes
package import Projects
import SystemPackage

extension Launcher {
    /// Fetches and reads the project and checks everything the user gave, without creating a run.
    ///
    /// - Throws: an `ExplainedError` with all mistakes of the step that found one.
    package func prepare(_ request: RunRequest) async throws -> PreparedLaunch {
        // A backend that does not exist is said before anything is fetched for it.
        _ = try services.backends.backend(named: request.backend, configuration: request.backendConfiguration)
        return try await prepare(request, in: load(request))
    }

    /// Fetches and reads the project of a request, which many runs can then share.
    package func load(_ request: RunRequest) async throws -> LoadedProject {
        let uri = try ProjectURI(request.uri, currentDirectory: request.workingDirectory)
        let checkout = try await Checkout(of: uri, version: request.version, sources: services.checkoutSources)
        services.observe(.progressEnded)
        // Git's answer takes longer than reading the project, and is needed last.
        async let source = sourceState(of: uri, checkout)

        let project = try Project(loading: checkout.root)
        project.warnings.forEach { services.observe(.warning($0)) }
        return LoadedProject(uri: uri, checkout: checkout, project: project, source: await source)
    }

    /// Checks everything the user gave against a project that has been read, without creating a run.
    ///
    /// - Parameter entryPoint: what to run instead of the entry point the request names.
    package func prepare(
        _ request: RunRequest, in loaded: LoadedProject, entryPoint given: EntryPoint? = nil
    ) async throws -> PreparedLaunch {
        let project = loaded.project
        let backend = try backend(for: project, request)
        let entryPoint =
            if let given { given } else {
                try project.entryPoint(named: request.entryPoint, shell: request.environment["SHELL"])
            }
        let parameters = GivenParameters(
            request.parameters.map { parameter in
                .init(name: parameter.name, value: parameter.value, elements: request.lists[parameter.name])
            })
        let resolution = try entryPoint.resolve(
            parameters, callerDirectory: request.workingDirectory, root: loaded.checkout.root)
        resolution.warnings.forEach { services.observe(.warning($0)) }
        let choice = try environmentChoice(for: project, request, backend)

        var prepared = PreparedLaunch(
            request: request, backend: backend, loaded: loaded, entryPoint: entryPoint, resolution: resolution,
            environmentChoice: choice, environmentPlan: nil)
        if case .manager(let name, let notice) = choice {
            if let notice { services.observe(.note(notice)) }
            if name != .local {
                let plan = try await name.manager.plan(try environmentRequest(prepared, receive: { _, _ in }))
                plan.notices.forEach { services.observe(.note($0)) }
                prepared.environmentPlan = plan
            }
        }
        try await backend.check(prepared.prospectiveJob(report: services.observe))
        return prepared
    }

    /// Docker projects run in containers, also where the user asked for nothing or for this machine.
    private func backend(for project: Project, _ request: RunRequest) throws -> any Backend {
        var name = request.backend
        if case .docker = project.environment, name == Self.localBackend { name = Self.containerBackend }
        return try services.backends.backend(named: name, configuration: request.backendConfiguration)
    }

    private static var localBackend: String { "local" }
    private static var containerBackend: String { "docker" }

    private func sourceState(of uri: ProjectURI, _ checkout: Checkout) async -> SourceState? {
        guard case .folder(let path) = uri.location else { return nil }
        return await services.sourceState(checkout.git == nil ? checkout.root : path)
    }

    private func environmentChoice(
        for project: Project, _ request: RunRequest, _ backend: any Backend
    ) throws -> EnvironmentChoice {
        // The image is the environment.
        if backend.runsContainers { return .docker }
        let declaration: EnvironmentChoice.Declaration =
            switch project.environment {
            case .python: .pythonEnv
            case .conda: .condaEnv
            case .docker: .dockerEnv
            case .none: .nothing
            }
        return try EnvironmentChoice(
            for: declaration, option: request.environmentManager,
            inherited: request.environment[EnvironmentChoice.inheritedVariable],
            hasUV: findExecutable("uv", searchPath: request.environment["PATH"]) != nil)
    }

    func environmentRequest(
        _ prepared: PreparedLaunch, receive: @escaping @Sendable (OutputStream, RawSpan) -> Void
    ) throws -> EnvironmentRequest {
        let source: EnvironmentSource =
            switch prepared.project.environment {
            case .python(let file): .pythonEnv(file)
            case .conda(let file): .condaFile(file)
            case .docker, .none: .noFile
            }
        let request = prepared.request
        return EnvironmentRequest(
            projectRoot: prepared.checkout.root, checkoutRoot: prepared.checkout.git?.folder, source: source,
            variables: request.environment,
            root: try EnvironmentStore.defaultRoot(
                variables: request.environment, workingDirectory: request.workingDirectory),
            processes: services.starter, receiveOutput: receive,
            report: { [observe = services.observe] message in
                switch message {
                case .progress(let text): observe(.note(text))
                case .warning(let text): observe(.warning(Diagnostic(.warning, text)))
                }
            })
    }
}
