import Files
import Glibc
package import SystemPackage

/// A path inside a project as people write it: like `RelativePath`, but `./` in front is allowed.
func relativePath(typed text: String) -> RelativePath? {
    var rest = text[...]
    while rest.hasPrefix("./") { rest = rest.dropFirst(2).drop { $0 == "/" } }
    return try? RelativePath(String(rest))
}

/// The path with all links followed; `nil` if it names nothing.
package func resolvedPath(_ path: FilePath) -> FilePath? {
    unsafe path.withPlatformString { text in
        guard let resolved = unsafe realpath(text, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe FilePath(platformString: resolved)
    }
}

/// A path made absolute without asking the file system, with `.` and `..` worked out on the text.
func absolutePath(_ text: String, below folder: FilePath) -> FilePath {
    folder.pushing(FilePath(text)).lexicallyNormalized()
}
