import Testing
import Tracking

extension StoreConformance {
    static let registryChecks = [
        Check("a registered model is created, described, renamed and deleted") { (store) async throws in
            let created = try await store.createRegisteredModel(name: "m", description: "d", tags: [Tag("k", "v")])
            #expect(created.description == "d")
            #expect(created.tags == [Tag("k", "v")])
            #expect(try await store.registeredModel(named: "m") == created)
            await expectFailure(.resourceAlreadyExists, "Registered Model (name=m) already exists.") {
                _ = try await store.createRegisteredModel(name: "m", description: nil, tags: [])
            }
            #expect(try await store.updateRegisteredModel(named: "m", description: nil).description == nil)
            _ = try await store.createModelVersion(ModelVersionCreation(name: "m", source: "s3://b/1"))
            try await store.setAlias("champion", version: "1", modelName: "m")
            try await store.setModelVersionTag(Tag("vk", "vv"), modelName: "m", version: "1")
            let renamed = try await store.renameRegisteredModel(named: "m", to: "n")
            #expect(renamed.name == "n")
            #expect(renamed.aliases == [ModelAlias(alias: "champion", version: "1")])
            #expect(renamed.tags == [Tag("k", "v")])
            #expect(try await store.modelVersion(alias: "champion", modelName: "n").tags == [Tag("vk", "vv")])
            await expectFailure(.resourceDoesNotExist, "Registered Model with name=m not found") {
                _ = try await store.registeredModel(named: "m")
            }
            try await store.deleteRegisteredModel(named: "n")
            await expectFailure(.resourceDoesNotExist) { try await store.deleteRegisteredModel(named: "n") }
        },
        Check("renaming to a taken name is refused") { (store) async throws in
            for name in ["a", "b"] { _ = try await store.createRegisteredModel(name: name, description: nil, tags: []) }
            await expectFailure(.resourceAlreadyExists) {
                _ = try await store.renameRegisteredModel(named: "a", to: "b")
            }
        },
        Check("A-12 names that are no names are refused") { (store) async throws in
            for name in ["", " ", "a/b", "a:b", ".", "..", "../.."] {
                await expectFailure(.invalidParameterValue) {
                    _ = try await store.createRegisteredModel(name: name, description: nil, tags: [])
                }
            }
            await expectFailure(.invalidParameterValue, "Parameter 'version' must be an integer, got 'abc'.") {
                _ = try await store.modelVersion(named: "m", version: "abc")
            }
        },
        Check("versions are numbered on, deleted ones included") { (store) async throws in
            _ = try await store.createRegisteredModel(name: "m", description: nil, tags: [])
            let run = try await store.makeRun()
            let first = try await store.createModelVersion(
                ModelVersionCreation(
                    name: "m", source: "s3://b/1", runID: run, runLink: "link", description: "d", tags: [Tag("k", "v")])
            )
            #expect(first.version == "1")
            #expect(first.currentStage == .none)
            #expect(first.status == .ready)
            #expect(first.runID == run && first.runLink == "link" && first.description == "d")
            #expect(first.tags == [Tag("k", "v")])
            #expect(try await store.modelVersion(named: "m", version: "1") == first)
            _ = try await store.createModelVersion(ModelVersionCreation(name: "m", source: "s3://b/2"))
            try await store.setAlias("a", version: "2", modelName: "m")
            try await store.deleteModelVersion(named: "m", version: "2")
            await expectFailure(.resourceDoesNotExist, "Model Version (name=m, version=2) not found") {
                _ = try await store.modelVersion(named: "m", version: "2")
            }
            #expect(try await store.registeredModel(named: "m").aliases.isEmpty)
            let third = try await store.createModelVersion(ModelVersionCreation(name: "m", source: "s3://b/3"))
            #expect(third.version == "3")
            await expectFailure(.resourceDoesNotExist) {
                _ = try await store.createModelVersion(ModelVersionCreation(name: "x", source: "s3://b"))
            }
        },
        Check("a version of a version has its files and run") { (store) async throws in
            _ = try await store.createRegisteredModel(name: "m", description: nil, tags: [])
            let run = try await store.makeRun()
            _ = try await store.createModelVersion(ModelVersionCreation(name: "m", source: "s3://b/1", runID: run))
            let copy = try await store.createModelVersion(ModelVersionCreation(name: "m", source: "models:/m/1"))
            #expect(copy.source == "models:/m/1")
            #expect(copy.runID == run)
            #expect(try await store.downloadURI(ofModel: "m", version: "2") == "s3://b/1")
            #expect(try await store.downloadURI(ofModel: "m", version: "1") == "s3://b/1")
        },
        Check("stages move, and archive what was there if asked to") { (store) async throws in
            _ = try await store.createRegisteredModel(name: "m", description: nil, tags: [])
            for index in 1...3 {
                _ = try await store.createModelVersion(ModelVersionCreation(name: "m", source: "s3://b/\(index)"))
            }
            func transition(_ version: String, _ stage: String, archive: Bool = false) async throws -> ModelVersion {
                try await store.transitionModelVersion(
                    named: "m", version: version, to: stage, archiveExisting: archive)
            }
            #expect(try await transition("1", "production").currentStage == .production)
            #expect(try await transition("2", "Production", archive: true).currentStage == .production)
            #expect(try await store.modelVersion(named: "m", version: "1").currentStage == .archived)
            let latest = try await store.latestVersions(ofModel: "m", stages: [])
            #expect(Set(latest.map(\.version)) == ["1", "2", "3"])
            #expect(try await store.latestVersions(ofModel: "m", stages: ["PRODUCTION"]).map(\.version) == ["2"])
            #expect(try await store.registeredModel(named: "m").latestVersions.count == 3)
            await expectFailure(.invalidParameterValue, "Invalid Model Version stage: Foo. Value must be one of None") {
                _ = try await transition("1", "Foo")
            }
            await expectFailure(.invalidParameterValue) { _ = try await transition("1", "Archived", archive: true) }
            await expectFailure(.resourceDoesNotExist) { _ = try await transition("9", "Staging") }
        },
        Check("aliases move, and reserved ones are refused") { (store) async throws in
            _ = try await store.createRegisteredModel(name: "m", description: nil, tags: [])
            for index in 1...2 {
                _ = try await store.createModelVersion(ModelVersionCreation(name: "m", source: "s3://b/\(index)"))
            }
            try await store.setAlias("champion", version: "1", modelName: "m")
            try await store.setAlias("champion", version: "2", modelName: "m")
            #expect(try await store.modelVersion(alias: "champion", modelName: "m").version == "2")
            #expect(try await store.modelVersion(named: "m", version: "2").aliases == ["champion"])
            #expect(try await store.modelVersion(alias: "latest", modelName: "m").version == "2")
            try await store.deleteAlias("champion", modelName: "m")
            try await store.deleteAlias("champion", modelName: "m")
            await expectFailure(.invalidParameterValue, "Registered model alias champion not found.") {
                _ = try await store.modelVersion(alias: "champion", modelName: "m")
            }
            await expectFailure(.invalidParameterValue, "'latest' alias name (case insensitive) is reserved.") {
                try await store.setAlias("Latest", version: "1", modelName: "m")
            }
            await expectFailure(.invalidParameterValue, "Version alias name 'v1' is reserved.") {
                try await store.setAlias("v1", version: "1", modelName: "m")
            }
            await expectFailure(.invalidParameterValue, "Invalid alias name: 'a b'.") {
                try await store.setAlias("a b", version: "1", modelName: "m")
            }
            await expectFailure(.resourceDoesNotExist) {
                try await store.setAlias("other", version: "9", modelName: "m")
            }
        },
        Check("models and versions are searched; prompts stay hidden unless asked for") { (store) async throws in
            for name in ["apple", "Banana", "cherry"] {
                let tags = name == "cherry" ? [Tag(WellKnownTag.isPrompt, "true")] : [Tag("fruit", name)]
                _ = try await store.createRegisteredModel(name: name, description: nil, tags: tags)
                for index in 1...2 {
                    _ = try await store.createModelVersion(
                        ModelVersionCreation(name: name, source: "s3://b/\(name)/\(index)", tags: tags))
                }
            }
            func models(_ filter: String, _ order: [String] = []) async throws -> [String] {
                try await store.searchRegisteredModels(RegistrySearch(filter: filter, orderBy: order)).elements
                    .map(\.name)
            }
            #expect(try await models("") == ["Banana", "apple"])
            #expect(try await models("name ILIKE 'b%'") == ["Banana"])
            #expect(try await models("", ["name DESC"]) == ["apple", "Banana"])
            #expect(try await models("tags.fruit = 'apple'") == ["apple"])
            #expect(try await models("name IN ('apple', 'cherry')") == ["apple"])
            #expect(try await models("tags.`mlflow.prompt.is_prompt` = 'true'") == ["cherry"])
            #expect(try await models("tags.`mlflow.prompt.is_prompt` != 'true'") == ["Banana", "apple"])
            func versions(_ filter: String, _ order: [String] = []) async throws -> [String] {
                try await store.searchModelVersions(RegistrySearch(filter: filter, orderBy: order)).elements
                    .map { "\($0.name)\($0.version)" }
            }
            #expect(try await versions("", ["name", "version_number"]) == ["Banana1", "Banana2", "apple1", "apple2"])
            #expect(try await versions("name = 'apple' AND version_number > 1") == ["apple2"])
            #expect(try await versions("version_number = '1'", ["name"]) == ["Banana1", "apple1"])
            #expect(try await versions("source_path LIKE '%apple/2'") == ["apple2"])
            #expect(try await versions("tags.fruit = 'apple'", ["version_number"]) == ["apple1", "apple2"])
            let page = try await store.searchModelVersions(RegistrySearch(orderBy: ["name"], maxResults: 3))
            #expect(page.elements.count == 3)
            #expect(page.nextPageToken != nil)
            await expectFailure(.invalidParameterValue) { _ = try await models("tags.a IS NULL") }
            await expectFailure(.invalidParameterValue) { _ = try await models("timestamp > 1") }
        },
    ]
}
