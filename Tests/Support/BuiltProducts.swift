import Processes
package import SystemPackage

/// The programs that were built together with the tests: they lie in the folder of the test bundle.
package enum BuiltProducts {
    /// The path of a built program such as `swiftflow-keeper`.
    ///
    /// - Throws: `MissingProduct` when it has not been built; `swift build --build-tests` builds all.
    package static func path(_ name: String) throws -> FilePath {
        let path = folder.appending(name)
        guard let found = findExecutable(path.string, searchPath: nil) else { throw MissingProduct(path: path) }
        return found
    }

    /// On Linux the test bundle is itself the program that runs.
    package static var folder: FilePath { runningExecutable().removingLastComponent() }

    package struct MissingProduct: Error, CustomStringConvertible {
        package let path: FilePath
        package var description: String { "'\(path)' has not been built; run 'swift build --build-tests'" }
    }
}
