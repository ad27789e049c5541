/// One entry of a tree object, exactly as it is stored.
struct TreeEntry: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case file(isExecutable: Bool)
        case link, folder, submodule
    }

    var kind: Kind
    /// The bytes of the name, checked by `objection(toName:)`.
    var name: [UInt8]
    var id: ObjectID

    var shownName: String { String(decoding: name, as: UTF8.self) }
}

/// Reads a tree object: `mode SP name NUL id`, again and again.
func treeEntries(_ content: [UInt8]) throws(GitError) -> [TreeEntry] {
    var entries: [TreeEntry] = []
    var rest = content[...]
    while !rest.isEmpty {
        guard let space = rest.firstIndex(of: 0x20), let end = rest[space...].firstIndex(of: 0),
            let id = ObjectID(bytes: rest[(end + 1)...].prefix(20))
        else { throw damaged("a tree object is cut off or malformed") }
        let mode = String(decoding: rest[..<space], as: UTF8.self)
        let name = Array(rest[(space + 1)..<end])
        let kind: TreeEntry.Kind =
            switch mode {
            case "100644", "100664", "100640", "100600": .file(isExecutable: false)
            case "100755", "100775", "100700": .file(isExecutable: true)
            case "120000": .link
            case "40000", "040000": .folder
            case "160000": .submodule
            default: throw damaged("the tree entry '\(String(decoding: name, as: UTF8.self))' has the mode '\(mode)'")
            }
        entries.append(TreeEntry(kind: kind, name: name, id: id))
        rest = rest[(end + 21)...]
    }
    return entries
}

/// The id a commit's or tag's header line names, such as `tree 4b825d…`.
func headerID(_ field: String, of content: [UInt8]) throws(GitError) -> ObjectID {
    for line in content.split(separator: 0x0A, omittingEmptySubsequences: false) {
        if line.isEmpty { break }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix(field + " "), let id = ObjectID(hex: text.dropFirst(field.count + 1)) { return id }
    }
    throw damaged("an object lacks its '\(field)' line")
}

/// Why a name in a tree may not be written; nil for an ordinary one.
///
/// Names that some file system takes for `.git` are refused everywhere, since a checkout may be copied: other case, trailing dots and
/// spaces, NTFS streams and short names, and the code points that HFS+ ignores.
func objection(toName name: [UInt8]) -> String? {
    if name.isEmpty { return "is empty" }
    if name == [0x2E] || name == [0x2E, 0x2E] { return "leaves its folder" }
    if name.count > 255 { return "is longer than 255 bytes" }
    if name.contains(0x2F) { return "contains a slash" }
    if name.contains(0) { return "contains a NUL" }
    let parts = name.split(separator: 0x5C, omittingEmptySubsequences: false)
    return parts.contains { isGitFolder($0) } ? "stands for git's own folder" : nil
}

private func isGitFolder(_ name: some Collection<UInt8>) -> Bool {
    let visible = String(decoding: name, as: UTF8.self).unicodeScalars.filter { scalar in
        switch scalar.value {
        case 0x200C...0x200F, 0x202A...0x202E, 0x206A...0x206F, 0xFEFF: false
        default: true
        }
    }
    var text = String(String.UnicodeScalarView(visible)).lowercased()
    if let colon = text.firstIndex(of: ":") { text = String(text[..<colon]) }
    while text.last == "." || text.last == " " { text.removeLast() }
    return text == ".git" || text == "git~1"
}
