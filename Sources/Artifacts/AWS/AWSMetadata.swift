import Files
import FoundationEssentials
import NIOHTTP1
import SystemPackage

// Credentials that the place we run in hands out: a container's agent, or an instance's metadata service (version 2 only).

extension AWSCredentialSources {
    /// ECS, EKS pod identity and the like.
    func fromContainer() async throws -> AWSCredentials? {
        let url: HTTPURL
        if let relative = value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            url = try HTTPURL("http://169.254.170.2\(relative.hasPrefix("/") ? "" : "/")\(relative)")
        } else if let full = value("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            url = try HTTPURL(full)
            // A secret over plain http only to this machine and the fixed addresses of the agents.
            let agents = ["localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]
            guard url.scheme == .https || agents.contains(url.host) || url.host.hasPrefix("127.") else {
                throw ArtifactError(
                    .invalidAddress, "AWS_CONTAINER_CREDENTIALS_FULL_URI names the host '\(url.host)' without TLS",
                    remedy: "use https, or an address of this machine")
            }
        } else {
            return nil
        }
        var headers = HTTPHeaders()
        if let file = value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            let token = String(decoding: try readFile(FilePath(file), limit: 65_536), as: UTF8.self)
            headers.add(name: "Authorization", value: String(token[...].trimmingBlanksAndNewlines))
        } else if let token = value("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            headers.add(name: "Authorization", value: token)
        }
        return try await withMetadataConnection { http in
            let body = try await Self.answer(of: OutgoingRequest(.GET, url, headers: headers), http)
            return try Self.credentials(in: body, from: url)
        }
    }

    /// The role of an EC2 instance; `nil` when there is no metadata service, or no role.
    func fromInstance() async throws -> AWSCredentials? {
        guard !isTrue(value("AWS_EC2_METADATA_DISABLED")) else { return nil }
        let isIPv6 = value("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")?.lowercased() == "ipv6"
        let standard = isIPv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254"
        let base = try HTTPURL(value("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? standard)
        return try await withMetadataConnection { http in
            let tokenURL = base.appending(["latest", "api", "token"])
            let lifetime: HTTPHeaders = ["X-aws-ec2-metadata-token-ttl-seconds": "21600"]
            guard let token = try? await Self.answer(of: OutgoingRequest(.PUT, tokenURL, headers: lifetime), http)
            else { return nil }
            let headers: HTTPHeaders = ["X-aws-ec2-metadata-token": String(decoding: token, as: UTF8.self)]
            let roles = base.appending(["latest", "meta-data", "iam", "security-credentials", ""])
            guard let names = try? await Self.answer(of: OutgoingRequest(.GET, roles, headers: headers), http),
                let name = String(decoding: names, as: UTF8.self).split(whereSeparator: \.isNewline).first
            else { return nil }
            let roleURL = base.appending(["latest", "meta-data", "iam", "security-credentials", String(name)])
            let body = try await Self.answer(of: OutgoingRequest(.GET, roleURL, headers: headers), http)
            return try Self.credentials(in: body, from: roleURL)
        }
    }

    /// A short-lived connection without proxies: these addresses mean this machine.
    private func withMetadataConnection<Result: Sendable>(
        _ body: (OutgoingHTTP) async throws -> Result
    ) async throws -> Result {
        var settings = OutgoingHTTP.Settings()
        settings.connectTimeout = metadataTimeout
        // Whoever took the connection is there, and may be busy.
        settings.stallTimeout = .seconds(10)
        let http = OutgoingHTTP(settings)
        do {
            let result = try await body(http)
            await http.shutdown()
            return result
        } catch {
            await http.shutdown()
            throw error
        }
    }

    private static func answer(of request: OutgoingRequest, _ http: OutgoingHTTP) async throws -> [UInt8] {
        let response = try await http.send(request)
        let body = try await response.collectedBody(limit: 65_536, from: request.url)
        guard response.status == .ok else {
            throw ArtifactError(
                .denied, "'\(request.url)' answered with status \(response.status.code) when asked for AWS credentials")
        }
        return body
    }

    private static func credentials(in body: [UInt8], from url: HTTPURL) throws -> AWSCredentials {
        struct Answer: Decodable {
            var AccessKeyId: String
            var SecretAccessKey: String
            var Token: String?
            var Expiration: String?
        }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(body)) else {
            throw ArtifactError(.untrustedAnswer, "'\(url)' did not answer with AWS credentials")
        }
        return AWSCredentials(
            accessKeyID: answer.AccessKeyId, secretAccessKey: answer.SecretAccessKey, sessionToken: answer.Token,
            expiry: answer.Expiration.flatMap(UTCTime.init(iso8601:)))
    }
}
