package import Diagnostics
import Documents
import Files
package import SystemPackage

extension Project {
    /// Reads the project in a folder.
    ///
    /// A folder without an MLproject file is a project without declared entry points.
    ///
    /// - Throws: `InvalidInput` with every mistake in the file.
    package init(loading root: FilePath) throws(InvalidInput) {
        let (project, errors) = try ProjectFile.read(root)
        guard errors.isEmpty else { throw InvalidInput(errors) }
        self = project
    }
}

/// The file that describes a project: `MLproject`, in any case, also with `.yaml` or `.yml`.
package enum ProjectFile {
    /// Everything that is wrong or odd about the project in a folder, including what only some runs would meet.
    package static func check(_ root: FilePath) -> [Diagnostic] {
        do {
            let (project, errors) = try read(root)
            let details = project.entryPoints.flatMap { $0.problems + ($0.template()?.warnings ?? []) }
            return (errors + project.warnings + details).sorted(by: isBefore)
        } catch {
            return error.diagnostics
        }
    }

    /// The project and the mistakes in its file.
    static func read(_ root: FilePath) throws(InvalidInput) -> (project: Project, errors: [Diagnostic]) {
        let folder: Directory
        let choice: Choice
        do throws(FileError) {
            folder = try Directory(opening: root)
            choice = Choice(try folder.list())
        } catch {
            throw InvalidInput(error.diagnostics)
        }
        guard let name = choice.name else {
            let environment = defaultEnvironment(in: folder)
            return (Project(environment: environment, root: root, warnings: choice.warnings), [])
        }
        let document = try YAMLDocument(parsing: try bytes(of: name, in: folder), file: name)
        guard let node = document.root else {
            throw InvalidInput(
                "the file is empty", at: SourceLocation(file: name),
                remedy: "remove it, or declare 'entry_points'")
        }
        var reader = ProjectFileReader(folder: folder)
        var project = reader.project(node, root: root)
        project.file = name
        project.warnings = choice.warnings + document.warnings + reader.warnings
        return (project, reader.errors)
    }

    /// The file MLflow takes when the project names none.
    static func defaultEnvironment(in folder: Directory) -> ProjectEnvironment {
        func exists(_ name: String) -> RelativePath? {
            guard let path = try? RelativePath(name), (try? folder.status(path))?.kind != nil else { return nil }
            return path
        }
        if let path = exists("python_env.yaml") { return .python(path) }
        if let path = exists("conda.yaml") { return .conda(path) }
        return .none
    }

    /// The content of the file, which must be a regular one of the folder itself: no link, pipe or device.
    private static func bytes(of name: String, in folder: Directory) throws(InvalidInput) -> [UInt8] {
        let location = SourceLocation(file: name)
        do {
            let path = try RelativePath(name)
            switch try folder.status(path)?.kind {
            case .file: return try folder.readFile(path, limit: DocumentLimits.yaml.bytes)
            case .link:
                throw InvalidInput(
                    "the file is a link, which is not followed", at: location, remedy: "put the file itself here")
            case .directory: throw InvalidInput("this is a folder, not a file", at: location)
            case .other, nil: throw InvalidInput("this is not a regular file", at: location)
            }
        } catch let error as InvalidInput {
            throw error
        } catch let error as FileError where error.errno == .fileTooLarge {
            throw InvalidInput(
                "the file has more than \(DocumentLimits.yaml.bytes) bytes", at: location,
                remedy: "an MLproject file only names entry points; keep data elsewhere")
        } catch let error as any ExplainedError {
            throw InvalidInput(error.diagnostics)
        } catch {
            throw InvalidInput("the file cannot be read: \(error)", at: location)
        }
    }

    private static func isBefore(_ left: Diagnostic, _ right: Diagnostic) -> Bool {
        switch (left.location, right.location) {
        case (let left?, let right?): left < right
        case (nil, _?): true
        default: false
        }
    }
}

/// Which of a folder's files is the project file, if several could be.
private struct Choice {
    var name: String?
    var warnings: [Diagnostic] = []

    init(_ entries: [(name: String, status: FileStatus)]) {
        // MLflow knows no extension and takes what the folder lists first: here the usual spelling goes first,
        // extensions last.
        let candidates = entries.map(\.name).filter { Self.rank($0) != nil }
            .sorted { (Self.rank($0) ?? 0, $0) < (Self.rank($1) ?? 0, $1) }
        name = candidates.first
        guard let name, candidates.count > 1 else { return }
        let others = candidates.dropFirst().map { "'\($0)'" }.joined(separator: ", ")
        warnings = [
            Diagnostic(
                .warning, code: "several-project-files", at: SourceLocation(file: name),
                "'\(name)' is used, and \(others) beside it is not", remedy: "keep one of them")
        ]
    }

    private static func rank(_ name: String) -> Int? {
        switch name {
        case "MLproject": 0
        case "mlproject": 1
        default:
            switch name.lowercased() {
            case "mlproject": 2
            case "mlproject.yaml": 3
            case "mlproject.yml": 4
            default: nil
            }
        }
    }
}
