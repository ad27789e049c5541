package import Diagnostics

/// Why the container engine, its client or an image could not be used.
package struct ContainerError: ExplainedError {
    package enum Kind: Sendable, Hashable {
        /// There is no client on PATH.
        case clientMissing
        /// The engine does not answer, or not in time.
        case engineUnreachable
        /// It answers, but cannot do what is needed.
        case engineUnsuitable
        case imageMissing
        case pullFailed, buildFailed, pushFailed
        /// The registry wants a login, and the client has none.
        case loginMissing
        case noSuchContainer
        /// The name of the container is taken.
        case nameConflict
        case refused
    }

    package let kind: Kind
    package let diagnostics: [Diagnostic]

    package init(_ kind: Kind, _ message: String, remedy: String? = nil) {
        self.kind = kind
        diagnostics = [Diagnostic(.error, message, remedy: remedy)]
    }
}
