import Diagnostics
import Execution
package import Pipelines
import SystemPackage
import Tracking

/// What the store says a plan would do: every step is looked at as its runner would, and nothing is started or written.
///
/// Where a step needs something that has to be computed first, nobody can know more than that.
package struct PlanRehearsal: Sendable {
    let plan: Plan
    let options: PipelineOptions
    let services: PipelineServices
    private let lookup: CacheLookup
    let experimentID: String
    private let writtenFiles: Set<String>
    private(set) var outcomes: [String: StepOutcome] = [:]
    /// Steps whose results exist already.
    private var known: Set<Int> = []
    private var skipped: Set<Int> = []
    private var keyMemo = CacheKeyMemo()
    /// By the index of the step: one for each node.
    package private(set) var findings: [Int: [PlanForecast.Finding]] = [:]
    /// What happens in steps that are pipelines, by the index of the step.
    private var nested: [Int: [PlanForecast]] = [:]
    /// How long each step took when it last ran.
    package private(set) var durations: [String: Duration] = [:]

    /// - Parameter experimentID: where the pipeline's runs are; it exists.
    package init(
        _ plan: Plan, options: PipelineOptions, services: PipelineServices, experimentID: String
    ) async throws {
        self.plan = plan
        self.options = options
        self.services = services
        self.experimentID = experimentID
        writtenFiles = plan.writtenFiles
        lookup = CacheLookup(services: services, experimentID: experimentID, path: options.enclosing?.path)
        for step in plan.steps { outcomes[step.name] = StepOutcome() }
        let earlier = try await earlierJournals(of: plan, experimentID: experimentID, in: services.store)
        durations = lastDurations(of: plan, in: earlier).mapValues { .milliseconds($0) }
        let reused = try await EarlierResults(of: plan, in: earlier, services.store)
        for index in plan.order { try await look(at: plan.steps[index], reused) }
    }

    package var forecast: PlanForecast {
        PlanForecast(plan, findings: findings, nested: nested, duration: { durations[$0.name] })
    }

    private mutating func look(at step: PlannedStep, _ reused: EarlierResults) async throws {
        guard step.isIncluded else {
            if let outcome = reused.outcomes[step.name] {
                outcomes[step.name] = outcome
                known.insert(step.index)
            } else {
                outcomes[step.name]?.isLeftOut = true
            }
            return
        }
        if let missing = step.dependencies.first(where: { skipped.contains($0.step) && !$0.isOptional }),
            step.step.runOn == .success
        {
            return skip(step, "'\(plan.steps[missing.step].name)' is skipped")
        }
        guard let cells = try cells(of: step), !cells.isEmpty else { return }
        let isWanted: [Bool]
        do {
            isWanted = try cells.map { try plan.isWanted($0, in: scope($0)) }
        } catch {
            // Its condition needs what is not there yet.
            return wait(step)
        }
        guard isWanted.contains(true) else { return skip(step, "its condition is false") }
        if case .pipeline = step.step.action { return try await lookInside(step, cells, isWanted) }
        guard step.step.cache != nil, !step.isForced, options.usesCache else { return }
        var candidates: [Candidate] = []
        let images = ImageDigests()
        for (node, isWanted) in zip(cells, isWanted) where isWanted {
            guard let candidate = try await candidate(node, step, images) else { return wait(step) }
            candidates.append(candidate)
        }
        var answers = try await answers(for: candidates).makeIterator()
        var found: [PlanForecast.Finding] = []
        var members: [NodeOutcome] = []
        for isWanted in isWanted {
            guard isWanted, let (finding, outcome) = answers.next() else {
                found.append(.init(.omit, "its condition is false"))
                continue
            }
            found.append(finding)
            if let outcome { members.append(outcome) }
        }
        findings[step.index] = found
        if members.count == candidates.count { await know(step, members) }
    }

    /// A pipeline is looked at like the one around it, with the params that it would have.
    private mutating func lookInside(_ step: PlannedStep, _ cells: [PlanNode], _ isWanted: [Bool]) async throws {
        var found: [PlanForecast.Finding] = []
        var inside: [PlanForecast] = []
        var members: [NodeOutcome] = []
        for (node, isWanted) in zip(cells, isWanted) {
            guard isWanted else {
                found.append(.init(.omit, "its condition is false"))
                continue
            }
            guard let resolved = try? options.resolve(node, of: plan, in: scope(node)) else { return wait(step) }
            let rehearsal: PlanRehearsal
            do {
                guard let known = try await rehearse(node, resolved) else {
                    found.append(.init(.run, "its own steps decide"))
                    continue
                }
                rehearsal = known
            } catch {
                found.append(.init(.run, messages(of: error)))
                continue
            }
            let forecast = rehearsal.forecast
            inside.append(forecast)
            guard forecast.hasWork else {
                found.append(.init(.reuse, "nothing in it has to run"))
                if let outcome = rehearsal.outcome(as: node) { members.append(outcome) }
                continue
            }
            let (run, reused) = (forecast.count(of: .run), forecast.count(of: .reuse))
            found.append(.init(.run, "\(run) to run, \(reused) reused"))
        }
        findings[step.index] = found
        nested[step.index] = inside
        if members.count == isWanted.count(where: { $0 }) { await know(step, members) }
    }

    /// The results of all nodes of a step exist, so that what needs them can be looked at.
    private mutating func know(_ step: PlannedStep, _ members: [NodeOutcome]) async {
        var outcome = StepOutcome()
        outcome.nodes = members
        outcome.isFanOut = step.fanOut != .none
        outcome.state = .cached
        if let selection = step.step.select {
            outcome.top = await bestCells(members, by: selection, in: services.store)
        }
        outcomes[step.name] = outcome
        known.insert(step.index)
    }

    private mutating func skip(_ step: PlannedStep, _ reason: String) {
        skipped.insert(step.index)
        outcomes[step.name]?.state = .skipped
        findings[step.index] = [.init(.omit, reason)]
    }

    /// It runs, unless what it needs turns out to be what it was before.
    private mutating func wait(_ step: PlannedStep) {
        let needed = step.dependencies.first { $0.isData && !known.contains($0.step) && !skipped.contains($0.step) }
        let reason = needed.map { "'\(plan.steps[$0.step].name)' runs before it" } ?? "its values are known only then"
        findings[step.index] = Array(repeating: .init(.run, reason), count: max(1, step.nodes.count))
    }

    /// The cells; nil while nobody can know them.
    private func cells(of step: PlannedStep) throws -> [PlanNode]? {
        guard step.fanOut.isDynamic else { return Array(plan.nodes(of: step)) }
        return try? plan.expand(step, in: scope(PlanNode(whole: step)))
    }

    func scope(_ node: PlanNode?) -> OutcomeScope {
        var scope = OutcomeScope(steps: outcomes)
        scope.experimentID = experimentID
        scope.cell = node?.cell
        scope.secrets = options.secrets
        scope.facts = ["attempt": .int(1)]
        guard let node else { return scope }
        for output in plan.steps[node.step].step.outputs { scope.places[output.name] = FilePath("/") }
        return scope
    }

    /// A node with its values, and the key of its work where it has one.
    private enum Candidate {
        case run(PlanNode, reason: String)
        case reusable(PlanNode, CacheLookup.Question)
    }

    /// What can be asked for a node; nil when its values cannot be had yet.
    private mutating func candidate(
        _ node: PlanNode, _ step: PlannedStep, _ images: ImageDigests
    ) async throws -> Candidate? {
        let resolved: ResolvedStep
        do { resolved = try options.resolve(node, of: plan, in: scope(node)) } catch { return nil }
        guard resolved.isCacheable else {
            return .run(node, reason: resolved.awaitsRun ? "it is told its own run, which is new" : "never reused")
        }
        var attempt = StepAttempt(
            node: node.id, step: step, number: 1, resolved: resolved, experimentID: experimentID, parentRunID: "",
            launchName: "", tags: [], readySince: services.clock.now(), outputFile: FilePath("/"))
        attempt.writtenFiles = writtenFiles
        attempt.secrets = options.secrets(of: resolved)
        attempt.inherited = options.enclosing?.variables ?? [:]
        guard let inputs = try await services.runner.cacheInputs(of: attempt, images: images) else {
            return .run(node, reason: "what it depends on cannot be told")
        }
        return .reusable(node, CacheLookup.Question(key: CacheKey(inputs, memo: &keyMemo), resolved: resolved))
    }

    /// What the store has for the nodes, in their order.
    private func answers(for candidates: [Candidate]) async throws -> [(PlanForecast.Finding, NodeOutcome?)] {
        let questions = candidates.compactMap { candidate in
            if case .reusable(_, let question) = candidate { question } else { nil }
        }
        var answers: [CacheLookup.Answer] = []
        for part in stride(from: 0, to: questions.count, by: 256) {
            answers += try await lookup.lookUp(Array(questions[part..<min(part + 256, questions.count)]))
        }
        var next = answers.makeIterator()
        var missed: [String: CacheKey] = [:]
        let told = candidates.map { candidate -> (PlanForecast.Finding, NodeOutcome?) in
            switch candidate {
            case .run(_, let reason): return (.init(.run, reason), nil)
            case .reusable(let node, let question):
                let answer = next.next() ?? CacheLookup.Answer()
                guard let hit = answer.hit else {
                    if let live = answer.live {
                        return (.init(.run, "run \(live.prefix(8)) does the same just now"), nil)
                    }
                    missed[node.id] = question.key
                    return (.init(.run, "it has not been run before"), nil)
                }
                return (finding(hit, question.key), outcome(of: node, hit))
            }
        }
        let reasons = try await lookup.missReasons(missed)
        return zip(candidates, told).map { candidate, told in
            guard case .reusable(let node, _) = candidate, let reason = reasons[node.id] else { return told }
            return (.init(.run, reason), nil)
        }
    }

    private func finding(_ hit: Run, _ key: CacheKey) -> PlanForecast.Finding {
        let age = hit.info.endTime.map { services.clock.now() - $0 }
        let weak = key.isWeak ? "; something remote may have changed unnoticed" : ""
        return .init(.reuse, "run \(hit.info.runID.prefix(8))\(age.map { ", \(ageText($0))" } ?? "")\(weak)")
    }

    private func outcome(of node: PlanNode, _ hit: Run) -> NodeOutcome {
        NodeOutcome(
            id: node.id, state: .cached, run: hit.info, exitCode: 0, outputs: storedOutputs(hit.data.tags),
            outputRunID: hit.info.runID, data: hit.data, cell: node.cell)
    }
}

/// How long ago, as a person says it.
func ageText(_ age: Milliseconds) -> String {
    let seconds = max(0, age / 1000)
    let (number, unit): (Int64, String) =
        switch seconds {
        case ..<60: (0, "")
        case ..<3600: (seconds / 60, "minute")
        case ..<86_400: (seconds / 3600, "hour")
        default: (seconds / 86_400, "day")
        }
    guard number > 0 else { return "just now" }
    return "\(number) \(unit)\(number == 1 ? "" : "s") ago"
}

extension Plan {
    /// What steps write into the project's folder, which is no part of its code.
    var writtenFiles: Set<String> {
        Set(
            steps.flatMap(\.step.outputs).compactMap { output in
                guard case .string(let path)? = output.value.literal, path.hasPrefix("./") else { return nil }
                return String(path.dropFirst(2))
            })
    }
}
