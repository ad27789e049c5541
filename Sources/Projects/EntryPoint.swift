package import Diagnostics

/// One thing a project can do: a command with declared parameters, or a pipeline.
package struct EntryPoint: Sendable {
    package var name: String
    /// In the order of the file.
    package var parameters: [ParameterDeclaration]
    /// `nil` if the entry point declares none.
    package var command: Command?
    /// The pipeline file an entry point may be instead (our extension; MLflow ignores the key).
    package var pipeline: String?
    package var location: SourceLocation?

    package enum Command: Sendable, Hashable {
        /// The text of `command:`, with `{name}` placeholders.
        case template(String, location: SourceLocation?)
        /// The text of a pipeline step's `command:`: `{name}` of a declared parameter is a placeholder, every other brace literal.
        case inline(String, location: SourceLocation?)
        /// Shell text made by us, in which braces mean nothing: a script that is run as an entry point.
        case script(String)
    }

    package init(
        name: String, parameters: [ParameterDeclaration] = [], command: Command?, pipeline: String? = nil,
        location: SourceLocation? = nil
    ) {
        self.name = name
        self.parameters = parameters
        self.command = command
        self.pipeline = pipeline
        self.location = location
    }

    /// Everything that would keep a run of this entry point from starting, whatever values it is given.
    package var problems: [Diagnostic] {
        parameters.flatMap(\.problems) + (template().map(\.problems) ?? commandIsMissing)
    }

    private var commandIsMissing: [Diagnostic] {
        guard pipeline == nil else { return [] }
        return [
            Diagnostic(
                .error, code: "missing-command", at: location, "the entry point '\(name)' has no command",
                remedy: "add 'command: …'")
        ]
    }

    /// The parsed command; `nil` if there is none.
    func template() -> CommandTemplate? {
        switch command {
        case .template(let text, let location):
            CommandTemplate(parsing: text, entryPoint: name, known: parameters.map(\.name), location: location)
        case .inline(let text, let location):
            CommandTemplate(
                parsing: text, entryPoint: name, known: parameters.map(\.name), location: location,
                otherBracesAreLiteral: true)
        case .script(let text): CommandTemplate(literal: text, entryPoint: name)
        case nil: nil
        }
    }
}
