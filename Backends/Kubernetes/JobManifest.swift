package import Execution
import Files
package import JSON

/// The Job that is submitted: the template with everything of ours filled in.
package struct JobManifest: Sendable {
    package var template: JobTemplate
    package var name: String
    package var namespace: String
    package var labels: [(name: String, value: String)]
    package var annotations: [(name: String, value: String)]
    /// The first container's name: the project's, as MLflow has it.
    package var containerName: String
    package var image: String?
    package var pullPolicy: KubernetesConfiguration.PullPolicy?
    /// The entry point's command: a text for a shell.
    package var command: String
    /// In the order they are written; they win over the template's.
    package var variables: [(name: String, value: String)]
    package var secrets: [KubernetesConfiguration.SecretSource]
    package var pullSecrets: [String] = []
    package var resources: ResourceRequest
    package var graphicsResource = "nvidia.com/gpu"
    package var timeToLive: Int64?
    package var code: CodeDelivery
    /// What the container writes when the command has ended.
    package let endMark = "swiftflow: end of output \(randomName())"

    package init(
        template: JobTemplate, name: String, namespace: String, projectName: String?, image: String?, command: String,
        code: CodeDelivery = .image
    ) {
        self.template = template
        self.name = name
        self.namespace = namespace
        self.image = image
        self.command = command
        self.code = code
        labels = []
        annotations = []
        containerName = projectName.flatMap { ObjectName.label(from: $0) } ?? "main"
        variables = []
        secrets = []
        resources = ResourceRequest()
    }

    package var json: JSONValue {
        var job = template.job
        job["metadata"] = metadata(job["metadata"], withName: true)
        job["spec"] = spec(job["spec"])
        // What the cluster reports is none of a template's business.
        job["status"] = nil
        return .object(job)
    }

    private func metadata(_ given: JSONValue?, withName: Bool) -> JSONValue {
        var metadata = given?.object ?? JSONObject()
        if withName {
            metadata["name"] = .string(name)
            metadata["namespace"] = .string(namespace)
            metadata["generateName"] = nil
        }
        metadata["labels"] = merged(metadata["labels"], labels)
        metadata["annotations"] = merged(
            metadata["annotations"], annotations + [(name: ObjectLabel.endMark, value: endMark)])
        return .object(metadata)
    }

    private func merged(_ given: JSONValue?, _ own: [(name: String, value: String)]) -> JSONValue? {
        var object = given?.object ?? JSONObject()
        for (name, value) in own { object[name] = .string(value) }
        return object.members.isEmpty ? nil : .object(object)
    }

    private func spec(_ given: JSONValue?) -> JSONValue {
        var spec = given?.object ?? JSONObject()
        // The command runs once; trying again is up to whoever asked for the run.
        spec.setDefault("backoffLimit", .integer(0))
        if let timeToLive { spec.setDefault("ttlSecondsAfterFinished", .integer(timeToLive)) }
        var template = spec["template"]?.object ?? JSONObject()
        template["metadata"] = metadata(template["metadata"], withName: false)
        var pod = template["spec"]?.object ?? JSONObject()
        pod.setDefault("restartPolicy", .string("Never"))
        var containers = pod["containers"]?.array ?? []
        let first = container(containers.first?.object ?? JSONObject(), others: containers.dropFirst())
        containers = [first] + containers.dropFirst()
        pod["containers"] = .array(containers)
        let pullSecrets = self.pullSecrets.map { JSONValue.object(["name": .string($0)]) }
        if !pullSecrets.isEmpty {
            let given = pod["imagePullSecrets"]?.array ?? []
            pod["imagePullSecrets"] = .array(given + pullSecrets.filter { !given.contains($0) })
        }
        code.add(to: &pod, secrets: secretReferences, pullPolicy: pullPolicy)
        template["spec"] = .object(pod)
        spec["template"] = .object(template)
        return .object(spec)
    }

    private func container(_ given: JSONObject, others: ArraySlice<JSONValue>) -> JSONValue {
        var container = given
        let isTaken = others.contains { $0["name"]?.string == containerName }
        container["name"] = .string(isTaken ? String("\(containerName.prefix(58))-main") : containerName)
        if let image { container["image"] = .string(image) }
        if let pullPolicy { container["imagePullPolicy"] = .string(pullPolicy.rawValue) }
        container["command"] = .strings(
            ContainerShell(
                command: command, preparation: code.preparation, folder: code.preparedFolder, endMark: endMark
            )
            .arguments.map(escapedForCluster))
        container["args"] = nil
        if let folder = code.workingFolder { container["workingDir"] = .string(folder) }
        container["env"] = environment(container["env"])
        let from = (container["envFrom"]?.array ?? []) + secretReferences
        if !from.isEmpty { container["envFrom"] = .array(from) }
        container["resources"] = resources(container["resources"])
        let mounts = (container["volumeMounts"]?.array ?? []) + code.mounts
        if !mounts.isEmpty { container["volumeMounts"] = .array(mounts) }
        return .object(container)
    }

    private func environment(_ given: JSONValue?) -> JSONValue? {
        var own = variables.map { name, value -> JSONValue in
            .object(["name": .string(name), "value": .string(escapedForCluster(value))])
        }
        for case .key(let variable, let secret, let key) in secrets {
            own.append(
                .object([
                    "name": .string(variable),
                    "valueFrom": .object([
                        "secretKeyRef": .object(["name": .string(secret), "key": .string(key)])
                    ]),
                ]))
        }
        let names = Set(own.compactMap { $0["name"]?.string })
        let kept = (given?.array ?? []).filter { !names.contains($0["name"]?.string ?? "") }
        return kept.isEmpty && own.isEmpty ? nil : .array(kept + own)
    }

    private var secretReferences: [JSONValue] {
        secrets.compactMap {
            guard case .all(let secret) = $0 else { return nil }
            return .object(["secretRef": .object(["name": .string(secret)])])
        }
    }

    /// What the request says is both asked for and not exceeded.
    private func resources(_ given: JSONValue?) -> JSONValue? {
        var result = given?.object ?? JSONObject()
        var amounts: [(String, JSONValue)] = []
        if let processors = resources.processors {
            amounts.append(("cpu", .string("\(Int64((processors * 1000).rounded(.up)))m")))
        }
        if let memory = resources.memory { amounts.append(("memory", .string("\(memory)"))) }
        if let disk = resources.disk { amounts.append(("ephemeral-storage", .string("\(disk)"))) }
        if let graphics = resources.graphicsProcessors, graphics > 0 {
            amounts.append((graphicsResource, .string("\(graphics)")))
        }
        for kind in ["requests", "limits"] where !amounts.isEmpty {
            var object = result[kind]?.object ?? JSONObject()
            for (name, amount) in amounts { object[name] = amount }
            result[kind] = .object(object)
        }
        return result.members.isEmpty ? nil : .object(result)
    }

    /// The cluster replaces `$(NAME)` and `$$` in commands and values; a doubled `$` is how it is told to leave them alone (row K-03).
    private func escapedForCluster(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        return text.reduce(into: "") { result, character in
            result.append(character)
            if character == "$" { result.append("$") }
        }
    }
}

extension JSONObject {
    fileprivate mutating func setDefault(_ name: String, _ value: JSONValue) {
        if self[name] == nil || self[name] == .null { self[name] = value }
    }
}
