import Diagnostics
import Execution
import Pipelines
import Processes
import Tracking

/// Reuse by content (§4 of the design): a node whose key a finished run has takes that run's results over.
extension PipelineRun {
    func askCache(_ node: Int, _ resolved: ResolvedStep, otherwise examination: StateMachine.Examination) async {
        let lookup = CacheLookup(services: services, experimentID: info.experimentID)
        do {
            let attempt = makeAttempt(node, resolved, devices: [])
            guard let inputs = try await services.runner.cacheInputs(of: attempt) else {
                return post(.examined(node, examination))
            }
            let key = CacheKey(inputs)
            records[node].cacheKey = key
            let step = plan.steps[machine.nodes[node].step]
            if step.isForced || options.forcedSteps.contains(step.name) { return post(.examined(node, examination)) }
            // Two equal nodes compute once: the second looks again when the first is done.
            if let owner = keyOwners[key.hex], owner != node {
                keyWaiters[key.hex, default: []].append(node)
                return
            }
            keyOwners[key.hex] = node
            while true {
                let answer = try await lookup.lookUp(key, resolved)
                if let hit = answer.hit {
                    try await takeOver(hit, by: node, attempt)
                    post(.examined(node, .done(.cached)))
                    return releaseKey(of: node)
                }
                guard let live = answer.live else { break }
                services.observe(.note("\(attempt.node): waits for run \(live.prefix(8)), which does the same"))
                await services.clock.sleep(until: services.clock.now() + 1_000)
                guard machine.nodes[node].state == .ready else { return releaseKey(of: node) }
            }
            if let reason = try await lookup.missReason(key, node: attempt.node) {
                records[node].cacheReason = reason
                services.observe(.note("\(attempt.node): runs, because \(reason)"))
            }
            post(.examined(node, examination))
        } catch {
            services.observe(
                .warning(
                    Diagnostic(.warning, "\(records[node].plan.id): reuse is not possible: \(messages(of: error))")))
            post(.examined(node, examination))
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

    /// T4: a run of the node's own that refers to the one it is a copy of.
    private func takeOver(_ hit: Run, by node: Int, _ attempt: StepAttempt) async throws {
        let now = services.clock.now()
        let outputs = storedOutputs(hit.data.tags)
        let copied = [
            WellKnownTag.projectEntryPoint, WellKnownTag.projectEnvironment, WellKnownTag.projectBackend,
            WellKnownTag.gitCommit,
        ].compactMap { key in hit.data.tag(key).map { Tag(key, $0) } }
        var tags = attempt.tags.filter { $0.key != NodeTag.state && $0.key != NodeTag.launch }
        tags += copied + outputTags(outputs)
        // Not the key itself: copies would come before the original when somebody looks for it.
        if let key = records[node].cacheKey { tags.append(Tag(NodeTag.cacheFields, key.record.text())) }
        tags += [
            Tag(WellKnownTag.parentRunID, attempt.parentRunID),
            Tag(WellKnownTag.user, userName(in: options.environment)),
            Tag(WellKnownTag.sourceType, SourceType.project.rawValue),
            Tag(WellKnownTag.sourceName, hit.data.tag(WellKnownTag.sourceName) ?? redactedURL(options.project)),
            Tag(NodeTag.state, NodeState.cached.rawValue), Tag(NodeTag.cachedFrom, hit.info.runID),
        ]
        let metrics = hit.data.metrics.filter { !$0.key.hasPrefix("system/") }.map {
            Metric($0.key, $0.value, timestamp: $0.timestamp, step: $0.step)
        }
        let ended = try await services.store.createRun(
            RunCreation(
                experimentID: info.experimentID, name: attempt.node, userID: userName(in: options.environment),
                startTime: now, tags: tags, params: hit.data.params, metrics: metrics, end: RunEnd(.finished, at: now))
        ).info
        let name = plan.steps[machine.nodes[node].step].name
        let place = machine.nodes[node].cell ?? 0
        records[node].run = ended
        records[node].cachedFrom = hit.info.runID
        records[node].endTime = now
        artifactFolders[hit.info.runID] = services.artifacts.folder(of: hit.info)
        outcomes[name]?.nodes[place].run = ended
        outcomes[name]?.nodes[place].outputs = outputs
        outcomes[name]?.nodes[place].outputRunID = hit.info.runID
        outcomes[name]?.nodes[place].data = hit.data
        outcomes[name]?.nodes[place].exitCode = 0
        outcomes[name]?.nodes[place].duration = hit.data.tag("swiftflow.wall_seconds").flatMap { Double($0) }
    }
}

extension ResolvedStep {
    /// Whether a result of it may be used again.
    var isCacheable: Bool {
        guard let cache else { return false }
        // What is made of its own run is another value each time, unless that does not matter.
        guard awaitedVariables.isEmpty, awaitedParams.allSatisfy(cache.ignore.contains) else { return false }
        switch action {
        case .entryPoint, .command: return true
        case .pipeline, .register, .search: return false
        }
    }
}
