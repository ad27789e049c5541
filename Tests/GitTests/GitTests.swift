import Diagnostics
import Files
import Foundation
import Git
import Processes
import Synchronization
import SystemPackage
import TestSupport

/// A cache of its own, beside the repositories it fetches from.
struct CacheFixture {
    let git: GitFixture
    var limits = GitLimits()
    /// More variables for the client.
    var environment: [String: String] = [:]

    init() throws {
        git = try GitFixture()
    }

    var cache: GitCache {
        var variables = git.environment
        if let worker = try? BuiltProducts.path("swiftflow-git") { variables["SWIFTFLOW_GIT"] = worker.string }
        for name in ["LD_LIBRARY_PATH", "TMPDIR"] { variables[name] = ProcessInfo.processInfo.environment[name] }
        variables.merge(environment) { $1 }
        return GitCache(at: git.folder.appending("cache"), environment: variables, limits: limits)
    }

    func checkout(
        _ url: String, version: String? = nil, progress: @escaping @Sendable (GitProgress) -> Void = { _ in }
    ) async throws -> GitCheckout {
        try await cache.checkout(
            GitLocation(url, relativeTo: git.folder), version: version.map { try GitVersion($0) }, starter: git.starter,
            progress: progress)
    }

    func source(of folder: FilePath) async -> (source: GitSource?, warnings: [String]) {
        let found = await gitSource(of: folder, starter: git.starter, environment: cache.environment, limits: limits)
        return (found.source, found.warnings.map(\.description))
    }

    /// All files below the cache, for finding what must not be there.
    func cacheText() throws -> String {
        var text = ""
        let root = git.folder.appending("cache").string
        for case let path as String in FileManager.default.enumerator(atPath: root) ?? .init() {
            text += path + "\n"
            if let data = FileManager.default.contents(atPath: "\(root)/\(path)") {
                text += String(decoding: data, as: UTF8.self)
            }
        }
        return text
    }

    /// Temporary names that a finished operation must not leave.
    func leftovers() -> [String] {
        let root = git.folder.appending("cache").string
        return (FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []).filter { path in
            let name = path.split(separator: "/").last ?? ""
            return name.hasPrefix("new-") || name.contains(".new-") || name.contains(".old-")
                || name.hasPrefix(".swiftflow-tmp")
        }
    }
}

func text(_ path: FilePath) throws -> String {
    String(decoding: try readFile(path, limit: 1 << 20), as: UTF8.self)
}

/// Names in a folder, without `.git`.
func names(in folder: FilePath) throws -> [String] {
    try Directory(opening: folder).list().map(\.name).filter { $0 != ".git" }
}

/// What a throwing call throws, as a `GitFailure`.
func failure(_ body: () async throws -> Void) async throws -> GitFailure {
    do {
        try await body()
    } catch let failure as GitFailure {
        return failure
    }
    throw FixtureFailure("nothing was refused")
}

/// Gathers values from any thread.
final class Collected<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    func add(_ value: Value) { values.withLock { $0.append(value) } }
    var all: [Value] { values.withLock { $0 } }
}
