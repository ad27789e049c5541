import Digests
import Files
import SystemPackage

/// The digest of a file, or of everything in a folder.
func contentDigest(of path: FilePath, _ cache: DigestCache) throws(FileError) -> String {
    guard let status = fileStatus(path) else { throw FileError("read", path.string, .noSuchFileOrDirectory) }
    switch status.kind {
    case .directory: return try TreeDigest(of: path, cache: cache).digest.hex
    default: return try cache.digest(ofFile: path).hex
    }
}
