import Diagnostics
import Documents

extension Expression {
    /// The value of the expression.
    ///
    /// Always ends: nothing repeats but the functions over lists, and those have a limit.
    package func value(in scope: some Scope) throws(EvaluationError) -> Value {
        var evaluation = Evaluation(scope: scope)
        do throws(EvaluationProblem) {
            return try evaluation.value(of: root)
        } catch {
            throw located(error)
        }
    }

    /// The value of a condition: `true` or `false`.
    package func condition(in scope: some Scope) throws(EvaluationError) -> Bool {
        let value = try value(in: scope)
        guard case .bool(let flag) = value else {
            throw located(
                EvaluationProblem("a condition must be true or false, and this is \(value.shown)", at: root.offset))
        }
        return flag
    }

    fileprivate func located(_ problem: EvaluationProblem) -> EvaluationError {
        EvaluationError(
            kind: problem.kind,
            diagnostics: [
                Diagnostic(
                    .error, code: problem.code, at: placement.location(of: problem.offset), problem.message,
                    remedy: problem.remedy)
            ])
    }
}

extension Template {
    /// The value with its expressions evaluated; of a list all that is wrong with its elements at once.
    package func value(in scope: some Scope) throws(EvaluationError) -> Value {
        switch content {
        case .literal(let value): return value
        case .expression(let expression): return try expression.value(in: scope)
        case .text(let parts):
            var text = ""
            for part in parts {
                switch part {
                case .text(let literal): text += literal
                case .expression(let expression): text += try expression.text(in: scope)
                }
                guard text.utf8.count <= ExpressionLimits.textLength else {
                    throw EvaluationError(kind: .failed, diagnostics: [Self.tooLong(at: location)])
                }
            }
            return .string(text)
        case .list(let items):
            var values: [Value] = []
            var failures: [EvaluationError] = []
            for item in items {
                do throws(EvaluationError) {
                    values.append(try item.value(in: scope))
                } catch {
                    failures.append(error)
                }
            }
            guard let first = failures.first else { return .list(values) }
            let worst = failures.first { $0.kind == .failed } ?? first
            throw EvaluationError(kind: worst.kind, diagnostics: failures.flatMap(\.diagnostics))
        }
    }

    private static func tooLong(at location: SourceLocation) -> Diagnostic {
        Diagnostic(
            .error, code: "P046", at: location, "the text is longer than \(ExpressionLimits.textLength) bytes",
            remedy: "hand large data on as an artifact")
    }
}

extension Expression {
    fileprivate func text(in scope: some Scope) throws(EvaluationError) -> String {
        guard let text = try value(in: scope).text else {
            var problem = EvaluationProblem(
                "'\(self.text.prefix(60))' is null, which cannot stand in text",
                remedy: "write '\(self.text.prefix(60)) ?? VALUE' for what to take then", at: root.offset)
            problem.code = "P044"
            throw located(problem)
        }
        return text
    }
}

/// One evaluation, with what it may still cost.
struct Evaluation<Names: Scope> {
    let scope: Names
    private var work = ExpressionLimits.work

    init(scope: Names) {
        self.scope = scope
    }

    /// Pays for so many elements or bytes.
    mutating func spend(_ amount: Int, at offset: Int) throws(EvaluationProblem) {
        guard amount <= work else {
            throw EvaluationProblem("the evaluation needs more work than is allowed", at: offset)
        }
        work -= amount
    }

    /// The tree is no deeper than the parser lets it be, so the recursion is bounded.
    mutating func value(of node: ExpressionNode) throws(EvaluationProblem) -> Value {
        switch node.form {
        case .literal(let value): return value
        case .list(let items): return .list(try values(of: items))
        case .reference(let reference): return try value(of: reference)
        case .call(let function, let arguments): return try call(function, arguments, at: node.offset)
        case .index(let base, let index): return try element(of: base, index, at: node.offset)
        case .not(let operand): return .bool(!(try truth(of: operand, "'not'")))
        case .negative(let operand): return try negative(of: operand, at: node.offset)
        case .all(let items):
            for item in items where !(try truth(of: item, "'and'")) { return .bool(false) }
            return .bool(true)
        case .any(let items):
            for item in items where try truth(of: item, "'or'") { return .bool(true) }
            return .bool(false)
        case .comparison(let comparator, let left, let right):
            return .bool(try comparison(comparator, left, right, at: node.offset))
        case .coalesce(let items): return try coalesced(items)
        case .chain(let first, let links):
            var result = try value(of: first)
            for link in links { result = try combined(result, link) }
            return result
        }
    }

    mutating func values(of nodes: [ExpressionNode]) throws(EvaluationProblem) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(nodes.count)
        for node in nodes { values.append(try value(of: node)) }
        return values
    }

    mutating func truth(of node: ExpressionNode, _ place: String) throws(EvaluationProblem) -> Bool {
        let value = try value(of: node)
        guard case .bool(let flag) = value else {
            throw EvaluationProblem(
                "\(place) wants true or false, and this is \(value.shown)", remedy: "write a comparison",
                at: node.offset)
        }
        return flag
    }

    private mutating func value(of node: ReferenceNode) throws(EvaluationProblem) -> Value {
        var reference = node.reference
        if let topIndex = node.topIndex, case .step(var step) = reference {
            let index = try value(of: topIndex)
            guard case .int(let number) = index else {
                throw EvaluationProblem("an index is an integer, and this is \(index.shown)", at: topIndex.offset)
            }
            step.selection = .top(number)
            reference = .step(step)
        }
        switch scope.answer(reference) {
        case .value(let value): return value
        case .skipped(let step): throw .skipped(step: step, at: node.start)
        case .missing(let problem): throw .missing(problem, at: node.offset(of: problem.part))
        }
    }

    private mutating func coalesced(_ items: [ExpressionNode]) throws(EvaluationProblem) -> Value {
        for item in items.dropLast() {
            do throws(EvaluationProblem) {
                let value = try value(of: item)
                if value != .null { return value }
            } catch {
                guard error.isAbsence else { throw error }
            }
        }
        guard let last = items.last else { return .null }
        return try value(of: last)
    }

    private mutating func element(
        of base: ExpressionNode, _ index: ExpressionNode, at offset: Int
    ) throws(EvaluationProblem) -> Value {
        let list = try value(of: base)
        let position = try value(of: index)
        guard case .list(let items) = list else {
            throw EvaluationProblem("only a list has elements, and this is \(list.shown)", at: base.offset)
        }
        guard case .int(let number) = position else {
            throw EvaluationProblem("an index is an integer, and this is \(position.shown)", at: index.offset)
        }
        // Both are far below overflow: a list is never longer than the limit.
        let place = number < 0 ? number.addingReportingOverflow(items.count).partialValue : number
        guard items.indices.contains(place) else {
            throw EvaluationProblem(
                "there is no element \(number) in a list of \(items.count)",
                remedy: items.isEmpty ? "the list is empty" : "they are counted from 0 to \(items.count - 1)",
                at: index.offset)
        }
        return items[place]
    }

    private mutating func negative(of node: ExpressionNode, at offset: Int) throws(EvaluationProblem) -> Value {
        let value = try value(of: node)
        switch value {
        case .int(let number):
            let (result, isTooLarge) = 0.subtractingReportingOverflow(number)
            guard !isTooLarge else { throw EvaluationProblem("the result does not fit 64 bits", at: offset) }
            return .int(result)
        case .float(let number): return .float(-number)
        default: throw EvaluationProblem("'-' wants a number, and this is \(value.shown)", at: node.offset)
        }
    }

    // MARK: Operators

    private mutating func combined(_ left: Value, _ link: ChainLink) throws(EvaluationProblem) -> Value {
        let right = try value(of: link.operand)
        do throws(ArithmeticFailure) {
            if let result = try link.operation.result(left, right) { return result }
        } catch {
            throw EvaluationProblem(error.message, remedy: error.remedy, at: link.offset)
        }
        if link.operation == .add {
            switch (left, right) {
            case (.string(let left), .string(let right)):
                return try text(left + right, at: link.offset)
            case (.list(let left), .list(let right)):
                return try list(left + right, at: link.offset)
            default: break
            }
        }
        throw EvaluationProblem(
            "'\(link.operation.rawValue)' cannot be done with \(left.shown) and \(right.shown)",
            remedy: link.operation == .add && (left.type == .string || right.type == .string)
                ? "to make text, write 'str(x)' or 'format(…)'" : nil, at: link.offset)
    }

    private mutating func comparison(
        _ comparator: Comparator, _ leftNode: ExpressionNode, _ rightNode: ExpressionNode, at offset: Int
    ) throws(EvaluationProblem) -> Bool {
        let left = try value(of: leftNode)
        let right = try value(of: rightNode)
        switch comparator {
        case .equal, .notEqual:
            // A null that is written out asks whether there is a value; it is no comparison of types.
            if leftNode.form == .literal(.null) || rightNode.form == .literal(.null) {
                return (left == right) == (comparator == .equal)
            }
            guard let isEqual = left.equals(right) else { throw incomparable(left, right, at: offset) }
            return isEqual == (comparator == .equal)
        case .isIn, .isNotIn:
            return try contains(right, left, at: offset) == (comparator == .isIn)
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            guard let order = left.order(right) else { throw incomparable(left, right, at: offset) }
            switch comparator {
            case .less: return order == .less
            case .lessOrEqual: return order == .less || order == .equal
            case .greater: return order == .greater
            default: return order == .greater || order == .equal
            }
        }
    }

    /// Whether a list has the element, or a text the part.
    mutating func contains(_ container: Value, _ item: Value, at offset: Int) throws(EvaluationProblem) -> Bool {
        switch (container, item) {
        case (.list(let items), _):
            try spend(items.count, at: offset)
            var isFound = false
            for element in items {
                guard let isEqual = element.equals(item) else { throw incomparable(element, item, at: offset) }
                isFound = isFound || isEqual
            }
            return isFound
        case (.string(let text), .string(let part)):
            try spend(text.utf8.count, at: offset)
            return Array(text.utf8).contains(Array(part.utf8))
        default:
            throw EvaluationProblem(
                "\(item.shown) cannot be looked for in \(container.shown)",
                remedy: "look in a list, or for a text in a text",
                at: offset)
        }
    }

    func incomparable(_ left: Value, _ right: Value, at offset: Int) -> EvaluationProblem {
        let types =
            left.type == right.type
            ? "\(left.type) has no order" : "\(left.shown) cannot be compared with \(right.shown)"
        return EvaluationProblem(types, remedy: "convert one of them: int(x), float(x), str(x)", at: offset)
    }

    // MARK: Limits of results

    mutating func text(_ text: String, at offset: Int) throws(EvaluationProblem) -> Value {
        try spend(text.utf8.count, at: offset)
        guard text.utf8.count <= ExpressionLimits.textLength else {
            throw EvaluationProblem(
                "the text is longer than \(ExpressionLimits.textLength) bytes",
                remedy: "hand large data on as an artifact", at: offset)
        }
        return .string(text)
    }

    mutating func list(_ items: [Value], at offset: Int) throws(EvaluationProblem) -> Value {
        try spend(items.count, at: offset)
        guard items.count <= ExpressionLimits.listLength else { throw Self.tooManyElements(at: offset) }
        return .list(items)
    }

    static func tooManyElements(at offset: Int) -> EvaluationProblem {
        EvaluationProblem("the list has more than \(ExpressionLimits.listLength) elements", at: offset)
    }
}

extension Value {
    /// The value in a message: its type, and itself when it is short.
    var shown: String {
        switch self {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): "the integer \(number)"
        case .float: "the number \(text ?? "")"
        case .string(let text): text.utf8.count > 40 ? "text" : "the text \(quoted(text))"
        case .list, .artifact: type.description
        }
    }
}
