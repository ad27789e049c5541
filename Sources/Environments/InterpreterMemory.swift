import CLinux
import Files
import SystemPackage

/// Remembers the versions of interpreters, by the identity of their program files.
struct InterpreterMemory {
    let store: EnvironmentStore

    private static let fileName = "interpreters"
    private static let limit = 65_536

    /// The version, if the program is still the very file it was.
    func version(of program: FilePath) -> PythonVersion? {
        guard let identity = identity(of: program) else { return nil }
        return entries().first { $0.identity == identity }.flatMap { PythonVersion($0.version) }
    }

    /// Failing to write is no fault: the interpreter is asked again next time.
    func remember(_ version: PythonVersion, of program: FilePath) {
        guard let identity = identity(of: program) else { return }
        let kept = entries().filter { !$0.identity.hasSuffix(" \(program)") }.suffix(50)
        let lines = (kept.map { "\($0.version) \($0.identity)\n" } + ["\(version) \(identity)\n"]).joined()
        guard let folder = try? Directory(creating: store.stateFolder) else { return }
        try? folder.writeFile(RelativePath(Self.fileName), Array(lines.utf8))
    }

    private func entries() -> [(version: String, identity: String)] {
        guard let folder = try? Directory(opening: store.stateFolder),
            let bytes = try? folder.readFile(RelativePath(Self.fileName), limit: Self.limit)
        else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            guard let space = line.firstIndex(of: " ") else { return nil }
            return (String(line[..<space]), String(line[space...].dropFirst()))
        }
    }

    /// Device, inode, size and times of the file behind the name; nil for scripts, which may start anything.
    private func identity(of program: FilePath) -> String? {
        guard let file = try? FileDescriptor.open(program, .readOnly, options: [.closeOnExec]) else { return nil }
        defer { try? file.close() }
        var magic = [UInt8](repeating: 0, count: 4)
        let count = try? unsafe magic.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
        var status = stat()
        guard count == 4, magic == [0x7F, 0x45, 0x4C, 0x46], unsafe fstat(file.rawValue, &status) == 0,
            !program.string.contains("\n")
        else { return nil }
        let times =
            "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
        return "\(status.st_dev) \(status.st_ino) \(status.st_size) \(times) \(program)"
    }
}
