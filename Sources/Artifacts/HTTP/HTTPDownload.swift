import Files
import NIOCore
package import NIOHTTP1
package import SystemPackage

/// Gets one file from a web server, under the rules for answers that nobody vouches for.
///
/// At most five redirects, none from https to http, none to another scheme, and none to another host while credentials are
/// set; the body is stored as it comes and never decompressed; what breaks off is continued where the server can.
package struct HTTPDownload: Sendable {
    package var http: OutgoingHTTP
    package var tls: TLSOptions
    package var maximumRedirects = 5

    package init(http: OutgoingHTTP, tls: TLSOptions = .standard) {
        self.http = http
        self.tls = tls
    }

    /// An answer, and the address that gave it after all redirects.
    package struct Answer: Sendable {
        package var response: IncomingResponse
        package var url: HTTPURL
    }

    /// Asks with GET (or HEAD) and follows redirects; the answer's status may be any other.
    ///
    /// - Parameter credentials: sent to the origin of `url` only. Without any, name and password of the URL itself are used.
    package func answer(
        _ url: HTTPURL, method: HTTPMethod = .GET, headers: HTTPHeaders = [:], credentials: HTTPCredentials = .none
    ) async throws -> Answer {
        let credentials = credentials == .none ? url.userinfo : credentials
        var current = url
        var visited: Set<HTTPURL> = []
        while true {
            visited.insert(current)
            var headers = headers
            headers.replaceOrAdd(name: "Accept-Encoding", value: "identity")
            let response = try await http.send(
                OutgoingRequest(method, current, headers: headers, credentials: credentials, tls: tls))
            guard [301, 302, 303, 307, 308].contains(response.status.code) else {
                return Answer(response: response, url: current)
            }
            let next = try redirect(response, from: current, credentials: credentials)
            guard visited.count <= maximumRedirects else {
                throw ArtifactError(.untrustedAnswer, "'\(url)' redirects more than \(maximumRedirects) times")
            }
            guard !visited.contains(next) else {
                throw ArtifactError(.untrustedAnswer, "'\(url)' redirects in a circle, back to '\(next)'")
            }
            current = next
        }
    }

    private func redirect(
        _ response: IncomingResponse, from url: HTTPURL, credentials: HTTPCredentials
    ) throws -> HTTPURL {
        func refused(_ target: String, _ why: String, remedy: String? = nil) -> ArtifactError {
            ArtifactError(.untrustedAnswer, "'\(url)' redirects to '\(target)', \(why)", remedy: remedy)
        }
        guard let location = response.headers.first(name: "Location") else {
            throw ArtifactError(.untrustedAnswer, "'\(url)' redirects without saying where to")
        }
        var next: HTTPURL
        do { next = try url.resolving(location) } catch {
            throw refused(String(location.prefix(200)), "which is no http or https address; it is not followed")
        }
        guard !(url.scheme == .https && next.scheme == .http) else {
            throw refused(next.description, "from https to http; it is not followed")
        }
        guard credentials == .none || next.origin == url.origin else {
            throw refused(
                next.description, "another host than '\(url.origin)' that the credentials are for; they are not sent",
                remedy: "if you trust \(next.origin), give its address directly")
        }
        // Whoever redirects does not get to choose a name and password.
        next.userinfo = .none
        return next
    }

    /// Brings the file into `target`, with retries.
    func fetch(
        _ url: HTTPURL, headers: HTTPHeaders = [:], credentials: HTTPCredentials, to target: PartialFile,
        _ transfer: Transfer
    ) async throws {
        try await ResumableTransfer(transfer: transfer, name: "'\(url)'") { offset, version in
            try await source(url, headers: headers, credentials: credentials, from: offset, version: version)
        }.run(to: target)
    }

    private func source(
        _ url: HTTPURL, headers: HTTPHeaders, credentials: HTTPCredentials, from offset: Int64, version: String?
    ) async throws -> ResumableTransfer.Source {
        var headers = headers
        if offset > 0, let version {
            headers.add(name: "Range", value: "bytes=\(offset)-")
            headers.add(name: "If-Range", value: version)
        }
        let answer = try await answer(url, headers: headers, credentials: credentials)
        return try await Self.source(of: answer.response, from: url, offset: offset)
    }

    /// Reads where the body of a 200 or 206 belongs.
    static func source(
        of response: IncomingResponse, from url: HTTPURL, offset: Int64
    ) async throws -> ResumableTransfer.Source {
        // A weak tag, or a date, does not prove that bytes are the same.
        let tag = response.headers.first(name: "ETag").flatMap { $0.hasPrefix("\"") ? $0 : nil }
        let version = response.headers.first(name: "Accept-Ranges") == "none" ? nil : tag
        switch response.status.code {
        case 206:
            guard let part = ContentRange(response.headers.first(name: "Content-Range") ?? "") else {
                throw ArtifactError(.untrustedAnswer, "'\(url)' answers a part of the file without saying which")
            }
            return .init(body: response.body, offset: part.range.lowerBound, totalSize: part.total, version: version)
        case 200, 203:
            return .init(body: response.body, offset: 0, totalSize: response.contentLength, version: version)
        default:
            throw await statusFailure(response, url)
        }
    }
}

/// The header of a partial answer, such as `bytes 0-99/1000`.
struct ContentRange: Sendable, Hashable {
    var range: Range<Int64>
    var total: Int64?

    init?(_ text: String) {
        guard text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        let ends = (parts.first ?? "").split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, ends.count == 2, let first = Int64(ends[0]), let last = Int64(ends[1]),
            first >= 0, last >= first, last < .max
        else { return nil }
        total = Int64(parts[1])
        if let total, total <= last { return nil }
        range = first..<(last + 1)
    }
}

/// The error that a status means, with the server's own words when they are short and plain.
func statusFailure(_ response: IncomingResponse, _ url: HTTPURL) async -> ArtifactError {
    let code = Int(response.status.code)
    let phrase = response.status.reasonPhrase
    let retryAfter = response.headers.first(name: "Retry-After").flatMap { UInt32($0) }.map {
        Duration.seconds(Int($0))
    }
    let status = "'\(url)' answered with status \(code)\(phrase.isEmpty ? "" : " (\(phrase.prefix(80)))")"
    switch code {
    case 401, 403:
        return ArtifactError(
            .denied, status, remedy: "give credentials, or check that those you gave may read it")
    case 404, 410: return ArtifactError(.notFound, status, remedy: "check the address")
    case 408, 425, 429, 500, 502, 503, 504:
        return ArtifactError(.status(code), status, isTransient: true, retryAfter: retryAfter)
    default: return ArtifactError(.status(code), status)
    }
}

/// Downloads one file from the web; nothing is under its final name until it is whole and durable.
///
/// - Parameters:
///   - url: http or https; a name and password in it are used, and never shown.
///   - path: the file to write; its folder must exist.
///   - credentials: sent to the origin of `url` only; any redirect to another is then refused.
/// - Throws: `ArtifactError` naming the address, after at most three retries.
package func downloadFile(
    _ url: String, to path: FilePath, limits: TransferLimits = .standard, credentials: HTTPCredentials = .none,
    retries: RetryPolicy = .standard, http: OutgoingHTTP, tls: TLSOptions = .standard,
    onProgress: (@Sendable (TransferProgress) -> Void)? = nil
) async throws {
    let address = try HTTPURL(url)
    guard let name = path.lastComponent?.string else {
        throw ArtifactError(.invalidAddress, "'\(path)' does not name a file to write")
    }
    let target = try RelativePath(name)
    let parent = path.removingLastComponent()
    let folder = try await onBlockingThread { try Directory(opening: parent.isEmpty ? "." : parent) }
    let file = try await PartialFile(at: target, in: folder, limits: limits)
    let transfer = Transfer(limits: limits, retries: retries, onProgress: onProgress)
    try await HTTPDownload(http: http, tls: tls).fetch(address, credentials: credentials, to: file, transfer)
    try await file.commit()
}
