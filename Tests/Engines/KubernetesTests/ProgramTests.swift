import Files
import Glibc
import Processes
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

/// The built `swiftflow` in a folder of its own, with the cluster's client around it.
struct ProgramOnCluster {
    let program: SwiftflowProgram

    init() throws {
        var variables: [String: String] = [:]
        for name in ["KUBECONFIG", "DOCKER_HOST"] {
            variables[name] = KubernetesEngine.environment[name]
        }
        program = try SwiftflowProgram(variables: variables)
    }

    /// Where the sources of the examples are.
    static var examples: FilePath {
        FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .removingLastComponent().appending("Examples")
    }

    /// A copy of an example, as runs leave files in it.
    func copy(_ example: String) async throws -> FilePath {
        let copy = program.path.appending(example)
        _ = try await Keeper.shared.runTool(
            "/bin/cp", ["-R", Self.examples.appending(example).string, copy.string], environment: processEnvironment(),
            workingDirectory: "/")
        return copy
    }

    /// The tracking server at an address that pods reach; it ends with the test program.
    func startServer() async throws -> String {
        let running = try await program.start([
            "server", "--host", KubernetesEngine.address, "--port", "0", "--allowed-hosts",
            "\(KubernetesEngine.address):*",
        ])
        try await running.waits(for: "  access")
        let address = try #require(running.messages.firstRange(of: "is served at ")).upperBound
        return String(running.messages[address...].prefix { !$0.isWhitespace })
    }

    func runs() async throws -> [Run] {
        let store = try await SQLiteStore.open(
            program.path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: program.path))
        let page = try await store.searchRuns(RunSearch(experimentIDs: ["0"]))
        await store.close()
        return page.elements
    }

    func tag(_ key: String, of run: Run) -> String? { run.data.tags.first { $0.key == key }?.value }
}

// What users do, from outside.
extension KubernetesEngineTests {
    @Test func `the example trains on the cluster, and records itself on a server`() async throws {
        let cluster = try ProgramOnCluster()
        let example = try await cluster.copy("kubernetes")
        let uri = try await cluster.startServer()
        let result = try await cluster.program.run(
            ["run", ".", "-b", "kubernetes", "-c", "kubernetes_config.json", "-P", "alpha=0.1"], in: example,
            variables: ["MLFLOW_TRACKING_URI": uri])
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output.contains("elastic net on the cluster: rmse="))
        let run = try #require(try await cluster.runs().first)
        #expect(run.info.status == .finished)
        #expect(run.data.metrics.map(\.key).sorted() == ["rmse", "rmse_by_epoch"])
        #expect(cluster.tag("swiftflow.exit_code", of: run) == "0")
        let log = try await cluster.program.run("runs", "logs", run.info.runID, variables: ["MLFLOW_TRACKING_URI": uri])
        #expect(log.output.hasSuffix("\n") && result.output.hasPrefix(log.output))
    }

    @Test func `pods reach the runner's own store at the tracking address`() async throws {
        let cluster = try ProgramOnCluster()
        let example = try await cluster.copy("kubernetes")
        let configuration =
            #"{"kube-job-template-path": "job.yaml", "code": "configmap", "tracking-address": "\#(KubernetesEngine.address)"}"#
        try cluster.program.write("kubernetes/own.json", configuration)
        let result = try await cluster.program.run(
            ["run", ".", "-b", "kubernetes", "-c", "own.json", "-P", "epochs=51"], in: example,
            variables: ["MLFLOW_TRACKING_URI": "sqlite:///\(cluster.program.path.appending("mlflow.db"))"])
        #expect(result.exitCode == 0, "\(result.messages)")
        let run = try #require(try await cluster.runs().first)
        #expect(run.data.metrics.map(\.key).sorted() == ["rmse", "rmse_by_epoch"])
    }

    @Test func `a pipeline prepares here, fans out on the cluster and collects here`() async throws {
        let cluster = try ProgramOnCluster()
        let example = try await cluster.copy("local-and-cluster")
        let uri = try await cluster.startServer()
        let result = try await cluster.program.run(
            ["run", ".", "--parallel", "6"], in: example, variables: ["MLFLOW_TRACKING_URI": uri])
        #expect(result.exitCode == 0, "\(result.messages)")
        let runs = try await cluster.runs()
        let jobs = runs.filter { cluster.tag(WellKnownTag.projectBackend, of: $0) == "kubernetes" }
        #expect(jobs.count == 6)
        #expect(jobs.allSatisfy { $0.info.status == .finished && $0.data.metrics.contains { $0.key == "rmse" } })
        let local = runs.filter { cluster.tag(WellKnownTag.projectBackend, of: $0) == "local" }
        #expect(Set(local.map(\.info.runName)) == ["prepare", "collect"])
        let collect = try #require(runs.first { $0.info.runName == "collect" })
        let log = try await cluster.program.run(
            "runs", "logs", collect.info.runID, variables: ["MLFLOW_TRACKING_URI": uri])
        #expect(log.output.hasPrefix("| alpha | fold 0 | fold 1 | mean |\n|---|---|---|---|\n| 0.01 | "))
        #expect(log.output.contains("The best model has alpha "))
        // What the step asks for is what its pod asks for and may not exceed.
        for job in jobs {
            let container = "{.items[*].spec.containers[0]"
            let resources = try await KubernetesEngine.kubectl(
                "get", "pods", "-l", "swiftflow/run-id=\(job.info.runID)", "-o",
                "jsonpath=\(["requests.cpu", "requests.memory", "limits.cpu", "limits.memory"].map { "\(container).resources.\($0)} " }.joined())"
            )
            #expect(resources == "100m 134217728 100m 134217728 ")
        }
    }

    @Test func `a commit is fetched into the pod, and a commit that cannot be had says why`() async throws {
        let git = try GitFixture()
        let commit = try await git.makeRepository(
            "project",
            files: [
                "MLproject":
                    "name: From Git\ndocker_env: {image: \"\(KubernetesEngine.image)\"}\nentry_points:\n  main: {command: \"cat word && echo x > new && pwd\"}\n",
                "word": "hello from the commit\n",
            ])
        let port = try freePort()
        let daemon = try await ServerProcess(
            "git",
            [
                "daemon", "--reuseaddr", "--export-all", "--base-path=\(git.repositories)", "--listen=127.0.0.1",
                "--listen=\(KubernetesEngine.address)", "--port=\(port)",
            ], port: port, environment: git.environment, folder: git.folder, starter: Keeper.shared)
        let cluster = try ProgramOnCluster()
        try cluster.program.write(
            "c.json", #"{"code": "git", "git-image": "swiftflow-test/git:1", "image-pull-policy": "Never"}"#)
        let variables = ["KUBE_MLFLOW_TRACKING_URI": "http://\(KubernetesEngine.address):9"]
        let uri = "git://\(KubernetesEngine.address):\(port)/project"
        let result = try await cluster.program.run(
            ["run", uri, "-b", "kubernetes", "-c", "c.json"], variables: variables)
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output.hasPrefix("hello from the commit\n/"))
        let run = try #require(try await cluster.runs().first)
        #expect(cluster.tag("mlflow.source.git.commit", of: run) == commit)

        // The runner has the commit in its cache, and the server is gone.
        await daemon.stop()
        let failed = try await cluster.program.run(
            ["run", uri, "-v", commit, "-b", "kubernetes", "-c", "c.json"], variables: variables)
        #expect(failed.exitCode == 1)
        #expect(failed.messages.contains("the init container 'swiftflow-code' ended with exit code 128: "))
        #expect(failed.messages.contains("fatal: unable to connect"))
    }

    @Test func `an image is built with the project in it, pushed, and pulled by the node`() async throws {
        let registry = try #require(environmentVariable("SWIFTFLOW_TEST_REGISTRY"))
        let cluster = try ProgramOnCluster()
        try cluster.program.write(
            "MLproject",
            "name: Built Here\ndocker_env: {image: \"\(KubernetesEngine.image)\"}\nentry_points:\n  main: {command: \"cat word\"}\n"
        )
        try cluster.program.write("word", "hello from the image\n")
        try cluster.program.write(
            "c.json", #"{"repository-uri": "\#(registry)/team/model", "image-pull-policy": "Always"}"#)
        let result = try await cluster.program.run(
            ["run", ".", "-b", "kubernetes", "-c", "c.json", "--build-image"],
            variables: ["KUBE_MLFLOW_TRACKING_URI": "http://\(KubernetesEngine.address):9"])
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output.hasSuffix("hello from the image\n"))
        let run = try #require(try await cluster.runs().first)
        #expect(cluster.tag(WellKnownTag.dockerImageURI, of: run)?.hasPrefix("\(registry)/team/model") == true)
        let image = try await KubernetesEngine.kubectl(
            "get", "pods", "-l", "swiftflow/run-id=\(run.info.runID)", "-o",
            "jsonpath={.items[*].spec.containers[0].image}")
        #expect(image.hasPrefix("\(registry)/team/model") && image.contains("@sha256:"))
    }

    @Test func `a path of the project names the same file in an image that is built of it`() async throws {
        let registry = try #require(environmentVariable("SWIFTFLOW_TEST_REGISTRY"))
        let cluster = try ProgramOnCluster()
        try cluster.program.write(
            "MLproject",
            """
            name: Paths
            docker_env: {image: "\(KubernetesEngine.image)"}
            entry_points:
              main:
                parameters: {data: {type: path, default: data/set.csv}, all: {type: path, default: .}}
                command: "pwd; cat {data}; ls -A {all}; cat {all}/.hidden; echo more > {all}/new"
            """)
        try cluster.program.write("data/set.csv", "1,2,3\n")
        try cluster.program.write(".hidden", "seen\n")
        try cluster.program.write(".dockerignore", "home\nmlflow.db*\nmlruns\nc.json\n")
        try cluster.program.write("c.json", #"{"repository-uri": "\#(registry)/team/paths"}"#)
        let result = try await cluster.program.run(
            ["run", ".", "-b", "kubernetes", "-c", "c.json", "--build-image"],
            variables: ["KUBE_MLFLOW_TRACKING_URI": "http://\(KubernetesEngine.address):9"])
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(
            result.output.hasSuffix(
                "/mlflow/projects/code\n1,2,3\n.dockerignore\n.hidden\nMLproject\ndata\nseen\n"), "\(result.output)")
    }

    @Test func `a pipeline whose runner is killed with ten jobs in flight is resumed, and none runs twice`()
        async throws
    {
        let cluster = try ProgramOnCluster()
        // The commands leave a line each time they begin, in a folder of this machine, which is the node.
        let marks = cluster.program.path.appending("marks")
        try makeFolders(marks)
        try cluster.program.write(
            "job.yaml",
            KubernetesEngine.template(
                pod: "{containers: [{volumeMounts: [{name: marks, mountPath: /marks}]}], "
                    + "volumes: [{name: marks, hostPath: {path: '\(marks)'}}]}"))
        try cluster.program.write(
            "pipeline.yaml",
            """
            name: ten
            steps:
              job:
                matrix: {n: "${{ range(10) }}"}
                backend: kubernetes
                backend_config: {image: "\(KubernetesEngine.image)", kube-job-template-path: job.yaml}
                command: "echo begun {n} | tee -a /marks/{n}; while [ ! -e /marks/go ]; do sleep 0.2; done; seq 1 50; echo ended {n}"
              after:
                needs: [job]
                command: "echo all have ended"
            """)
        let variables = ["KUBE_MLFLOW_TRACKING_URI": "http://\(KubernetesEngine.address):9"]
        let runner = try await cluster.program.start(
            ["run", "pipeline.yaml", "--parallel", "10"], variables: variables)
        func marked() -> Int {
            (0..<10).count { fileStatus(marks.appending("\($0)")) != nil }
        }
        #expect(await eventually(within: .seconds(400)) { marked() == 10 }, "\(runner.seen)")
        kill(runner.process.processID, SIGKILL)
        _ = try await runner.result()
        // Some end while no runner lives, and all after it died.
        try cluster.program.write("marks/go", "")

        let pipeline = try #require(try await cluster.runs().first { cluster.tag("mlflow.parentRunId", of: $0) == nil })
        let resumed = try await cluster.program.run("resume", pipeline.info.runID, variables: variables)
        #expect(resumed.exitCode == 0, "\(resumed.messages)")
        for n in 0..<10 { #expect(try cluster.program.read("marks/\(n)") == "begun \(n)\n") }
        let runs = try await cluster.runs()
        let jobs = runs.filter { cluster.tag(WellKnownTag.projectBackend, of: $0) == "kubernetes" }
        #expect(jobs.count == 10)
        var logs: Set<String> = []
        for job in jobs {
            #expect(job.info.status == .finished)
            let objects = try await KubernetesEngine.kubectl(
                "get", "jobs,pods", "-l", "swiftflow/run-id=\(job.info.runID)", "-o", "name")
            #expect(objects.split(separator: "\n").count == 2, "\(objects)")
            logs.insert(try await cluster.program.run("runs", "logs", job.info.runID).output)
        }
        let counted = (1...50).map { "\($0)\n" }.joined()
        #expect(logs == Set((0..<10).map { "begun \($0)\n\(counted)ended \($0)\n" }))
    }
}
