package import Diagnostics
package import Documents

/// An amount of memory or disk space.
package struct ByteSize: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var bytes: Int

    package init(bytes: Int) {
        self.bytes = bytes
    }

    /// Reads a size as a pipeline file writes it: `512MB`, `8GiB`, `1.5 GB`, or a bare number of bytes.
    ///
    /// A size beyond 2⁶³ - 1 becomes that.
    package init(written text: String, at placement: TextPlacement) throws(InvalidInput) {
        var scanner = QuantityScanner(text)
        guard let number = scanner.number() else {
            throw scanner.mistake("'\(text.prefix(40))' is no size", remedy: "write such as 512MB or 8GiB", placement)
        }
        scanner.skipSpaces()
        let offset = scanner.position
        let name = scanner.letters()
        guard let unit = Self.units[name] else {
            throw scanner.mistake(
                "'\(name.prefix(20))' is no unit of size",
                remedy: suggestion(for: name, among: Self.units.keys.filter { !$0.isEmpty }, kind: "units"),
                placement, at: offset)
        }
        guard scanner.isAtEnd else {
            throw scanner.mistake(
                "something stands behind the size '\(text.prefix(40))'", remedy: "write such as 512MB or 8GiB",
                placement)
        }
        bytes = number.times(unit)
    }

    private static let units: [String: Int] = [
        "": 1, "B": 1, "kB": 1000, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
        "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]

    package static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }

    /// Such as `8GiB`: the shortest form that gives the size exactly.
    package var description: String {
        Self.units.filter { $0.value > 1 && $0.key != "KB" && bytes != 0 && bytes % $0.value == 0 }
            .map { (count: bytes / $0.value, unit: $0.key) }
            .min { ($0.count, $0.unit) < ($1.count, $1.unit) }
            .map { "\($0.count)\($0.unit)" } ?? "\(bytes)B"
    }
}
