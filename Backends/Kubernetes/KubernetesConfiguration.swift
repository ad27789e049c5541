import Diagnostics
import JSON
package import SystemPackage

/// What `--backend-config` says to this backend: MLflow's three keys, and ours.
package struct KubernetesConfiguration: Sendable, Hashable {
    /// How the project's files get into the container.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// They are in the image.
        case image
        /// As a ConfigMap that is mounted; for small projects.
        case configMap = "configmap"
        /// An init container fetches the commit.
        case git
    }

    package enum PullPolicy: String, Sendable, Hashable, CaseIterable {
        case always = "Always"
        case ifNotPresent = "IfNotPresent"
        case never = "Never"
    }

    /// Where variables come from that are secrets of the cluster.
    package enum SecretSource: Sendable, Hashable {
        /// Every key of the secret becomes a variable.
        case all(secret: String)
        case key(variable: String, secret: String, key: String)
    }

    /// MLflow's `kube-context`, `repository-uri` and `kube-job-template-path`.
    package var context: String?
    package var repository: String?
    package var templatePath: FilePath?

    package var namespace: String?
    package var image: String?
    package var pullPolicy: PullPolicy?
    package var secrets: [SecretSource] = []
    /// Secrets of the cluster with logins of registries, beside those of the template.
    package var pullSecrets: [String] = []
    /// Seconds the ended job is kept; nil keeps it for good.
    package var timeToLive: Int64? = 86_400
    /// How long a pod may fail to start for a reason that waiting rarely mends, such as an image that cannot be pulled.
    package var pendingTimeout: Duration = .seconds(600)
    package var code: Code = .image
    /// The image of the init container that fetches the commit; it needs `git` and `sh`.
    package var gitImage = "alpine/git"
    /// An address of this machine that pods can reach: the run's tracking endpoint listens there.
    package var trackingAddress: String?
    /// The name under which the cluster has the graphics processors that are asked for.
    package var graphicsResource = "nvidia.com/gpu"
    /// The client's program.
    package var kubectl = "kubectl"

    package init() {}

    /// Reads the JSON text; all mistakes at once.
    package init(json: String) throws {
        self.init()
        let root: JSONValue?
        do {
            root = try JSONReader.read(Array(json.utf8).span)
        } catch {
            throw InvalidInput("the backend configuration is not valid JSON: \(error.reason)")
        }
        guard let object = (root ?? .object(JSONObject())).object else {
            throw InvalidInput("the backend configuration is not a JSON object")
        }
        var reader = ConfigurationReader(object)
        context = reader.text("kube-context")
        repository = reader.text("repository-uri")
        templatePath = reader.text("kube-job-template-path").map { FilePath($0) }
        namespace = reader.text("namespace")
        if let namespace, !ObjectName.isLabel(namespace) {
            reader.refuse("namespace", "'\(namespace)' is no name of a namespace")
        }
        image = reader.text("image")
        pullPolicy = reader.choice("image-pull-policy")
        secrets = reader.secrets("secrets")
        pullSecrets = reader.secretNames("image-pull-secrets")
        if let value = reader.duration("ttl-seconds-after-finished", isOptional: true) {
            timeToLive = value?.components.seconds
        }
        if let value = reader.duration("pending-timeout") { pendingTimeout = value }
        code = reader.choice("code") ?? code
        gitImage = reader.text("git-image") ?? gitImage
        trackingAddress = reader.text("tracking-address")
        if let name = reader.text("gpu-resource") {
            if !ObjectName.isExtendedResource(name) {
                reader.refuse(
                    "gpu-resource", "'\(name)' is no name of a resource", remedy: "write for example \"amd.com/gpu\"")
            }
            graphicsResource = name
        }
        kubectl = reader.text("kubectl") ?? kubectl
        try reader.finish()
    }
}

/// Takes keys out of the object; what is left at the end is unknown.
private struct ConfigurationReader {
    private var object: JSONObject
    private var known: [String] = []
    private var findings: [Diagnostic] = []

    init(_ object: JSONObject) {
        self.object = object
    }

    mutating func refuse(_ key: String, _ what: String, remedy: String? = nil) {
        findings.append(Diagnostic(.error, "backend configuration, '\(key)': \(what)", remedy: remedy))
    }

    private mutating func take(_ key: String) -> JSONValue? {
        known.append(key)
        defer { object[key] = nil }
        return object[key]
    }

    mutating func text(_ key: String) -> String? {
        switch take(key) {
        case nil, .null: return nil
        case .string(let text) where !text.isEmpty && !text.utf8.contains(where: { $0 < 0x20 }): return text
        case .string: refuse(key, "it is empty or contains control characters")
        default: refuse(key, "it must be text")
        }
        return nil
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ key: String) -> Choice?
    where Choice.RawValue == String {
        guard let text = text(key) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let names = Choice.allCases.map(\.rawValue)
        refuse(
            key, "there is no '\(text)'",
            remedy: nearestName(to: text, among: names).map { "did you mean '\($0)'?" }
                ?? "choose one of \(names.joined(separator: ", "))")
        return nil
    }

    mutating func duration(_ key: String) -> Duration? {
        duration(key, isOptional: false) ?? nil
    }

    /// Seconds as a number, or `90s`, `10m`, `2h`.
    ///
    /// - Returns: nil when the key is missing; `.some(nil)` for an explicit null.
    mutating func duration(_ key: String, isOptional: Bool) -> Duration?? {
        switch take(key) {
        case nil: return nil
        case .null where isOptional: return .some(nil)
        case .integer(let seconds) where (0...31_536_000).contains(seconds): return .seconds(seconds)
        case .string(let text):
            let factors: [Character: Int64] = ["s": 1, "m": 60, "h": 3600]
            if let unit = text.last, let factor = factors[unit], let number = Int64(text.dropLast()),
                (0...8760).contains(number) || (factor < 3600 && (0...525_600).contains(number))
            {
                return .seconds(number * factor)
            }
            refuse(key, "'\(text)' is no duration", remedy: "write seconds as a number, or '90s', '10m', '2h'")
        default: refuse(key, "it must be a number of seconds", remedy: "or a text such as '10m'")
        }
        return nil
    }

    mutating func secretNames(_ key: String) -> [String] {
        switch take(key) {
        case nil, .null: return []
        case .array(let elements): return secretNames(elements, of: key)
        default:
            refuse(key, "it must be a list of secrets' names")
            return []
        }
    }

    private mutating func secretNames(_ elements: [JSONValue], of key: String) -> [String] {
        elements.compactMap { element in
            if let name = element.string, ObjectName.isSubdomain(name) { return name }
            refuse(key, "\(element.shownInMessage) is no name of a secret")
            return nil
        }
    }

    /// `["name", …]`, or `{"VARIABLE": "name/key", …}`.
    mutating func secrets(_ key: String) -> [KubernetesConfiguration.SecretSource] {
        var sources: [KubernetesConfiguration.SecretSource] = []
        switch take(key) {
        case nil, .null: break
        case .array(let elements):
            sources = secretNames(elements, of: key).map { .all(secret: $0) }
        case .object(let object):
            for member in object.members {
                let parts = (member.value.string ?? "").split(separator: "/", omittingEmptySubsequences: false)
                guard parts.count == 2, let secret = parts.first, let secretKey = parts.last, !secretKey.isEmpty,
                    ObjectName.isSubdomain(String(secret)), ObjectName.isVariable(member.name)
                else {
                    refuse(
                        key, "'\(member.name)': \(member.value.shownInMessage) does not name a key of a secret",
                        remedy: "write \"VARIABLE\": \"secret/key\"")
                    continue
                }
                sources.append(.key(variable: member.name, secret: String(secret), key: String(secretKey)))
            }
        default:
            refuse(key, "it must be a list of secrets' names, or an object \"VARIABLE\": \"secret/key\"")
        }
        return sources
    }

    mutating func finish() throws {
        for member in object.members {
            refuse(member.name, "unknown key", remedy: suggestion(for: member.name, among: known, kind: "keys"))
        }
        guard findings.isEmpty else { throw InvalidInput(findings) }
    }
}
