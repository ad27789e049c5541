import Diagnostics
package import Execution
package import JSON
import Synchronization

/// Brings a job into the cluster exactly once, also when answers are lost.
package struct Submission: Sendable {
    private let cluster: any ClusterAPI
    private let paths: ClusterPaths
    private let name: String
    private let report: @Sendable (LaunchEvent) -> Void
    /// How long a cluster that is only unwell is tried again.
    package var patience: Duration = .seconds(90)
    package var firstPause: Duration = .milliseconds(250)

    package init(
        cluster: any ClusterAPI, paths: ClusterPaths, name: String, report: @escaping @Sendable (LaunchEvent) -> Void
    ) {
        self.cluster = cluster
        self.paths = paths
        self.name = name
        self.report = report
    }

    /// - Returns: the job as the cluster keeps it.
    package func submit(_ manifest: JobManifest) async throws -> JSONValue {
        if case .configMap(_, let files, _) = manifest.code { try await createConfigMap(files, manifest) }
        let object: JSONValue
        do {
            object = try await createJob(manifest)
        } catch {
            await withdraw(manifest)
            throw error
        }
        if case .configMap(_, let files, _) = manifest.code, let owner = object["metadata"]?["uid"]?.string {
            // From now on it goes when the job goes. If this fails the run is none the worse for it.
            var map = configMap(files, manifest)
            map.ownerID = owner
            do {
                _ = try await patiently { try await cluster.replace(paths.configMap(name), map.json) }
            } catch {
                report(
                    .warning(
                        Diagnostic(
                            .warning, "the ConfigMap '\(name)' will stay when its job goes: \(error)",
                            remedy: "delete it afterwards: kubectl delete configmap \(name) -n \(paths.namespace)")))
            }
        }
        return object
    }

    private func createJob(_ manifest: JobManifest) async throws -> JSONValue {
        let own = manifest.annotations.first { $0.name == ObjectLabel.submission }?.value
        let body = manifest.json
        do {
            return try await patiently { try await cluster.create(paths.jobs, body) }
        } catch let error as ClusterError where error.kind == .exists {
            // Either the answer to our own request was lost, or the name is taken.
            let found = try await patiently { try await cluster.get(paths.job(name)) }
            if let job = JobState(found), own != nil, job.submission == own { return found }
            throw ClusterError(
                .exists, "there is a job '\(name)' in the namespace '\(paths.namespace)' already",
                remedy: "see what it is: kubectl describe job \(name) -n \(paths.namespace)")
        }
    }

    private func createConfigMap(_ files: [CodeFile], _ manifest: JobManifest) async throws {
        do {
            _ = try await patiently { try await cluster.create(paths.configMaps, configMap(files, manifest).json) }
        } catch let error as ClusterError where error.kind == .exists {
            // Of an attempt whose answer was lost, or that died before it made its job.
            _ = try await patiently {
                try await cluster.replace(paths.configMap(name), configMap(files, manifest).json)
            }
        }
    }

    private func configMap(_ files: [CodeFile], _ manifest: JobManifest) -> CodeConfigMap {
        CodeConfigMap(name: name, namespace: paths.namespace, labels: manifest.labels, files: files)
    }

    /// Removes what a failed submission may have left; what belongs to another one stays.
    private func withdraw(_ manifest: JobManifest) async {
        let own = manifest.annotations.first { $0.name == ObjectLabel.submission }?.value
        // Detached, because it must also be done when the task was cancelled.
        await Task.detached { [self] in
            do {
                if let job = JobState(try await cluster.get(paths.job(name))) {
                    guard job.submission == own else { return }
                    try await cluster.delete(paths.job(name), options: deletion(propagation: "Background"))
                }
            } catch {}
            if case .configMap = manifest.code {
                try? await cluster.delete(paths.configMap(name), options: deletion())
            }
        }.value
    }

    private func patiently<Result: Sendable>(_ request: () async throws -> Result) async throws -> Result {
        let deadline = ContinuousClock.now + patience
        var pause = firstPause
        var hasTold = false
        while true {
            do {
                return try await request()
            } catch let error as ClusterError where error.isTransient && ContinuousClock.now < deadline {
                if !hasTold {
                    report(.note("job '\(name)': \(error.message); trying again"))
                    hasTold = true
                }
                try await Task.sleep(for: pause * Double.random(in: 0.75...1.25))
                pause = min(pause * 2, .seconds(10))
            }
        }
    }
}
