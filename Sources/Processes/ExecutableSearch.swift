import CLinux
package import SystemPackage

/// Finds a program as the shell would: a name with a slash is a path, any other is looked up in `searchPath` (`PATH`).
///
/// Empty and relative entries of the search path are skipped: a program in the current folder is never picked up by accident.
package func findExecutable(_ name: String, searchPath: String?) -> FilePath? {
    guard !name.isEmpty, !name.utf8.contains(0) else { return nil }
    if name.contains("/") { return isExecutableFile(name) ? FilePath(name) : nil }
    for folder in (searchPath ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") where folder.hasPrefix("/") {
        let candidate = "\(folder)/\(name)"
        if isExecutableFile(candidate) { return FilePath(candidate) }
    }
    return nil
}

private func isExecutableFile(_ path: String) -> Bool {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & 0o170000 == 0o100000 else { return false }
    return unsafe access(path, X_OK) == 0
}
