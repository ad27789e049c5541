import Diagnostics
import Files
import JSON
import Processes
import Synchronization
import SystemPackage

/// An image that lies on this engine.
package struct ImageFacts: Sendable, Hashable {
    /// `sha256:…` of its configuration: what MLflow records as `mlflow.docker.image.id`.
    package var id: String
    package var tags: [String]
    /// `repository@sha256:…` for every registry it was pulled from or pushed to.
    package var digests: [String]
    package var entryPoint: [String]
    package var user: String
    package var workingDirectory: String
}

extension ImageFacts {
    /// Reads an engine's description; nil when it is none.
    fileprivate init?(_ answer: JSONValue) {
        guard let id = answer["Id"]?.string else { return nil }
        let configuration = answer["Config"]
        self.init(
            id: id.contains(":") ? id : "sha256:\(id)", tags: answer["RepoTags"].texts,
            digests: answer["RepoDigests"].texts,
            entryPoint: configuration?["Entrypoint"].texts ?? [], user: configuration?["User"]?.string ?? "",
            workingDirectory: configuration?["WorkingDir"]?.string ?? "")
    }
}

extension ContainerClient {
    /// Sees lines of a long operation, for whoever shows its progress.
    package typealias Progress = @Sendable (String) -> Void

    /// The image under this name, or nil when the engine does not have it.
    ///
    /// - Throws: `ContainerError` within ten seconds when the engine does not answer (row K-01).
    package func image(_ reference: ImageReference) async throws -> ImageFacts? {
        try await image(named: reference.description)
    }

    private func image(named name: String) async throws -> ImageFacts? {
        // One that it does not have is the client's business again: asking it once more costs nothing beside the pull to come.
        if let answer = try await askSocket("/images/\(EngineSocket.encoded(name))/json"), answer.status == 200,
            let facts = answer.json.flatMap({ ImageFacts($0) })
        {
            return facts
        }
        let arguments = ["image", "inspect", "--format", "{{json .}}", name]
        let result = try await call(arguments, patience: patience)
        guard result.end.isSuccess else {
            let error = failure(result, kind: .refused, what: "image inspect")
            let isAbsent = error.kind == .imageMissing || result.lastLines.joined().contains("image not known")
            if isAbsent { return nil }
            throw error
        }
        guard let facts = try documents(result.output, arguments).first.flatMap({ ImageFacts($0) }) else {
            throw ContainerError(.engineUnsuitable, "the engine's description of the image '\(name)' has no id")
        }
        return facts
    }

    /// Brings the image here.
    ///
    /// - Throws: `ContainerError` of kind `pullFailed` with the registry's reason.
    package func pull(_ reference: ImageReference, progress: @escaping Progress = { _ in }) async throws -> ImageFacts {
        let lines = LineReceiver(progress)
        let result = try await call(["pull", reference.description], patience: nil, onOutput: lines.receive)
        guard result.end.isSuccess else {
            let error = failure(
                result, kind: .pullFailed, what: "pull \(reference)", registry: reference.loginAddress)
            guard error.kind == .pullFailed || error.kind == .imageMissing else { throw error }
            throw ContainerError(
                .pullFailed, "the image '\(reference)' could not be pulled: \(error.diagnostics.first?.message ?? "")",
                remedy: error.diagnostics.first?.remedy
                    ?? "see whether the name of the image is right, or build it first")
        }
        guard let image = try await image(reference) else {
            throw ContainerError(.pullFailed, "the image '\(reference)' is not there after it was pulled")
        }
        return image
    }

    /// Builds an image and gives it its name.
    ///
    /// The context's `.dockerignore` is honoured by the client. What the build prints goes to `progress` line by line.
    package func build(_ build: ImageBuild, progress: @escaping Progress = { _ in }) async throws -> ImageFacts {
        let scratch = try TemporaryDirectory(prefix: "swiftflow-image")
        let idFile = scratch.path.appending("id")
        var arguments = ["build", "--iidfile", idFile.string, "--tag", build.reference.description]
        switch build.recipe {
        case .project:
            try scratch.directory.writeFile(try RelativePath("Dockerfile"), Array((build.dockerfile ?? "").utf8))
            arguments += ["--file", scratch.path.appending("Dockerfile").string]
        case .dockerfile(let path):
            arguments += ["--file", path.string]
        }
        // Paths are absolute, so none can be read as an option.
        arguments.append(build.context.string)
        let lines = LineReceiver(progress)
        let result = try await call(arguments, patience: nil, onOutput: lines.receive)
        guard result.end.isSuccess, let id = try? readFile(idFile, limit: 256) else {
            let error = failure(result, kind: .buildFailed, what: "build", registry: build.base?.loginAddress)
            guard error.kind == .buildFailed else { throw error }
            throw ContainerError(
                .buildFailed,
                "the image '\(build.reference)' could not be built: \(error.diagnostics.first?.message ?? "")",
                remedy: error.diagnostics.first?.remedy)
        }
        let text = String(decoding: id, as: UTF8.self).filter { !$0.isWhitespace }
        guard let image = try await image(named: text) else {
            throw ContainerError(.buildFailed, "the image '\(text)' is not there after it was built")
        }
        return image
    }

    /// Gives an image one more name.
    package func tag(_ image: ImageFacts, as reference: ImageReference) async throws {
        let result = try await call(["image", "tag", image.id, reference.description], patience: patience)
        guard result.end.isSuccess else { throw failure(result, kind: .refused, what: "tag") }
    }

    /// Sends an image to its registry; logging in is the client's business.
    ///
    /// - Returns: the digest under which the registry keeps it, `sha256:…`.
    package func push(_ reference: ImageReference, progress: @escaping Progress = { _ in }) async throws -> String {
        let lines = LineReceiver(progress)
        // What Podman keeps, it may send in another form; Docker says in the image's own record what the registry has.
        let scratch = flavour == .podman ? try TemporaryDirectory(prefix: "swiftflow-push") : nil
        let digestFile = scratch?.path.appending("digest")
        let telling = digestFile.map { ["--digestfile", $0.string] } ?? []
        let result = try await call(
            ["push"] + telling + [reference.description], patience: nil, onOutput: lines.receive)
        guard result.end.isSuccess else {
            let error = failure(
                result, kind: .pushFailed, what: "push \(reference)", registry: reference.loginAddress)
            guard error.kind == .pushFailed else { throw error }
            throw ContainerError(
                .pushFailed, "the image '\(reference)' could not be pushed: \(error.diagnostics.first?.message ?? "")",
                remedy: error.diagnostics.first?.remedy ?? Self.loginRemedy(flavour, reference.loginAddress))
        }
        if let digestFile, let bytes = try? readFile(digestFile, limit: 256) {
            let digest = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
            if digest.hasPrefix("sha256:") { return digest }
        }
        // The image's own record of the push, which is the same for every client and language.
        let digests = try await image(reference)?.digests ?? []
        let prefix = reference.repository + "@"
        if let digest = digests.last(where: { $0.hasPrefix(prefix) }) { return String(digest.dropFirst(prefix.count)) }
        throw ContainerError(
            .pushFailed, "the registry has not said under which digest it keeps '\(reference)'",
            remedy: "see 'docker image inspect \(reference)'")
    }

    package func removeImage(_ reference: ImageReference) async throws {
        let result = try await call(["image", "rm", reference.description], patience: patience)
        guard result.end.isSuccess else { throw failure(result, kind: .refused, what: "image rm") }
    }
}

extension JSONValue? {
    /// The texts of a list; none when it is missing or null.
    fileprivate var texts: [String] { self?.array?.compactMap(\.string) ?? [] }
}

/// Makes lines of what a client writes; both streams, because builds and pulls tell their progress on either.
final class LineReceiver: Sendable {
    private let pending = Mutex<[OutputStream: [UInt8]]>([:])
    private let progress: ContainerClient.Progress

    init(_ progress: @escaping ContainerClient.Progress) {
        self.progress = progress
    }

    var receive: @Sendable (OutputStream, RawSpan) -> Void {
        { stream, bytes in self.append(bytes, from: stream) }
    }

    private func append(_ bytes: RawSpan, from stream: OutputStream) {
        let lines = pending.withLock { pending in
            var buffer = pending[stream] ?? []
            unsafe bytes.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
            var lines: [String] = []
            while let end = buffer.firstIndex(where: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
                if end > 0 { lines.append(String(decoding: buffer[..<end].prefix(4_096), as: UTF8.self)) }
                buffer.removeSubrange(...end)
            }
            // A line without an end must not grow for ever.
            if buffer.count > 65_536 { buffer = [] }
            pending[stream] = buffer
            return lines
        }
        lines.forEach(progress)
    }
}
