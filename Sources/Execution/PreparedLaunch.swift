import Diagnostics
package import Environments
import Files
package import Projects
import SystemPackage
package import Tracking

/// Everything that can be known of a launch without creating a run: what `--dry-run` shows.
package struct PreparedLaunch: Sendable {
    package var request: RunRequest
    package var backend: any Backend
    package var uri: ProjectURI
    /// The project's folder on this machine; a temporary one lives as long as this value.
    package var checkout: Checkout
    package var project: Project
    package var entryPoint: EntryPoint
    package var resolution: ParameterResolution
    /// Version control's view of the folder of a project that is run in place.
    package var source: SourceState?
    package var environmentChoice: EnvironmentChoice
    package var environmentPlan: EnvironmentPlan?

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
        return tags
    }
}
