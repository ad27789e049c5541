/// Experiments, runs, metrics and models: the vocabulary of MLflow tracking, its limits, its search language, and the
/// protocols that every store satisfies.
///
/// The module performs no input or output. Read on with ``TrackingStore``, the seam everything above works against;
/// `Run.swift` and `Experiment.swift` hold the values it speaks of, `Limits.swift` and `Validation.swift` what may be
/// written, and `Search/` the filter and order language.
///
/// All identifiers are text, all times are milliseconds since 1970 as MLflow stores them.

/// A key with a text value, as attached to runs, experiments, models, versions and inputs; a later value replaces.
package struct Tag: Sendable, Hashable {
    package var key: String
    package var value: String

    package init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }
}

/// A parameter of a run: written once, never changed.
package struct Param: Sendable, Hashable {
    package var key: String
    package var value: String

    package init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }
}

/// Whether a thing is in use or in the bin, from where it can be restored.
package enum LifecycleStage: String, Sendable, Hashable, CaseIterable {
    case active, deleted
}

/// Which lifecycle stages a search looks at.
package enum ViewType: Sendable, Hashable, CaseIterable {
    case activeOnly, deletedOnly, all

    package var stages: [LifecycleStage] {
        switch self {
        case .activeOnly: [.active]
        case .deletedOnly: [.deleted]
        case .all: [.active, .deleted]
        }
    }
}

/// One answer of a paged look-up; a token says that there is more.
package struct Page<Element: Sendable>: Sendable {
    package var elements: [Element]
    /// Opaque to everybody but the store that made it; `nil` on the last page.
    package var nextPageToken: String?

    package init(_ elements: [Element], nextPageToken: String? = nil) {
        self.elements = elements
        self.nextPageToken = nextPageToken
    }
}

extension Page: Equatable where Element: Equatable {}
