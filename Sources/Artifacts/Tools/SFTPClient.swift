import Diagnostics
import Files
import SystemPackage

/// sftp through OpenSSH, with its configuration, agent, keys and known hosts.
struct SFTPClient: ArtifactClient {
    private let user: String?
    private let host: String
    private let port: String?
    private let root: String

    let location: String

    init(_ uri: String) throws {
        let rest = uri.dropFirst("sftp://".count)
        let authority = rest.prefix { $0 != "/" }
        var hostPart = authority
        var user: Substring?
        if let at = authority.lastIndex(of: "@") {
            user = authority[..<at]
            hostPart = authority[authority.index(after: at)...]
        }
        let parts = hostPart.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let allowed: (Substring) -> Bool = { text in
            !text.isEmpty && !text.hasPrefix("-")
                && text.utf8.allSatisfy {
                    (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                        || [0x2D, 0x2E, 0x5F].contains($0)
                }
        }
        location = redactedURL(uri)
        guard uri.lowercased().hasPrefix("sftp://"), let host = parts.first, allowed(host) else {
            throw ArtifactError(
                .invalidAddress, "'\(redactedURL(uri))' does not name a host",
                remedy: "write sftp://USER@HOST:PORT/PATH")
        }
        if let user, user.contains(":") {
            throw ArtifactError(
                .invalidAddress, "'\(redactedURL(uri))' has a password, which sftp does not take",
                remedy: "use a key: ssh-copy-id \(user.prefix { $0 != ":" })@\(host)")
        }
        if let user, !allowed(user) {
            throw ArtifactError(.invalidAddress, "'\(redactedURL(uri))' has a user name that is not one")
        }
        if let port = parts.dropFirst().first, UInt16(port) == nil {
            throw ArtifactError(.invalidAddress, "'\(redactedURL(uri))' has a port that is no number")
        }
        guard let path = Files.percentDecoded(String(rest.dropFirst(authority.count))),
            !path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else { throw ArtifactError(.invalidAddress, "'\(redactedURL(uri))' has a path that cannot be used") }
        self.user = user.map(String.init)
        self.host = String(host)
        port = parts.dropFirst().first.map(String.init)
        root = path.isEmpty ? "." : path
    }

    func list(_ folder: RelativePath, _ runner: ToolRunner) async throws -> [ToolEntry] {
        // After `cd`, names come without their folder. A file, or nothing, cannot be entered.
        let output = try await run(
            ["cd \(quoted(folder))", "ls -lan"], runner, about: folder,
            isAbsence: {
                $0.contains("No such file") || $0.contains("not a directory") || $0.contains("Can't change directory")
            })
        return (output ?? "").split(whereSeparator: \.isNewline).compactMap { line in
            // -rw-r--r--    ? 0        0              12 Nov 21 08:40 name with blanks
            guard let kind = line.first, kind == "-" || kind == "d" else { return nil }
            var rest = line
            var fields: [Substring] = []
            for _ in 0..<8 {
                rest = rest.drop { $0 == " " }
                fields.append(rest.prefix { $0 != " " })
                rest = rest.drop { $0 != " " }
            }
            let name = rest.dropFirst()
            guard name != ".", name != "..", !name.isEmpty, fields.count == 8 else { return nil }
            return ToolEntry(name: String(name), isDirectory: kind == "d", size: Int64(fields[4]))
        }
    }

    func fetch(_ file: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        _ = try await run(["get \(quoted(file)) \(quoted(local.string))"], runner, about: file)
    }

    func fetchFolder(_ folder: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        // The local folder exists: sftp puts the content into a new folder of that name.
        _ = try await run(["get -R \(quoted(folder)) \(quoted(local.string))"], runner, about: folder)
    }

    func store(_ local: FilePath, as file: RelativePath, _ runner: ToolRunner) async throws {
        var commands: [String] = []
        var folder = RelativePath.root
        for name in file.parent.components {
            folder = try folder.appending(name)
            // A leading hyphen: go on when it is there already.
            commands.append("-mkdir \(quoted(folder))")
        }
        // A new name first, so that a reader never sees half a file.
        let temporary = try file.parent.appending(AtomicFile.temporaryPrefix + randomName())
        commands.append("put \(quoted(local.string)) \(quoted(temporary))")
        commands.append("rename \(quoted(temporary)) \(quoted(file))")
        _ = try await run(["-mkdir \(quoted(root))"] + commands, runner, about: file)
    }

    func delete(_ path: RelativePath, isDirectory: Bool, _ runner: ToolRunner) async throws {
        guard isDirectory else {
            _ = try await run(["rm \(quoted(path))"], runner, about: path, isAbsence: { $0.contains("No such file") })
            return
        }
        for entry in try await list(path, runner) {
            try await delete(path.appending(entry.name), isDirectory: entry.isDirectory, runner)
        }
        _ = try await run(["rmdir \(quoted(path))"], runner, about: path, isAbsence: { $0.contains("No such file") })
    }

    private func run(
        _ commands: [String], _ runner: ToolRunner, about path: RelativePath,
        isAbsence: (String) -> Bool = { _ in false }
    ) async throws -> String? {
        let program = try runner.find(
            ["sftp"], for: "'\(location)'", install: "install OpenSSH's client: apt install openssh-client")
        var arguments = ["-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-b", "-"]
        if let port { arguments += ["-P", port] }
        arguments += ["--", user.map { "\($0)@\(host)" } ?? host]
        return try await runner.run(
            program, arguments, input: commands.joined(separator: "\n") + "\n",
            about: path.isRoot ? "'\(location)'" : "'\(path)' of '\(location)'", isAbsence: isAbsence)
    }

    private func quoted(_ path: RelativePath) -> String {
        quoted(path.isRoot ? root : root.hasSuffix("/") ? root + path.string : "\(root)/\(path.string)")
    }

    /// A word of sftp's own command language; within quotes it takes wildcards for what they are.
    private func quoted(_ text: String) -> String {
        "\"" + text.map { "\\\"".contains($0) ? "\\\($0)" : "\($0)" }.joined() + "\""
    }
}
