package import Diagnostics

/// Why an artifact could not be listed, read, written or deleted.
package struct ArtifactError: ExplainedError {
    /// The kind of failure, for callers that answer differently to each (a server's status, a retry, a second attempt elsewhere).
    package enum Reason: Sendable, Hashable {
        /// The address or the path is not well-formed, or names something outside its place.
        case invalidAddress
        /// No implementation for the scheme.
        case unsupportedScheme
        /// There is nothing at that path.
        case notFound
        /// A folder where a file is needed, or a file where a folder is needed.
        case wrongKind
        /// The other side, or the file system, forbids it; credentials are missing or wrong.
        case denied
        /// A size, count, depth or length limit was passed.
        case limit
        /// The file system has no room.
        case noSpace
        /// The other side sent something that must not be followed: a name, a redirect, a listing.
        case untrustedAnswer
        /// The other side could not be reached, or broke off.
        case unreachable
        /// Nothing arrived for too long.
        case stalled
        /// The other side answered with this HTTP status.
        case status(Int)
        /// A program that is needed is not installed.
        case toolMissing
        /// A program that was called failed.
        case toolFailed
        /// A call of the operating system failed.
        case system
    }

    package let reason: Reason
    package let diagnostics: [Diagnostic]
    /// The next attempt may succeed.
    package let isTransient: Bool
    /// There was not even a connection, so that the other side cannot have done anything.
    package internal(set) var nothingWasSent = false
    /// How long the other side asked us to wait, uncapped.
    let retryAfter: Duration?

    package init(
        _ reason: Reason, _ message: String, remedy: String? = nil, isTransient: Bool = false,
        retryAfter: Duration? = nil
    ) {
        self.reason = reason
        self.isTransient = isTransient
        self.retryAfter = retryAfter
        diagnostics = [Diagnostic(.error, message, remedy: remedy)]
    }

    private init(_ reason: Reason, _ diagnostics: [Diagnostic]) {
        self.reason = reason
        self.isTransient = false
        self.retryAfter = nil
        self.diagnostics = diagnostics
    }

    /// The same failure, told as part of something larger: `parameter 'data': …`.
    package func explained(by context: String) -> ArtifactError {
        ArtifactError(
            reason,
            diagnostics.map { diagnostic in
                var told = diagnostic
                told.message = "\(context): \(diagnostic.message)"
                return told
            })
    }
}
