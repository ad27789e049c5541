import Diagnostics
import Execution
import KubernetesBackend
import SystemPackage
import Testing

/// Values of `path` parameters that would name nothing in a pod.
@Suite struct VisibleFilesTests {
    private func findings(
        _ path: String?, code: KubernetesConfiguration.Code, folder: FilePath = "/home/me/project",
        mounted: String = "",
        buildsImage: Bool = false
    ) throws -> String? {
        let mounts = mounted.isEmpty ? "" : "{volumeMounts: [{name: v, mountPath: \(mounted)}]}"
        let template = try JobTemplate(
            parsing: Array(
                "{apiVersion: batch/v1, kind: Job, spec: {template: {spec: {containers: [\(mounts.isEmpty ? "{}" : mounts)]}}}}"
                    .utf8), file: "job.yaml")
        let parameter = PathParameter(
            name: "data", value: path ?? "s3://user:secret@bucket/data", path: path.map { FilePath($0) })
        do {
            try VisibleFiles(of: JobSource(projectFolder: folder), code, template, buildsImage: buildsImage).check([
                parameter
            ])
            return nil
        } catch {
            return error.description
        }
    }

    @Test(
        arguments: [
            // Elsewhere on this machine, whatever is delivered; a neighbour whose name begins the same.
            ("/data/set.csv", KubernetesConfiguration.Code.configMap, "pods do not see '/data/set.csv'"),
            ("/data/set.csv", .git, "pods do not see"), ("/data/set.csv", .image, "pods do not see"),
            ("/home/me/project2/x", .configMap, "pods do not see"), ("/home/me/project/../x", .git, "'/home/me/x'"),
            // The project's own, where the image may have it anywhere, or as part of what is never delivered.
            ("/home/me/project/data.csv", .image, "\"code\": \"configmap\""),
            ("/home/me/project/mlruns/0/model", .configMap, "'mlruns' is no part"),
            (nil, .configMap, "would be downloaded to this machine"),
        ] as [(String?, KubernetesConfiguration.Code, String)])
    func `a path that pods do not see is refused with what to do instead`(
        path: String?, code: KubernetesConfiguration.Code, says: String
    ) throws {
        let text = try #require(try findings(path, code: code))
        #expect(text.contains("parameter 'data' is a path") && text.contains(says), "\(text)")
        #expect(!text.contains("secret"))
    }

    @Test func `a path that stands at the same place in the pod is taken`() throws {
        #expect(try findings("/home/me/project/data.csv", code: .configMap) == nil)
        #expect(try findings("/home/me/project/sub/data", code: .git) == nil)
        #expect(try findings("/data/set.csv", code: .image, mounted: "/data") == nil)
        #expect(try findings("/home/me/project/data.csv", code: .image, buildsImage: true) == nil)
        #expect(try findings("/data/set.csv", code: .image, buildsImage: true) != nil)
        // What the image has of its own is not hidden by a project: its files are put elsewhere.
        #expect(try findings("/usr/project/data.csv", code: .configMap, folder: "/usr/project") != nil)
    }

    @Test func `links to the files of an image that was built of the project stand where paths name them`() {
        let folder: FilePath = "/home/me/project"
        #expect(
            CodeDelivery.built(from: folder, paths: ["/data/x", "/home/me/project/data/x"])
                == .linked(folder: folder.string))
        // Nothing is named there, or nothing can be put there.
        #expect(CodeDelivery.built(from: folder, paths: ["/data/x", "/home/me/project2/x"]) == .image)
        #expect(CodeDelivery.built(from: "/usr/project", paths: ["/usr/project/x"]) == .image)
        #expect(
            CodeDelivery.built(from: "/mlflow/projects/code", paths: ["/mlflow/projects/code/x"]) == .image)
    }

    @Test(
        arguments: [
            (nil, "{}", true), ("/data/x", "{}", true), ("s3://bucket/x", "{}", true), ("file:///x", "{}", true),
            ("data.csv", "{}", true), ("data.csv", #"{"code": "configmap"}"#, false),
            ("../data.csv", #"{"code": "git"}"#, true),
            // What a template mounts, and what is wrong with a configuration, is looked at when the step starts.
            ("/data/x", #"{"kube-job-template-path": "job.yaml"}"#, false), ("/data/x", #"{"cod": 1}"#, false),
        ] as [(String?, String, Bool)])
    func `what can be said before the start is said then`(value: String?, configuration: String, isProblem: Bool) {
        #expect((KubernetesBackend.problemOfPath(value, configuration: configuration) != nil) == isProblem)
    }
}
