/// One part of an expression's tree, and where in its text it stands.
struct ExpressionNode: Sendable, Hashable {
    /// The byte at which messages about it point: an operator's own, else its first.
    var offset: Int
    var form: ExpressionForm
}

indirect enum ExpressionForm: Sendable, Hashable {
    case literal(Value)
    case list([ExpressionNode])
    case reference(ReferenceNode)
    case call(ExpressionFunction, [ExpressionNode])
    case index(ExpressionNode, ExpressionNode)
    case not(ExpressionNode)
    case negative(ExpressionNode)
    case all([ExpressionNode])
    case any([ExpressionNode])
    case comparison(Comparator, ExpressionNode, ExpressionNode)
    /// The first value that is there.
    case coalesce([ExpressionNode])
    /// `a + b - c`, from left to right: a chain of any length is one node, so that no length reaches the thread's stack.
    case chain(ExpressionNode, [ChainLink])
}

struct ChainLink: Sendable, Hashable {
    var operation: Arithmetic
    var offset: Int
    var operand: ExpressionNode
}

enum Arithmetic: String, Sendable, Hashable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case remainder = "%"
}

enum Comparator: String, Sendable, Hashable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
}

struct ReferenceNode: Sendable, Hashable {
    var reference: Reference
    /// The index of `top[i]`.
    var topIndex: ExpressionNode?
    var start: Int
    /// Where the step's name stands.
    var stepOffset: Int
    /// Where the last name stands.
    var nameOffset: Int

    func offset(of part: ReferenceProblem.Part) -> Int {
        switch part {
        case .whole: start
        case .step: stepOffset
        case .name: nameOffset
        }
    }

    /// How many bytes the part has, when it is written in the usual way.
    func length(of part: ReferenceProblem.Part) -> Int {
        switch part {
        case .whole: return reference.description.utf8.count
        case .step:
            return reference.step?.step.utf8.count ?? (stepOffset < nameOffset ? nameOffset - stepOffset - 1 : 1)
        case .name:
            let name = reference.description.split { ".[]".contains($0) }.last
            return name?.utf8.count ?? 1
        }
    }
}

extension ExpressionNode {
    /// The parts of which the node is made, each with whether a `??` goes on if it has no value.
    var children: [(node: ExpressionNode, hasFallback: Bool)] {
        switch form {
        case .literal: []
        case .reference(let reference): reference.topIndex.map { [($0, false)] } ?? []
        case .list(let items), .call(_, let items), .all(let items), .any(let items): items.map { ($0, false) }
        case .index(let base, let index): [(base, false), (index, false)]
        case .not(let operand), .negative(let operand): [(operand, false)]
        case .comparison(_, let left, let right): [(left, false), (right, false)]
        case .coalesce(let items): items.enumerated().map { ($1, $0 < items.count - 1) }
        case .chain(let first, let links): [(first, false)] + links.map { ($0.operand, false) }
        }
    }
}
