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

    /// The way to the pipeline, if that is a step of another one.
    var path: String?

    /// What the store says of a key.
    struct Answer: Sendable {
        /// A finished run whose outputs are still there and unaltered.
        var hit: Run?
        /// A run that computes the same at this moment, somewhere else.
        var live: String?
    }

    /// What is asked for a node: the key of its work, and what that work is.
    struct Question: Sendable {
        var key: CacheKey
        var resolved: ResolvedStep
    }

    /// The answers in the order of the questions, which the store is asked together.
    func lookUp(_ questions: [Question]) async throws -> [Answer] {
        var found: [Cache.Scope: [String: [Run]]] = [:]
        for scope in Set(questions.compactMap { $0.resolved.cache?.scope }) {
            let keys = questions.filter { $0.resolved.cache?.scope == scope }.map(\.key.hex)
            found[scope] = try await services.store.latestRuns(
                withTag: NodeTag.cacheKey, among: Set(keys), experimentIDs: try await experiments(in: scope))
        }
        var answers = Array(repeating: Answer(), count: questions.count)
        // Where outputs lie elsewhere, to look for them takes a while.
        try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
            var underWay = 0
            for (index, question) in questions.enumerated() {
                guard let cache = question.resolved.cache, let runs = found[cache.scope]?[question.key.hex] else {
                    continue
                }
                guard !question.resolved.outputs.isEmpty else {
                    answers[index] = try await answer(question, cache, latest: runs)
                    continue
                }
                if underWay == Self.lookedAtOnce, let (index, answer) = try await group.next() {
                    answers[index] = answer
                    underWay -= 1
                }
                group.addTask { (index, try await answer(question, cache, latest: runs)) }
                underWay += 1
            }
            for try await (index, answer) in group { answers[index] = answer }
        }
        return answers
    }

    private static let lookedAtOnce = 16

    private func answer(_ question: Question, _ cache: ResolvedStep.Cache, latest runs: [Run]) async throws -> Answer {
        let answer = try await answer(question, among: runs)
        // The latest finished one is of no use any more; one before it may be.
        guard answer.hit == nil, runs.contains(where: { $0.info.status == .finished }) else { return answer }
        return try await self.answer(question, among: allRuns(of: question.key, cache))
    }

    /// The runs with that key as a search tells them, however many have finished.
    private func allRuns(of key: CacheKey, _ cache: ResolvedStep.Cache) async throws -> [Run] {
        try await services.store.searchRuns(
            RunSearch(
                experimentIDs: try await experiments(in: cache.scope),
                filter: "tags.\"\(NodeTag.cacheKey)\" = '\(key.hex)'", orderBy: ["attributes.start_time DESC"],
                maxResults: 20)
        ).elements
    }

    private func answer(_ question: Question, among runs: [Run]) async throws -> Answer {
        let now = services.clock.now()
        var answer = Answer()
        for run in runs {
            switch run.info.status {
            case .finished:
                guard run.data.tag(NodeTag.cachedFrom) == nil, run.data.tag(NodeTag.pruned) == nil else { continue }
                if let ttl = question.resolved.cache?.timeToLive?.milliseconds, let end = run.info.endTime,
                    now.subtractingReportingOverflow(end).partialValue > ttl
                {
                    continue
                }
                if try await hasOutputs(run, question.resolved) { return Answer(hit: run) }
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

    /// Why the latest run of each node was other work, by node; those that have had none are missing.
    func missReasons(_ keys: [String: CacheKey]) async throws -> [String: String] {
        // A name may be that of many steps in pipelines beside each other, so there the way tells which is meant.
        func name(_ node: String) -> String { path.map { nestedName($0, node) } ?? node }
        let found = try await services.store.latestRuns(
            withTag: path == nil ? NodeTag.node : NodeTag.path, among: Set(keys.keys.map(name)),
            experimentIDs: [experimentID])
        var latest: [String: Run] = [:]
        for node in keys.keys { latest[node] = found[name(node)]?.last { $0.info.status == .finished } }
        let originals = try await originals(of: latest.values)
        var reasons: [String: String] = [:]
        for (node, key) in keys {
            guard let run = latest[node] else { continue }
            let original = run.data.tag(NodeTag.cachedFrom).flatMap { originals[$0] } ?? run
            guard let text = original.data.tag(NodeTag.cacheFields), let earlier = CacheRecord(text: text) else {
                reasons[node] = "its last run left nothing to compare with, as with --no-cache"
                continue
            }
            let reason = key.record.explanation(since: earlier)
            reasons[node] = reason.isEmpty ? "the earlier result is not usable any more" : reason
        }
        return reasons
    }

    /// The runs that these are copies of, by id, as far as they are still there.
    private func originals(of runs: some Sequence<Run>) async throws -> [String: Run] {
        // Anybody can set a tag; what is no id stays out of the search.
        let wanted = Set(runs.compactMap { $0.data.tag(NodeTag.cachedFrom) }).filter { isRunID($0) }
        guard !wanted.isEmpty else { return [:] }
        let experiments = try await services.store.allExperiments(.activeOnly).map(\.experimentID)
        var originals: [String: Run] = [:]
        for ids in wanted.sorted().parts(of: 100) {
            let list = ids.map { "'\($0)'" }.joined(separator: ",")
            let found = try await services.store.searchRuns(
                RunSearch(
                    experimentIDs: experiments, filter: "attributes.run_id IN (\(list))", maxResults: ids.count))
            for run in found.elements { originals[run.info.runID] = run }
        }
        return originals
    }
}
