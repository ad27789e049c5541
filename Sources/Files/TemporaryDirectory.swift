import CLinux
package import SystemPackage

/// A new private folder (0700, unpredictable name) that is removed with everything in it when the value goes away.
package final class TemporaryDirectory: Sendable {
    package let path: FilePath
    package let directory: Directory

    /// Creates the folder in `parent`, else in `TMPDIR`, else in `/tmp`.
    package init(in parent: FilePath? = nil, prefix: String = "swiftflow") throws(FileError) {
        let base = parent ?? environmentVariable("TMPDIR").map { FilePath($0) } ?? "/tmp"
        path = base.appending("\(prefix)-\(randomName())")
        let created = path
        _ = try checked("create the folder", created.string) {
            unsafe created.withPlatformString { unsafe mkdir($0, 0o700) }
        }
        directory = try Directory(opening: path)
    }

    deinit {
        remove()
    }

    /// Removes the folder now; what cannot be removed is left behind silently, since nobody could act on it.
    package func remove() {
        let parent = path.removingLastComponent()
        guard let name = path.lastComponent?.string, let folder = try? Directory(opening: parent),
            let relative = try? RelativePath(name)
        else { return }
        try? folder.remove(relative)
    }
}

/// A variable of this process's environment.
package func environmentVariable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
}
