import Diagnostics

extension Matrix {
    /// Whether all values are known before the start.
    var isKnownBeforeStart: Bool {
        let listed = variables.allSatisfy { variable in
            switch variable.values {
            case .listed(let values): values.allSatisfy(\.isKnownBeforeStart)
            case .computed(let list): list.isKnownBeforeStart
            }
        }
        return listed && (include + exclude).allSatisfy { $0.values.allSatisfy(\.value.isKnownBeforeStart) }
    }

    /// The cells in their order: the first variable varies slowest, those of `include` come last.
    ///
    /// - Throws: `EvaluationError` when a value cannot be had, else `InvalidInput`.
    func cells(of step: String, in scope: some Scope, limit: Int) throws -> [Cell] {
        var values: [[Value]] = []
        for variable in variables { values.append(try self.values(of: variable, in: scope)) }
        let excluded = try exclude.map { try cell($0, in: scope) }
        let included = try include.map { try cell($0, in: scope) }
        try checkCount(values.map(\.count), plus: included.count, of: step, limit: limit)

        var cells: [Cell] = []
        var known: Set<Cell> = []
        func add(_ cell: Cell) { if known.insert(cell).inserted { cells.append(cell) } }
        var positions = [Int](repeating: 0, count: values.count)
        var isDone = values.isEmpty || values.contains { $0.isEmpty }
        while !isDone {
            let cell = Cell(
                values: variables.indices.map { NamedValue(variables[$0].name, values[$0][positions[$0]]) })
            if !excluded.contains(where: cell.matches) { add(cell) }
            // As an odometer: the last variable turns fastest.
            var turning = values.count - 1
            while turning >= 0 {
                positions[turning] += 1
                if positions[turning] < values[turning].count { break }
                positions[turning] = 0
                turning -= 1
            }
            isDone = turning < 0
        }
        let names = variableNames
        for cell in included {
            add(Cell(values: names.compactMap { name in cell[name].map { NamedValue(name, $0) } }))
        }
        return cells
    }

    private func values(of variable: Variable, in scope: some Scope) throws -> [Value] {
        let values: [Value]
        switch variable.values {
        case .listed(let templates): values = try templates.map { try $0.value(in: scope) }
        case .computed(let template):
            guard case .list(let items) = try template.value(in: scope) else {
                throw InvalidInput([
                    Diagnostic(
                        .error, code: "P046", at: template.location,
                        "the matrix variable '\(variable.name)' must be a list, and this gives something else",
                        remedy: "put it in brackets: '[…]'")
                ])
            }
            values = items
        }
        guard !values.contains(.null) else {
            throw InvalidInput([
                Diagnostic(
                    .error, code: "P044", at: variable.location,
                    "a value of the matrix variable '\(variable.name)' is null",
                    remedy: "leave it out, or write '… ?? VALUE'")
            ])
        }
        return values
    }

    private func cell(_ combination: Combination, in scope: some Scope) throws -> Cell {
        Cell(values: try combination.values.map { NamedValue($0.name, try $0.value.value(in: scope)) })
    }

    /// P034, before any cell is made.
    private func checkCount(_ counts: [Int], plus more: Int, of step: String, limit: Int) throws(InvalidInput) {
        var product = counts.isEmpty ? 0 : 1
        for count in counts {
            let (result, isTooLarge) = product.multipliedReportingOverflow(by: count)
            product = isTooLarge ? .max : result
        }
        let (total, isTooLarge) = product.addingReportingOverflow(more)
        guard isTooLarge || total > limit else { return }
        let shown = isTooLarge || total == .max ? "more cells than can be counted" : "\(total) cells"
        throw InvalidInput([
            Diagnostic(
                .error, code: "P034", at: location,
                "the matrix of step '\(step)' has \(shown), and the limit is \(limit)",
                remedy: isTooLarge || total > 10_000_000
                    ? "use fewer values" : "use fewer values, or allow it with --max-cells \(total)")
        ])
    }
}

extension Cell {
    /// Whether every value that the other one gives is the same here.
    func matches(_ other: Cell) -> Bool {
        other.values.allSatisfy { wanted in
            self[wanted.name].map { $0 == wanted.value || $0.equals(wanted.value) == true } ?? false
        }
    }

    /// Such as `[model=rf,fold=2]`; different cells of a step have different ones.
    var label: String {
        var label = "["
        for (index, value) in values.enumerated() {
            if index > 0 { label += "," }
            label += value.name
            label += "="
            label += value.value.cellText
        }
        return label + "]"
    }
}

extension Value {
    /// The value in a cell's name: short, on one line, and not to be taken for another value.
    fileprivate var cellText: String {
        guard case .string(let text) = self else {
            let text = self.json
            return text.utf8.count <= 80 ? text : shortened(text)
        }
        if text.utf8.count <= 80, text.utf8.allSatisfy(isPlainInCell), let first = text.utf8.first,
            !isNumberStart(first),
            !["true", "false", "null"].contains(text)
        {
            return text
        }
        let quoted = escapedForTerminal(self.json)
        return quoted.utf8.count <= 80 ? quoted : shortened(quoted)
    }

    private func shortened(_ text: String) -> String {
        "\(text.prefix(40))…#\(shortDigest(of: Array(text.utf8)))"
    }
}

private func isPlainInCell(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
    default: "_-.:/@+".utf8.contains(byte)
    }
}

private func isNumberStart(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.".utf8.contains(byte)
}
