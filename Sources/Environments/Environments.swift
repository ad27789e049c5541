// How an entry point gets its interpreter and packages.
//
//   EnvironmentChoice       what the project declares + what the user asked for  →  which manager
//   EnvironmentRequest      one project's environment file, and how to run tools for it
//   EnvironmentManager      plan(request): what would be used, starting nothing that changes the disk
//                           prepare(request): the environment, built first if need be
//   PreparedEnvironment     what the entry point's environment variables and command line get
//   EnvironmentStore        the folder all of them live in: locks, completeness marks, listing and pruning
//
// The managers are `LocalEnvironment` (nothing), `VirtualenvEnvironment`, `UVEnvironment` and `CondaEnvironment`. Names are MLflow's
// own hashes, so that both programs agree on what an environment is called. Requirement lines only ever reach a tool as data
// in a file; python versions pass a grammar first; no file of a project is read but beneath the project's folder.

/// Makes one kind of environment.
///
/// Implementations hold no state: everything is in the request and on the disk.
package protocol EnvironmentManager: Sendable {
    /// The word that selects it with `--env-manager`.
    static var name: String { get }

    /// Reads the declaration and says what `prepare` would use.
    ///
    /// Changes nothing; may ask a Python interpreter for its version when the project declares none.
    func plan(_ request: EnvironmentRequest) async throws -> EnvironmentPlan

    /// Makes the environment usable, building it if no complete one is there.
    ///
    /// Of several callers, also in other processes, one builds and the others wait. Cancelling the task ends the tools and removes
    /// what was half built.
    func prepare(_ request: EnvironmentRequest) async throws -> PreparedEnvironment
}

/// The managers that come with the program.
package enum EnvironmentManagerName: String, Sendable, Hashable, CaseIterable {
    case local, virtualenv, uv, conda

    package var manager: any EnvironmentManager {
        switch self {
        case .local: LocalEnvironment()
        case .virtualenv: VirtualenvEnvironment()
        case .uv: UVEnvironment()
        case .conda: CondaEnvironment()
        }
    }
}

/// The runner's own interpreter and packages: nothing is prepared.
package struct LocalEnvironment: EnvironmentManager {
    package static let name = EnvironmentManagerName.local.rawValue

    package init() {}

    package func plan(_ request: EnvironmentRequest) -> EnvironmentPlan {
        EnvironmentPlan(manager: Self.name, fingerprint: Self.name, isReady: true)
    }

    package func prepare(_ request: EnvironmentRequest) -> PreparedEnvironment {
        PreparedEnvironment(managerTag: nil, fingerprint: Self.name)
    }
}
