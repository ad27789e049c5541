import Diagnostics
import Execution
import Pipelines
import Processes
import SystemPackage
import Tracking

/// Attempts: from T5 to the end.
extension PipelineRun {
    func start(_ node: Int, devices: [Int]) {
        guard let resolved = records[node].resolved else {
            return post(.ended(node, .failed(NodeFailure(.launch, "its values are not known"), mayRetry: false)))
        }
        let control = StepControl()
        records[node].control = control
        records[node].processorSeconds = nil
        records[node].peakMemory = nil
        records[node].run = nil
        let adopted = records[node].adopted
        records[node].adopted = nil
        if let adopted { takenOver.insert(adopted.info.runID) }
        var attempt = makeAttempt(node, resolved, devices: devices)
        attempt.startTime = adopted?.info.startTime
        pending.begin()
        let amounts = records[node].amounts
        let unwanted = records[node].unwanted
        records[node].unwanted = nil
        let task = Task { [attempt] in
            if let unwanted { await self.windUp(unwanted, of: attempt.node, "it is done again from its beginning") }
            let result =
                if case .pipeline(let place) = resolved.action {
                    await self.runNested(place, attempt, node: node, known: adopted, control: control)
                } else if let adopted {
                    // It runs already, whether or not there is room.
                    await self.services.runner.adopt(attempt, run: adopted, control: control)
                } else {
                    await self.runBorrowing(amounts, attempt, node: node, control: control)
                }
            await self.ended(node, result)
            self.pending.end()
        }
        control.bind(task)
    }

    /// Whether a node needs room in the pipeline around this one before it starts.
    func borrows(_ node: Int) -> Bool {
        options.enclosing != nil && records[node].resolved?.isPipeline != true && records[node].adopted == nil
    }

    /// Runs an attempt, in a nested pipeline with what the one around it lends.
    private func runBorrowing(
        _ amounts: [String: Double], _ attempt: StepAttempt, node: Int, control: StepControl
    ) async -> StepResult {
        guard let enclosing = options.enclosing else {
            return await runCompleted(attempt, node: node, control: control)
        }
        let loan: ResourceLoan
        do {
            guard let lent = try await enclosing.lender.borrow(enclosing.borrowed(amounts)) else {
                return StepResult(run: nil, failure: NodeFailure(.stopped, "it was stopped before it began"))
            }
            loan = lent
        } catch {
            return StepResult(run: nil, failure: error as? NodeFailure ?? NodeFailure(.launch, messages(of: error)))
        }
        if machine.nodes[node].state == .starting { services.observe(.node(status(of: node))) }
        var attempt = attempt
        if !enclosing.reserved.contains(ResourcePool.gpu) { attempt.devices = loan.devices }
        let result = await runCompleted(attempt, node: node, control: control)
        await enclosing.lender.giveBack(loan)
        return result
    }

    func makeAttempt(_ node: Int, _ resolved: ResolvedStep, devices: [Int]) -> StepAttempt {
        let record = records[node]
        let state = machine.nodes[node]
        let step = plan.steps[state.step]
        // Before it starts, the machine has not counted it yet.
        let number = record.earlierAttempts + state.attempt + (state.state == .ready ? 1 : 0)
        let name = launchName(pipelineRun: info.runID, node: record.plan.id, attempt: number)
        var tags = [
            Tag(NodeTag.node, record.plan.id), Tag(NodeTag.attempt, String(number)),
            Tag(NodeTag.state, NodeState.starting.rawValue), Tag(NodeTag.launch, name),
            Tag(NodeTag.epoch, String(epoch)),
        ]
        if let enclosing = options.enclosing {
            tags.append(Tag(NodeTag.path, nestedName(enclosing.path, record.plan.id)))
        }
        for param in resolved.params {
            guard case .artifact(let artifact) = param.value else { continue }
            tags.append(Tag(NodeTag.input(param.name), artifact.uri))
        }
        tags += resolved.tags.map { Tag($0.name, $0.value) }
        if let key = record.cacheKey {
            tags += [Tag(NodeTag.cacheKey, key.hex), Tag(NodeTag.cacheFields, key.record.text())]
            if let reason = record.cacheReason { tags.append(Tag(NodeTag.cacheReason, String(reason.prefix(1000)))) }
        }
        if let description = resolved.description { tags.append(Tag(WellKnownTag.note, description)) }
        var attempt = StepAttempt(
            node: record.plan.id, step: step, number: number, resolved: resolved, experimentID: info.experimentID,
            parentRunID: outcomes[step.name]?.group?.runID ?? info.runID, launchName: name, tags: tags,
            devices: devices, previousRunID: record.previousRunID, readySince: state.readySince,
            places: places(of: node, attempt: number), outputFile: workFolder.appending("\(name).output"))
        attempt.pipelineRunID = options.enclosing?.outerRuns.first ?? info.runID
        attempt.secrets = options.secrets(of: resolved)
        attempt.localPaths = localPaths(of: resolved.params)
        attempt.inherited = options.enclosing?.variables ?? [:]
        attempt.writtenFiles = writtenFiles
        attempt.report = { [reports] report in
            reports.add(AttemptReports.Entry(node: node, attempt: state.attempt, report: report))
        }
        return attempt
    }

    /// Where the artifacts that are bound to params lie, if that is on this machine.
    func localPaths(of params: [NamedValue]) -> [String: FilePath] {
        var paths: [String: FilePath] = [:]
        var open = params.map(\.value)
        while let value = open.popLast() {
            switch value {
            case .list(let items): open += items
            case .artifact(let artifact):
                if let known = options.enclosing?.localPaths[artifact.uri] { paths[artifact.uri] = known }
                guard artifact.uri.hasPrefix("runs:/") else { continue }
                let rest = artifact.uri.dropFirst("runs:/".count)
                guard let slash = rest.firstIndex(of: "/"), let folder = artifactFolders[String(rest[..<slash])] else {
                    continue
                }
                paths[artifact.uri] = folder.appending(String(rest[rest.index(after: slash)...]))
            default: break
            }
        }
        return paths
    }

    /// Takes in what attempts have reported by now, in its order.
    func takeReports() {
        for entry in reports.taken() { received(entry.report, from: entry.node, attempt: entry.attempt) }
    }

    private func received(_ report: StepReport, from node: Int, attempt: Int) {
        guard records.indices.contains(node) else { return }
        switch report {
        case .created(let run):
            guard !machine.nodes[node].state.isTerminal else { return }
            records[node].run = run
        case .launched:
            guard machine.nodes[node].state == .starting else { return }
            records[node].startTime = services.clock.now()
            post(.launched(node))
        case .finishing: post(.finishing(node, attempt: attempt))
        case .process(let processID): records[node].processID = processID
        case .note(let text): services.observe(.note("\(records[node].plan.id): \(text)"))
        case .warning(let text):
            services.observe(.warning(.init(.warning, "\(records[node].plan.id): \(text)")))
        }
    }

    /// Takes the end of an attempt: what it hands on, and why it failed.
    private func ended(_ node: Int, _ result: StepResult) async {
        let step = plan.steps[machine.nodes[node].step]
        var data = RunData()
        if askedSteps.contains(step.name), result.failure == nil, let run = result.run {
            do {
                data = try await services.store.run(id: run.runID).data
            } catch {
                services.observe(.warning(.init(.warning, "\(records[node].plan.id): \(messages(of: error))")))
            }
        }
        finish(node, result, data)
    }

    func finish(_ node: Int, _ result: StepResult, _ data: RunData) {
        takeReports()
        let state = machine.nodes[node]
        let name = plan.steps[state.step].name
        let place = state.cell ?? 0
        records[node].control = nil
        records[node].processID = nil
        records[node].run = result.run ?? records[node].run
        records[node].previousRunID = result.run?.runID ?? records[node].previousRunID
        records[node].endTime = result.endTime ?? services.clock.now()
        if let usage = result.end?.usage {
            records[node].processorSeconds = Double(usage.processorTime.milliseconds) / 1000
            records[node].peakMemory = usage.peakMemory
        }
        outcomes[name]?.nodes[place].run = records[node].run
        if let run = result.run, !result.outputs.isEmpty {
            artifactFolders[run.runID] = services.artifacts.folder(of: run)
        }
        outcomes[name]?.nodes[place].duration =
            result.end.map { Double($0.wallTime.milliseconds) / 1000 } ?? result.duration
        outcomes[name]?.nodes[place].exitCode = result.failure == nil ? 0 : result.failure?.exitCode
        outcomes[name]?.nodes[place].outputs = result.outputs
        outcomes[name]?.nodes[place].data = data
        if let found = result.found { take(found, by: name) }
        // A process may end before anybody said that it began.
        if state.state == .starting, result.run != nil, result.failure?.reason != .launch { post(.launched(node)) }
        if var failure = result.failure {
            failure.isFinal = !result.mayRetry
            post(.ended(node, .failed(failure, mayRetry: mayRetry(node, failure))))
        } else {
            post(.ended(node, .succeeded))
        }
        releaseKey(of: node)
    }

    /// What a `search` found becomes what `best`, `top` and `all` of the step are.
    func take(_ found: [Run], by step: String) {
        outcomes[step]?.take(found)
        for run in found { artifactFolders[run.info.runID] = services.artifacts.folder(of: run.info) }
    }

    private func mayRetry(_ node: Int, _ failure: NodeFailure) -> Bool {
        let planned = records[node].plan
        guard plan.steps[planned.step].step.retry.when != nil else { return true }
        var scope = scope(cell: planned.cell)
        scope.facts = [
            "attempt": .int(records[node].earlierAttempts + machine.nodes[node].attempt),
            "reason": .string(failure.reason.rawValue),
            "exit_code": failure.exitCode.map { .int(Int($0)) } ?? .null,
        ]
        do {
            return try plan.allowsRetry(planned, in: scope)
        } catch {
            services.observe(.warning(.init(.warning, "\(planned.id): 'retry.when': \(messages(of: error))")))
            return false
        }
    }
}
