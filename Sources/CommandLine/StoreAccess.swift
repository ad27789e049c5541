import ArgumentParser
import Diagnostics
import Files
import SwiftFlow
import Tracking

/// Which store a verb works on.
struct StoreOptions: ParsableArguments {
    @Option(
        name: .customLong("tracking-uri"),
        help: "The store; default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db in the current folder.")
    var trackingURI: String?

    /// Opens the store for the length of `body`.
    func withStore<Result>(_ body: (any TrackingStore) async throws -> Result) async throws -> Result {
        try await withServices { services in try await body(try await services.store.get()) }
    }

    /// Does something to each of the runs a user names, one after the other.
    func forEachRun(_ names: [String], _ body: (Run, any TrackingStore) async throws -> Void) async throws {
        try await withStore { store in
            for name in names { try await body(try await findRun(name, in: store), store) }
        }
    }

    /// Puts the standard parts together for the length of `body`.
    func withServices<Result>(_ body: (StandardServices) async throws -> Result) async throws -> Result {
        let services = try StandardServices(
            trackingURI: trackingURI, environment: processEnvironment(), workingDirectory: currentDirectory())
        do {
            let result = try await body(services)
            await services.close()
            return result
        } catch {
            await services.close()
            throw error
        }
    }
}

/// The run a user names by its id or the first characters of it.
///
/// - Throws: `InvalidInput` when none or more than one fits.
func findRun(_ name: String, in store: any TrackingStore) async throws -> Run {
    guard isRunID(name) else { throw InvalidInput("'\(name)' is no run id", remedy: "see 'swiftflow runs list'") }
    if name.utf8.count == 32 { return try await store.run(id: name) }
    let experiments = try await store.allExperiments(.all).map(\.experimentID)
    let page = try await store.searchRuns(
        RunSearch(
            experimentIDs: experiments, filter: "attributes.run_id LIKE '\(name)%'", viewType: .all, maxResults: 3))
    switch page.elements.count {
    case 0: throw InvalidInput("no run's id begins with '\(name)'", remedy: "see 'swiftflow runs list'")
    case 1: return page.elements[0]
    default:
        let ids = page.elements.map { String($0.info.runID.prefix(12)) }.joined(separator: ", ")
        throw InvalidInput("more than one run's id begins with '\(name)': \(ids)", remedy: "give more characters")
    }
}

/// The experiment a user names, by name first and by id second.
func findExperiment(_ name: String, in store: any TrackingStore) async throws -> Experiment {
    if let named = try await store.findExperiment(named: name) { return named }
    if Int64(name) != nil { return try await store.experiment(id: name) }
    let known = try await store.allExperiments(.all).map(\.name)
    throw InvalidInput(
        "there is no experiment '\(name)'", remedy: suggestion(for: name, among: known, kind: "experiments"))
}

/// The experiments a listing covers, with their names.
struct ExperimentNames {
    private let names: [(id: String, name: String)]

    init(
        in store: any TrackingStore, restrictedTo wanted: [String], ids: [String], includingDeleted: Bool
    ) async throws {
        var chosen: [Experiment] = []
        for name in wanted { chosen.append(try await findExperiment(name, in: store)) }
        for id in ids { chosen.append(try await store.experiment(id: id)) }
        if wanted.isEmpty, ids.isEmpty {
            chosen = try await store.allExperiments(includingDeleted ? .all : .activeOnly)
        }
        names = chosen.map { ($0.experimentID, $0.name) }
    }

    var ids: [String] { names.map(\.id) }

    func name(_ id: String) -> String {
        names.first { $0.id == id }?.name ?? id
    }
}
