import Diagnostics
import SystemPackage

/// An archive read at any offset, with numbers in little-endian order.
final class ArchiveFile {
    let count: Int64
    private let descriptor: FileDescriptor
    private let shown: String

    init(opening path: FilePath, shown: String) throws(InvalidInput) {
        self.shown = shown
        do {
            descriptor = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw InvalidInput("the archive '\(shown)' cannot be opened: \(error)")
        }
        do {
            count = try descriptor.seek(offset: 0, from: .end)
        } catch {
            try? descriptor.close()
            throw InvalidInput("the archive '\(shown)' cannot be read: \(error)")
        }
    }

    deinit {
        try? descriptor.close()
    }

    /// Exactly so many bytes.
    func bytes(at offset: Int64, count wanted: Int) throws(InvalidInput) -> [UInt8] {
        guard offset >= 0, wanted >= 0, offset <= count, Int64(wanted) <= count - offset else { throw truncated }
        var bytes = [UInt8](repeating: 0, count: wanted)
        var filled = 0
        while filled < wanted {
            let got: Int
            do {
                got = try unsafe bytes.withUnsafeMutableBytes { buffer in
                    try unsafe descriptor.read(
                        fromAbsoluteOffset: offset + Int64(filled), into: .init(rebasing: buffer[filled...]))
                }
            } catch {
                throw InvalidInput("the archive '\(shown)' cannot be read: \(error)")
            }
            guard got > 0 else { throw truncated }
            filled += got
        }
        return bytes
    }

    var truncated: InvalidInput {
        InvalidInput("the archive '\(shown)' is cut off or damaged", remedy: "fetch or make it again")
    }
}

/// Fields of a record, in little-endian order; reading past its end gives zeros, which no caller does unchecked.
struct LittleEndianFields {
    let bytes: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) {
        self.bytes = ArraySlice(bytes)
    }

    func uint16(_ offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: number(offset, 2)) }
    func uint32(_ offset: Int) -> UInt32 { UInt32(truncatingIfNeeded: number(offset, 4)) }
    func uint64(_ offset: Int) -> UInt64 { number(offset, 8) }

    private func number(_ offset: Int, _ width: Int) -> UInt64 {
        (0..<width).reversed().reduce(0) { value, index in
            let position = bytes.startIndex + offset + index
            return value << 8 | UInt64(bytes.indices.contains(position) ? bytes[position] : 0)
        }
    }
}
