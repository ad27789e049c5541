package import SystemPackage

/// A `path` parameter of a run, as a backend has to know it that runs its command elsewhere.
package struct PathParameter: Sendable, Hashable {
    package var name: String
    /// As it was given.
    package var value: String
    /// The file or folder of this machine; nil for what is still to be downloaded to one.
    package var path: FilePath?
    /// Whether the project's author gave the value, not the user.
    package var isDefault: Bool

    package init(name: String, value: String, path: FilePath?, isDefault: Bool = false) {
        self.name = name
        self.value = value
        self.path = path
        self.isDefault = isDefault
    }
}
