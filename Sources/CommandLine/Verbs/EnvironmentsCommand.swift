import ArgumentParser
import Environments
import Files
import Processes
import SystemPackage

struct EnvironmentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env", abstract: "List and remove the environments that runs have built.",
        subcommands: [List.self, Prune.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List built environments.", discussion: "Example: swiftflow env list")

        @OptionGroup var output: OutputOptions

        func run() throws {
            let rows = try environmentStore().list().map(EnvironmentRow.init)
            try Output.render(rows, as: output.format, whenEmpty: "no environments")
        }
    }

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove incomplete environments, and those not used for a while.",
            discussion: "Example: swiftflow env prune --unused-for 30")

        @Option(
            name: .customLong("unused-for"), help: "Also remove environments that no run has used for so many days.")
        var days: Int?
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (0...36_500).contains(days ?? 0) else { throw ValidationError("--unused-for is a number of days") }
        }

        func run() async throws {
            let rule = PruneRule(unusedFor: days.map { .seconds($0 * 86_400) })
            let removed = try await environmentStore().prune(
                rule, variables: processEnvironment(), processes: Keeper.shared)
            try Output.render(removed.map(EnvironmentRow.init), as: output.format, whenEmpty: "nothing to remove")
            let freed = removed.reduce(0) { $0 + $1.size }
            if !removed.isEmpty { Messages.note("removed \(removed.count), freed \(byteText(freed))") }
        }
    }
}

private func environmentStore() throws -> EnvironmentStore {
    EnvironmentStore(
        root: try EnvironmentStore.defaultRoot(variables: processEnvironment(), workingDirectory: currentDirectory()))
}

private struct EnvironmentRow: Listable {
    static let columns = ["NAME", "MANAGER", "PYTHON", "SIZE", "LAST USED", "STATE"]

    let name: String
    let manager: String?
    let python: String?
    let folder: String?
    let size: Int64
    let lastUsed: Int64?
    let isComplete: Bool
    let isInUse: Bool

    init(_ environment: StoredEnvironment) {
        name = environment.name
        manager = environment.manager
        python = environment.python
        folder = environment.folder?.string
        size = environment.size
        lastUsed = environment.lastUsed
        isComplete = environment.isComplete
        isInUse = environment.isInUse
    }

    var cells: [String] {
        [
            name, manager ?? "", python ?? "", byteText(size), lastUsed.map { localTime($0) } ?? "",
            isInUse ? "in use" : isComplete ? "ready" : "incomplete",
        ]
    }
}
