import ArgumentParser
import SwiftFlow
import Tracking

struct ExperimentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiments", abstract: "List, create, delete, restore and rename experiments.",
        subcommands: [List.self, Create.self, Delete.self, Restore.self, Rename.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List experiments.",
            discussion: "Example: swiftflow experiments list --view all")

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions
        @Option(help: "active, deleted or all.")
        var view: ViewChoice = .active

        func run() async throws {
            try await store.withStore { store in
                let rows = try await store.allExperiments(view.viewType).map(ExperimentRow.init)
                try Output.render(rows, as: output.format, whenEmpty: "no experiments")
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Create an experiment and print its id.",
            discussion: "Example: swiftflow experiments create --artifact-location s3://bucket/runs pricing")

        @OptionGroup var store: StoreOptions
        @Option(name: .customLong("artifact-location"), help: "Where its runs keep their artifacts (a URI).")
        var artifactLocation: String?
        @Argument(help: "The name.")
        var name: String

        func run() async throws {
            try await store.withStore { store in
                let id = try await store.createExperiment(
                    ExperimentCreation(name: name, artifactLocation: artifactLocation))
                Output.write("\(id)\n")
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete", abstract: "Move an experiment and its runs to the bin.",
            discussion: "Example: swiftflow experiments delete pricing")

        @OptionGroup var store: StoreOptions
        @Argument(help: "The experiment's name or id.")
        var experiment: String

        func run() async throws {
            try await store.withStore { store in
                let found = try await findExperiment(experiment, in: store)
                try await store.deleteExperiment(id: found.experimentID)
                Messages.note(
                    "deleted experiment '\(found.name)' (\(found.experimentID)); 'experiments restore' brings it back")
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Bring an experiment and its runs back.",
            discussion: "Example: swiftflow experiments restore pricing")

        @OptionGroup var store: StoreOptions
        @Argument(help: "The experiment's name or id.")
        var experiment: String

        func run() async throws {
            try await store.withStore { store in
                let found = try await findExperiment(experiment, in: store)
                try await store.restoreExperiment(id: found.experimentID)
                Messages.note("restored experiment '\(found.name)' (\(found.experimentID))")
            }
        }
    }

    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rename", abstract: "Rename an experiment.",
            discussion: "Example: swiftflow experiments rename pricing pricing-2026")

        @OptionGroup var store: StoreOptions
        @Argument(help: "The experiment's name or id.")
        var experiment: String
        @Argument(help: "The new name.")
        var newName: String

        func run() async throws {
            try await store.withStore { store in
                let found = try await findExperiment(experiment, in: store)
                try await store.renameExperiment(id: found.experimentID, to: newName)
                Messages.note("renamed experiment \(found.experimentID) from '\(found.name)' to '\(newName)'")
            }
        }
    }
}

enum ViewChoice: String, ExpressibleByArgument, CaseIterable {
    case active, deleted, all

    var viewType: ViewType {
        switch self {
        case .active: .activeOnly
        case .deleted: .deletedOnly
        case .all: .all
        }
    }
}

private struct ExperimentRow: Listable {
    static let columns = ["ID", "NAME", "STAGE", "LAST CHANGE", "ARTIFACTS"]

    let experimentID: String
    let name: String
    let lifecycleStage: String
    let lastUpdateTime: Int64?
    let artifactLocation: String

    init(_ experiment: Experiment) {
        experimentID = experiment.experimentID
        name = experiment.name
        lifecycleStage = experiment.lifecycleStage.rawValue
        lastUpdateTime = experiment.lastUpdateTime
        artifactLocation = experiment.artifactLocation
    }

    var cells: [String] {
        [experimentID, name, lifecycleStage, lastUpdateTime.map(localTime) ?? "", artifactLocation]
    }
}
