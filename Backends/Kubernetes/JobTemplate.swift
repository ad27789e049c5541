import Diagnostics
import Documents
import Files
package import JSON
package import SystemPackage

/// The user's job template: a Kubernetes Job in YAML, of which we fill in a few fields and keep the rest.
package struct JobTemplate: Sendable {
    /// The Job as JSON.
    package let job: JSONObject
    /// As written in it.
    package let namespace: String?

    /// The template of somebody who gave none.
    package static let minimal = JobTemplate(
        job: JSONObject([
            "apiVersion": .string("batch/v1"), "kind": .string("Job"),
            "spec": .object(["template": .object(["spec": .object(["containers": .array([.object([:])])])])]),
        ]), namespace: nil)

    private init(job: JSONObject, namespace: String?) {
        self.job = job
        self.namespace = namespace
    }

    package init(reading path: FilePath) throws {
        try self.init(parsing: try readFile(path, limit: 1 << 20), file: path.string)
    }

    /// Reads the YAML text; all mistakes at once, each with its place.
    package init(parsing bytes: [UInt8], file: String) throws {
        let document = try YAMLDocument(parsing: bytes, file: file)
        guard let root = document.root, root.mapping != nil else {
            throw InvalidInput(
                "the job template is not a mapping", at: SourceLocation(file: file),
                remedy: "write a Kubernetes Job, see docs/kubernetes.md")
        }
        var findings = TemplateFindings(root)
        findings.examine()
        guard findings.diagnostics.isEmpty else { throw InvalidInput(findings.diagnostics) }
        guard case .object(let job) = try root.json() else {
            throw InvalidInput("the job template is not a mapping", at: root.location)
        }
        self.init(job: job, namespace: root["metadata"]?["namespace"]?.text)
    }
}

/// Looks for what would make the cluster refuse the job or us misread it.
///
/// The cluster itself has the last word, in a dry run before the run exists; here are the mistakes it would explain badly or not at all.
private struct TemplateFindings {
    let root: YAMLNode
    var diagnostics: [Diagnostic] = []

    init(_ root: YAMLNode) {
        self.root = root
    }

    mutating func refuse(_ node: YAMLNode, _ what: String, remedy: String? = nil) {
        diagnostics.append(Diagnostic(.error, at: node.location, what, remedy: remedy))
    }

    mutating func examine() {
        expect("apiVersion", "batch/v1", in: root)
        expect("kind", "Job", in: root)
        if let metadata = mapping("metadata", in: root, isRequired: false) {
            if let namespace = metadata["namespace"], !ObjectName.isLabel(namespace.text ?? "") {
                refuse(namespace, "'\(namespace.text ?? "")' is no name of a namespace")
            }
            texts("labels", in: metadata)
            texts("annotations", in: metadata)
        }
        guard let spec = mapping("spec", in: root, isRequired: true) else { return }
        examine(spec: spec)
        guard let template = mapping("template", in: spec, isRequired: true, path: "spec.template") else { return }
        if let metadata = mapping("metadata", in: template, isRequired: false) {
            texts("labels", in: metadata)
            texts("annotations", in: metadata)
        }
        if let pod = mapping("spec", in: template, isRequired: true, path: "spec.template.spec") { examine(pod: pod) }
    }

    private mutating func examine(spec: YAMLNode) {
        for key in ["parallelism", "completions"] {
            if let node = spec[key], node.text != "1" {
                refuse(node, "'\(key)' is not 1: a run is one command in one pod", remedy: "start one run for each")
            }
        }
        if let node = spec["suspend"], (try? node.value()) != .bool(false) {
            refuse(node, "'suspend' would keep the job from ever starting", remedy: "remove it")
        }
        if let node = spec["backoffLimit"], Int32(node.text ?? "").map({ $0 >= 0 }) != true {
            refuse(node, "'backoffLimit' is not a number of retries")
        }
        if let node = spec["selector"] ?? spec["manualSelector"] {
            refuse(node, "a job's selector is made by the cluster", remedy: "remove it")
        }
    }

    private mutating func examine(pod: YAMLNode) {
        if let policy = pod["restartPolicy"], !["Never", "OnFailure"].contains(policy.text ?? "") {
            refuse(policy, "a job's 'restartPolicy' is 'Never' or 'OnFailure'")
        }
        for key in ["volumes", "initContainers", "imagePullSecrets", "tolerations"] { list(key, in: pod) }
        guard let containers = pod["containers"] else {
            refuse(
                pod, "the job template has no 'containers' in 'spec.template.spec'",
                remedy: "the first container is the one the command runs in; it may be empty: - {}")
            return
        }
        guard let items = containers.sequence, let first = items.first else {
            refuse(containers, "'containers' is not a list with at least one container")
            return
        }
        for item in items where item.mapping == nil && !(item.isNull) { refuse(item, "a container is a mapping") }
        guard first.mapping != nil else { return }
        for key in ["env", "envFrom", "volumeMounts"] { list(key, in: first) }
        for variable in first["env"]?.sequence ?? [] {
            guard let name = variable["name"] else {
                refuse(variable, "an element of 'env' has no 'name'")
                continue
            }
            if !ObjectName.isVariable(name.text ?? "") {
                refuse(name, "'\(name.text ?? "")' is no name of a variable")
            }
            if let value = variable["value"], value.text == nil { refuse(value, "a variable's value must be text") }
        }
        if let resources = first["resources"], !resources.isNull {
            for key in ["requests", "limits"] { _ = mapping(key, in: resources, isRequired: false) }
        }
    }

    private mutating func expect(_ key: String, _ value: String, in node: YAMLNode) {
        guard let found = node[key] else {
            refuse(node, "the job template has no '\(key)'", remedy: "add '\(key): \(value)'")
            return
        }
        if found.text != value {
            refuse(found, "the job template's '\(key)' is '\(found.text ?? "")', not '\(value)'")
        }
    }

    private mutating func mapping(
        _ key: String, in node: YAMLNode, isRequired: Bool, path: String? = nil
    ) -> YAMLNode? {
        guard let found = node[key], isRequired || !found.isNull else {
            if isRequired { refuse(node, "the job template has no '\(path ?? key)'") }
            return nil
        }
        guard found.mapping != nil else {
            refuse(found, "'\(path ?? key)' is not a mapping")
            return nil
        }
        return found
    }

    private mutating func list(_ key: String, in node: YAMLNode) {
        if let found = node[key], !found.isNull, found.sequence == nil { refuse(found, "'\(key)' is not a list") }
    }

    /// Labels and annotations: `true` and `1` are no texts, and the cluster's answer to them is hard to understand.
    private mutating func texts(_ key: String, in node: YAMLNode) {
        guard let found = mapping(key, in: node, isRequired: false) else { return }
        for pair in found.mapping ?? [] {
            if case .string = try? pair.value.value() { continue }
            refuse(
                pair.value, "'\(pair.key.text ?? "")' in '\(key)' is not text",
                remedy: pair.value.text.map { "write \"\($0)\"" })
        }
    }
}

extension YAMLNode {
    /// The node as JSON, read as MLflow's YAML reader reads it; dates stay the text they were.
    fileprivate func json() throws(InvalidInput) -> JSON.JSONValue {
        switch content {
        case .scalar(let scalar):
            switch try value() {
            case .null: return .null
            case .bool(let flag): return .bool(flag)
            case .int(let digits):
                guard let number = Int64(digits) else {
                    throw InvalidInput("'\(digits)' is too large a number", at: location)
                }
                return .integer(number)
            case .float(let number):
                guard number.isFinite else { throw InvalidInput("'\(scalar.text)' is no number here", at: location) }
                return .double(number)
            case .timestamp, .string, .list, .mapping: return .string(scalar.text)
            }
        case .sequence(let items):
            var elements: [JSON.JSONValue] = []
            for item in items { elements.append(try item.json()) }
            return .array(elements)
        case .mapping(let pairs):
            var object = JSONObject()
            for pair in pairs {
                guard let name = pair.key.text else { throw InvalidInput("a key is not text", at: pair.key.location) }
                object.members.append(JSONObject.Member(name: name, value: try pair.value.json()))
            }
            return .object(object)
        }
    }
}
