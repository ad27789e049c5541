package import Diagnostics

/// The name of a step as people give it: of a nested pipeline with the way there, `prepare/clean` or `train[fold=1]/fit`.
package struct StepPath: Sendable, Hashable {
    /// The step of the pipeline itself, without its cell.
    package var step: String
    /// The cell that is meant, such as `[fold=1]`; empty for all.
    package var cell: String
    /// The step of the pipeline that the first one is; nil when the first one is meant.
    package var rest: String?

    package init(_ name: String) {
        // Values of cells may be paths themselves.
        let end = name[...].firstIndexOutsideCells(of: "/")
        let head = name[..<(end ?? name.endIndex)]
        step = String(head.prefix { $0 != "[" })
        cell = String(head.dropFirst(step.count))
        rest = end.map { String(name[name.index(after: $0)...]) }
    }

    /// Whether a node of the pipeline is the one that is meant, or a cell of it.
    package func includes(node id: String) -> Bool {
        id == step + cell || (cell.isEmpty && id.hasPrefix(step + "["))
    }

    /// The names of a list with commas between them, where cells may have some of their own.
    package static func names(inList text: String) -> [String] {
        var names: [String] = []
        var rest = text[...]
        while let comma = rest.firstIndexOutsideCells(of: ",") {
            names.append(String(rest[..<comma]))
            rest = rest[rest.index(after: comma)...]
        }
        return (names + [String(rest)]).filter { !$0.isEmpty }
    }
}

extension Substring {
    /// Where the character is that stands in no `[…]`.
    fileprivate func firstIndexOutsideCells(of wanted: Character) -> Index? {
        var depth = 0
        return indices.first { index in
            if self[index] == "[" { depth += 1 }
            if self[index] == "]" { depth = Swift.max(0, depth - 1) }
            return depth == 0 && self[index] == wanted
        }
    }
}

extension Plan {
    /// Why no step has that name, also of a nested pipeline as far as that can be read; nil when one has.
    ///
    /// - Parameter option: what the name was given to.
    package func problem(ofStep name: String, option: String) -> Diagnostic? {
        let path = StepPath(name)
        guard let step = step(named: path.step) else {
            var remedy = suggestion(for: path.step, among: steps.map(\.name), kind: "steps")
            let nested = name.replacing(".", with: "/")
            if nested != name, problem(ofStep: nested, option: option) == nil { remedy = "did you mean '\(nested)'?" }
            return Diagnostic(
                .error, code: "P041", "\(option): step '\(path.step)' does not exist", remedy: remedy)
        }
        guard let rest = path.rest else {
            guard !path.cell.isEmpty else { return nil }
            return Diagnostic(
                .error, code: "P041", "\(option): '\(name)' is one cell of a step",
                remedy: "name the step: '\(step.name)'")
        }
        guard case .pipeline = step.step.action else {
            return Diagnostic(
                .error, code: "P041", "\(option): step '\(step.name)' is no pipeline, so it has no step '\(rest)'",
                remedy: "name the step: '\(step.name)'")
        }
        return step.nested?.plan.problem(ofStep: rest, option: "\(option) \(path.step)\(path.cell)")
    }
}
