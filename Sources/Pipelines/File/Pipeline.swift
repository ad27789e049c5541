package import Diagnostics

/// A pipeline file as it was written, every value with its place; nothing in it is evaluated yet.
///
/// `defaults` have become part of the steps. Two keys of the format have their place here and are not in this version:
/// `sweep` of a step (beside `matrix`, as a second kind of `FanOut`) and `hooks` (beside `tags`).
package struct Pipeline: Sendable {
    /// The file's name for messages.
    package var file: String
    package var name: Template?
    package var description: Template?
    package var experiment: Template?
    /// In the order of the file, as are all other lists.
    package var parameters: [PipelineParameter]
    package var environment: [NamedTemplate]
    /// Names that steps may ask for.
    package var secrets: [Located<String>]
    package var limits: [NamedTemplate]
    package var onError: FailurePolicy
    package var timeout: Template?
    package var steps: [Step]
    package var outputs: [NamedTemplate]
    package var tags: [NamedTemplate]
    package var concurrency: Concurrency

    package func step(named name: String) -> Step? {
        steps.first { $0.name == name }
    }
}

/// Something a file says, with the place where it says so.
package struct Located<Content> {
    package var value: Content
    package var location: SourceLocation

    package init(_ value: Content, at location: SourceLocation) {
        self.value = value
        self.location = location
    }
}

extension Located: Sendable where Content: Sendable {}

/// An entry of a mapping from names to values, such as a param, a variable or a tag.
package struct NamedTemplate: Sendable {
    package var name: String
    /// Where the name stands.
    package var location: SourceLocation
    package var value: Template

    package init(_ name: String, at location: SourceLocation, _ value: Template) {
        self.name = name
        self.location = location
        self.value = value
    }
}

/// A tree of values with expressions in it, for what is passed on as JSON.
package indirect enum TemplateTree: Sendable {
    case template(Template)
    case list([TemplateTree])
    case mapping([(name: String, value: TemplateTree)])

    /// Every template in it, in order.
    package var templates: [Template] {
        switch self {
        case .template(let template): [template]
        case .list(let items): items.flatMap(\.templates)
        case .mapping(let members): members.flatMap(\.value.templates)
        }
    }
}

/// What happens after a step failed for good.
package enum FailurePolicy: String, Sendable, Hashable, CaseIterable {
    /// Nothing new starts, what runs may end.
    case finish
    /// What runs is ended too.
    case cancel
    /// Everything that does not depend on it goes on.
    case `continue`
}

/// What happens when a pipeline of this name is already active in its experiment.
package enum Concurrency: String, Sendable, Hashable, CaseIterable {
    case allow, queue, skip, replace
}

/// A parameter a pipeline declares.
package struct PipelineParameter: Sendable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case string, int, float, bool, list, path, uri
    }

    package var name: String
    package var location: SourceLocation
    package var kind: Kind
    /// Nil when a value must be given.
    package var defaultValue: Value?
    package var choices: [Value]
    package var minimum: Double?
    package var maximum: Double?
    package var help: String?
}
