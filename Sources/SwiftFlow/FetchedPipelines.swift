package import Diagnostics
package import Execution
import Files
package import Pipelines
import Projects
import SystemPackage

/// Pipelines that steps name and that had to be fetched, as far as somebody has done that: by where they are named, and how.
package struct FetchedPipelines: Sendable {
    private struct Key: Hashable {
        var folder: FilePath
        var place: String
        var version: String?
    }

    /// A pipeline's file in a checkout that nothing leads out of.
    struct Found: Sendable {
        var file: FilePath
        var boundary: FilePath?
    }

    private var found: [Key: Found] = [:]

    package init() {}

    /// - Parameter folder: of the file that names it.
    subscript(place: String, version: String?, in folder: FilePath) -> Found? {
        get { found[Key(folder: folder, place: place, version: version)] }
        set { found[Key(folder: folder, place: place, version: version)] = newValue }
    }
}

extension StandardServices {
    /// Fetches the pipelines that steps name by a URI or at a version, and those that are named in them, as a run would.
    ///
    /// - Returns: what was found, and for each that could not be had why, at the place of its step.
    package func fetchPipelines(
        of pipeline: Pipeline, in nested: NestedPipelines, environment: [String: String], launcher: Launcher
    ) async -> (fetched: FetchedPipelines, problems: [Diagnostic]) {
        var fetched = FetchedPipelines()
        var problems: [Diagnostic] = []
        var open = [(pipeline, nested, at: nil as SourceLocation?)]
        while let (pipeline, nested, outer) = open.popLast() {
            for step in pipeline.steps {
                // What is made of params is looked at with them.
                guard case .pipeline(let place) = step.action, let text = place.literal?.text else { continue }
                if let version = step.version, version.literal == nil { continue }
                let version = step.version?.literal?.text
                let location = outer ?? place.location
                do {
                    let inner: NestedPipelines
                    let file: FilePath
                    if version == nil, let here = try nested.file(text) {
                        file = here
                        inner = try nested.entering(here, text)
                    } else {
                        let known = try await fetch(text, version, nested, environment, launcher)
                        file = known.file
                        inner = try nested.entering(fetched: known, text)
                        fetched[text, version, in: nested.folder] = known
                    }
                    let content = try readFile(file, limit: Pipeline.sizeLimit)
                    guard let next = Pipeline.read(content, file: inner.shown).0 else { continue }
                    open.append((next, inner, at: location))
                } catch let error as any ExplainedError {
                    // Mistakes in files that are here are told when the pipeline is planned.
                    if version == nil, (try? nested.file(text)) != .some(nil) { continue }
                    problems += error.diagnostics.map { problem in
                        var problem = problem
                        problem.message =
                            "the pipeline of step '\(step.name)' cannot be looked into: \(problem.message)"
                        problem.severity = .warning
                        problem.location = location
                        return problem
                    }
                } catch {}
            }
        }
        return (fetched, problems)
    }

    private func fetch(
        _ place: String, _ version: String?, _ nested: NestedPipelines, _ environment: [String: String],
        _ launcher: Launcher
    ) async throws -> FetchedPipelines.Found {
        // At a version, a file of this machine is one of its folder's repository.
        let file = try nested.file(place)
        let uri = file?.removingLastComponent().string ?? place
        var request = RunRequest(uri: uri, environment: environment, workingDirectory: nested.folder)
        request.version = version
        let loaded = try await launcher.load(request)
        if let name = file?.lastComponent {
            return .init(file: loaded.checkout.root.appending(name), boundary: loaded.checkout.git?.folder)
        }
        guard let source = PipelineSource(in: loaded, entryPoint: "main", uri: place) else {
            throw InvalidInput(
                "the project '\(loaded.uri.redactedText)' is no pipeline",
                remedy: "its MLproject must say 'main: {pipeline: FILE}', or it must have a 'pipeline.yaml'")
        }
        return .init(file: source.file, boundary: loaded.checkout.git?.folder)
    }
}
