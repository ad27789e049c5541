import Files
import SystemPackage

/// Writes the few files that make a folder a git repository: no hooks, no templates, no configuration of anybody's.
///
/// - Parameters:
///   - head: the content of `HEAD`: a commit id, or `ref: …`.
///   - alternates: a folder of objects to read from.
func makeRepository(
    in folder: Directory, head: String, isBare: Bool, originURL: String?, alternates: String?, isShallow: Bool
) throws {
    for name in ["objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"] {
        try folder.makeDirectory(RelativePath(name), mode: 0o755)
    }
    var configuration = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = \(isBare)\n"
    if let originURL {
        configuration += "[remote \"origin\"]\n\turl = \(quoted(originURL))\n"
        configuration += "\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
    }
    try folder.writeFile(RelativePath("config"), Array(configuration.utf8), mode: 0o644)
    if let alternates {
        try folder.writeFile(RelativePath("objects/info/alternates"), Array("\(alternates)\n".utf8), mode: 0o644)
    }
    if isShallow { try folder.writeFile(RelativePath("shallow"), Array("\(head)\n".utf8), mode: 0o644) }
    // Last, since a folder without HEAD is no repository.
    try folder.writeFile(RelativePath("HEAD"), Array("\(head)\n".utf8), mode: 0o644)
}

/// A value of a git configuration file.
private func quoted(_ value: String) -> String {
    var text = "\""
    for character in value.unicodeScalars where character.value >= 0x20 {
        if character == "\"" || character == "\\" { text += "\\" }
        text.unicodeScalars.append(character)
    }
    return text + "\""
}
