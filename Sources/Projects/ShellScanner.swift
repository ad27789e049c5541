/// Follows the quoting of a bash command, to tell at which places a quoted value is one word.
///
/// It knows as much of bash's grammar as decides that question, and errs on one side: a construct it cannot follow for
/// certain makes every later placeholder `fragile`. The command itself is the project author's and is not judged, only
/// the places in it.
struct ShellScanner {
    /// An open construct; the empty stack is the command itself.
    private enum Frame {
        case singleQuotes, doubleQuotes, escapeQuotes, backticks
        /// `$(…)`, with the number of open parentheses.
        case substitution(depth: Int)
        /// `${…}`
        case expansion(inDoubleQuotes: Bool)
        /// `$((…))`, `((…))` and `$[…]`, in which bash expands as inside double quotes, even text in single ones.
        case arithmetic(open: Character, close: Character, depth: Int)
        /// `name[…]`, evaluated as arithmetic
        case subscripted(depth: Int)
        /// `[[ … ]]`, which evaluates the operands of `-eq` and others
        case condition(depth: Int)
    }

    private(set) var places: [Int: ShellPlace] = [:]
    var hereDocumentLines: [HereDocumentLine] = []
    /// How many symbols come before the end of the last word outside comments and here-documents.
    var end = 0

    let symbols: [Int]
    var index = 0
    private var stack: [Frame] = []
    var pending: [HereDocument] = []
    var isAtWordStart = true
    var isLost = false
    /// Whether a list `name=(…)` is open, in which words may begin with a subscript.
    private var isInList = false

    /// - Parameter symbols: bytes, and placeholders as negative numbers from -1 on.
    init(_ symbols: [Int]) {
        self.symbols = symbols
    }

    /// Whether the scan ended where a command goes on.
    var endsInCommand: Bool { stack.isEmpty && !isInList && !isLost }

    mutating func scan() {
        while index < symbols.count, !isLost { step() }
        if isLost { end = symbols.count - symbols.reversed().prefix { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A }.count }
    }

    private mutating func step() {
        let isOutermost = stack.isEmpty
        let before = index
        switch stack.last {
        case nil: command(isOutermost: true)
        case .substitution?: command(isOutermost: false)
        case .singleQuotes?: quoted(until: "'", "inside quotes")
        case .doubleQuotes?: doubleQuoted()
        case .escapeQuotes?: escapeQuoted()
        case .backticks?: backticked()
        case .expansion(let inDoubleQuotes)?: expansion(inDoubleQuotes)
        case .arithmetic(let open, let close, let depth)?: arithmetic(open, close, depth)
        case .subscripted(let depth)?: inSubscript(depth)
        case .condition(let depth)?: condition(depth)
        }
        // Closing the last construct ends a word as well as a plain character does.
        if !isOutermost, stack.isEmpty, index > before { end = index }
    }

    // MARK: The symbols around

    func symbol(_ offset: Int = 0) -> Int? {
        symbols.indices.contains(index + offset) ? symbols[index + offset] : nil
    }

    func next(is character: Character, at offset: Int = 1) -> Bool {
        symbol(offset) == character.asciiValue.map(Int.init)
    }

    private func starts(with word: String) -> Bool {
        symbols[index...].starts(with: word.utf8.lazy.map(Int.init))
    }

    func isBlank(_ symbol: Int?) -> Bool {
        guard let symbol else { return true }
        return symbol == 0x20 || symbol == 0x09 || symbol == 0x0A
    }

    private func character(_ symbol: Int) -> Character? {
        UInt8(exactly: symbol).map { Character(Unicode.Scalar($0)) }
    }

    mutating func record(_ place: ShellPlace, at offset: Int = 0) {
        if let symbol = symbol(offset), symbol < 0 { places[-symbol - 1] = place }
    }

    private mutating func open(_ frame: Frame, after count: Int) {
        stack.append(frame)
        index += count
        isAtWordStart = false
    }

    private mutating func close(after count: Int = 1) {
        _ = stack.popLast()
        index += count
        isAtWordStart = false
    }

    private mutating func replaceTop(_ frame: Frame) {
        _ = stack.popLast()
        stack.append(frame)
        index += 1
    }

    // MARK: Commands

    private mutating func command(isOutermost: Bool) {
        guard let symbol = symbol() else { return }
        guard let character = character(symbol) else {
            record(isOutermost ? .unquoted : .inside("inside '$(…)'"))
            return pass(isOutermost)
        }
        switch character {
        case "\\": backslash(isOutermost)
        case "'": open(.singleQuotes, after: 1)
        case "\"": open(.doubleQuotes, after: 1)
        case "`": open(.backticks, after: 1)
        case "$": dollar(inDoubleQuotes: false)
        case "#" where isAtWordStart: comment()
        case "<" where next(is: "<"): redirection(isOutermost)
        // These are errors in a list, after which bash goes on with the next line, be it a line of a value.
        case _ where isInList && "(;&|<>".contains(character): isLost = true
        case "(" where next(is: "("): open(.arithmetic(open: "(", close: ")", depth: 2), after: 2)
        case "(", ")": parenthesis(character)
        case "[": bracket(isOutermost)
        case "\n": lineEnd()
        case " ", "\t", ";", "&", "|", "<", ">":
            // `;` and `&` may end the command; what comes before them is its last word.
            if !isBlank(symbol), character != ";", character != "&", isOutermost { end = index + 1 }
            index += 1
            isAtWordStart = true
        case "c" where !isOutermost && isAtWordStart && starts(with: "case") && isBlank(self.symbol(4)):
            // Its patterns have parentheses without partners: the end of the substitution cannot be found.
            isLost = true
        default: pass(isOutermost)
        }
    }

    /// An ordinary character of a word.
    private mutating func pass(_ isOutermost: Bool) {
        index += 1
        isAtWordStart = false
        if isOutermost { end = index }
    }

    private mutating func backslash(_ isOutermost: Bool) {
        record(.fragile("behind a '\\'"), at: 1)
        let continuesLine = next(is: "\n")
        let isLast = symbol(1) == nil
        index += isLast ? 1 : 2
        if continuesLine || isLast { return }
        isAtWordStart = false
        if isOutermost { end = index }
    }

    private mutating func parenthesis(_ character: Character) {
        isAtWordStart = true
        switch stack.last {
        case .substitution(let depth)?:
            let inner = character == "(" ? depth + 1 : depth - 1
            if inner == 0 { close() } else { replaceTop(.substitution(depth: inner)) }
        default:
            if character == ")" {
                isInList = false
            } else if index > 0, symbols[index - 1] == 0x3D {
                isInList = true
            }
            index += 1
            end = index
        }
    }

    private mutating func comment() {
        while let symbol = symbol(), symbol != 0x0A {
            record(.inside("inside a comment"))
            index += 1
        }
    }

    private mutating func lineEnd() {
        index += 1
        isAtWordStart = true
        guard stack.isEmpty else { return }
        let documents = pending
        pending = []
        for document in documents { hereDocument(document) }
    }

    /// `[[ … ]]`, a subscript, or an ordinary character.
    private mutating func bracket(_ isOutermost: Bool) {
        if isAtWordStart, next(is: "["), isBlank(symbol(2)) {
            open(.condition(depth: 0), after: 2)
        } else if followsName || (isAtWordStart && isInList) {
            open(.subscripted(depth: 1), after: 1)
        } else {
            pass(isOutermost)
        }
    }

    /// Whether the word so far is a variable's name, or may become one.
    private var followsName: Bool {
        let name = symbols[..<index].reversed().prefix {
            $0 < 0 || $0 == 0x5F || character($0).map { $0.isLetter || $0.isNumber } == true
        }
        guard !name.isEmpty else { return false }
        let before = index - name.count - 1
        return before < 0 || isBlank(symbols[before]) || character(symbols[before]).map { ";&|()".contains($0) } == true
    }

    // MARK: Quotes and expansions

    private mutating func quoted(until end: Character, _ description: String) {
        record(.inside(description))
        if next(is: end, at: 0) { close() } else { index += 1 }
    }

    private mutating func doubleQuoted() {
        switch symbol().flatMap(character) {
        case "\\"?: escape()
        case "`"?: open(.backticks, after: 1)
        case "$"?: dollar(inDoubleQuotes: true)
        default: quoted(until: "\"", "inside quotes")
        }
    }

    private mutating func escapeQuoted() {
        // Another pair of quotes would close these, and what follows would be read by other rules.
        record(.fragile("inside \"$'…'\""))
        if next(is: "\\", at: 0) { escape() } else if next(is: "'", at: 0) { close() } else { index += 1 }
    }

    private mutating func backticked() {
        record(.inside("inside backticks"))
        if next(is: "\\", at: 0) { escape() } else if next(is: "`", at: 0) { close() } else { index += 1 }
    }

    /// A backslash and what it protects.
    private mutating func escape() {
        record(.fragile("behind a '\\'"), at: 1)
        index = min(index + 2, symbols.count)
    }

    private mutating func dollar(inDoubleQuotes: Bool) {
        if next(is: "(") {
            if next(is: "(", at: 2) {
                open(.arithmetic(open: "(", close: ")", depth: 2), after: 3)
            } else {
                open(.substitution(depth: 1), after: 2)
                isAtWordStart = true
            }
        } else if next(is: "{") {
            open(.expansion(inDoubleQuotes: inDoubleQuotes), after: 2)
        } else if next(is: "[") {
            open(.arithmetic(open: "[", close: "]", depth: 1), after: 2)
        } else if next(is: "'"), !inDoubleQuotes {
            open(.escapeQuotes, after: 2)
        } else {
            let isDollar = (symbol(1) ?? 0) < 0
            if isDollar { record(.inside("behind a '$'"), at: 1) }
            index += isDollar ? 2 : 1
            isAtWordStart = false
            if stack.isEmpty { end = index }
        }
    }

    private mutating func expansion(_ inDoubleQuotes: Bool) {
        record(.inside("inside '${…}'"))
        switch symbol().flatMap(character) {
        case "\\"?: escape()
        case "}"?: close()
        case "`"?: open(.backticks, after: 1)
        case "$"?: dollar(inDoubleQuotes: inDoubleQuotes)
        case "'"?, "\""?:
            // Between double quotes it depends on the operator whether these are quotes.
            if inDoubleQuotes {
                isLost = true
            } else {
                open(next(is: "'", at: 0) ? .singleQuotes : .doubleQuotes, after: 1)
            }
        default: index += 1
        }
    }

    private mutating func arithmetic(_ open: Character, _ close: Character, _ depth: Int) {
        record(.inside("inside arithmetic"))
        switch symbol().flatMap(character) {
        case "\\"?: escape()
        case "'"?: isLost = true
        case "\""?: self.open(.doubleQuotes, after: 1)
        case "`"?: self.open(.backticks, after: 1)
        case "$"?: dollar(inDoubleQuotes: true)
        case open?: replaceTop(.arithmetic(open: open, close: close, depth: depth + 1))
        case close? where depth == 1: self.close()
        case close?: replaceTop(.arithmetic(open: open, close: close, depth: depth - 1))
        default: index += 1
        }
    }

    private mutating func inSubscript(_ depth: Int) {
        record(.inside("inside '[…]'"))
        switch symbol().flatMap(character) {
        case "\\"?: escape()
        case "'"?: open(.singleQuotes, after: 1)
        case "\""?: open(.doubleQuotes, after: 1)
        case "`"?: open(.backticks, after: 1)
        case "$"?: dollar(inDoubleQuotes: false)
        case "["?: replaceTop(.subscripted(depth: depth + 1))
        case "]"? where depth == 1: close()
        case "]"?: replaceTop(.subscripted(depth: depth - 1))
        // Where bash sees an ordinary word, these would end it or begin something else; which it is cannot be told.
        case "\n"?, "<"?, "("?, ")"?, "#"?: isLost = true
        default: index += 1
        }
    }

    private mutating func condition(_ depth: Int) {
        record(.inside("inside '[[ … ]]'"))
        switch symbol().flatMap(character) {
        case "\\"?: escape()
        case "'"?: open(.singleQuotes, after: 1)
        case "\""?: open(.doubleQuotes, after: 1)
        case "`"?: open(.backticks, after: 1)
        case "$"?: dollar(inDoubleQuotes: false)
        case "("?: replaceTop(.condition(depth: depth + 1))
        case ")"? where depth > 0: replaceTop(.condition(depth: depth - 1))
        // This was an argument `[[`, not the keyword.
        case ")"?: isLost = true
        case "<"? where next(is: "<"): isLost = true
        // A comment in here could hide a quote.
        case "#"? where index > 0 && isBlank(symbols[index - 1]): isLost = true
        case "]"? where next(is: "]") && index > 0 && isBlank(symbols[index - 1]): close(after: 2)
        default: index += 1
        }
    }
}
