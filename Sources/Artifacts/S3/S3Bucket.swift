import Crypto
import Diagnostics
import NIOCore
import NIOHTTP1

/// Signed requests to one bucket.
struct S3Bucket: Sendable {
    let name: String
    let canBeHostName: Bool
    let settings: S3Settings

    init(_ address: S3Address, _ settings: S3Settings) {
        name = address.bucket
        canBeHostName = address.isDNSName
        self.settings = settings
    }

    struct Request: Sendable {
        var method: HTTPMethod
        /// The plain key; empty for the bucket itself.
        var key = ""
        var query: [(name: String, value: String)] = []
        var headers: [(name: String, value: String)] = []
        var body = Body.none
    }

    enum Body: Sendable {
        case none
        case bytes(ByteBuffer)
        /// A stream that can be made again for another attempt; the digest covers all of it.
        case stream(digest: String, length: Int64, @Sendable () -> ByteStream)
    }

    /// Sends a request and returns a successful answer, after at most one more attempt where the bucket's region or the
    /// credentials had changed.
    ///
    /// Passing failures are thrown as transient errors.
    ///
    /// - Parameter accepting: further statuses that are an answer and no error.
    func send(_ request: Request, accepting: Set<UInt> = []) async throws -> IncomingResponse {
        for isLastAttempt in [false, true] {
            let region = settings.region(of: name)
            let (url, response) = try await sendOnce(request, region: region)
            let code = response.status.code
            if (200..<300).contains(code) || accepting.contains(code) { return response }
            let failure = await S3Failure(response, url)
            if !isLastAttempt {
                if let actual = failure.region(from: response), actual != region {
                    settings.learned(region: actual, of: name)
                    continue
                }
                if ["ExpiredToken", "TokenRefreshRequired"].contains(failure.code) {
                    await settings.credentials.forget()
                    continue
                }
            }
            throw failure.error(key: request.key, bucket: name, response: response)
        }
        throw ArtifactError(.unreachable, "the bucket '\(name)' could not be reached in its region")
    }

    /// An address with which anybody can send this one request until it expires, and the headers that must go with it.
    func presigned(
        _ request: Request, seconds: Int
    ) async throws -> (url: String, headers: [(name: String, value: String)]) {
        let region = settings.region(of: name)
        var url = try url(of: request.key, region: region)
        var headers = request.headers
        if let owner = settings.expectedBucketOwner { headers.append(("x-amz-expected-bucket-owner", owner)) }
        let signer = SignatureV4(
            credentials: try await settings.credentials.credentials(), region: region, service: "s3")
        let query = signer.presignedQuery(
            for: .init(
                method: request.method.rawValue, host: url.authority, path: url.path, query: request.query,
                headers: headers), at: .now(), seconds: seconds)
        url.query = SignatureV4.canonicalQuery(query)
        return (url.text, headers)
    }

    /// The address of a key, on Amazon or at the endpoint.
    func url(of key: String, query: [(name: String, value: String)] = [], region: String) throws -> HTTPURL {
        var url: HTTPURL
        if let endpoint = settings.endpoint {
            url = endpoint
        } else {
            url = try HTTPURL("https://s3.\(region).amazonaws.com\(region.hasPrefix("cn-") ? ".cn" : "")")
        }
        url.userinfo = .none
        var path = url.path.hasSuffix("/") ? String(url.path.dropLast()) : url.path
        if settings.usesPathStyle || !canBeHostName {
            path += "/\(percentEncoded(name))"
        } else {
            url.host = "\(name).\(url.host)"
        }
        url.path = "\(path)/\(percentEncoded(key, alsoKept: "/"))"
        url.query = query.isEmpty ? nil : SignatureV4.canonicalQuery(query)
        return url
    }

    private func sendOnce(_ request: Request, region: String) async throws -> (HTTPURL, IncomingResponse) {
        let url = try url(of: request.key, query: request.query, region: region)
        var headers = request.headers
        if let owner = settings.expectedBucketOwner { headers.append(("x-amz-expected-bucket-owner", owner)) }
        let payload: SignatureV4.Payload
        let body: OutgoingRequest.Body
        switch request.body {
        case .none:
            payload = .empty
            body = .none
        case .bytes(let bytes):
            payload = .digest(bytes.digest())
            body = .bytes(bytes)
        case .stream(let digest, let length, let make):
            payload = .digest(digest)
            body = .stream(make(), length: length)
        }
        let signer = SignatureV4(
            credentials: try await settings.credentials.credentials(), region: region, service: "s3")
        headers += signer.headers(
            for: .init(
                method: request.method.rawValue, host: url.authority, path: url.path, query: request.query,
                headers: headers, payload: payload), at: .now())
        let response = try await settings.http.send(
            OutgoingRequest(
                request.method, url, headers: HTTPHeaders(headers.map { ($0.name, $0.value) }), body: body,
                tls: settings.tls))
        return (url, response)
    }
}

/// What S3 says when it refuses.
struct S3Failure: Sendable {
    var code: String
    private var message: String
    private var namedRegion: String?
    private var status: ArtifactError

    init(_ response: IncomingResponse, _ url: HTTPURL) async {
        let body = try? await response.collectedBody(limit: 1 << 20, from: url)
        let document = body.flatMap { try? XMLElement(parsing: $0) }
        code = document?.text(of: "Code") ?? ""
        message = document?.text(of: "Message") ?? ""
        namedRegion = document?.text(of: "Region")
        status = await statusFailure(response, url)
    }

    /// The region the bucket is in, if that is what was wrong.
    func region(from response: IncomingResponse) -> String? {
        guard [301, 307, 400, 403].contains(response.status.code) else { return nil }
        let region = response.headers.first(name: "x-amz-bucket-region") ?? namedRegion
        // It becomes part of a host name.
        return region.flatMap { text in
            text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
                && (5...40).contains(text.utf8.count) ? text : nil
        }
    }

    func error(key: String, bucket: String, response: IncomingResponse) -> ArtifactError {
        let place = key.isEmpty ? "the bucket '\(bucket)'" : "'s3://\(bucket)/\(key)'"
        let told = [code, message.prefix(300).description].filter { !$0.isEmpty }.joined(separator: ": ")
        switch code {
        case "NoSuchKey", "NoSuchUpload":
            return ArtifactError(.notFound, "\(place) does not exist", remedy: "check the path's spelling")
        case "NoSuchBucket": return ArtifactError(.notFound, "the bucket '\(bucket)' does not exist")
        case "RequestTimeTooSkewed":
            return ArtifactError(
                .denied, "\(place): this machine's clock is too far from the server's", remedy: "set the clock")
        case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
            "AuthorizationHeaderMalformed", "AllAccessDisabled":
            return ArtifactError(
                .denied, "\(place): \(told)", remedy: "check the credentials and what they may do with this bucket")
        case "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "Throttling", "OperationAborted":
            return ArtifactError(
                status.reason, "\(place): \(told)", isTransient: true, retryAfter: status.retryAfter)
        case "":
            return ArtifactError(
                status.reason, "\(place): \(status.diagnostics.first?.message ?? "")",
                remedy: status.diagnostics.first?.remedy, isTransient: status.isTransient,
                retryAfter: status.retryAfter)
        default: return ArtifactError(status.reason, "\(place): \(told)", isTransient: status.isTransient)
        }
    }
}
