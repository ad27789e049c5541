/// Gives a command access to the store its run is recorded in.
package protocol ChildTracking: Sendable {
    /// Opens the access for the length of one job and returns the variables that lead the command there.
    ///
    /// - Throws: an `ExplainedError` when jobs cannot reach the store from where they run.
    func open(for reach: TrackingReach) async throws -> ChildTrackingAccess
}

/// An open access of one job to the store.
package struct ChildTrackingAccess: Sendable {
    /// `MLFLOW_TRACKING_URI` and what belongs to it.
    package var variables: [String: String]
    /// What the command must not inherit, because it belongs to another store.
    package var removedVariables: Set<String>
    /// Answers what is still under way, then closes.
    package var close: @Sendable () async -> Void

    package init(
        variables: [String: String], removedVariables: Set<String> = [],
        close: @escaping @Sendable () async -> Void = {}
    ) {
        self.variables = variables
        self.removedVariables = removedVariables
        self.close = close
    }
}

/// The command is given the store's own URI: a server's address, or with `--child-tracking direct` the SQLite file.
package struct DirectChildTracking: ChildTracking {
    private let uri: String

    package init(uri: String) {
        self.uri = uri
    }

    package func open(for reach: TrackingReach) -> ChildTrackingAccess {
        ChildTrackingAccess(variables: ["MLFLOW_TRACKING_URI": uri])
    }
}
