import Files
import FoundationEssentials
import Synchronization

/// How S3 is spoken to: endpoint, region, address style, encryption of connections, who we are.
///
/// Made once from the environment and the shared profile files; nothing is asked over the network before the first request.
package final class S3Settings: Sendable {
    let environment: [String: String]
    let http: OutgoingHTTP
    let credentials: AWSCredentialChain
    let tls: TLSOptions
    /// Where requests go instead of Amazon.
    let endpoint: HTTPURL?
    /// The bucket stands in the path, not in the host name.
    let usesPathStyle: Bool
    /// Sent with every upload, from `MLFLOW_S3_UPLOAD_EXTRA_ARGS`.
    let uploadHeaders: [(name: String, value: String)]
    let expectedBucketOwner: String?
    private let standardRegion: String
    /// Where buckets turned out to be.
    private let regions = Mutex<[String: String]>([:])

    /// - Parameter endpoint: overrides what the environment says, for `r2:` and `b2:`.
    /// - Throws: for an endpoint that is no address, for unreadable profile files, for unknown extra arguments.
    package init(environment: [String: String], http: OutgoingHTTP, endpoint: HTTPURL? = nil) throws {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        self.environment = environment
        self.http = http
        credentials = AWSCredentialChain(environment: environment, http: http)
        let profiles = try AWSProfiles(environment: environment)
        let profile = (try? profiles.profile(profiles.selected)) ?? [:]

        var tls = TLSOptions.general(environment: environment)
        tls.verifiesServer = !isTrue(value("MLFLOW_S3_IGNORE_TLS"))
        tls.authorities = value("AWS_CA_BUNDLE") ?? profile["ca_bundle"] ?? tls.authorities
        self.tls = tls

        let endpointText =
            value("MLFLOW_S3_ENDPOINT_URL") ?? value("AWS_ENDPOINT_URL_S3") ?? value("AWS_ENDPOINT_URL")
            ?? profile["endpoint_url"]
        self.endpoint = try endpoint ?? endpointText.map { text in try HTTPURL(text) }
        let style = value("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE") ?? profile["s3.addressing_style"] ?? "auto"
        guard ["auto", "path", "virtual"].contains(style) else {
            throw ArtifactError(
                .invalidAddress, "the S3 address style '\(style)' is unknown", remedy: "use auto, path or virtual")
        }
        usesPathStyle = style == "path" || (style == "auto" && self.endpoint != nil)
        standardRegion = value("AWS_DEFAULT_REGION") ?? value("AWS_REGION") ?? profile["region"] ?? "us-east-1"
        expectedBucketOwner = value("MLFLOW_S3_EXPECTED_BUCKET_OWNER")
        uploadHeaders = try value("MLFLOW_S3_UPLOAD_EXTRA_ARGS").map(Self.uploadHeaders) ?? []
    }

    func region(of bucket: String) -> String { regions.withLock { $0[bucket] } ?? standardRegion }

    func learned(region: String, of bucket: String) {
        regions.withLock { $0[bucket] = region }
    }

    private static func uploadHeaders(_ text: String) throws -> [(name: String, value: String)] {
        let known = [
            "ACL": "x-amz-acl", "CacheControl": "Cache-Control", "ContentDisposition": "Content-Disposition",
            "ContentEncoding": "Content-Encoding", "ContentLanguage": "Content-Language",
            "ContentType": "Content-Type", "ExpectedBucketOwner": "x-amz-expected-bucket-owner",
            "GrantFullControl": "x-amz-grant-full-control", "GrantRead": "x-amz-grant-read",
            "RequestPayer": "x-amz-request-payer", "SSEKMSEncryptionContext": "x-amz-server-side-encryption-context",
            "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
            "ServerSideEncryption": "x-amz-server-side-encryption", "StorageClass": "x-amz-storage-class",
            "Tagging": "x-amz-tagging",
        ]
        guard text.utf8.count <= 65_536,
            let values = try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))
        else {
            throw ArtifactError(
                .invalidAddress, "MLFLOW_S3_UPLOAD_EXTRA_ARGS is not a JSON object of texts",
                remedy: #"write it as {"ServerSideEncryption": "aws:kms"}"#)
        }
        return try values.sorted { $0.key < $1.key }.map { name, value in
            guard let header = known[name] else {
                throw ArtifactError(
                    .invalidAddress, "MLFLOW_S3_UPLOAD_EXTRA_ARGS has the unknown argument '\(name)'",
                    remedy: "known: \(known.keys.sorted().joined(separator: ", "))")
            }
            return (header, value)
        }
    }
}

/// A bucket and the beginning that all keys of a repository share.
struct S3Address: Sendable, Hashable {
    var bucket: String
    /// Without a slash at its ends; empty for the whole bucket.
    var prefix: String

    /// Reads `s3://bucket/prefix`; keys are taken as they are, not percent-decoded.
    init(_ uri: String) throws(ArtifactError) {
        guard let start = uri.firstRange(of: "://") else {
            throw ArtifactError(.invalidAddress, "'\(uri)' names no bucket", remedy: "write s3://BUCKET/PATH")
        }
        let rest = uri[start.upperBound...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        try self.init(bucket: String(rest[..<slash]), prefix: String(rest[slash...]))
    }

    init(bucket: String, prefix: String) throws(ArtifactError) {
        let isPlain = bucket.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || [0x2D, 0x2E, 0x5F].contains($0)
        }
        guard isPlain, (3...255).contains(bucket.utf8.count), !bucket.hasPrefix("."), !bucket.hasPrefix("-"),
            !bucket.contains("..")
        else {
            throw ArtifactError(
                .invalidAddress, "'\(bucket)' is not the name of an S3 bucket",
                remedy: "bucket names have 3 to 63 letters, digits, dots and hyphens")
        }
        guard prefix.utf8.count <= 1_024, !prefix.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }),
            !prefix.split(separator: "/").contains(where: { $0 == "." || $0 == ".." })
        else {
            throw ArtifactError(
                .invalidAddress, "the path in 's3://\(bucket)\(prefix.prefix(200))' cannot be used as a key",
                remedy: "use at most 1024 bytes, no control characters, no '.' or '..'")
        }
        self.bucket = bucket
        var trimmed = prefix[...]
        if trimmed.hasPrefix("/") { trimmed.removeFirst() }
        while trimmed.hasSuffix("/") { trimmed.removeLast() }
        self.prefix = String(trimmed)
    }

    var isDNSName: Bool {
        bucket.utf8.count <= 63
            && bucket.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
            }
    }
}
