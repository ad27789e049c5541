import NIOCore
import NIOHTTP1

// The calls of S3 by which an object is put together from parts.

extension S3ArtifactRepository {
    /// A part that S3 has taken.
    struct Part: Sendable, Hashable {
        var number: Int
        var tag: String
    }

    /// Begins an upload in parts; gives the name by which S3 knows it.
    func createUpload(_ key: String) async throws -> String {
        let url = try bucket.url(of: key, region: "region")
        let created = try await RetryPolicy.standard.run { _ in
            try await bucket.send(
                .init(method: .POST, key: key, query: [("uploads", "")], headers: bucket.settings.uploadHeaders)
            ).collectedBody(limit: 1 << 20, from: url)
        }
        guard let upload = try XMLElement(parsing: created).text(of: "UploadId"), !upload.isEmpty else {
            throw ArtifactError(.untrustedAnswer, "'\(location)' gave no number for an upload in parts")
        }
        return upload
    }

    /// Makes the object of its parts, which come in order; only now does it appear.
    func completeUpload(_ upload: String, of key: String, parts: [Part]) async throws {
        let url = try bucket.url(of: key, region: "region")
        let list = parts.map {
            "<Part><PartNumber>\($0.number)</PartNumber><ETag>\(xmlEscaped($0.tag))</ETag></Part>"
        }
        let document = "<CompleteMultipartUpload>\(list.joined())</CompleteMultipartUpload>"
        try await RetryPolicy.standard.run { _ in
            let answer = try await bucket.send(
                .init(
                    method: .POST, key: key, query: [("uploadId", upload)],
                    body: .bytes(ByteBuffer(string: document)))
            ).collectedBody(limit: 1 << 20, from: url)
            // The status is sent before the work is done; a failure comes in the body.
            if let error = try? XMLElement(parsing: answer), error.name == "Error" {
                let code = error.text(of: "Code") ?? "unknown"
                throw ArtifactError(
                    .status(500), "'s3://\(address.bucket)/\(key)' could not be put together: \(code)",
                    isTransient: ["InternalError", "SlowDown"].contains(code))
            }
        }
    }

    /// Gives up an upload; its parts are deleted.
    ///
    /// One that is not there any more is no error.
    func deleteUpload(_ upload: String, of key: String) async throws {
        try await RetryPolicy.standard.run { _ in
            _ = try await bucket.send(
                .init(method: .DELETE, key: key, query: [("uploadId", upload)]), accepting: [404])
        }
    }
}

private func xmlEscaped(_ text: String) -> String {
    text.reduce(into: "") { escaped, character in
        switch character {
        case "&": escaped += "&amp;"
        case "<": escaped += "&lt;"
        case ">": escaped += "&gt;"
        case "\"": escaped += "&quot;"
        default: escaped.append(character)
        }
    }
}
