import Crypto

/// Signs requests as Amazon's services ask for: AWS Signature Version 4, in the `Authorization` header or in the address.
///
/// A pure function of its inputs; it is checked against vectors that botocore produced.
struct SignatureV4: Sendable {
    /// What the signature says about the body.
    enum Payload: Sendable {
        case bytes([UInt8])
        /// The body's SHA-256, lower-case hexadecimal.
        case digest(String)
        /// The body is not covered; only for bodies that TLS protects.
        case unsigned

        static var empty: Payload { .bytes([]) }

        var text: String {
            switch self {
            case .bytes(let bytes): hexadecimal(SHA256.hash(data: bytes))
            case .digest(let digest): digest
            case .unsigned: "UNSIGNED-PAYLOAD"
            }
        }
    }

    /// What is signed.
    ///
    /// `path` is percent-encoded as it goes over the wire, query names and values are plain text.
    struct Request: Sendable {
        var method: String
        var host: String
        var path: String
        var query: [(name: String, value: String)] = []
        var headers: [(name: String, value: String)] = []
        var payload: Payload = .empty
    }

    var credentials: AWSCredentials
    var region: String
    var service: String

    /// The headers to add to the request, in the order they are sent.
    func headers(for request: Request, at time: UTCTime) -> [(name: String, value: String)] {
        let payload = request.payload.text
        var added = [("X-Amz-Date", time.amazonTimestamp)]
        // Every service but S3 takes the digest from the body itself.
        if service == "s3" { added.append(("X-Amz-Content-SHA256", payload)) }
        if let token = credentials.sessionToken { added.append(("X-Amz-Security-Token", token)) }

        let (names, signature) = sign(
            request, query: request.query, headers: request.headers + added, payload: payload, at: time)
        added.append(
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope(at: time)), SignedHeaders=\(names), Signature=\(signature)"
            ))
        return added
    }

    /// The query of an address that lets whoever holds it send this one request until it expires; the body is not covered.
    ///
    /// The request's headers must be sent with it as they are.
    func presignedQuery(
        for request: Request, at time: UTCTime, seconds: Int
    ) -> [(name: String, value: String)] {
        let names = Self.canonicalHeaders(request.headers + [("Host", request.host)]).map(\.name)
        var query = request.query
        query += [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "\(credentials.accessKeyID)/\(scope(at: time))"),
            ("X-Amz-Date", time.amazonTimestamp), ("X-Amz-Expires", String(seconds)),
            ("X-Amz-SignedHeaders", names.joined(separator: ";")),
        ]
        if let token = credentials.sessionToken { query.append(("X-Amz-Security-Token", token)) }
        let (_, signature) = sign(
            request, query: query, headers: request.headers, payload: Payload.unsigned.text, at: time)
        query.append(("X-Amz-Signature", signature))
        return query
    }

    private func scope(at time: UTCTime) -> String { "\(time.amazonDate)/\(region)/\(service)/aws4_request" }

    private func sign(
        _ request: Request, query: [(name: String, value: String)], headers: [(name: String, value: String)],
        payload: String, at time: UTCTime
    ) -> (names: String, signature: String) {
        let signed = Self.canonicalHeaders(headers + [("Host", request.host)])
        let names = signed.map(\.name).joined(separator: ";")
        let canonical = [
            request.method, request.path.isEmpty ? "/" : request.path, Self.canonicalQuery(query),
            signed.map { "\($0.name):\($0.value)\n" }.joined(), names, payload,
        ].joined(separator: "\n")
        let toSign = [
            "AWS4-HMAC-SHA256", time.amazonTimestamp, scope(at: time),
            hexadecimal(SHA256.hash(data: Array(canonical.utf8))),
        ].joined(separator: "\n")
        let signature = hexadecimal(
            HMAC<SHA256>.authenticationCode(for: Array(toSign.utf8), using: signingKey(at: time)))
        return (names, signature)
    }

    private func signingKey(at time: UTCTime) -> SymmetricKey {
        var key = SymmetricKey(data: Array("AWS4\(credentials.secretAccessKey)".utf8))
        for part in [time.amazonDate, region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        return key
    }

    /// Lower-case names in order, with values trimmed and inner blanks collapsed; one line for each name.
    private static func canonicalHeaders(
        _ headers: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        var values: [String: [String]] = [:]
        // These may be changed or added on the way.
        for (name, value) in headers where !["connection", "user-agent", "expect"].contains(name.lowercased()) {
            values[name.lowercased(), default: []].append(
                value.split { $0 == " " || $0 == "\t" }.joined(separator: " "))
        }
        return values.map { ($0.key, $0.value.joined(separator: ",")) }.sorted { $0.0 < $1.0 }
    }

    /// The query as it is signed, and as it must go over the wire.
    static func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
        query.map { (percentEncoded($0.name), percentEncoded($0.value)) }
            .sorted { $0 < $1 }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }
}

/// Lower-case hexadecimal digits of bytes.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
}
