import Execution
import Files
import JSON
import KubernetesBackend
import Processes
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tracking

/// The real cluster of these tests, which `scripts/engines/kubernetes.sh` has started: API server, controllers, scheduler, kubelet, dockerd.
enum KubernetesEngine {
    /// With `SWIFTFLOW_REQUIRE_ENGINES=1` the tests run in any case, and fail where there is no cluster.
    static var isExpected: Bool {
        environmentVariable("SWIFTFLOW_TEST_KUBERNETES") != nil
            || environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1"
    }

    static let image = "swiftflow-test/busybox:1"

    /// The cluster's folder, where `env` and the process ids are.
    static var folder: FilePath { FilePath(environmentVariable("SWIFTFLOW_TEST_KUBERNETES") ?? "/nonexistent") }

    /// This machine's address as pods see it.
    static var address: String { environment["SWIFTFLOW_TEST_NODE_ADDRESS"] ?? "" }

    /// What `env` exports, over the environment of the tests.
    static let environment: [String: String] = {
        var environment = processEnvironment()
        let text =
            (try? readFile(folder.appending("env"), limit: 4096)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix("export ") {
            let pair = line.dropFirst(7).split(separator: "=", maxSplits: 1)
            if pair.count == 2 { environment[String(pair[0])] = String(pair[1]) }
        }
        environment["KUBE_MLFLOW_TRACKING_URI"] = nil
        return environment
    }()

    static func backend(_ json: String = "{}", _ variables: [String: String] = [:]) throws -> KubernetesBackend {
        try KubernetesBackend(
            BackendConfiguration(json: json), clusters: KubernetesClusters(starter: Keeper.shared),
            environment: environment.merging(variables) { _, new in new }, workingDirectory: "/")
    }

    /// A backend whose jobs follow this template.
    static func backend(template: String, in folder: TemporaryDirectory, _ more: String = "") throws
        -> KubernetesBackend
    {
        let name = try RelativePath("job.yaml")
        try folder.directory.writeFile(name, Array(template.utf8))
        return try backend(#"{"kube-job-template-path": "\#(folder.path.appending("job.yaml"))"\#(more)}"#)
    }

    /// A template whose pod is this.
    static func template(pod: String, job: String = "") -> String {
        "{apiVersion: batch/v1, kind: Job, metadata: {}, spec: {\(job)template: {spec: \(pod)}}}"
    }

    @discardableResult
    static func kubectl(_ arguments: String..., input: String = "") async throws -> String {
        let program = try #require(findEngine("kubectl"))
        let result = try await Keeper.shared.runTool(
            program, arguments, environment: environment, workingDirectory: "/",
            standardInput: .bytes(Array(input.utf8)))
        if !result.end.isSuccess { throw FixtureFailure("kubectl \(arguments): \(result.lastLines)") }
        return String(decoding: result.output, as: UTF8.self)
    }

    /// Jobs and pods that carry the job's name, as `pod/sf-…`.
    static func objects(of job: String) async throws -> [String] {
        try await kubectl("get", "jobs,pods", "-A", "-l", "swiftflow/job=\(job)", "-o", "name")
            .split(separator: "\n").map(String.init)
    }

    /// Whether job and pods disappear: at once, or as soon as the node has cleaned up after a pod that has ended.
    static func isGone(_ job: String) async throws -> Bool {
        for _ in 0..<240 {
            if try await objects(of: job).isEmpty { return true }
            try await Task.sleep(for: .milliseconds(500))
        }
        return false
    }

    /// Takes the API server away or brings it back.
    static func apiServer(_ verb: String) async throws {
        let script = try #require(environmentVariable("SWIFTFLOW_TEST_KUBERNETES_SCRIPT") ?? scriptPath)
        let result = try await Keeper.shared.runTool(
            "/bin/bash", [script, verb, folder.string], environment: environment, workingDirectory: "/")
        if !result.end.isSuccess { throw FixtureFailure("\(verb): \(result.lastLines)") }
    }

    /// Beside the checkout's test sources.
    private static var scriptPath: String? {
        let path = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .removingLastComponent().appending("scripts/engines/kubernetes.sh")
        return fileStatus(path) == nil ? nil : path.string
    }
}

/// A job with what it wrote and what was told about it.
final class WatchedJob: Sendable {
    let job: Job
    let output = CollectedOutput()
    private let state: NotesState

    private final class NotesState: Sendable {
        let notes = Mutex<[String]>([])
    }

    var notes: String { state.notes.withLock { $0.joined(separator: "\n") } }
    var text: String { output.text() }

    init(_ command: String, _ change: (inout Job) throws -> Void = { _ in }) throws {
        let runID = String((randomName() + randomName()).lowercased().prefix(32))
        let run = RunInfo(
            runID: runID, runName: "test", experimentID: "0", userID: "tester", status: .running,
            startTime: currentTimeMilliseconds(), artifactURI: "mlflow-artifacts:/0/\(runID)/artifacts")
        let state = NotesState()
        self.state = state
        var job = Job(
            run: run, projectName: "Engine Tests", entryPoint: "main", command: command, workingDirectory: "/",
            environment: [:], ownVariables: ["MLFLOW_RUN_ID": runID], output: output.handling,
            container: ContainerRequest(image: KubernetesEngine.image),
            report: { event in
                switch event {
                case .note(let text): state.notes.withLock { $0.append(text) }
                case .warning(let finding): state.notes.withLock { $0.append("\(finding)") }
                default: break
                }
            })
        try change(&job)
        self.job = job
    }

    /// Waits until the command has written this text, or something was told about the job that holds it.
    func waits(for text: String) async throws {
        guard await eventually(within: .seconds(300), { self.text.contains(text) || self.notes.contains(text) }) else {
            throw FixtureFailure("'\(text)' was never seen in '\(self.text)', '\(notes)'")
        }
    }
}
