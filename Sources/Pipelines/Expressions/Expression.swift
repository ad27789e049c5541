package import Diagnostics
package import Documents

/// An expression that has been read: what it refers to is known, and it can be checked and evaluated.
package struct Expression: Sendable, Hashable {
    /// The text without its `${{ }}`.
    package let text: String
    /// Every reference, in the order of the text.
    package let references: [ReferenceUse]
    let root: ExpressionNode
    let placement: TextPlacement

    init(_ root: ExpressionNode, text: String, placement: TextPlacement) {
        self.root = root
        self.text = text
        self.placement = placement
        references = Self.references(in: root, placement)
    }

    /// Reads a value that is an expression already, such as `when`; `${{ }}` around the whole is allowed too.
    package init(condition text: String, at placement: TextPlacement) throws(InvalidInput) {
        if text.utf8.starts(with: "${{".utf8) {
            let template = try Template(parsing: text, at: placement)
            guard case .expression(let expression) = template.content else {
                throw InvalidInput([
                    Diagnostic(
                        .error, code: "P040", at: placement.start,
                        "a condition is one expression, not text with some in it",
                        remedy: "leave out '${{' and '}}'")
                ])
            }
            self = expression
            return
        }
        var parser = ExpressionParser(Array(text.utf8), at: 0)
        var problems: [ExpressionProblem] = []
        var root: ExpressionNode?
        do {
            root = try parser.parse(isInTemplate: false)
        } catch {
            problems.append(error)
        }
        problems = parser.problems + problems
        guard problems.isEmpty, let root else { throw InvalidInput(problems.map { $0.diagnostic(placement) }) }
        self.init(root, text: text, placement: placement)
    }

    /// Whether the value is known before anything starts.
    package var isKnownBeforeStart: Bool {
        references.allSatisfy(\.reference.isKnownBeforeStart)
    }

    private static func references(in root: ExpressionNode, _ placement: TextPlacement) -> [ReferenceUse] {
        var uses: [ReferenceUse] = []
        var pending = [(node: root, isOptional: false)]
        while let (node, isOptional) = pending.popLast() {
            if case .reference(let reference) = node.form {
                uses.append(ReferenceUse(reference, isOptional: isOptional, placement))
            }
            for child in node.children.reversed() {
                pending.append((child.node, isOptional || child.hasFallback))
            }
        }
        return uses
    }
}

/// One place of an expression that refers to something.
package struct ReferenceUse: Sendable, Hashable {
    package var reference: Reference
    /// Whether it stands on the left of a `??`, so that the expression has a value without it.
    package var isOptional: Bool
    /// Where the reference begins.
    package var location: SourceLocation
    /// Where the name of the step (or of the context) stands.
    package var stepLocation: SourceLocation
    /// Where the last name stands.
    package var nameLocation: SourceLocation

    init(_ node: ReferenceNode, isOptional: Bool, _ placement: TextPlacement) {
        reference = node.reference
        self.isOptional = isOptional
        location = placement.location(of: node.start)
        stepLocation = placement.location(of: node.stepOffset)
        nameLocation = placement.location(of: node.nameOffset)
    }
}

extension ExpressionProblem {
    func diagnostic(_ placement: TextPlacement) -> Diagnostic {
        Diagnostic(.error, code: code, at: placement.location(of: offset), message, remedy: remedy, length: length)
    }
}
