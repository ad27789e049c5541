import Files
import Foundation
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

/// `swiftflow db`: the care of a store's file.
@Suite(.timeLimit(.minutes(10))) struct `The care of a store's file` {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    private func withStore<Result: Sendable>(
        _ body: (SQLiteStore) async throws -> Result
    ) async throws -> Result {
        let store = try await SQLiteStore.open(
            program.path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: program.path))
        let result = try await body(store)
        await store.close()
        return result
    }

    /// A store with two runs in two experiments; gives their ids.
    private func fill() async throws -> [String] {
        try await withStore { store in
            let experiment = try await store.createExperiment(ExperimentCreation(name: "größe", tags: [Tag("k", "v")]))
            var ids: [String] = []
            for id in ["0", experiment] {
                let run = try await store.createRun(
                    RunCreation(
                        experimentID: id, name: "a \"name\"", startTime: 5, tags: [Tag("line", "one\ntwo")],
                        params: [Param("alpha", "0.5")])
                ).info.runID
                for (step, value) in [1.5, .nan, .infinity, -0.0].enumerated() {
                    try await store.logMetric(
                        Metric("loss", value, timestamp: Int64(step), step: Int64(step)), runID: run)
                }
                let data = Dataset(name: "d", digest: "1", sourceType: "local", source: "x")
                try await store.logInputs(
                    RunInputs(datasets: [DatasetInput(data, tags: [Tag("k", "v")])]), runID: run)
                ids.append(run)
            }
            try await store.deleteRun(id: ids[0])
            _ = try await store.createLoggedModel(LoggedModelCreation(experimentID: "0", name: "logged"))
            _ = try await store.createRegisteredModel(name: "registered", description: "d", tags: [Tag("a", "b")])
            for _ in 0..<2 {
                _ = try await store.createModelVersion(
                    ModelVersionCreation(name: "registered", source: "s3://b/p", runID: ids[1]))
            }
            try await store.setAlias("champion", version: "2", modelName: "registered")
            return ids
        }
    }

    // MARK: check

    @Test func `a sound store is called sound, and is not changed`() async throws {
        _ = try await fill()
        let before = try program.folder.directory.readFile(RelativePath("mlflow.db"), limit: 64 << 20)
        let result = try await program.run("db", "check")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output.contains("sound") && result.output.contains("2 runs"))
        let json = try await program.run("db", "check", "--json")
        #expect(json.output.contains("\"isSound\" : true"))
        #expect(try program.folder.directory.readFile(RelativePath("mlflow.db"), limit: 64 << 20) == before)
    }

    @Test func `S-08 damage, another schema and rows without parents are named, with what to do`() async throws {
        _ = try await fill()
        let path = program.path.appending("mlflow.db")
        try execute(
            "PRAGMA foreign_keys = OFF; INSERT INTO params (key, value, run_uuid) VALUES ('p', '1', 'nobody')", on: path
        )
        let orphan = try await program.run("db", "check", "--json")
        #expect(orphan.exitCode == 1)
        #expect(orphan.output.contains("'params'") && orphan.output.contains("\"isSound\" : false"))

        try execute("UPDATE alembic_version SET version_num = 'abc'", on: path)
        let other = try await program.run("db", "check")
        #expect(other.exitCode == 1)
        #expect(other.messages.contains("'abc'") && other.messages.contains("mlflow db upgrade"))

        var bytes = try program.folder.directory.readFile(RelativePath("mlflow.db"), limit: 64 << 20)
        for index in (bytes.count / 2)..<(bytes.count / 2 + 20_000) { bytes[index] = 0xA5 }
        try program.folder.directory.writeFile(RelativePath("mlflow.db"), bytes)
        let damaged = try await program.run("db", "check")
        #expect(damaged.exitCode == 1)
        #expect(damaged.messages.contains("backup"))
    }

    @Test func `what is no store is not made one`() async throws {
        let missing = try await program.run("db", "check")
        #expect(missing.exitCode == 1)
        #expect(missing.messages.contains("does not exist"))
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
        try program.write("text.db", String(repeating: "no database\n", count: 100))
        let text = try await program.run("db", "check", "--tracking-uri", "sqlite:///text.db")
        #expect(text.exitCode == 1 && text.messages.contains("is not an SQLite database"))
        for verb in [["check"], ["backup", "x.db"]] {
            let server = try await program.start(["db"] + verb + ["--tracking-uri", "http://127.0.0.1:1"]).result()
            #expect(server.exitCode == 1)
            #expect(server.messages.contains("run it where the file is"))
        }
    }

    // MARK: backup

    @Test func `a backup is one moment of a store that is written to`() async throws {
        let ids = try await fill()
        let result = try await withStore { store in
            async let writing: Void = {
                for step in 0..<500 {
                    try await store.logMetric(Metric("m", 1, timestamp: Int64(step)), runID: ids[1])
                }
            }()
            let result = try await program.run("db", "backup", "copy.db")
            try await writing
            return result
        }
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output == "\(program.path)/copy.db\n")
        let check = try await program.run("db", "check", "--tracking-uri", "sqlite:///copy.db")
        #expect(check.exitCode == 0, "\(check.messages)")
        let shown = try await program.run("runs", "show", ids[1], "--tracking-uri", "sqlite:///copy.db")
        #expect(shown.output.contains("alpha"))
        #expect(try program.folder.directory.list().allSatisfy { !$0.name.hasPrefix(".swiftflow-tmp") })
    }

    @Test func `a backup takes no other file's place unless it is told to`() async throws {
        _ = try await fill()
        try program.write("copy.db", "precious")
        let refused = try await program.run("db", "backup", "copy.db")
        #expect(refused.exitCode == 1 && refused.messages.contains("exists already"))
        #expect(try program.read("copy.db") == "precious")
        #expect(try await program.run("db", "backup", "copy.db", "--force").exitCode == 0)
        #expect(try await program.run("db", "check", "--tracking-uri", "sqlite:///copy.db").exitCode == 0)
        #expect(try await program.run("db", "backup", "mlflow.db", "--force").exitCode == 2)
        #expect(try await program.run("db", "backup", "no/such/folder/copy.db").exitCode == 1)
    }

    // MARK: export

    /// The lines of an export, by kind.
    private func lines(_ text: String) throws -> [String: [[String: Any]]] {
        var found: [String: [[String: Any]]] = [:]
        for line in text.split(separator: "\n") {
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
            found[try #require(object["kind"] as? String), default: []].append(object)
        }
        return found
    }

    @Test func `an export has everything, in lines anybody can read`() async throws {
        let ids = try await fill()
        let result = try await program.run("db", "export", "store.jsonl", "--json")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output.contains("\"metrics\" : 8"))
        let text = try program.read("store.jsonl")
        #expect(text.hasPrefix(#"{"kind":"store","format":1,"#))
        let found = try lines(text)
        #expect(found["experiment"]?.compactMap { $0["name"] as? String } == ["größe", "Default"])
        let runs = try #require(found["run"])
        #expect(Set(runs.compactMap { $0["run_id"] as? String }) == Set(ids))
        #expect(Set(runs.compactMap { $0["lifecycle_stage"] as? String }) == ["active", "deleted"])
        for run in runs {
            #expect(run["params"] as? [String: String] == ["alpha": "0.5"])
            #expect((run["tags"] as? [String: String])?["line"] == "one\ntwo")
            #expect((run["datasets"] as? [[String: Any]])?.first?["tags"] as? [String: String] == ["k": "v"])
        }
        for id in ids {
            let points = (found["metric"] ?? []).filter { $0["run_id"] as? String == id }
            #expect(points.map { "\($0["value"] ?? "")" } == ["1.5", "NaN", "Infinity", "-0"] || points.count == 4)
            #expect(points.compactMap { $0["step"] as? Int } == [0, 1, 2, 3])
        }
        #expect(found["logged_model"]?.first?["name"] as? String == "logged")
        #expect(found["registered_model"]?.first?["aliases"] as? [String: String] == ["champion": "2"])
        #expect(Set(found["model_version"]?.compactMap { $0["version"] as? String } ?? []) == ["1", "2"])
        let end = try #require(found["end"]?.first)
        #expect(end["runs"] as? Int == 2 && end["metrics"] as? Int == 8 && end["model_versions"] as? Int == 2)
        #expect(text.hasSuffix("}\n"))
    }

    @Test func `a part can be exported, also to standard output; no file is written over`() async throws {
        let ids = try await fill()
        let part = try await program.run("db", "export", "-", "--experiment-name", "größe")
        #expect(part.exitCode == 0, "\(part.messages)")
        let found = try lines(part.output)
        #expect(found["run"]?.compactMap { $0["run_id"] as? String } == [ids[1]])
        #expect(found["experiment"]?.count == 1 && found["registered_model"] == nil)
        let run = try lines(try await program.run("db", "export", "-", "--run-id", String(ids[0].prefix(12))).output)
        #expect(run["run"]?.count == 1 && run["metric"]?.count == 4)
        try program.write("taken", "precious")
        let refused = try await program.run("db", "export", "taken")
        #expect(refused.exitCode == 1)
        #expect(try program.read("taken") == "precious")
        #expect(try await program.run("db", "export", "taken", "--force").exitCode == 0)
        #expect(try await program.run("db", "export", "-", "--json").exitCode == 2)
        #expect(try await program.run("db", "export", "-", "--run-id", "x", "--experiment-id", "0").exitCode == 2)
    }
}
