import GitMessages
import Processes
import SystemPackage

/// Where passwords come from, in the order they are tried: the URL; `SWIFTFLOW_GIT_USERNAME` with `SWIFTFLOW_GIT_PASSWORD` or
/// `SWIFTFLOW_GIT_TOKEN`; `git credential fill`, if git is installed and a server has asked.
///
/// All of them are for the server the operator named and for nobody else. Nothing ever asks on a terminal.
struct LoginSource: Sendable {
    let environment: [String: String]
    let starter: any ProcessStarter

    /// The login known without asking anybody.
    func known(for location: GitLocation) -> GitLogin? {
        if let login = location.login { return login }
        guard location.transport == .https || location.transport == .http else { return nil }
        let user = nonEmpty("SWIFTFLOW_GIT_USERNAME")
        if let password = nonEmpty("SWIFTFLOW_GIT_PASSWORD") {
            return GitLogin(user: user ?? "git", password: password)
        }
        // Servers that take a token look at the password alone; this name is what their documentation uses.
        if let token = nonEmpty("SWIFTFLOW_GIT_TOKEN") {
            return GitLogin(user: user ?? "x-access-token", password: token)
        }
        return nil
    }

    /// What the user's credential helpers have stored for the server.
    func stored(for location: GitLocation) async -> GitLogin? {
        guard location.transport == .https || location.transport == .http,
            let git = findExecutable("git", searchPath: environment["PATH"])
        else { return nil }
        var environment = environment.filter { name, _ in
            !name.hasPrefix("SWIFTFLOW_") && (!name.hasPrefix("GIT_") || name.hasPrefix("GIT_CONFIG"))
        }
        // An empty value keeps git from trying SSH_ASKPASS, and with it from opening a window.
        environment["GIT_ASKPASS"] = ""
        environment["GIT_TERMINAL_PROMPT"] = "0"
        environment["GCM_INTERACTIVE"] = "never"
        let place =
            location.port == location.transport.defaultPort ? location.host : "\(location.host):\(location.port)"
        let path = location.path.drop { $0 == "/" }
        let question = "protocol=\(location.transport.rawValue)\nhost=\(place)\npath=\(path)\n\n"
        // In the root folder, where no project's configuration can name a helper.
        let variables = environment
        let answer = try? await withTimeLimit(.seconds(20)) {
            try await starter.runTool(
                git, ["credential", "fill"], environment: variables, workingDirectory: "/",
                standardInput: .bytes(Array(question.utf8)), limit: 65_536)
        }
        guard let answer, answer.end.isSuccess else { return nil }
        var fields: [Substring: String] = [:]
        for line in String(decoding: answer.output, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { fields[parts[0]] = String(parts[1]) }
        }
        guard let user = fields["username"], let password = fields["password"], !password.isEmpty else { return nil }
        return GitLogin(user: user, password: password)
    }

    private func nonEmpty(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// Runs `body`, cancelling it after `limit`.
private func withTimeLimit<Result: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let result = first else { throw CancellationError() }
        return result
    }
}
