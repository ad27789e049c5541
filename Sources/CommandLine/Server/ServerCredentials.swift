import Diagnostics
import Files
import Server
import SystemPackage

/// What clients of a server must show, from files, variables and options.
struct ServerCredentials {
    /// Nil lets everybody in.
    let value: Credentials?

    init(_ options: ServerAccessOptions, _ source: inout OptionSource, _ workingDirectory: FilePath) {
        var choices: [Credentials] = []
        if let token = Self.token(options, &source, workingDirectory) { choices.append(.token(token)) }
        if let file = options.passwordFile {
            choices += Self.logins(in: workingDirectory.pushing(FilePath(file)), &source)
        }
        value = choices.count > 1 ? .anyOf(choices) : choices.first
    }

    // MARK: Token

    private static func token(
        _ options: ServerAccessOptions, _ source: inout OptionSource, _ workingDirectory: FilePath
    ) -> String? {
        let token: String
        let name: String
        switch (options.token, options.tokenFile) {
        case (_?, _?):
            source.refuse("--token and --token-file exclude each other", remedy: "prefer --token-file")
            return nil
        case (let given?, nil): (token, name) = (given, "--token")
        case (nil, let file?):
            let path = workingDirectory.pushing(FilePath(file))
            guard let text = text(of: path, "--token-file", &source) else { return nil }
            (token, name) = (String(text.prefix { $0 != "\n" && $0 != "\r\n" }), "the file '\(path)'")
        case (nil, nil):
            guard let given = source.text(nil, "SWIFTFLOW_SERVER_TOKEN") else { return nil }
            (token, name) = (given, "SWIFTFLOW_SERVER_TOKEN")
        }
        // What fits into a header as it is.
        guard token.utf8.count >= 16, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            source.refuse(
                "the token of \(name) is shorter than 16 characters, or has blanks or other than ASCII characters in it",
                remedy: "make one with: openssl rand -hex 32")
            return nil
        }
        return token
    }

    // MARK: Names and passwords

    /// Reads lines `NAME:PASSWORD`; empty ones and those that begin with `#` count for nothing.
    private static func logins(in path: FilePath, _ source: inout OptionSource) -> [Credentials] {
        guard let text = text(of: path, "--basic-auth", &source) else { return [] }
        var logins: [(name: String, password: String)] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.hasSuffix("\r") ? line.dropLast() : line
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let place = "\(path):\(index + 1)"
            guard parts.count == 2, let name = parts.first, let password = parts.last, !name.isEmpty, !password.isEmpty
            else {
                source.refuse("\(place): a line without a name or a password", remedy: "write NAME:PASSWORD")
                continue
            }
            guard !hashMarks.contains(where: password.hasPrefix) else {
                source.refuse(
                    "\(place): the password of '\(name)' looks like a hash of one",
                    remedy: "write the password itself, and let nobody else read the file (chmod 600)")
                continue
            }
            guard !logins.contains(where: { $0.name == name }) else {
                source.refuse("\(place): '\(name)' is there twice")
                continue
            }
            logins.append((name, password))
        }
        if logins.isEmpty, source.mistakes.isEmpty {
            source.refuse("the file '\(path)' has nobody in it", remedy: "write a line NAME:PASSWORD")
        }
        return logins.map { .basic(username: $0.name, password: $0.password) }
    }

    /// How the entries of htpasswd begin.
    private static let hashMarks = ["$apr1$", "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "{SHA}", "{SSHA}"]

    private static func text(of path: FilePath, _ option: String, _ source: inout OptionSource) -> String? {
        guard let bytes = try? readFile(path, limit: 1 << 20), let text = String(validating: bytes, as: UTF8.self)
        else {
            source.refuse("\(option): the file '\(path)' cannot be read", remedy: "check the path")
            return nil
        }
        if let mode = fileStatus(path)?.permissions, mode & 0o077 != 0 {
            source.warn("other users of this machine can read '\(path)': chmod 600 it")
        }
        return text
    }
}
