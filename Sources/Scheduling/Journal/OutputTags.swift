package import JSON
import Pipelines
package import Tracking

// What a step hands on is kept as tags of its run: `swiftflow.output.NAME` for a small value, `swiftflow.artifact.NAME` for the path of an
// artifact, `swiftflow.digest.NAME` for the digest of its content. A nested pipeline also hands on artifacts of its steps, which have
// their whole URI for a path, and values that are no text, which have their JSON in `swiftflow.value.NAME`.

private let outputPrefix = "swiftflow.output."
private let artifactPrefix = "swiftflow.artifact."
private let valuePrefix = "swiftflow.value."

/// The tags that keep what a step hands on.
func outputTags(_ outputs: [String: OutputValue]) -> [Tag] {
    var tags: [Tag] = []
    for (name, value) in outputs.sorted(by: { $0.key < $1.key }) {
        switch value {
        case .text(let text): tags.append(Tag(outputPrefix + name, text))
        case .artifact(let path, let digest):
            tags.append(Tag(artifactPrefix + name, path))
            if let digest { tags.append(Tag(NodeTag.digest(name), digest)) }
        case .reference(let uri, let digest):
            tags += [Tag(outputPrefix + name, uri), Tag(artifactPrefix + name, uri)]
            if let digest { tags.append(Tag(NodeTag.digest(name), digest)) }
        case .value(let value):
            tags += [Tag(outputPrefix + name, value.text ?? ""), Tag(valuePrefix + name, value.recorded)]
        }
    }
    return tags
}

/// What the tags of a run say that it hands on.
package func storedOutputs(_ tags: [Tag]) -> [String: OutputValue] {
    var outputs: [String: OutputValue] = [:]
    for tag in tags where tag.key.hasPrefix(outputPrefix) {
        outputs[String(tag.key.dropFirst(outputPrefix.count))] = .text(tag.value)
    }
    for tag in tags {
        if tag.key.hasPrefix(artifactPrefix) {
            let name = String(tag.key.dropFirst(artifactPrefix.count))
            let digest = tags.first { $0.key == NodeTag.digest(name) }?.value
            outputs[name] =
                tag.value.hasPrefix("runs:/")
                ? .reference(uri: tag.value, digest: digest) : .artifact(path: tag.value, digest: digest)
        } else if tag.key.hasPrefix(valuePrefix), let value = Value(recorded: tag.value) {
            outputs[String(tag.key.dropFirst(valuePrefix.count))] = .value(value)
        }
    }
    return outputs
}

/// What is handed on, for programs.
package func outputsJSON(_ outputs: [String: OutputValue]) -> JSONValue {
    .object(JSONObject(members: outputs.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: $0.value.json) }))
}
