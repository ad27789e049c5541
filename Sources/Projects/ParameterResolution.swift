package import Diagnostics
package import SystemPackage

/// A parameter with its value for one run.
package struct ResolvedParameter: Sendable, Hashable {
    package enum Origin: Sendable, Hashable {
        case given, declaredDefault
    }

    /// What the command receives.
    package enum Substitution: Sendable, Hashable {
        case text(String)
        /// What the URI names, once it has been downloaded.
        case download(uri: String)
    }

    package var name: String
    /// What is logged: the text as it was given or declared, neither quoted nor resolved.
    package var value: String
    /// `nil` for a parameter the entry point does not declare.
    package var type: ParameterType?
    package var origin: Origin
    package var substitution: Substitution
}

/// All parameters of a run, checked; what is left is to download what paths name, and to ask for the command.
package struct ParameterResolution: Sendable {
    /// Declared ones in the order of the file, then undeclared ones as given.
    package let parameters: [ResolvedParameter]
    package let warnings: [Diagnostic]
    private let template: CommandTemplate?
    private let entryPoint: String
    /// Elements of lists, by parameter.
    private let lists: [String: [String]]

    fileprivate init(
        parameters: [ResolvedParameter], warnings: [Diagnostic], template: CommandTemplate?, entryPoint: String,
        lists: [String: [String]]
    ) {
        self.lists = lists
        self.parameters = parameters
        self.warnings = warnings
        self.template = template
        self.entryPoint = entryPoint
    }

    /// The parameters whose command text is a file still to be fetched.
    package var downloads: [(name: String, uri: String)] {
        parameters.compactMap { parameter in
            if case .download(let uri) = parameter.substitution { (parameter.name, uri) } else { nil }
        }
    }

    /// The text for `bash -c`.
    ///
    /// - Parameter downloaded: where the downloads ended up, by parameter name.
    /// - Throws: for a download that is missing, and for a value that cannot stand safely where the template wants it.
    package func command(downloaded: [String: FilePath] = [:]) throws(InvalidInput) -> String {
        guard let template else {
            throw InvalidInput("the entry point '\(entryPoint)' has no command", remedy: "add 'command: …'")
        }
        var values: [String: String] = [:]
        var extras: [GivenParameters.Parameter] = []
        for parameter in parameters {
            let text: String
            switch parameter.substitution {
            case .text(let value): text = value
            case .download(let uri):
                guard let path = downloaded[parameter.name] else {
                    throw InvalidInput("'\(redactedURL(uri))' of parameter '\(parameter.name)' was not downloaded")
                }
                text = path.string
            }
            if parameter.type == nil {
                extras.append(.init(name: parameter.name, value: text))
            } else {
                values[parameter.name] = text
            }
        }
        return try template.rendered(values: values, extras: extras, lists: lists)
    }
}

extension EntryPoint {
    /// Checks the given parameters against the declared ones, and the command against both.
    ///
    /// - Parameters:
    ///   - callerDirectory: given relative paths are looked up here, then in the project.
    ///   - root: the project's folder, where relative defaults are looked up.
    /// - Throws: `InvalidInput` with everything that is wrong. Nothing has been started or created by then.
    package func resolve(
        _ given: GivenParameters, callerDirectory: FilePath, root: FilePath
    ) throws(InvalidInput) -> ParameterResolution {
        var resolver = ParameterResolver(callerDirectory: callerDirectory, root: root)
        for declaration in parameters { resolver.resolve(declaration, given: given[declaration.name]) }
        let declared = Set(parameters.map(\.name))
        for parameter in given.parameters where !declared.contains(parameter.name) {
            resolver.resolveUndeclared(parameter)
        }

        let template = template()
        var errors = given.problems + problems + missing(resolver.missing, given) + resolver.errors
        let resolution = ParameterResolution(
            parameters: resolver.resolved, warnings: resolver.warnings + (template?.warnings ?? []), template: template,
            entryPoint: name,
            lists: Dictionary(given.parameters.compactMap { each in each.elements.map { (each.name, $0) } }) { $1 })
        // With everything else in order, values that are known already are tried in their places.
        if errors.isEmpty, template != nil {
            let placeholders = resolution.downloads.map { ($0.name, FilePath("/download")) }
            do { _ = try resolution.command(downloaded: Dictionary(placeholders) { first, _ in first }) } catch {
                errors += error.diagnostics
            }
        }
        guard errors.isEmpty else { throw InvalidInput(errors) }
        return resolution
    }

    private func missing(_ names: [String], _ given: GivenParameters) -> [Diagnostic] {
        guard !names.isEmpty else { return [] }
        let declared = Set(parameters.map(\.name))
        let undeclared = given.parameters.map(\.name).filter { !declared.contains($0) }
        let nearest = names.compactMap { name in
            nearestName(to: name, among: undeclared).map { "'\($0)' was given: did you mean '\(name)'?" }
        }
        let shown = names.map { "'\($0)'" }.joined(separator: ", ")
        return [
            Diagnostic(
                .error, code: "missing-parameter", at: location,
                "entry point '\(name)': no value is given for "
                    + "\(names.count == 1 ? "parameter" : "parameters") \(shown)",
                remedy: nearest.first ?? "give \(names.map { "'-P \($0)=…'" }.joined(separator: " "))")
        ]
    }
}

private struct ParameterResolver {
    let callerDirectory: FilePath
    let root: FilePath
    private(set) var resolved: [ResolvedParameter] = []
    private(set) var missing: [String] = []
    private(set) var errors: [Diagnostic] = []
    private(set) var warnings: [Diagnostic] = []

    init(callerDirectory: FilePath, root: FilePath) {
        self.callerDirectory = callerDirectory
        self.root = root
    }

    mutating func resolve(_ declaration: ParameterDeclaration, given: String?) {
        guard let value = given ?? declaration.defaultValue else { return missing.append(declaration.name) }
        let origin = given == nil ? ResolvedParameter.Origin.declaredDefault : .given
        let location = given == nil ? declaration.location : nil
        guard check(value, of: declaration.name, type: declaration.type, at: location) else { return }
        do {
            let substitution = try substitution(value, declaration, origin)
            resolved.append(
                ResolvedParameter(
                    name: declaration.name, value: value, type: declaration.type, origin: origin,
                    substitution: substitution))
        } catch {
            report(error.message, at: location, remedy: error.remedy)
        }
    }

    mutating func resolveUndeclared(_ parameter: GivenParameters.Parameter) {
        if let problem = problemOfParameterName(parameter.name) {
            return report("the parameter name '\(parameter.name)' \(problem)", remedy: "use another name")
        }
        guard check(parameter.value, of: parameter.name, type: nil, at: nil) else { return }
        resolved.append(
            ResolvedParameter(
                name: parameter.name, value: parameter.value, type: nil, origin: .given,
                substitution: .text(parameter.value)))
    }

    private mutating func check(
        _ value: String, of name: String, type: ParameterType?, at location: SourceLocation?
    ) -> Bool {
        if value.utf8.contains(0) {
            report("parameter '\(name)': the value contains a NUL character", at: location, remedy: "remove it")
            return false
        }
        guard let problem = type?.problem(of: value) else { return true }
        let shown = value.count > 80 ? "\(value.prefix(80))…" : value
        report(
            "parameter '\(name)': '\(redactedURL(shown))' \(problem)", at: location,
            remedy: "give a value of type \(type?.name ?? "string")")
        return false
    }

    private func substitution(
        _ value: String, _ declaration: ParameterDeclaration, _ origin: ResolvedParameter.Origin
    ) throws(PathProblem) -> ResolvedParameter.Substitution {
        let resolver = PathResolver(
            parameter: declaration.name,
            folders: origin == .given ? [callerDirectory, root] : [root])
        switch declaration.type {
        case .path: return try resolver.path(value)
        case .uri: return .text(resolver.uri(value))
        case .string, .int, .float, .bool, .unknown: return .text(value)
        }
    }

    private mutating func report(_ message: String, at location: SourceLocation? = nil, remedy: String?) {
        errors.append(Diagnostic(.error, code: "parameter", at: location, message, remedy: remedy))
    }
}
