import Diagnostics
import Documents
import Files

/// What `python_env.yaml` says, or what a `conda.yaml` says that a Python environment can follow.
struct PythonDeclaration: Sendable, Equatable {
    /// A text with the place it was written.
    struct Python: Sendable, Equatable {
        var text: String
        var request: PythonRequest
    }

    /// Nil: the version of the `python3` on `PATH`.
    var python: Python?
    var buildDependencies: [String] = []
    var dependencies: [String] = []
    /// What the user should know.
    var notices: [String] = []

    static let fileLimit = 1 << 20

    init() {}

    init(_ source: EnvironmentSource, in project: Directory) throws {
        switch source {
        case .noFile: self.init()
        case .pythonEnv(let path):
            try self.init(pythonEnvironment: project.readFile(path, limit: Self.fileLimit), file: path.string)
        case .condaFile(let path):
            try self.init(condaEnvironment: project.readFile(path, limit: Self.fileLimit), file: path.string)
        }
    }

    private static let keys = ["python", "build_dependencies", "dependencies"]

    /// Reads `python_env.yaml`; every mistake in it is reported at once.
    ///
    /// An empty file declares nothing.
    init(pythonEnvironment bytes: [UInt8], file: String) throws(InvalidInput) {
        let document = try YAMLDocument(parsing: bytes, file: file)
        notices = document.warnings.map(\.description)
        guard let root = document.root, !root.isNull else { return }
        guard let pairs = root.mapping else {
            throw InvalidInput(
                "a python environment must be a mapping", at: root.location,
                remedy: "write 'python:', 'build_dependencies:' and 'dependencies:'")
        }
        var mistakes: [Diagnostic] = []
        for pair in pairs {
            switch pair.key.text {
            case "python": python = Self.python(pair.value, &mistakes)
            case "build_dependencies": buildDependencies = Self.lines(pair.value, of: "build_dependencies", &mistakes)
            case "dependencies": dependencies = Self.lines(pair.value, of: "dependencies", &mistakes)
            case let key:
                mistakes.append(
                    Diagnostic(
                        .error, code: "unknown-key", at: pair.key.location, "unknown key '\(key ?? "…")'",
                        remedy: key.flatMap { suggestion(for: $0, among: Self.keys, kind: "keys") }))
            }
        }
        guard mistakes.isEmpty else { throw InvalidInput(mistakes.sorted(by: inFileOrder)) }
    }

    /// The version with the digits as they were written: YAML would read an unquoted 3.10 as the number 3.1.
    private static func python(_ node: YAMLNode, _ mistakes: inout [Diagnostic]) -> Python? {
        do throws(InvalidInput) {
            let value = try node.value()
            switch value {
            case .null, .string(""): return nil
            case .string, .float, .int:
                let text = node.text ?? ""
                return Python(text: text, request: try PythonRequest(text, at: node.location))
            case .bool, .timestamp, .list, .mapping:
                throw InvalidInput(
                    "'python' must be a version, but is \(value.kind)", at: node.location,
                    remedy: "write a version such as \"3.11\"")
            }
        } catch {
            mistakes += error.diagnostics
            return nil
        }
    }

    static func lines(_ node: YAMLNode, of name: String, _ mistakes: inout [Diagnostic]) -> [String] {
        if node.isNull { return [] }
        guard let items = node.sequence else {
            mistakes.append(
                Diagnostic(
                    .error, at: node.location, "'\(name)' must be a list of requirements",
                    remedy: "begin each requirement with '- ' on a line of its own"))
            return []
        }
        return items.compactMap { item in
            do throws(InvalidInput) {
                let value = try item.value()
                if case .string(let text) = value {
                    guard !text.utf8.contains(0) else { throw InvalidInput("a NUL byte", at: item.location) }
                    return text
                }
                let isPipSection = item["pip"] != nil
                throw InvalidInput(
                    "an entry of '\(name)' must be text, but is \(value.kind)", at: item.location,
                    remedy: isPipSection
                        ? "'- pip:' belongs into conda.yaml; here list the requirements themselves"
                        : "write a requirement such as 'numpy==2.1.0', in quotes if need be")
            } catch {
                mistakes += error.diagnostics
                return nil
            }
        }
    }
}

func inFileOrder(_ left: Diagnostic, _ right: Diagnostic) -> Bool {
    switch (left.location, right.location) {
    case (let left?, let right?): left < right
    case (nil, _?): true
    default: false
    }
}
