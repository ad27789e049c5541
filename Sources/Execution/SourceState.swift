package import SystemPackage

/// What version control knows of the code in a folder.
package struct FolderCode: Sendable, Hashable {
    /// What names the whole folder, when it is exactly as its commit says.
    package var tree: String?
    /// The files that version control has or would take in, with the id of their content where that is known.
    package var files: [String: String?]

    package init(tree: String?, files: [String: String?]) {
        self.tree = tree
        self.files = files
    }
}

/// What version control knows of a folder that a project is run from in place.
package struct SourceState: Sendable, Hashable {
    /// The top folder of the work tree.
    package var workTree: FilePath
    /// The full id of the commit that is checked out; nil before the first one.
    package var commit: String?
    /// The URL of the first remote, without credentials.
    package var remoteURL: String?
    /// Whether the folder is ignored by the repository around it, which then says nothing about it.
    package var isIgnored: Bool
    /// Whether tracked files differ from the commit; nil when that took too long to find out.
    package var isDirty: Bool?

    package init(workTree: FilePath, commit: String?, remoteURL: String?, isIgnored: Bool, isDirty: Bool?) {
        self.workTree = workTree
        self.commit = commit
        self.remoteURL = remoteURL
        self.isIgnored = isIgnored
        self.isDirty = isDirty
    }
}
