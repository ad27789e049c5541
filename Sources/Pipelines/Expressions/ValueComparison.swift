/// How two values stand to each other.
enum ValueOrder {
    case less, equal, greater
    /// One of them is not a number (NaN).
    case unordered
}

extension Value {
    /// The order of two numbers or of two texts; nil when the types have none.
    ///
    /// An integer and a float are compared exactly, texts by their characters' codes.
    func order(_ other: Value) -> ValueOrder? {
        switch (self, other) {
        case (.int(let left), .int(let right)): left < right ? .less : left == right ? .equal : .greater
        case (.float(let left), .float(let right)): Self.order(left, right)
        case (.int(let left), .float(let right)): Self.order(left, right)
        case (.float(let left), .int(let right)): Self.order(right, left).reversed
        case (.string(let left), .string(let right)):
            left.utf8.elementsEqual(right.utf8)
                ? .equal : left.utf8.lexicographicallyPrecedes(right.utf8) ? .less : .greater
        default: nil
        }
    }

    /// Whether two values are equal; nil when their types differ.
    func equals(_ other: Value) -> Bool? {
        switch (self, other) {
        case (.null, .null): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.artifact(let left), .artifact(let right)): return left.uri.utf8.elementsEqual(right.uri.utf8)
        case (.list(let left), .list(let right)):
            guard left.count == right.count else { return false }
            var isEqual = true
            for (one, other) in zip(left, right) {
                guard let same = one.equals(other) else { return nil }
                isEqual = isEqual && same
            }
            return isEqual
        default: return order(other).map { $0 == .equal }
        }
    }

    private static func order(_ left: Double, _ right: Double) -> ValueOrder {
        left < right ? .less : left == right ? .equal : left > right ? .greater : .unordered
    }

    /// A float beyond 2⁵³ has neighbours an integer may lie between, so the integer is not made a float.
    private static func order(_ left: Int, _ right: Double) -> ValueOrder {
        guard !right.isNaN else { return .unordered }
        guard right < 0x1p63 else { return .less }
        guard right >= -0x1p63 else { return .greater }
        let whole = right.rounded(.towardZero)
        let integer = Int(whole)
        if left != integer { return left < integer ? .less : .greater }
        return order(whole, right)
    }
}

extension ValueOrder {
    var reversed: ValueOrder {
        switch self {
        case .less: .greater
        case .greater: .less
        case .equal, .unordered: self
        }
    }
}
