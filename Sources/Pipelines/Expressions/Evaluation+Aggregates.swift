// Functions over lists. A `null` in a list is a cell that has no value: they pass over it, and only `len` counts it.

extension Evaluation {
    mutating func aggregate(
        _ function: ExpressionFunction, _ arguments: FunctionArguments
    ) throws(EvaluationProblem) -> Value {
        if function == .len { return .int(try length(of: arguments)) }
        let isSpread = arguments.count > 1 && (function == .min || function == .max)
        let items = (isSpread ? arguments.all : try arguments.list(0)).filter { $0 != .null }
        try spend(items.count, at: arguments.offset)
        switch function {
        case .count: return .int(items.count)
        case .min, .max: return try extreme(of: items, isMaximum: function == .max, arguments)
        case .sorted: return .list(try sorted(items, arguments))
        case .sum: return try sum(of: items, arguments)
        case .mean:
            let sum = compensatedSum(try numbers(items, arguments))
            return .float(try finite(sum / Double(items.count), items, arguments))
        case .median: return .float(try median(of: items, arguments))
        default: throw Self.wrongUse(of: function, at: arguments.offset)
        }
    }

    private func length(of arguments: FunctionArguments) throws(EvaluationProblem) -> Int {
        switch try arguments.first() {
        case .list(let items): return items.count
        case .string(let text): return text.unicodeScalars.count
        case let other: throw arguments.unfit(0, other, wanted: "a list or text")
        }
    }

    private func noValues(_ arguments: FunctionArguments) -> EvaluationProblem {
        EvaluationProblem(
            "'\(arguments.function.rawValue)' of a list without values",
            remedy: "test 'count(list) > 0' first, with 'if'",
            at: arguments.place(0))
    }

    private mutating func extreme(
        of items: [Value], isMaximum: Bool, _ arguments: FunctionArguments
    ) throws(EvaluationProblem) -> Value {
        guard var best = items.first else { throw noValues(arguments) }
        guard best.type.isNumber || best.type == .string else {
            throw arguments.unfit(0, best, wanted: "numbers or texts")
        }
        for item in items.dropFirst() {
            guard let order = item.order(best) else { throw incomparable(best, item, at: arguments.offset) }
            // What is not a number spoils the result, as it does a sum.
            if order == .unordered {
                if case .float(let number) = item, number.isNaN { best = item }
            } else if order == (isMaximum ? .greater : .less) {
                best = item
            }
        }
        return best
    }

    private mutating func sorted(
        _ items: [Value], _ arguments: FunctionArguments
    ) throws(EvaluationProblem) -> [Value] {
        for item in items {
            guard item.type.isNumber || item.type == .string else {
                throw arguments.unfit(0, item, wanted: "numbers or texts")
            }
            guard let first = items.first, let order = item.order(first) else {
                throw incomparable(items.first ?? .null, item, at: arguments.offset)
            }
            guard order != .unordered else {
                throw EvaluationProblem("NaN has no place in an order", at: arguments.place(0))
            }
        }
        // About what comparing costs.
        try spend(items.count &* 20, at: arguments.offset)
        return items.sorted { $0.order($1) == .less }
    }

    private func numbers(_ items: [Value], _ arguments: FunctionArguments) throws(EvaluationProblem) -> [Double] {
        guard !items.isEmpty else { throw noValues(arguments) }
        var numbers: [Double] = []
        numbers.reserveCapacity(items.count)
        for item in items {
            switch item {
            case .int(let number): numbers.append(Double(number))
            case .float(let number): numbers.append(number)
            default: throw arguments.unfit(0, item, wanted: "numbers")
            }
        }
        return numbers
    }

    private func finite(
        _ result: Double, _ items: [Value], _ arguments: FunctionArguments
    ) throws(EvaluationProblem) -> Double {
        let isExpected = items.contains { if case .float(let number) = $0 { !number.isFinite } else { false } }
        guard result.isFinite || isExpected else {
            throw EvaluationProblem("the result is too large for a float", at: arguments.offset)
        }
        return result
    }

    private func sum(of items: [Value], _ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        if items.isEmpty { return .int(0) }
        guard items.allSatisfy({ $0.type == .int }) else {
            return .float(try finite(compensatedSum(try numbers(items, arguments)), items, arguments))
        }
        var total = 0
        for case .int(let number) in items {
            let (result, isTooLarge) = total.addingReportingOverflow(number)
            guard !isTooLarge else {
                throw EvaluationProblem("the sum does not fit 64 bits", remedy: "use float(x)", at: arguments.offset)
            }
            total = result
        }
        return .int(total)
    }

    private mutating func median(
        of items: [Value], _ arguments: FunctionArguments
    ) throws(EvaluationProblem) -> Double {
        let numbers = try numbers(items, arguments)
        guard !numbers.contains(where: \.isNaN) else { return .nan }
        try spend(numbers.count &* 20, at: arguments.offset)
        let sorted = numbers.sorted()
        let middle = sorted.count / 2
        if sorted.count % 2 == 1 { return sorted[middle] }
        // Halved first: the sum of the two may be too large.
        return sorted[middle - 1] / 2 + sorted[middle] / 2
    }
}

/// The sum with what each addition loses added at the end (Neumaier's method), so that the order of cells matters little.
private func compensatedSum(_ numbers: [Double]) -> Double {
    var sum = 0.0
    var lost = 0.0
    for number in numbers {
        let next = sum + number
        lost += sum.magnitude >= number.magnitude ? (sum - next) + number : (number - next) + sum
        sum = next
    }
    let result = sum + lost
    return result.isNaN ? numbers.reduce(0, +) : result
}
