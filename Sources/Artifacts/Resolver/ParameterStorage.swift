import Files
package import SystemPackage

/// The private folder into which one run's `path` parameters are downloaded: `<storage>/<random>/param_<index>/<name>`.
package final class ParameterStorage: Sendable {
    /// The folder of this run; nobody else can read it or guess its name.
    package let folder: FilePath

    /// Creates the storage folder, with its parents, and the run's own folder in it.
    package init(in storage: FilePath) throws {
        try makeFolders(storage)
        folder = storage.appending(randomName())
        _ = try Directory(creating: folder)
    }

    /// Downloads the value of one parameter.
    ///
    /// - Parameters:
    ///   - index: the parameter's place in the declaration, from 0.
    ///   - name: the parameter's name, for errors.
    /// - Throws: `ArtifactError` naming the parameter and the URI. Nothing is under the final name then.
    package func download(
        _ uri: String, index: Int, name: String, from resolver: ArtifactResolver, _ transfer: Transfer = Transfer()
    ) async throws -> FilePath {
        do {
            return try await resolver.download(uri, into: folder.appending("param_\(index)"), transfer)
        } catch let error as ArtifactError {
            throw error.explained(by: "parameter '\(name)'")
        } catch let error as PathRefusal {
            throw ArtifactError(.invalidAddress, "parameter '\(name)': the path '\(error.text)' \(error.reason)")
        }
    }

    /// Removes the folder and all that was downloaded; what cannot be removed stays.
    package func remove() {
        guard let name = folder.lastComponent?.string,
            let parent = try? Directory(opening: folder.removingLastComponent()),
            let path = try? RelativePath(name)
        else { return }
        try? parent.remove(path)
    }
}
