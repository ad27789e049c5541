import CLinux
package import Diagnostics
import Glibc
package import SystemPackage

/// A file operation that failed, with the path it failed on.
package struct FileError: ExplainedError {
    package let operation: String
    package let path: String
    package let errno: Errno

    package init(_ operation: String, _ path: String, _ errno: Errno) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }

    package var diagnostics: [Diagnostic] {
        [Diagnostic(.error, "cannot \(operation) '\(path)': \(reason)", remedy: remedy)]
    }

    private var reason: String {
        switch errno {
        case .noSuchFileOrDirectory: "no such file or folder"
        case .notDirectory: "a part of the path is not a folder"
        case .isDirectory: "it is a folder"
        case .permissionDenied, .notPermitted: "permission denied"
        case .noSpace: "the disk is full"
        case .readOnlyFileSystem: "the file system is read-only"
        case .tooManySymbolicLinkLevels, .improperLink: "it is a link or leads out of its folder"
        default: errno.description.lowercased()
        }
    }

    private var remedy: String? {
        switch errno {
        case .noSpace: "free some space and run again"
        case .tooManyOpenFiles: "raise the limit of open files (ulimit -n)"
        default: nil
        }
    }
}

/// Turns the -1 of a C call into a thrown `FileError`.
func checked<Result: SignedInteger>(
    _ operation: String, _ path: @autoclosure () -> String, _ call: () -> Result
) throws(FileError) -> Result {
    while true {
        let result = call()
        if result != -1 { return result }
        let error = lastError()
        if error != .interrupted { throw FileError(operation, path(), error) }
    }
}

/// The `errno` of the C call just made on this thread.
func lastError() -> Errno { Errno(rawValue: errno) }
