import Glibc
import SystemPackage

/// Renames a file or folder within one file system; false when that cannot be done.
func moveFile(_ path: FilePath, to target: FilePath) -> Bool {
    unsafe path.withPlatformString { source in
        unsafe target.withPlatformString { target in unsafe rename(source, target) == 0 }
    }
}
