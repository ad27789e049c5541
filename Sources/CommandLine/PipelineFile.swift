import ArgumentParser
import Diagnostics
import Files
import Pipelines
import Processes
import Projects
import SwiftFlow
import SystemPackage

/// A pipeline's file that a verb was pointed at: read, with everything about it that is found on this machine.
struct PipelineFile {
    static let defaultName = "pipeline.yaml"

    /// As it was typed, for messages.
    let shown: String
    let path: FilePath
    let bytes: [UInt8]
    let pipeline: Pipeline?
    private(set) var findings: [Diagnostic]

    /// - Parameter shown: the file as it was typed.
    init(_ path: FilePath, shown: String) throws {
        self.path = path
        self.shown = shown
        do {
            bytes = try readFile(path, limit: Pipeline.sizeLimit)
        } catch {
            throw UsageError("the pipeline's file '\(shown)' cannot be read", remedy: "check the path")
        }
        (pipeline, findings) = Pipeline.read(bytes, file: shown)
    }

    /// The file a verb means by a path: itself, or of a folder what its project's `main` names, else its `pipeline.yaml`.
    static func find(_ typed: String) throws -> PipelineFile {
        let path = currentDirectory().pushing(FilePath(typed)).lexicallyNormalized()
        switch fileStatus(path)?.kind {
        case .directory:
            let project = try Project(loading: path)
            let main = project.entryPoints.first { $0.name == "main" }
            let name = main?.pipeline ?? defaultName
            let file = path.pushing(FilePath(name)).lexicallyNormalized()
            guard fileStatus(file)?.kind == .file else {
                throw UsageError(
                    "there is no pipeline in the folder '\(typed)'",
                    remedy: main?.pipeline.map { "its MLproject names '\($0)', which does not exist" }
                        ?? "write a '\(defaultName)', or name the pipeline's file")
            }
            return try PipelineFile(file, shown: typed == "." ? name : FilePath(typed).pushing(FilePath(name)).string)
        case .file: return try PipelineFile(path, shown: typed)
        case nil, .link, .other:
            throw UsageError("there is no file '\(typed)'", remedy: "name a pipeline's file, or its folder")
        }
    }

    /// Plans the pipeline.
    ///
    /// - Parameters:
    ///   - looksAtProjects: whether the entry points of the steps have to be there.
    ///   - fetched: pipelines in it that were not on this machine.
    /// - Returns: no plan when there are errors among the findings.
    func plan(
        _ request: PlanRequest = PlanRequest(), isCheck: Bool = false, looksAtProjects: Bool = true,
        fetched: FetchedPipelines = FetchedPipelines()
    ) -> (
        plan: Plan?, findings: [Diagnostic]
    ) {
        guard let pipeline, !findings.contains(where: { $0.severity == .error }) else { return (nil, findings) }
        var request = request
        if request.defaultName == "pipeline" { request.defaultName = defaultName }
        let surroundings = surroundings(of: pipeline, looksAtProjects, fetched)
        let made = Plan.make(
            pipeline, source: bytes, request: request, surroundings: surroundings, isCheck: isCheck)
        return (made.plan, findings + made.findings)
    }

    private var folder: FilePath { path.removingLastComponent() }

    /// The project's name, else the folder's.
    private var defaultName: String {
        if let name = (try? Project(loading: folder))?.name, !name.isEmpty { return name }
        return folder.lastComponent?.string ?? "pipeline"
    }

    /// Where the pipelines are that its steps name.
    var nested: NestedPipelines { NestedPipelines(of: path, shown: shown) }

    private func surroundings(
        of pipeline: Pipeline, _ looksAtProjects: Bool, _ fetched: FetchedPipelines
    ) -> PlanSurroundings {
        var surroundings = PlanSurroundings()
        surroundings.look(
            at: pipeline, in: nested, searchPath: environmentVariable("PATH"), atProjects: looksAtProjects,
            fetched: fetched)
        return surroundings
    }

    func show(_ findings: [Diagnostic]) { Messages.show(findings, in: bytes, of: shown) }
}
