import Artifacts
import HTTPTypes
import Hummingbird
import NIOCore

/// The answer that carries one artifact: an attachment, never something a browser runs or renders (row A-25).
struct ArtifactAnswer {
    let artifact: any OpenArtifact

    func response(to request: Request) -> Response {
        var headers: HTTPFields = [
            .contentType: Self.contentType(of: artifact.name),
            .contentDisposition: Self.disposition(of: artifact.name),
            .acceptRanges: "bytes",
        ]
        switch ByteRange(request.headers[.range], size: artifact.size) {
        case .whole:
            return Response(status: .ok, headers: headers, body: body(0..<artifact.size))
        case .part(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(artifact.size)"
            return Response(status: .partialContent, headers: headers, body: body(range))
        case .unsatisfiable:
            return Response(
                status: .rangeNotSatisfiable, headers: [.contentRange: "bytes */\(artifact.size)"],
                body: ResponseBody())
        }
    }

    private func body(_ range: Range<Int64>) -> ResponseBody {
        let artifact = artifact
        return ResponseBody(contentLength: range.count) { writer in
            var missing = range.count
            for try await piece in try await artifact.content(range) {
                missing -= piece.readableBytes
                guard missing >= 0 else { break }
                try await writer.write(piece)
            }
            // The file has another length meanwhile: the connection ends here, so that the client notices.
            guard missing == 0 else { throw ArtifactChanged() }
            try await writer.finish(nil)
        }
    }

    // MARK: Headers

    /// Names in ASCII are given as they are but for quotes and the like; others also in the form for all of Unicode.
    static func disposition(of name: String) -> String {
        let ascii = name.unicodeScalars.map { scalar in
            scalar.isASCII && scalar.value >= 0x20 && scalar.value < 0x7F && scalar != "\"" && scalar != "\\"
                ? String(scalar) : "_"
        }.joined()
        let plain = "attachment; filename=\"\(ascii)\""
        guard ascii != name else { return plain }
        let encoded = name.utf8.map { byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "-._~".utf8.contains(byte)
            if isPlain { return String(Unicode.Scalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
        }.joined()
        return "\(plain); filename*=UTF-8''\(encoded)"
    }

    static func contentType(of name: String) -> String {
        let suffix = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
        if textNames.contains(name) || textSuffixes.contains(suffix) { return "text/plain; charset=utf-8" }
        return types[suffix] ?? "application/octet-stream"
    }

    private static let textNames: Set<String> = ["MLmodel", "MLproject"]
    private static let textSuffixes: Set<String> = [
        "txt", "log", "err", "cfg", "conf", "cnf", "cf", "ini", "properties", "prop", "hocon", "toml", "yaml", "yml",
        "xml", "json", "js", "py", "py3", "csv", "tsv", "md", "rst",
    ]
    private static let types: [String: String] = [
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml",
        "webp": "image/webp", "bmp": "image/bmp", "html": "text/html", "htm": "text/html", "css": "text/css",
        "pdf": "application/pdf", "zip": "application/zip", "gz": "application/gzip", "tar": "application/x-tar",
        "mp4": "video/mp4", "webm": "video/webm", "mp3": "audio/mpeg", "wav": "audio/x-wav",
    ]
}

/// What was announced to the client is not there any more.
struct ArtifactChanged: Error {}
