import Synchronization

/// The digests of images, each asked for once while the keys of many nodes are found.
///
/// Not for longer than that: a step may build the image of the next one.
package final class ImageDigests: Sendable {
    private struct Key: Hashable {
        var image: String
        var backend: String
    }

    private let known = Mutex<[Key: String?]>([:])

    func digest(of image: String, in backend: String, _ ask: () async -> String?) async -> String? {
        let key = Key(image: image, backend: backend)
        if let digest = known.withLock({ $0[key] }) { return digest }
        let digest = await ask()
        known.withLock { $0[key] = .some(digest) }
        return digest
    }
}
