import Diagnostics
import Dispatch
import Files
import Glibc
import Synchronization
import SystemPackage

/// Unpacks an archive into a folder of `place`, and returns the folder that holds the project.
///
/// The table of contents is checked as a whole before the first file is written. Links are never made, executable bits
/// are restored. On any error, and on cancellation, the caller removes `place`. Runs on a thread of its own, since it
/// reads and writes files.
func extractZip(
    _ archive: FilePath, named shown: String, into place: TemporaryDirectory, limits: ZipLimits
) async throws -> FilePath {
    let isCancelled = Cancellation()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global(qos: .userInitiated).async {
                continuation.resume(
                    with: Result {
                        try ZipExtraction(archive: archive, shown: shown, limits: limits, isCancelled: isCancelled)
                            .run(into: place)
                    })
            }
        }
    } onCancel: {
        isCancelled.set()
    }
}

private final class Cancellation: Sendable {
    private let state = Atomic(false)
    var isSet: Bool { state.load(ordering: .relaxed) }
    func set() { state.store(true, ordering: .relaxed) }
}

private struct ZipExtraction {
    private static let chunk = 256 << 10

    let archive: FilePath
    let shown: String
    let limits: ZipLimits
    let isCancelled: Cancellation

    func run(into place: TemporaryDirectory) throws -> FilePath {
        let file = try ArchiveFile(opening: archive, shown: shown)
        let members = try ZipDirectory(of: file, named: shown, limits: limits).members
        try place.directory.makeDirectory(RelativePath("project"))
        let target = try place.directory.directory(RelativePath("project"))
        var folders: Set<RelativePath> = [.root]
        for member in members {
            let folder = member.isFolder ? member.path : member.path.parent
            if folders.insert(folder).inserted { try target.makeDirectory(folder, mode: 0o755) }
            if !member.isFolder { try extract(member, from: file, into: target) }
        }
        return place.path.appending("project")
    }

    private func extract(_ member: ZipMember, from file: ArchiveFile, into target: Directory) throws {
        let header = LittleEndianFields(try file.bytes(at: member.offset, count: 30))
        let nameCount = Int(header.uint16(26))
        guard header.uint32(0) == 0x0403_4B50, nameCount == member.rawName.count,
            try file.bytes(at: member.offset + 30, count: nameCount) == member.rawName
        else { throw damage(member, "does not agree with the table of contents") }
        let start = member.offset + 30 + Int64(nameCount) + Int64(header.uint16(28))
        let output = try target.open(
            member.path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: member.isExecutable ? 0o755 : 0o644)
        defer { try? output.close() }
        var sink = Sink(member: member, output: output)
        switch member.method {
        case .stored: try copy(member, at: start, from: file, into: &sink)
        case .deflated: try inflate(member, at: start, from: file, into: &sink)
        }
        guard sink.count == member.size else { throw damage(member, "is shorter than it should be") }
        guard sink.checksum.value == member.checksum else { throw damage(member, "has a wrong checksum") }
    }

    private func copy(_ member: ZipMember, at start: Int64, from file: ArchiveFile, into sink: inout Sink) throws {
        var done: Int64 = 0
        while done < member.packedSize {
            let count = Int(min(Int64(Self.chunk), member.packedSize - done))
            try write(try file.bytes(at: start + done, count: count)[...], of: member, into: &sink)
            done += Int64(count)
        }
    }

    private func inflate(_ member: ZipMember, at start: Int64, from file: ArchiveFile, into sink: inout Sink) throws {
        guard var inflater = Inflater() else { throw InvalidInput("not enough memory to unpack '\(shown)'") }
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        var input: ArraySlice<UInt8> = []
        var done: Int64 = 0
        while true {
            if input.isEmpty, done < member.packedSize {
                let count = Int(min(Int64(Self.chunk), member.packedSize - done))
                input = try file.bytes(at: start + done, count: count)[...]
                done += Int64(count)
            }
            switch inflater.inflate(input, into: &buffer) {
            case .progress(let consumed, let produced):
                guard consumed > 0 || produced > 0 else { throw damage(member, "is cut off") }
                try write(buffer[..<produced], of: member, into: &sink)
                input = input.dropFirst(consumed)
            case .ended(_, let produced):
                return try write(buffer[..<produced], of: member, into: &sink)
            case .damaged: throw damage(member, "is damaged")
            }
        }
    }

    private func write(_ bytes: ArraySlice<UInt8>, of member: ZipMember, into sink: inout Sink) throws {
        if isCancelled.isSet { throw CancellationError() }
        guard sink.count + Int64(bytes.count) <= member.size else { throw damage(member, "is longer than it says") }
        do {
            try sink.write(bytes)
        } catch {
            throw InvalidInput(
                "'\(member.path)' of the archive '\(shown)' cannot be written: \(error)", remedy: "free some space")
        }
    }

    private func damage(_ member: ZipMember, _ reason: String) -> InvalidInput {
        InvalidInput(
            "the archive '\(shown)' is damaged: its member '\(member.path)' \(reason)", remedy: "fetch or make it again"
        )
    }
}

/// Where a member is written, with what has been written so far.
private struct Sink {
    let member: ZipMember
    let output: FileDescriptor
    var count: Int64 = 0
    var checksum = Checksum()

    init(member: ZipMember, output: FileDescriptor) {
        self.member = member
        self.output = output
    }

    mutating func write(_ bytes: ArraySlice<UInt8>) throws {
        count += Int64(bytes.count)
        checksum.add(bytes)
        try output.writeAll(bytes)
    }
}
