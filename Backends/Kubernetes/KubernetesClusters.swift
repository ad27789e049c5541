import Files
package import Processes
import Synchronization
import SystemPackage

/// What the backends of one program share: one watch for each namespace of each cluster, however many backends were configured.
package final class KubernetesClusters: Sendable {
    private struct State {
        var watches: [String: ClusterWatch] = [:]
        var namespaces: [String: String] = [:]
    }

    let starter: any ProcessStarter
    /// On all jobs this program submits: a label by which it watches just its own.
    let runnerID = randomName()
    private let state = Mutex(State())

    package init(starter: any ProcessStarter) {
        self.starter = starter
    }

    func watch(cluster: any ClusterAPI, key: String, paths: ClusterPaths, selector: String) -> ClusterWatch {
        state.withLock { state in
            let key = "\(key) \(selector)"
            if let watch = state.watches[key] { return watch }
            let watch = ClusterWatch(cluster: cluster, paths: paths, selector: selector)
            state.watches[key] = watch
            return watch
        }
    }

    /// The namespace of a context, asked for once.
    func namespace(for key: String, of kubectl: Kubectl) async throws -> String {
        if let known = state.withLock({ $0.namespaces[key] }) { return known }
        // Inside a pod there is no context, but this file.
        let mounted = try? readFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace", limit: 256)
        let namespace =
            try await kubectl.contextNamespace() ?? mounted.map { String(decoding: $0, as: UTF8.self) } ?? "default"
        state.withLock { $0.namespaces[key] = namespace }
        return namespace
    }
}
