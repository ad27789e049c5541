import Containers
import Diagnostics
package import Execution
import Files
import Glibc
package import Processes
import Projects
import Synchronization
package import SystemPackage
import Tracking

/// Runs jobs in containers of this machine's engine, through the user's own `docker` or `podman`.
///
/// A job's container is started with a client attached that carries its output, asked how it ended where that client does not know, and
/// removed. A guard kept beside the client stops the container when the runner dies; what even that leaves behind, the next start finds by
/// its label.
package struct DockerBackend: Backend {
    package let name = "docker"
    package let runsContainers = true
    private let configuration: DockerConfiguration
    let environment: [String: String]
    let workingDirectory: FilePath
    let starter: any ProcessStarter
    private let memory = EngineMemory()

    /// - Parameter environment: the caller's, which leads the client to its engine.
    package init(
        _ configuration: BackendConfiguration = BackendConfiguration(), environment: [String: String],
        workingDirectory: FilePath, starter: any ProcessStarter
    ) throws {
        self.configuration = try DockerConfiguration(configuration)
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.starter = starter
    }

    func client() throws -> ContainerClient {
        try ContainerClient(
            configuration.client, environment: environment, workingDirectory: workingDirectory, starter: starter)
    }

    private func place(_ client: ContainerClient) async throws -> EnginePlace {
        if let known = memory.place { return known }
        let place = try await EnginePlace.find(with: client)
        memory.place = place
        return place
    }

    // MARK: Before the run exists

    package func check(_ job: ProspectiveJob) async throws {
        let needs = try ContainerNeeds(
            job.container, source: job.source, paths: job.paths, environment: job.environment,
            configuration: configuration)
        let client = try client()
        if let image = needs.image {
            // One question answers two: whether the engine is there, and whether the image has to be pulled.
            if let facts = try await client.image(image) {
                memory.remember(facts, as: image)
            } else if let refusal = await client.missingLogin(for: image) {
                throw refusal
            }
        } else {
            _ = try await client.version()
        }
        guard !needs.buildsImage else { return }
        let place = try await place(client)
        guard place.isThisMachine else {
            throw ContainerError(
                .engineUnsuitable,
                "the container engine is on another machine (\(redactedURL(place.location))), which cannot mount the project's folder",
                remedy: "run it with --build-image, which sends the project along")
        }
    }

    package func imageDigest(_ image: String) async throws -> String? {
        try await client().image(try ImageReference(image))?.id
    }

    package func trackingReach() async throws -> TrackingReach {
        let place = try await place(try client())
        guard place.isThisMachine else {
            return .none(reason: "the container engine is on another machine (\(redactedURL(place.location)))")
        }
        if configuration.network == "host" || configuration.client == .podman { return .thisMachine }
        if let address = place.bridgeAddress { return .address(bind: address, host: address) }
        if place.isRootless, try client().flavour == .docker {
            return .none(reason: "a rootless docker keeps its containers in a network of their own")
        }
        return .thisMachine
    }

    // MARK: The job

    package func submit(_ job: Job) async throws -> any SubmittedJob {
        let needs = try ContainerNeeds(
            job.container, source: job.source, paths: job.paths, environment: job.environment,
            configuration: configuration)
        let client = try client()
        let place = try await place(client)
        let image = try await image(for: job, needs, client)
        let plan = try ContainerPlan(
            job, needs, image: image.facts.id, place: place, flavour: client.flavour, configuration: configuration,
            environment: job.environment)
        plan.notes.forEach { job.report(.note($0)) }
        // The client would leave a missing folder to the engine, which makes it root's.
        if let folder = job.artifactFolder { try makeFolders(folder, mode: 0o777) }

        let container = try await start(plan, job, needs, client)
        let submitted = DockerJob(
            container, client: client, sweep: memory.sweepOnce(client, except: job.pipelineRunID),
            memoryLimit: job.resources.memory,
            tags: [
                Tag(WellKnownTag.dockerImageURI, image.name), Tag(WellKnownTag.dockerImageID, image.facts.id),
            ])
        guard !Task.isCancelled else {
            // A cancelled submission leaves nothing behind.
            await submitted.kill()
            throw CancellationError()
        }
        return submitted
    }

    // MARK: Images

    private func image(
        for job: Job, _ needs: ContainerNeeds, _ client: ContainerClient
    ) async throws -> (name: String, facts: ImageFacts) {
        let progress: ContainerClient.Progress = { job.report(.progress($0)) }
        defer { job.report(.progressEnded) }
        let source = job.source
        var base: (name: String, facts: ImageFacts)
        if let dockerfile = needs.dockerfile {
            let reference = try ImageBuild.reference(
                projectName: job.projectName.map { $0 + (needs.buildsImage ? "-base" : "") }, commit: source.commit)
            job.report(.note("building the image '\(reference)' from the project's Dockerfile"))
            let facts = try await client.build(
                ImageBuild(.dockerfile(dockerfile), context: source.projectFolder, reference: reference),
                progress: progress)
            base = (reference.description, facts)
        } else if let reference = needs.image {
            base = (job.container?.image ?? reference.description, try await present(reference, job, client, progress))
        } else {
            throw InvalidInput(
                "nobody names the image to run in",
                remedy: "give the project a 'docker_env: {image: …}', or say --image")
        }
        guard needs.buildsImage else { return base }
        let reference = try ImageBuild.reference(projectName: job.projectName, commit: source.commit)
        job.report(.note("building the image '\(reference)' with the project's code"))
        let owner = configuration.runsAsCaller ? "\(getuid()):\(getgid())" : nil
        let facts = try await client.build(
            ImageBuild(
                .project(onTopOf: try ImageReference(base.name), owner: owner), context: source.projectFolder,
                reference: reference),
            progress: progress)
        return (reference.description, facts)
    }

    /// The image, pulled when the engine does not have it.
    private func present(
        _ reference: ImageReference, _ job: Job, _ client: ContainerClient,
        _ progress: @escaping ContainerClient.Progress
    ) async throws -> ImageFacts {
        if let known = memory.facts(of: reference) { return known }
        if let facts = try await client.image(reference) { return facts }
        job.report(.note("pulling the image '\(reference)'"))
        return try await client.pull(reference, progress: progress)
    }
}

/// What a backend knows of its engine since it has asked.
private final class EngineMemory: Sendable {
    private struct State {
        var place: EnginePlace?
        var images: [ImageReference: ImageFacts] = [:]
    }

    private let state = Mutex(State())

    var place: EnginePlace? {
        get { state.withLock { $0.place } }
        set { state.withLock { $0.place = newValue } }
    }

    func remember(_ facts: ImageFacts, as reference: ImageReference) {
        state.withLock { $0.images[reference] = facts }
    }

    func facts(of reference: ImageReference) -> ImageFacts? {
        state.withLock { $0.images[reference] }
    }

    /// Clears away what dead runners left, beside the first job of this program on this engine.
    func sweepOnce(_ client: ContainerClient, except pipeline: String?) -> Task<Void, Never>? {
        let engine = [
            client.executable.string, client.environment["DOCKER_HOST"] ?? "",
            client.environment["DOCKER_CONTEXT"] ?? "",
        ]
        let isFirst = Self.swept.withLock { $0.insert(engine).inserted }
        // Owned by the job: it is awaited before the job's end is told.
        return isFirst ? Task { await LeftoverContainers.remove(with: client, except: pipeline) } : nil
    }

    private static let swept = Mutex<Set<[String]>>([])
}
