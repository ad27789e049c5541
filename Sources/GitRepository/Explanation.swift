import CGit2
import GitMessages
import Synchronization

/// What a library error about a server means to a person.
func explained(_ error: GitError, server: GitRemote, _ conversation: Conversation) -> GitFailure {
    if let failure = conversation.failure ?? connectionRefusal.withLock({ $0 }) { return failure }
    let place = server.url
    let text = error.message
    if text.contains("cannot redirect from") || text.contains("unexpected redirect") {
        return GitFailure(
            .redirect, "'\(place)': the server \(text.replacingPrefix("cannot redirect", with: "redirects"))",
            remedy: "it was not followed; if that is right, give the other server's URL yourself")
    }
    if error.has(GIT_EAUTH) {
        return GitFailure(
            .authentication, "'\(place)' refused to let us in: \(text)",
            remedy: "check the user name and password, token or key")
    }
    if error.has(GIT_ECERTIFICATE) || error.comes(from: GIT_ERROR_SSL) {
        return GitFailure(
            .untrustedServer, "no trusted connection to '\(place)': \(text)",
            remedy: "check the host name and its certificate")
    }
    if text.contains("too many objects") {
        return GitFailure(.sizeLimit, "'\(place)' sends more objects than are allowed")
    }
    if isDamage(error) {
        return GitFailure(
            .damaged, "'\(place)' sent something that is no sound git data: \(text)",
            remedy: "try again; if it stays, the repository on the server is damaged")
    }
    if text.contains("status code: 404") || text.contains("not exported") || text.contains("not found") {
        return GitFailure(.notFound, "there is no git repository at '\(place)'", remedy: "check the URL (\(text))")
    }
    if text.contains("status code: 403") {
        return GitFailure(
            .authentication, "'\(place)' does not allow reading it (\(text))", remedy: "check your access rights")
    }
    if text.contains("invalid content-type") {
        return GitFailure(
            .network, "'\(place)' answers, but not as a git server: \(text)",
            remedy: "give the URL that 'git clone' takes, not that of a web page")
    }
    return GitFailure(.network, "cannot fetch from '\(place)': \(text)", remedy: "check the URL and the network")
}

/// Whether an error means broken objects rather than a broken connection.
func isDamage(_ error: GitError) -> Bool {
    [
        GIT_ERROR_ODB, GIT_ERROR_REPOSITORY, GIT_ERROR_CONFIG, GIT_ERROR_INDEXER, GIT_ERROR_ZLIB, GIT_ERROR_OBJECT,
        GIT_ERROR_REFERENCE, GIT_ERROR_NOMEMORY,
        GIT_ERROR_SHA,
    ]
    .contains(where: error.comes)
}

extension String {
    fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
