import Diagnostics
package import Environments
import Files
package import Projects
import SystemPackage
package import Tracking

/// A project whose files are on this machine and whose MLproject file has been read.
package struct LoadedProject: Sendable {
    package var uri: ProjectURI
    /// The project's folder on this machine; a temporary one lives as long as this value.
    package var checkout: Checkout
    package var project: Project
    /// Version control's view of the folder of a project that is run in place.
    package var source: SourceState?
}

/// Everything that can be known of a launch without creating a run: what `--dry-run` shows.
package struct PreparedLaunch: Sendable {
    package var request: RunRequest
    package var backend: any Backend
    package var loaded: LoadedProject
    package var entryPoint: EntryPoint
    package var resolution: ParameterResolution
    package var environmentChoice: EnvironmentChoice
    package var environmentPlan: EnvironmentPlan?

    package var uri: ProjectURI { loaded.uri }
    package var checkout: Checkout { loaded.checkout }
    package var project: Project { loaded.project }
    package var source: SourceState? { loaded.source }

    /// With their raw values, as they are logged.
    package var parameters: [ResolvedParameter] { resolution.parameters }

    /// The commit the project's files come from.
    package var commit: String? {
        checkout.git?.commit ?? source.flatMap { $0.isIgnored ? nil : $0.commit }
    }

    /// The run this one belongs under: the one asked for, else the one whose command started this program.
    private var parentRunID: String? {
        request.parentRunID ?? request.environment["MLFLOW_RUN_ID"].flatMap { isRunID($0) ? $0 : nil }
    }

    /// The folder the user named, also where a version of it was checked out elsewhere.
    private var sourceFolder: FilePath {
        guard case .folder(let path) = uri.location, checkout.git != nil else { return checkout.root }
        return uri.subdirectory.isRoot ? path : path.appending(uri.subdirectory.string)
    }

    private var repositoryURL: String? {
        if case .git(let location) = uri.location { return redactedURL(location) }
        return source?.remoteURL
    }

    /// The command as it would be started; nil while it depends on downloads.
    package var commandPreview: String? {
        resolution.downloads.isEmpty ? try? resolution.command() : nil
    }

    /// The value of the tag `mlflow.project.env`; nil for `local`.
    package var environmentTag: String? {
        switch environmentChoice {
        case .docker: "docker"
        case .manager(.local, _): nil
        case .manager(let name, _): name.rawValue
        }
    }

    /// The tags MLflow sets on a project's run, with its defects mended: no credentials, the branch that was really used, the parent.
    package var tags: [Tag] {
        var tags = [
            Tag(WellKnownTag.user, userName(in: request.environment)),
            Tag(WellKnownTag.sourceType, SourceType.project.rawValue),
            Tag(WellKnownTag.sourceName, uri.sourceName(root: sourceFolder, worktree: source?.workTree)),
            Tag(WellKnownTag.projectEntryPoint, request.entryPoint),
        ]
        if let commit { tags.append(Tag(WellKnownTag.gitCommit, commit)) }
        if let repositoryURL { tags.append(Tag(WellKnownTag.gitRepositoryURL, repositoryURL)) }
        if let branch = checkout.git?.branch { tags.append(Tag(WellKnownTag.gitBranch, branch)) }
        if checkout.git == nil, source?.isDirty == true { tags.append(Tag(WellKnownTag.gitDirty, "true")) }
        if let parent = parentRunID { tags.append(Tag(WellKnownTag.parentRunID, parent)) }
        if let environment = environmentTag { tags.append(Tag(WellKnownTag.projectEnvironment, environment)) }
        return tags + request.tags
    }

    // MARK: What the backend is told

    /// The project's container and what the user said about it; nil when the backend needs none and nobody named an image.
    package var container: ContainerRequest? {
        var declared: DockerEnvironment?
        if case .docker(let environment) = project.environment { declared = environment }
        guard backend.runsContainers || declared != nil || request.image != nil else { return nil }
        return ContainerRequest(
            image: request.image ?? declared?.image,
            dockerfile: request.image == nil ? declared?.dockerfile : nil, volumes: declared?.volumes ?? [],
            variables: declared?.variables ?? [], buildsImage: request.buildsImage, options: request.containerOptions,
            allowsMounts: request.allowsMounts, allowsHostVariables: request.allowsHostVariables)
    }

    package var jobSource: JobSource {
        let isDirty = checkout.git == nil && source?.isDirty != false
        return JobSource(
            projectFolder: checkout.root, repositoryURL: repositoryURL, commit: isDirty ? nil : commit,
            subdirectory: subdirectory, isFetched: !uri.isFolder)
    }

    /// The project's folder inside its repository.
    private var subdirectory: RelativePath {
        let base = checkout.git?.folder ?? source?.workTree ?? checkout.root
        // Asked for each step of a pipeline, and nearly always so; taking a prefix off is dear.
        if base == checkout.root { return .root }
        guard let base = resolvedPath(base), var rest = resolvedPath(checkout.root), rest.removePrefix(base) else {
            return .root
        }
        return (try? RelativePath(rest.string)) ?? .root
    }

    var paths: [PathParameter] {
        parameters.compactMap { parameter in
            guard parameter.type == .path else { return nil }
            var path: FilePath?
            if case .text(let text) = parameter.substitution { path = FilePath(text) }
            return PathParameter(
                name: parameter.name, value: parameter.value, path: path,
                isDefault: parameter.origin == .declaredDefault)
        } + request.listedPaths
    }

    func prospectiveJob(report: @escaping @Sendable (LaunchEvent) -> Void) -> ProspectiveJob {
        var job = ProspectiveJob(
            projectName: project.name, entryPoint: entryPoint.name, container: container,
            resources: request.resources, source: jobSource, environment: request.environment,
            workingDirectory: request.workingDirectory, report: report)
        job.paths = paths
        return job
    }
}
