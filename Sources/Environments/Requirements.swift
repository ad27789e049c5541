import Diagnostics
import Documents
import Files
import SystemPackage

/// One requirement after `-r` and `-c` files are read in, as MLflow's hash sees it.
struct Requirement: Hashable {
    var text: String
    var isConstraint: Bool

    /// Python's `repr` of MLflow's named tuple.
    var pythonRepresentation: String {
        let quoted = YAMLValue.string(text).pythonRepresentation
        return "_Requirement(req_str=\(quoted), is_constraint=\(isConstraint ? "True" : "False"))"
    }

    /// Python's order of the tuples: by code points, constraints last.
    static func precedes(_ left: Requirement, _ right: Requirement) -> Bool {
        if left.text.unicodeScalars.elementsEqual(right.text.unicodeScalars) {
            return !left.isConstraint && right.isConstraint
        }
        return left.text.unicodeScalars.lexicographicallyPrecedes(right.text.unicodeScalars)
    }
}

/// The requirement lines of a declaration with the files they name read in.
///
/// Follows MLflow's own simplified reader exactly, since its result is the environment's name. Files are read beneath the checkout only;
/// what lies elsewhere (other folders, URLs) is left to the installer and counts as the line that names it.
struct RequirementReader {
    /// The folder files may be read in, and the project's place in it.
    let checkout: Directory
    let project: [String]

    private(set) var requirements: [Requirement] = []
    /// Lines the user should see: options, other indexes, references outside the project.
    private(set) var remarkable: [String] = []
    /// Whether a line names something in the project's folder that is not read here: a package's source, a wheel.
    private(set) var namesLocalPackages = false
    private var files = 0

    private static let depthLimit = 16
    private static let fileLimit = 100
    private static let sizeLimit = 1 << 20

    init(checkout: Directory, project: [String]) {
        self.checkout = checkout
        self.project = project
    }

    mutating func read(_ lines: [String]) throws(InvalidInput) {
        try read(lines, isConstraint: false, folder: project, open: [])
    }

    private mutating func read(
        _ lines: [String], isConstraint: Bool, folder: [String], open: [RelativePath]
    ) throws(InvalidInput) {
        for line in requirementLines(lines) {
            if let reference = RequirementReference(line), reference.isReadByMLflow {
                try follow(reference, line: line, folder: folder, open: open, isConstraint: isConstraint)
            } else {
                note(line)
                requirements.append(Requirement(text: line, isConstraint: isConstraint))
            }
        }
    }

    private mutating func follow(
        _ reference: RequirementReference, line: String, folder: [String], open: [RelativePath], isConstraint: Bool
    ) throws(InvalidInput) {
        guard !reference.isURL, let components = resolved(reference.path, in: folder) else {
            remarkable.append(line)
            requirements.append(Requirement(text: line, isConstraint: isConstraint))
            return
        }
        let path: RelativePath
        let bytes: [UInt8]
        do {
            path = try RelativePath(components.joined(separator: "/"))
            guard !open.contains(path) else {
                throw InvalidInput(
                    "the requirements file '\(path)' includes itself", remedy: "remove the line '\(line)'")
            }
            guard open.count < Self.depthLimit, files < Self.fileLimit else {
                throw InvalidInput(
                    "too many requirements files include one another, at '\(path)'",
                    remedy: "at most \(Self.depthLimit) deep and \(Self.fileLimit) files are read")
            }
            files += 1
            bytes = try checkout.readFile(path, limit: Self.sizeLimit)
        } catch let error as InvalidInput {
            throw error
        } catch {
            let cause = (error as? any ExplainedError)?.diagnostics.first?.message ?? "\(error)"
            throw InvalidInput("the requirement '\(line)' cannot be followed: \(cause)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InvalidInput("the requirements file '\(path)' is not valid UTF-8", remedy: "save it as UTF-8")
        }
        try read(
            pythonLines(text), isConstraint: reference.kind == .constraints, folder: components.dropLast(),
            open: open + [path])
    }

    private mutating func note(_ line: String) {
        if RequirementReference(line) != nil || line.hasPrefix("-") || line.contains("://") { remarkable.append(line) }
        if isLocalPackage(line) { namesLocalPackages = true }
    }

    /// The components of a path below the checkout; nil when it is absolute or leads out.
    private func resolved(_ path: String, in folder: [String]) -> [String]? {
        guard !path.hasPrefix("/") else { return nil }
        var components = folder
        for part in path.split(separator: "/") where part != "." {
            if part != ".." {
                components.append(String(part))
            } else if components.popLast() == nil {
                return nil
            }
        }
        return components
    }
}

/// A line that names another requirements or constraints file.
struct RequirementReference: Equatable {
    enum Kind { case requirements, constraints }

    var kind: Kind
    var path: String
    /// MLflow follows only `-r FILE` and `--requirement FILE` with white space in between; the installers know more spellings.
    var isReadByMLflow: Bool

    init?(_ line: String) {
        let spellings: [(String, Kind)] = [
            ("--requirement", .requirements), ("--constraint", .constraints), ("-r", .requirements),
            ("-c", .constraints),
        ]
        guard let (option, kind) = spellings.first(where: { line.hasPrefix($0.0) }) else { return nil }
        var rest = line.dropFirst(option.count)
        isReadByMLflow = rest.first == " "
        if let separator = rest.first, separator == "=" || separator.isWhitespace {
            rest = rest.dropFirst()
        } else if option.hasPrefix("--") {
            return nil
        }
        let path = rest.drop(while: \.isWhitespace)
        guard !path.isEmpty else { return nil }
        self.kind = kind
        self.path = String(path)
    }

    var isURL: Bool { path.contains("://") }
}

/// Whether a requirement names a folder or archive on the disk, whose content no name of ours covers.
func isLocalPackage(_ line: String) -> Bool {
    var target = line[...]
    for option in ["--editable", "-e"] where target.hasPrefix(option) {
        target = target.dropFirst(option.count).drop { $0 == "=" || $0.isWhitespace }
        return !target.contains("://") || target.hasPrefix("file:")
    }
    guard !target.hasPrefix("-") else { return false }
    if let at = target.firstRange(of: " @ ") { target = target[at.upperBound...] }
    if target.hasPrefix("file:") { return true }
    guard !target.contains("://") else { return false }
    let name = target.prefix { !$0.isWhitespace && $0 != ";" }
    return name.hasPrefix(".") || name.contains("/") || [".whl", ".tar.gz", ".zip"].contains { name.hasSuffix($0) }
}
