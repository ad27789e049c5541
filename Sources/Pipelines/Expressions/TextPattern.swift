/// A regular expression that is matched in time proportional to the text, whatever the pattern.
///
/// A program for a machine that is in many states at once (Thompson's construction) never goes back in the text. There are
/// therefore no back references and no looking around; the rest is as in Python: `. [a-z] \d \w \s \b ^ $ ( ) | * + ? {m,n}`.
struct TextPattern {
    struct Mistake: Error {
        var message: String
    }

    enum Step {
        case character(CharacterTest)
        /// Both ways at once.
        case split(Int, Int)
        case jump(Int)
        case assert(Assertion)
        case found
    }

    enum Assertion {
        case start, end, wordEdge, noWordEdge
    }

    private let steps: [Step]

    init(_ pattern: String) throws(Mistake) {
        var parser = PatternParser(pattern)
        let tree = try parser.parse()
        var compiler = PatternCompiler()
        try compiler.compile(tree)
        steps = compiler.steps + [.found]
    }

    /// What matching costs at most.
    func cost(of text: String) -> Int {
        let (product, isTooMuch) = (text.utf8.count + 1).multipliedReportingOverflow(by: steps.count)
        return isTooMuch ? .max : product
    }

    /// Whether the pattern is found anywhere in the text; `^` and `$` are the text's ends.
    func matches(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var states = StateSet(capacity: steps.count)
        var next = StateSet(capacity: steps.count)
        for position in 0...scalars.count {
            // A match may begin anywhere.
            if follow(0, &states, scalars, position) { return true }
            guard position < scalars.count else { return false }
            next.removeAll()
            for state in states.members {
                guard case .character(let test) = steps[state], test.accepts(scalars[position]) else { continue }
                if follow(state + 1, &next, scalars, position + 1) { return true }
            }
            swap(&states, &next)
        }
        return false
    }

    /// Adds a state and all that are reached from it without a character; true when the end is among them.
    private func follow(
        _ state: Int, _ states: inout StateSet, _ text: [Unicode.Scalar], _ position: Int
    ) -> Bool {
        var pending = [state]
        while let state = pending.popLast() {
            guard states.insert(state) else { continue }
            switch steps[state] {
            case .character: break
            case .found: return true
            case .jump(let target): pending.append(target)
            case .split(let one, let other):
                pending.append(other)
                pending.append(one)
            case .assert(let assertion) where Self.holds(assertion, text, position): pending.append(state + 1)
            case .assert: break
            }
        }
        return false
    }

    private static func holds(_ assertion: Assertion, _ text: [Unicode.Scalar], _ position: Int) -> Bool {
        switch assertion {
        case .start: return position == 0
        // As in Python also in front of a line break that ends the text.
        case .end: return position == text.count || (position == text.count - 1 && text[position] == "\n")
        case .wordEdge, .noWordEdge:
            let before = position > 0 && CharacterTest.isWord(text[position - 1])
            let after = position < text.count && CharacterTest.isWord(text[position])
            return (before != after) == (assertion == .wordEdge)
        }
    }
}

/// States in the order they were added, each once.
private struct StateSet {
    private(set) var members: [Int] = []
    private var isMember: [Bool]

    init(capacity: Int) {
        isMember = Array(repeating: false, count: capacity)
    }

    mutating func insert(_ state: Int) -> Bool {
        guard !isMember[state] else { return false }
        isMember[state] = true
        members.append(state)
        return true
    }

    mutating func removeAll() {
        for state in members { isMember[state] = false }
        members.removeAll(keepingCapacity: true)
    }
}

/// Which characters one place of a pattern takes.
struct CharacterTest {
    var ranges: [ClosedRange<UInt32>] = []
    var classes: [@Sendable (Unicode.Scalar) -> Bool] = []
    var isNegated = false

    func accepts(_ scalar: Unicode.Scalar) -> Bool {
        let isIn = ranges.contains { $0.contains(scalar.value) } || classes.contains { $0(scalar) }
        return isIn != isNegated
    }

    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }

    static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }
    static func isDecimalDigit(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .decimalNumber }
}

indirect enum PatternNode {
    case empty
    case character(CharacterTest)
    case assert(TextPattern.Assertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    case repetition(PatternNode, least: Int, most: Int?)
}

/// Lays a pattern's tree out as steps.
struct PatternCompiler {
    private static let limit = 5000
    private(set) var steps: [TextPattern.Step] = []

    mutating func compile(_ node: PatternNode) throws(TextPattern.Mistake) {
        guard steps.count < Self.limit else {
            throw TextPattern.Mistake(message: "the pattern is too large once its repetitions are written out")
        }
        switch node {
        case .empty: break
        case .character(let test): steps.append(.character(test))
        case .assert(let assertion): steps.append(.assert(assertion))
        case .sequence(let items): for item in items { try compile(item) }
        case .choice(let items): try compile(choice: items)
        case .repetition(let item, let least, let most):
            for _ in 0..<least { try compile(item) }
            guard let most else {
                let split = steps.count
                steps.append(.jump(0))
                try compile(item)
                steps.append(.jump(split))
                steps[split] = .split(split + 1, steps.count)
                return
            }
            var splits: [Int] = []
            for _ in least..<max(most, least) {
                splits.append(steps.count)
                steps.append(.jump(0))
                try compile(item)
            }
            for split in splits { steps[split] = .split(split + 1, steps.count) }
        }
    }

    private mutating func compile(choice items: [PatternNode]) throws(TextPattern.Mistake) {
        var jumps: [Int] = []
        for (index, item) in items.enumerated() {
            guard index < items.count - 1 else {
                try compile(item)
                continue
            }
            let split = steps.count
            steps.append(.jump(0))
            try compile(item)
            jumps.append(steps.count)
            steps.append(.jump(0))
            steps[split] = .split(split + 1, steps.count)
        }
        for jump in jumps { steps[jump] = .jump(steps.count) }
    }
}
