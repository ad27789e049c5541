import CGit2
import GitMessages
import Glibc
import Synchronization

/// What is asked of us while the library talks to a server: passwords, keys, whether we trust it, and whether to go on.
///
/// Used on one thread only. A refusal is kept in `failure`, since the library knows only numbers.
final class Conversation {
    private let remote: GitRemote
    private let limits: GitLimits
    private let report: (GitProgress) -> Void
    private(set) var failure: GitFailure?
    private var loginsShown = 0
    private var keysLeft: [Key]
    private var keysTried: [String] = []
    private var received = 0

    private enum Key {
        case agent
        case file(GitSecureShell.KeyFile)
    }

    init(_ remote: GitRemote, limits: GitLimits, report: @escaping (GitProgress) -> Void) {
        self.remote = remote
        self.limits = limits
        self.report = report
        let ssh = remote.ssh
        keysLeft = (ssh?.usesAgent == true ? [.agent] : []) + (ssh?.keyFiles ?? []).map(Key.file)
        connectionPolicy.withLock { $0 = ConnectionPolicy(remote) }
        connectionRefusal.withLock { $0 = nil }
    }

    /// The callbacks of this conversation, which must outlive the remote they are given to.
    var callbacks: git_remote_callbacks {
        var callbacks = unsafe git_remote_callbacks()
        unsafe git_remote_init_callbacks(&callbacks, UInt32(GIT_REMOTE_CALLBACKS_VERSION))
        // `Remote` holds the conversation as long as the library may call back.
        unsafe callbacks.payload = Unmanaged.passUnretained(self).toOpaque()
        unsafe callbacks.credentials = { result, url, user, allowed, payload in
            guard let own = unsafe conversation(payload), let result = unsafe result else { return -1 }
            return unsafe own.answer(
                result, url: url.map { unsafe String(cString: $0) } ?? "",
                user: user.map { unsafe String(cString: $0) }, allowed: allowed)
        }
        unsafe callbacks.certificate_check = { certificate, isValid, host, payload in
            guard let own = unsafe conversation(payload), let certificate = unsafe certificate else { return -1 }
            return unsafe own.judge(certificate, isValid: isValid == 1)
        }
        unsafe callbacks.transfer_progress = { progress, payload in
            guard let own = unsafe conversation(payload), let progress = unsafe progress?.pointee else { return -1 }
            return own.note(progress)
        }
        return unsafe callbacks
    }

    // MARK: Logging in

    private func answer(
        _ result: UnsafeMutablePointer<UnsafeMutablePointer<git_credential>?>, url: String, user: String?,
        allowed: UInt32
    ) -> Int32 {
        func allows(_ kind: git_credential_t) -> Bool { allowed & kind.rawValue != 0 }
        if allows(GIT_CREDENTIAL_USERNAME) {
            return unsafe git_credential_username_new(result, remote.ssh?.user ?? user ?? "git")
        }
        if allows(GIT_CREDENTIAL_SSH_KEY), let key = keysLeft.first {
            keysLeft.removeFirst()
            let name = remote.ssh?.user ?? user ?? "git"
            switch key {
            case .agent:
                keysTried.append("the ssh agent's keys")
                return unsafe git_credential_ssh_key_from_agent(result, name)
            case .file(let file):
                keysTried.append("'\(file.path)'")
                return unsafe git_credential_ssh_key_new(result, name, nil, file.path, file.passphrase)
            }
        }
        guard allows(GIT_CREDENTIAL_USERPASS_PLAINTEXT), let login = remote.login, loginsShown == 0 else {
            return refuse(noLogin)
        }
        if remote.scheme != "ssh",
            let refusal = connectionPolicy.withLock({ $0?.objectionToLogin(at: url) })
        {
            return refuse(refusal)
        }
        loginsShown += 1
        return unsafe git_credential_userpass_plaintext_new(result, login.user, login.password)
    }

    private var noLogin: GitFailure {
        let place = remote.url
        guard remote.scheme == "ssh" else {
            return loginsShown > 0
                ? GitFailure(
                    .authentication, "'\(place)' refused the user name and password",
                    remedy: "check the password or token, and that it may read this repository")
                : GitFailure(
                    .authentication, "'\(place)' asks for a user name and password",
                    remedy:
                        "set SWIFTFLOW_GIT_USERNAME and SWIFTFLOW_GIT_PASSWORD (or SWIFTFLOW_GIT_TOKEN), or store them with git's credential helper; a repository that does not exist may be answered like this too"
                )
        }
        let unusable = remote.ssh?.unusable ?? []
        let tried = keysTried.isEmpty ? "no key was found to show it" : "tried \(keysTried.joined(separator: ", "))"
        return GitFailure(
            .authentication,
            "'\(place)' accepted none of our ssh keys: \(([tried] + unusable).joined(separator: "; "))",
            remedy: "add a key to the ssh agent, or name one in SWIFTFLOW_SSH_KEY")
    }

    // MARK: Trust

    private func judge(_ certificate: UnsafeMutablePointer<git_cert>, isValid: Bool) -> Int32 {
        switch unsafe certificate.pointee.cert_type {
        case GIT_CERT_X509 where isValid:
            return 0
        case GIT_CERT_X509:
            return refuse(
                GitFailure(
                    .untrustedServer, "the TLS certificate of '\(remote.host)' is not trusted",
                    remedy:
                        "check the host name; if it uses a certificate authority of your own, name its file in SSL_CERT_FILE"
                ))
        case GIT_CERT_HOSTKEY_LIBSSH2:
            // The type field says which structure the pointer stands for.
            let key = unsafe UnsafeMutableRawPointer(certificate).assumingMemoryBound(to: git_cert_hostkey.self).pointee
            guard let refusal = unsafe objection(to: key) else { return 0 }
            return refuse(refusal)
        default:
            return refuse(GitFailure(.untrustedServer, "'\(remote.host)' shows a certificate of an unknown kind"))
        }
    }

    private func objection(to key: git_cert_hostkey) -> GitFailure? {
        guard unsafe key.type.rawValue & GIT_CERT_SSH_RAW.rawValue != 0, let start = unsafe key.hostkey else {
            return GitFailure(.untrustedServer, "'\(remote.host)' shows no host key")
        }
        // The bytes belong to the library and are copied here.
        let bytes = unsafe Array(UnsafeRawBufferPointer(start: start, count: key.hostkey_len))
        let fingerprint = unsafe withUnsafeBytes(of: key.hash_sha256) {
            unsafe "SHA256:\(base64(Array($0), pads: false))"
        }
        return hostKeyObjection(
            key: base64(bytes, pads: true), type: keyType(of: bytes), fingerprint: fingerprint, remote: remote)
    }

    // MARK: Progress

    private func note(_ progress: git_indexer_progress) -> Int32 {
        received = max(received, progress.received_bytes)
        if progress.total_objects > limits.objects {
            return refuse(
                GitFailure(
                    .sizeLimit,
                    "'\(remote.url)' sends \(progress.total_objects) objects, more than \(limits.objects)"))
        }
        if received > limits.receivedBytes {
            return refuse(
                GitFailure(.sizeLimit, "'\(remote.url)' sends more than \(limits.receivedBytes) bytes"))
        }
        let hasAll = progress.received_objects == progress.total_objects && progress.total_objects > 0
        report(
            hasAll
                ? GitProgress(
                    .indexing, done: Int(progress.indexed_deltas), total: Int(progress.total_deltas), bytes: received)
                : GitProgress(
                    .receiving, done: Int(progress.received_objects), total: Int(progress.total_objects),
                    bytes: received))
        return 0
    }

    private func refuse(_ failure: GitFailure) -> Int32 {
        if self.failure == nil { self.failure = failure }
        _ = unsafe git_error_set_str(Int32(bitPattern: GIT_ERROR_CALLBACK.rawValue), failure.message)
        return GIT_EUSER.rawValue
    }
}

private func conversation(_ payload: UnsafeMutableRawPointer?) -> Conversation? {
    // Set in `callbacks`, from a conversation that is still alive.
    unsafe payload.map { unsafe Unmanaged<Conversation>.fromOpaque($0).takeUnretainedValue() }
}
