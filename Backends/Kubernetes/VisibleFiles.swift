package import Diagnostics
package import Execution
import JSON
import Projects
package import SystemPackage

/// Which files of this machine a job sees, at their own path: the project's as far as they are delivered, and what its template mounts.
package struct VisibleFiles: Sendable {
    private let projectFolder: FilePath
    private let code: KubernetesConfiguration.Code
    private let template: JobTemplate
    private let buildsImage: Bool

    /// - Parameter buildsImage: whether the image is made of the project's files for this run.
    package init(
        of source: JobSource, _ code: KubernetesConfiguration.Code, _ template: JobTemplate, buildsImage: Bool = false
    ) {
        self.buildsImage = buildsImage
        projectFolder = source.projectFolder
        self.code = code
        self.template = template
    }

    /// Refuses values of `path` parameters that would name nothing in the pod.
    ///
    /// - Throws: `InvalidInput` with all of them.
    package func check(_ parameters: [PathParameter]) throws(InvalidInput) {
        let findings = parameters.compactMap(problem)
        guard findings.isEmpty else { throw InvalidInput(findings) }
    }

    private func problem(of parameter: PathParameter) -> Diagnostic? {
        let subject = "parameter '\(parameter.name)' is a path"
        guard let path = parameter.path?.lexicallyNormalized() else {
            return Diagnostic(
                .error,
                "\(subject), and '\(redactedURL(parameter.value))' would be downloaded to this machine, where pods do not see it",
                remedy: "declare the parameter as 'uri' and let the command fetch what it names")
        }
        if template.mounts(path) { return nil }
        guard path.starts(with: projectFolder) else {
            return Diagnostic(
                .error, "\(subject), and pods do not see '\(path)', which is on this machine",
                remedy:
                    "give a URI (a parameter of type 'uri'), or mount a volume at that place in the job's template (kube-job-template-path)"
            )
        }
        guard code != .image || buildsImage, CodeDelivery.place(of: projectFolder) == projectFolder.string else {
            return Diagnostic(
                .error,
                "\(subject), and '\(path)' is not at that place in the pod: the project's files are there where the image has them",
                remedy:
                    "build an image with them (--build-image), deliver them (\"code\": \"configmap\" or \"git\" in the backend configuration), or name the image's file by a parameter of type 'string'"
            )
        }
        let inside = path.components.dropFirst(projectFolder.components.count).map(\.string)
        if code == .configMap, let skipped = inside.first(where: CodeFile.isSkipped) {
            return Diagnostic(
                .error,
                "\(subject), and '\(path)' is not delivered to the pod: '\(skipped)' is no part of a project's code",
                remedy: "give a URI (a parameter of type 'uri')")
        }
        return nil
    }
}

extension JobTemplate {
    /// Whether the command's container has something mounted there, which may well be the same as on this machine.
    package func mounts(_ path: FilePath) -> Bool {
        let container = job["spec"]?["template"]?["spec"]?["containers"]?.array?.first
        return (container?["volumeMounts"]?.array ?? []).contains { mount in
            mount["mountPath"]?.string.map { path.starts(with: FilePath($0).lexicallyNormalized()) } == true
        }
    }
}

extension KubernetesBackend {
    /// What is known before the start of a `path` param's value that pods would not see.
    ///
    /// - Parameter value: nil for what another step produces.
    package static func problemOfPath(_ value: String?, configuration json: String) -> (
        reason: String, remedy: String
    )? {
        // What its template mounts is looked at when the step starts, and so is a configuration with mistakes.
        guard let configuration = try? KubernetesConfiguration(json: json), configuration.templatePath == nil else {
            return nil
        }
        guard let value else {
            return (
                "pods do not see the files of this machine that hold what another step has produced",
                "declare the param as 'uri', and bind it with 'uri(…)'"
            )
        }
        if let scheme = uriScheme(of: value), scheme != "file" {
            return (
                "'\(redactedURL(value))' would be downloaded to this machine, where pods do not see it",
                "declare the param as 'uri' and let the command fetch what it names"
            )
        }
        let names = value.split(separator: "/")
        let isInProject = !value.hasPrefix("/") && !value.hasPrefix("file:") && !names.contains("..")
        if isInProject, configuration.code != .image { return nil }
        return (
            "pods do not see '\(value)', which is on this machine",
            isInProject
                ? "deliver the project's files with \"code\": \"configmap\" or \"git\", or name the image's file by a param of type 'string'"
                : "give a URI (a param of type 'uri'), or mount a volume at that place in the job's template (kube-job-template-path)"
        )
    }
}
