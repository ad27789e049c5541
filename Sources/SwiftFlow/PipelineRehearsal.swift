import Diagnostics
package import Execution
import Files
import Pipelines
package import Scheduling
import SystemPackage
import Tracking

extension StandardServices {
    /// Asks the store what a pipeline would run or reuse; writes nothing, and creates no store.
    ///
    /// - Returns: nil where there is no store yet, or no experiment of the pipeline in it: then there is nothing to be reused.
    package func rehearse(_ prepared: PreparedPipeline, launcher: Launcher) async throws -> PlanRehearsal? {
        if case .sqlite(let path) = storeLocation, fileStatus(path) == nil { return nil }
        let store = try await store.get()
        let choice = prepared.plan.experiment.map { ExperimentChoice.name($0) } ?? prepared.options.experiment
        guard let experiment = try await choice.existing(in: prepared.options.environment, store: store) else {
            return nil
        }
        let parts = try await pipelineServices(options: prepared.options, launcher: launcher, observe: { _ in })
        do {
            let rehearsal = try await PlanRehearsal(
                prepared.plan, options: prepared.options, services: parts, experimentID: experiment)
            await parts.runner.close()
            return rehearsal
        } catch {
            await parts.runner.close()
            throw error
        }
    }
}
