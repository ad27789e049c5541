import Files
import GitMessages
import SystemPackage

/// How to log in to an ssh server and how to know it, from the files ssh keeps and the environment.
///
/// A key named in `SWIFTFLOW_SSH_KEY` is the only one shown, with `SWIFTFLOW_SSH_PASSPHRASE` if it needs one; else the agent's keys and then
/// `~/.ssh/id_ed25519`, `id_ecdsa`, `id_rsa`. ssh's own configuration file is not read.
func secureShell(for location: GitLocation, environment: [String: String]) throws(GitFailure) -> GitSecureShell {
    let home = environment["HOME"].flatMap { $0.hasPrefix("/") ? FilePath($0) : nil }
    let folder = home?.appending(".ssh")
    var files: [FilePath] = ["/etc/ssh/ssh_known_hosts"]
    if let folder { files = [folder.appending("known_hosts"), folder.appending("known_hosts2")] + files }
    if let named = environment["SWIFTFLOW_SSH_KNOWN_HOSTS"], !named.isEmpty { files = [FilePath(named)] }
    var shell = GitSecureShell(
        user: location.user ?? environment["USER"] ?? environment["LOGNAME"] ?? "git",
        hostKeys: knownHostKeys(host: location.host, port: location.port, in: files), usesAgent: false, keyFiles: [],
        unusable: [])
    if let named = environment["SWIFTFLOW_SSH_KEY"], !named.isEmpty {
        let passphrase = environment["SWIFTFLOW_SSH_PASSPHRASE"]
        switch keyState(FilePath(named)) {
        case .usable: break
        case .encrypted where passphrase != nil: break
        case .encrypted:
            throw GitFailure(
                .authentication, "the ssh key '\(named)' needs a passphrase",
                remedy: "set SWIFTFLOW_SSH_PASSPHRASE, or load the key into the ssh agent")
        case .missing, .unreadable:
            throw GitFailure(
                .authentication, "the ssh key '\(named)' (SWIFTFLOW_SSH_KEY) is not a readable private key",
                remedy: "name the private key's file")
        }
        shell.keyFiles = [GitSecureShell.KeyFile(path: named, passphrase: passphrase)]
        return shell
    }
    shell.usesAgent = environment["SSH_AUTH_SOCK"]?.isEmpty == false
    for name in ["id_ed25519", "id_ecdsa", "id_rsa"] {
        guard let path = folder?.appending(name) else { continue }
        switch keyState(path) {
        case .usable: shell.keyFiles.append(GitSecureShell.KeyFile(path: path.string))
        case .encrypted: shell.unusable.append("'\(path)' needs a passphrase (use the ssh agent)")
        case .unreadable: shell.unusable.append("'\(path)' cannot be read")
        case .missing: break
        }
    }
    return shell
}

private enum KeyState {
    case usable, encrypted, unreadable, missing
}

/// Looks into a private key's file far enough to know whether it needs a passphrase; the library's answer to such a key ends the whole login.
private func keyState(_ path: FilePath) -> KeyState {
    guard fileStatus(path) != nil else { return .missing }
    guard let bytes = try? readFile(path, limit: 1 << 16) else { return .unreadable }
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.contains("PRIVATE KEY-----") else { return .unreadable }
    if text.contains("ENCRYPTED") { return .encrypted }
    guard text.contains("BEGIN OPENSSH PRIVATE KEY") else { return .usable }
    let body = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("-----") }.joined()
    // "openssh-key-v1", NUL, then the name of the cipher with its length.
    guard let decoded = base64Bytes(body), decoded.count > 23 else { return .unreadable }
    return Array(decoded[15..<23]) == [0, 0, 0, 4] + Array("none".utf8) ? .usable : .encrypted
}
