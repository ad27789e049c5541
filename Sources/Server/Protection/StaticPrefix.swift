import HTTPTypes
import Hummingbird

/// The path below which a server answers when it stands behind a proxy together with other things (`--static-prefix`).
///
/// It is taken off before anything else looks at a request, so that routes, checks and logs know nothing of it.
package struct StaticPrefix: Sendable, Hashable {
    /// Begins with `/` and does not end with one.
    package let path: String

    /// Nil for a text that is no prefix.
    package init?(_ path: String) {
        let isPlain = path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !#"{}?#%\"#.utf8.contains($0) }
        guard path.hasPrefix("/"), !path.hasSuffix("/"), !path.contains("//"), isPlain else { return nil }
        guard !path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else { return nil }
        self.path = path
    }

    /// What MLflow serves without the prefix too, since its clients ask for it that way.
    private static let unprefixed = [
        "/api/2.0/mlflow-artifacts/artifacts", "/ajax-api/2.0/mlflow-artifacts/artifacts",
    ]

    /// The request as it is without the prefix; nil when it is for somebody else.
    func remove(from request: Request) -> Request? {
        let target = request.head.path ?? ""
        if target.hasPrefix(path) {
            let rest = target.dropFirst(path.count)
            switch rest.first {
            case "/": return request.withTarget(String(rest))
            case nil, "?": return request.withTarget("/" + rest)
            default: break
            }
        }
        return Self.unprefixed.contains(where: target.hasPrefix) ? request : nil
    }
}

extension Request {
    fileprivate func withTarget(_ target: String) -> Request {
        var head = head
        head.path = target
        return Request(head: head, body: body)
    }
}
