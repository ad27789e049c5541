import Diagnostics
import Files
import SystemPackage

/// A Python environment as uv and virtualenv make it: everything decided, nothing built.
struct PythonEnvironment: Sendable {
    /// As declared, or the full version of the `python3` on `PATH`.
    let python: String
    let pythonRequest: PythonRequest
    let buildDependencies: [String]
    let dependencies: [String]
    let lock: UVLock?
    let name: String
    let notices: [String]

    /// - Parameter honoursLock: whether a `uv.lock` beside the project takes the place of the declared lists.
    init(_ request: EnvironmentRequest, honoursLock: Bool) async throws {
        let project = try Directory(opening: request.projectRoot)
        let declaration = try PythonDeclaration(request.source, in: project)
        let lock = honoursLock ? try UVLock(in: project) : nil

        var reader = try RequirementReader(
            checkout: Directory(opening: request.checkoutRoot), project: Self.place(of: request))
        try reader.read(declaration.dependencies)
        var notices = declaration.notices
        var buildReader = RequirementReader(checkout: reader.checkout, project: reader.project)
        try buildReader.read(declaration.buildDependencies)
        notices += Self.notices(remarkable: buildReader.remarkable + reader.remarkable)

        if let declared = declaration.python {
            python = declared.text
            pythonRequest = declared.request
        } else if let pinned = try lock?.pinnedPython() {
            python = pinned.text
            pythonRequest = pinned
        } else {
            let found = try await PythonSearch(request).defaultVersion()
            python = found.description
            pythonRequest = .version(found)
        }
        buildDependencies = declaration.buildDependencies
        dependencies = declaration.dependencies
        self.lock = lock
        self.notices = notices

        var addition = lock.map { "uv.lock sha256=\($0.digest)" } ?? ""
        if lock == nil, reader.namesLocalPackages || buildReader.namesLocalPackages {
            // Such an environment holds, or links to, code of this very folder.
            addition = "project=\(request.projectRoot)"
        }
        name = EnvironmentName.python(
            python, buildDependencies: buildDependencies, dependencies: dependencies,
            requirements: reader.requirements, addition: addition)
    }

    /// The project's place below the checkout; files are read no higher than the project if it is not inside.
    private static func place(of request: EnvironmentRequest) throws -> [String] {
        let root = request.checkoutRoot.lexicallyNormalized().components
        let project = request.projectRoot.lexicallyNormalized().components
        guard project.starts(with: root) else {
            throw EnvironmentError(
                .unusablePlace, "the project '\(request.projectRoot)' is not inside '\(request.checkoutRoot)'")
        }
        return project.dropFirst(root.count).map(\.string)
    }

    private static func notices(remarkable: [String]) -> [String] {
        var seen: Set<String> = []
        let lines = remarkable.filter { seen.insert($0).inserted }.map { "'\(redactedText($0))'" }
        guard !lines.isEmpty else { return [] }
        let shown =
            lines.prefix(20).joined(separator: ", ") + (lines.count > 20 ? ", and \(lines.count - 20) more" : "")
        return ["the project asks the installer for \(shown)"]
    }

    /// The plan of the manager called `manager`.
    func plan(manager: String, request: EnvironmentRequest) throws -> EnvironmentPlan {
        let store = EnvironmentStore(root: request.root)
        return EnvironmentPlan(
            manager: manager, name: name, folder: store.folder(name), python: python, fingerprint: name,
            isReady: try store.ready(name, marksUse: false) != nil, notices: notices)
    }

    /// A ready environment as the entry point sees it.
    func prepared(_ ready: ReadyEnvironment, manager: String, request: EnvironmentRequest) -> PreparedEnvironment {
        let isPromptDisabled = request.variables["VIRTUAL_ENV_DISABLE_PROMPT"]?.isEmpty == false
        let activation = ready.record.activation ?? VirtualActivation(name: name)
        return PreparedEnvironment(
            managerTag: manager, variables: activation.variables(for: ready.folder, isPromptDisabled: isPromptDisabled),
            pathPrefixes: [ready.folder.appending("bin")],
            removedVariables: activation.removedVariables(isPromptDisabled: isPromptDisabled),
            shellPrefix: activation.shellPrefix(isPromptDisabled: isPromptDisabled), fingerprint: name,
            folder: ready.folder, wasBuilt: ready.wasBuilt, lease: ready.lease)
    }
}

/// A project's `uv.lock`, with the files that go with it.
struct UVLock: Sendable {
    let content: [UInt8]
    let projectFile: [UInt8]?
    let pythonVersionFile: [UInt8]?

    private static let limit = 16 << 20

    /// Nil if the project has none.
    init?(in project: Directory) throws {
        func read(_ name: String) throws -> [UInt8]? {
            let path = try RelativePath(name)
            return try project.status(path) == nil ? nil : try project.readFile(path, limit: Self.limit)
        }
        guard let lock = try read("uv.lock") else { return nil }
        content = lock
        projectFile = try read("pyproject.toml")
        pythonVersionFile = try read(".python-version")
    }

    /// Of the lock alone: what else uv reads of the project is repeated in it.
    var digest: String { EnvironmentName.sha256(content) }

    /// The version in `.python-version`, which uv itself would take.
    func pinnedPython() throws -> PythonRequest? {
        guard let pythonVersionFile else { return nil }
        let lines = pythonLines(String(decoding: pythonVersionFile, as: UTF8.self)).map { strippedByPython($0) }
        guard let line = lines.enumerated().first(where: { !$0.element.isEmpty && !$0.element.hasPrefix("#") }) else {
            return nil
        }
        return try PythonRequest(line.element, at: SourceLocation(file: ".python-version", line: line.offset + 1))
    }

    /// The name of the package the lock was made for; uv insists on finding it in `pyproject.toml`.
    var rootPackage: String? {
        var name: String?
        for line in pythonLines(String(decoding: content, as: UTF8.self)) {
            if line == "[[package]]" { name = nil }
            if line.hasPrefix("name = \"") { name = String(line.dropFirst(8).prefix { $0 != "\"" }) }
            let isRoot = ["editable", "virtual", "directory"].contains { line == "source = { \($0) = \".\" }" }
            if isRoot, let name, !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) { return name }
        }
        return nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
