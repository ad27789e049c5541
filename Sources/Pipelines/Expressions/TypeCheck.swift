package import Diagnostics
import Documents

extension Expression {
    /// The type of the value, as far as it is known before the start; what is certainly wrong is reported.
    @discardableResult
    package func check(in scope: some TypeScope, reporting diagnostics: inout [Diagnostic]) -> ValueType {
        var check = TypeCheck(scope: scope)
        let type = check.type(of: root)
        diagnostics += check.problems.map { $0.diagnostic(placement) }
        return type
    }

    /// Checks an expression that is to be true or false.
    package func checkCondition(in scope: some TypeScope, reporting diagnostics: inout [Diagnostic]) {
        let type = check(in: scope, reporting: &diagnostics)
        guard !type.mayBe(.bool) else { return }
        diagnostics.append(
            Diagnostic(
                .error, code: "P046", at: placement.location(of: root.offset),
                "a condition must be true or false, and this is \(type)", remedy: "write a comparison"))
    }
}

extension Template {
    /// The type of the value, as far as it is known before the start; what is certainly wrong is reported.
    @discardableResult
    package func check(in scope: some TypeScope, reporting diagnostics: inout [Diagnostic]) -> ValueType {
        switch content {
        case .literal(let value): return value.type
        case .expression(let expression): return expression.check(in: scope, reporting: &diagnostics)
        case .text(let parts):
            for case .expression(let expression) in parts
            where expression.check(in: scope, reporting: &diagnostics) == .null {
                diagnostics.append(
                    Diagnostic(
                        .error, code: "P044", at: expression.placement.location(of: expression.root.offset),
                        "null cannot stand in text", remedy: "write 'x ?? VALUE' for what to take then"))
            }
            return .string
        case .list(let items):
            var types: [ValueType] = []
            for item in items { types.append(item.check(in: scope, reporting: &diagnostics)) }
            return .list(ValueType.common(types) ?? .any)
        }
    }
}

/// Finds the type of every part, and what can never have a value.
struct TypeCheck<Names: TypeScope> {
    let scope: Names
    private(set) var problems: [ExpressionProblem] = []

    init(scope: Names) {
        self.scope = scope
    }

    mutating func report(_ message: String, remedy: String? = nil, at offset: Int) {
        problems.append(ExpressionProblem(offset: offset, code: "P046", message: message, remedy: remedy))
    }

    mutating func type(of node: ExpressionNode) -> ValueType {
        switch node.form {
        case .literal(let value): return value.type
        case .list(let items): return .list(ValueType.common(types(of: items)) ?? .any)
        case .reference(let reference): return type(of: reference)
        case .call(let function, let arguments): return type(of: function, arguments, at: node.offset)
        case .index(let base, let index): return elementType(of: base, index)
        case .not(let operand):
            wantTruth(operand, "'not'")
            return .bool
        case .all(let items):
            for item in items { wantTruth(item, "'and'") }
            return .bool
        case .any(let items):
            for item in items { wantTruth(item, "'or'") }
            return .bool
        case .negative(let operand):
            let type = type(of: operand)
            guard type.isNumber || type == .any else {
                report("'-' wants a number, and this is \(type)", at: operand.offset)
                return .any
            }
            return type
        case .comparison(let comparator, let left, let right):
            checkComparison(comparator, left, right, at: node.offset)
            return .bool
        case .coalesce(let items):
            // A null on the left only means that something else is taken.
            let types = types(of: items)
            return ValueType.common(types.enumerated().filter { $1 != .null || $0 == types.count - 1 }.map(\.element))
                ?? .any
        case .chain(let first, let links):
            var result = type(of: first)
            for link in links { result = type(of: result, link) }
            return result
        }
    }

    mutating func types(of nodes: [ExpressionNode]) -> [ValueType] {
        var types: [ValueType] = []
        for node in nodes { types.append(type(of: node)) }
        return types
    }

    mutating func wantTruth(_ node: ExpressionNode, _ place: String) {
        let type = type(of: node)
        guard !type.mayBe(.bool) else { return }
        report("\(place) wants true or false, and this is \(type)", remedy: "write a comparison", at: node.offset)
    }

    private mutating func type(of node: ReferenceNode) -> ValueType {
        if let index = node.topIndex {
            let type = type(of: index)
            if !type.mayBe(.int) { report("an index is an integer, and this is \(type)", at: index.offset) }
        }
        switch scope.type(of: node.reference) {
        case .success(let type): return type
        case .failure(let problem):
            problems.append(
                ExpressionProblem(
                    offset: node.offset(of: problem.part), code: problem.code, message: problem.message,
                    remedy: problem.remedy, length: node.length(of: problem.part)))
            return .any
        }
    }

    private mutating func elementType(of base: ExpressionNode, _ index: ExpressionNode) -> ValueType {
        let list = type(of: base)
        let position = type(of: index)
        if !position.mayBe(.int) { report("an index is an integer, and this is \(position)", at: index.offset) }
        switch list {
        case .list(let element): return element
        case .any: return .any
        default:
            report("only a list has elements, and this is \(list)", at: base.offset)
            return .any
        }
    }

    private mutating func checkComparison(
        _ comparator: Comparator, _ leftNode: ExpressionNode, _ rightNode: ExpressionNode, at offset: Int
    ) {
        let left = type(of: leftNode)
        let right = type(of: rightNode)
        switch comparator {
        case .equal, .notEqual:
            let asksForNull = leftNode.form == .literal(.null) || rightNode.form == .literal(.null)
            if !asksForNull, !left.isComparable(with: right) { reportIncomparable(left, right, at: offset) }
        case .isIn, .isNotIn: checkSearch(in: right, for: left, at: offset)
        default:
            guard left == .any || left.isNumber || left == .string, right == .any || right.isNumber || right == .string,
                left.isComparable(with: right)
            else { return reportIncomparable(left, right, at: offset) }
        }
    }

    mutating func checkSearch(in container: ValueType, for item: ValueType, at offset: Int) {
        switch container {
        case .any: break
        case .list(let element):
            if !element.isComparable(with: item) { reportIncomparable(element, item, at: offset) }
        case .string where item.mayBe(.string): break
        default:
            report(
                "\(item) cannot be looked for in \(container)", remedy: "look in a list, or for a text in a text",
                at: offset)
        }
    }

    mutating func reportIncomparable(_ left: ValueType, _ right: ValueType, at offset: Int) {
        let message = left == right ? "\(left) has no order" : "\(left) cannot be compared with \(right)"
        report(message, remedy: "convert one of them: int(x), float(x), str(x)", at: offset)
    }

    private mutating func type(of left: ValueType, _ link: ChainLink) -> ValueType {
        let right = type(of: link.operand)
        if left == .any && (right == .any || right.isNumber || link.operation == .add) {
            return resultOfUnknown(link, right)
        }
        if right == .any && (left.isNumber || link.operation == .add) { return resultOfUnknown(link, left) }
        if left.isNumber, right.isNumber {
            return link.operation == .divide || left == .float || right == .float ? .float : .int
        }
        if link.operation == .add {
            if left == .string, right == .string { return .string }
            if case .list = left, case .list = right { return ValueType.common(left, right) }
        }
        report(
            "'\(link.operation.rawValue)' cannot be done with \(left) and \(right)",
            remedy: link.operation == .add && (left == .string || right == .string)
                ? "to make text, write 'str(x)' or 'format(…)'" : nil, at: link.offset)
        return .any
    }

    /// The type when one side is unknown and the other is not wrong for sure.
    private func resultOfUnknown(_ link: ChainLink, _ known: ValueType) -> ValueType {
        if link.operation == .divide || known == .float { return .float }
        switch known {
        case .string, .list: return known
        default: return .any
        }
    }
}

extension ValueType {
    /// Whether a value of one type may be compared with one of the other.
    func isComparable(with other: ValueType) -> Bool {
        switch (self, other) {
        case (.list(let own), .list(let others)): own.isComparable(with: others)
        default: mayBe(other) || other.mayBe(self)
        }
    }
}
