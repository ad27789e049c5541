package import SystemPackage

/// Whether the file is a program by itself, and not a script, which its first line may make anything of.
///
/// It begins with the mark of the Executable and Linkable Format (elf(5)).
package func isNativeProgram(_ path: FilePath) -> Bool {
    guard let file = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else { return false }
    defer { try? file.close() }
    var start: [UInt8] = [0, 0, 0, 0]
    let count = unsafe start.withUnsafeMutableBytes { unsafe try? file.read(into: $0) }
    return count == 4 && start == [0x7F] + Array("ELF".utf8)
}
