import Diagnostics
import Files
import SystemPackage

/// Turns the value of a `path` or `uri` parameter into what the command gets.
struct PathResolver {
    let parameter: String
    /// Where relative paths are looked up, in this order.
    let folders: [FilePath]

    /// A local path becomes absolute and must exist; anything with another scheme is to be downloaded.
    func path(_ value: String) throws(PathProblem) -> ResolvedParameter.Substitution {
        guard let scheme = uriScheme(of: value) else { return .text(try existing(value, value)) }
        if scheme == "file" { return .text(try existing(try localPath(ofFileURL: value), value)) }
        // A file name may contain a colon; a URI that goes on with '/' is never one.
        let isPlain = !value.dropFirst(scheme.count + 1).hasPrefix("/")
        if isPlain, let path = try? existing(value, value) { return .text(path) }
        return .download(uri: value)
    }

    /// A relative path becomes absolute, whether it exists or not; everything else stays as it is.
    func uri(_ value: String) -> String {
        guard uriScheme(of: value) == nil, !value.hasPrefix("/") else { return value }
        let candidates = folders.map { absolutePath(value, below: $0) }
        return (candidates.first { fileStatus($0) != nil } ?? candidates.first).map(\.string) ?? value
    }

    private func existing(_ text: String, _ value: String) throws(PathProblem) -> String {
        let candidates = folders.map { absolutePath(text, below: $0) }
        if let found = candidates.first(where: { fileStatus($0) != nil }) { return found.string }
        let isAbsolute = text.hasPrefix("/")
        let places = isAbsolute ? "" : " in " + folders.map { "'\($0)'" }.joined(separator: " or ")
        throw PathProblem(
            message: "parameter '\(parameter)': there is no file or folder '\(value)'\(places)",
            remedy: "check the path")
    }

    /// The path of `file:/…`, `file:///…` and `file://localhost/…`, percent-escapes decoded once.
    private func localPath(ofFileURL url: String) throws(PathProblem) -> String {
        var rest = url.dropFirst("file:".count)
        if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            let host = rest.prefix { $0 != "/" }
            guard host.isEmpty || host.lowercased() == "localhost" else {
                throw PathProblem(
                    message: "parameter '\(parameter)': '\(url)' names a file on another machine",
                    remedy: "copy it here, or give a URL it can be downloaded from")
            }
            rest = rest.dropFirst(host.count)
        }
        guard let path = percentDecoded(String(rest)), !path.isEmpty, !path.utf8.contains(0) else {
            throw PathProblem(
                message: "parameter '\(parameter)': '\(url)' is no file URL", remedy: "write 'file:///…'")
        }
        return path
    }
}

struct PathProblem: Error {
    var message: String
    var remedy: String
}

/// The lower-cased scheme a text begins with, by the rules of URIs; one letter counts too, as in MLflow.
package func uriScheme(of text: String) -> String? {
    guard let colon = text.firstIndex(of: ":") else { return nil }
    let scheme = text[..<colon].utf8
    guard let first = scheme.first, isASCIILetter(first),
        scheme.allSatisfy({ isASCIILetter($0) || (0x30...0x39).contains($0) || "+-.".utf8.contains($0) })
    else { return nil }
    return text[..<colon].lowercased()
}

private func isASCIILetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}
