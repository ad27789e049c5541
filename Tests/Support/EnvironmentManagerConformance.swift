package import Environments
import Files
import Processes
import SystemPackage

/// What every `EnvironmentManager` promises, as checks that any implementation can be put through.
///
/// Each check returns the promises that were broken; none is what a test wants.
package struct EnvironmentManagerConformance: Sendable {
    private let manager: any EnvironmentManager
    private let starter: RecordingStarter
    private let request: EnvironmentRequest

    /// - Parameter request: one that can be fulfilled and was not yet; its `processes` are replaced by a recording starter.
    package init(_ manager: any EnvironmentManager, request: EnvironmentRequest) {
        self.manager = manager
        starter = RecordingStarter(request.processes)
        var request = request
        request.processes = starter
        self.request = request
    }

    /// A new environment, from the plan to its second use.
    package func checkLifeOfAnEnvironment() async throws -> [String] {
        var broken = Promises()
        let plan = try await manager.plan(request)
        broken.unless(plan.manager == type(of: manager).name, "a plan names its manager")
        broken.unless(!plan.fingerprint.isEmpty, "a plan has a fingerprint")

        let first = try await manager.prepare(request)
        broken.unless(first.fingerprint == plan.fingerprint, "preparing keeps the planned fingerprint")
        broken.unless(first.folder == plan.folder || plan.folder == nil, "the environment lies where it was planned")
        broken.unless(first.wasBuilt != plan.isReady, "what was not ready is built")
        broken.unless(try await manager.plan(request).isReady, "what was prepared is ready")

        starter.forget()
        let second = try await manager.prepare(request)
        broken.unless(!second.wasBuilt, "what is ready is not built again")
        broken.unless(starter.commands.isEmpty, "what is ready starts no tool, but got \(starter.commands)")
        broken.unless(second.variables == first.variables, "both uses set the same variables")
        broken.unless(second.pathPrefixes == first.pathPrefixes, "both uses put the same folders on PATH")
        broken.unless(second.shellPrefix == first.shellPrefix, "both uses enter in the same way")
        broken.unless(
            Set(first.variables.keys).isDisjoint(with: ["PATH", "LD_PRELOAD", "BASH_ENV", "ENV", "SHELLOPTS"]),
            "no variable takes over the shell or the loader")
        broken.unless(first.pathPrefixes.allSatisfy(\.isAbsolute), "folders on PATH are absolute")
        return broken.texts
    }

    /// Several runs that want the same new environment at once.
    package func checkThatOneOfManyBuilds(count: Int = 4) async throws -> [String] {
        let prepared = try await withThrowingTaskGroup(of: PreparedEnvironment.self) { group in
            for _ in 0..<count { group.addTask { try await manager.prepare(request) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        var broken = Promises()
        let builders = prepared.count { $0.wasBuilt }
        broken.unless(builders <= 1, "one builds and the others wait, but \(builders) of \(count) built")
        broken.unless(Set(prepared.map(\.folder)).count == 1, "all get the same environment")
        return broken.texts
    }

    /// A request that cannot be fulfilled, twice.
    ///
    /// - Parameter leftOvers: the names below the environments' root that a failed build has left.
    package func checkFailure(
        of broken: EnvironmentRequest, leftOvers: @Sendable () throws -> [String]
    ) async throws -> [String] {
        var promises = Promises()
        for _ in 0..<2 {
            do {
                _ = try await manager.prepare(broken)
                promises.unless(false, "what cannot be made is an error")
            } catch let error as EnvironmentError {
                promises.unless(!error.message.isEmpty, "an error says what happened")
                promises.unless(
                    error.reason != .failedStep || !error.lastLines.isEmpty, "the tool's last lines are shown")
                promises.unless(error.lastLines.count <= 20, "at most 20 lines of the tool are shown")
            }
            let left = try leftOvers()
            promises.unless(left.isEmpty, "a failed build leaves nothing, but left \(left)")
        }
        return promises.texts
    }
}
