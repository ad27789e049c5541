import Diagnostics
import Digests
import Execution
import Files
package import Pipelines
import Processes
import Projects
import Synchronization
import SystemPackage

extension LauncherStepRunner {
    /// Keys of cached steps name the interpreter's version, and asking for it may take longer than recording the plan.
    package func prepare(for plan: Plan) {
        let isAsked = plan.steps.contains { $0.isIncluded && $0.step.cache != nil && $0.step.image == nil }
        guard isAsked, options.usesCache else { return }
        // What comes of it belongs to whoever asks; a project that cannot be had is said by the step that needs it.
        Task {
            guard let loaded = try? await ownProject() else { return }
            switch loaded.project.environment {
            case .none: _ = await localEnvironment()
            case .python, .conda: if options.environmentManager == "local" { _ = await localEnvironment() }
            case .docker: break
            }
        }
    }

    package func cacheInputs(of attempt: StepAttempt, images: ImageDigests) async throws -> CacheInputs? {
        let resolved = attempt.resolved
        guard let cache = resolved.cache else { return nil }
        let loaded = try await project(of: attempt)
        let action: CacheInputs.Action
        var declared: EntryPoint?
        switch resolved.action {
        case .command(let text): action = .command(text)
        case .entryPoint(let name):
            let entryPoint = try loaded.project.entryPoint(named: name, shell: options.environment["SHELL"])
            declared = entryPoint
            action = .entryPoint(
                name: name, command: entryPoint.commandText,
                parameters: entryPoint.parameters.map {
                    .init(name: $0.name, type: $0.type.name, defaultValue: $0.defaultValue)
                })
        case .pipeline, .register, .search: return nil
        }
        let code = try await codeDigests.digest(
            of: loaded.checkout.root, patterns: cache.code, excluding: attempt.writtenFiles, cache: digests,
            asking: services.folderCode)
        var inputs = CacheInputs(
            action: action, code: code, environment: try await environment(of: attempt, loaded, images))
        for param in resolved.params where !cache.ignore.contains(param.name) {
            let type = declared?.parameters.first { $0.name == param.name }?.type
            if let place = attempt.placeBound(to: param.name) {
                inputs.params[param.name] = .init(type: type?.name ?? "string", .place(place))
                continue
            }
            inputs.params[param.name] = .init(type: type?.name ?? "string", .value(param.value))
            if type == .path, case .string(let text) = param.value {
                inputs.inputs[param.name] = try input(text, root: loaded.checkout.root)
            }
        }
        inputs.variables = attempt.inherited
        for variable in resolved.environment { inputs.variables[variable.name] = variable.value }
        for name in cache.ignore { inputs.variables[name] = nil }
        inputs.secretNames = Set(resolved.secrets).union(attempt.secrets.keys)
        for output in resolved.outputs { inputs.outputs[output.name] = output.value }
        inputs.salt = cache.salt
        return inputs
    }

    /// What a written-out path contains.
    private func input(_ text: String, root: FilePath) throws -> CacheInputs.Input {
        guard !text.contains(":/") else { return .unknown(uri: text) }
        let path = root.pushing(FilePath(text))
        guard fileStatus(path) != nil else { return .unknown(uri: text) }
        return .digest(try contentDigest(of: path, digests))
    }

    private func environment(
        of attempt: StepAttempt, _ loaded: LoadedProject, _ images: ImageDigests
    ) async throws -> CacheInputs.Environment {
        if case .docker(let docker) = loaded.project.environment {
            return await container(attempt.resolved.image ?? docker.image, attempt, images)
        }
        if let image = attempt.resolved.image { return await container(image, attempt, images) }
        let manager = attempt.resolved.environmentManager ?? options.environmentManager
        let file: RelativePath
        switch loaded.project.environment {
        case .python(let path), .conda(let path): file = path
        case .docker, .none: return await localEnvironment()
        }
        if manager == "local" { return await localEnvironment() }
        let root = loaded.checkout.root
        var parts = [file.string: try digests.digest(ofFile: root.appending(file.string)).hex]
        for name in ["uv.lock", "requirements.txt", "python-version", ".python-version"] {
            let path = root.appending(name)
            if fileStatus(path)?.kind == .file { parts[name] = try digests.digest(ofFile: path).hex }
        }
        return CacheInputs.Environment(manager: manager ?? "as the project says", parts: parts)
    }

    /// An image by its content where that is known; by its name alone it may have become another one.
    private func container(
        _ image: String?, _ attempt: StepAttempt, _ images: ImageDigests
    ) async -> CacheInputs.Environment {
        guard let image else { return .container(image: "built here", digest: nil) }
        let name = attempt.resolved.backend == "local" ? "docker" : attempt.resolved.backend
        let digest = await images.digest(of: image, in: name) {
            let backend = try? services.backends.backend(named: name, configuration: BackendConfiguration())
            return try? await backend?.imageDigest(image)
        }
        return .container(image: image, digest: digest)
    }

    private func localEnvironment() async -> CacheInputs.Environment {
        let (starter, options) = (services.starter, options)
        let version = await codeDigests.interpreterVersion { [digests] in
            guard let found = findExecutable("python3", searchPath: options.environment["PATH"]) else { return "none" }
            let python =
                programBehindPyenv(
                    found, variables: options.environment, workingDirectory: options.workingDirectory) ?? found
            return await digests.version(of: resolvedPath(python) ?? python) {
                let result = try? await starter.runTool(
                    python, ["--version"], environment: options.environment, workingDirectory: options.workingDirectory)
                return result.map { String(decoding: $0.output, as: UTF8.self) }
            } ?? "unknown"
        }
        return .local(interpreterVersion: version)
    }
}

extension StepAttempt {
    /// The outputs whose places the param is made of; nil when there are none.
    fileprivate func placeBound(to param: String) -> String? {
        guard let template = step.step.parameters.first(where: { $0.name == param })?.value else { return nil }
        let outputs = template.references.compactMap { use in
            if case .output(let name) = use.reference { name } else { nil }
        }
        return outputs.isEmpty ? nil : outputs.joined(separator: ",")
    }
}

extension EntryPoint {
    fileprivate var commandText: String {
        switch command {
        case .template(let text, _), .inline(let text, _), .script(let text): text
        case nil: ""
        }
    }
}

/// Digests of the code of projects, and the version of the interpreter: asked for by every step, computed once.
final class CodeDigests: Sendable {
    private struct Key: Hashable {
        var root: FilePath
        var patterns: [String]?
        var excluded: Set<String>
    }

    private let known = Mutex<[Key: Task<CacheInputs.Code, any Error>]>([:])
    private let version = Mutex<Task<String, Never>?>(nil)

    func digest(
        of root: FilePath, patterns: [String]?, excluding excluded: Set<String>, cache: DigestCache,
        asking folderCode:
            @escaping @Sendable (FilePath, Set<String>, Set<String>) async throws -> FolderCode? = { _, _, _ in nil }
    ) async throws -> CacheInputs.Code {
        let key = Key(root: root, patterns: patterns, excluded: excluded)
        let task = known.withLock { known in
            if let task = known[key] { return task }
            // Shared by all steps of the project.
            let task = Task { () throws -> CacheInputs.Code in
                var selection = try Self.selection(patterns)
                var known: [String: String] = [:]
                // What git ignores is no code, unless the file says otherwise.
                if patterns == nil, let code = try await folderCode(root, CodeSelection.neverCode, excluded) {
                    if let tree = code.tree {
                        return .gitTree(tree, files: code.files.compactMapValues { $0 })
                    }
                    selection = .listed(code.files.keys.sorted().map { FilePath($0) })
                    known = code.files.compactMapValues { $0 }
                }
                let tree = try selection.digest(of: root, excluding: excluded, cache: cache)
                // By git's names where it has them, so that a folder that is clean and one that is not can be compared file by file.
                let files = tree.entries.map { entry in
                    (entry.path, known[entry.path].map { "g" + $0 } ?? entry.digest.hex)
                }
                return .files(digest: tree.digest.hex, files: Dictionary(files) { first, _ in first })
            }
            known[key] = task
            return task
        }
        return try await task.value
    }

    private static func selection(_ patterns: [String]?) throws(InvalidInput) -> CodeSelection {
        guard let patterns else { return .all }
        var read: [PathPattern] = []
        for text in patterns {
            guard let pattern = PathPattern(text) else {
                throw InvalidInput("'\(text)' in 'cache.code' is no pattern of paths")
            }
            read.append(pattern)
        }
        return .matching(read)
    }

    func interpreterVersion(_ ask: @escaping @Sendable () async -> String) async -> String {
        let task = version.withLock { version in
            let task = version ?? Task { await ask() }
            version = task
            return task
        }
        return await task.value
    }
}
