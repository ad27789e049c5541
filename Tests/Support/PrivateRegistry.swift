import Files
import Processes
import SystemPackage

/// The private registry of these tests, which `scripts/engines/registry.sh` has started, and those who come to it.
///
/// Each visitor is a folder with a `config.json`, which Docker and Podman read alike: as what `DOCKER_CONFIG` names, or as
/// `REGISTRY_AUTH_FILE`.
package struct PrivateRegistry: Sendable {
    package enum Visitor: String, Sendable, CaseIterable {
        /// Has never logged in.
        case stranger
        /// Has logged in with the client.
        case member
        /// Has a credential helper that knows the login.
        case helped
        /// Has a login that does not count any more.
        case former
    }

    package let address: String
    package let user: String
    package let password: String
    /// What the former member still believes.
    package let formerPassword = "let-me-in-once-more"
    private let folder: TemporaryDirectory

    package init() throws {
        guard let address = environmentVariable("SWIFTFLOW_TEST_PRIVATE_REGISTRY"),
            let login = environmentVariable("SWIFTFLOW_TEST_PRIVATE_LOGIN")?.split(separator: ":", maxSplits: 1),
            let user = login.first, let password = login.last, login.count == 2
        else { throw FixtureFailure("no private registry; start scripts/engines/registry.sh with a user") }
        self.address = address
        self.user = String(user)
        self.password = String(password)
        folder = try TemporaryDirectory(prefix: "swiftflow-visitors")
    }

    /// What leads a client to the visitor's logins.
    package func variables(of visitor: Visitor) async throws -> [String: String] {
        let place = folder.path.appending(visitor.rawValue)
        let file = place.appending("config.json")
        var variables = ["DOCKER_CONFIG": place.string, "REGISTRY_AUTH_FILE": file.string]
        if visitor == .helped {
            variables["PATH"] = "\(place):\(environmentVariable("PATH") ?? "/usr/bin:/bin")"
        }
        guard fileStatus(file) == nil else { return variables }
        try makeFolders(place)
        switch visitor {
        case .stranger: try write("{}", to: file)
        case .member: try write(try await configuration(password: password), to: file)
        case .former: try write(try await configuration(password: formerPassword), to: file)
        case .helped:
            try write("{\"credHelpers\": {\"\(address)\": \"swiftflow-test\"}}", to: file)
            try write(
                """
                #!/bin/sh
                read -r server
                echo "$1 $server" >>"$(dirname "$0")/asked"
                [ "$1" = get ] && [ "$server" = \(address) ] || { echo "credentials not found in native keychain"; exit 1; }
                echo '{"ServerURL": "\(address)", "Username": "\(user)", "Secret": "\(password)"}'
                """, to: place.appending("docker-credential-swiftflow-test"), mode: 0o755)
        }
        return variables
    }

    /// What the visitor's credential helper has been asked.
    package func questions(of visitor: Visitor) throws -> String {
        String(
            decoding: try readFile(folder.path.appending(visitor.rawValue).appending("asked"), limit: 1 << 16),
            as: UTF8.self)
    }

    /// The texts nobody may ever see.
    package func secrets() async throws -> [String] {
        [password, formerPassword, try await encoded(password), try await encoded(formerPassword)]
    }

    /// A client's file with this login.
    package func configuration(password: String) async throws -> String {
        "{\"auths\": {\"\(address)\": {\"auth\": \"\(try await encoded(password))\"}}}"
    }

    private func encoded(_ password: String) async throws -> String {
        let result = try await Keeper.shared.runTool(
            "/bin/sh", ["-c", "base64 -w 0"], environment: processEnvironment(), workingDirectory: "/",
            standardInput: .bytes(Array("\(user):\(password)".utf8)))
        return String(decoding: result.output, as: UTF8.self)
    }

    private func write(_ text: String, to file: FilePath, mode: UInt32 = 0o600) throws {
        try folder.directory.writeFile(
            try RelativePath(file.removingRoot(of: folder.path)), Array(text.utf8), mode: mode)
    }
}

extension FilePath {
    fileprivate func removingRoot(of folder: FilePath) -> String {
        var copy = self
        _ = copy.removePrefix(folder)
        return copy.string
    }
}
