import Documents

/// The text of `format(…)`: `{}` and `{0}` stand for values, `{:.3f}` for a number's form, `{{` and `}}` for braces.
struct FormatText {
    struct Mistake: Error {
        var message: String
        var remedy: String?
    }

    private enum Part {
        case text(String)
        case value(index: Int, form: NumberForm?)
    }

    /// What stands behind the colon: `[0][width][.precision][d|f|e|g]`.
    private struct NumberForm {
        var isZeroPadded = false
        var width = 0
        var precision: Int?
        var kind: Character?
    }

    private var parts: [Part] = []

    /// The most places an argument can fill.
    private(set) var valueCount = 0

    init(_ template: String) throws(Mistake) {
        var text = ""
        var nextIndex = 0
        var rest = template[...]
        while let character = rest.first {
            rest = rest.dropFirst()
            guard character == "{" || character == "}" else {
                text.append(character)
                continue
            }
            if rest.first == character {
                text.append(character)
                rest = rest.dropFirst()
                continue
            }
            guard character == "{", let end = rest.firstIndex(of: "}") else {
                throw Mistake(
                    message: "a single '\(character)' in the text of 'format'",
                    remedy: "write '\(character)\(character)' for a brace")
            }
            if !text.isEmpty { parts.append(.text(text)) }
            text = ""
            let (index, form) = try Self.place(rest[..<end])
            parts.append(.value(index: index ?? nextIndex, form: form))
            if index == nil { nextIndex += 1 }
            rest = rest[rest.index(after: end)...]
        }
        if !text.isEmpty { parts.append(.text(text)) }
        for case .value(let index, _) in parts { valueCount = max(valueCount, index + 1) }
    }

    private static func place(_ text: Substring) throws(Mistake) -> (index: Int?, form: NumberForm?) {
        let pieces = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var index: Int?
        if let digits = pieces.first, !digits.isEmpty {
            guard digits.utf8.allSatisfy(isDigit), let number = Int(digits), number < ExpressionLimits.arguments else {
                throw Mistake(
                    message: "'{\(text.prefix(40))}' names no value", remedy: "values are counted: {} or {0}, {1}, …")
            }
            index = number
        }
        return (index, pieces.count > 1 ? try form(pieces[1], text) : nil)
    }

    private static func form(_ text: Substring, _ whole: Substring) throws(Mistake) -> NumberForm {
        var form = NumberForm()
        var rest = text
        if rest.first == "0" {
            form.isZeroPadded = true
            rest = rest.dropFirst()
        }
        let width = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(width.count)
        var isRight = width.count <= 2
        form.width = Int(width.prefix(2)) ?? 0
        if rest.first == "." {
            let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(1 + digits.count)
            form.precision = Int(digits.prefix(2))
            isRight = isRight && (1...2).contains(digits.count) && form.precision.map { $0 <= 40 } == true
        }
        if let kind = rest.first, "dfeg".contains(kind) {
            form.kind = kind
            rest = rest.dropFirst()
        }
        guard isRight, rest.isEmpty, !(form.kind == "d" && form.precision != nil),
            form.precision == nil || form.kind != nil
        else {
            throw Mistake(
                message: "'{\(whole.prefix(40))}' has an unknown form",
                remedy: "known are such as {:.3f}, {:.2e}, {:g}, {:04d}")
        }
        return form
    }

    func filled(with values: [Value]) throws(Mistake) -> String {
        var result = ""
        for part in parts {
            switch part {
            case .text(let text): result += text
            case .value(let index, let form):
                guard values.indices.contains(index) else {
                    throw Mistake(
                        message: "the text of 'format' asks for value \(index), and there are \(values.count)")
                }
                result += try Self.text(of: values[index], form)
            }
            guard result.utf8.count <= ExpressionLimits.textLength else { break }
        }
        return result
    }

    private static func text(of value: Value, _ form: NumberForm?) throws(Mistake) -> String {
        guard let plain = value.text else { throw Mistake(message: "null has no text", remedy: "write 'x ?? VALUE'") }
        guard let form else { return plain }
        let digits: String
        switch (value, form.kind) {
        case (.int, nil), (.int, "d"), (.float, nil): digits = plain
        case (.float, "d"):
            throw Mistake(
                message: "'d' is the form of an integer, and this is \(value.shown)", remedy: "use int(x) or round(x)")
        case (.int(let number), let kind?): digits = printed("%.\(form.precision ?? 6)\(kind)", Double(number))
        case (.float(let number), let kind?): digits = printed("%.\(form.precision ?? 6)\(kind)", number)
        default: throw Mistake(message: "only a number has a form, and this is \(value.shown)")
        }
        let missing = form.width - digits.count
        guard missing > 0 else { return digits }
        guard form.isZeroPadded else { return String(repeating: " ", count: missing) + digits }
        let isNegative = digits.hasPrefix("-")
        return (isNegative ? "-" : "") + String(repeating: "0", count: missing) + digits.dropFirst(isNegative ? 1 : 0)
    }
}
