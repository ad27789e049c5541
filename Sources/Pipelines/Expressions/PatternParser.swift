/// Reads the text of a regular expression.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    init(_ pattern: String) {
        scalars = Array(pattern.unicodeScalars)
    }

    mutating func parse() throws(TextPattern.Mistake) -> PatternNode {
        guard scalars.count <= 1000 else { throw mistake("the pattern is longer than 1000 characters") }
        let node = try choice()
        guard current == nil else { throw mistake("a ')' without a '('") }
        return node
    }

    private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    private func mistake(_ text: String) -> TextPattern.Mistake {
        TextPattern.Mistake(message: "the pattern cannot be read at character \(position + 1): \(text)")
    }

    private mutating func choice() throws(TextPattern.Mistake) -> PatternNode {
        guard depth < 50 else { throw mistake("it is nested too deep") }
        depth += 1
        var items = [try sequence()]
        while take("|") { items.append(try sequence()) }
        depth -= 1
        return items.count == 1 ? items[0] : .choice(items)
    }

    private mutating func sequence() throws(TextPattern.Mistake) -> PatternNode {
        var items: [PatternNode] = []
        while let scalar = current, scalar != "|", scalar != ")" {
            let start = position
            var item = try atom()
            if let (least, most) = try repetition() {
                if case .assert = item {
                    position = start
                    throw mistake("an edge cannot be repeated")
                }
                item = .repetition(item, least: least, most: most)
                // Whether it takes much or little makes no difference to whether it is found.
                _ = take("?")
                if let next = current, "*+?".unicodeScalars.contains(next) { throw mistake("a second repetition") }
            }
            items.append(item)
        }
        return items.isEmpty ? .empty : items.count == 1 ? items[0] : .sequence(items)
    }

    private mutating func repetition() throws(TextPattern.Mistake) -> (least: Int, most: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard current == "{" else { return nil }
        let start = position
        position += 1
        let least = number()
        var most = least
        if take(",") { most = number() }
        // As in Python a '{' that begins no repetition stands for itself.
        guard take("}"), least != nil || most != nil || scalars[start + 1] == "," else {
            position = start
            return nil
        }
        let isOpen = most == nil
        guard (least ?? 0) <= 1000, (most ?? 0) <= 1000 else { throw mistake("more than 1000 repetitions") }
        guard isOpen || (least ?? 0) <= (most ?? 0) else { throw mistake("the least number is larger than the most") }
        return (least ?? 0, isOpen ? nil : most)
    }

    private mutating func number() -> Int? {
        var digits = ""
        while let scalar = current, ("0"..."9").contains(scalar) {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        return digits.isEmpty ? nil : Int(digits) ?? .max
    }

    private mutating func atom() throws(TextPattern.Mistake) -> PatternNode {
        guard let scalar = current else { return .empty }
        position += 1
        switch scalar {
        case ".": return .character(CharacterTest(ranges: [0x0A...0x0A], isNegated: true))
        case "^": return .assert(.start)
        case "$": return .assert(.end)
        case "[": return .character(try set())
        case "\\": return try escape()
        case "(":
            if take("?") {
                guard take(":") else { throw mistake("'(?' can only begin '(?:'") }
            }
            let inner = try choice()
            guard take(")") else { throw mistake("a '(' is not closed") }
            return inner
        case "*", "+", "?":
            position -= 1
            throw mistake("nothing stands before '\(scalar)'")
        default:
            if scalar == "{" {
                position -= 1
                if try repetition() != nil { throw mistake("nothing stands before '{'") }
                position += 1
            }
            return .character(CharacterTest(ranges: [scalar.value...scalar.value]))
        }
    }

    private mutating func escape() throws(TextPattern.Mistake) -> PatternNode {
        guard let scalar = current else { throw mistake("it ends with a backslash") }
        if scalar == "b" || scalar == "B" {
            position += 1
            return .assert(scalar == "b" ? .wordEdge : .noWordEdge)
        }
        var test = CharacterTest()
        try addEscape(to: &test)
        return .character(test)
    }

    /// The character or class behind a backslash; returns its code if it is one character.
    @discardableResult
    private mutating func addEscape(to test: inout CharacterTest) throws(TextPattern.Mistake) -> UInt32? {
        guard let scalar = current else { throw mistake("it ends with a backslash") }
        position += 1
        switch scalar {
        case "d": test.classes.append { CharacterTest.isDecimalDigit($0) }
        case "D": test.classes.append { !CharacterTest.isDecimalDigit($0) }
        case "w": test.classes.append { CharacterTest.isWord($0) }
        case "W": test.classes.append { !CharacterTest.isWord($0) }
        case "s": test.classes.append { CharacterTest.isSpace($0) }
        case "S": test.classes.append { !CharacterTest.isSpace($0) }
        default:
            let known: [Unicode.Scalar: UInt32] = ["n": 0x0A, "t": 0x09, "r": 0x0D, "f": 0x0C, "v": 0x0B]
            guard
                let code = known[scalar]
                    ?? (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) ? nil : scalar.value)
            else {
                position -= 1
                throw mistake("'\\\(scalar)' has no meaning here")
            }
            test.ranges.append(code...code)
            return code
        }
        return nil
    }

    /// What stands in square brackets.
    private mutating func set() throws(TextPattern.Mistake) -> CharacterTest {
        var test = CharacterTest()
        test.isNegated = take("^")
        var isFirst = true
        while let scalar = current {
            // A ']' that comes first stands for itself.
            if scalar == "]", !isFirst {
                position += 1
                return test
            }
            isFirst = false
            let low = try setMember(&test)
            guard current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else { continue }
            position += 1
            let high = try setMember(&test)
            guard let low, let high, low <= high else {
                throw mistake("a range of characters goes backwards or is none")
            }
            test.ranges.append(low...high)
        }
        throw mistake("a '[' is not closed")
    }

    private mutating func setMember(_ test: inout CharacterTest) throws(TextPattern.Mistake) -> UInt32? {
        guard let scalar = current else { throw mistake("a '[' is not closed") }
        position += 1
        if scalar == "\\" { return try addEscape(to: &test) }
        test.ranges.append(scalar.value...scalar.value)
        return scalar.value
    }
}
