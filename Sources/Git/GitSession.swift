import Diagnostics
import Files
import Processes
import SystemPackage

/// One call of `GitCache.checkout`: who may see which secrets, which login worked, and what is left of the limits.
struct GitSession {
    private let named: GitLocation
    private let cache: GitCache
    private let worker: GitWorkerProcess
    private let logins: LoginSource
    private let trusted: [GitLocation]
    private let progress: @Sendable (GitProgress) -> Void
    private let started = ContinuousClock.now
    /// What a credential helper answered, by the server's URL without path.
    private var answers: [String: GitLogin?] = [:]

    init(
        _ location: GitLocation, _ cache: GitCache, _ starter: any ProcessStarter,
        _ progress: @escaping @Sendable (GitProgress) -> Void
    ) throws(GitFailure) {
        named = location
        self.cache = cache
        self.progress = progress
        worker = GitWorkerProcess(starter: starter, environment: cache.environment)
        logins = LoginSource(environment: cache.environment, starter: starter)
        var trusted: [GitLocation] = []
        let list = cache.environment["SWIFTFLOW_GIT_TRUSTED_SERVERS"] ?? ""
        for server in list.split(whereSeparator: { $0 == "," || $0 == " " }) {
            trusted.append(try GitLocation("\(server)/x", relativeTo: "/"))
        }
        self.trusted = trusted
    }

    // MARK: Asking the worker

    /// Finds the commit of a version and brings it into the mirror.
    mutating func resolve(_ version: GitVersion?) async throws -> (commit: String, branch: String?) {
        let key = try noteMirror(of: named)
        let mirror = cache.mirror(key).string
        let events = try await ask(named) { origin in
            .resolve(GitResolution(mirror: mirror, origin: origin, version: version?.text))
        }
        for case .resolved(let commit, let branch) in events where isFullID(commit) { return (commit, branch) }
        throw GitFailure(.worker, "the git worker gave no commit for '\(named.url)'")
    }

    /// Writes a commit's files below `root`.
    mutating func write(_ commit: String, of location: GitLocation, root: FilePath, path: String, _ limits: GitLimits)
        async throws -> GitCheckoutSummary
    {
        let mirror = cache.mirror(try noteMirror(of: location)).string
        let events = try await ask(location, limits) { origin in
            .checkout(
                GitCheckoutOrder(
                    mirror: mirror, origin: origin, commit: commit, root: root.string, path: path,
                    shownURL: location.url))
        }
        for case .checkedOut(let summary) in events { return summary }
        throw GitFailure(.worker, "the git worker did not check out '\(location.url)'")
    }

    /// Runs one operation, and once more with a stored password if the server wants one.
    private mutating func ask(
        _ location: GitLocation, _ limits: GitLimits? = nil, _ operation: (GitOrigin) -> GitRequest.Operation
    ) async throws -> [GitEvent] {
        var limits = limits ?? cache.limits
        limits.total = max(.seconds(1), cache.limits.total - (ContinuousClock.now - started))
        let server = location.sibling(path: "/").url
        let login = (answers[server] ?? nil) ?? (location.isSameServer(as: named) ? logins.known(for: named) : nil)
        do {
            let origin = try origin(of: location, login: login)
            return try await run(GitRequest(operation(origin), limits: limits), location)
        } catch let failure as GitFailure
            where failure.kind == .authentication && mayShowSecrets(to: location) && answers[server] == nil
        {
            let stored = await logins.stored(for: location)
            answers[server] = .some(stored)
            try Task.checkCancellation()
            guard let stored, stored != login else { throw failure }
            let origin = try origin(of: location, login: stored)
            return try await run(GitRequest(operation(origin), limits: limits), location)
        }
    }

    /// Runs the worker; one that was ended by force leaves a half-made mirror, which is removed at once unless somebody else is at it.
    private func run(_ request: GitRequest, _ location: GitLocation) async throws -> [GitEvent] {
        do {
            return try await worker.run(request, progress: progress)
        } catch {
            let folder = cache.mirror(GitCache.key(of: location))
            if let lock = try? FileLock.attempt(folder.appending("lock")),
                let directory = try? Directory(opening: folder)
            {
                for entry in (try? directory.list()) ?? [] where entry.name.hasPrefix("new-") {
                    if let path = try? RelativePath(entry.name) { try? directory.remove(path) }
                }
                withExtendedLifetime(lock) {}
            }
            throw error
        }
    }

    private func origin(of location: GitLocation, login: GitLogin?) throws(GitFailure) -> GitOrigin {
        guard location.transport != .local else { return .folder(location.path) }
        var remote = GitRemote(
            url: location.url, scheme: location.transport.rawValue, host: location.host, port: location.port)
        remote.login = login
        remote.proxies = proxies(cache.environment)
        if location.transport == .https { remote.certificates = certificateFile(cache.environment) }
        if location.transport == .ssh {
            var shell = try secureShell(for: location, environment: cache.environment)
            if !mayShowSecrets(to: location) {
                shell.usesAgent = false
                shell.keyFiles = []
                shell.unusable = [
                    "keys are shown only to '\(named.host)'; to allow this server too, add 'ssh://\(location.host)' to SWIFTFLOW_GIT_TRUSTED_SERVERS"
                ]
            }
            remote.ssh = shell
        }
        return .remote(remote)
    }

    private func mayShowSecrets(to location: GitLocation) -> Bool {
        location.isSameServer(as: named) || trusted.contains { location.isSameServer(as: $0) }
    }

    private func noteMirror(of location: GitLocation) throws -> String {
        let key = GitCache.key(of: location)
        let folder = cache.mirror(key)
        if fileStatus(folder.appending("url")) == nil {
            try Directory(creating: folder).writeFile(RelativePath("url"), Array("\(location.url)\n".utf8))
        }
        return key
    }

    // MARK: Checkouts

    /// Takes a checkout of the commit for this call alone; writes it if there is none that is free and untouched.
    mutating func checkout(commit: String, branch: String?) async throws -> GitCheckout {
        let key = GitCache.key(of: named)
        let folder = cache.checkouts(key).appending(commit)
        let slot = try await CheckoutSlot.take(in: folder, cache: cache)
        if let manifest = try await offThePool({ slot.usableManifest() }) {
            return GitCheckout(
                directory: slot.source, commit: commit, branch: branch, url: named.url,
                warnings: manifest.warnings.map { Diagnostic(.warning, $0) }, isReused: true, lease: slot.lease)
        }
        let building = try await offThePool { try slot.startBuilding() }
        do {
            let source = slot.source(of: building)
            let warnings = try await writeAll(commit, into: source)
            try Task.checkCancellation()
            let url = named.url
            try await offThePool {
                let manifest = CheckoutManifest(
                    url: url, commit: commit, warnings: warnings, state: try folderState(source))
                try slot.finishBuilding(building, manifest)
            }
            return GitCheckout(
                directory: slot.source, commit: commit, branch: branch, url: named.url,
                warnings: warnings.map { Diagnostic(.warning, $0) }, isReused: false, lease: slot.lease)
        } catch {
            try? await offThePool { slot.abandon(building) }
            throw error
        }
    }

    /// Writes the repository and, level by level, its submodules.
    private mutating func writeAll(_ commit: String, into source: FilePath) async throws -> [String] {
        struct Item {
            var location: GitLocation
            var commit: String
            var path: RelativePath
            var depth: Int
        }
        var warnings: [String] = []
        var limits = cache.limits
        var pointers = 0
        var count = 0
        var queue = [Item(location: named, commit: commit, path: .root, depth: 0)]
        while let item = queue.popLast() {
            let path = item.path.isRoot ? "" : item.path.string
            let summary: GitCheckoutSummary
            do {
                summary = try await write(item.commit, of: item.location, root: source, path: path, limits)
            } catch let failure as GitFailure where item.depth > 0 {
                throw GitFailure(
                    failure.kind, "the submodule '\(path)': \(failure.message)", remedy: failure.remedy)
            }
            // The worker reads hostile data, so its numbers are not trusted to be sensible.
            limits.files -= min(max(0, summary.files), limits.files)
            limits.checkoutBytes -= min(max(0, summary.bytes), limits.checkoutBytes)
            pointers &+= summary.pointerFiles
            let (wanted, left) = try submodules(
                text: summary.submoduleText, found: summary.submodules, parent: item.location)
            warnings += left
            count += wanted.count
            guard count <= limits.submodules else {
                throw GitFailure(.sizeLimit, "'\(named.url)' has more than \(limits.submodules) submodules")
            }
            guard wanted.isEmpty || item.depth < limits.submoduleDepth else {
                throw GitFailure(
                    .sizeLimit,
                    "'\(named.url)' has submodules inside submodules more than \(limits.submoduleDepth) levels deep")
            }
            queue += wanted.map {
                Item(
                    location: $0.location, commit: $0.commit, path: item.path.appending($0.path), depth: item.depth + 1)
            }
        }
        if pointers > 0 {
            warnings.append("\(pointers) files are kept in Git LFS; what was written are pointers, not their content")
        }
        return warnings
    }
}

private func isFullID(_ text: String) -> Bool {
    text.utf8.count == 40 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
}

/// The certificate authorities of the system, unless the environment names others.
private func certificateFile(_ environment: [String: String]) -> String? {
    for name in ["GIT_SSL_CAINFO", "SSL_CERT_FILE"] {
        if let file = environment[name], !file.isEmpty { return file }
    }
    let places = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem", "/etc/ssl/cert.pem",
    ]
    return places.first { fileStatus(FilePath($0))?.kind == .file }
}

/// The proxies of the environment as `host:port`.
private func proxies(_ environment: [String: String]) -> [String] {
    ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].compactMap { name in
        guard let text = environment[name], !text.isEmpty else { return nil }
        let hasScheme = text.contains("://")
        guard let proxy = try? GitLocation("\(hasScheme ? text : "http://\(text)")/x", relativeTo: "/") else {
            return nil
        }
        return "\(proxy.host):\(proxy.port)"
    }
}
