import CGit2

/// What libgit2 said about a call that failed.
package struct GitError: Error, CustomStringConvertible {
    /// One of `git_error_code`, such as `GIT_EAUTH`.
    package let code: Int32
    /// The part of the library the error comes from (`GIT_ERROR_NET`, …).
    package let category: Int32
    package let message: String

    package init(code: Int32, category: Int32, message: String) {
        self.code = code
        self.category = category
        self.message = message
    }

    package var description: String { message }

    /// The error of the call just made on this thread; the library keeps one per thread.
    init(code: Int32) {
        self.code = code
        if let last = unsafe git_error_last() {
            category = unsafe last.pointee.klass
            message = unsafe last.pointee.message.map { unsafe String(cString: $0) } ?? "unknown error"
        } else {
            category = 0
            message = "error \(code)"
        }
    }

    func has(_ known: git_error_code) -> Bool { code == known.rawValue }
    func comes(from known: git_error_t) -> Bool { category == Int32(bitPattern: known.rawValue) }
}

/// Turns the negative result of a library call into a thrown `GitError`.
@discardableResult
func check(_ result: Int32) throws(GitError) -> Int32 {
    guard result >= 0 else { throw GitError(code: result) }
    return result
}
