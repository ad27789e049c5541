import Files
import Glibc
import SystemPackage

/// Writes the few files that make a folder a git repository: no hooks, no templates, no configuration of anybody's.
///
/// - Parameters:
///   - head: the content of `HEAD`: a commit id, or `ref: …`.
///   - alternates: a folder of objects to read from.
func makeRepository(
    in folder: Directory, head: String, isBare: Bool, originURL: String?, alternates: String?, isShallow: Bool
) throws {
    // Not synced: a mirror's first references are, later, and a checkout is checked before it is used again.
    func write(_ name: String, _ text: String) throws {
        let file = try folder.open(RelativePath(name), flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        defer { try? file.close() }
        try file.writeAll(text.utf8)
    }
    for name in ["objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"] {
        try folder.makeDirectory(RelativePath(name), mode: 0o755)
    }
    var configuration = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = \(isBare)\n"
    if let originURL {
        configuration += "[remote \"origin\"]\n\turl = \(quoted(originURL))\n"
        configuration += "\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
    }
    try write("config", configuration)
    if let alternates {
        try write("objects/info/alternates", "\(alternates)\n")
    }
    if isShallow { try write("shallow", "\(head)\n") }
    // Last, since a folder without HEAD is no repository.
    try write("HEAD", "\(head)\n")
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
