import SystemPackage
import Tracking

/// A location as it is stored: a local path, which may be relative, becomes absolute; a URI stays as it is.
func absoluteLocation(_ location: String, in workingDirectory: FilePath) -> String {
    if hasURIScheme(location) {
        guard location.hasPrefix("file:"), !location.hasPrefix("file:/") else { return location }
        return "file://" + absolutePath(String(location.dropFirst("file:".count)), in: workingDirectory)
    }
    return absolutePath(location, in: workingDirectory)
}

private func absolutePath(_ text: String, in workingDirectory: FilePath) -> String {
    let path = FilePath(text)
    var absolute = path.isAbsolute ? FilePath(root: path.root) : workingDirectory
    for component in path.components where component.kind != .currentDirectory { absolute.append(component) }
    return absolute.string
}

/// Adds components to the path of a location, before its query if it has one.
func appendedLocation(_ location: String, _ components: String...) -> String {
    let queryStart = hasURIScheme(location) ? location.firstIndex { $0 == "?" || $0 == "#" } : nil
    var path = location[..<(queryStart ?? location.endIndex)]
    let query = location[(queryStart ?? location.endIndex)...]
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    let separator = path.hasSuffix("/") || path.isEmpty ? "" : "/"
    return path + separator + components.joined(separator: "/") + query
}
