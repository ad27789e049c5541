/// A URL without its secrets: userinfo is dropped, and token-like query values become `***`.
///
/// Other text is returned as it is.
///
/// The scp form `user@host:path` keeps its user, which is no secret and needed to reach the host.
package func redactedURL(_ text: String) -> String {
    guard let schemeEnd = text.firstRange(of: "://") else { return text }
    let scheme = text[..<schemeEnd.upperBound]
    var rest = text[schemeEnd.upperBound...]
    let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    if let at = rest[..<authorityEnd].lastIndex(of: "@") {
        let user = rest[..<at].prefix { $0 != ":" }
        let keepsUser = scheme.lowercased() == "ssh://" && !user.isEmpty
        rest = (keepsUser ? user + "@" : "") + rest[rest.index(after: at)...]
    }
    return scheme + redactedQuery(String(rest))
}

/// Redacts every URL inside a longer text, such as a tool's error message.
package func redactedText(_ text: String) -> String {
    guard text.contains("://") else { return text }
    return text.split(omittingEmptySubsequences: false) { $0 == " " || $0 == "\n" || $0 == "'" || $0 == "\"" }
        .reduce(into: (result: "", index: text.startIndex)) { state, piece in
            state.result += text[state.index..<piece.startIndex] + redactedURL(String(piece))
            state.index = piece.endIndex
        }.result
}

private let secretWords = ["token", "secret", "password", "passwd", "signature", "credential", "key", "sig", "auth"]

private func redactedQuery(_ text: String) -> String {
    guard let question = text.firstIndex(of: "?") else { return text }
    let fragment = text[question...].firstIndex(of: "#") ?? text.endIndex
    let query = text[text.index(after: question)..<fragment]
    let pairs = query.split(separator: "&", omittingEmptySubsequences: false).map { pair -> String in
        guard let equals = pair.firstIndex(of: "=") else { return String(pair) }
        let name = pair[..<equals].lowercased()
        return secretWords.contains(where: name.contains) ? "\(pair[..<equals])=***" : String(pair)
    }
    return text[...question] + pairs.joined(separator: "&") + text[fragment...]
}
