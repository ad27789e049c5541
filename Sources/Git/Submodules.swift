import Files
import GitMessages
import SystemPackage

/// One submodule that is to be checked out.
struct Submodule: Sendable, Hashable {
    var path: RelativePath
    var location: GitLocation
    var commit: String
}

/// Reads `.gitmodules` against what the commit contains, refusing everything that is not plainly a path, a server and a commit (G-11).
///
/// - Parameters:
///   - found: the submodules the commit has, by path.
///   - parent: where the repository itself came from, for relative URLs.
/// - Throws: `GitFailure` naming the submodule.
func submodules(
    text: String?, found: [GitCheckoutSummary.Submodule], parent: GitLocation
) throws(GitFailure) -> (wanted: [Submodule], warnings: [String]) {
    guard !found.isEmpty else { return ([], []) }
    var sections: [String: [String: String]] = [:]
    for section in try configurationSections(text ?? "") where section.name == "submodule" {
        let name = section.subsection ?? ""
        _ = try checkedPath(name, of: name, "name")
        for (key, value) in section.values {
            if value.hasPrefix("-") { throw refusal(name, "has the \(key) '\(value)', which looks like an option") }
            sections[name, default: [:]][key] = value
        }
    }
    var byPath: [String: (name: String, values: [String: String])] = [:]
    for (name, values) in sections {
        // A submodule that this commit does not have is no concern of ours, but a hostile one is refused all the same.
        if values["update"]?.hasPrefix("!") == true { throw refusal(name, "wants to run a command (update = !…)") }
        guard let path = values["path"] else { continue }
        byPath[try checkedPath(path, of: name, "path").string] = (name, values)
    }
    var wanted: [Submodule] = []
    var warnings: [String] = []
    for entry in found {
        let path = try checkedPath(entry.path, of: entry.path, "path")
        guard let (name, values) = byPath[path.string], let url = values["url"] else {
            warnings.append("the submodule '\(entry.path)' has no URL in .gitmodules; its folder stays empty")
            continue
        }
        if values["update"]?.lowercased() == "none" { continue }
        let location = try submoduleLocation(url, of: name, parent: parent)
        wanted.append(Submodule(path: path, location: location, commit: entry.commit))
    }
    return (wanted, warnings)
}

private func checkedPath(_ text: String, of name: String, _ what: String) throws(GitFailure) -> RelativePath {
    if text.hasPrefix("-") { throw refusal(name, "has the \(what) '\(text)', which looks like an option") }
    do {
        let path = try RelativePath(text)
        if path.components.contains(where: { $0.lowercased() == ".git" }) {
            throw refusal(name, "has the \(what) '\(text)' inside git's own folder")
        }
        return path
    } catch let failure as GitFailure {
        throw failure
    } catch let error as PathRefusal {
        throw refusal(name, "has the \(what) '\(text)', which \(error.reason)")
    } catch {
        throw refusal(name, "has no usable \(what)")
    }
}

private func submoduleLocation(_ url: String, of name: String, parent: GitLocation) throws(GitFailure) -> GitLocation {
    if url.hasPrefix("./") || url.hasPrefix("../") { return try relativeLocation(url, of: name, parent: parent) }
    let location: GitLocation
    do {
        location = try GitLocation(url, relativeTo: "/")
    } catch {
        throw GitFailure(.submodule, "the submodule '\(name)' is refused: \(error.message)", remedy: error.remedy)
    }
    guard location.transport != .local else {
        throw refusal(name, "names a folder of this machine ('\(url)')")
    }
    return location
}

/// `../other.git` beside the repository itself, as git understands it; it never leaves the server.
private func relativeLocation(_ url: String, of name: String, parent: GitLocation) throws(GitFailure) -> GitLocation {
    guard parent.transport != .local else {
        throw refusal(name, "names a folder of this machine ('\(url)')")
    }
    let isAbsolute = parent.path.hasPrefix("/")
    var components = parent.path.split(separator: "/").map(String.init)
    for part in url.split(separator: "/") {
        switch part {
        case ".": continue
        case "..":
            guard components.popLast() != nil else {
                throw refusal(name, "has the URL '\(url)', which leaves the server")
            }
        default: components.append(String(part))
        }
    }
    let path = (isAbsolute ? "/" : "") + components.joined(separator: "/")
    // Read again as a whole: what was joined must be as harmless as what is typed.
    do {
        return try GitLocation(parent.sibling(path: path).url, relativeTo: "/")
    } catch {
        throw GitFailure(.submodule, "the submodule '\(name)' is refused: \(error.message)", remedy: error.remedy)
    }
}

private func refusal(_ name: String, _ reason: String) -> GitFailure {
    GitFailure(
        .submodule, "the submodule '\(name)' \(reason)",
        remedy: "correct .gitmodules in the repository; nothing was run")
}
