import Diagnostics

/// Reads one expression by recursive descent; the grammar is that of the rule names.
///
/// Unknown functions and contexts are noted and reading goes on; anything else that is wrong ends it.
struct ExpressionParser {
    private var lexer: ExpressionLexer
    private var token = ExpressionToken(kind: .end, start: 0)
    private let start: Int
    private var depth = 0
    /// Findings after which the rest could still be read.
    private(set) var problems: [ExpressionProblem] = []

    /// - Parameter offset: where in `bytes` the expression begins.
    init(_ bytes: [UInt8], at offset: Int) {
        lexer = ExpressionLexer(bytes, at: offset)
        start = offset
    }

    /// The byte behind what was read.
    var position: Int { lexer.position }

    /// Reads up to `}}`, or to the end of the text when the expression stands alone.
    mutating func parse(isInTemplate: Bool) throws(ExpressionProblem) -> ExpressionNode {
        try advance()
        if token.kind == .close || token.kind == .end {
            throw problem(
                token.kind == .end && isInTemplate ? "the '${{' before it is not closed" : "the expression is empty",
                remedy: token.kind == .end && isInTemplate
                    ? "close it with '}}'; put the whole value in quotes if it holds ': ' or ' #'" : nil)
        }
        let node = try expression()
        switch token.kind {
        case .close where isInTemplate: break
        case .end where !isInTemplate: break
        case .end:
            throw problem(
                "the '${{' before it is not closed",
                remedy: "close it with '}}'; put the whole value in quotes if it holds ': ' or ' #'")
        default: throw unexpected(after: "the expression")
        }
        guard lexer.position - start <= ExpressionLimits.length else {
            throw ExpressionProblem(
                offset: start, message: "the expression is longer than \(ExpressionLimits.length) bytes")
        }
        return node
    }

    mutating func skipToClose() { lexer.skipToClose() }

    // MARK: Tokens

    private mutating func advance(isStepName: Bool = false) throws(ExpressionProblem) {
        token = try lexer.next(isStepName: isStepName)
    }

    private mutating func take(_ symbol: ExpressionToken.Symbol) throws(ExpressionProblem) -> Bool {
        guard token.isSymbol(symbol) else { return false }
        try advance()
        return true
    }

    private mutating func takeWord(_ word: String) throws(ExpressionProblem) -> Bool {
        guard token.isWord(word) else { return false }
        try advance()
        return true
    }

    private mutating func expect(_ symbol: ExpressionToken.Symbol, _ place: String) throws(ExpressionProblem) {
        guard try take(symbol) else { throw unexpected(after: place, wanted: "'\(symbol.rawValue)'") }
    }

    private func problem(_ message: String, remedy: String? = nil, at offset: Int? = nil) -> ExpressionProblem {
        ExpressionProblem(
            offset: offset ?? token.start, message: message, remedy: remedy,
            length: offset == nil && token.start < lexer.position ? lexer.position - token.start : nil)
    }

    private func unexpected(after place: String, wanted: String? = nil) -> ExpressionProblem {
        let found =
            switch token.kind {
            case .name(let name): "'\(name.prefix(40))'"
            case .int(let number): "'\(number)'"
            case .intBelowMinimum: "a number too large"
            case .float(let number): "'\(number)'"
            case .string: "a text"
            case .symbol(let symbol): "'\(symbol.rawValue)'"
            case .close: "'}}'"
            case .end: "the end"
            }
        return problem("\(found) cannot follow \(place)", remedy: wanted.map { "expected \($0)" })
    }

    private mutating func deeper<Result>(
        _ body: (inout ExpressionParser) throws(ExpressionProblem) -> Result
    ) throws(ExpressionProblem) -> Result {
        guard depth < ExpressionLimits.depth else {
            throw problem("the expression is nested deeper than \(ExpressionLimits.depth) levels")
        }
        depth += 1
        let result = try body(&self)
        depth -= 1
        return result
    }

    // MARK: expr, or, and, not

    private mutating func expression() throws(ExpressionProblem) -> ExpressionNode {
        try deeper { parser throws(ExpressionProblem) in try parser.disjunction() }
    }

    private mutating func disjunction() throws(ExpressionProblem) -> ExpressionNode {
        let first = try conjunction()
        guard token.isWord("or") else { return first }
        let offset = token.start
        var items = [first]
        while try takeWord("or") { items.append(try conjunction()) }
        return ExpressionNode(offset: offset, form: .any(items))
    }

    private mutating func conjunction() throws(ExpressionProblem) -> ExpressionNode {
        let first = try negation()
        guard token.isWord("and") else { return first }
        let offset = token.start
        var items = [first]
        while try takeWord("and") { items.append(try negation()) }
        return ExpressionNode(offset: offset, form: .all(items))
    }

    private mutating func negation() throws(ExpressionProblem) -> ExpressionNode {
        let offset = token.start
        guard try takeWord("not") else { return try comparison() }
        let operand = try deeper { parser throws(ExpressionProblem) in try parser.negation() }
        return ExpressionNode(offset: offset, form: .not(operand))
    }

    // MARK: cmp, coal

    private mutating func comparison() throws(ExpressionProblem) -> ExpressionNode {
        let left = try coalescence()
        let offset = token.start
        guard let comparator = try takeComparator() else { return left }
        let right = try coalescence()
        let end = token.start
        if try takeComparator() != nil {
            throw problem("comparisons cannot be chained", remedy: "write 'a < b and b < c'", at: end)
        }
        return ExpressionNode(offset: offset, form: .comparison(comparator, left, right))
    }

    private mutating func takeComparator() throws(ExpressionProblem) -> Comparator? {
        switch token.kind {
        case .symbol(let symbol):
            guard let comparator = Comparator(rawValue: symbol.rawValue) else { return nil }
            try advance()
            return comparator
        case .name("in"):
            try advance()
            return .isIn
        case .name("not"):
            try advance()
            guard try takeWord("in") else { throw unexpected(after: "'not' behind a value", wanted: "'in'") }
            return .isNotIn
        default: return nil
        }
    }

    private mutating func coalescence() throws(ExpressionProblem) -> ExpressionNode {
        let first = try sum()
        guard token.isSymbol(.coalesce) else { return first }
        let offset = token.start
        var items = [first]
        while try take(.coalesce) { items.append(try sum()) }
        return ExpressionNode(offset: offset, form: .coalesce(items))
    }

    // MARK: sum, term, unary

    private mutating func sum() throws(ExpressionProblem) -> ExpressionNode {
        try chain([.plus: .add, .minus: .subtract]) { parser throws(ExpressionProblem) in try parser.term() }
    }

    private mutating func term() throws(ExpressionProblem) -> ExpressionNode {
        try chain([.times: .multiply, .divide: .divide, .floorDivide: .floorDivide, .remainder: .remainder]) {
            parser throws(ExpressionProblem) in try parser.unary()
        }
    }

    private mutating func chain(
        _ operations: [ExpressionToken.Symbol: Arithmetic],
        _ operand: (inout ExpressionParser) throws(ExpressionProblem) -> ExpressionNode
    ) throws(ExpressionProblem) -> ExpressionNode {
        let first = try operand(&self)
        var links: [ChainLink] = []
        while case .symbol(let symbol) = token.kind, let operation = operations[symbol] {
            let offset = token.start
            try advance()
            links.append(ChainLink(operation: operation, offset: offset, operand: try operand(&self)))
        }
        guard let offset = links.first?.offset else { return first }
        return ExpressionNode(offset: offset, form: .chain(first, links))
    }

    private mutating func unary() throws(ExpressionProblem) -> ExpressionNode {
        let offset = token.start
        guard try take(.minus) else { return try postfix() }
        switch token.kind {
        case .intBelowMinimum:
            try advance()
            return try postfix(of: ExpressionNode(offset: offset, form: .literal(.int(.min))))
        case .symbol(.minus):
            throw problem("a second '-' cannot follow '-'", remedy: "write parentheses")
        default:
            return ExpressionNode(offset: offset, form: .negative(try postfix()))
        }
    }

    // MARK: post, atom

    private mutating func postfix() throws(ExpressionProblem) -> ExpressionNode {
        try postfix(of: try atom())
    }

    private mutating func postfix(of atom: ExpressionNode) throws(ExpressionProblem) -> ExpressionNode {
        var node = atom
        let outerDepth = depth
        while true {
            let offset = token.start
            if try take(.openBracket) {
                let index = try expression()
                try expect(.closeBracket, "an index")
                node = ExpressionNode(offset: offset, form: .index(node, index))
                // The tree grows by one level each time.
                depth += 1
                guard depth <= ExpressionLimits.depth else {
                    throw problem("the expression is nested deeper than \(ExpressionLimits.depth) levels")
                }
            } else if token.isSymbol(.dot) {
                throw problem(
                    "nothing here has parts with names",
                    remedy: "an element of a list is 'x[0]'; only contexts such as 'params' and 'steps' have names")
            } else {
                depth = outerDepth
                return node
            }
        }
    }

    private mutating func atom() throws(ExpressionProblem) -> ExpressionNode {
        let offset = token.start
        switch token.kind {
        case .int(let number): return try literal(.int(number))
        case .float(let number): return try literal(.float(number))
        case .string(let text): return try literal(.string(text))
        case .name("true"): return try literal(.bool(true))
        case .name("false"): return try literal(.bool(false))
        case .name("null"): return try literal(.null)
        case .intBelowMinimum: throw problem("the number '9223372036854775808' does not fit 64 bits")
        case .name(let word) where ["and", "or", "in", "not"].contains(word):
            throw problem("a value must stand before '\(word)'")
        case .name(let name):
            try advance()
            if token.isSymbol(.openParenthesis) { return try call(name, at: offset) }
            return try reference(name, at: offset)
        case .symbol(.openBracket):
            try advance()
            return ExpressionNode(offset: offset, form: .list(try items(closedBy: .closeBracket, "a list's element")))
        case .symbol(.openParenthesis):
            try advance()
            let inner = try expression()
            try expect(.closeParenthesis, "what stands in parentheses")
            return inner
        default:
            throw problem(
                token.kind == .end || token.kind == .close
                    ? "the expression ends where a value must stand" : unexpected(after: "an operator").message)
        }
    }

    private mutating func literal(_ value: Value) throws(ExpressionProblem) -> ExpressionNode {
        let offset = token.start
        try advance()
        return ExpressionNode(offset: offset, form: .literal(value))
    }

    private mutating func items(
        closedBy symbol: ExpressionToken.Symbol, _ place: String
    ) throws(ExpressionProblem) -> [ExpressionNode] {
        var items: [ExpressionNode] = []
        if try take(symbol) { return items }
        repeat { items.append(try expression()) } while try take(.comma)
        try expect(symbol, place)
        return items
    }

    private mutating func call(_ name: String, at offset: Int) throws(ExpressionProblem) -> ExpressionNode {
        try advance()
        let arguments = try items(closedBy: .closeParenthesis, "an argument")
        guard let function = ExpressionFunction(rawValue: name) else {
            problems.append(
                ExpressionProblem(
                    offset: offset, code: "P043", message: "there is no function '\(name.prefix(60))'",
                    remedy: suggestion(
                        for: name, among: ExpressionFunction.allCases.map(\.rawValue), kind: "functions"),
                    length: name.utf8.count))
            return ExpressionNode(offset: offset, form: .literal(.null))
        }
        if !function.argumentCount.contains(arguments.count) {
            problems.append(
                ExpressionProblem(
                    offset: offset, code: "P046",
                    message: "'\(name)' cannot be called with \(arguments.count) "
                        + (arguments.count == 1 ? "argument" : "arguments"), remedy: "it is \(function.usage)",
                    length: name.utf8.count))
            return ExpressionNode(offset: offset, form: .literal(.null))
        }
        return ExpressionNode(offset: offset, form: .call(function, arguments))
    }

    // MARK: References

    private static let contexts = ["params", "steps", "matrix", "outputs", "run", "pipeline", "secrets"]
    private static let facts = ["attempt", "exit_code", "reason"]

    /// What follows a name that is no function; the token behind the name is the current one.
    private mutating func reference(_ context: String, at start: Int) throws(ExpressionProblem) -> ExpressionNode {
        if Self.facts.contains(context) {
            return node(.fact(context), start: start, stepOffset: start, nameOffset: start)
        }
        guard Self.contexts.contains(context) else {
            problems.append(
                ExpressionProblem(
                    offset: start, code: "P043", message: "'\(context.prefix(60))' is no context and no function",
                    remedy: ["True", "False", "None"].contains(context)
                        ? "write '\(context == "None" ? "null" : context.lowercased())'"
                        : suggestion(for: context, among: Self.contexts + Self.facts, kind: "contexts")
                            .map { "\($0); text is written in quotes" },
                    length: context.utf8.count))
            while token.isSymbol(.dot) {
                try advance()
                guard case .name = token.kind else { throw unexpected(after: "'.'", wanted: "a name") }
                try advance()
            }
            return ExpressionNode(offset: start, form: .literal(.null))
        }
        if context == "steps" { return try stepReference(at: start) }
        let (name, offset) = try member(of: context)
        let reference: Reference =
            switch context {
            case "params": .param(name)
            case "matrix": .matrix(name)
            case "outputs": .output(name)
            case "run": .run(name)
            case "pipeline": .pipeline(name)
            default: .secret(name)
            }
        return node(reference, start: start, stepOffset: start, nameOffset: offset)
    }

    private func node(
        _ reference: Reference, topIndex: ExpressionNode? = nil, start: Int, stepOffset: Int, nameOffset: Int
    ) -> ExpressionNode {
        ExpressionNode(
            offset: start,
            form: .reference(
                ReferenceNode(
                    reference: reference, topIndex: topIndex, start: start, stepOffset: stepOffset,
                    nameOffset: nameOffset)))
    }

    /// `.name` or `["name"]` behind `owner`.
    private mutating func member(
        of owner: String, isStepName: Bool = false
    ) throws(ExpressionProblem) -> (name: String, offset: Int) {
        if token.isSymbol(.dot) {
            try advance(isStepName: isStepName)
            guard case .name(let name) = token.kind else { throw unexpected(after: "'.'", wanted: "a name") }
            let offset = token.start
            try advance()
            return (name, offset)
        }
        if try take(.openBracket) {
            guard case .string(let name) = token.kind else {
                throw problem(
                    "in '\(owner)[…]' a name in quotes must stand",
                    remedy: "names are written out, so that the order of the steps is known before the start")
            }
            let offset = token.start
            try advance()
            try expect(.closeBracket, "the name")
            return (name, offset)
        }
        throw problem("'\(owner)' alone is no value", remedy: "write '\(owner).NAME'")
    }

    private mutating func stepReference(at start: Int) throws(ExpressionProblem) -> ExpressionNode {
        let (step, stepOffset) = try member(of: "steps", isStepName: true)
        var selection = StepReference.Selection.only
        var topIndex: ExpressionNode?
        if try take(.openBracket) {
            guard try takeWord("matrix") else {
                throw unexpected(after: "'steps.\(step)['", wanted: "'matrix': the cell with the same variables")
            }
            try expect(.closeBracket, "'[matrix'")
            selection = .sameCell
        }
        var (field, fieldOffset) = try member(of: "steps.\(step)")
        if selection == .only, ["best", "top", "all"].contains(field) {
            switch field {
            case "best": selection = .best
            case "all": selection = .all
            default:
                guard try take(.openBracket) else { throw unexpected(after: "'top'", wanted: "'[index]'") }
                let index = try expression()
                try expect(.closeBracket, "the index")
                if case .literal(.int(let number)) = index.form {
                    selection = .top(number)
                } else {
                    selection = .top(nil)
                    topIndex = index
                }
            }
            (field, fieldOffset) = try member(of: "steps.\(step).\(field)")
        }
        var nameOffset = fieldOffset
        let read: StepReference.Field
        if let single = StepReference.Field.single[field] {
            read = single
        } else if let named = StepReference.Field.named[field] {
            let name: String
            (name, nameOffset) = try member(of: "steps.\(step).\(field)")
            read = named(name)
        } else {
            let known =
                Array(StepReference.Field.single.keys) + StepReference.Field.named.keys + ["best", "top", "all"]
            problems.append(
                ExpressionProblem(
                    offset: fieldOffset, code: "P042", message: "a step has no '\(field.prefix(60))'",
                    remedy: suggestion(for: field, among: known, kind: "parts"), length: field.utf8.count))
            if token.isSymbol(.dot) || token.isSymbol(.openBracket) { _ = try member(of: field) }
            return ExpressionNode(offset: start, form: .literal(.null))
        }
        return node(
            .step(StepReference(step, selection, read)), topIndex: topIndex, start: start, stepOffset: stepOffset,
            nameOffset: nameOffset)
    }
}
