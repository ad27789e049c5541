import Containers
import Diagnostics
import Execution
import Files
import Processes
import SystemPackage

/// The image a job runs in: ready, or built from the project's folder and pushed to where the cluster pulls from.
struct ImagePreparation: Sendable {
    /// What the run records of it: MLflow's tags.
    struct Image: Sendable {
        var reference: String
        var uri: String
        var id: String?
    }

    var configured: String?
    var repository: String?
    var environment: [String: String]
    var workingDirectory: FilePath
    var starter: any ProcessStarter

    /// Checks names, wishes and logins, so that nothing is built in vain (row K-02).
    ///
    /// - Parameter templateHasImage: the job template's container says in which image it runs.
    func check(
        _ request: ContainerRequest?, projectName: String?, source: JobSource, templateHasImage: Bool
    ) async throws {
        var findings: [Diagnostic] = []
        func examine(_ work: () throws(InvalidInput) -> Void) {
            do throws(InvalidInput) { try work() } catch { findings += error.diagnostics }
        }
        let image = configured ?? request?.image
        var base: ImageReference?
        var target: ImageReference?
        if let image { examine { () throws(InvalidInput) in base = try ImageReference(image) } }
        let builds = request?.buildsImage == true
        if builds {
            if let repository {
                examine { () throws(InvalidInput) in
                    target = try ImageBuild.reference(
                        projectName: projectName, repository: repository, commit: source.commit)
                }
            } else {
                findings.append(
                    Diagnostic(
                        .error, "the image is to be built, but nobody says where the cluster gets it from",
                        remedy:
                            "set \"repository-uri\" in the backend configuration, such as \"registry.example.org/team/model\""
                    ))
            }
        }
        if image == nil, builds || !templateHasImage {
            findings.append(
                Diagnostic(
                    .error, "nobody names the image to run in",
                    remedy: "give the project a 'docker_env: {image: …}', or set \"image\" in the backend configuration"
                ))
        }
        guard findings.isEmpty else { throw InvalidInput(findings) }
        guard builds, let base, let target else { return }
        // The engine of this machine builds and pushes; what a cluster pulls with is the cluster's business.
        let client = try client()
        let isHere = try await client.image(base) != nil
        for image in isHere ? [target] : [base, target] {
            if let refusal = await client.missingLogin(for: image) { throw refusal }
        }
    }

    private func client() throws(ContainerError) -> ContainerClient {
        try ContainerClient(environment: environment, workingDirectory: workingDirectory, starter: starter)
    }

    /// - Returns: nil when the template's own image is to be used.
    func prepare(_ job: Job) async throws -> Image? {
        guard let text = configured ?? job.container?.image else { return nil }
        let base = try ImageReference(text)
        guard job.container?.buildsImage == true, let repository else {
            return Image(reference: "\(base)", uri: "\(base)", id: nil)
        }
        let client = try client()
        let name = try ImageBuild.reference(
            projectName: job.projectName, repository: repository, commit: job.source.commit)
        let report = job.report
        report(.note("building the image '\(name)' on top of '\(base)'"))
        let built = try await client.build(
            ImageBuild(.project(onTopOf: base, owner: nil), context: job.source.projectFolder, reference: name),
            progress: { report(.progress($0)) })
        report(.note("pushing the image '\(name)'"))
        let digest = try await client.push(name, progress: { report(.progress($0)) })
        report(.progressEnded)
        return Image(reference: "\(name)@\(digest)", uri: "\(name)", id: built.id)
    }
}
