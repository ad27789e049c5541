import Diagnostics
import KubernetesBackend
import SystemPackage
import Testing

@Suite struct ConfigurationTests {
    @Test func `MLflow's three keys and ours are read`() throws {
        let configuration = try KubernetesConfiguration(
            json: """
                {"kube-context": "c", "repository-uri": "r/x", "kube-job-template-path": "job.yaml", "namespace": "team-1",
                 "image-pull-policy": "Never", "secrets": {"AWS_KEY": "aws/key.id"}, "pending-timeout": "10m",
                 "ttl-seconds-after-finished": null, "code": "configmap", "tracking-address": "10.0.0.1", "gpu-resource": "amd.com/gpu",
                 "image-pull-secrets": ["registry"]}
                """)
        #expect(configuration.context == "c")
        #expect(configuration.repository == "r/x")
        #expect(configuration.templatePath?.string == "job.yaml")
        #expect(configuration.namespace == "team-1")
        #expect(configuration.pullPolicy == .never)
        #expect(configuration.secrets == [.key(variable: "AWS_KEY", secret: "aws", key: "key.id")])
        #expect(configuration.pullSecrets == ["registry"])
        #expect(configuration.pendingTimeout == .seconds(600))
        #expect(configuration.timeToLive == nil)
        #expect(configuration.code == .configMap)
        #expect(configuration.graphicsResource == "amd.com/gpu")
    }

    @Test func `nothing at all is a configuration`() throws {
        #expect(try KubernetesConfiguration(json: "{}") == KubernetesConfiguration())
        #expect(try KubernetesConfiguration(json: "") == KubernetesConfiguration())
    }

    @Test(
        arguments: [
            (#"{"namespac": "x"}"#, "did you mean 'namespace'?"), (#"{"code": "gitt"}"#, "did you mean 'git'?"),
            (#"{"namespace": "Team A"}"#, "no name of a namespace"), (#"{"namespace": 3}"#, "must be text"),
            (#"{"pending-timeout": "soon"}"#, "no duration"), (#"{"pending-timeout": -1}"#, "number of seconds"),
            (#"{"secrets": {"A": "only"}}"#, "does not name a key"), (#"{"secrets": ["../x"]}"#, "no name of a secret"),
            (#"{"image-pull-policy": "never"}"#, "did you mean 'Never'?"), ("[]", "not a JSON object"),
            (#"{"image-pull-secrets": "a"}"#, "list of secrets' names"),
            (#"{"image-pull-secrets": ["A b"]}"#, "no name of a secret"),
            (#"{"gpu-resource": "gpu"}"#, "no name of a resource"), ("{", "not valid JSON"),
            (#"{"kube-context": "a\nb"}"#, "control characters"),
        ])
    func `a mistake is named with what to do`(json: String, expected: String) {
        let error = #expect(throws: InvalidInput.self) { try KubernetesConfiguration(json: json) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }

    @Test func `all mistakes are told at once`() {
        let error = #expect(throws: InvalidInput.self) {
            try KubernetesConfiguration(json: #"{"a": 1, "namespace": "_", "code": "x"}"#)
        }
        #expect(error?.diagnostics.count == 3)
    }
}
