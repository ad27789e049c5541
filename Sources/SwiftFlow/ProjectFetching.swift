import Artifacts
import Diagnostics
import Execution
import Processes
import Projects
import SystemPackage

/// Brings projects that are not on this machine here, and asks git about those that are.
struct ProjectFetching: Sendable {
    let starter: any ProcessStarter
    let environment: [String: String]
    let http: OutgoingHTTP
    let observe: @Sendable (LaunchEvent) -> Void

    var sources: CheckoutSources {
        CheckoutSources(
            git: { location, version in throw InvalidInput("git is not wired yet") },
            download: { url, file in
                observe(.progress("fetching \(redactedURL(url))"))
                try await downloadFile(url, to: file, http: http)
            })
    }

    func sourceState(of folder: FilePath) async -> SourceState? {
        nil
    }
}
