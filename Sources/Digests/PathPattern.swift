/// A pattern for the paths of files below a folder: `train.py`, `*.py`, `lib/**`, `data/[ab]?.csv`.
///
/// `*` and `?` stay within one name, `**` stands for any number of folders. A pattern that names a folder means everything in it.
package struct PathPattern: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    private let parts: [[UInt8]]

    /// - Returns: nil for a pattern that can match nothing below the folder: empty, absolute, or with `..`.
    package init?(_ text: String) {
        var parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true).map(Array.init)
        parts.removeAll { $0 == Array(".".utf8) }
        guard !parts.isEmpty, !text.hasPrefix("/"), !parts.contains(Array("..".utf8)), text.utf8.count <= 4096,
            !text.utf8.contains(0)
        else { return nil }
        description = text
        self.parts = parts
    }

    package func matches(_ path: String) -> Bool {
        let names = path.utf8.split(separator: UInt8(ascii: "/")).map(Array.init)
        // `reached[i]`: the first i parts of the pattern fit the names so far.
        var reached = [true] + [Bool](repeating: false, count: parts.count)
        for index in parts.indices where reached[index] && Self.isAnyDepth(parts[index]) { reached[index + 1] = true }
        for name in names {
            // A folder that the whole pattern names: everything in it is meant.
            if reached[parts.count] { return true }
            var next = [Bool](repeating: false, count: parts.count + 1)
            for (index, part) in parts.enumerated() {
                if Self.isAnyDepth(part) {
                    if reached[index] || reached[index + 1] || next[index] { next[index + 1] = true }
                    if reached[index] { next[index] = true }
                } else if reached[index], Self.matches(part[...], name[...]) {
                    next[index + 1] = true
                }
            }
            for index in parts.indices where next[index] && Self.isAnyDepth(parts[index]) { next[index + 1] = true }
            reached = next
        }
        return reached[parts.count]
    }

    private static func isAnyDepth(_ part: [UInt8]) -> Bool { part == Array("**".utf8) }

    /// One name against one part; going back only to the last `*` keeps this quadratic at worst.
    private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var pattern = pattern
        var name = name
        var retry: (pattern: ArraySlice<UInt8>, name: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, name)
            } else if let byte = name.first, let rest = afterOne(pattern, byte) {
                pattern = rest
                // A `?` takes a whole character.
                name = name.dropFirst()
                while let next = name.first, next & 0xC0 == 0x80, byte & 0x80 != 0, pattern.first != next {
                    name = name.dropFirst()
                }
            } else if pattern.isEmpty, name.isEmpty {
                return true
            } else if let (oldPattern, oldName) = retry, !oldName.isEmpty {
                retry = (oldPattern, oldName.dropFirst())
                pattern = oldPattern
                name = oldName.dropFirst()
            } else {
                return false
            }
        }
    }

    /// What is left of the pattern behind a place that takes this byte.
    private static func afterOne(_ pattern: ArraySlice<UInt8>, _ byte: UInt8) -> ArraySlice<UInt8>? {
        guard let first = pattern.first else { return nil }
        switch first {
        case UInt8(ascii: "?"): return pattern.dropFirst()
        case UInt8(ascii: "["):
            guard let end = pattern.dropFirst(2).firstIndex(of: UInt8(ascii: "]")) else { break }
            var set = pattern[(pattern.startIndex + 1)..<end]
            let isNegated = set.first == UInt8(ascii: "!") || set.first == UInt8(ascii: "^")
            if isNegated { set = set.dropFirst() }
            var isIn = false
            while let low = set.first {
                set = set.dropFirst()
                if set.first == UInt8(ascii: "-"), let high = set.dropFirst().first {
                    isIn = isIn || (low <= byte && byte <= high)
                    set = set.dropFirst(2)
                } else {
                    isIn = isIn || low == byte
                }
            }
            return isIn != isNegated ? pattern[(end + 1)...] : nil
        default: break
        }
        return first == byte ? pattern.dropFirst() : nil
    }
}
