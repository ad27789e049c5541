/// A here-document whose lines have not come yet.
struct HereDocument {
    var delimiter: String
    /// Whether the delimiter was quoted, so that the text is taken as it is.
    var isLiteral: Bool
    /// Whether it was written `<<-`.
    var stripsTabs: Bool
}

extension ShellScanner {
    mutating func redirection(_ isOutermost: Bool) {
        if next(is: "<", at: 2) {
            index += 3
            isAtWordStart = true
            return
        }
        guard isOutermost else { return isLost = true }
        index += 2
        let stripsTabs = next(is: "-", at: 0)
        if stripsTabs { index += 1 }
        while symbol() == 0x20 || symbol() == 0x09 { index += 1 }
        guard let word = delimiter() else { return isLost = true }
        pending.append(HereDocument(delimiter: word.text, isLiteral: word.isQuoted, stripsTabs: stripsTabs))
        end = index
        isAtWordStart = false
    }

    /// The word after `<<`; `nil` if it is empty or not plain.
    private mutating func delimiter() -> (text: String, isQuoted: Bool)? {
        var bytes: [UInt8] = []
        var isQuoted = false
        var quote: Int?
        while let symbol = symbol() {
            guard let byte = UInt8(exactly: symbol) else { return nil }
            let character = Character(Unicode.Scalar(byte))
            if let open = quote {
                if symbol == open {
                    quote = nil
                } else if character == "\\" && open == 0x22 {
                    return nil
                } else {
                    bytes.append(byte)
                }
            } else if character == "'" || character == "\"" {
                quote = symbol
                isQuoted = true
            } else if character == "\\" {
                guard let escaped = self.symbol(1).flatMap({ UInt8(exactly: $0) }), escaped != 0x0A else { return nil }
                bytes.append(escaped)
                isQuoted = true
                index += 1
            } else if character == "$" || character == "`" {
                return nil
            } else if isBlank(symbol) || ";&|<>()".contains(character) {
                break
            } else {
                bytes.append(byte)
            }
            index += 1
        }
        guard quote == nil, !bytes.isEmpty || isQuoted else { return nil }
        return (String(decoding: bytes, as: UTF8.self), isQuoted)
    }

    mutating func hereDocument(_ document: HereDocument) {
        while index < symbols.count {
            var line: [Int] = []
            while let symbol = symbol() {
                if symbol == 0x0A {
                    // Without quotes around the delimiter a backslash joins lines.
                    let backslashes = line.reversed().prefix { $0 == 0x5C }.count
                    guard !document.isLiteral, backslashes % 2 == 1 else { break }
                    line.removeLast()
                } else {
                    record(.inside("inside a here-document"))
                    line.append(symbol)
                }
                index += 1
            }
            index += 1
            let checked = HereDocumentLine(
                delimiter: document.delimiter, stripsTabs: document.stripsTabs, symbols: line)
            if line.contains(where: { $0 < 0 }) {
                hereDocumentLines.append(checked)
            } else if checked.isDelimiter(with: []) {
                break
            }
        }
        index = min(index, symbols.count)
    }
}
