package import Containers
package import Diagnostics
package import Execution
import JSON

/// What `--backend-config` may say to the docker backend; every key may be left out.
package struct DockerConfiguration: Sendable, Hashable {
    /// `docker` or `podman`; nil for whichever is on PATH.
    package var client: ContainerClient.Flavour?
    /// The network of the containers: `bridge`, `host`, or the name of one; nil for the engine's bridge where there is one.
    package var network: String?
    /// What `--allow-mounts` and `--allow-env` say for one run, for all that use this configuration.
    package var allowsMounts = false
    package var allowsHostVariables = false
    /// Whether commands run as the caller, so that what they write is the caller's, or as the user the image names.
    package var runsAsCaller = true

    private static let keys = ["client", "network", "allow-mounts", "allow-env", "user"]

    package init() {}

    package init(_ configuration: BackendConfiguration) throws(InvalidInput) {
        let bytes = Array(configuration.json.utf8)
        guard let value = try? JSONReader.read(bytes.span), let object = value.object else {
            throw InvalidInput(
                "the configuration of the docker backend is no JSON object",
                remedy: "write for example {\"network\": \"host\"}")
        }
        var findings: [Diagnostic] = []
        func report(_ message: String, _ remedy: String?) {
            findings.append(Diagnostic(.error, "the docker backend's \(message)", remedy: remedy))
        }
        for member in object.members {
            switch (member.name, member.value) {
            case ("client", .string(let text)):
                client = ContainerClient.Flavour(rawValue: text)
                if client == nil { report("'client' is '\(text)'", "write \"docker\" or \"podman\"") }
            case ("network", .string(let text)):
                network = text
                if text.isEmpty || text.hasPrefix("-") || text.contains(where: \.isWhitespace) {
                    report("'network' is '\(text)'", "write \"bridge\", \"host\" or the name of a network")
                }
            case ("allow-mounts", .bool(let value)): allowsMounts = value
            case ("allow-env", .bool(let value)): allowsHostVariables = value
            case ("user", .string("caller")): runsAsCaller = true
            case ("user", .string("image")): runsAsCaller = false
            case ("user", _): report("'user' is \(member.value.shownInMessage)", "write \"caller\" or \"image\"")
            case (let name, let value) where Self.keys.contains(name):
                report(
                    "'\(name)' cannot be \(value.shownInMessage)",
                    name.hasPrefix("allow") ? "write true or false" : "write a text")
            case (let name, _):
                report(
                    "configuration has the unknown key '\(name)'", suggestion(for: name, among: Self.keys, kind: "keys")
                )
            }
        }
        guard findings.isEmpty else { throw InvalidInput(findings) }
    }
}
