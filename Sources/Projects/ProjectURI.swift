package import Diagnostics
package import Files
package import SystemPackage

/// Where a project comes from, as the operator typed it: `LOCATION[#FOLDER]`.
package struct ProjectURI: Sendable, Hashable {
    package enum Location: Sendable, Hashable {
        /// An existing folder, absolute; the project runs in place.
        case folder(FilePath)
        /// An existing archive, absolute.
        case zip(FilePath)
        /// An archive to download, `http` or `https`.
        case remoteZip(String)
        /// A git location as typed: a URL, the scp form, or a bare repository on this machine.
        case git(String)
    }

    /// What was typed, without quotes around it.
    ///
    /// It may hold credentials: show `redactedText`.
    package let text: String
    package let location: Location
    /// The folder inside the location that is the project.
    package let subdirectory: RelativePath

    /// Whether the project is a folder of this machine, whose author is the user.
    package var isFolder: Bool {
        if case .folder = location { true } else { false }
    }

    /// The URI for messages and tags.
    package var redactedText: String { redactedURL(text) }

    /// Reads a URI and looks at the file system to tell local locations from remote ones.
    ///
    /// What looks like neither a URL nor a host is a path, and must exist: a mistyped folder is never taken for a
    /// repository.
    package init(_ typed: String, currentDirectory: FilePath) throws(InvalidInput) {
        text = String(withoutQuotes(typed))
        let place = text.prefix { $0 != "#" }
        let fragment = text.dropFirst(place.count + 1)
        try checkText(String(place), typed: text)
        do throws(PathRefusal) {
            subdirectory = fragment.isEmpty ? .root : try RelativePath(String(fragment))
        } catch {
            throw InvalidInput(
                "the folder after '#' in '\(redactedURL(text))' \(error.reason)",
                remedy: "name a folder inside the project, such as '#examples/train'")
        }
        location = try Self.location(String(place), currentDirectory)
    }

    private static func location(_ place: String, _ currentDirectory: FilePath) throws(InvalidInput) -> Location {
        if let local = existingPath(place, currentDirectory) { return try localLocation(local, place) }
        guard let scheme = urlScheme(of: place) else {
            if isSCPForm(place) { return .git(place) }
            throw InvalidInput("there is no file or folder '\(place)'", remedy: missingPathRemedy(place))
        }
        if scheme == "file" {
            throw InvalidInput("there is no file or folder '\(place)'", remedy: "check the path")
        }
        guard gitSchemes.contains(scheme) else {
            throw InvalidInput(
                "a project cannot be fetched from '\(redactedURL(place))': '\(scheme)' is not one of its schemes",
                remedy: "use a folder, a zip archive, or a git URL (https, http, ssh, git or user@host:path)")
        }
        return place.hasSuffix(".zip") && scheme.hasPrefix("http") ? .remoteZip(place) : .git(place)
    }

    private static func localLocation(_ path: FilePath, _ place: String) throws(InvalidInput) -> Location {
        switch fileStatus(path)?.kind {
        case .directory: return isBareRepository(path) ? .git(place) : .folder(path)
        case .file where place.hasSuffix(".zip"): return .zip(path)
        default:
            throw InvalidInput(
                "'\(place)' is not a folder", remedy: "give the project's folder, a zip archive or a git URL")
        }
    }
}

private let gitSchemes: Set = ["https", "http", "ssh", "git", "git+ssh", "ssh+git", "git+https", "git+http"]

/// All quote characters at both ends go, as in MLflow.
private func withoutQuotes(_ text: String) -> Substring {
    var rest = text.drop { $0 == "'" || $0 == "\"" }
    while let last = rest.last, last == "'" || last == "\"" { rest.removeLast() }
    return rest
}

private func checkText(_ place: String, typed: String) throws(InvalidInput) {
    let remedy = "give a folder, a zip archive or a git URL"
    if place.isEmpty { throw InvalidInput("the project's location is empty", remedy: remedy) }
    if place.utf8.count > 4096 {
        throw InvalidInput("the project's location is longer than 4096 bytes", remedy: remedy)
    }
    if typed.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) {
        throw InvalidInput("the location '\(redactedURL(typed))' contains a control character", remedy: remedy)
    }
    if place.hasPrefix("-") {
        throw InvalidInput(
            "the location '\(redactedURL(place))' begins with '-'",
            remedy: "for a folder of that name write './\(place)'")
    }
}

/// The path a location names if something is there.
private func existingPath(_ place: String, _ currentDirectory: FilePath) -> FilePath? {
    guard place.hasPrefix("file://") else {
        let path = absolutePath(place, below: currentDirectory)
        return fileStatus(path) == nil ? nil : path
    }
    let rest = place.dropFirst("file://".count)
    let path = rest.hasPrefix("localhost/") ? rest.dropFirst("localhost".count) : rest
    guard path.hasPrefix("/") else { return nil }
    // MLflow takes the path as it stands; a URL whose escapes were meant as such is tried after that.
    return [String(path), percentDecoded(String(path))].compactMap { $0 }
        .filter { !$0.utf8.contains(0) }
        .map { FilePath($0).lexicallyNormalized() }
        .first { fileStatus($0) != nil }
}

/// The lower-cased scheme of `scheme://…`, or of git's remote helpers `helper::…`.
private func urlScheme(of place: String) -> String? {
    let scheme = place.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
    let rest = place.dropFirst(scheme.count)
    guard scheme.first?.isLetter == true, rest.hasPrefix("://") || rest.hasPrefix("::") else { return nil }
    return rest.hasPrefix("::") ? "\(scheme.lowercased())::" : scheme.lowercased()
}

/// `[user@]host:path`, which git means only if no slash stands before the colon.
private func isSCPForm(_ place: String) -> Bool {
    guard let colon = place.firstIndex(of: ":") else { return false }
    let host = place[..<colon]
    return !host.isEmpty && !host.contains("/") && place.index(after: colon) < place.endIndex
}

/// A git repository without a work tree: there is nothing to run in place.
private func isBareRepository(_ path: FilePath) -> Bool {
    fileStatus(path.appending("HEAD"))?.kind == .file && fileStatus(path.appending("objects"))?.kind == .directory
        && fileStatus(path.appending("refs"))?.kind == .directory
}

private func missingPathRemedy(_ place: String) -> String {
    let looksHosted = place.split(separator: "/").count == 2 && !place.hasPrefix("/") && !place.hasPrefix(".")
    let name = place.hasSuffix(".git") ? place : "\(place).git"
    return looksHosted
        ? "check the path; for a repository give its whole URL, such as 'https://HOST/\(name)'" : "check the path"
}
