import JSON
import SystemPackage

extension Evaluation {
    mutating func call(
        _ function: ExpressionFunction, _ nodes: [ExpressionNode], at offset: Int
    ) throws(EvaluationProblem) -> Value {
        if function == .choose {
            // Only the branch that is taken is evaluated.
            guard nodes.count == 3 else { throw Self.wrongUse(of: function, at: offset) }
            return try value(of: try truth(of: nodes[0], "'if'") ? nodes[1] : nodes[2])
        }
        let arguments = FunctionArguments(function, nodes, values: try values(of: nodes), offset: offset)
        switch function {
        case .min, .max, .sum, .mean, .median, .count, .len, .sorted:
            return try aggregate(function, arguments)
        case .round: return try rounded(arguments)
        case .abs: return try magnitude(arguments)
        case .int: return try integer(arguments)
        case .float: return try float(arguments)
        case .str:
            guard let text = try arguments.first().text else {
                throw EvaluationProblem("null has no text", remedy: "write 'x ?? VALUE'", at: arguments.place(0))
            }
            return try self.text(text, at: offset)
        case .json: return try text(try arguments.first().json, at: offset)
        case .fromJSON: return try parsed(arguments)
        case .join: return try joined(arguments)
        case .range: return try range(arguments)
        case .contains:
            return .bool(try contains(try arguments.value(0), try arguments.value(1), at: arguments.place(0)))
        case .startsWith:
            return .bool(try arguments.text(0).utf8.starts(with: try arguments.text(1).utf8))
        case .endsWith:
            return .bool(try arguments.text(0).utf8.reversed().starts(with: try arguments.text(1).utf8.reversed()))
        case .matches: return try matched(arguments)
        case .format: return try formatted(arguments)
        case .basename: return .string(basename(try arguments.path(0)))
        case .path: return .artifact(try arguments.artifact(0, form: .path))
        case .uri: return .artifact(try arguments.artifact(0, form: .uri))
        case .choose: throw Self.wrongUse(of: function, at: offset)
        }
    }

    static func wrongUse(of function: ExpressionFunction, at offset: Int) -> EvaluationProblem {
        EvaluationProblem("'\(function.rawValue)' is called wrongly", remedy: "it is \(function.usage)", at: offset)
    }

    // MARK: Numbers

    private func rounded(_ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        let number = try arguments.number(0)
        if arguments.count == 2 {
            let digits = try arguments.integer(1)
            guard (0...15).contains(digits) else {
                throw EvaluationProblem("a number can be rounded to 0 to 15 digits", at: arguments.place(1))
            }
            guard case .float(let float) = number, float.isFinite else { return number }
            return .float(Double(fixedText(float, digits: digits)) ?? float)
        }
        guard case .float(let float) = number else { return number }
        // As in Python a half goes to the even neighbour.
        return .int(try whole(float.rounded(.toNearestOrEven), arguments))
    }

    private func whole(_ float: Double, _ arguments: FunctionArguments) throws(EvaluationProblem) -> Int {
        guard let integer = Int(exactly: float) else {
            throw EvaluationProblem(
                float.isFinite ? "the result does not fit 64 bits" : "\(Value.float(float).shown) is no integer",
                at: arguments.place(0))
        }
        return integer
    }

    private func magnitude(_ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        switch try arguments.number(0) {
        case .int(let number):
            guard let result = Int(exactly: number.magnitude) else {
                throw EvaluationProblem("the result does not fit 64 bits", at: arguments.offset)
            }
            return .int(result)
        case .float(let number): return .float(number.magnitude)
        default: throw Self.wrongUse(of: arguments.function, at: arguments.offset)
        }
    }

    private func integer(_ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        switch try arguments.first() {
        case .int(let number): return .int(number)
        case .bool(let flag): return .int(flag ? 1 : 0)
        case .float(let number): return .int(try whole(number.rounded(.towardZero), arguments))
        case .string(let text):
            let digits = text.first.map { "+-".contains($0) } == true ? text.dropFirst() : text[...]
            guard !digits.isEmpty, digits.utf8.allSatisfy(isDigit), let number = Int(text) else {
                throw EvaluationProblem("\(Value.string(text).shown) is no integer of 64 bits", at: arguments.place(0))
            }
            return .int(number)
        case let other: throw arguments.unfit(0, other, wanted: "a number or text")
        }
    }

    private func float(_ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        switch try arguments.first() {
        case .int(let number): return .float(Double(number))
        case .bool(let flag): return .float(flag ? 1 : 0)
        case .float(let number): return .float(number)
        case .string(let text):
            guard let number = decimalNumber(text) else {
                throw EvaluationProblem("\(Value.string(text).shown) is no number", at: arguments.place(0))
            }
            return .float(number)
        case let other: throw arguments.unfit(0, other, wanted: "a number or text")
        }
    }

    private mutating func range(_ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        let start = arguments.count > 1 ? try arguments.integer(0) : 0
        let stop = try arguments.integer(arguments.count > 1 ? 1 : 0)
        let step = arguments.count > 2 ? try arguments.integer(2) : 1
        guard step != 0 else { throw EvaluationProblem("a range cannot go on by 0", at: arguments.place(2)) }
        guard step > 0 ? start < stop : start > stop else { return .list([]) }
        let distance = UInt(bitPattern: step > 0 ? stop &- start : start &- stop)
        let count = (distance - 1) / step.magnitude + 1
        guard count <= UInt(ExpressionLimits.listLength) else { throw Self.tooManyElements(at: arguments.offset) }
        try spend(Int(count), at: arguments.offset)
        // Every element lies between start and stop, so nothing overflows.
        return .list((0..<Int(count)).map { .int(start &+ $0 &* step) })
    }

    // MARK: Text

    private mutating func parsed(_ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        let text = try arguments.text(0)
        try spend(text.utf8.count, at: arguments.offset)
        let json: JSONValue?
        do {
            json = try JSONReader.read(Array(text.utf8).span)
        } catch {
            throw EvaluationProblem(
                "the text is no JSON: \(error.reason) (at byte \(error.offset + 1))", at: arguments.place(0))
        }
        guard let json, let value = Value(json: json) else {
            throw EvaluationProblem(
                json == nil
                    ? "the text is empty, which is no JSON" : "the JSON holds an object, for which there is no type",
                remedy: json == nil ? nil : "give a number, a text, true or false, null, or a list of them",
                at: arguments.place(0))
        }
        return value
    }

    private mutating func joined(_ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        let items = try arguments.list(0)
        let separator = try arguments.text(1)
        try spend(items.count, at: arguments.offset)
        var result = ""
        for (index, item) in items.enumerated() {
            guard let text = item.text else {
                throw EvaluationProblem(
                    "element \(index) of the list is null, which has no text", at: arguments.place(0))
            }
            if index > 0 { result += separator }
            result += text
            guard result.utf8.count <= ExpressionLimits.textLength else { break }
        }
        return try text(result, at: arguments.offset)
    }

    private mutating func matched(_ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        let text = try arguments.text(0)
        let source = try arguments.text(1)
        let pattern: TextPattern
        do throws(TextPattern.Mistake) {
            pattern = try TextPattern(source)
        } catch {
            throw EvaluationProblem(error.message, at: arguments.place(1))
        }
        try spend(pattern.cost(of: text), at: arguments.offset)
        return .bool(pattern.matches(text))
    }

    private mutating func formatted(_ arguments: FunctionArguments) throws(EvaluationProblem) -> Value {
        let template = try arguments.text(0)
        let result: String
        do throws(FormatText.Mistake) {
            result = try FormatText(template).filled(with: arguments.rest)
        } catch {
            throw EvaluationProblem(error.message, remedy: error.remedy, at: arguments.place(0))
        }
        return try text(result, at: arguments.offset)
    }

    /// The last part of a path or URI, without a query.
    private func basename(_ path: String) -> String {
        var rest = path[...]
        if rest.contains("://") { rest = rest.prefix { $0 != "?" && $0 != "#" } }
        while rest.count > 1, rest.last == "/" { rest.removeLast() }
        guard let slash = rest.lastIndex(of: "/"), rest.count > 1 else { return String(rest) }
        return String(rest[rest.index(after: slash)...])
    }
}
