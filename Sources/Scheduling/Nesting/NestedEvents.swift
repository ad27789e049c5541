import Diagnostics

extension PipelineEvent {
    /// The event where it happened, and the nodes on the way there, such as `prepare/clean`; an empty path for the pipeline itself.
    package var unwrapped: (path: String, event: PipelineEvent) {
        var path = ""
        var event = self
        while case .nested(let node, let inner) = event {
            path = path.isEmpty ? node : nestedName(path, node)
            event = inner
        }
        return (path, event)
    }

    /// An event of a nested pipeline as one of the outermost, whose names tell the way; nil when it is of no interest there.
    package var flattened: PipelineEvent? {
        let (path, event) = unwrapped
        guard !path.isEmpty else { return event }
        switch event {
        case .node(var node):
            // Cells of a nested pipeline are many nodes of one step.
            node.isCell = node.isCell || path.contains("[")
            node.id = nestedName(path, node.id)
            node.step = nestedName(stepPath(path), node.step)
            return .node(node)
        case .settled(var step):
            // One of several has ended, not all.
            guard !path.contains("[") else { return nil }
            step.step = nestedName(path, step.step)
            step.best = step.best.map { nestedName(path, $0) }
            return .settled(step)
        case .note(let text): return .note(nestedName(path, text))
        case .warning(var diagnostic):
            diagnostic.message = "\(path): \(diagnostic.message)"
            return .warning(diagnostic)
        case .started, .ended, .nested: return nil
        }
    }
}

/// The name of something in a nested pipeline as it is told outside: `prepare/clean`.
package func nestedName(_ path: String, _ name: String) -> String { "\(path)/\(name)" }

/// The path without cells: `train[fold=1]/fit` is of the step `train/fit`.
package func stepPath(_ path: String) -> String {
    var result = ""
    var depth = 0
    for character in path {
        if character == "[" { depth += 1 }
        if depth == 0 { result.append(character) }
        if character == "]" { depth = max(0, depth - 1) }
    }
    return result
}
