import Diagnostics
import Files
import JSON
import KubernetesBackend
package import Pipelines
import Projects
import SystemPackage

extension PlanSurroundings {
    /// Lets a plan look at what the steps of a pipeline name, as far as it is on this machine: backends, projects, pipelines.
    ///
    /// - Parameters:
    ///   - nested: where the pipeline is.
    ///   - searchPath: where plug-ins are looked for.
    ///   - atProjects: whether the entry points of the steps have to be there.
    ///   - fetched: pipelines that were not on this machine.
    package mutating func look(
        at pipeline: Pipeline, in nested: NestedPipelines, searchPath: String?, atProjects: Bool = true,
        fetched: FetchedPipelines = FetchedPipelines()
    ) {
        let folder = nested.folder
        let plugins = Set(pipeline.steps.compactMap(\.namedBackend)).filter { hasPlugin($0, searchPath) }
        backends = builtInBackends + plugins
        problemOfPath = { backend, configuration, value in
            guard backend == "kubernetes" else { return nil }
            var json = "{}"
            switch configuration {
            case nil: break
            case .values(let object)?:
                var writer = JSONWriter()
                writer.value(.object(object))
                json = String(decoding: writer.bytes, as: UTF8.self)
            case .file(let path)?:
                // One that cannot be read is told when the step starts.
                guard let bytes = try? readFile(folder.pushing(FilePath(path)), limit: 1 << 20) else { return nil }
                json = String(decoding: bytes, as: UTF8.self)
            }
            return KubernetesBackend.problemOfPath(value, configuration: json)
        }
        if !atProjects {
            project = { _, _ in nil }
            return lookAtPipelines(nested, searchPath, atProjects: false, fetched)
        }
        project = { (project, version) throws(InvalidInput) in
            guard let project else { return try Project(loading: folder) }
            let uri = try ProjectURI(project, currentDirectory: folder)
            // What has to be fetched first is looked at when the pipeline starts.
            guard case .folder(let root) = uri.location, version == nil else { return nil }
            return try Project(loading: root.pushing(FilePath(uri.subdirectory.description)).lexicallyNormalized())
        }
        lookAtPipelines(nested, searchPath, atProjects: true, fetched)
    }

    private mutating func lookAtPipelines(
        _ nested: NestedPipelines, _ searchPath: String?, atProjects: Bool, _ fetched: FetchedPipelines
    ) {
        let outer = self
        nestedPlan = { (place, version, request, isCheck) throws(InvalidInput) in
            let file: FilePath
            let inner: NestedPipelines
            if let known = fetched[place, version, in: nested.folder] {
                file = known.file
                inner = try nested.entering(fetched: known, place)
            } else {
                // Another version of it has to be fetched first.
                guard version == nil, let here = try nested.file(place) else { return nil }
                file = here
                inner = try nested.entering(here, place)
            }
            let bytes: [UInt8]
            do {
                bytes = try readFile(file, limit: Pipeline.sizeLimit)
            } catch {
                throw InvalidInput("the pipeline '\(inner.shown)' cannot be read", remedy: "check the path")
            }
            let (pipeline, findings) = Pipeline.read(bytes, file: inner.shown)
            let errors = findings.filter { $0.severity == .error }
            guard let pipeline, errors.isEmpty else { throw InvalidInput(errors) }
            var surroundings = outer
            surroundings.look(
                at: pipeline, in: inner, searchPath: searchPath, atProjects: atProjects, fetched: fetched)
            var request = request
            request.defaultName =
                (try? Project(loading: inner.folder))?.name ?? inner.folder.lastComponent?.string ?? request.defaultName
            let made = Plan.make(
                pipeline, source: bytes, request: request, surroundings: surroundings, isCheck: isCheck)
            let problems = made.findings.filter { $0.severity == .error }
            guard problems.isEmpty else { throw InvalidInput(problems) }
            return made.plan
        }
    }
}

/// Other backends are plug-ins, found by their name.
private let builtInBackends = ["local", "docker", "kubernetes", "slurm", "ray"]

/// Whether a plug-in of this name is on the search path.
private func hasPlugin(_ name: String, _ searchPath: String?) -> Bool {
    guard !builtInBackends.contains(name), !name.contains("/"), let searchPath else { return false }
    return searchPath.split(separator: ":").contains { folder in
        fileStatus(FilePath(String(folder)).appending("swiftflow-backend-\(name)"))?.kind == .file
    }
}

extension Step {
    fileprivate var namedBackend: String? {
        if case .string(let name)? = backend?.literal { name } else { nil }
    }
}
