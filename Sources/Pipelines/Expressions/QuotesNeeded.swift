package import Diagnostics
package import Documents

extension InvalidInput {
    /// The same error of a YAML reader, with a remedy when the reason is an expression that lacks quotes.
    ///
    /// YAML gives braces, brackets, `: ` and ` #` meanings of their own, so a value such as `{memory: ${{ 16 * attempt }}GiB}` is no
    /// YAML, and what the reader says about it helps nobody.
    package func explainingExpressions(in source: SourceText) -> InvalidInput {
        InvalidInput(
            diagnostics.map { diagnostic in
                guard let line = diagnostic.location?.line, let remedy = source.expressionRemedy(nearLine: line) else {
                    return diagnostic
                }
                var explained = diagnostic
                explained.remedy = remedy
                return explained
            })
    }
}

extension SourceText {
    /// What to do about an expression in the line, or in one of the few before it, that YAML does not read as text.
    fileprivate func expressionRemedy(nearLine line: Int) -> String? {
        for number in stride(from: line, to: max(0, line - 4), by: -1) {
            guard let text = self.text(ofLine: number), !text.drop(while: { $0 == " " }).hasPrefix("#") else {
                continue
            }
            guard text.contains("{{") else { continue }
            let before = (max(1, number - 10)..<number).compactMap { self.text(ofLine: $0) }
            if let remedy = Self.remedy(for: (before + [text]).joined(separator: "\n")) { return remedy }
        }
        return nil
    }

    /// What to do about the last expression of the lines.
    private static func remedy(for line: String) -> String? {
        var remedy: String?
        var quote: Character?
        var open = 0
        var rest = line[...]
        while let character = rest.first {
            if let current = quote {
                if character == current { quote = nil }
            } else if rest.hasPrefix("${{") {
                remedy =
                    open > 0
                    ? "inside {…} and […] an expression needs quotes: {memory: \"${{ 16 * attempt }}GiB\"}"
                    : "put the whole value in quotes: \"${{ … }}\""
            } else if rest.hasPrefix("{{") {
                remedy = "an expression begins with '${{'; text with braces needs quotes"
            } else if character == "{" || character == "[" {
                open += 1
            } else if !rest.hasPrefix("}}"), character == "}" || character == "]" {
                open -= 1
            } else if character == "\"" || character == "'" {
                quote = character
            }
            rest =
                rest.hasPrefix("${{")
                ? rest.dropFirst(3)
                : rest.hasPrefix("{{") || rest.hasPrefix("}}") ? rest.dropFirst(2) : rest.dropFirst()
        }
        return remedy
    }
}
