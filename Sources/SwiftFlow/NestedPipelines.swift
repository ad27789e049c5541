import Diagnostics
import Files
import JSON
import KubernetesBackend
import Pipelines
import Projects
package import SystemPackage

/// Finds the pipelines that are steps of others, and refuses those that contain themselves.
package struct NestedPipelines: Sendable {
    /// How deep pipelines may be nested.
    package static let depthLimit = 16
    package static let standardFile = "pipeline.yaml"

    private struct Link: Sendable {
        /// What tells files apart, whatever they are called.
        var key: String
        var shown: String
    }

    /// From the outermost pipeline to the one whose steps are looked at.
    private var chain: [Link]
    /// The folder of that pipeline's file.
    let folder: FilePath
    private let shownFolder: FilePath
    /// The checkout that nothing leads out of, for what was fetched.
    let boundary: FilePath?

    /// - Parameters:
    ///   - shown: the file as messages name it.
    ///   - boundary: nil for a file of this machine, whose author may name any other.
    package init(of file: FilePath, shown: String, boundary: FilePath? = nil) {
        chain = [Link(key: Self.key(of: file), shown: shown)]
        folder = file.removingLastComponent()
        shownFolder = FilePath(shown).removingLastComponent()
        self.boundary = boundary
    }

    private init(_ outer: NestedPipelines, _ file: FilePath, shown: String, boundary: FilePath?) {
        chain = outer.chain + [Link(key: Self.key(of: file), shown: shown)]
        folder = file.removingLastComponent()
        shownFolder = FilePath(shown).removingLastComponent()
        self.boundary = boundary
    }

    /// What tells the files of pipelines apart, whatever they are called.
    static func key(of file: FilePath) -> String {
        (resolvedPath(file) ?? file.lexicallyNormalized()).string
    }

    /// The file of a pipeline that a step names by its path; nil for a project that has to be fetched.
    func file(_ place: String) throws(InvalidInput) -> FilePath? {
        var path = folder.pushing(FilePath(place)).lexicallyNormalized()
        if fileStatus(path)?.kind != .file {
            guard fileStatus(path) != nil || place.contains(":") || place.contains("#") else {
                throw InvalidInput(
                    "there is no pipeline '\(place)'", remedy: "check the path; it counts from the file's folder")
            }
            let uri = try ProjectURI(place, currentDirectory: folder)
            guard case .folder(let root) = uri.location else { return nil }
            let project = root.pushing(FilePath(uri.subdirectory.description)).lexicallyNormalized()
            path = try Self.file(ofProject: project, place)
        }
        // A zip archive is a project too.
        if place.hasSuffix(".zip") { return nil }
        guard let boundary else { return path }
        guard let real = resolvedPath(path), let base = resolvedPath(boundary), real.starts(with: base) else {
            throw InvalidInput(
                "the pipeline '\(place)' is not in the project that names it",
                remedy: "name a file of the project, or another project by its URI")
        }
        return path
    }

    private static func file(ofProject folder: FilePath, _ place: String) throws(InvalidInput) -> FilePath {
        let project = try Project(loading: folder)
        let main = project.entryPoints.first { $0.name == "main" }
        let file = folder.pushing(FilePath(main?.pipeline ?? standardFile)).lexicallyNormalized()
        guard fileStatus(file)?.kind == .file else {
            throw InvalidInput(
                "there is no pipeline in the project '\(place)'",
                remedy: main?.pipeline.map { "its MLproject names '\($0)', which does not exist" }
                    ?? "write a '\(standardFile)' there, or name the pipeline's file")
        }
        return file
    }

    /// What is looked at from inside a nested pipeline.
    ///
    /// - Throws: with the whole chain when it is around itself, or when there are too many.
    func entering(_ file: FilePath, _ place: String) throws(InvalidInput) -> NestedPipelines {
        var shown = shownFolder.pushing(FilePath(place)).lexicallyNormalized()
        // Of a folder its file is meant.
        if let name = file.lastComponent, shown.lastComponent != name { shown.append(name) }
        try Self.check(Self.key(of: file), shown.string, in: chain.map { ($0.key, $0.shown) })
        return NestedPipelines(self, file, shown: shown.string, boundary: boundary)
    }

    /// The same of one that was fetched.
    func entering(fetched: FetchedPipelines.Found, _ place: String) throws(InvalidInput) -> NestedPipelines {
        let shown = "\(redactedURL(place))/\(fetched.file.lastComponent?.string ?? Self.standardFile)"
        try Self.check(Self.key(of: fetched.file), shown, in: chain.map { ($0.key, $0.shown) })
        return NestedPipelines(self, fetched.file, shown: shown, boundary: fetched.boundary)
    }

    /// - Parameter chain: the pipelines around it, by what tells them apart and as messages name them.
    static func check(_ key: String, _ shown: String, in chain: [(key: String, shown: String)]) throws(InvalidInput) {
        let path = (chain.map(\.shown) + [shown]).joined(separator: " → ")
        if chain.contains(where: { $0.key == key }) {
            throw InvalidInput([
                Diagnostic(
                    .error, code: "P047", "pipelines contain each other: \(path)",
                    remedy: "let none be a step of itself")
            ])
        }
        guard chain.count <= depthLimit else {
            throw InvalidInput([
                Diagnostic(
                    .error, code: "P047", "pipelines are nested deeper than \(depthLimit) levels: \(path)",
                    remedy: "put some of them side by side")
            ])
        }
    }

    /// The name of the innermost file for messages.
    var shown: String { chain.last?.shown ?? "" }
}
