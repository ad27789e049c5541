package import Diagnostics

/// Why something could not be fetched, checked out or read.
package struct GitFailure: ExplainedError, Codable, Sendable {
    /// What callers can tell apart.
    package enum Kind: String, Codable, Sendable {
        /// The location or version is malformed or not allowed.
        case refused
        /// There is no repository at the location.
        case notFound
        case noSuchVersion
        case emptyRepository
        /// The server wants a name and password (or a key) it was not given, or refused those it got.
        case authentication
        /// The ssh host key or the TLS certificate is not trusted.
        case untrustedServer
        /// The server sends us elsewhere.
        case redirect
        case timeLimit
        case sizeLimit
        /// The server or the network failed.
        case network
        /// What was received, or what lies in the cache, is damaged.
        case damaged
        case submodule
        case file
        /// The worker program is missing, or ended without an answer.
        case worker
    }

    package var kind: Kind
    package var message: String
    package var remedy: String?

    package init(_ kind: Kind, _ message: String, remedy: String? = nil) {
        self.kind = kind
        self.message = message
        self.remedy = remedy
    }

    package var diagnostics: [Diagnostic] {
        [Diagnostic(.error, code: "git-\(kind.rawValue)", message, remedy: remedy)]
    }
}
