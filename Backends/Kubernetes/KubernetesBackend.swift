import Diagnostics
package import Execution
import Files
import JSON
import Processes
import Projects
package import SystemPackage
import Tracking

/// Runs jobs as Kubernetes Jobs, through the user's own `kubectl`.
///
/// A job of ours is one Job object with a name that follows from the run, so that it is never submitted twice, and is found again by whoever
/// comes after a runner that died.
package struct KubernetesBackend: Backend {
    package let name = "kubernetes"
    package let runsContainers = true

    private let configuration: KubernetesConfiguration
    private let clusters: KubernetesClusters
    private let environment: [String: String]
    private let workingDirectory: FilePath

    /// - Parameters:
    ///   - clusters: shared by all backends of a program, so that jobs in the same place share a connection.
    ///   - environment: the caller's, which leads kubectl to its clusters.
    ///   - workingDirectory: the caller's, from where the template's path is meant.
    package init(
        _ configuration: BackendConfiguration, clusters: KubernetesClusters, environment: [String: String],
        workingDirectory: FilePath
    ) throws {
        self.configuration = try KubernetesConfiguration(json: configuration.json)
        self.clusters = clusters
        self.environment = environment
        self.workingDirectory = workingDirectory
    }

    package func trackingReach() -> TrackingReach {
        // Jobs are told another address than the store's: whether they reach ours is of no interest.
        if trackingOverride != nil { return .thisMachine }
        if let address = configuration.trackingAddress { return .address(bind: address, host: address) }
        return .none(
            reason:
                "pods do not reach this machine's loopback; to let them reach this machine, set \"tracking-address\" in the backend configuration to an address of it"
        )
    }

    private var trackingOverride: String? {
        environment["KUBE_MLFLOW_TRACKING_URI"].flatMap { $0.isEmpty ? nil : $0 }
    }

    // MARK: Before the run

    package func check(_ job: ProspectiveJob) async throws {
        let place = try await place()
        let images = images
        try await images.check(
            job.container, projectName: job.projectName, source: job.source,
            templateHasImage: place.template.hasImage)
        try VisibleFiles(
            of: job.source, configuration.code, place.template, buildsImage: job.container?.buildsImage == true
        ).check(job.paths)
        _ = try await code(for: job.source, job.container, paths: job.paths, name: "sf-check")
        _ = try variables(of: job.container, source: job.source, environment: job.environment)
        for volume in job.container?.volumes ?? [] {
            job.report(
                .warning(
                    Diagnostic(
                        .warning,
                        "the volume '\(volume)' of 'docker_env' names a folder of this machine, which pods do not see",
                        remedy: "mount what the job needs in its template (kube-job-template-path)")))
        }
        // The cluster's own judgement of names, rights and fields (row K-07).
        var manifest = JobManifest(
            template: place.template, name: "sf-check", namespace: place.paths.namespace, projectName: job.projectName,
            image: configuration.image ?? job.container?.image, command: "true", code: .image)
        fill(&manifest, resources: job.resources)
        var object = manifest.json.object ?? JSONObject()
        // No name: it must not matter whether one is taken.
        var metadata = object["metadata"]?.object ?? JSONObject()
        metadata["name"] = nil
        metadata["generateName"] = .string("sf-check-")
        object["metadata"] = .object(metadata)
        do {
            _ = try await place.cluster.create("\(place.paths.jobs)?dryRun=All", .object(object))
        } catch let error as ClusterError where error.kind == .notFound {
            throw ClusterError(
                .notFound, "the cluster has no namespace '\(place.paths.namespace)'",
                remedy: "create it, or set \"namespace\" in the backend configuration")
        }
    }

    // MARK: The run

    package func submit(_ job: Job) async throws -> any SubmittedJob {
        let place = try await place()
        let image = try await images.prepare(job)
        let manifest = try await manifest(for: job, image: image?.reference, in: place)
        if let folder = job.artifactFolder, !place.template.mounts(folder) {
            job.report(
                .warning(
                    Diagnostic(
                        .warning,
                        "the run's artifacts belong into '\(folder)' on this machine, which pods do not see: what the command logs as an artifact stays in its pod and goes with it",
                        remedy:
                            "use a server that keeps them (swiftflow server), or an experiment whose artifacts lie in S3"
                    )))
        }
        let submission = Submission(cluster: place.cluster, paths: place.paths, name: job.name, report: job.report)
        let object = try await submission.submit(manifest)
        var tags: [Tag] = []
        if let image {
            tags.append(Tag(WellKnownTag.dockerImageURI, image.uri))
            if let id = image.id { tags.append(Tag(WellKnownTag.dockerImageID, id)) }
        }
        return follow(
            job, in: place, runner: clusters.runnerID, tags: tags,
            handle: "\(place.paths.namespace)/\(job.name)/\(object["metadata"]?["uid"]?.string ?? "")",
            endMark: manifest.endMark, output: passedOn(to: job))
    }

    package func reattach(_ job: Job, handle: String?) async throws -> Reattachment {
        let place = try await place()
        let state: JobState
        do {
            let answer = try await place.cluster.get(place.paths.job(job.name))
            guard let found = JobState(answer) else { throw ClusterError(.other, "the job '\(job.name)' has no name") }
            state = found
        } catch let error as ClusterError where error.kind == .notFound {
            guard handle != nil else { return .neverSubmitted }
            return .gone(
                reason:
                    "the job '\(job.name)' is no longer in the namespace '\(place.paths.namespace)': it was deleted, or kept no longer after its end"
            )
        }
        guard state.runID == job.run.runID else {
            return .gone(
                reason: "the job '\(job.name)' in the cluster belongs to another run (\(state.runID ?? "none"))")
        }
        if state.isBeingDeleted { return .gone(reason: "the job '\(job.name)' is being deleted") }
        let output = KnownOutput(of: job, isOneStream: true).skipping(passedOn(to: job))
        let submitted = follow(
            job, in: place, runner: state.runner ?? "", tags: [],
            handle: "\(place.paths.namespace)/\(state.name)/\(state.id)",
            endMark: state.endMark, output: output)
        if state.condition("Complete") != nil || state.condition("Failed") != nil {
            // Its log is part of its end.
            _ = await submitted.wait()
            return .ended(submitted)
        }
        return .running(submitted)
    }

    private func passedOn(to job: Job) -> @Sendable (RawSpan) -> Void {
        let output = job.output
        // The cluster keeps both streams as one.
        return { output.receive(.standardOutput, $0) }
    }

    private func follow(
        _ job: Job, in place: Place, runner: String, tags: [Tag], handle: String,
        endMark: String?, output: @escaping @Sendable (RawSpan) -> Void
    ) -> KubernetesJob {
        let watch = clusters.watch(
            cluster: place.cluster, key: place.key, paths: place.paths,
            selector: "\(ObjectLabel.managedBy)=\(ObjectLabel.product),\(ObjectLabel.runner)=\(runner)")
        let follower = JobFollower(
            name: job.name, cluster: place.cluster, paths: place.paths, watch: watch,
            settings: JobFollower.Settings(pendingTimeout: configuration.pendingTimeout),
            hasConfigMap: configuration.code == .configMap, endMark: endMark, output: output,
            report: job.report)
        return KubernetesJob(follower: follower, handle: handle, tags: tags)
    }

    // MARK: The manifest

    private var images: ImagePreparation {
        ImagePreparation(
            configured: configuration.image, repository: configuration.repository, environment: environment,
            workingDirectory: workingDirectory, starter: clusters.starter)
    }

    private func manifest(for job: Job, image: String?, in place: Place) async throws -> JobManifest {
        let code = try await code(for: job.source, job.container, paths: job.paths, name: job.name)
        var manifest = JobManifest(
            template: place.template, name: job.name, namespace: place.paths.namespace, projectName: job.projectName,
            image: image, command: job.command, code: code)
        guard ObjectName.isLabel(job.name) else {
            throw InvalidInput(
                "'\(job.name)' cannot be the name of a job", remedy: "use at most 63 of a-z, 0-9 and '-'")
        }
        fill(&manifest, resources: job.resources)
        manifest.labels += [
            (ObjectLabel.runID, job.run.runID), (ObjectLabel.experimentID, job.run.experimentID),
            (ObjectLabel.job, job.name), (ObjectLabel.runner, clusters.runnerID),
        ]
        manifest.annotations = [
            (ObjectLabel.entryPoint, job.entryPoint), (ObjectLabel.submission, randomName()),
        ]
        if let project = job.projectName { manifest.annotations.append((ObjectLabel.project, project)) }
        manifest.variables = variables(for: job)
        return manifest
    }

    private func fill(_ manifest: inout JobManifest, resources: ResourceRequest) {
        manifest.labels = [(ObjectLabel.managedBy, ObjectLabel.product)]
        manifest.pullPolicy = configuration.pullPolicy
        manifest.secrets = configuration.secrets
        manifest.pullSecrets = configuration.pullSecrets
        manifest.resources = resources
        manifest.graphicsResource = configuration.graphicsResource
        manifest.timeToLive = configuration.timeToLive
    }

    /// The project's variables, then ours, by name; a later one wins.
    private func variables(for job: Job) -> [(name: String, value: String)] {
        var result: [String: String] = [:]
        let own = (try? variables(of: job.container, source: job.source, environment: job.environment)) ?? []
        for (name, value) in own { result[name] = value }
        result.merge(job.ownVariables) { _, new in new }
        if let uri = trackingOverride {
            // Another server: the key to ours means nothing to it, and it is not told.
            for name in ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"] {
                result[name] = nil
            }
            result["MLFLOW_TRACKING_URI"] = uri
        } else if let uri = result["MLFLOW_TRACKING_URI"], Self.isLoopback(uri) {
            job.report(
                .warning(
                    Diagnostic(
                        .warning,
                        "the tracking server's address is '\(redactedURL(uri))', which in a pod means the pod itself",
                        remedy: "set KUBE_MLFLOW_TRACKING_URI to how pods reach the server")))
        }
        return result.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private static func isLoopback(_ uri: String) -> Bool {
        guard let start = uri.firstRange(of: "://")?.upperBound else { return false }
        let host = uri[start...].prefix { !"/?#".contains($0) }.split(separator: "@").last ?? ""
        return ["localhost", "127.", "[::1]", "0.0.0.0"].contains { host.hasPrefix($0) }
    }

    /// The variables of `docker_env`; copies of a fetched project need leave (row K-04).
    private func variables(
        of container: ContainerRequest?, source: JobSource, environment: [String: String]
    ) throws -> [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        var findings: [Diagnostic] = []
        for variable in container?.variables ?? [] {
            switch variable {
            case .set(let name, let value): result.append((name, value))
            case .copied(let name):
                if source.isFetched, container?.allowsHostVariables != true {
                    findings.append(
                        Diagnostic(
                            .error, "the fetched project wants a copy of this machine's variable '\(name)'",
                            remedy: "allow it with --allow-env if you trust the project"))
                } else if let value = environment[name] {
                    result.append((name, value))
                } else {
                    findings.append(
                        Diagnostic(
                            .error, "the project wants a copy of the variable '\(name)', which is not set",
                            remedy: "set it, or give it a value in 'docker_env'"))
                }
            }
        }
        for (name, _) in result where !ObjectName.isVariable(name) {
            findings.append(Diagnostic(.error, "'\(name)' in 'docker_env' is no name of a variable"))
        }
        guard findings.isEmpty else { throw InvalidInput(findings) }
        return result
    }

    private func code(
        for source: JobSource, _ container: ContainerRequest?, paths: [PathParameter], name: String
    ) async throws -> CodeDelivery {
        switch configuration.code {
        case .image:
            guard container?.buildsImage == true else { return .image }
            return .built(from: source.projectFolder, paths: paths.compactMap(\.path))
        case .configMap:
            return .configMap(
                name: name, files: try CodeFile.files(of: source.projectFolder),
                folder: CodeDelivery.place(of: source.projectFolder))
        case .git:
            guard let url = source.repositoryURL, let commit = source.commit else {
                throw InvalidInput(
                    "\"code\": \"git\" needs a project whose files are those of a commit that its repository's URL knows",
                    remedy: "commit and push the changes, run the project by its URL, or use \"code\": \"configmap\"")
            }
            var root = source.projectFolder
            for _ in source.subdirectory.components { root.removeLastComponent() }
            return .git(
                image: configuration.gitImage, url: url, commit: commit, folder: CodeDelivery.place(of: root),
                subdirectory: source.subdirectory)
        }
    }

    // MARK: The place

    /// Where jobs go: known once the template was read and kubectl asked.
    private struct Place: Sendable {
        var cluster: any ClusterAPI
        var template: JobTemplate
        var paths: ClusterPaths
        var key: String
    }

    private func place() async throws -> Place {
        let template =
            try configuration.templatePath.map { try JobTemplate(reading: workingDirectory.pushing($0)) } ?? .minimal
        if let wanted = configuration.namespace, let written = template.namespace, wanted != written {
            throw InvalidInput(
                "the job template is for the namespace '\(written)', the backend configuration for '\(wanted)'",
                remedy: "leave one of them out")
        }
        let kubectl = try Kubectl(
            named: configuration.kubectl, context: configuration.context, environment: environment,
            workingDirectory: workingDirectory, starter: clusters.starter)
        let given = configuration.namespace ?? template.namespace
        let key = "\(configuration.kubectl) \(configuration.context ?? "") \(environment["KUBECONFIG"] ?? "")"
        let namespace: String
        if let given { namespace = given } else { namespace = try await clusters.namespace(for: key, of: kubectl) }
        return Place(
            cluster: kubectl, template: template, paths: ClusterPaths(namespace: namespace), key: "\(key) \(namespace)")
    }
}

extension JobTemplate {
    /// Whether the first container says in which image it runs.
    var hasImage: Bool {
        job["spec"]?["template"]?["spec"]?["containers"]?.array?.first?["image"]?.string != nil
    }
}

/// A job in the cluster.
struct KubernetesJob: SubmittedJob {
    private let follower: JobFollower
    let handle: String?
    let tags: [Tag]
    private let following: Task<JobEnd, Never>

    init(follower: JobFollower, handle: String, tags: [Tag]) {
        self.follower = follower
        self.handle = handle
        self.tags = tags
        // An unstructured task, because the job goes on whoever waits for it.
        following = Task { await follower.follow() }
    }

    func wait() async -> JobEnd { await following.value }

    func cancel(grace: Duration) async {
        await follower.stop(grace: grace)
        _ = await following.value
    }

    func kill() async { await cancel(grace: .zero) }
}
