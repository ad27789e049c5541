import Diagnostics
import Execution
import Pipelines
import Processes
import Tracking

/// Reuse by content (§4 of the design): a node whose key a finished run has takes that run's results over.
extension PipelineRun {
    /// Asks whether there is a result for the node; the nodes of one step that wait for the answer are asked for together.
    func askCache(_ node: Int, otherwise examination: StateMachine.Examination) {
        let step = machine.nodes[node].step
        cacheQuestions[step, default: CacheQuestions()].waiting.append((node, examination))
        guard cacheQuestions[step]?.isAsked == false else { return }
        cacheQuestions[step]?.isAsked = true
        perform { run in await run.askCache(for: step) }
    }

    private func askCache(for step: Int) async {
        // The first of many cells must not wait for all the others.
        var size = 1
        while let open = cacheQuestions[step]?.waiting, !open.isEmpty {
            cacheQuestions[step]?.waiting.removeFirst(min(size, open.count))
            await answer(Array(open.prefix(size)))
            // As many as the store commits at once. Few steps up to it: each commit writes most pages of the tags' indexes.
            size = min(8 * size, 1000)
        }
        cacheQuestions[step] = nil
    }

    private func answer(_ questions: [CacheQuestions.Open]) async {
        var asked: [AskedNode] = []
        let images = ImageDigests()
        for open in questions {
            if let node = await key(of: open, images) { asked.append(node) }
        }
        let lookup = CacheLookup(
            services: services, experimentID: info.experimentID, path: options.enclosing?.path)
        do {
            // Two equal nodes compute once: the second looks again when the first is done.
            asked.removeAll { asked in
                if let owner = keyOwners[asked.key.hex], owner != asked.node {
                    keyWaiters[asked.key.hex, default: []].append(asked.node)
                    return true
                }
                keyOwners[asked.key.hex] = asked.node
                return false
            }
            let answers = try await lookup.lookUp(asked.map { .init(key: $0.key, resolved: $0.attempt.resolved) })
            var missed: [AskedNode] = []
            var hits: [(AskedNode, Run)] = []
            for (asked, answer) in zip(asked, answers) {
                if let hit = answer.hit {
                    hits.append((asked, hit))
                } else if let live = answer.live {
                    wait(for: live, asked)
                } else {
                    missed.append(asked)
                }
            }
            let reasons = try await lookup.missReasons(
                Dictionary(missed.map { ($0.attempt.node, $0.key) }) { first, _ in first })
            for asked in missed {
                if let reason = reasons[asked.attempt.node] {
                    records[asked.node].cacheReason = reason
                    services.observe(.note("\(asked.attempt.node): runs, because \(reason)"))
                }
                post(.examined(asked.node, asked.examination))
            }
            await takeOver(hits)
        } catch {
            for asked in asked where machine.nodes[asked.node].state == .ready { cannotReuse(asked, because: error) }
        }
    }

    /// The key of a node's work; nil when there is none, and the node runs.
    private func key(of open: CacheQuestions.Open, _ images: ImageDigests) async -> AskedNode? {
        let (node, examination) = open
        // It may have been cancelled in the meantime.
        guard machine.nodes[node].state == .ready, let resolved = records[node].resolved else { return nil }
        let attempt = makeAttempt(node, resolved, devices: [])
        do {
            if let inputs = try await services.runner.cacheInputs(of: attempt, images: images) {
                let key = CacheKey(inputs, memo: &keyMemo)
                records[node].cacheKey = key
                let step = plan.steps[machine.nodes[node].step]
                if !step.isForced, !options.forcedSteps.contains(step.name), !records[node].isWantedAgain {
                    return AskedNode(node: node, examination: examination, attempt: attempt, key: key)
                }
            }
            post(.examined(node, examination))
        } catch {
            observe(reuseFails: attempt.node, because: error)
            post(.examined(node, examination))
        }
        return nil
    }

    /// Looks again after a while when somebody else does the same at this moment.
    private func wait(for live: String, _ asked: AskedNode) {
        services.observe(.note("\(asked.attempt.node): waits for run \(live.prefix(8)), which does the same"))
        perform { run in
            await run.services.clock.sleep(until: run.services.clock.now() + 1_000)
            guard run.machine.nodes[asked.node].state == .ready else { return run.releaseKey(of: asked.node) }
            run.askCache(asked.node, otherwise: asked.examination)
        }
    }

    private func cannotReuse(_ asked: AskedNode, because error: any Error) {
        observe(reuseFails: asked.attempt.node, because: error)
        post(.examined(asked.node, asked.examination))
    }

    private func observe(reuseFails node: String, because error: any Error) {
        services.observe(
            .warning(Diagnostic(.warning, "\(node): reuse is not possible: \(messages(of: error))")))
    }

    /// T4: each node gets a run of its own that refers to the one it is a copy of.
    private func takeOver(_ hits: [(asked: AskedNode, run: Run)]) async {
        guard !hits.isEmpty else { return }
        let now = services.clock.now()
        let created = await services.store.createRuns(hits.map { copy(of: $0.run, for: $0.asked, at: now) })
        for (hit, created) in zip(hits, created) {
            switch created {
            case .success(let copy):
                take(hit.run, recordedAs: copy.info, by: hit.asked)
                post(.examined(hit.asked.node, .done(.cached)))
            case .failure(let error): cannotReuse(hit.asked, because: error)
            }
        }
    }

    /// Lets the nodes look again that waited for this one.
    func releaseKey(of node: Int) {
        guard let key = records[node].cacheKey?.hex, keyOwners[key] == node, machine.nodes[node].state.isTerminal else {
            return
        }
        keyOwners[key] = nil
        for waiter in keyWaiters.removeValue(forKey: key) ?? [] where machine.nodes[waiter].state == .ready {
            examine(waiter)
        }
    }

    private func copy(of hit: Run, for asked: AskedNode, at now: Milliseconds) -> RunCreation {
        let attempt = asked.attempt
        let copied = [
            WellKnownTag.projectEntryPoint, WellKnownTag.projectEnvironment, WellKnownTag.projectBackend,
            WellKnownTag.gitCommit,
        ].compactMap { key in hit.data.tag(key).map { Tag(key, $0) } }
        var tags = attempt.tags.filter { $0.key != NodeTag.state && $0.key != NodeTag.launch }
        tags += copied + outputTags(storedOutputs(hit.data.tags))
        // Not the key: copies would come before the original when somebody looks for it. What it was made of, which is long, the
        // original tells.
        tags += [
            Tag(WellKnownTag.parentRunID, attempt.parentRunID),
            Tag(WellKnownTag.user, userName(in: options.environment)),
            Tag(WellKnownTag.sourceType, SourceType.project.rawValue),
            Tag(WellKnownTag.sourceName, hit.data.tag(WellKnownTag.sourceName) ?? redactedURL(options.project)),
            Tag(NodeTag.state, NodeState.cached.rawValue), Tag(NodeTag.cachedFrom, hit.info.runID),
        ]
        let metrics = hit.data.metrics.filter { !CostMetric.includes($0.key) }.map {
            Metric($0.key, $0.value, timestamp: $0.timestamp, step: $0.step)
        }
        return RunCreation(
            experimentID: info.experimentID, name: attempt.node, userID: userName(in: options.environment),
            startTime: now, tags: tags, params: hit.data.params, metrics: metrics, end: RunEnd(.finished, at: now))
    }

    /// What the earlier run came to is what the node came to.
    private func take(_ hit: Run, recordedAs copy: RunInfo, by asked: AskedNode) {
        let node = asked.node
        let outputs = storedOutputs(hit.data.tags)
        let name = plan.steps[machine.nodes[node].step].name
        let place = machine.nodes[node].cell ?? 0
        records[node].run = copy
        records[node].cachedFrom = hit.info.runID
        records[node].endTime = copy.endTime
        artifactFolders[hit.info.runID] = services.artifacts.folder(of: hit.info)
        outcomes[name]?.nodes[place].run = copy
        outcomes[name]?.nodes[place].outputs = outputs
        outcomes[name]?.nodes[place].outputRunID = hit.info.runID
        // Of many cells it would be much, and mostly nobody asks for it.
        if askedSteps.contains(name) { outcomes[name]?.nodes[place].data = hit.data }
        outcomes[name]?.nodes[place].exitCode = 0
        outcomes[name]?.nodes[place].duration = hit.data.wallSeconds
    }
}

/// The nodes of a step that wait to be asked for.
struct CacheQuestions {
    /// A node, and what happens when there is no result for it.
    typealias Open = (node: Int, examination: StateMachine.Examination)

    var waiting: [Open] = []
    /// Whether somebody sees to them.
    var isAsked = false
}

/// A node whose key is known.
private struct AskedNode: Sendable {
    let node: Int
    let examination: StateMachine.Examination
    let attempt: StepAttempt
    let key: CacheKey
}

extension ResolvedStep {
    /// Whether a result of it may be used again.
    var isCacheable: Bool {
        guard let cache else { return false }
        // What is made of its own run is another value each time, unless that does not matter.
        guard (awaitedParams + awaitedVariables).allSatisfy(cache.ignore.contains) else { return false }
        switch action {
        case .entryPoint, .command: return true
        case .pipeline, .register, .search: return false
        }
    }
}
