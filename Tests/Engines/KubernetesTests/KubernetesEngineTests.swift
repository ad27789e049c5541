import Diagnostics
import Files
import JSON
import KubernetesBackend
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

@testable import Execution

/// The Kubernetes backend on a real cluster.
@Suite(.takesTurns, .enabled(if: KubernetesEngine.isExpected), .timeLimit(.minutes(60)))
struct KubernetesEngineTests {
    private func run(_ watched: WatchedJob, on backend: KubernetesBackend) async throws -> JobEnd {
        try await backend.submit(watched.job).wait()
    }

    // MARK: The kit

    private var kit: BackendConformance {
        get throws {
            BackendConformance(try KubernetesEngine.backend(), keepsStreamsApart: false) { job in
                job.container = ContainerRequest(image: KubernetesEngine.image)
            }
        }
    }

    @Test func `the backend keeps every backend's promises`() async throws {
        expectKept(try await kit.checkExitCodes([0, 7]))
        expectKept(try await kit.checkCommandText())
        expectKept(try await kit.checkOutput())
        expectKept(try await kit.checkManyAtOnce())
        expectKept(try await kit.checkUnknownJob())
    }

    @Test func `the backend keeps every backend's promises about ending jobs`() async throws {
        expectKept(try await kit.checkCancellation())
        // A cluster asks in any case before it kills.
        expectKept(try await kit.checkKillAndWaiting().filter { !$0.contains("not asked") })
    }

    // MARK: Commands

    @Test func `K-03 the cluster reads nothing in commands and values`() async throws {
        let text = "$(MLFLOW_RUN_ID) $$ ${X} `id` ; && 'q' \\ $(id)"
        let watched = try WatchedJob("printf '%s\\n' \"$VALUE\"") { $0.ownVariables["VALUE"] = text }
        let end = try await run(watched, on: try KubernetesEngine.backend())
        #expect(end.isSuccess)
        #expect(watched.text == "\(text)\n")
    }

    @Test func `long lines and much output arrive whole`() async throws {
        let watched = try WatchedJob(
            "head -c 100000 /dev/zero | tr '\\0' x; echo; i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done; printf end"
        )
        let end = try await run(watched, on: try KubernetesEngine.backend())
        #expect(end.isSuccess)
        #expect(
            watched.text == String(repeating: "x", count: 100_000) + "\n" + (0..<20_000).map { "\($0)\n" }.joined()
                + "end")
    }

    @Test func `the job is found by its labels, and named after the run`() async throws {
        let watched = try WatchedJob("true")
        let submitted = try await KubernetesEngine.backend().submit(watched.job)
        #expect(await submitted.wait().isSuccess)
        #expect(submitted.handle?.hasPrefix("default/\(watched.job.name)/") == true)
        let found = try await KubernetesEngine.kubectl(
            "get", "job", "-l", "swiftflow/run-id=\(watched.job.run.runID)", "-o", "jsonpath={.items[*].metadata.name}")
        #expect(found == watched.job.name)
    }

    @Test func `secrets of the cluster and files of the project reach the command`() async throws {
        _ = try? await KubernetesEngine.kubectl(
            "create", "secret", "generic", "engine-test", "--from-literal=WORD=hidden")
        let folder = try TemporaryDirectory()
        try folder.directory.makeDirectory(RelativePath("lib"))
        try folder.directory.writeFile(
            RelativePath("lib/run.sh"), Array("echo \"$WORD and $OTHER\"; pwd; echo x > new\n".utf8), mode: 0o755)
        let watched = try WatchedJob("sh lib/run.sh && cat new") { $0.source = JobSource(projectFolder: folder.path) }
        let backend = try KubernetesEngine.backend(
            #"{"code": "configmap", "secrets": {"OTHER": "engine-test/WORD", "WORD": "engine-test/WORD"}}"#)
        #expect(try await run(watched, on: backend).isSuccess)
        #expect(watched.text == "hidden and hidden\n\(folder.path)\nx\n")
        // The files go when the job goes.
        let owner = try await KubernetesEngine.kubectl(
            "get", "configmap", watched.job.name, "-o", "jsonpath={.metadata.ownerReferences[0].name}")
        #expect(owner == watched.job.name)
    }

    // MARK: Ends

    @Test func `K-06 a container that uses too much memory is told so`() async throws {
        let watched = try WatchedJob("head -c 200m /dev/zero | tail") { $0.resources.memory = 16 << 20 }
        guard
            case .failed(.outOfMemory, let reason, let end) = try await run(watched, on: try KubernetesEngine.backend())
        else {
            Issue.record("no out of memory")
            return
        }
        #expect(reason.contains("more memory"))
        #expect(end?.termination == .exited(code: 137))
    }

    @Test func `K-06 an image that cannot be had is said at once and given up in time`() async throws {
        let watched = try WatchedJob("true") { $0.container = ContainerRequest(image: "nowhere.invalid/no/image:1") }
        let backend = try KubernetesEngine.backend(#"{"image-pull-policy": "Never", "pending-timeout": 2}"#)
        guard case .failed(.launch, let reason, nil) = try await run(watched, on: backend) else {
            Issue.record("not given up")
            return
        }
        #expect(reason.contains("ErrImageNeverPull"))
        #expect(watched.notes.contains("ErrImageNeverPull"))
        #expect(try await KubernetesEngine.isGone(watched.job.name))
    }

    @Test func `K-06 a registry that does not answer is said, and given up in time`() async throws {
        let watched = try WatchedJob("true") { $0.container = ContainerRequest(image: "127.0.0.1:9/no/image:1") }
        let backend = try KubernetesEngine.backend(#"{"pending-timeout": "3s"}"#)
        guard case .failed(.launch, let reason, nil) = try await run(watched, on: backend) else {
            Issue.record("not given up")
            return
        }
        #expect(reason.contains("ErrImagePull") || reason.contains("ImagePullBackOff"))
    }

    @Test func `K-06 a job's own deadline is told as a timeout`() async throws {
        let folder = try TemporaryDirectory()
        let template = KubernetesEngine.template(
            pod: "{terminationGracePeriodSeconds: 1, containers: [{}]}", job: "activeDeadlineSeconds: 3, ")
        let backend = try KubernetesEngine.backend(template: template, in: folder)
        let watched = try WatchedJob("sleep 1000")
        guard case .failed(.timeout, _, _) = try await run(watched, on: backend) else {
            Issue.record("no timeout")
            return
        }
    }

    @Test func `a job that no node can take says why, and is taken away when it is stopped`() async throws {
        let watched = try WatchedJob("true") { $0.resources.processors = 1000 }
        let submitted = try await KubernetesEngine.backend().submit(watched.job)
        try await watched.waits(for: "no node can take it")
        #expect(watched.notes.contains("Insufficient cpu"))
        await submitted.cancel(grace: .seconds(1))
        guard case .lost = await submitted.wait() else {
            Issue.record("it ended")
            return
        }
        #expect(try await KubernetesEngine.isGone(watched.job.name))
    }

    @Test func `a proxy beside the command does not keep the run`() async throws {
        let folder = try TemporaryDirectory()
        let proxy =
            "{name: proxy, image: '\(KubernetesEngine.image)', command: [sh, -c, 'trap exit TERM; while :; do sleep 0.1; done']}"
        let backend = try KubernetesEngine.backend(
            template: KubernetesEngine.template(pod: "{containers: [{}, \(proxy)]}"), in: folder)
        let watched = try WatchedJob("echo done; exit 4")
        #expect(try await run(watched, on: backend).exitCode == 4)
        #expect(watched.text == "done\n")
        #expect(try await KubernetesEngine.isGone(watched.job.name))
    }

    @Test func `stopping asks the command, and leaves nothing`() async throws {
        let watched = try WatchedJob("trap 'echo asked; exit 9' TERM; echo ready; while :; do sleep 0.1; done")
        let submitted = try await KubernetesEngine.backend().submit(watched.job)
        try await watched.waits(for: "ready")
        await submitted.cancel(grace: .seconds(20))
        #expect(!(await submitted.wait().isSuccess))
        #expect(watched.text.contains("asked"))
        #expect(try await KubernetesEngine.isGone(watched.job.name))
    }

    @Test func `a pod that somebody deletes is told as lost, and its command is not run again`() async throws {
        let watched = try WatchedJob("echo ready; trap exit TERM; while :; do sleep 0.1; done")
        let submitted = try await KubernetesEngine.backend().submit(watched.job)
        try await watched.waits(for: "ready")
        try await KubernetesEngine.kubectl("delete", "pod", "-l", "swiftflow/job=\(watched.job.name)", "--wait=false")
        switch await submitted.wait() {
        case .failed(.lost, let reason, _): #expect(reason.contains("was deleted while the command ran"))
        case .ended(let end): #expect(end.isSuccess, "its own exit code 0 counts")
        case let other: Issue.record("\(other)")
        }
        #expect(try await KubernetesEngine.isGone(watched.job.name))
    }

    @Test(.needsWholeCluster) func `a pod that makes way for a more important one is told as preempted`() async throws {
        for (name, value) in [("engine-low", 1), ("engine-high", 1000)] {
            let text =
                "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: \(name)}\nvalue: \(value)\n"
            try await KubernetesEngine.kubectl("apply", "-f", "-", input: text)
        }
        let folder = try TemporaryDirectory()
        func backend(_ priority: String) throws -> KubernetesBackend {
            try KubernetesEngine.backend(
                template: KubernetesEngine.template(
                    pod: "{priorityClassName: \(priority), terminationGracePeriodSeconds: 1, containers: [{}]}"),
                in: folder)
        }
        // More than half of the node's processors, so that both do not fit.
        let cores =
            Double(
                try await KubernetesEngine.kubectl(
                    "get", "node", "localhost", "-o", "jsonpath={.status.allocatable.cpu}")) ?? 2
        let low = try WatchedJob("echo ready; sleep 1000") { $0.resources.processors = cores * 0.6 }
        let lowJob = try await backend("engine-low").submit(low.job)
        try await low.waits(for: "ready")
        let high = try WatchedJob("echo important") { $0.resources.processors = cores * 0.6 }
        let highJob = try await backend("engine-high").submit(high.job)
        guard case .failed(.preempted, _, _) = await lowJob.wait() else {
            Issue.record("not preempted")
            return
        }
        #expect(await highJob.wait().isSuccess)
        #expect(try await KubernetesEngine.isGone(low.job.name))
    }

    // MARK: The cluster's own failures

    @Test func `K-08 a job that is deleted by hand is told as lost`() async throws {
        let watched = try WatchedJob("echo ready; sleep 1000")
        let submitted = try await KubernetesEngine.backend().submit(watched.job)
        try await watched.waits(for: "ready")
        try await KubernetesEngine.kubectl("delete", "job", watched.job.name, "--wait=false")
        guard case .failed(.lost, let reason, _) = await submitted.wait() else {
            Issue.record("not lost")
            return
        }
        #expect(reason.contains("deleted the job"))
    }

    @Test(.needsWholeCluster) func `K-08 an API server that is gone for a minute costs nothing`() async throws {
        let backend = try KubernetesEngine.backend()
        // One ends while nobody can see it, one goes on afterwards.
        let counting = "i=0; while [ $i -lt 160 ]; do echo line $i; i=$((i+1)); sleep 0.5; done; exit 5"
        let long = try WatchedJob(counting)
        let short = try WatchedJob("echo begun; sleep 20; echo finished; exit 6")
        let longJob = try await backend.submit(long.job)
        let shortJob = try await backend.submit(short.job)
        try await long.waits(for: "line 3\n")
        try await short.waits(for: "begun")
        try await KubernetesEngine.apiServer("api-down")
        let down = ContinuousClock.now
        async let late = {
            // A submission meanwhile waits its turn.
            let watched = try WatchedJob("echo late")
            return try await (backend.submit(watched.job).wait(), watched.text)
        }()
        try await Task.sleep(until: down + .seconds(60), clock: .continuous)
        try await KubernetesEngine.apiServer("api-up")
        #expect(await shortJob.wait().exitCode == 6)
        #expect(short.text == "begun\nfinished\n")
        #expect(await longJob.wait().exitCode == 5)
        #expect(long.text == (0..<160).map { "line \($0)\n" }.joined())
        #expect(long.notes.contains("does not answer"))
        #expect(long.notes.contains("answers again"))
        let (end, text) = try await late
        #expect(end.isSuccess)
        #expect(text == "late\n")
    }

    // MARK: Rights and names

    private func prospective(_ image: String = KubernetesEngine.image) -> ProspectiveJob {
        ProspectiveJob(
            projectName: "x", entryPoint: "main", container: ContainerRequest(image: image),
            resources: ResourceRequest(),
            source: JobSource(projectFolder: "/"), environment: [:], workingDirectory: "/", report: { _ in })
    }

    @Test func `the rights in the documentation are enough, and fewer are told before a run exists`() async throws {
        let watched = try WatchedJob("echo mine; exit 3")
        let backend = try KubernetesEngine.backend(#"{"kube-context": "runner"}"#)
        try await backend.check(prospective())
        let submitted = try await backend.submit(watched.job)
        #expect(await submitted.wait().exitCode == 3)
        #expect(submitted.handle?.hasPrefix("team/") == true)
        for (context, words) in [
            ("nobody", "forbidden"), ("stranger", "logged in"), ("adminn", "did you mean 'admin'?"),
        ] {
            let error = await #expect(throws: ClusterError.self) {
                try await KubernetesEngine.backend(#"{"kube-context": "\#(context)"}"#).check(prospective())
            }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        }
    }

    @Test func `K-02 hostile names of images are refused before anything is asked`() async throws {
        for image in ["--privileged", "a b", "A", "../x", "a\nb", ""] {
            await #expect(throws: (any Error).self, "\(image)") {
                try await KubernetesEngine.backend().check(prospective(image))
            }
        }
    }

    @Test func `K-07 what the cluster would refuse is refused before a run exists`() async throws {
        let folder = try TemporaryDirectory()
        let templates = [
            "{apiVersion: batch/v1, kind: Job, metadata: {namespace: nowhere}, spec: {template: {spec: {containers: [{}]}}}}",
            KubernetesEngine.template(pod: "{containers: [{volumeMounts: [{name: missing, mountPath: /x}]}]}"),
            KubernetesEngine.template(pod: "{containers: [{}, {name: 'Bad Name', image: x}]}"),
            KubernetesEngine.template(pod: "{containers: [{resources: {limits: {memory: lots}}}]}"),
        ]
        for template in templates {
            let backend = try KubernetesEngine.backend(template: template, in: folder)
            await #expect(throws: (any Error).self, "\(template)") { try await backend.check(prospective()) }
        }
        let foreign = try KubernetesEngine.backend(template: templates[0], in: folder, #", "namespace": "default""#)
        let error = await #expect(throws: InvalidInput.self) { try await foreign.check(prospective()) }
        #expect(error?.description.contains("'nowhere'") == true)
    }

    @Test func `K-01 a cluster that is not there is an error at once`() async throws {
        let folder = try TemporaryDirectory()
        let config =
            "{apiVersion: v1, kind: Config, current-context: x, contexts: [{name: x, context: {cluster: x, user: x}}], clusters: [{name: x, cluster: {server: 'https://127.0.0.1:9'}}], users: [{name: x, user: {token: t}}]}"
        try folder.directory.writeFile(RelativePath("config"), Array(config.utf8))
        let backend = try KubernetesEngine.backend("{}", ["KUBECONFIG": folder.path.appending("config").string])
        let error = await #expect(throws: ClusterError.self) { try await backend.check(prospective()) }
        #expect(error?.kind == .unreachable)
        #expect(throws: ClusterError.self) {
            try Kubectl(
                named: "kubectl", context: nil, environment: ["PATH": "/nonexistent"], workingDirectory: "/",
                starter: Keeper.shared)
        }
    }
}
