import Testing
import Tracking

extension StoreConformance {
    static let experimentChecks = [
        Check("the default experiment is there from the beginning") { (store) async throws in
            let experiment = try await store.experiment(id: "0")
            #expect(experiment.name == "Default")
            #expect(experiment.lifecycleStage == .active)
            #expect(experiment.artifactLocation.hasSuffix("/0"))
            #expect(try await store.experiment(named: "Default").experimentID == "0")
        },
        Check("an experiment is created with its tags and place") { (store) async throws in
            let id = try await store.createExperiment(
                ExperimentCreation(
                    name: "naïve \u{1F600} name", artifactLocation: "s3://bucket/prefix",
                    tags: [Tag("b", "2"), Tag("a", "1")]))
            let experiment = try await store.experiment(id: id)
            #expect(experiment.name == "naïve \u{1F600} name")
            #expect(experiment.artifactLocation == "s3://bucket/prefix")
            #expect(experiment.tags == [Tag("a", "1"), Tag("b", "2")])
            #expect((experiment.creationTime ?? 0) > 0)
            #expect(experiment.creationTime == experiment.lastUpdateTime)
        },
        Check("a place of its own is given below the root, by id") { (store) async throws in
            let id = try await store.makeExperiment()
            #expect(try await store.experiment(id: id).artifactLocation.hasSuffix("/\(id)"))
        },
        Check("names are unique among all experiments, deleted ones included") { (store) async throws in
            let id = try await store.makeExperiment("taken")
            await expectFailure(.resourceAlreadyExists, "Experiment(name=taken) already exists.") {
                _ = try await store.makeExperiment("taken")
            }
            try await store.deleteExperiment(id: id)
            await expectFailure(.resourceAlreadyExists) { _ = try await store.makeExperiment("taken") }
        },
        Check("unknown experiments are not found, by id or name") { (store) async throws in
            await expectFailure(.resourceDoesNotExist, "No Experiment with id=99 exists") {
                _ = try await store.experiment(id: "99")
            }
            await expectFailure(.resourceDoesNotExist, "Could not find experiment with name 'x'") {
                _ = try await store.experiment(named: "x")
            }
            #expect(try await store.findExperiment(named: "x") == nil)
        },
        Check("A-12 ids that are no numbers are refused by their form") { (store) async throws in
            let ids = ["../..", "artifacts", "' OR 1=1", String(repeating: "9", count: 4000), "", "1.5", " 1"]
            for id in ids {
                await expectFailure(.invalidParameterValue, "Experiment ID must be a valid integer") {
                    _ = try await store.experiment(id: id)
                }
                await expectFailure(.invalidParameterValue) { _ = try await store.makeRun(in: id) }
            }
        },
        Check("an experiment is renamed, but not to a taken name, and not when deleted") { (store) async throws in
            let id = try await store.makeExperiment("old")
            try await store.renameExperiment(id: id, to: "new")
            #expect(try await store.experiment(id: id).name == "new")
            await expectFailure(.resourceAlreadyExists) { try await store.renameExperiment(id: id, to: "Default") }
            try await store.deleteExperiment(id: id)
            await expectFailure(.invalidParameterValue, "non-active") {
                try await store.renameExperiment(id: id, to: "newer")
            }
        },
        Check("deleting an experiment deletes its runs, restoring it restores them all") { (store) async throws in
            let id = try await store.makeExperiment()
            let runs = [try await store.makeRun(in: id), try await store.makeRun(in: id)]
            try await store.deleteRun(id: runs[0])
            try await store.deleteExperiment(id: id)
            #expect(try await store.experiment(id: id).lifecycleStage == .deleted)
            for run in runs { #expect(try await store.run(id: run).info.lifecycleStage == .deleted) }
            await expectFailure(.resourceDoesNotExist) { try await store.deleteExperiment(id: id) }
            await expectFailure(.invalidParameterValue, "must be in the 'active' state") {
                _ = try await store.makeRun(in: id)
            }
            try await store.restoreExperiment(id: id)
            #expect(try await store.experiment(id: id).lifecycleStage == .active)
            for run in runs { #expect(try await store.run(id: run).info.lifecycleStage == .active) }
            await expectFailure(.resourceDoesNotExist) { try await store.restoreExperiment(id: id) }
        },
        Check("experiment tags replace each other and can be taken away") { (store) async throws in
            let id = try await store.makeExperiment()
            try await store.setExperimentTag(Tag("k", "1"), experimentID: id)
            try await store.setExperimentTag(Tag("k", "2"), experimentID: id)
            #expect(try await store.experiment(id: id).tags == [Tag("k", "2")])
            try await store.deleteExperimentTag("k", experimentID: id)
            await expectFailure(.resourceDoesNotExist) {
                try await store.deleteExperimentTag("k", experimentID: id)
            }
            await expectFailure(.invalidParameterValue, "exceeds the maximum length of 20000") {
                try await store.setExperimentTag(Tag("k", String(repeating: "v", count: 20_001)), experimentID: id)
            }
        },
        Check("finding or creating by name gives every caller the same experiment") { (store) async throws in
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await store.findOrCreateExperiment(named: "shared").experiment.experimentID }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
        },
        Check("finding or creating refuses a deleted experiment") { (store) async throws in
            let id = try await store.makeExperiment("gone")
            try await store.deleteExperiment(id: id)
            let error = await expectFailure(.invalidParameterValue, "is deleted") {
                _ = try await store.findOrCreateExperiment(named: "gone")
            }
            #expect(error?.remedy?.contains("restore") == true)
        },
        Check("experiments are searched by stage, name, tag and id, in order and by pages") { (store) async throws in
            var ids: [String] = []
            for name in ["alpha", "Beta", "gamma"] {
                let id = try await store.makeExperiment(name)
                try await store.setExperimentTag(Tag("team", name == "Beta" ? "x" : "y"), experimentID: id)
                ids.append(id)
            }
            func names(_ filter: String, _ order: [String] = ["name"], view: ViewType = .activeOnly) async throws
                -> [String]
            {
                try await store.searchExperiments(
                    ExperimentSearch(filter: filter, orderBy: order, viewType: view)
                ).elements.map(\.name)
            }
            #expect(try await names("") == ["Beta", "Default", "alpha", "gamma"])
            #expect(try await names("name LIKE '%a'") == ["Beta", "alpha", "gamma"])
            #expect(try await names("name LIKE 'b%'") == [])
            #expect(try await names("name ILIKE 'b%'") == ["Beta"])
            #expect(try await names("tags.team = 'y'", ["name DESC"]) == ["gamma", "alpha"])
            #expect(try await names("tag.team != 'y' AND attribute.name = 'Beta'") == ["Beta"])
            #expect(try await names("tags.team IS NULL") == ["Default"])
            #expect(try await names("experiment_id IN ('\(ids[0])', '0')") == ["Default", "alpha"])
            #expect(try await names("experiment_id != '0' and name != 'alpha'") == ["Beta", "gamma"])
            #expect(try await names("creation_time > 0 AND creation_time < 10") == [])
            try await store.deleteExperiment(id: ids[2])
            #expect(try await names("", view: .deletedOnly) == ["gamma"])
            #expect(try await names("", view: .all) == ["Beta", "Default", "alpha", "gamma"])

            var search = ExperimentSearch(orderBy: ["experiment_id"], viewType: .all, maxResults: 3)
            let first = try await store.searchExperiments(search)
            #expect(first.elements.map(\.name) == ["Default", "alpha", "Beta"])
            search.pageToken = first.nextPageToken
            let second = try await store.searchExperiments(search)
            #expect(second.elements.map(\.name) == ["gamma"])
            #expect(second.nextPageToken == nil)
            await expectFailure(.invalidParameterValue, "must be a positive integer") {
                _ = try await store.searchExperiments(ExperimentSearch(maxResults: 0))
            }
        },
    ]
}
