import Files
import JSON
import Processes
import SystemPackage

// Logging in is the client's business: it alone reads what the user's logins are, asks their credential helpers, and hands them to the
// engine. Here is only what tells a user in time that one is missing.

extension ImageReference {
    /// The registry as `docker login` wants it; nil for the default one.
    package var loginAddress: String? { domain == "docker.io" || domain == "index.docker.io" ? nil : domain }
}

extension ContainerClient {
    /// Why the registry is certain to refuse us: it wants a login, and the client has none for it.
    ///
    /// Where anything of that is in doubt the answer is nil, and the pull or push will tell. Docker Hub is not asked, as it counts each
    /// question as a pull.
    package func missingLogin(for reference: ImageReference) async -> ContainerError? {
        guard let registry = reference.loginAddress else { return nil }
        switch flavour {
        case .docker:
            guard !Self.mayHaveLogin(at: registry, environment), await socketIsRefused(reference) else { return nil }
        case .podman:
            guard await hasNoLogin(at: registry), await isRefused(reference) else { return nil }
        }
        return ContainerError(
            .loginMissing,
            "the registry '\(registry)' wants a login for the image '\(reference)', and \(flavour.rawValue) has none for it",
            remedy: "log in first: \(flavour.rawValue) login \(registry)")
    }

    /// Whether an engine's or a registry's complaint, in lower case, is that a login is missing or does not count.
    package static func isAboutLogin(_ text: String) -> Bool {
        [
            "unauthorized", "authentication required", "access denied", "access to the resource is denied",
            "no basic auth",
        ].contains(where: text.contains)
    }

    static func loginRemedy(_ flavour: Flavour, _ registry: String?) -> String {
        let address = registry.map { " \($0)" } ?? ""
        return
            "log in to the registry, anew if the password has changed (\(flavour.rawValue) login\(address)), and see whether the name is right"
    }

    // MARK: Docker

    /// Asks as somebody who has not logged in.
    private func socketIsRefused(_ reference: ImageReference) async -> Bool {
        let target = "/distribution/\(EngineSocket.encoded(reference.description))/json"
        let answer = try? await socket?.ask("GET", target, patience: Self.registryPatience)
        guard let answer, answer.status >= 400 else { return false }
        return Self.isAboutLogin(answer.json?["message"]?.string?.lowercased() ?? "")
    }

    /// Whether `docker login` or a credential helper may know somebody at the registry, which is not looked into any further.
    static func mayHaveLogin(at registry: String, _ environment: [String: String]) -> Bool {
        if environment["DOCKER_AUTH_CONFIG"]?.isEmpty == false { return true }
        guard let file = configurationFile(environment) else { return true }
        guard fileStatus(file) != nil else { return false }
        guard let configuration = clientConfiguration(environment)?.object else { return true }
        if let store = configuration["credsStore"]?.string, !store.isEmpty { return true }
        if configuration["credHelpers"]?[registry] != nil { return true }
        // Addresses stand there with and without scheme and path.
        return configuration["auths"]?.object?.members.contains { $0.name.contains(registry) } ?? false
    }

    // MARK: Podman

    private func hasNoLogin(at registry: String) async -> Bool {
        let result = try? await call(["login", "--get-login", registry], patience: patience)
        guard let result, !result.end.isSuccess else { return false }
        return result.lastLines.contains { $0.contains("not logged in") }
    }

    private func isRefused(_ reference: ImageReference) async -> Bool {
        let arguments = ["manifest", "inspect", reference.description]
        guard let result = try? await call(arguments, patience: Self.registryPatience), !result.end.isSuccess else {
            return false
        }
        return result.lastLines.contains { Self.isAboutLogin($0.lowercased()) }
    }

    /// A registry that takes longer is left to the pull.
    private static var registryPatience: Duration { .seconds(5) }
}
