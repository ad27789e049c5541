package import SystemPackage

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
