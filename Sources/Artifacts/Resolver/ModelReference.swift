import Diagnostics
import Files

/// Which model of the registry, or which logged model, a `models:` URI means.
package enum ModelReference: Sendable, Hashable {
    case version(name: String, version: String)
    case stage(name: String, stage: String)
    case alias(name: String, alias: String)
    case latest(name: String)
    case loggedModel(id: String)

    /// Reads `models:/name/3`, `/name/latest`, `/name/Production`, `/name@alias` or `/m-…`, each with a path below it.
    static func parse(_ uri: String) throws -> (ModelReference, RelativePath) {
        let rest = uri.dropFirst("models:".count)
        var parts = rest.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        while parts.last?.isEmpty == true { parts.removeLast() }
        guard rest.hasPrefix("/"), let name = parts.first, !name.isEmpty,
            !rest.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else {
            throw ArtifactError(
                .invalidAddress, "'\(redactedURL(uri))' does not name a model",
                remedy: "write models:/NAME/VERSION, models:/NAME@ALIAS or models:/MODEL_ID")
        }
        func path(_ names: ArraySlice<String>) throws -> RelativePath {
            names.isEmpty ? .root : try RelativePath(names.joined(separator: "/"))
        }
        if let at = name.lastIndex(of: "@") {
            let alias = String(name[name.index(after: at)...])
            guard !alias.isEmpty, at != name.startIndex else {
                throw ArtifactError(.invalidAddress, "'\(uri)' has an empty name or alias beside '@'")
            }
            return (.alias(name: String(name[..<at]), alias: alias), try path(parts.dropFirst()))
        }
        guard let suffix = parts.dropFirst().first, !isLoggedModel(name) else {
            return (.loggedModel(id: name), try path(parts.dropFirst()))
        }
        let below = try path(parts.dropFirst(2))
        if suffix.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return (.version(name: name, version: suffix), below)
        }
        return (suffix.lowercased() == "latest" ? .latest(name: name) : .stage(name: name, stage: suffix), below)
    }

    /// `m-` and 32 hexadecimal digits.
    private static func isLoggedModel(_ name: String) -> Bool {
        name.hasPrefix("m-") && name.utf8.count == 34
            && name.utf8.dropFirst(2).allSatisfy { hexadecimalDigit($0) != nil }
    }
}
