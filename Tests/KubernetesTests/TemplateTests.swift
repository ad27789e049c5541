import Diagnostics
import Execution
import Files
import JSON
import KubernetesBackend
import SystemPackage
import Testing

private let mlflowTemplate = """
    apiVersion: batch/v1
    kind: Job
    metadata:
      name: "{replaced with MLflow Project name}"
      namespace: mlflow
      labels: {team: "a"}
    spec:
      ttlSecondsAfterFinished: 100
      backoffLimit: 2
      template:
        spec:
          containers:
          - name: "{replaced with MLflow Project name}"
            image: "{replaced with URI of Docker image created during Project execution}"
            command: ["{replaced with MLflow Project entry point command}"]
            args: [stale]
            env:
            - {name: KEEP, value: "yes"}
            - {name: MLFLOW_RUN_ID, value: "stale"}
            resources:
              limits: {memory: 512Mi}
              requests: {memory: 256Mi}
            volumeMounts: [{name: data, mountPath: /data}]
          - {name: sidecar, image: proxy}
          volumes: [{name: data, emptyDir: {}}]
          nodeSelector: {disk: ssd}
          restartPolicy: Never
    """

private func template(_ text: String) throws -> JobTemplate {
    try JobTemplate(parsing: Array(text.utf8), file: "job.yaml")
}

private func path(_ value: JSONValue?, _ names: String...) -> JSONValue? {
    names.reduce(value) { value, name in
        switch value {
        case .object(let object): object.members.first { $0.name == name }?.value
        case .array(let elements): Int(name).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
        default: nil
        }
    }
}

private func strings(_ value: JSONValue?) -> [String] {
    guard case .array(let elements) = value else { return [] }
    return elements.compactMap { if case .string(let text) = $0 { text } else { nil } }
}

/// Name and value of each variable, in order.
private func environment(_ container: JSONValue?) -> [String] {
    guard case .array(let elements) = path(container, "env") else { return [] }
    return elements.map { element in
        guard case .string(let name) = path(element, "name") else { return "?" }
        if case .string(let value) = path(element, "value") { return "\(name)=\(value)" }
        return "\(name)<-\(path(element, "valueFrom")?.shownInMessage ?? "")"
    }
}

@Suite struct ManifestTests {
    private func manifest(_ template: JobTemplate, _ change: (inout JobManifest) -> Void = { _ in }) -> JSONValue {
        var manifest = JobManifest(
            template: template, name: "sf-0123456789ab", namespace: "team", projectName: "My Project",
            image: "repo/x@sha256:abc", command: "python train.py")
        manifest.labels = [("swiftflow/run-id", "r1")]
        manifest.variables = [("MLFLOW_RUN_ID", "r1"), ("V", "a b")]
        change(&manifest)
        return manifest.json
    }

    @Test func `what MLflow fills in is filled in, and everything else of the template is kept`() throws {
        let job = manifest(try template(mlflowTemplate))
        #expect(path(job, "metadata", "name") == .string("sf-0123456789ab"))
        #expect(path(job, "metadata", "namespace") == .string("team"))
        #expect(path(job, "metadata", "labels", "team") == .string("a"))
        #expect(path(job, "metadata", "labels", "swiftflow/run-id") == .string("r1"))
        #expect(path(job, "spec", "ttlSecondsAfterFinished") == .integer(100))
        #expect(path(job, "spec", "backoffLimit") == .integer(2))
        let pod = path(job, "spec", "template", "spec")
        #expect(path(pod, "nodeSelector", "disk") == .string("ssd"))
        #expect(path(pod, "containers", "1", "image") == .string("proxy"))
        let container = path(pod, "containers", "0")
        #expect(path(container, "name") == .string("my-project"))
        #expect(path(container, "image") == .string("repo/x@sha256:abc"))
        #expect(path(container, "args") == nil)
        #expect(path(container, "volumeMounts", "0", "mountPath") == .string("/data"))
        #expect(environment(container) == ["KEEP=yes", "MLFLOW_RUN_ID=r1", "V=a b"])
        #expect(path(job, "spec", "template", "metadata", "labels", "swiftflow/run-id") == .string("r1"))
    }

    @Test func `without a template the job runs once and is never restarted`() {
        let job = manifest(.minimal) { $0.timeToLive = 60 }
        #expect(path(job, "spec", "backoffLimit") == .integer(0))
        #expect(path(job, "spec", "ttlSecondsAfterFinished") == .integer(60))
        #expect(path(job, "spec", "template", "spec", "restartPolicy") == .string("Never"))
    }

    @Test(arguments: [
        "a && b", "echo '$(MLFLOW_RUN_ID)' $$ $(id) ${X}", "printf '%s' \"a b\"", "--privileged", "a\nb", "$", "$$$(",
    ])
    func `K-03 the command is one argument for one shell, and the cluster reads nothing in it`(command: String) {
        let job = manifest(.minimal) {
            $0.command = command
            $0.variables = [("V", command)]
        }
        let container = path(job, "spec", "template", "spec", "containers", "0")
        let words = strings(path(container, "command"))
        #expect(words.prefix(2) == ["sh", "-c"])
        #expect(words.count == 8)
        #expect(words.dropFirst(5).first.map(expandedByCluster) == command)
        #expect(environment(container).first.map(expandedByCluster) == "V=\(command)")
    }

    /// What the cluster makes of a text when a variable of every name is set (`third_party/forked/golang/expansion`).
    private func expandedByCluster(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            guard character == "$", let next = rest.first else {
                result.append(character)
                continue
            }
            if next == "$" {
                rest.removeFirst()
                result.append("$")
            } else if next == "(", let end = rest.firstIndex(of: ")") {
                result += "EXPANDED"
                rest = rest[rest.index(after: end)...]
            } else {
                result.append("$")
            }
        }
        return result
    }

    @Test func `resources are asked for and not exceeded, over what the template says`() throws {
        let job = manifest(try template(mlflowTemplate)) {
            $0.resources = ResourceRequest(processors: 0.5, memory: 1 << 30, graphicsProcessors: 1, disk: 1000)
        }
        let resources = path(job, "spec", "template", "spec", "containers", "0", "resources")
        for kind in ["requests", "limits"] {
            #expect(path(resources, kind, "cpu") == .string("500m"))
            #expect(path(resources, kind, "memory") == .string("1073741824"))
            #expect(path(resources, kind, "nvidia.com/gpu") == .string("1"))
            #expect(path(resources, kind, "ephemeral-storage") == .string("1000"))
        }
    }

    @Test func `secrets stay in the cluster: the job only names them`() {
        let job = manifest(.minimal) {
            $0.secrets = [.all(secret: "aws"), .key(variable: "TOKEN", secret: "hub", key: "token")]
        }
        let container = path(job, "spec", "template", "spec", "containers", "0")
        #expect(path(container, "envFrom", "0", "secretRef", "name") == .string("aws"))
        #expect(environment(container).last == #"TOKEN<-{"secretKeyRef":{"name":"hub","key":"token"}}"#)
    }

    @Test func `logins for registries are named beside the template's own`() throws {
        let given = try template(
            "{apiVersion: batch/v1, kind: Job, metadata: {}, spec: {template: {spec: {imagePullSecrets: [{name: a}], containers: [{}]}}}}"
        )
        let secrets = path(
            manifest(given) { $0.pullSecrets = ["a", "b"] }, "spec", "template", "spec", "imagePullSecrets")
        #expect(path(secrets, "0", "name") == .string("a") && path(secrets, "1", "name") == .string("b"))
        #expect(path(secrets, "2") == nil)
        #expect(path(manifest(.minimal), "spec", "template", "spec", "imagePullSecrets") == nil)
    }

    @Test func `files in a ConfigMap are copied to where the command may write`() throws {
        let files = [
            CodeFile(path: try RelativePath("train.py"), content: Array("x".utf8)),
            CodeFile(path: try RelativePath("lib/run.sh"), content: [], isExecutable: true),
        ]
        let job = manifest(.minimal) { $0.code = .configMap(name: "sf-x", files: files, folder: "/home/me/x") }
        let pod = path(job, "spec", "template", "spec")
        #expect(path(pod, "containers", "0", "workingDir") == .string("/home/me/x"))
        #expect(path(pod, "volumes", "1", "configMap", "items", "1", "path") == .string("code/lib/run.sh"))
        #expect(path(pod, "volumes", "1", "configMap", "items", "1", "mode") == .integer(0o755))
        let words = strings(path(pod, "containers", "0", "command"))
        #expect(words[4].contains("if cp -RL "))
        #expect(words[5...6] == ["python train.py", "/home/me/x"])
    }

    @Test(arguments: [
        ("/home/me/project", "/home/me/project"), ("/", "/mlflow/projects/code"),
        ("/usr/src/x", "/mlflow/projects/code"),
        ("/x", "/mlflow/projects/code"), ("/data/a:b", "/mlflow/projects/code"),
        ("relative/x", "/mlflow/projects/code"),
    ])
    func `files stand at their own path, unless that would hide the image's`(folder: String, place: String) {
        #expect(CodeDelivery.place(of: FilePath(folder)) == place)
    }

    @Test func `a commit is fetched before the command, its URL an argument and no option`() throws {
        let job = manifest(.minimal) {
            $0.code = .git(
                image: "git:1", url: "--upload-pack=evil", commit: "abc", folder: "/home/me/x", subdirectory: .root)
        }
        let words = strings(path(job, "spec", "template", "spec", "initContainers", "0", "command"))
        #expect(words.suffix(3) == ["--upload-pack=evil", "abc", "/home/me/x"])
        #expect(words[2].contains(#"-- "$1" "$2""#))
        #expect(!words[2].contains("$("))
    }
}

@Suite struct TemplateRefusalTests {
    private func job(_ pod: String, spec: String = "", metadata: String = "") -> String {
        """
        apiVersion: batch/v1
        kind: Job
        metadata: {\(metadata)}
        spec:
          \(spec.isEmpty ? "backoffLimit: 0" : spec)
          template:
            spec: \(pod)
        """
    }

    @Test func `K-07 a template that cannot work is refused with its place, before anything is submitted`() {
        let cases: [(String, String)] = [
            ("", "not a mapping"), ("[]", "not a mapping"), ("kind: Job", "no 'apiVersion'"),
            ("apiVersion: v1\nkind: Pod\nspec: {}", "'v1', not 'batch/v1'"),
            ("apiVersion: batch/v1\nkind: Job", "no 'spec'"),
            ("apiVersion: batch/v1\nkind: Job\nspec: {}", "no 'spec.template'"),
            (job("{}"), "no 'containers'"), (job("{containers: []}"), "at least one container"),
            (job("{containers: 3}"), "at least one container"), (job("{containers: [a]}"), "a container is a mapping"),
            (job("{containers: [{env: {A: b}}]}"), "'env' is not a list"),
            (job("{containers: [{env: [{value: b}]}]}"), "no 'name'"),
            (job("{containers: [{env: [{name: 'A B'}]}]}"), "no name of a variable"),
            (job("{containers: [{}], restartPolicy: Always}"), "'Never' or 'OnFailure'"),
            (job("{containers: [{}]}", spec: "parallelism: 4"), "one command in one pod"),
            (job("{containers: [{}]}", spec: "completions: 0"), "one command in one pod"),
            (job("{containers: [{}]}", spec: "suspend: true"), "ever starting"),
            (job("{containers: [{}]}", spec: "backoffLimit: -1"), "number of retries"),
            (job("{containers: [{}]}", spec: "selector: {}"), "made by the cluster"),
            (job("{containers: [{}]}", metadata: "namespace: '../kube-system'"), "no name of a namespace"),
            (
                job("{containers: [{}]}", metadata: "namespace: \(String(repeating: "a", count: 64))"),
                "no name of a namespace"
            ),
            (job("{containers: [{}]}", metadata: "labels: {a: true}"), "is not text"),
            ("a: &a [*a]", "job.yaml:1"), ("!!python/object:os.system {}", "job.yaml:1"),
        ]
        for (text, expected) in cases {
            let error = #expect(throws: InvalidInput.self, "\(text)") { try template(text) }
            #expect(error?.description.contains(expected) == true, "\(text): \(error?.description ?? "")")
            if text.contains("spec:") { #expect(error?.description.contains("job.yaml:") == true) }
        }
    }

    @Test func `K-07 all mistakes of a template are told at once`() {
        let text = job("{containers: [{env: 1}], restartPolicy: Always}", spec: "parallelism: 2")
        let error = #expect(throws: InvalidInput.self) { try template(text) }
        #expect(error?.diagnostics.count == 3)
    }

    @Test func `K-07 a template that grows without end is refused`() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ","))]\n"
        }
        #expect(throws: InvalidInput.self) { try template(text) }
    }

    @Test func `dates and odd scalars of a template stay what they are`() throws {
        let text = job("{containers: [{image: x}], nodeSelector: {built: 2020-01-02}}")
        let json = JobManifest(
            template: try template(text), name: "n", namespace: "d", projectName: nil, image: nil, command: "c"
        ).json
        #expect(path(json, "spec", "template", "spec", "nodeSelector", "built") == .string("2020-01-02"))
        #expect(path(json, "spec", "template", "spec", "containers", "0", "name") == .string("main"))
    }
}
