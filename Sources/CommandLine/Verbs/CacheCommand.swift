import ArgumentParser
import Files
import Git
import SystemPackage

struct CacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache", abstract: "List and remove the git projects that have been fetched.",
        subcommands: [List.self, Prune.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List fetched repositories and checkouts, the last used first.",
            discussion: "Example: swiftflow cache list")

        @OptionGroup var output: OutputOptions

        func run() async throws {
            let rows = try await GitCache(environment: processEnvironment()).entries().map(CacheRow.init)
            try Output.render(rows, as: output.format, whenEmpty: "the cache is empty")
        }
    }

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove what no run uses.",
            discussion: "Example: swiftflow cache prune --unused-for 30")

        @Option(name: .customLong("unused-for"), help: "Only what no run has used for so many days.")
        var days: Int?
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (0...36_500).contains(days ?? 0) else { throw ValidationError("--unused-for is a number of days") }
        }

        func run() async throws {
            let cache = try GitCache(environment: processEnvironment())
            let removed = try await cache.prune(unusedFor: days.map { .seconds($0 * 86_400) })
            try Output.render(removed.map(CacheRow.init), as: output.format, whenEmpty: "nothing to remove")
            if !removed.isEmpty {
                Messages.note("removed \(removed.count), freed \(byteText(removed.reduce(0) { $0 + $1.bytes }))")
            }
        }
    }
}

private struct CacheRow: Listable {
    static let columns = ["KIND", "COMMIT", "SIZE", "LAST USED", "STATE", "FROM"]

    let kind: String
    let commit: String?
    let url: String
    let path: String
    let size: Int64
    let lastUsed: Int64
    let isInUse: Bool

    init(_ entry: GitCacheEntry) {
        switch entry.kind {
        case .mirror: (kind, commit) = ("mirror", nil)
        case .checkout(let id): (kind, commit) = ("checkout", id)
        }
        url = entry.url
        path = entry.path.string
        size = entry.bytes
        lastUsed = entry.lastUsed
        isInUse = entry.isInUse
    }

    var cells: [String] {
        [
            kind, commit.map { String($0.prefix(12)) } ?? "", byteText(size), localTime(lastUsed * 1000),
            isInUse ? "in use" : "", url,
        ]
    }
}
