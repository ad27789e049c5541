import Files
import Processes
import SQLiteStore
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tracking

/// The real MLflow: a virtual environment with the whole package, named by `SWIFTFLOW_TEST_MLFLOW`.
private struct MLflow: Sendable {
    let python: FilePath

    static let installed: MLflow? = environmentVariable("SWIFTFLOW_TEST_MLFLOW").map {
        MLflow(python: FilePath($0).appending("bin/python"))
    }

    /// Where engines are required, a missing one fails the test instead of skipping it.
    static var isExpected: Bool { installed != nil || environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1" }

    /// Runs a script in a folder and returns what it printed.
    func run(_ script: String, _ arguments: String..., in folder: FilePath) async throws -> String {
        let printed = Printed()
        let process = try await Keeper.launch().start(
            ProcessSpecification(
                executable: python, arguments: ["-c", script] + arguments,
                environment: [
                    "PATH": "/usr/bin:/bin", "HOME": folder.string, "TMPDIR": folder.string, "LANG": "C.UTF-8",
                    "PYTHONWARNINGS": "ignore",
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                ], workingDirectory: folder,
                output: OutputHandling { stream, bytes in
                    printed.append(bytes, to: stream)
                }))
        let end = await process.wait()
        try #require(end.isSuccess, "\(printed.text(.standardError))")
        return printed.text(.standardOutput)
    }
}

private final class Printed: Sendable {
    private let streams = Mutex<[OutputStream: [UInt8]]>([:])

    func append(_ bytes: RawSpan, to stream: OutputStream) {
        streams.withLock { streams in
            unsafe bytes.withUnsafeBytes { unsafe streams[stream, default: []].append(contentsOf: $0) }
        }
    }

    func text(_ stream: OutputStream) -> String {
        streams.withLock { String(decoding: $0[stream] ?? [], as: UTF8.self) }
    }
}

@Suite(.enabled(if: MLflow.isExpected), .timeLimit(.minutes(10))) struct `Beside the real MLflow` {
    @Test func `S-08 MLflow opens our file without migrating it, and reads what we wrote`() async throws {
        let mlflow = try #require(MLflow.installed, "SWIFTFLOW_TEST_MLFLOW names no environment")
        let fixture = try StoreFixture()
        let run = try await fixture.withStore { (store) async throws in
            let experiment = try await store.createExperiment(
                ExperimentCreation(name: "größe", tags: [Tag("k", "v")]))
            let run = try await store.createRun(
                RunCreation(
                    experimentID: experiment, name: "ours", userID: "ann", startTime: 1234, tags: [Tag("t", "1")],
                    params: [Param("alpha", "0.5"), Param("empty", "")]))
            let id = run.info.runID
            try await store.logMetric(Metric("loss", .nan, timestamp: 1, step: 1), runID: id)
            try await store.logMetric(Metric("loss", .infinity, timestamp: 2, step: 2), runID: id)
            try await store.logMetric(Metric("acc", 0.25, timestamp: 3, step: -1), runID: id)
            try await store.logInputs(
                RunInputs(datasets: [
                    DatasetInput(
                        Dataset(name: "iris", digest: "d", sourceType: "local", source: "x"),
                        tags: [Tag("mlflow.data.context", "train")])
                ]), runID: id)
            try await store.updateRun(RunUpdate(runID: id, status: .finished, endTime: 5678))
            _ = try await store.createRegisteredModel(name: "model", description: "d", tags: [Tag("a", "b")])
            _ = try await store.createModelVersion(ModelVersionCreation(name: "model", source: "s3://b/p", runID: id))
            try await store.setAlias("champion", version: "1", modelName: "model")
            let model = try await store.createLoggedModel(
                LoggedModelCreation(
                    experimentID: experiment, name: "logged", sourceRunID: id, params: [Param("p", "1")]))
            _ = try await store.finalizeLoggedModel(id: model.modelID, status: .ready)
            return run.info
        }
        let output = try await mlflow.run(
            """
            import sys, mlflow
            path, run_id = sys.argv[1:]
            client = mlflow.MlflowClient("sqlite:///" + path)
            run = client.get_run(run_id)
            print(run.info.run_name, run.info.user_id, run.info.status, run.info.start_time, run.info.end_time)
            print(run.info.artifact_uri)
            print(sorted(run.data.params.items()), sorted(run.data.metrics.items()), run.data.tags["t"])
            print([(m.value, m.timestamp, m.step) for m in client.get_metric_history(run_id, "loss")])
            i = run.inputs.dataset_inputs[0]
            print(i.dataset.name, i.dataset.digest, [(t.key, t.value) for t in i.tags])
            e = client.get_experiment_by_name("größe")
            print(e.experiment_id, e.tags)
            print([r.info.run_id == run_id for r in client.search_runs([e.experiment_id], "metrics.acc < 0.5")])
            print(client.get_model_version_by_alias("model", "champion").source)
            m = client.search_logged_models([e.experiment_id])[0]
            print(m.name, m.status, m.params)
            """, fixture.path.string, run.runID, in: fixture.folder.path)
        #expect(
            output == """
                ours ann FINISHED 1234 5678
                \(run.artifactURI)
                [('alpha', '0.5'), ('empty', '')] [('acc', 0.25), ('loss', 1.7976931348623157e+308)] 1
                [(nan, 1, 1), (1.7976931348623157e+308, 2, 2)]
                iris d [('mlflow.data.context', 'train')]
                1 {'k': 'v'}
                [True]
                s3://b/p
                logged READY {'p': '1'}

                """)
        try await fixture.withStore { (store) async throws in #expect(try await store.integrityProblems() == []) }
    }

    @Test func `S-08 we open MLflow's file, read what it wrote, and have its schema to the letter`() async throws {
        let mlflow = try #require(MLflow.installed, "SWIFTFLOW_TEST_MLFLOW names no environment")
        let theirs = try StoreFixture()
        let output = try await mlflow.run(
            """
            import sys, mlflow
            from mlflow.entities import Metric, Param, RunTag
            client = mlflow.MlflowClient("sqlite:///" + sys.argv[1])
            run = client.create_run("0", start_time=7, tags={"t": "1"}, run_name="theirs")
            i = run.info.run_id
            client.log_batch(i, [Metric("m", float("nan"), 1, 1), Metric("m", float("-inf"), 2, 2)], [Param("p", "é")])
            client.set_terminated(i, "FAILED", 9)
            client.create_registered_model("r", {"a": "b"})
            client.create_model_version("r", "s3://b/p", i)
            client.set_registered_model_alias("r", "champion", "1")
            m = client.create_logged_model("0", "logged", i, {"k": "v"}, {"p": "1"}, "sklearn")
            client.log_metric(i, "acc", 0.5, timestamp=3, model_id=m.model_id)
            print(i, m.model_id, run.info.artifact_uri)
            """, theirs.path.string, in: theirs.folder.path)
        let words = output.split(whereSeparator: \.isWhitespace).map(String.init)
        try #require(words.count == 3)
        try await theirs.withStore { (store) async throws in
            let run = try await store.run(id: words[0])
            #expect(run.info.runName == "theirs" && run.info.status == .failed && run.info.endTime == 9)
            #expect(run.info.artifactURI == words[2])
            #expect(run.data.params == [Param("p", "é")])
            #expect(run.data.metric("m")?.value == -.greatestFiniteMagnitude)
            #expect(run.data.metric("acc")?.value == 0.5)
            let history = try await store.metricHistory(MetricHistoryQuery(runID: words[0], key: "m")).elements
            #expect(history.map(\.value.isNaN) == [true, false])
            #expect(try await store.modelVersion(alias: "champion", modelName: "r").runID == words[0])
            let model = try await store.loggedModel(id: words[1], includingDeleted: false)
            #expect(model.name == "logged" && model.modelType == "sklearn" && model.status == .pending)
            #expect(model.metrics.map(\.value) == [0.5])
            // The same places, as a store of ours in that folder would have chosen.
            #expect(try await store.experiment(id: "0").artifactLocation == "\(theirs.folder.path)/mlruns/0")
        }
        let ours = try StoreFixture()
        try await ours.withStore { _ in }
        let schemas = try await mlflow.run(
            """
            import sqlite3, sys
            def clauses(sql):
                # Two constraints of one table come in an order that differs from one start of MLflow to the next.
                return tuple(sorted(" ".join(line.split()).rstrip(",") for line in (sql or "").splitlines()))
            def schema(path):
                rows = sqlite3.connect(path).execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
                return sorted((t, n, b, clauses(s)) for t, n, b, s in rows)
            theirs, ours = schema(sys.argv[1]), schema(sys.argv[2])
            print(len(ours), theirs == ours)
            for row in set(theirs) ^ set(ours): print(row)
            """, theirs.path.string, ours.path.string, in: ours.folder.path)
        #expect(schemas == "218 True\n")
    }

    @Test func `S-02 MLflow and we write to one file at the same time`() async throws {
        let mlflow = try #require(MLflow.installed, "SWIFTFLOW_TEST_MLFLOW names no environment")
        let fixture = try StoreFixture()
        try await fixture.withStore { (store) async throws in
            let run = try await store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
            async let theirs = mlflow.run(
                """
                import sys, mlflow
                client = mlflow.MlflowClient("sqlite:///" + sys.argv[1])
                for step in range(60): client.log_metric(sys.argv[2], "theirs", step, step=step)
                """, fixture.path.string, run, in: fixture.folder.path)
            for step in 0..<400 {
                try await store.logMetric(
                    Metric("ours", Double(step), timestamp: 1, step: Int64(step)), runID: run)
                try await Task.sleep(for: .milliseconds(10))
            }
            _ = try await theirs
            for (key, count) in [("ours", 400), ("theirs", 60)] {
                let history = try await store.metricHistory(MetricHistoryQuery(runID: run, key: key)).elements
                #expect(Set(history.map(\.step)).count == count, "\(key)")
            }
            #expect(try await store.integrityProblems() == [])
        }
    }
}
