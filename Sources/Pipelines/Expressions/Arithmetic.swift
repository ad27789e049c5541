/// Why an operation has no result.
struct ArithmeticFailure: Error {
    var message: String
    var remedy: String?

    static let tooLarge = ArithmeticFailure(message: "the result does not fit 64 bits", remedy: "use float(x)")
    static let notFinite = ArithmeticFailure(message: "the result is too large for a float")
    static let zero = ArithmeticFailure(message: "a division by zero")
}

extension Arithmetic {
    /// The result for two numbers, with the meaning Python gives the operator.
    ///
    /// - Throws: when an integer result does not fit, a float one is no longer finite, or something is divided by zero.
    func result(_ left: Value, _ right: Value) throws(ArithmeticFailure) -> Value? {
        switch (left, right) {
        case (.int(let left), .int(let right)): return try integers(left, right)
        case (.int(let left), .float(let right)): return .float(try floats(Double(left), right))
        case (.float(let left), .int(let right)): return .float(try floats(left, Double(right)))
        case (.float(let left), .float(let right)): return .float(try floats(left, right))
        default: return nil
        }
    }

    private func integers(_ left: Int, _ right: Int) throws(ArithmeticFailure) -> Value {
        switch self {
        case .add: return .int(try checked(left.addingReportingOverflow(right)))
        case .subtract: return .int(try checked(left.subtractingReportingOverflow(right)))
        case .multiply: return .int(try checked(left.multipliedReportingOverflow(by: right)))
        case .divide: return .float(try floats(Double(left), Double(right)))
        case .floorDivide, .remainder:
            guard right != 0 else { throw .zero }
            if right == -1 {
                return self == .remainder ? .int(0) : .int(try checked(0.subtractingReportingOverflow(left)))
            }
            // Neither can overflow: the divisor is neither 0 nor -1.
            let (quotient, remainder) = left.quotientAndRemainder(dividingBy: right)
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            return .int(
                self == .remainder ? (isBelow ? remainder + right : remainder) : (isBelow ? quotient - 1 : quotient))
        }
    }

    private func floats(_ left: Double, _ right: Double) throws(ArithmeticFailure) -> Double {
        let result: Double
        switch self {
        case .add: result = left + right
        case .subtract: result = left - right
        case .multiply: result = left * right
        case .divide:
            guard right != 0 else { throw .zero }
            result = left / right
        case .floorDivide, .remainder:
            guard right != 0 else { throw .zero }
            let (quotient, remainder) = floorDivision(left, right)
            result = self == .remainder ? remainder : quotient
        }
        guard result.isFinite || !left.isFinite || !right.isFinite else { throw .notFinite }
        return result
    }

    private func checked(_ result: (partialValue: Int, overflow: Bool)) throws(ArithmeticFailure) -> Int {
        guard !result.overflow else { throw .tooLarge }
        return result.partialValue
    }
}

/// What Python's `divmod` gives for floats: the remainder has the sign of the divisor.
private func floorDivision(_ left: Double, _ right: Double) -> (quotient: Double, remainder: Double) {
    var remainder = left.truncatingRemainder(dividingBy: right)
    var quotient = (left - remainder) / right
    if remainder != 0 {
        if (right < 0) != (remainder < 0) {
            remainder += right
            quotient -= 1
        }
    } else {
        remainder = Double(signOf: right, magnitudeOf: 0)
    }
    guard quotient != 0 else { return (Double(signOf: left / right, magnitudeOf: 0), remainder) }
    let whole = quotient.rounded(.down)
    return (quotient - whole > 0.5 ? whole + 1 : whole, remainder)
}
