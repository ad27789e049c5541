import Diagnostics
import Files
import SystemPackage

/// The text of an artifact's URI, with its scheme recognised.
struct ArtifactURI: Sendable, Hashable {
    enum Scheme: Sendable, Hashable {
        case local, web, proxy, s3, r2, b2, runs, models
        case tool(String)
    }

    let text: String
    let scheme: Scheme

    static let toolSchemes = ["gs", "wasbs", "wasb", "abfss", "abfs", "sftp", "ftp", "ftps", "dbfs", "hdfs", "viewfs"]
    static let knownSchemes =
        ["file", "http", "https", "mlflow-artifacts", "s3", "r2", "b2", "runs", "models"] + toolSchemes

    /// - Throws: `unsupportedScheme`, listing the known ones.
    init(_ text: String) throws(ArtifactError) {
        guard !text.isEmpty else {
            throw ArtifactError(
                .invalidAddress, "an empty text names no artifact", remedy: "give a local path or a URI")
        }
        guard text.utf8.count <= 16_384, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw ArtifactError(
                .invalidAddress,
                "'\(redactedURL(String(text.prefix(100))))' is no URI: it is too long or has control characters")
        }
        self.text = text
        guard let name = Self.schemeName(of: text) else {
            scheme = .local
            return
        }
        switch name {
        case "file": scheme = .local
        case "http", "https": scheme = .web
        case "mlflow-artifacts": scheme = .proxy
        case "s3", "s3a": scheme = .s3
        case "r2": scheme = .r2
        case "b2": scheme = .b2
        case "runs": scheme = .runs
        case "models": scheme = .models
        case _ where Self.toolSchemes.contains(name): scheme = .tool(name)
        default:
            throw ArtifactError(
                .unsupportedScheme, "'\(redactedURL(text))' has the unknown scheme '\(name)'",
                remedy: suggestion(for: name, among: Self.knownSchemes, kind: "schemes").map {
                    "\($0) (known: \(Self.knownSchemes.joined(separator: ", ")))"
                })
        }
    }

    /// The letters before the first colon, if they are a scheme: at least two, so that `C:` is none.
    static func schemeName(of text: String) -> String? {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let name = text[..<colon]
        let isScheme = name.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                || [0x2B, 0x2D, 0x2E].contains($0)
        }
        guard isScheme, name.utf8.count >= 2, name.first?.isLetter == true else { return nil }
        return name.lowercased()
    }

    /// A web address that is a tracking server's artifact route, not a file.
    var isProxyRoute: Bool { scheme == .web && text.contains("/mlflow-artifacts/artifacts") }

    /// The folder a local URI means: a plain path as it is, a `file:` URI with its escapes decoded once.
    func localPath(relativeTo folder: FilePath) throws(ArtifactError) -> FilePath {
        var path = text
        if Self.schemeName(of: text) == "file" {
            var rest = text[text.index(after: text.firstIndex(of: ":") ?? text.startIndex)...]
            if rest.hasPrefix("//") {
                rest = rest.dropFirst(2)
                let host = rest.prefix { $0 != "/" }
                guard host.isEmpty || host.lowercased() == "localhost" || host == "127.0.0.1" else {
                    throw ArtifactError(
                        .unsupportedScheme, "'\(text)' names a file on the host '\(host)'",
                        remedy: "mount it, and write file:///PATH; or serve it over http, sftp or s3")
                }
                rest = rest.dropFirst(host.count)
            }
            guard let decoded = Files.percentDecoded(String(rest.prefix { $0 != "?" && $0 != "#" })),
                !decoded.utf8.contains(0), !decoded.isEmpty
            else {
                throw ArtifactError(.invalidAddress, "'\(text)' has a broken '%' escape, or names no path")
            }
            path = decoded
        }
        let local = FilePath(path)
        return (local.isAbsolute ? local : folder.pushing(local)).lexicallyNormalized()
    }

    /// The URI of the folder around, and the last name; `nil` for a root.
    func splitLastComponent() throws -> (ArtifactURI, RelativePath)? {
        var trimmed = text[...]
        while trimmed.hasSuffix("/") { trimmed.removeLast() }
        let start: Substring.Index
        if let authority = trimmed.firstRange(of: "://") {
            start = trimmed[authority.upperBound...].firstIndex(of: "/") ?? trimmed.endIndex
            // `file://name` and `s3://bucket` end with the host.
            if start == trimmed.endIndex { return nil }
        } else {
            start = trimmed.startIndex
        }
        let afterScheme = Self.schemeName(of: text) == nil ? nil : trimmed.firstIndex(of: ":")
        guard let cut = trimmed[start...].lastIndex(of: "/") ?? afterScheme,
            trimmed.index(after: cut) < trimmed.endIndex
        else {
            guard scheme == .local, !trimmed.isEmpty else { return nil }
            return (try ArtifactURI("."), try RelativePath(String(trimmed)))
        }
        let name = String(trimmed[trimmed.index(after: cut)...])
        let isEncoded = scheme == .proxy || isProxyRoute || (scheme == .local && Self.schemeName(of: text) == "file")
        let path = try isEncoded ? RelativePath(percentEncoded: name) : RelativePath(name)
        guard path.components.count == 1 else {
            throw ArtifactError(.invalidAddress, "'\(name)' in '\(redactedURL(text))' is not one name")
        }
        return (try ArtifactURI(String(trimmed[...cut])), path)
    }

    /// The URI of something below this one.
    func appending(_ path: RelativePath) throws(ArtifactError) -> ArtifactURI {
        guard !path.isRoot else { return self }
        let isEncoded = scheme == .proxy || scheme == .web || (scheme == .local && Self.schemeName(of: text) == "file")
        let names = isEncoded ? path.components.map { percentEncoded($0) } : path.components
        return try ArtifactURI((text.hasSuffix("/") ? text : text + "/") + names.joined(separator: "/"))
    }

    /// The run and the path of `runs:/ID/path`.
    func runReference() throws -> (String, RelativePath) {
        let rest = text.dropFirst("runs:".count)
        let parts = rest.drop { $0 == "/" }.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let runID = String(parts.first ?? "")
        guard !rest.hasPrefix("//"), (1...64).contains(runID.utf8.count),
            runID.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0)
                    || $0 == 0x2D || $0 == 0x5F
            })
        else {
            throw ArtifactError(
                .invalidAddress, "'\(text)' does not name the artifact of a run", remedy: "write runs:/RUN_ID/PATH")
        }
        let path = String(parts.dropFirst().first ?? "")
        return (runID, try path.isEmpty ? .root : RelativePath(path))
    }

    /// Bucket, key and host of `r2://bucket@host/path` and `b2://bucket@host/path`.
    func bucketAndEndpoint() throws(ArtifactError) -> (S3Address, HTTPURL) {
        let rest = text.drop { $0 != "/" }.drop { $0 == "/" }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let parts = rest[..<slash].split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw ArtifactError(
                .invalidAddress, "'\(text)' does not name a bucket and a host",
                remedy: "write it as r2://BUCKET@HOST/PATH")
        }
        return (
            try S3Address(bucket: String(parts[0]), prefix: String(rest[slash...])), try HTTPURL("https://\(parts[1])")
        )
    }
}
