import Artifacts
import Files
import NIOCore
import Processes
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

/// `swiftflow gc` on stores with something to collect.
@Suite(.timeLimit(.minutes(10))) struct `Removing what was deleted` {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    fileprivate struct Contents: Sendable {
        var kept: RunInfo
        var deleted: RunInfo
        var oldExperiment: String
        var runOfExperiment: RunInfo
        var deletedModel: LoggedModel
        var keptModel: LoggedModel
        var modelOfExperiment: LoggedModel
    }

    /// A store with one of everything that stays and that goes; what goes was deleted two days ago.
    private func fill(artifactRoot: String? = nil) async throws -> Contents {
        var options = SQLiteStore.Options(workingDirectory: program.path, artifactRoot: artifactRoot)
        let twoDaysAgo = options.now() - 2 * 86_400_000
        options.now = { twoDaysAgo }
        let store = try await SQLiteStore.open(program.path.appending("mlflow.db"), options: options)
        func run(in experiment: String) async throws -> RunInfo {
            let run = try await store.createRun(
                RunCreation(
                    experimentID: experiment, startTime: 1, tags: [Tag("t", "1")], params: [Param("p", "1")]))
            let id = run.info.runID
            for step in 0..<3 {
                try await store.logMetric(Metric("m", Double(step), timestamp: 1, step: Int64(step)), runID: id)
            }
            let data = Dataset(name: "d", digest: "1", sourceType: "local", source: "x")
            try await store.logInputs(
                RunInputs(datasets: [DatasetInput(data, tags: [Tag("k", "v")])]), runID: id)
            return run.info
        }
        func model(in experiment: String, of run: RunInfo) async throws -> LoggedModel {
            let model = try await store.createLoggedModel(
                LoggedModelCreation(
                    experimentID: experiment, sourceRunID: run.runID, params: [Param("p", "1")], tags: [Tag("t", "1")]))
            try await store.logMetric(
                Metric("loss", 1, timestamp: 1, modelID: model.modelID), runID: run.runID)
            return model
        }
        let old = try await store.createExperiment(ExperimentCreation(name: "old", tags: [Tag("k", "v")]))
        let (kept, deleted, within) = (
            try await run(in: "0"), try await run(in: "0"), try await run(in: old)
        )
        let contents = Contents(
            kept: kept, deleted: deleted, oldExperiment: old, runOfExperiment: within,
            deletedModel: try await model(in: "0", of: kept), keptModel: try await model(in: "0", of: kept),
            modelOfExperiment: try await model(in: old, of: within))
        _ = try await store.createRegisteredModel(name: "registered", description: nil, tags: [])
        _ = try await store.createModelVersion(
            ModelVersionCreation(name: "registered", source: "\(deleted.artifactURI)/model", runID: deleted.runID))
        try await store.deleteRun(id: deleted.runID)
        try await store.deleteLoggedModel(id: contents.deletedModel.modelID)
        try await store.deleteExperiment(id: old)
        await store.close()
        return contents
    }

    private func addFiles(_ contents: Contents) throws {
        for uri in contents.places {
            try makeFolders(FilePath("\(uri)/model"))
            try Directory(opening: FilePath("\(uri)/model")).writeFile(RelativePath("weights"), [1, 2, 3])
        }
    }

    private func hasFiles(_ uri: String) -> Bool { fileStatus(FilePath(uri)) != nil }

    @Test func `a dry run says what would go, and removes nothing`() async throws {
        let contents = try await fill()
        try addFiles(contents)
        let result = try await program.run("gc", "--dry-run", "--json")
        #expect(result.exitCode == 0, "\(result.messages)")
        for id in contents.goingIDs { #expect(result.output.contains(id)) }
        for id in contents.stayingIDs { #expect(!result.output.contains("\"id\" : \"\(id)\"")) }
        #expect(result.output.contains("\"bytes\" : 3"))
        #expect(contents.places.allSatisfy(hasFiles))
        let table = try await program.run("gc", "--dry-run")
        #expect(table.output.contains("KIND"))
        #expect(table.messages.contains("5 would be removed, with 4 files of 12 B"))
        let again = try await program.run("gc", "--dry-run", "--json")
        #expect(again.output == result.output)
    }

    @Test func `what is deleted goes with its artifacts, and nothing else`() async throws {
        let contents = try await fill()
        try addFiles(contents)
        let result = try await program.run("gc")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output.contains("Run with ID \(contents.deleted.runID) has been permanently deleted.\n"))
        #expect(result.output.contains("Experiment with ID \(contents.oldExperiment) has been permanently deleted.\n"))
        #expect(contents.goingPlaces.allSatisfy { !hasFiles($0) })
        #expect(contents.stayingPlaces.allSatisfy(hasFiles))
        let check = try await program.run("db", "check")
        #expect(check.exitCode == 0, "\(check.messages)")
        let rest = try await program.run("gc", "--dry-run")
        #expect(rest.output.isEmpty && rest.messages.contains("nothing is deleted"))
        #expect(try await program.run("runs", "show", contents.kept.runID).exitCode == 0)
        #expect(try await program.run("runs", "show", contents.deleted.runID).exitCode == 1)
    }

    @Test func `nothing goes while anything of the request is not deleted`() async throws {
        let contents = try await fill()
        try addFiles(contents)
        let unknown = String(repeating: "f", count: 32)
        let result = try await program.run(
            "gc", "--run-ids", "\(contents.kept.runID),\(contents.deleted.runID),\(unknown)", "--experiment-ids", "0")
        #expect(result.exitCode == 1)
        #expect(result.messages.contains("run '\(contents.kept.runID)' is not deleted"))
        #expect(result.messages.contains(unknown))
        #expect(result.messages.contains("experiment '0' is not deleted"))
        #expect(contents.places.allSatisfy(hasFiles))

        let young = try await program.run("gc", "--run-ids", contents.deleted.runID, "--older-than", "1d25h")
        #expect(young.exitCode == 1)
        #expect(young.messages.contains("more recently"))
        let none = try await program.run("gc", "--older-than", "3d")
        #expect(none.exitCode == 0 && none.output.isEmpty)
        #expect(contents.places.allSatisfy(hasFiles))
        let some = try await program.run("gc", "--older-than", "1d12h30m1.5s", "--json")
        #expect(some.exitCode == 0)
        #expect(contents.goingPlaces.allSatisfy { !hasFiles($0) })
    }

    @Test(arguments: ["3", "d", "3w", "1h2d", "-1d", "1.2.3d", "1e3d", " 1d"])
    func `a span of another form is refused`(span: String) async throws {
        _ = try await fill()
        let result = try await program.run("gc", "--older-than=\(span)")
        #expect(result.exitCode == 2)
        #expect(result.messages.contains("no span of time"))
    }

    @Test func `artifacts that are gone already do not matter: an interrupted collection is repeated`() async throws {
        let contents = try await fill()
        let result = try await program.run("gc")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output.contains(contents.deleted.runID))
    }

    @Test func `rows stay while their artifacts cannot be removed`() async throws {
        let contents = try await fill(artifactRoot: "s3://bucket/artifacts")
        let result = try await program.run(
            "gc",
            variables: [
                "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:1",
            ])
        #expect(result.exitCode == 1)
        #expect(result.output.isEmpty)
        #expect(result.messages.contains("could not be removed"))
        let rest = try await program.run("gc", "--dry-run", "--json", "--run-ids", contents.deleted.runID)
        #expect(rest.output.contains(contents.deleted.runID))
    }

    @Test(.enabled(if: hasEngines("moto_server")), arguments: [false, true])
    func `what a server keeps goes through its storage`(isS3: Bool) async throws {
        let contents = try await fill(artifactRoot: "mlflow-artifacts:/")
        let lost = try await program.run("gc")
        #expect(lost.exitCode == 1)
        #expect(lost.messages.contains("--artifacts-destination"))
        let http = OutgoingHTTP()
        let s3 = isS3 ? try await S3Server(folder: program.folder, starter: try Keeper.launch(), http: http) : nil
        let destination = isS3 ? "s3://artifacts/root" : program.path.appending("kept").string
        let repository: any ArtifactRepository =
            if let s3 {
                try S3ArtifactRepository(destination, settings: S3Settings(environment: s3.environment, http: http))
            } else {
                LocalArtifactRepository(root: FilePath(destination))
            }
        func path(_ place: String) throws -> RelativePath {
            try RelativePath(String(place.dropFirst("mlflow-artifacts:/".count)) + "/model/weights")
        }
        for place in contents.places {
            try await repository.write(try path(place), ByteStream(ByteBuffer(string: "w")), length: 1)
        }
        let result = try await program.run(
            "gc", "--artifacts-destination", destination, variables: s3?.environment ?? [:])
        #expect(result.exitCode == 0, "\(result.messages)")
        for place in contents.goingPlaces { #expect(try await repository.entry(try path(place)) == nil) }
        for place in contents.stayingPlaces { #expect(try await repository.entry(try path(place)) != nil) }
        await http.shutdown()
        await s3?.stop()
    }

    @Test(
        .enabled(if: hasEngines("moto_server") && environmentVariable("SWIFTFLOW_TEST_MLFLOW") != nil))
    func `a server with its artifacts in S3, and a collection that goes through it`() async throws {
        let http = OutgoingHTTP()
        let s3 = try await S3Server(folder: program.folder, starter: try Keeper.launch(), http: http)
        let server = try await program.start(
            ["server", "--port", "0", "--artifacts-destination", "s3://artifacts/team/one"],
            variables: s3.environment)
        try await server.waits(for: "is served at http://127.0.0.1:")
        let said = server.seen
        let start = try #require(said.firstRange(of: "is served at ")?.upperBound)
        let uri = String(said[start...].prefix { !$0.isWhitespace && $0 != "," })
        let printed = try await python([
            "-c",
            """
            import sys, mlflow
            mlflow.set_tracking_uri(sys.argv[1])
            client = mlflow.MlflowClient()
            for name in ["kept", "deleted"]:
                run = client.create_run("0")
                client.log_text(run.info.run_id, name, "notes/text.txt")
                assert mlflow.artifacts.load_text(run.info.artifact_uri + "/notes/text.txt") == name
                print(run.info.artifact_uri)
            client.delete_run(run.info.run_id)
            """, uri,
        ])
        let repository = try S3ArtifactRepository(
            "s3://artifacts/team/one", settings: S3Settings(environment: s3.environment, http: http))
        let paths = try printed.split(separator: "\n").filter { $0.hasPrefix("mlflow-artifacts:/") }.map {
            try RelativePath($0.dropFirst("mlflow-artifacts:/".count) + "/notes/text.txt")
        }
        try #require(paths.count == 2)
        for path in paths { #expect(try await repository.entry(path) != nil) }
        // While the server is running, and with nothing known of S3.
        let result = try await program.run("gc", "--tracking-uri", uri)
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.output.hasSuffix(" has been permanently deleted.\n"))
        #expect(try await repository.entry(paths[0]) != nil)
        #expect(try await repository.entry(paths[1]) == nil)
        await server.process.stop(grace: .seconds(10))
        await http.shutdown()
        await s3.stop()
    }

    // MARK: Beside MLflow

    /// Runs a program of MLflow's environment in the test's folder.
    private func python(_ arguments: [String]) async throws -> String {
        let tools = try #require(environmentVariable("SWIFTFLOW_TEST_MLFLOW"), "SWIFTFLOW_TEST_MLFLOW is not set")
        let lines = CollectedLines()
        let process = try await Keeper.launch().start(
            ProcessSpecification(
                executable: FilePath(tools).appending("bin/python"), arguments: arguments,
                environment: [
                    "PATH": "/usr/bin:/bin", "HOME": program.path.string, "MLFLOW_DISABLE_TELEMETRY": "true",
                    "PYTHONWARNINGS": "ignore",
                ], workingDirectory: program.path,
                output: OutputHandling { _, bytes in lines.append(bytes) }))
        let end = await process.wait()
        try #require(end.isSuccess, "\(lines.text)")
        return lines.text
    }

    /// Every row of every table.
    ///
    /// MLflow leaves what a run was given (`inputs`) behind when the run goes; we do not.
    private static let dump = """
        import sqlite3, sys
        db = sqlite3.connect(sys.argv[1])
        gone = "destination_type = 'RUN' AND destination_id NOT IN (SELECT run_uuid FROM runs)"
        gone += " OR source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id NOT IN (SELECT run_uuid FROM runs)"
        db.execute(f"DELETE FROM input_tags WHERE input_uuid IN (SELECT input_uuid FROM inputs WHERE {gone})")
        db.execute(f"DELETE FROM inputs WHERE {gone}")
        for (table,) in sorted(db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()):
            for row in sorted(map(repr, db.execute(f"SELECT * FROM \\"{table}\\""))):
                print(table, row)
        """

    @Test(
        .enabled(
            if: environmentVariable("SWIFTFLOW_TEST_MLFLOW") != nil
                || environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1"), arguments: [[], ["--older-than", "1d"]])
    func `the store is afterwards as mlflow gc leaves it`(options: [String]) async throws {
        let contents = try await fill()
        try addFiles(contents)
        #expect(try await program.run("db", "backup", "theirs.db").exitCode == 0)
        let before = try await python(["-c", Self.dump, "theirs.db"])
        let ours = try await program.start(["gc"] + options).result()
        #expect(ours.exitCode == 0, "\(ours.messages)")
        try addFiles(contents)
        let uri = "sqlite:///\(program.path)/theirs.db"
        let theirs = try await python(
            ["-m", "mlflow", "gc", "--backend-store-uri", uri, "--tracking-uri", uri] + options)
        let said = theirs.split(separator: "\n").filter { $0.hasSuffix("has been permanently deleted.") }
        // They do not mention the model that went with its experiment.
        let saidByUs = ours.output.split(separator: "\n").filter { !$0.contains(contents.modelOfExperiment.modelID) }
        #expect(Set(saidByUs) == Set(said))
        let (left, right) = (
            try await python(["-c", Self.dump, "mlflow.db"]), try await python(["-c", Self.dump, "theirs.db"])
        )
        #expect(left == right)
        #expect(left != before)
    }
}

extension `Removing what was deleted`.Contents {
    fileprivate var goingIDs: [String] {
        [deleted.runID, runOfExperiment.runID, deletedModel.modelID, modelOfExperiment.modelID, oldExperiment]
    }
    fileprivate var stayingIDs: [String] { [kept.runID, keptModel.modelID, "0"] }
    fileprivate var goingPlaces: [String] {
        [deleted.artifactURI, runOfExperiment.artifactURI, deletedModel.artifactURI, modelOfExperiment.artifactURI]
    }
    fileprivate var stayingPlaces: [String] { [kept.artifactURI, keptModel.artifactURI] }
    fileprivate var places: [String] { goingPlaces + stayingPlaces }
}
