import Diagnostics
import Documents

extension ProjectFileReader {
    private static let keys = ["command", "parameters", "pipeline"]

    mutating func entryPoints(_ node: YAMLNode) -> [EntryPoint] {
        guard let pairs = mapping(node, "'entry_points'", example: "main: {command: \"python train.py\"}") else {
            return []
        }
        return pairs.compactMap { pair in
            name(pair.key, "an entry point's name").flatMap { entryPoint($0, pair) }
        }
    }

    private mutating func entryPoint(_ name: String, _ pair: YAMLPair) -> EntryPoint? {
        guard
            let pairs = mapping(
                pair.value, "the entry point '\(name)'", at: pair.key, example: "command: \"python train.py\"")
        else {
            return nil
        }
        warnAboutUnknownKeys(pairs, known: Self.keys, in: "the entry point '\(name)'")
        var entryPoint = EntryPoint(name: name, command: nil, location: pair.key.location)
        if let parameters = pair.value.pair("parameters") {
            entryPoint.parameters = self.parameters(parameters, of: name)
        }
        if let command = pair.value["command"] {
            // An empty text is a command that does nothing.
            if let text = text(command, "the command of '\(name)'") {
                entryPoint.command = .template(text, location: command.location)
            } else {
                // It has been reported; without this it would count as missing too.
                entryPoint.command = .script("")
            }
        }
        if let pipeline = pair.value["pipeline"] { entryPoint.pipeline = text(pipeline, "the pipeline of '\(name)'") }
        return entryPoint
    }

    private mutating func parameters(_ pair: YAMLPair, of entryPoint: String) -> [ParameterDeclaration] {
        let what = "'parameters' of the entry point '\(entryPoint)'"
        guard let pairs = mapping(pair.value, what, at: pair.key, example: "alpha: {type: float, default: 0.5}") else {
            return []
        }
        return pairs.compactMap { pair in
            name(pair.key, "a parameter's name").flatMap { parameter($0, pair) }
        }
    }

    /// Reads `name: type` or `name: {type: …, default: …}`.
    private mutating func parameter(_ name: String, _ pair: YAMLPair) -> ParameterDeclaration? {
        let location = pair.key.location
        switch pair.value.content {
        case .scalar:
            guard let type = typeName(pair.value, of: name) else { return nil }
            return ParameterDeclaration(name: name, type: ParameterType(named: type), location: location)
        case .sequence:
            report(
                "the parameter '\(name)' is a list", at: pair.value,
                remedy: "write '\(name): TYPE' or '\(name): {type: TYPE, default: VALUE}'")
            return nil
        case .mapping(let pairs):
            warnAboutUnknownKeys(pairs, known: ["type", "default"], in: "the parameter '\(name)'")
            var declaration = ParameterDeclaration(name: name, type: .string, location: location)
            if let node = pair.value["type"] {
                guard let type = typeName(node, of: name) else { return nil }
                declaration.type = ParameterType(named: type)
            }
            if let node = pair.value["default"] { declaration.defaultValue = defaultValue(node, declaration) }
            return declaration
        }
    }

    private mutating func typeName(_ node: YAMLNode, of parameter: String) -> String? {
        let known = ParameterType.names
        guard let value = value(node) else { return nil }
        guard case .string(let type) = value else {
            let shown = node.isNull ? "empty" : "'\(node.text ?? value.kind)'"
            report(
                "the type of the parameter '\(parameter)' is \(shown), not a type's name", at: node,
                remedy: node.text.map {
                    $0.isEmpty ? "write 'string'" : "for a default value write '\(parameter): {default: \($0)}'"
                })
            return nil
        }
        if !known.contains(type) {
            warn(
                "the parameter '\(parameter)' has the unknown type '\(type)' and is taken as text", at: node,
                remedy: suggestion(for: type, among: known, kind: "types"), code: "unknown-type")
        }
        return type
    }

    /// The default as MLflow prints it; `nil` for null, which means that a value must be given.
    private mutating func defaultValue(_ node: YAMLNode, _ declaration: ParameterDeclaration) -> String? {
        guard let value = value(node), value != .null else { return nil }
        let text = value.pythonText
        if let problem = declaration.type.problem(of: text) {
            warn(
                "the default '\(text)' of the parameter '\(declaration.name)' \(problem)", at: node,
                remedy: "runs that do not give a value will be refused", code: "default-value")
        }
        return text
    }
}
