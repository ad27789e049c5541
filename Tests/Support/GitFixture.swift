package import Files
import Foundation
package import Processes
package import SystemPackage

/// Repositories made with the real git command, in a folder that is removed when the value goes away.
///
/// No configuration of the machine or its user reaches the command.
package final class GitFixture: Sendable {
    package let temporary: TemporaryDirectory
    package let starter: any ProcessStarter

    package init(starter: any ProcessStarter = Keeper.shared) throws {
        temporary = try TemporaryDirectory(prefix: "swiftflow-git-test")
        self.starter = starter
        try write(
            "home/.gitconfig", "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n")
        try temporary.directory.makeDirectory(RelativePath("repositories"))
    }

    /// The folder everything lies in.
    package var folder: FilePath { temporary.path }
    package var home: FilePath { folder.appending("home") }
    /// What the servers of this fixture offer.
    package var repositories: FilePath { folder.appending("repositories") }
    package func repository(_ name: String) -> FilePath { repositories.appending(name) }

    /// Writes a text file below the fixture's folder.
    package func write(_ path: String, _ text: String) throws {
        let relative = try RelativePath(path)
        try temporary.directory.makeDirectory(relative.parent, mode: 0o755)
        try temporary.directory.writeFile(relative, Array(text.utf8), mode: 0o644)
    }

    /// The variables every git command here runs with.
    package var environment: [String: String] {
        [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": home.string, "LC_ALL": "C",
            "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_CONFIG_GLOBAL": home.appending(".gitconfig").string,
            "GIT_AUTHOR_DATE": "2024-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2024-01-02T03:04:05Z",
            "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "file:http:https:ssh:git",
        ]
    }

    /// Runs git and returns what it prints, without the last newline.
    @discardableResult
    package func git(_ arguments: [String], in folder: FilePath, input: String? = nil) async throws -> String {
        try await run("git", arguments, in: folder, input: input.map { Array($0.utf8) } ?? [])
    }

    /// Runs a program to its successful end.
    @discardableResult
    package func run(_ program: String, _ arguments: [String], in folder: FilePath, input: [UInt8] = []) async throws
        -> String
    {
        guard let path = findExecutable(program, searchPath: "\(environment["PATH"] ?? ""):/usr/sbin:/usr/bin") else {
            throw MissingEngine(program)
        }
        let result = try await starter.runTool(
            path, arguments, environment: environment, workingDirectory: folder, standardInput: .bytes(input))
        guard result.end.isSuccess else {
            throw FixtureFailure(
                "\(program) \(arguments.joined(separator: " ")): \(result.lastLines.joined(separator: "\n"))")
        }
        return String(decoding: result.output, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    /// A bare repository with one commit of `files` on `main`.
    ///
    /// - Returns: the commit's id.
    @discardableResult
    package func makeRepository(_ name: String, files: [String: String] = ["README": "hello\n"]) async throws -> String
    {
        let work = try await makeWorkTree("work-\(name)", files: files)
        try await git(["clone", "--quiet", "--bare", work.string, repository(name).string], in: folder)
        // Servers of other protocols need no permission beyond this file.
        try write("repositories/\(name)/git-daemon-export-ok", "")
        return try await git(["rev-parse", "HEAD"], in: work)
    }

    /// A work tree with one commit.
    package func makeWorkTree(_ name: String, files: [String: String] = ["README": "hello\n"]) async throws -> FilePath
    {
        let work = folder.appending(name)
        try makeFolders(work, mode: 0o755)
        try await git(["init", "--quiet"], in: work)
        for (path, text) in files { try write("\(name)/\(path)", text) }
        try await git(["add", "--all"], in: work)
        try await git(["commit", "--quiet", "--allow-empty", "-m", "first"], in: work)
        return work
    }

    /// Adds a commit to a repository made by `makeRepository`.
    ///
    /// - Returns: the commit's id.
    @discardableResult
    package func commit(_ files: [String: String], to name: String, branch: String = "main") async throws -> String {
        let work = folder.appending("work-\(name)")
        try await git(["checkout", "--quiet", "-B", branch], in: work)
        for (path, text) in files { try write("work-\(name)/\(path)", text) }
        try await git(["add", "--all"], in: work)
        try await git(["commit", "--quiet", "-m", "more"], in: work)
        try await git(["push", "--quiet", "--force", repository(name).string, branch], in: work)
        return try await git(["rev-parse", "HEAD"], in: work)
    }

    /// Stores an object of any content, however wrong, and returns its id.
    package func storeObject(_ type: String, _ content: [UInt8], in repository: FilePath) async throws -> String {
        try await run(
            "git", ["hash-object", "-w", "-t", type, "--literally", "--stdin"], in: repository, input: content)
    }

    /// A commit of a tree whose entries are written exactly as given: mode, name, object id in hex.
    package func storeCommit(_ entries: [(mode: String, name: [UInt8], id: String)], in repository: FilePath)
        async throws
        -> String
    {
        let tree = try await storeTree(entries, in: repository)
        return try await storeCommit(tree: tree, in: repository)
    }

    package func storeTree(_ entries: [(mode: String, name: [UInt8], id: String)], in repository: FilePath) async throws
        -> String
    {
        var content: [UInt8] = []
        for entry in entries { content += Array("\(entry.mode) ".utf8) + entry.name + [0] + bytes(hex: entry.id) }
        return try await storeObject("tree", content, in: repository)
    }

    package func storeCommit(tree: String, in repository: FilePath) async throws -> String {
        let who = "Eve <eve@example.org> 1700000000 +0000"
        return try await storeObject(
            "commit", Array("tree \(tree)\nauthor \(who)\ncommitter \(who)\n\nhostile\n".utf8), in: repository)
    }
}

private func bytes(hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue).map { UInt8($0) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// A program that a test needs and this machine does not have.
package struct MissingEngine: Error, CustomStringConvertible {
    package let description: String

    package init(_ name: String) {
        description = "the program '\(name)' is not installed"
    }
}

package struct FixtureFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
