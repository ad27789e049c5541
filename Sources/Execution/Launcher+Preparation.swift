import Diagnostics
import Environments
import Files
import Processes
import Projects
import SystemPackage

extension Launcher {
    /// Fetches and reads the project and checks everything the user gave, without creating a run.
    ///
    /// - Throws: an `ExplainedError` with all mistakes of the step that found one.
    package func prepare(_ request: RunRequest) async throws -> PreparedLaunch {
        let backend = try services.backends.backend(named: request.backend, configuration: request.backendConfiguration)
        let uri = try ProjectURI(request.uri, currentDirectory: request.workingDirectory)
        let checkout = try await Checkout(of: uri, version: request.version, sources: services.checkoutSources)
        services.observe(.progressEnded)
        // Git's answer takes longer than reading the project, and is needed last.
        async let source = sourceState(of: uri, checkout)

        let project = try Project(loading: checkout.root)
        project.warnings.forEach { services.observe(.warning($0)) }
        let entryPoint = try project.entryPoint(named: request.entryPoint, shell: request.environment["SHELL"])
        let given = GivenParameters(request.parameters.map { .init(name: $0.name, value: $0.value) })
        let resolution = try entryPoint.resolve(
            given, callerDirectory: request.workingDirectory, root: checkout.root)
        resolution.warnings.forEach { services.observe(.warning($0)) }
        let choice = try environmentChoice(for: project, request)

        var prepared = PreparedLaunch(
            request: request, backend: backend, uri: uri, checkout: checkout, project: project, entryPoint: entryPoint,
            resolution: resolution, source: nil, environmentChoice: choice, environmentPlan: nil)
        if case .manager(let name, let notice) = choice {
            if let notice { services.observe(.note(notice)) }
            if name != .local {
                let plan = try await name.manager.plan(try environmentRequest(prepared, receive: { _, _ in }))
                plan.notices.forEach { services.observe(.note($0)) }
                prepared.environmentPlan = plan
            }
        }
        prepared.source = await source
        return prepared
    }

    private func sourceState(of uri: ProjectURI, _ checkout: Checkout) async -> SourceState? {
        guard case .folder(let path) = uri.location else { return nil }
        return await services.sourceState(checkout.git == nil ? checkout.root : path)
    }

    private func environmentChoice(for project: Project, _ request: RunRequest) throws -> EnvironmentChoice {
        let declaration: EnvironmentChoice.Declaration =
            switch project.environment {
            case .python: .pythonEnv
            case .conda: .condaEnv
            case .docker: .dockerEnv
            case .none: .nothing
            }
        let choice = try EnvironmentChoice(
            for: declaration, option: request.environmentManager,
            inherited: request.environment[EnvironmentChoice.inheritedVariable],
            hasUV: findExecutable("uv", searchPath: request.environment["PATH"]) != nil)
        if choice == .docker, request.backend == "local" {
            throw InvalidInput(
                "this is a docker project, and this version cannot run containers yet",
                remedy: "run it with a version of swiftflow that has the docker backend")
        }
        return choice
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
