import Files
import NIOCore
import NIOHTTP1
import SystemPackage

/// Amazon's Security Token Service: takes a role and hands out keys for an hour.
struct SecurityTokenService: Sendable {
    private let environment: [String: String]
    private let http: OutgoingHTTP
    private let region: String

    init(environment: [String: String], http: OutgoingHTTP, region: String? = nil) {
        self.environment = environment
        self.http = http
        let names = ["AWS_DEFAULT_REGION", "AWS_REGION"]
        self.region = names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? region ?? "us-east-1"
    }

    /// Takes a role with a token that someone else (Kubernetes, a CI system) wrote to a file.
    func assumeRole(_ arn: String, sessionName: String?, tokenFile: String) async throws -> AWSCredentials {
        let token = String(decoding: try readFile(FilePath(tokenFile), limit: 65_536), as: UTF8.self)
        return try await call(
            [
                ("Action", "AssumeRoleWithWebIdentity"), ("RoleArn", arn),
                ("RoleSessionName", sessionName ?? "swiftflow"), ("Version", "2011-06-15"),
                ("WebIdentityToken", String(token[...].trimmingBlanksAndNewlines)),
            ], role: arn, signedBy: nil)
    }

    /// Takes a role with other credentials.
    func assumeRole(
        _ arn: String, sessionName: String?, externalID: String?, as source: AWSCredentials
    ) async throws -> AWSCredentials {
        var form = [
            ("Action", "AssumeRole"), ("RoleArn", arn), ("RoleSessionName", sessionName ?? "swiftflow"),
            ("Version", "2011-06-15"),
        ]
        if let externalID { form.append(("ExternalId", externalID)) }
        return try await call(form, role: arn, signedBy: source)
    }

    private func call(
        _ form: [(String, String)], role: String, signedBy source: AWSCredentials?
    ) async throws -> AWSCredentials {
        let standard = "https://sts.\(region).amazonaws.com\(region.hasPrefix("cn-") ? ".cn" : "")"
        let endpoints = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"]
        let url = try HTTPURL(endpoints.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? standard)
        let body = form.map { "\(percentEncoded($0.0))=\(percentEncoded($0.1))" }.joined(separator: "&")
        var headers = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
        if let source {
            let request = SignatureV4.Request(
                method: "POST", host: url.authority, path: url.path, headers: headers.map { (name: $0.0, value: $0.1) },
                payload: .bytes(Array(body.utf8)))
            headers += SignatureV4(credentials: source, region: region, service: "sts")
                .headers(for: request, at: .now()).map { ($0.name, $0.value) }
        }
        let response = try await http.send(
            OutgoingRequest(
                .POST, url, headers: HTTPHeaders(headers), body: .bytes(ByteBuffer(string: body)),
                tls: .general(environment: environment)))
        let answer = try await response.collectedBody(limit: 1 << 20, from: url)
        guard response.status == .ok else {
            let message = (try? XMLElement(parsing: answer))?.first("Error")?.text(of: "Message")
            throw ArtifactError(
                .denied,
                "the AWS role '\(role)' was not given by \(url.origin): \(message ?? "status \(response.status.code)")",
                remedy: "check the role's trust policy and the credentials used to take it")
        }
        guard let keys = try XMLElement(parsing: answer).descendant("Credentials"),
            let id = keys.text(of: "AccessKeyId"), let secret = keys.text(of: "SecretAccessKey"),
            let token = keys.text(of: "SessionToken")
        else { throw ArtifactError(.untrustedAnswer, "the answer of \(url.origin) has no credentials") }
        return AWSCredentials(
            accessKeyID: id, secretAccessKey: secret, sessionToken: token,
            expiry: keys.text(of: "Expiration").flatMap(UTCTime.init(iso8601:)))
    }
}

extension Substring {
    var trimmingBlanksAndNewlines: Substring {
        var trimmed = drop(while: \.isWhitespace)
        while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
        return trimmed
    }
}
