import Execution
import KubernetesBackend
import TestSupport
import Testing

// The node has no graphics processors, but the scheduler counts what a node says it has.
extension KubernetesEngineTests {
    /// Tells the cluster how many of a resource the node has, as a device plug-in would.
    private func advertise(_ count: Int?, of resource: String) async throws {
        var node = try await KubernetesEngine.kubectl("get", "--raw", "/api/v1/nodes/localhost")
        func cut(_ beginning: String) {
            while let start = node.firstRange(of: beginning),
                let end = node[start.upperBound...].firstRange(of: "\",")
            {
                node.removeSubrange(start.lowerBound..<end.upperBound)
            }
        }
        // Without its version: the kubelet writes the same object.
        cut("\"resourceVersion\":\"")
        cut("\"\(resource)\":\"")
        if let count {
            for kind in ["capacity", "allocatable"] {
                node = node.replacing("\"\(kind)\":{", with: "\"\(kind)\":{\"\(resource)\":\"\(count)\",")
            }
        }
        // A patch would be shorter, and ends this version's server.
        try await KubernetesEngine.kubectl("replace", "--raw", "/api/v1/nodes/localhost/status", "-f", "-", input: node)
    }

    @Test(.needsWholeCluster, arguments: [nil, "amd.com/gpu"])
    func `two jobs share two graphics processors, a third waits for one, and three are never had`(resource: String?)
        async throws
    {
        let name = resource ?? "nvidia.com/gpu"
        try await advertise(2, of: name)
        let backend = try KubernetesEngine.backend(resource.map { #"{"gpu-resource": "\#($0)"}"# } ?? "{}")
        func job(_ command: String, _ count: Int) throws -> WatchedJob {
            try WatchedJob(command) { $0.resources.graphicsProcessors = count }
        }
        let first = try job("echo ready; sleep 1000", 1)
        let second = try job("echo ready; sleep 1000", 1)
        let firstJob = try await backend.submit(first.job)
        let secondJob = try await backend.submit(second.job)
        try await first.waits(for: "ready")
        try await second.waits(for: "ready")
        let limits = try await KubernetesEngine.kubectl(
            "get", "pods", "-l", "swiftflow/job=\(first.job.name)", "-o",
            "jsonpath={.items[0].spec.containers[0].resources}")
        #expect(limits.contains("\"limits\":{\"\(name)\":\"1\"}"), "\(limits)")

        let third = try job("echo third", 1)
        let thirdJob = try await backend.submit(third.job)
        try await third.waits(for: "no node can take it")
        #expect(third.notes.contains("Insufficient \(name)") && third.text == "")
        await firstJob.kill()
        #expect(await thirdJob.wait().isSuccess)
        #expect(third.text == "third\n")
        await secondJob.kill()

        let greedy = try job("echo greedy", 3)
        let greedyJob = try await backend.submit(greedy.job)
        try await greedy.waits(for: "Insufficient \(name)")
        await greedyJob.cancel(grace: .seconds(1))
        #expect(greedy.text == "")
        #expect(try await KubernetesEngine.isGone(greedy.job.name))
        try await advertise(nil, of: name)
    }
}
