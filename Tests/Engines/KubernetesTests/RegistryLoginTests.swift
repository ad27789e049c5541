import Files
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

// A registry that wants a login: the runner pushes with the user's, the node pulls with one that the cluster keeps.
extension KubernetesEngineTests {
    /// A project that is built into an image of its own in the private registry, pushed and run.
    private struct PrivateProject {
        let cluster: ProgramOnCluster
        let registry: PrivateRegistry
        let image: String

        init() throws {
            cluster = try ProgramOnCluster()
            registry = try PrivateRegistry()
            image = "\(registry.address)/team/model-\(randomName().prefix(8))"
            try cluster.program.write(
                "MLproject",
                "name: Private\ndocker_env: {image: \"\(KubernetesEngine.image)\"}\nentry_points:\n  main: {command: \"cat word\"}\n"
            )
            try cluster.program.write("word", "hello from the private image\n")
        }

        func run(
            as visitor: PrivateRegistry.Visitor, _ more: String
        ) async throws -> SwiftflowProgram.Result {
            try cluster.program.write(
                "c.json", #"{"repository-uri": "\#(image)", "image-pull-policy": "Always"\#(more)}"#)
            return try await cluster.program.run(
                ["run", ".", "-b", "kubernetes", "-c", "c.json", "--build-image"],
                variables: try await registry.variables(of: visitor).merging(
                    ["KUBE_MLFLOW_TRACKING_URI": "http://\(KubernetesEngine.address):9"]) { own, _ in own })
        }

        /// A secret of the cluster with the login; its password is in no argument.
        func makeSecret() async throws -> String {
            let name = "registry-\(randomName().prefix(8))"
            try await KubernetesEngine.kubectl(
                "apply", "-f", "-",
                input: """
                    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "\(name)"}, "type": "kubernetes.io/dockerconfigjson",
                     "stringData": {".dockerconfigjson": \(quoted(try await registry.configuration(password: registry.password)))}}
                    """)
            return name
        }

        private func quoted(_ text: String) -> String { "\"" + text.replacing("\"", with: "\\\"") + "\"" }

        func expectNoSecrets(in result: SwiftflowProgram.Result) async throws {
            for secret in try await registry.secrets() {
                #expect(!result.messages.contains(secret) && !result.output.contains(secret))
                for run in try await cluster.runs() {
                    #expect(!run.data.tags.contains { $0.value.contains(secret) })
                }
                let objects = try await KubernetesEngine.kubectl("get", "jobs,pods,events", "-A", "-o", "yaml")
                #expect(!objects.contains(secret))
            }
        }
    }

    @Test(arguments: ["configuration", "template", "service account"])
    func `an image is pushed with the user's login and pulled with one that the cluster keeps`(place: String)
        async throws
    {
        let project = try PrivateProject()
        let secret = try await project.makeSecret()
        var more = #", "image-pull-secrets": ["\#(secret)"]"#
        if place == "template" {
            try project.cluster.program.write(
                "job.yaml", KubernetesEngine.template(pod: "{imagePullSecrets: [{name: \(secret)}], containers: [{}]}"))
            more = #", "kube-job-template-path": "job.yaml""#
        } else if place == "service account" {
            try await KubernetesEngine.kubectl(
                "apply", "-f", "-",
                input:
                    #"{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "\#(secret)"}, "imagePullSecrets": [{"name": "\#(secret)"}]}"#
            )
            try project.cluster.program.write(
                "job.yaml", KubernetesEngine.template(pod: "{serviceAccountName: \(secret), containers: [{}]}"))
            more = #", "kube-job-template-path": "job.yaml""#
        }
        let result = try await project.run(as: .member, more)
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output.hasSuffix("hello from the private image\n"))
        let run = try #require(try await project.cluster.runs().first)
        let image = try await KubernetesEngine.kubectl(
            "get", "pods", "-l", "swiftflow/run-id=\(run.info.runID)", "-o",
            "jsonpath={.items[*].spec.containers[0].image}")
        #expect(image.hasPrefix("\(project.image)@sha256:"), "\(image)")
        try await project.expectNoSecrets(in: result)
        try await KubernetesEngine.kubectl("delete", "secret", secret)
    }

    @Test func `K-06 a node without a login says what it lacks, and the run fails with it`() async throws {
        let project = try PrivateProject()
        let result = try await project.run(as: .member, #", "pending-timeout": "3s""#)
        #expect(result.exitCode == 1)
        #expect(result.messages.contains("\"image-pull-secrets\""), "\(result.messages)")
        let run = try #require(try await project.cluster.runs().first)
        #expect(run.info.status == .failed)
        let reason = try #require(project.cluster.tag(WellKnownTag.failureReason, of: run))
        #expect(reason.contains("no basic auth credentials") && reason.contains("image-pull-secrets"), "\(reason)")
        try await project.expectNoSecrets(in: result)
    }

    @Test func `K-06 without a login nothing is built, and with a wrong one the run says that it could not be pushed`()
        async throws
    {
        let project = try PrivateProject()
        let stranger = try await project.run(as: .stranger, "")
        #expect(stranger.exitCode == 1)
        #expect(
            stranger.messages.contains("the registry '\(project.registry.address)' wants a login"),
            "\(stranger.messages)")
        #expect(stranger.messages.contains("docker login \(project.registry.address)"))
        #expect(try await project.cluster.runs().isEmpty)

        let former = try await project.run(as: .former, "")
        #expect(former.exitCode == 1)
        let run = try #require(try await project.cluster.runs().first)
        let reason = try #require(project.cluster.tag(WellKnownTag.failureReason, of: run))
        #expect(reason.contains("could not be pushed") && reason.contains("docker login"), "\(reason)")
        try await project.expectNoSecrets(in: former)
    }
}
