import Crypto
import Files
import Glibc
import SystemPackage

/// A cheap fingerprint of a folder: names, kinds, permissions, sizes and times of change; no content is read.
struct FolderState: Sendable, Hashable {
    var digest: String
    var bytes: Int64
}

/// Looks at every file below `folder` once; about 2 µs a file.
func folderState(_ folder: FilePath) throws(FileError) -> FolderState {
    var lines: [String] = []
    var bytes: Int64 = 0
    try walk(folder) { path, name, status in
        let kind = status.st_mode & 0o170000
        if kind == 0o040000 {
            if name == "__pycache__" { return .skip }
            lines.append("\(path) d")
            guard name == ".git" else { return .descend }
            // Git writes there when it is merely asked; a commit or another HEAD is a change.
            for file in ["HEAD", "config"] {
                var status = stat()
                guard unsafe lstat("\(folder)/\(path)/\(file)", &status) == 0 else { continue }
                lines.append("\(path)/\(file) \(status.st_size) \(time(status))")
            }
            return .skip
        }
        bytes += Int64(status.st_size)
        lines.append("\(path) \(String(status.st_mode, radix: 8)) \(status.st_size) \(time(status))")
        return .descend
    }
    lines.sort()
    var hash = SHA256()
    for line in lines { hash.update(data: Array((line + "\n").utf8)) }
    let digest = hash.finalize().map { String($0, radix: 16) }.joined(separator: ".")
    return FolderState(digest: digest, bytes: bytes)
}

/// The sum of the sizes of all files below `folder`.
func folderSize(_ folder: FilePath) throws(FileError) -> Int64 {
    var bytes: Int64 = 0
    try walk(folder) { _, _, status in
        bytes += Int64(status.st_size)
        return .descend
    }
    return bytes
}

private func time(_ status: stat) -> String { "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)" }

private enum WalkDecision {
    case descend, skip
}

/// Visits everything below `folder`; links are not followed.
///
/// Names may be any bytes; paths are shown as UTF-8.
private func walk(_ folder: FilePath, _ visit: (String, String, stat) -> WalkDecision) throws(FileError) {
    var pending: [(path: FilePath, shown: String, depth: Int)] = [(folder, "", 0)]
    while let next = pending.popLast() {
        // Deeper than any checkout may be; a run that builds such a thing gets a new checkout next time.
        guard next.depth < 1000 else { throw FileError("list", folder.string, .fileNameTooLong) }
        guard let stream = unsafe next.path.withPlatformString({ unsafe opendir($0) }) else {
            throw FileError("list", next.path.string, Errno(rawValue: errno))
        }
        defer { unsafe closedir(stream) }
        while let entry = unsafe readdir(stream) {
            // The entry is valid until the next call; its name is copied.
            let path = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CInterop.PlatformChar.self, capacity: 256) {
                    unsafe FilePath(platformString: $0)
                }
            }
            guard path != ".", path != "..", let component = path.lastComponent else { continue }
            let whole = next.path.appending(component)
            var status = stat()
            guard unsafe whole.withPlatformString({ unsafe lstat($0, &status) }) == 0 else { continue }
            let name = component.string
            let shown = next.shown.isEmpty ? name : "\(next.shown)/\(name)"
            if visit(shown, name, status) == .descend, status.st_mode & 0o170000 == 0o040000 {
                pending.append((whole, shown, next.depth + 1))
            }
        }
    }
}
