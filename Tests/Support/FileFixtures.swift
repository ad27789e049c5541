import Glibc
package import SystemPackage

/// Makes a symbolic link.
package func link(to target: FilePath, at path: FilePath) throws {
    let result = unsafe target.withPlatformString { target in
        unsafe path.withPlatformString { unsafe symlink(target, $0) }
    }
    if result != 0 { throw Errno(rawValue: errno) }
}

/// Makes a named pipe; false when that fails.
package func makePipe(_ path: FilePath) -> Bool {
    unsafe path.withPlatformString { unsafe mkfifo($0, 0o600) } == 0
}
