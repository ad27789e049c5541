extension TypeCheck {
    mutating func type(of function: ExpressionFunction, _ nodes: [ExpressionNode], at offset: Int) -> ValueType {
        if function == .choose, nodes.count == 3 {
            wantTruth(nodes[0], "'if'")
            let branches = types(of: Array(nodes.dropFirst()))
            return ValueType.common(branches) ?? .any
        }
        let types = types(of: nodes)
        func argument(_ index: Int) -> ValueType { types.indices.contains(index) ? types[index] : .any }
        switch function {
        case .min, .max:
            guard types.count == 1 else {
                for (type, node) in zip(types, nodes) { wantOrdered(type, function, at: node.offset) }
                return ValueType.common(types) ?? .any
            }
            let element = wantList(argument(0), function, at: offset)
            wantOrdered(element, function, at: offset)
            return element
        case .sorted:
            let element = wantList(argument(0), function, at: offset)
            wantOrdered(element, function, at: offset)
            return .list(element)
        case .sum:
            let element = wantList(argument(0), function, at: offset)
            want(element, [.int, .float], "numbers", function, at: offset)
            return element.isNumber ? element : .any
        case .mean, .median:
            want(wantList(argument(0), function, at: offset), [.int, .float], "numbers", function, at: offset)
            return .float
        case .count:
            _ = wantList(argument(0), function, at: offset)
            return .int
        case .len:
            if case .list = argument(0) { return .int }
            want(argument(0), [.string], "a list or text", function, at: offset)
            return .int
        case .round:
            want(argument(0), [.int, .float], "a number", function, at: offset)
            if types.count == 2 { want(argument(1), [.int], "an integer", function, at: nodes[1].offset) }
            return types.count == 2 ? argument(0) : .int
        case .abs:
            want(argument(0), [.int, .float], "a number", function, at: offset)
            return argument(0)
        case .int, .float:
            want(argument(0), [.int, .float, .bool, .string], "a number or text", function, at: offset)
            return function == .int ? .int : .float
        case .str, .json: return .string
        case .fromJSON:
            want(argument(0), [.string], "text", function, at: offset)
            return .any
        case .basename:
            want(argument(0), [.string, .artifact], "a path or an artifact", function, at: offset)
            return .string
        case .join:
            _ = wantList(argument(0), function, at: offset)
            want(argument(1), [.string], "text", function, at: offset)
            return .string
        case .range:
            for (type, node) in zip(types, nodes) { want(type, [.int], "integers", function, at: node.offset) }
            return .list(.int)
        case .contains:
            checkSearch(in: argument(0), for: argument(1), at: offset)
            return .bool
        case .startsWith, .endsWith:
            for (type, node) in zip(types, nodes) { want(type, [.string], "text", function, at: node.offset) }
            return .bool
        case .matches:
            for (type, node) in zip(types, nodes) { want(type, [.string], "text", function, at: node.offset) }
            checkPattern(nodes)
            return .bool
        case .format:
            want(argument(0), [.string], "text", function, at: offset)
            checkFormat(nodes)
            return .string
        case .path, .uri:
            want(argument(0), [.string, .artifact], "text or an artifact", function, at: offset)
            return .artifact
        case .choose: return .any
        }
    }

    private mutating func want(
        _ type: ValueType, _ fitting: [ValueType], _ words: String, _ function: ExpressionFunction, at offset: Int
    ) {
        guard type != .any, !fitting.contains(type) else { return }
        report(
            "'\(function.rawValue)' wants \(words), and this is \(type)", remedy: "it is \(function.usage)", at: offset)
    }

    private mutating func wantOrdered(_ type: ValueType, _ function: ExpressionFunction, at offset: Int) {
        want(type, [.int, .float, .string], "numbers or texts", function, at: offset)
    }

    /// The type of the elements.
    private mutating func wantList(_ type: ValueType, _ function: ExpressionFunction, at offset: Int) -> ValueType {
        switch type {
        case .list(let element): return element
        case .any: return .any
        default:
            report(
                "'\(function.rawValue)' wants a list, and this is \(type)", remedy: "it is \(function.usage)",
                at: offset)
            return .any
        }
    }

    /// A pattern that is written out can be read now.
    private mutating func checkPattern(_ nodes: [ExpressionNode]) {
        guard nodes.count == 2, case .literal(.string(let pattern)) = nodes[1].form else { return }
        do throws(TextPattern.Mistake) {
            _ = try TextPattern(pattern)
        } catch {
            report(error.message, at: nodes[1].offset)
        }
    }

    private mutating func checkFormat(_ nodes: [ExpressionNode]) {
        guard let first = nodes.first, case .literal(.string(let text)) = first.form else { return }
        do throws(FormatText.Mistake) {
            let needed = try FormatText(text).valueCount
            if needed > nodes.count - 1 {
                report(
                    "the text of 'format' asks for \(needed) values, and there are \(nodes.count - 1)", at: first.offset
                )
            }
        } catch {
            report(error.message, remedy: error.remedy, at: first.offset)
        }
    }
}
