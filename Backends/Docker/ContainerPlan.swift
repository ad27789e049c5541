import Containers
import Diagnostics
import Execution
import Files
import Glibc
import Processes
import Projects
import SystemPackage
import Tracking

/// The command line that makes a job's container: every word of it, and the variables that must not be on it.
struct ContainerPlan: Sendable {
    /// Labels, by which containers are found again.
    enum Label {
        static let run = "io.swiftflow.run"
        static let job = "io.swiftflow.job"
        static let runner = "io.swiftflow.runner"
        static let pipeline = "io.swiftflow.pipeline"
    }

    /// After `docker run` or `docker create`.
    var arguments: [String] = []
    /// `NAME=VALUE` lines for `--env-file /dev/stdin`: values are neither arguments, which everybody can read, nor files.
    var variableLines: [UInt8] = []
    /// Variables such a line cannot hold; they go through the client's own environment.
    var clientVariables: [String: String] = [:]
    var notes: [String] = []

    /// What the client reads while it creates the container.
    var standardInput: StandardInput { variableLines.isEmpty ? .null : .bytes(variableLines) }

    /// - Parameter image: what to run, by its id, so that it is the one that was looked at.
    init(
        _ job: Job, _ needs: ContainerNeeds, image: String, place: EnginePlace, flavour: ContainerClient.Flavour,
        configuration: DockerConfiguration, environment: [String: String]
    ) throws {
        arguments += [
            "--label", "\(Label.run)=\(job.run.runID)", "--label", "\(Label.job)=\(job.name)",
            "--label", "\(Label.runner)=\(ProcessIdentity.current)",
        ]
        if let pipeline = job.pipelineRunID { arguments += ["--label", "\(Label.pipeline)=\(pipeline)"] }
        if !needs.hasOption("name") { arguments += ["--name", job.name] }
        // The shell inside is process 1, to which TERM means nothing; an init passes it on, to the whole group as for local runs.
        arguments += ["--init", "--env", "TINI_KILL_PROCESS_GROUP=1"]
        // An image may ask for another signal, such as INT, which shells and what they start in the background do not hear.
        if !needs.hasOption("stop-signal") { arguments += ["--stop-signal", "TERM"] }
        if case .inherited = job.standardInput { arguments.append("--interactive") }

        addUser(needs, place, flavour, configuration)
        try addProject(job, needs, place)
        addNetwork(job, needs, place, flavour, configuration)
        addResources(job.resources)
        addGraphicsProcessors(job, flavour)
        let access = ArtifactStoreAccess(for: job.run.artifactURI, environment: environment) { fileStatus($0) != nil }
        if place.isThisMachine { addMounts(job, access) }
        try addPaths(needs, job, place)
        arguments += needs.volumes.map { "--volume=\($0)" }
        try addVariables(job, needs, access, environment: environment)
        // Last, so that the user's word counts where both say something.
        arguments += needs.options
        // The command is one word for the shell inside; nothing on this side reads it.
        arguments += [image, "sh", "-c", job.command]
    }

    private mutating func addUser(
        _ needs: ContainerNeeds, _ place: EnginePlace, _ flavour: ContainerClient.Flavour,
        _ configuration: DockerConfiguration
    ) {
        guard configuration.runsAsCaller, !needs.hasOption("u", "user") else { return }
        if place.isRootless {
            // Inside, root is the caller already; podman needs to be told.
            if flavour == .podman { arguments.append("--userns=keep-id") }
        } else {
            arguments += ["--user", "\(getuid()):\(getgid())"]
        }
    }

    private mutating func addProject(_ job: Job, _ needs: ContainerNeeds, _ place: EnginePlace) throws {
        if needs.buildsImage {
            if !needs.hasOption("w", "workdir") { arguments += ["--workdir", ImageBuild.codeFolder] }
            return
        }
        guard place.isThisMachine else {
            throw ContainerError(
                .engineUnsuitable,
                "the container engine is on another machine (\(redactedURL(place.location))), which cannot mount the project's folder",
                remedy: "run it with --build-image, which sends the project along")
        }
        // At the same place inside, so that paths in parameters mean the same on both sides.
        let folder = job.source.projectFolder
        guard folder.isAbsolute, !folder.components.isEmpty else {
            throw ContainerError(
                .refused, "the project's folder '\(folder)' cannot be mounted into a container",
                remedy: "run it with --build-image")
        }
        arguments += ["--mount", bindMountArgument(from: folder.string, to: folder.string)]
        if !needs.hasOption("w", "workdir") { arguments += ["--workdir", job.workingDirectory.string] }
    }

    private mutating func addNetwork(
        _ job: Job, _ needs: ContainerNeeds, _ place: EnginePlace, _ flavour: ContainerClient.Flavour,
        _ configuration: DockerConfiguration
    ) {
        guard !needs.hasOption("net", "network") else { return }
        if let network = configuration.network {
            arguments += ["--network", network]
            if network != "host", let uri = job.ownVariables["MLFLOW_TRACKING_URI"], isLoopback(uri) {
                notes.append(
                    "the network '\(network)' keeps the container from the tracking server at \(redactedURL(uri)): leave out \"network\", or use a server that containers reach"
                )
            }
        } else if place.bridgeAddress == nil, place.isThisMachine, !place.isRootless || flavour == .podman {
            arguments += ["--network", "host"]
        } else if let uri = job.ownVariables["MLFLOW_TRACKING_URI"], isLoopback(uri) {
            // A server the user has started on this machine: from a network of its own the container would never find it.
            notes.append(
                "the tracking server is at \(redactedURL(uri)): the container uses the network of this machine")
            arguments += ["--network", "host"]
        }
    }

    private func isLoopback(_ uri: String) -> Bool {
        guard let start = uri.firstRange(of: "://") else { return false }
        let authority = uri[start.upperBound...].prefix { !"/?#".contains($0) }
        let host = authority.split(separator: "@").last ?? ""
        return host.hasPrefix("localhost") || host.hasPrefix("127.") || host.hasPrefix("[::1]")
    }

    private mutating func addResources(_ resources: ResourceRequest) {
        if let processors = resources.processors { arguments.append("--cpus=\(processors)") }
        if let memory = resources.memory {
            // Without swap: a limit that is passed should be seen, not slow everything down.
            arguments += ["--memory=\(memory)", "--memory-swap=\(memory)"]
        }
        if resources.disk != nil {
            notes.append("the container engine does not limit disk space; the request is not enforced")
        }
    }

    private mutating func addGraphicsProcessors(_ job: Job, _ flavour: ContainerClient.Flavour) {
        guard let count = job.resources.graphicsProcessors, count > 0 else { return }
        let lent = Self.lentDevices(job)
        switch flavour {
        case .docker:
            // A list within the list of the option's fields.
            let devices = lent.map { "\"device=\($0.map(String.init).joined(separator: ","))\"" }
            arguments.append("--gpus=\(devices ?? String(count))")
        case .podman:
            // Podman 4 takes `--gpus` and does nothing; by these names every one finds what its machine's CDI files describe.
            for device in lent ?? Array(0..<min(count, 64)) { arguments += ["--device", "nvidia.com/gpu=\(device)"] }
        }
    }

    /// The numbers of the devices that the job was lent by its runner; nil when any will do.
    private static func lentDevices(_ job: Job) -> [Int]? {
        guard let text = job.ownVariables[lentDevicesVariable] else { return nil }
        let devices = text.split(separator: ",").compactMap { Int($0) }
        return devices.count == job.resources.graphicsProcessors ? devices : nil
    }

    private static let lentDevicesVariable = "CUDA_VISIBLE_DEVICES"

    private mutating func addMounts(_ job: Job, _ access: ArtifactStoreAccess) {
        if let folder = job.artifactFolder {
            arguments += ["--mount", bindMountArgument(from: folder.string, to: folder.string)]
        }
        if let folder = job.downloadFolder {
            arguments += ["--mount", bindMountArgument(from: folder.string, to: folder.string, isReadOnly: true)]
        }
        for mount in access.mounts {
            arguments += ["--mount", bindMountArgument(from: mount.source, to: mount.target, isReadOnly: true)]
        }
        // `--child-tracking direct`: the database with the files SQLite keeps beside it, at the same place.
        if let uri = job.ownVariables["MLFLOW_TRACKING_URI"], uri.hasPrefix("sqlite:////") {
            let file = FilePath(String(uri.dropFirst("sqlite:///".count).prefix { $0 != "?" }))
            let folder = file.removingLastComponent().string
            arguments += ["--mount", bindMountArgument(from: folder, to: folder)]
        }
    }

    /// What `path` parameters name, at its own place, so that it means the same inside.
    private mutating func addPaths(_ needs: ContainerNeeds, _ job: Job, _ place: EnginePlace) throws {
        // Of what is mounted anyway nothing is mounted twice.
        let known = [job.artifactFolder, job.downloadFolder].compactMap(\.self)
        let paths = needs.readablePaths.filter { path in !known.contains { path.starts(with: $0) } }
        guard place.isThisMachine || paths.isEmpty && job.downloadFolder == nil else {
            throw ContainerError(
                .engineUnsuitable,
                "the container engine is on another machine (\(redactedURL(place.location))), which does not see the files that parameters of type 'path' name",
                remedy: "declare them as 'uri' and let the command fetch what they name")
        }
        for path in paths {
            arguments += ["--mount", bindMountArgument(from: path.string, to: path.string, isReadOnly: true)]
        }
    }

    private mutating func addVariables(
        _ job: Job, _ needs: ContainerNeeds, _ access: ArtifactStoreAccess, environment: [String: String]
    ) throws {
        var variables = access.variables
        // A user who is in no password file has no home folder; many programs insist on one.
        if configurationNeedsHome { variables["HOME"] = "/tmp" }
        if let uri = job.ownVariables["MLFLOW_TRACKING_URI"], uri.hasPrefix("http") {
            for name in [
                "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN",
                "MLFLOW_TRACKING_INSECURE_TLS",
            ] {
                if let value = environment[name] { variables[name] = value }
            }
        }
        variables.merge(job.ownVariables) { _, own in own }
        // Inside there are no others, and they are counted from 0.
        if Self.lentDevices(job) != nil { variables[Self.lentDevicesVariable] = nil }
        for (name, value) in needs.variables { variables[name] = value }
        for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
            let needsEnvironment =
                value.utf8.count > 60_000 || value.utf8.contains { $0 == 0x0A || $0 == 0x0D || $0 == 0 }
            if !needsEnvironment {
                variableLines += Array("\(name)=\(value)\n".utf8)
            } else if Self.leadsTheClient(name) || environment[name] != nil && environment[name] != value {
                throw ContainerError(
                    .refused,
                    "the value of the variable '\(name)' has several lines or is very long, and the container client has a use for that name itself",
                    remedy: "give it to the command under another name")
            } else {
                clientVariables[name] = value
                arguments += ["--env", name]
            }
        }
        if !variableLines.isEmpty { arguments += ["--env-file", "/dev/stdin"] }
    }

    private var configurationNeedsHome: Bool {
        guard let index = arguments.firstIndex(of: "--user"), index + 1 < arguments.count else { return false }
        return !arguments[index + 1].hasPrefix("0:")
    }

    /// Variables that would change what the client does, or where it looks.
    private static func leadsTheClient(_ name: String) -> Bool {
        ["DOCKER_", "BUILDKIT_", "LD_", "GO", "XDG_", "CONTAINER", "STORAGE_", "SSL_"].contains(where: name.hasPrefix)
            || ["PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK"].contains(name) || name.lowercased().hasSuffix("_proxy")
    }
}
