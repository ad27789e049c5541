import Testing
import Tracking

extension StoreConformance {
    static let loggedModelChecks = [
        Check("a logged model is created pending, finalised, tagged and deleted") { (store) async throws in
            let run = try await store.makeRun()
            let created = try await store.createLoggedModel(
                LoggedModelCreation(
                    experimentID: "0", name: "model", modelType: "sklearn", sourceRunID: run,
                    params: [Param("a", "1")], tags: [Tag("t", "1")]))
            #expect(created.modelID.hasPrefix("m-") && created.modelID.count == 34)
            #expect(created.status == .pending)
            #expect(created.artifactURI.hasSuffix("/0/models/\(created.modelID)/artifacts"))
            #expect(created.params == [Param("a", "1")] && created.tags == [Tag("t", "1")])
            let id = created.modelID
            #expect(try await store.finalizeLoggedModel(id: id, status: .ready).status == .ready)
            try await store.setLoggedModelTags([Tag("t", "2"), Tag("u", "3")], modelID: id)
            try await store.logLoggedModelParams([Param("b", "2")], modelID: id)
            let model = try await store.loggedModel(id: id, includingDeleted: false)
            #expect(model.tags == [Tag("t", "2"), Tag("u", "3")])
            #expect(model.params == [Param("a", "1"), Param("b", "2")])
            await expectFailure(.invalidParameterValue) {
                try await store.logLoggedModelParams([Param("b", "2")], modelID: id)
            }
            try await store.deleteLoggedModelTag("u", modelID: id)
            await expectFailure(.resourceDoesNotExist) { try await store.deleteLoggedModelTag("u", modelID: id) }
            try await store.deleteLoggedModel(id: id)
            await expectFailure(.resourceDoesNotExist, "Logged model with ID '\(id)' not found.") {
                _ = try await store.loggedModel(id: id, includingDeleted: false)
            }
            #expect(try await store.loggedModel(id: id, includingDeleted: true).lifecycleStage == .deleted)
        },
        Check("a logged model needs a good name and an active experiment") { (store) async throws in
            for name in ["", "a/b", "a:b", "a.b", "a%b", "a\"b", "a'b"] {
                await expectFailure(.invalidParameterValue, "Invalid model name") {
                    _ = try await store.createLoggedModel(LoggedModelCreation(experimentID: "0", name: name))
                }
            }
            await expectFailure(.resourceDoesNotExist) {
                _ = try await store.createLoggedModel(LoggedModelCreation(experimentID: "99"))
            }
            let named = try await store.createLoggedModel(LoggedModelCreation(experimentID: "0"))
            #expect(!named.name.isEmpty)
        },
        Check("metrics logged for a model are its own as well as the run's") { (store) async throws in
            let run = try await store.makeRun()
            let model = try await store.createLoggedModel(LoggedModelCreation(experimentID: "0", sourceRunID: run))
            let metric = Metric(
                "acc", 0.5, timestamp: 1, step: 2, modelID: model.modelID, datasetName: "d", datasetDigest: "1",
                runID: run)
            try await store.logMetric(metric, runID: run)
            try await store.logMetric(metric, runID: run)
            #expect(try await store.loggedModel(id: model.modelID, includingDeleted: false).metrics == [metric])
            #expect(try await store.run(id: run).data.metric("acc")?.value == 0.5)
        },
        Check("a version registered from a logged model has its files, and the model a note of it") {
            (store) async throws in
            let run = try await store.makeRun()
            let model = try await store.createLoggedModel(LoggedModelCreation(experimentID: "0", sourceRunID: run))
            _ = try await store.createRegisteredModel(name: "r", description: nil, tags: [])
            let source = "models:/\(model.modelID)"
            for _ in 1...2 {
                let version = try await store.createModelVersion(
                    ModelVersionCreation(name: "r", source: source, modelID: model.modelID))
                #expect(version.runID == run)
                #expect(version.modelID == model.modelID)
                let place = try await store.downloadURI(ofModel: "r", version: version.version)
                #expect(place == model.artifactURI)
            }
            let tags = try await store.loggedModel(id: model.modelID, includingDeleted: false).tags
            let note = tags.first { $0.key == WellKnownTag.modelVersions }?.value
            #expect(note == #"[{"name": "r", "version": 1}, {"name": "r", "version": 2}]"#)
        },
        Check("logged models are searched by what they are and what was measured") { (store) async throws in
            let run = try await store.makeRun()
            var ids: [String: String] = [:]
            for (index, name) in ["a", "b", "c"].enumerated() {
                let model = try await store.createLoggedModel(
                    LoggedModelCreation(
                        experimentID: "0", name: name, modelType: index == 0 ? "x" : "y", sourceRunID: run,
                        params: [Param("p", "\(index)")], tags: [Tag("t", name)]))
                ids[name] = model.modelID
                if index < 2 {
                    for step in 0..<3 {
                        try await store.logMetric(
                            Metric(
                                "acc", Double(index) + Double(step) / 10, timestamp: Int64(step), step: Int64(step),
                                modelID: model.modelID, datasetName: index == 0 ? "d" : "e", datasetDigest: "1"),
                            runID: run)
                    }
                }
            }
            func names(
                _ filter: String, datasets: [LoggedModelSearch.DatasetFilter] = [],
                _ order: [LoggedModelSearch.Order] = [.init(fieldName: "name")]
            ) async throws -> String {
                try await store.searchLoggedModels(
                    LoggedModelSearch(experimentIDs: ["0"], filter: filter, datasets: datasets, orderBy: order)
                ).elements.map(\.name).joined()
            }
            #expect(try await names("") == "abc")
            #expect(try await names("name != 'a' AND model_type = 'y'") == "bc")
            #expect(try await names("attributes.name IN ('a', 'c')") == "ac")
            #expect(try await names("metrics.acc > 0.15") == "ab")
            #expect(try await names("metrics.acc >= 1") == "b")
            #expect(try await names("metrics.acc > 0", datasets: [.init(name: "d")]) == "a")
            #expect(try await names("", datasets: [.init(name: "e", digest: "1")]) == "b")
            #expect(try await names("", datasets: [.init(name: "e", digest: "2")]) == "")
            #expect(try await names("params.p = '2'") == "c")
            #expect(try await names("tags.t NOT IN ('a')") == "bc")
            #expect(try await names("", [.init(fieldName: "metrics.acc", ascending: false)]) == "bac")
            #expect(try await names("", [.init(fieldName: "metrics.acc")]) == "abc")
            #expect(try await names("creation_timestamp > 0") == "abc")
            await expectFailure(.invalidParameterValue, "Invalid order by field name: foo") {
                _ = try await names("", [.init(fieldName: "foo")])
            }
            await expectFailure(.invalidParameterValue, "`dataset_name` in the `datasets` clause must be specified.") {
                _ = try await names("", datasets: [.init(name: "")])
            }
            var search = LoggedModelSearch(experimentIDs: ["0"], orderBy: [.init(fieldName: "name")], maxResults: 2)
            let first = try await store.searchLoggedModels(search)
            #expect(first.elements.map(\.name) == ["a", "b"])
            search.pageToken = first.nextPageToken
            #expect(try await store.searchLoggedModels(search).elements.map(\.name) == ["c"])
            search.filter = "name = 'a'"
            await expectFailure(.invalidParameterValue, "page token does not match") {
                _ = try await store.searchLoggedModels(search)
            }
        },
    ]
}
