// The text of requirements files, cut up the way MLflow and Python do it.

/// Requirement lines without comments and blank lines, continued lines joined: MLflow's reader, step by step.
func requirementLines(_ lines: [String]) -> [String] {
    var joined: [String] = []
    var continued: String?
    for line in lines {
        var line = strippedByPython(line)
        if let comment = line.firstRange(of: " #") {
            line = strippedByPython(String(line[..<comment.lowerBound]), leading: false)
        }
        if line.hasSuffix("\\") {
            while line.hasSuffix("\\") { line.removeLast() }
            continued = (continued ?? "") + line
        } else {
            joined.append((continued ?? "") + line)
            continued = nil
        }
    }
    if let continued { joined.append(continued) }
    return joined.filter { !$0.isEmpty && !$0.hasPrefix("#") }
}

/// Python's `str.splitlines` after its text files' newline translation.
func pythonLines(_ text: String) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 0x0A where previous?.value == 0x0D: break
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
            lines.append(String(line))
            line = String.UnicodeScalarView()
        default: line.append(scalar)
        }
        previous = scalar
    }
    if !line.isEmpty { lines.append(String(line)) }
    return lines
}

/// Python's `str.strip`, or `str.rstrip`.
func strippedByPython(_ text: String, leading: Bool = true) -> String {
    var scalars = text.unicodeScalars[...]
    if leading { scalars = scalars.drop(while: isPythonWhitespace) }
    while let last = scalars.last, isPythonWhitespace(last) { scalars.removeLast() }
    return String(scalars)
}

/// Python counts the four separators 1C–1F as white space too.
private func isPythonWhitespace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
}
