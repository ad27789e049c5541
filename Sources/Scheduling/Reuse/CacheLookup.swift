import Execution
import Pipelines
import Processes
import Tracking

/// Looks in the store for the result of equal work, and for the reason why there is none.
///
/// The runner of a pipeline and the forecast of a plan ask the same questions here.
struct CacheLookup: Sendable {
    let services: PipelineServices
    /// The experiment of the pipeline.
    let experimentID: String

    /// What the store says of a key.
    struct Answer: Sendable {
        /// A finished run whose outputs are still there and unaltered.
        var hit: Run?
        /// A run that computes the same at this moment, somewhere else.
        var live: String?
    }

    func lookUp(_ key: CacheKey, _ resolved: ResolvedStep) async throws -> Answer {
        guard let cache = resolved.cache else { return Answer() }
        let page = try await services.store.searchRuns(
            RunSearch(
                experimentIDs: try await experiments(in: cache.scope),
                filter: "tags.\"\(NodeTag.cacheKey)\" = '\(key.hex)'", orderBy: ["attributes.start_time DESC"],
                maxResults: 20))
        let now = services.clock.now()
        var answer = Answer()
        for run in page.elements {
            switch run.info.status {
            case .finished:
                guard run.data.tag(NodeTag.cachedFrom) == nil, run.data.tag(NodeTag.pruned) == nil else { continue }
                if let ttl = cache.timeToLive?.milliseconds, let end = run.info.endTime,
                    now.subtractingReportingOverflow(end).partialValue > ttl
                {
                    continue
                }
                if try await hasOutputs(run, resolved) { return Answer(hit: run) }
            case .running, .scheduled:
                let runner = run.data.tag(WellKnownTag.runner).flatMap { ProcessIdentity($0) }
                if let runner, runner != services.owner, runner.liveness == .running { answer.live = run.info.runID }
            case .failed, .killed: break
            }
        }
        return answer
    }

    private func experiments(in scope: Cache.Scope) async throws -> [String] {
        guard scope == .store else { return [experimentID] }
        return try await services.store.allExperiments(.activeOnly).map(\.experimentID)
    }

    private func hasOutputs(_ run: Run, _ resolved: ResolvedStep) async throws -> Bool {
        let outputs = storedOutputs(run.data.tags)
        for declared in resolved.outputs {
            switch outputs[declared.name] {
            case .text?, .value?, .reference?: continue
            case .artifact(let path, let digest)?:
                guard try await services.artifacts.exists(path, of: run.info) else { return false }
                guard let digest, let now = try? await services.artifacts.digest(path, of: run.info) else { continue }
                if now != digest { return false }
            case nil: return false
            }
        }
        return true
    }

    /// Why the latest run of this node was other work; nil when there was none.
    func missReason(_ key: CacheKey, node id: String) async throws -> String? {
        guard !id.contains("'") else { return nil }
        let page = try await services.store.searchRuns(
            RunSearch(
                experimentIDs: [experimentID],
                filter: "tags.\"\(NodeTag.node)\" = '\(id)' and attributes.status = 'FINISHED'",
                orderBy: ["attributes.start_time DESC"], maxResults: 1))
        guard let text = page.elements.first?.data.tag(NodeTag.cacheFields), let earlier = CacheRecord(text: text)
        else {
            return nil
        }
        let reason = key.record.explanation(since: earlier)
        return reason.isEmpty ? "the earlier result is not usable any more" : reason
    }
}
