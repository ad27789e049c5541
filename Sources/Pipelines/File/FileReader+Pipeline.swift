import Diagnostics
import Documents

// The top level of the file.
extension FileReader {
    private static let newestVersion = 1

    mutating func pipeline(_ root: YAMLNode) -> Pipeline? {
        guard let members = members(of: root, as: TopKey.self, in: "a pipeline file") else { return nil }
        var pipeline = Pipeline(
            file: file, parameters: [], environment: [], secrets: [], limits: [], onError: .finish, steps: [],
            outputs: [], tags: [], concurrency: .allow)
        var defaults = Step(name: "", at: root.location, action: .command(Located("", at: root.location)))
        var steps: YAMLPair?
        for (key, pair) in members {
            switch key {
            case .version: checkVersion(pair)
            case .name: pipeline.name = pipelineName(pair)
            case .description: pipeline.description = template(pair, .text)
            case .experiment: pipeline.experiment = template(pair, .text)
            case .params: pipeline.parameters = parameters(pair)
            case .env: pipeline.environment = environment(pair)
            case .secrets: pipeline.secrets = secretNames(pair)
            case .cache: defaults.cache = cache(pair)
            case .defaults: break
            case .limits: pipeline.limits = amounts(pair)
            case .onError: pipeline.onError = choice(pair, as: FailurePolicy.self) ?? .finish
            case .timeout: pipeline.timeout = template(pair, .duration)
            case .steps: steps = pair
            case .outputs: pipeline.outputs = values(pair, .anything)
            case .hooks: reportLater(pair, "hooks")
            case .tags: pipeline.tags = values(pair, .scalar)
            case .concurrency: pipeline.concurrency = choice(pair, as: Concurrency.self) ?? .allow
            }
        }
        // After the loop, because `cache` at the top is what `defaults` begins with, wherever the two stand.
        if let pair = members.first(where: { $0.key == .defaults })?.pair { readDefaults(pair, into: &defaults) }
        if let steps {
            pipeline.steps = self.steps(steps, defaults: defaults)
        } else {
            report("P010", at: root, "a pipeline needs 'steps'", remedy: "add 'steps:' with a mapping of step names")
        }
        return pipeline
    }

    private mutating func checkVersion(_ pair: YAMLPair) {
        guard case .int(let number)? = try? pair.value.coreValue(), number >= 1 else {
            return reportType(of: pair.value, "'version'", expected: "the format's version, 1", key: pair.key)
        }
        guard number <= Self.newestVersion else {
            return report(
                "P001", at: pair.value,
                "the file is of format version \(number), and this program knows versions up to \(Self.newestVersion)",
                remedy: "use a newer swiftflow")
        }
    }

    /// P001: a key of the format that this version does not carry out.
    mutating func reportLater(_ pair: YAMLPair, _ name: String) {
        report(
            "P001", at: pair.key, "'\(name)' belongs to the format, but is not in this version of swiftflow",
            remedy: "remove it, or use a newer swiftflow")
    }

    private mutating func pipelineName(_ pair: YAMLPair) -> Template? {
        guard let name = template(pair, .text) else { return nil }
        if case .string(let text)? = name.literal, !isPipelineName(text) {
            report("P014", at: pair.value, pipelineNameProblem(text), remedy: nameRemedy)
        }
        return name
    }

    private mutating func readDefaults(_ pair: YAMLPair, into step: inout Step) {
        guard let members = members(of: pair.value, as: DefaultsKey.self, in: "'defaults'", owner: pair.key) else {
            return
        }
        for (key, pair) in members {
            guard let stepKey = key.stepKey else { continue }
            readSetting(stepKey, pair, into: &step)
        }
    }

    private mutating func steps(_ pair: YAMLPair, defaults: Step) -> [Step] {
        guard let members = names(of: pair.value, "'steps'", owner: pair.key) else { return [] }
        if members.isEmpty {
            report("P010", at: pair.key, "'steps' has no step", remedy: "add one, such as 'train: {command: \"…\"}'")
        }
        var steps: [Step] = []
        var folded: [String: String] = [:]
        for (name, pair) in members {
            if !isStepName(name) || name.utf8.count > 64 {
                report(
                    "P014", at: pair.key, "'\(name.prefix(100))' cannot be the name of a step",
                    remedy: "use up to 64 letters, digits, '_' and '-', beginning with a letter or '_'")
            } else if let other = folded.updateValue(name, forKey: name.lowercased()) {
                // Names become folders and tags, which not every store keeps apart by case.
                report(
                    "P014", at: pair.key, "the step names '\(name)' and '\(other)' differ in case only",
                    remedy: "rename one of the two")
            }
            steps.append(step(name, pair, defaults: defaults))
        }
        return steps
    }

    // MARK: Maps of names

    mutating func values(_ pair: YAMLPair, _ expected: Expected) -> [NamedTemplate] {
        let what = "'\(pair.key.text ?? "")'"
        guard let members = names(of: pair.value, what, owner: pair.key) else { return [] }
        return members.compactMap { name, pair in
            guard !name.isEmpty, name.utf8.count <= 250, !name.unicodeScalars.contains(where: { $0.value < 32 }) else {
                report("P014", at: pair.key, "a name in \(what) is empty, too long or has control characters")
                return nil
            }
            return template(pair.value, "'\(name)' in \(what)", expected, key: pair.key).map {
                NamedTemplate(name, at: pair.key.location, $0)
            }
        }
    }

    mutating func environment(_ pair: YAMLPair) -> [NamedTemplate] {
        let variables = values(pair, .scalar)
        for variable in variables where !isVariableName(variable.name) {
            findings.append(
                Diagnostic(
                    .error, code: "P014", at: variable.location,
                    "'\(variable.name)' cannot be the name of an environment variable",
                    remedy: "use letters, digits and '_', not beginning with a digit", length: variable.name.count))
        }
        return variables
    }

    mutating func secretNames(_ pair: YAMLPair) -> [Located<String>] {
        let names = texts(pair, of: "names")
        for name in names where !isVariableName(name.value) {
            findings.append(
                Diagnostic(
                    .error, code: "P014", at: name.location, "'\(name.value)' cannot be the name of a secret",
                    remedy: "use letters, digits and '_', not beginning with a digit", length: name.value.count))
        }
        return names
    }

    mutating func amounts(_ pair: YAMLPair) -> [NamedTemplate] {
        values(pair, .amount)
    }
}

func isPipelineName(_ text: String) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first, isLetterOrDigit(first), bytes.count <= 100 else { return false }
    return bytes.allSatisfy { isLetterOrDigit($0) || "_.-".utf8.contains($0) }
}

func pipelineNameProblem(_ text: String) -> String { "'\(text.prefix(120))' cannot be the name of a pipeline" }

let nameRemedy = "use up to 100 letters, digits, '_', '.' and '-', beginning with a letter or digit"

func isVariableName(_ text: String) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first), bytes.count <= 250 else {
        return false
    }
    return bytes.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "_") }
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
    default: false
    }
}
