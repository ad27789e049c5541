import CLinux
package import SystemPackage

/// Bytes that the file system of an open file has free for this user.
package func freeSpace(of file: FileDescriptor) throws(FileError) -> Int64 {
    var status = statvfs()
    // The pointer is to a local value that outlives the call.
    _ = try checked("examine the disk of", "file descriptor \(file.rawValue)") {
        unsafe fstatvfs(file.rawValue, &status)
    }
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow ? .max : Int64(clamping: bytes)
}

/// Makes `target`, an empty file, hold what `source` holds: by sharing blocks where the file system can, else by a copy inside the kernel.
///
/// - Parameters:
///   - shown: the target, for messages.
///   - onProgress: called with the number of bytes just copied; what it throws ends the copying.
package func copyContent(
    of source: FileDescriptor, to target: FileDescriptor, shown: String, onProgress: (Int) throws -> Void
) throws {
    if swiftflow_clone_file(target.rawValue, source.rawValue) == 0 {
        return try onProgress(Int(try source.seek(offset: 0, from: .end)))
    }
    var offset: Int64 = 0
    var canCopyInKernel = true
    var buffer: [UInt8] = []
    while true {
        if canCopyInKernel {
            let count = swiftflow_copy_file_range(source.rawValue, target.rawValue, 64 << 20)
            if count > 0 {
                offset += Int64(count)
                try onProgress(count)
                continue
            }
            // Files of pseudo file systems copy as empty; only an ordinary read tells whether there is nothing.
            if count == 0, offset > 0 { return }
            let reason = lastError()
            let unsupported: [Errno] = [.improperLink, .invalidArgument, .noFunction, .notSupported]
            let isUnsupported = unsupported.contains(reason)
            guard count == 0 || isUnsupported || reason == .interrupted else {
                throw FileError("write", shown, reason)
            }
            if count == 0 || isUnsupported {
                canCopyInKernel = false
                buffer = [UInt8](repeating: 0, count: 1 << 20)
            }
            continue
        }
        let count = try checked("read for", shown) {
            unsafe buffer.withUnsafeMutableBytes { unsafe read(source.rawValue, $0.baseAddress, $0.count) }
        }
        if count == 0 { return }
        var rest = buffer[..<count]
        while !rest.isEmpty {
            let written = try checked("write", shown) {
                unsafe rest.withUnsafeBytes { unsafe write(target.rawValue, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(written)
        }
        try onProgress(count)
    }
}
