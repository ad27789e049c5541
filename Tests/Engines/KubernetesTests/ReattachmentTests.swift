import Execution
import Files
import Glibc
import KubernetesBackend
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

// Jobs that outlive the runner which submitted them.
extension KubernetesEngineTests {
    @Test func `K-05 after a kill -9 of runners with jobs in flight, every job is found again and none runs twice`()
        async throws
    {
        let program = try SwiftflowProgram(
            variables: [
                "KUBECONFIG": try #require(KubernetesEngine.environment["KUBECONFIG"]),
                "KUBE_MLFLOW_TRACKING_URI": "http://\(KubernetesEngine.address):9",
            ])
        try program.write(
            "MLproject",
            """
            name: in-flight
            docker_env: {image: "\(KubernetesEngine.image)"}
            entry_points:
              main:
                parameters: {n: int}
                command: "echo begun {n}; i=0; while [ $i -lt 120 ]; do echo {n} $i; i=$((i+1)); sleep 0.5; done; echo ended {n}; exit {n}"
            """)
        let count = 4
        var runners: [SwiftflowProgram.Running] = []
        for number in 0..<count {
            runners.append(try await program.start(["run", ".", "-b", "kubernetes", "-P", "n=\(number)"]))
        }
        for (number, runner) in runners.enumerated() {
            try await runner.waits(for: "\(number) 2\n", limit: .seconds(400))
        }
        for runner in runners { kill(runner.process.processID, SIGKILL) }
        for runner in runners { _ = try await runner.result() }

        let pods = try await KubernetesEngine.kubectl(
            "get", "pods", "-l", "app.kubernetes.io/managed-by=swiftflow", "-o",
            "jsonpath={range .items[*]}{.metadata.labels.swiftflow/run-id} {.status.phase} {.spec.containers[0].name}{'\\n'}{end}"
        )
        let runIDs = pods.split(separator: "\n").compactMap { line -> String? in
            let fields = line.split(separator: " ")
            return fields.count == 3 && fields[1] == "Running" && fields[2] == "in-flight" ? String(fields[0]) : nil
        }
        #expect(runIDs.count == count)

        // Another runner, which knows no more than the runs.
        let backend = try KubernetesEngine.backend()
        try await withThrowingTaskGroup(of: Int32?.self) { group in
            for runID in runIDs {
                group.addTask {
                    let folder = program.path.appending("mlruns/0/\(runID)/artifacts")
                    let kept = (try? readFile(folder.appending("logs/output.log"), limit: 1 << 20)) ?? []
                    let watched = try WatchedJob("never run") { job in
                        job.run.runID = runID
                        job.name = Job.name(ofRun: runID)
                        job.artifactFolder = folder
                    }
                    guard case .running(let submitted) = try await backend.reattach(watched.job, handle: nil) else {
                        throw FixtureFailure("the job of \(runID) is not found")
                    }
                    let end = await submitted.wait()
                    let number = end.exitCode ?? -1
                    // What the dead runner kept and what came afterwards are together the whole log, once.
                    let whole = String(decoding: kept, as: UTF8.self) + watched.text
                    let expected =
                        "begun \(number)\n" + (0..<120).map { "\(number) \($0)\n" }.joined() + "ended \(number)\n"
                    #expect(whole == expected)
                    #expect(!kept.isEmpty)
                    #expect(try await KubernetesEngine.objects(of: watched.job.name).count { $0.hasPrefix("pod") } == 1)
                    return end.exitCode
                }
            }
            let codes = try await group.reduce(into: [Int32]()) { $0.append($1 ?? -1) }
            #expect(codes.sorted() == Array(0..<Int32(count)))
        }
    }

    @Test func `a job that ended while no runner lived is told with its log and its end`() async throws {
        let first = try WatchedJob("echo all of it; exit 3")
        #expect(await (try KubernetesEngine.backend().submit(first.job)).wait().exitCode == 3)
        let again = try WatchedJob("never run") { job in
            job.run = first.job.run
            job.name = first.job.name
        }
        guard case .ended(let job) = try await KubernetesEngine.backend().reattach(again.job, handle: nil) else {
            Issue.record("not ended")
            return
        }
        #expect(await job.wait().exitCode == 3)
        #expect(again.text == "all of it\n")
    }

    @Test func `a job nobody submitted, one that is gone and one of another run are told apart`() async throws {
        let watched = try WatchedJob("true")
        let backend = try KubernetesEngine.backend()
        guard case .neverSubmitted = try await backend.reattach(watched.job, handle: nil) else {
            Issue.record("it was submitted")
            return
        }
        guard case .gone = try await backend.reattach(watched.job, handle: "default/x/y") else {
            Issue.record("it is there")
            return
        }
        _ = try await backend.submit(watched.job).wait()
        let other = try WatchedJob("true") { $0.name = watched.job.name }
        guard case .gone(let reason) = try await backend.reattach(other.job, handle: nil) else {
            Issue.record("it is ours")
            return
        }
        #expect(reason.contains("another run"))
        // And such a name cannot be taken.
        await #expect(throws: ClusterError.self) { try await backend.submit(other.job) }
    }
}
