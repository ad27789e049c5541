package import Tracking

// What a step hands on is kept as tags of its run: `swiftflow.output.NAME` for a small value, `swiftflow.artifact.NAME` for the path of an
// artifact, `swiftflow.digest.NAME` for the digest of its content.

private let outputPrefix = "swiftflow.output."
private let artifactPrefix = "swiftflow.artifact."

/// The tags that keep what a step hands on.
func outputTags(_ outputs: [String: OutputValue]) -> [Tag] {
    var tags: [Tag] = []
    for (name, value) in outputs.sorted(by: { $0.key < $1.key }) {
        switch value {
        case .text(let text): tags.append(Tag(outputPrefix + name, text))
        case .artifact(let path, let digest):
            tags.append(Tag(artifactPrefix + name, path))
            if let digest { tags.append(Tag(NodeTag.digest(name), digest)) }
        }
    }
    return tags
}

/// What the tags of a run say that it hands on.
package func storedOutputs(_ tags: [Tag]) -> [String: OutputValue] {
    var outputs: [String: OutputValue] = [:]
    for tag in tags {
        if tag.key.hasPrefix(outputPrefix) {
            outputs[String(tag.key.dropFirst(outputPrefix.count))] = .text(tag.value)
        } else if tag.key.hasPrefix(artifactPrefix) {
            let name = String(tag.key.dropFirst(artifactPrefix.count))
            outputs[name] = .artifact(path: tag.value, digest: tags.first { $0.key == NodeTag.digest(name) }?.value)
        }
    }
    return outputs
}
