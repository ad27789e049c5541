import CGit2

/// The name of a git object: the SHA-1 of its content.
package struct ObjectID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Twenty bytes.
    let bytes: [UInt8]

    init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 20 else { return nil }
        self.bytes = Array(bytes)
    }

    /// Forty hexadecimal digits.
    package init?(hex: some StringProtocol) {
        let digits = hex.utf8.compactMap(\.hexDigit)
        guard digits.count == 40, hex.utf8.count == 40 else { return nil }
        bytes = stride(from: 0, to: 40, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    init(_ raw: git_oid) {
        bytes = unsafe withUnsafeBytes(of: raw.id) { unsafe Array($0) }
    }

    var raw: git_oid {
        var oid = git_oid()
        _ = unsafe git_oid_fromraw(&oid, bytes)
        return oid
    }

    package var description: String {
        String(decoding: bytes.flatMap { [hexDigits[Int($0 >> 4)], hexDigits[Int($0 & 15)]] }, as: UTF8.self)
    }

    package static func < (left: ObjectID, right: ObjectID) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

private let hexDigits = Array("0123456789abcdef".utf8)

extension UInt8 {
    var hexDigit: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}
