import Diagnostics

// A part of a pipeline: `--only`, `--from`, `--until`, `--skip`, `--force`.
extension PlanMaker {
    mutating func choosePart() {
        let part = request.part
        let only = indices(part.only, option: "--only")
        let from = indices(part.from, option: "--from")
        let until = indices(part.until, option: "--until")
        let skip = indices(part.skip, option: "--skip")
        for index in indices(part.force, option: "--force") { steps[index].isForced = true }
        if part.forceAll { for index in steps.indices { steps[index].isForced = true } }
        guard part.isPartial else { return }

        var chosen = Set(part.only.isEmpty ? Array(steps.indices) : only)
        if !part.from.isEmpty { chosen.formIntersection(reached(from) { steps[$0].dependents }) }
        if !part.until.isEmpty { chosen.formIntersection(reached(until) { steps[$0].dependencies.map(\.step) }) }
        chosen.subtract(skip)
        for index in steps.indices { steps[index].isIncluded = chosen.contains(index) }
        // A name that does not exist has been told already.
        let isKnown =
            only.count == part.only.count && from.count == part.from.count && until.count == part.until.count
        if chosen.isEmpty, isKnown {
            findings.append(
                Diagnostic(.error, code: "P070", "no step is left to run", remedy: "choose at least one step"))
        }
    }

    private mutating func indices(_ names: [String], option: String) -> [Int] {
        names.compactMap { name in
            if let index = steps.firstIndex(where: { $0.name == name }) { return index }
            let path = StepPath(name)
            if path.rest != nil, let step = steps.first(where: { $0.name == path.step }) {
                findings.append(
                    Diagnostic(
                        .error, code: "P041", "\(option): '\(name)' is no step of this pipeline, but of one in it",
                        remedy: "name '\(step.name)', or run the file of that pipeline by itself"))
                return nil
            }
            findings.append(
                Diagnostic(
                    .error, code: "P041", "\(option): step '\(name)' does not exist",
                    remedy: suggestion(for: name, among: steps.map(\.name), kind: "steps")))
            return nil
        }
    }

    private func reached(_ start: [Int], by next: (Int) -> [Int]) -> Set<Int> {
        var reached = Set(start)
        var pending = start
        while let index = pending.popLast() {
            for other in next(index) where reached.insert(other).inserted { pending.append(other) }
        }
        return reached
    }
}
