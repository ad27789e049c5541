import Containers
import DockerBackend
import Execution
import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

extension OnDocker {
    /// The built `swiftflow` on docker projects, from outside.
    @Suite(.timeLimit(.minutes(10))) struct DockerProgramTests {
        let engine: ProgramOnEngine
        private var program: SwiftflowProgram { engine.program }

        init() throws { engine = try ProgramOnEngine() }

        private func write(_ command: String, extra: String = "") throws {
            try program.write(
                "MLproject",
                """
                name: Docker Test
                docker_env:
                  image: \(DockerEngine.pythonImage)
                \(extra)
                entry_points:
                  main:
                    parameters:
                      v: {type: string, default: x}
                    command: \(command)
                """)
        }

        @Test func `K-03 hostile values arrive in the container as one argument each`() async throws {
            try write("\"printf '%s' {v} > arrived\"")
            let value = "; & | $( ) ` \n ' \" * ~ ! # \\ $HOME é --privileged"
            let result = try await engine.run(".", "-P", "v=\(value)")
            #expect(result.exitCode == 0, "\(result.messages)")
            #expect(try program.read("arrived") == value)
        }

        @Test func `a command in a container logs to the store and leaves artifacts`() async throws {
            try program.write(
                "train.py",
                """
                import json, os, urllib.request
                uri, run = os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_RUN_ID"]
                def call(path, body=None):
                    request = urllib.request.Request(uri + "/api/2.0/mlflow/" + path, data=body and json.dumps(body).encode(),
                        headers={"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]})
                    return json.load(urllib.request.urlopen(request))
                call("runs/log-metric", {"run_id": run, "key": "rmse", "value": 0.25, "timestamp": 1, "step": 0})
                folder = call("runs/get?run_id=" + run)["run"]["info"]["artifact_uri"]
                folder = folder[len("file://"):] if folder.startswith("file://") else folder
                open(os.path.join(folder, "model.txt"), "w").write("weights")
                print("trained")
                """)
            try write("\"python train.py\"")
            let result = try await engine.run()
            #expect(result.exitCode == 0, "\(result.messages)")
            #expect(result.output.contains("trained"))
            let run = try #require(try await engine.runs().first)
            #expect(run.info.status == .finished)
            #expect(run.data.metrics.first?.value == 0.25)
            #expect(engine.tag(WellKnownTag.projectEnvironment, of: run) == "docker")
            #expect(engine.tag(WellKnownTag.dockerImageURI, of: run) == DockerEngine.pythonImage)
            #expect(engine.tag(WellKnownTag.dockerImageID, of: run)?.hasPrefix("sha256:") == true)
            #expect(engine.tag("swiftflow.exit_code", of: run) == "0")
            let artifacts = try await program.run("artifacts", "list", run.info.runID)
            #expect(artifacts.output.contains("model.txt") && artifacts.output.contains("logs"))
        }

        @Test(.enabled(if: DockerEngine.flavour == .docker))
        func `K-01 without an engine no run is created`() async throws {
            try write("\"true\"")
            let result = try await engine.run(".", variables: ["DOCKER_HOST": "unix:///nonexistent/d.sock"])
            #expect(result.exitCode == 1)
            #expect(result.messages.contains("container engine does not answer"))
            #expect(!result.messages.contains("in experiment"))
        }

        @Test func `K-06 the reason and the exit code of a container's end are recorded`() async throws {
            try write("\"exit 7\"")
            #expect(try await engine.run().exitCode == 1)
            try write("\"kill -9 $$\"")
            #expect(try await engine.run().exitCode == 1)
            let runs = try await engine.runs()
            #expect(Set(runs.compactMap { engine.tag("swiftflow.exit_code", of: $0) }) == ["7", "137"])
            #expect(Set(runs.compactMap { engine.tag(WellKnownTag.failureKind, of: $0) }) == ["exit", "signal"])
            #expect(runs.allSatisfy { $0.info.status == .failed })
        }

        @Test(arguments: [false, true])
        func `K-05 a container whose runner is killed is stopped at once, also one that ignores TERM`(ignoresTerm: Bool)
            async throws
        {
            // Busy by itself: the end must come from the engine, not from a closed pipe.
            try write("\"\(ignoresTerm ? "trap : TERM; " : "")echo $((40+2))ready; while true; do sleep 1; done\"")
            let temporary = program.path.appending("tmp")
            try makeFolders(temporary)
            let running = try await engine.start(variables: ["TMPDIR": temporary.string])
            try await running.waits(for: "42ready")
            let run = try #require(try await engine.runs().first)
            #expect(try await DockerEngine.containers(ofRun: run.info.runID).first?.hasSuffix("running") == true)
            await running.process.signal(SIGKILL)
            _ = try await running.result()
            var state = ""
            let deadline = ContinuousClock.now + .seconds(200)
            repeat {
                state = try await DockerEngine.containers(ofRun: run.info.runID).first ?? "gone"
            } while state.hasSuffix("running") && ContinuousClock.now < deadline
            #expect(!state.hasSuffix("running"), "\(state)")
            let left = try Directory(opening: temporary).list(.root).map(\.name)
            #expect(!left.contains { $0.hasPrefix("swiftflow-container") }, "\(left)")

            // And the next start clears it away.
            try write("\"true\"")
            #expect(try await engine.run().exitCode == 0)
            #expect(try await DockerEngine.containers(ofRun: run.info.runID) == [])
            #expect(try await engine.runs().first { $0.info.runID == run.info.runID }?.info.status != .running)
        }

        @Test(.enabled(if: ProgramOnEngine.containersMayOutliveTests))
        func
            `K-05 a container that ran on while runner, keeper and guard were killed together is removed by the next start`()
            async throws
        {
            try write("\"echo $((40+2))ready; while true; do sleep 1; done\"")
            let running = try await engine.start()
            try await running.waits(for: "42ready")
            let run = try #require(try await engine.runs().first)
            await engine.killAll(running)
            _ = try await running.result()
            #expect(try await DockerEngine.containers(ofRun: run.info.runID).first?.hasSuffix("running") == true)
            try write("\"true\"")
            #expect(try await engine.run().exitCode == 0)
            #expect(try await DockerEngine.containers(ofRun: run.info.runID) == [])
        }

        @Test func `a run that is told to stop stops its container and ends as KILLED`() async throws {
            try write("\"trap 'echo asked; exit 3' TERM; echo $((40+2))ready; while true; do sleep 0.1; done\"")
            let running = try await engine.start()
            try await running.waits(for: "42ready")
            await running.process.signal(SIGINT)
            let result = try await running.result()
            #expect(result.output.contains("asked"))
            let run = try #require(try await engine.runs().first)
            #expect(run.info.status == .killed)
            #expect(try await DockerEngine.containers(ofRun: run.info.runID) == [])
        }

        @Test func `the example of a training project in a container trains`() async throws {
            // The folder of this file is Tests/Engines/DockerTests; the image is one that needs no registry.
            let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
                .removingLastComponent()
            let copied = program.path.appending("example")
            _ = try await Keeper.shared.runTool(
                "/bin/cp", ["-r", root.appending("Examples/docker").string, copied.string], environment: [:],
                workingDirectory: "/")
            let result = try await engine.run(
                "example", "--image", DockerEngine.pythonImage, "-P", "epochs=60", "-P", "alpha=0.1")
            #expect(result.exitCode == 0, "\(result.messages)")
            #expect(result.output.contains("elastic net in a container"))
            let run = try #require(try await engine.runs().first)
            let metrics = run.data.metrics.map(\.key)
            #expect(Set(metrics) == ["rmse", "rmse_by_epoch"])
            #expect(try await program.run("artifacts", "list", run.info.runID).output.contains("model.json"))
            // What the command wrote with the shell's help lies in the project's folder.
            #expect(try program.read("example/training.txt").contains("epoch 50"))
        }

        @Test(.enabled(if: DockerEngine.flavour == .docker))
        func `doctor says which engine there is`() async throws {
            let there = try await program.run("doctor")
            #expect(there.output.contains("engine 2"))
            let none = try await program.run("doctor", variables: ["DOCKER_HOST": "unix:///nonexistent/d.sock"])
            #expect(none.output.contains("does not answer"))
        }

        @Test func `the image and options of the command line count`() async throws {
            try write("\"echo $SF_A; hostname\"")
            let result = try await engine.run(
                ".", "--image", DockerEngine.image, "-A", "e=SF_A=one two", "-A", "hostname=box", "-A",
                "network=host")
            #expect(result.exitCode == 0, "\(result.messages)")
            #expect(result.output == "one two\nbox\n")
        }
    }
}
