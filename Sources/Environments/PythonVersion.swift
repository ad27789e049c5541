package import Diagnostics

/// A python version as people write it: `3`, `3.11`, `3.11.7`, `3.14.0rc1`.
package struct PythonVersion: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    /// One to three numbers.
    package let numbers: [Int]
    /// `a1`, `b2`, `rc1`, or empty.
    package let preRelease: String

    /// Nil for text that is no version; nothing that gets through can be read as an option or a path.
    package init?(_ text: String) {
        let end = text.firstIndex { !($0.isASCII && $0.isNumber) && $0 != "." } ?? text.endIndex
        let parts = text[..<end].split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { $0.count <= 6 ? Int($0) : nil }
        guard (1...3).contains(parts.count), numbers.count == parts.count else { return nil }
        let suffix = text[end...]
        if !suffix.isEmpty {
            guard parts.count == 3, let mark = ["rc", "a", "b"].first(where: suffix.hasPrefix) else { return nil }
            let serial = suffix.dropFirst(mark.count)
            guard (1...4).contains(serial.count), serial.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        }
        description = text
        self.numbers = numbers
        preRelease = String(suffix)
    }

    /// Whether this (full) version is one that `wanted` asks for: `3.11` wants any 3.11.x, `3.1` does not want 3.11.
    package func satisfies(_ wanted: PythonVersion) -> Bool {
        numbers.starts(with: wanted.numbers) && (wanted.numbers.count < 3 || preRelease == wanted.preRelease)
    }

    /// Whether this version is to be preferred to another that satisfies the same wish: final ones first, then by number.
    package func isPreferred(to other: PythonVersion) -> Bool {
        if preRelease.isEmpty != other.preRelease.isEmpty { return preRelease.isEmpty }
        guard numbers == other.numbers else { return other.numbers.lexicographicallyPrecedes(numbers) }
        // a1 < a2 < a10 < b1 < rc1
        let (mark, otherMark) = (preRelease.prefix { !$0.isNumber }, other.preRelease.prefix { !$0.isNumber })
        guard mark == otherMark else { return mark > otherMark }
        return (Int(preRelease.dropFirst(mark.count)) ?? 0) > (Int(other.preRelease.dropFirst(mark.count)) ?? 0)
    }
}

/// The interpreter a project asks for.
package enum PythonRequest: Sendable, Hashable {
    case version(PythonVersion)
    /// Conditions such as `>=3.9,<3.12`, which uv understands.
    case conditions(String)

    package init(_ text: String, at location: SourceLocation?) throws(InvalidInput) {
        if let version = PythonVersion(text) {
            self = .version(version)
            return
        }
        let conditions = text.split(separator: ",", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
        guard text.utf8.count <= 100, conditions.allSatisfy(Self.isCondition) else {
            throw InvalidInput(
                "'\(text.prefix(60))' is no python version", at: location,
                remedy: "write a version such as \"3.11\" or \"3.11.7\"")
        }
        self = .conditions(conditions.joined(separator: ","))
    }

    private static func isCondition(_ text: String) -> Bool {
        guard let comparison = [">=", "<=", "==", "!=", "~=", ">", "<"].first(where: text.hasPrefix) else {
            return false
        }
        let version = text.dropFirst(comparison.count)
        let isWild = version.hasSuffix(".*") && (comparison == "==" || comparison == "!=")
        return PythonVersion(String(isWild ? version.dropLast(2) : version)) != nil
    }

    /// As it is given to uv.
    package var text: String {
        switch self {
        case .version(let version): version.description
        case .conditions(let conditions): conditions
        }
    }
}
