import Testing
package import Tracking

/// Everything a complete store offers.
package typealias CompleteStore = TrackingStore & ModelRegistryStore & LoggedModelStore

/// What every store must do, as checks that run over any of them, each on a store of its own that has just been created.
///
///     @Test(arguments: StoreConformance.checks)
///     func `keeps the promises of a store`(check: StoreConformance.Check) async throws {
///         try await check.run(on: store)
///     }
package enum StoreConformance {
    package struct Check: Sendable, CustomTestStringConvertible {
        package let name: String
        private let body: @Sendable (any CompleteStore) async throws -> Void

        init(_ name: String, _ body: @escaping @Sendable (any CompleteStore) async throws -> Void) {
            self.name = name
            self.body = body
        }

        package var testDescription: String { name }

        package func run(on store: any CompleteStore) async throws {
            try await body(store)
        }
    }

    package static let checks: [Check] =
        experimentChecks + runChecks + loggingChecks + metricChecks + inputChecks + runSearchChecks
        + registryChecks + loggedModelChecks
}

/// The error code and text that an operation fails with.
@discardableResult
func expectFailure(
    _ code: TrackingError.Code, _ part: String = "", sourceLocation: SourceLocation = #_sourceLocation,
    _ operation: () async throws -> Void
) async -> TrackingError? {
    do {
        try await operation()
        Issue.record("expected \(code.rawValue) '\(part)', but nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as TrackingError {
        #expect(error.code == code, "\(error.message)", sourceLocation: sourceLocation)
        #expect(part.isEmpty || error.message.contains(part), "\(error.message)", sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("expected \(code.rawValue) '\(part)', not \(error)", sourceLocation: sourceLocation)
    }
    return nil
}

extension TrackingStore {
    func makeExperiment(_ name: String = "experiment") async throws -> String {
        try await createExperiment(ExperimentCreation(name: name))
    }

    func makeRun(
        in experimentID: String = "0", name: String? = nil, startTime: Int64 = 1000, tags: [Tracking.Tag] = [],
        params: [Param] = []
    ) async throws -> String {
        try await createRun(
            RunCreation(experimentID: experimentID, name: name, startTime: startTime, tags: tags, params: params)
        ).info.runID
    }
}
