import Diagnostics
import Documents
import Files

extension PythonDeclaration {
    /// Reads what uv and virtualenv can follow of a `conda.yaml`, as MLflow does: `python`, `pip`, `setuptools`,
    /// `wheel` and the `pip` list.
    ///
    /// Other packages are left out, with a notice.
    init(condaEnvironment bytes: [UInt8], file: String) throws(InvalidInput) {
        let document = try CondaDocument(parsing: bytes, file: file)
        var mistakes: [Diagnostic] = []
        var left: [String] = []
        notices = document.notices
        for item in document.dependencies {
            switch item.content {
            case .scalar:
                guard let text = item.text, let dependency = CondaDependency(text) else {
                    left.append(item.text ?? "")
                    continue
                }
                guard dependency.package == "python" else {
                    let comparison = dependency.comparison == "=" ? "==" : dependency.comparison ?? ""
                    buildDependencies.append(dependency.package + comparison + (dependency.version ?? ""))
                    continue
                }
                if python == nil { python = Self.python(dependency, at: item.location, &mistakes) }
            case .mapping, .sequence:
                guard let pip = item["pip"] else {
                    mistakes.append(
                        Diagnostic(
                            .error, at: item.location, "a dependency must be text or 'pip:' with a list",
                            remedy: "write it as 'name=version'"))
                    continue
                }
                dependencies = Self.lines(pip, of: "pip", &mistakes)
            }
        }
        guard mistakes.isEmpty else { throw InvalidInput(mistakes.sorted(by: inFileOrder)) }
        if python == nil { notices.append("'\(file)' names no python version; taking that of the 'python3' on PATH") }
        if !left.isEmpty {
            let shown = left.prefix(20).map { "'\($0)'" }.joined(separator: ", ") + (left.count > 20 ? ", …" : "")
            notices.append("these conda packages are not installed without conda: \(shown)")
        }
    }

    private static func python(
        _ dependency: CondaDependency, at location: SourceLocation, _ mistakes: inout [Diagnostic]
    ) -> Python? {
        do throws(InvalidInput) {
            guard let comparison = dependency.comparison, let version = dependency.version else {
                throw InvalidInput(
                    "python has no version", at: location, remedy: "pin it, for example 'python=3.11.7'")
            }
            guard ["=", "==", "<=", ">="].contains(comparison) else {
                throw InvalidInput(
                    "'\(comparison)' does not pin a python version", at: location,
                    remedy: "pin it, for example 'python=3.11.7'")
            }
            return Python(text: version, request: try PythonRequest(version, at: location))
        } catch {
            mistakes += error.diagnostics
            return nil
        }
    }
}

/// One of the four packages MLflow takes over from conda, with its pin: `python=3.11`, `pip`, `wheel<=0.40`.
struct CondaDependency: Equatable {
    var package: String
    var comparison: String?
    var version: String?

    init?(_ text: String) {
        // "python" first: "pip" and the others are no prefixes of one another.
        guard let package = ["python", "pip", "setuptools", "wheel"].first(where: text.hasPrefix) else { return nil }
        let rest = text.dropFirst(package.count)
        let comparison = ["<=", ">=", "==", "!=", "<", ">", "="].first(where: rest.hasPrefix)
        let version = rest.dropFirst(comparison?.count ?? 0)
        guard version.allSatisfy({ $0 == "." || ($0.isASCII && $0.isNumber) }) else { return nil }
        self.package = package
        self.comparison = comparison
        self.version = version.isEmpty ? nil : String(version)
    }
}

/// The parts of a `conda.yaml` that we read ourselves; the rest is conda's business.
struct CondaDocument {
    var dependencies: [YAMLNode] = []
    var notices: [String] = []

    /// Variables that would take over the shell or the programs it starts before the entry point's own code runs.
    private static let forbiddenVariables: Set = [
        "LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "PATH", "SHELLOPTS", "BASHOPTS", "IFS",
    ]

    init(parsing bytes: [UInt8], file: String) throws(InvalidInput) {
        let document = try YAMLDocument(parsing: bytes, file: file)
        notices = document.warnings.map(\.description)
        guard let root = document.root, !root.isNull else { return }
        guard root.mapping != nil else {
            throw InvalidInput(
                "a conda environment must be a mapping", at: root.location,
                remedy: "write 'name:', 'channels:' and 'dependencies:'")
        }
        var mistakes: [Diagnostic] = []
        if let node = root["dependencies"], !node.isNull {
            if let items = node.sequence {
                dependencies = items
            } else {
                mistakes.append(
                    Diagnostic(
                        .error, at: node.location, "'dependencies' must be a list",
                        remedy: "begin each dependency with '- ' on a line of its own"))
            }
        }
        // conda sets these on activation; a project may not reach the shell of the runner through them.
        for pair in root["variables"]?.mapping ?? [] {
            guard let name = pair.key.text else { continue }
            if Self.forbiddenVariables.contains(name) || name.hasPrefix("BASH_FUNC_") {
                mistakes.append(
                    Diagnostic(
                        .error, at: pair.key.location, "a project may not set the variable '\(name)'",
                        remedy: "remove it from 'variables'"))
            }
        }
        guard mistakes.isEmpty else { throw InvalidInput(mistakes.sorted(by: inFileOrder)) }
    }

    /// The requirement lines conda will hand to pip.
    var pipLines: [String] {
        dependencies.compactMap { $0["pip"]?.sequence }.flatMap { $0.compactMap(\.text) }
    }
}
