/// A key pair for Amazon's services, or for anything that speaks their protocol.
///
/// Its text form shows no secret.
struct AWSCredentials: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    var accessKeyID: String
    var secretAccessKey: String
    var sessionToken: String?
    var expiry: UTCTime?

    var description: String { "access key \(accessKeyID.prefix(4))…" }
    var debugDescription: String { description }

    /// Ends within five minutes: a request made now might arrive too late.
    func isExpiring(at now: UTCTime) -> Bool {
        expiry.map { $0 <= now.adding(seconds: 300) } ?? false
    }
}

/// Finds credentials where Amazon's own clients look for them, in the same order, and renews those that expire.
///
/// Environment; web identity token; the profile of the shared files (keys, a role with a source profile or a token file); container;
/// instance metadata. Programs a profile names (`credential_process`) and single sign-on are not run: the error says what to do instead.
actor AWSCredentialChain {
    private let environment: [String: String]
    private let http: OutgoingHTTP
    private var cached: AWSCredentials?
    private var pending: Task<AWSCredentials, any Error>?

    init(environment: [String: String], http: OutgoingHTTP) {
        self.environment = environment
        self.http = http
    }

    /// - Throws: `ArtifactError` with `denied` listing every place that was looked at.
    func credentials() async throws -> AWSCredentials {
        if let cached, !cached.isExpiring(at: .now()) { return cached }
        // One look-up for all who wait; it belongs to the chain, so that one cancelled caller does not fail the others.
        let task =
            pending
            ?? Task { [environment, http] in
                try await AWSCredentialSources(environment: environment, http: http).find()
            }
        pending = task
        defer { if pending == task { pending = nil } }
        let found = try await task.value
        cached = found
        return found
    }

    /// Forgets what was found, after a service refused it as expired.
    func forget() {
        cached = nil
    }
}

/// The places credentials come from.
struct AWSCredentialSources: Sendable {
    let environment: [String: String]
    let http: OutgoingHTTP
    /// How long a connection to the metadata service may take: short, since elsewhere nobody is at that address.
    var metadataTimeout: Duration = .seconds(1)

    func find() async throws -> AWSCredentials {
        if let found = try fromEnvironment() { return found }
        if let arn = value("AWS_ROLE_ARN"), let file = value("AWS_WEB_IDENTITY_TOKEN_FILE") {
            return try await SecurityTokenService(environment: environment, http: http).assumeRole(
                arn, sessionName: value("AWS_ROLE_SESSION_NAME"), tokenFile: file)
        }
        let profiles = try AWSProfiles(environment: environment)
        if let found = try await fromProfile(profiles.selected, of: profiles) { return found }
        if let found = try await fromContainer() { return found }
        if let found = try await fromInstance() { return found }
        throw ArtifactError(
            .denied,
            """
            no AWS credentials: neither in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), nor as a web identity \
            (AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE), nor in the profile '\(profiles.selected)' of '\(profiles.credentialsFile)' or \
            '\(profiles.configFile)', nor from a container or an instance role
            """,
            remedy: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or choose a profile with AWS_PROFILE")
    }

    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }

    private func fromEnvironment() throws -> AWSCredentials? {
        guard let key = value("AWS_ACCESS_KEY_ID") else { return nil }
        guard let secret = value("AWS_SECRET_ACCESS_KEY") else {
            throw ArtifactError(
                .denied, "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not", remedy: "set both or neither")
        }
        let token = value("AWS_SESSION_TOKEN") ?? value("AWS_SECURITY_TOKEN")
        return AWSCredentials(accessKeyID: key, secretAccessKey: secret, sessionToken: token)
    }

    private func fromProfile(
        _ name: String, of profiles: AWSProfiles, visited: Set<String> = []
    ) async throws -> AWSCredentials? {
        let profile = try profiles.profile(name)
        func refused(_ what: String, _ remedy: String) -> ArtifactError {
            ArtifactError(.denied, "the AWS profile '\(name)' \(what)", remedy: remedy)
        }
        if let arn = profile["role_arn"] {
            let service = SecurityTokenService(environment: environment, http: http, region: profile["region"])
            if let file = profile["web_identity_token_file"] {
                return try await service.assumeRole(arn, sessionName: profile["role_session_name"], tokenFile: file)
            }
            guard profile["mfa_serial"] == nil else {
                throw refused(
                    "asks for a one-time code",
                    "get temporary keys with 'aws configure export-credentials --format env'")
            }
            guard !visited.contains(name), visited.count < 8 else {
                throw refused(
                    "leads back to itself through source_profile", "end the chain with a profile that has keys")
            }
            let source: AWSCredentials?
            if let sourceName = profile["source_profile"] {
                // A profile may name itself: then its own keys take the role.
                source =
                    sourceName == name
                    ? try Self.keys(of: profile, name)
                    : try await fromProfile(sourceName, of: profiles, visited: visited.union([name]))
            } else {
                switch profile["credential_source"] {
                case "Environment": source = try fromEnvironment()
                case "EcsContainer": source = try await fromContainer()
                case "Ec2InstanceMetadata": source = try await fromInstance()
                default:
                    throw refused(
                        "has a role_arn but neither source_profile nor a known credential_source",
                        "add source_profile, or credential_source = Environment, EcsContainer or Ec2InstanceMetadata")
                }
            }
            guard let source else {
                throw refused("takes its role with credentials that are not there", "check its source_profile")
            }
            return try await service.assumeRole(
                arn, sessionName: profile["role_session_name"], externalID: profile["external_id"], as: source)
        }
        if let keys = try Self.keys(of: profile, name) { return keys }
        if profile["credential_process"] != nil {
            throw refused(
                "gets its keys from a program (credential_process), which is not run",
                "run it yourself, or: eval \"$(aws configure export-credentials --profile \(name) --format env)\"")
        }
        if profile.keys.contains(where: { $0.hasPrefix("sso_") }) {
            throw refused(
                "uses single sign-on, which is not supported",
                "run: eval \"$(aws configure export-credentials --profile \(name) --format env)\"")
        }
        return nil
    }

    private static func keys(of profile: [String: String], _ name: String) throws -> AWSCredentials? {
        guard let key = profile["aws_access_key_id"] else { return nil }
        guard let secret = profile["aws_secret_access_key"] else {
            throw ArtifactError(
                .denied, "the AWS profile '\(name)' has aws_access_key_id but no aws_secret_access_key",
                remedy: "add the missing line")
        }
        return AWSCredentials(accessKeyID: key, secretAccessKey: secret, sessionToken: profile["aws_session_token"])
    }
}
