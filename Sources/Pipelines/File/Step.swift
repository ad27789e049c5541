package import Diagnostics

/// One step of a pipeline file, with the file's `defaults` merged into it.
package struct Step: Sendable {
    package var name: String
    /// Where the step's name stands.
    package var location: SourceLocation
    package var action: Action
    /// Nil: the folder of the pipeline's file.
    package var project: Template?
    /// Nil: the pipeline's own commit, or the default branch of another repository.
    package var version: Template?
    package var parameters: [NamedTemplate] = []
    package var needs: [Located<String>] = []
    package var when: Expression?
    package var runOn: Outcome = .success
    package var matrix: Matrix?
    package var select: Selection?
    package var maxParallel: Int?
    package var outputs: [NamedTemplate] = []
    package var metrics: [Located<String>] = []
    /// Nil: `local`.
    package var backend: Template?
    package var backendConfiguration: BackendConfiguration?
    package var image: Template?
    package var environmentManager: Template?
    package var environment: [NamedTemplate] = []
    package var secrets: [Located<String>] = []
    package var resources: [NamedTemplate] = []
    package var timeout: Template?
    /// Nil: 30 seconds.
    package var grace: Template?
    package var retry = Retry()
    package var allowFailure: AllowedFailures = .none
    /// Nil: nothing is reused.
    package var cache: Cache?
    package var priority = 0
    package var tags: [NamedTemplate] = []
    package var description: Template?

    package init(name: String, at location: SourceLocation, action: Action) {
        self.name = name
        self.location = location
        self.action = action
    }

    /// The one thing a step does.
    package enum Action: Sendable {
        case entryPoint(Template)
        /// A shell command in which `{name}` is the quoted value of a param of the step.
        case command(Located<String>)
        /// Another pipeline: a path or a project URI.
        case pipeline(Template)
        case register(Registration)
        case search(Search)
    }

    /// Which outcome of its dependencies lets a step run.
    package enum Outcome: String, Sendable, Hashable, CaseIterable {
        case success, failure, always
    }

    /// What a backend is told beside the step itself.
    package enum BackendConfiguration: Sendable {
        /// A JSON or YAML file.
        case file(Template)
        case values(TemplateTree)
    }

    /// How many failures do not count: of the step, or of its cells.
    package enum AllowedFailures: Sendable, Hashable {
        case none, any
        case count(Int)
        case percent(Int)

        /// How many of so many cells may fail.
        package func limit(of cells: Int) -> Int {
            switch self {
            case .none: 0
            case .any: cells
            case .count(let count): min(count, cells)
            // A percentage that would allow a part of a cell does not allow it.
            case .percent(let percent): cells / 100 * percent + cells % 100 * percent / 100
            }
        }
    }
}

/// A registered model version that a step creates.
package struct Registration: Sendable {
    package var model: Template
    package var name: Template
    package var alias: Template?
    package var tags: [NamedTemplate] = []
    package var description: Template?
}

/// Runs of the store that a step finds.
package struct Search: Sendable {
    package var filter: Template?
    package var orderBy: [Template] = []
    package var limit = 1
    /// Nil: the pipeline's own.
    package var experiment: Template?
}

/// A fan-out over every combination of enumerated values.
package struct Matrix: Sendable {
    package struct Variable: Sendable {
        package var name: String
        package var location: SourceLocation
        package var values: Values
    }

    package enum Values: Sendable {
        case listed([Template])
        /// An expression that gives a list.
        case computed(Template)
    }

    /// The first one varies slowest.
    package var variables: [Variable]
    package var include: [Combination] = []
    package var exclude: [Combination] = []
    package var location: SourceLocation

    /// Values of some variables.
    package struct Combination: Sendable {
        package var values: [NamedTemplate]
        package var location: SourceLocation
    }
}

/// The choice of the best among the cells of a fan-out.
package struct Selection: Sendable, Hashable {
    package enum Goal: String, Sendable, Hashable, CaseIterable {
        case min, max
    }

    /// Which value of a metric's history counts.
    package enum Over: String, Sendable, Hashable, CaseIterable {
        case last, best
    }

    package var metric: String
    package var goal: Goal
    package var top = 1
    package var over: Over = .last
}

/// When a failed attempt is repeated.
package struct Retry: Sendable {
    /// How many attempts may follow the first.
    package var times = 0
    /// Nil: 10 seconds.
    package var delay: Template?
    package var backoff = 2.0
    /// Nil: 10 minutes.
    package var maxDelay: Template?
    package var jitter = 0.1
    /// Over `exit_code`, `reason` and `attempt`; nil: always.
    package var when: Expression?
}

/// When the run of an equal step is used instead.
package struct Cache: Sendable {
    package enum Scope: String, Sendable, Hashable, CaseIterable {
        case experiment, store
    }

    /// Globs of the project files that count; nil: all that git does not ignore.
    package var code: [String]?
    /// Params that do not matter.
    package var ignore: [Located<String>] = []
    package var timeToLive: Template?
    package var salt: Template?
    package var scope: Scope = .experiment
}
