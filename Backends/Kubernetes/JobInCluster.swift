import Diagnostics
import Execution
import JSON

/// One job of ours and what can be asked of its cluster about it.
struct JobInCluster: Sendable {
    let name: String
    let cluster: any ClusterAPI
    let paths: ClusterPaths
    let settings: JobFollower.Settings
    /// Whether a ConfigMap of the job's name holds its code.
    let hasConfigMap: Bool
    let report: @Sendable (LaunchEvent) -> Void

    /// The query that finds the job's pods.
    var podSelector: String { "labelSelector=\(percentEncoded("\(ObjectLabel.job)=\(name)"))" }

    func note(_ text: String) { report(.note("job '\(name)': \(text)")) }

    func warn(_ text: String) {
        report(.warning(Diagnostic(.warning, "job '\(name)': \(text)")))
    }

    /// The list of the job's pods.
    func pods(until deadline: ContinuousClock.Instant = .now + .seconds(60)) async throws -> JSONValue {
        try await persistently(until: deadline) { try await cluster.get("\(paths.pods)?\(podSelector)") }
    }

    /// Repeats a request as long as the cluster is only unwell.
    func persistently<Result: Sendable>(
        until deadline: ContinuousClock.Instant = .now + .seconds(60),
        _ request: @Sendable () async throws -> Result
    ) async throws -> Result {
        var pause = settings.pause
        while true {
            do {
                return try await request()
            } catch let error as ClusterError where error.isTransient && ContinuousClock.now < deadline {
                await sleepOrNot(pause)
                pause = min(pause * 2, settings.longestPause)
            }
        }
    }
}
