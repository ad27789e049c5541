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
    /// A pipeline whose steps are containers, and whose runner is killed in the middle.
    @Suite(.timeLimit(.minutes(10))) struct DockerPipelineTests {
        let engine: ProgramOnEngine
        private var program: SwiftflowProgram { engine.program }

        init() throws {
            engine = try ProgramOnEngine()
            // Five of ten end at once, the others when they are let: what each does is a line in a file.
            try engine.program.write(
                "pipeline.yaml",
                """
                name: fan
                limits: {parallel: 10}
                steps:
                  fan:
                    backend: docker
                    backend_config: \(ProgramOnEngine.configuration)
                    image: \(DockerEngine.image)
                    resources: {cpu: 0.1, memory: 32MiB}
                    matrix: {n: "${{ range(10) }}"}
                    command: 'echo {n} >> started; while [ {n} -gt 4 ] && [ ! -e go ]; do sleep 0.1; done; echo {n} >> finished'
                  collect:
                    needs: [fan]
                    command: 'sort finished > collected'
                """)
        }

        private func pipeline() async throws -> Run {
            try #require(try await engine.runs().first { $0.data.tag("swiftflow.pipeline") != nil })
        }

        private func lines(_ file: String) -> [String] {
            ((try? program.read(file)) ?? "").split(separator: "\n").map(String.init).sorted()
        }

        private func waits(_ what: String, until holds: () async throws -> Bool) async throws {
            let deadline = ContinuousClock.now + .seconds(300)
            while try await !holds() {
                guard ContinuousClock.now < deadline else {
                    Issue.record("never seen: \(what)")
                    return
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }

        private func containers(_ state: String...) async throws -> [String] {
            let pipeline = try await pipeline().info.runID
            return try await DockerEngine.containers(labelled: "io.swiftflow.pipeline=\(pipeline)").filter { line in
                state.isEmpty || state.contains { line.hasSuffix($0) }
            }
        }

        /// Starts the pipeline and returns once five containers have ended, and are gone, and five are at work.
        private func halfway() async throws -> SwiftflowProgram.Running {
            let running = try await program.start(["run", "pipeline.yaml", "--progress", "plain"])
            try await waits("five at work") {
                guard lines("started").count == 10, lines("finished").count == 5 else { return false }
                return try await containers().count == 5
            }
            return running
        }

        private func checkEnd(startedTwice: [String]) async throws {
            let numbers = (0..<10).map(String.init)
            #expect(lines("collected") == numbers)
            #expect(lines("finished") == numbers)
            #expect(lines("started") == (numbers + startedTwice).sorted())
            #expect(try await containers() == [])
            let runs = try await engine.runs()
            #expect(runs.allSatisfy { $0.info.status != .running })
            #expect(try await pipeline().info.status == .finished)
        }

        @Test func `files that a list names are there in a container, also outside of the project`() async throws {
            try program.write(
                "project/pipeline.yaml",
                """
                name: lists
                steps:
                  part:
                    matrix: {n: [1, 2]}
                    command: 'echo part {n} > {out}'
                    params: {out: "${{ outputs.text }}"}
                    outputs: {text: text.txt}
                  join:
                    backend: docker
                    backend_config: \(ProgramOnEngine.configuration)
                    image: \(DockerEngine.image)
                    command: 'cat {parts}; echo joined'
                    params: {parts: "${{ steps.part.all.outputs.text }}"}
                """)
            let result = try await program.run("run", "project/pipeline.yaml", "--progress", "plain")
            #expect(result.exitCode == 0, "\(result.messages)")
            let join = try #require(try await engine.runs().first { $0.data.tag("swiftflow.node") == "join" })
            #expect(join.info.status == .finished)
            // The artifacts of both parts lie beside the project, not in it.
            #expect(!join.info.artifactURI.contains("/project/"))
            #expect(
                try await program.run("runs", "logs", join.info.runID).output == "part 1\npart 2\njoined\n")
        }

        @Test func `K-05 after kill -9 of the runner the guards stop its containers, and only those run again`()
            async throws
        {
            let running = try await halfway()
            await running.process.signal(SIGKILL)
            _ = try await running.result()
            try await waits("the guards") { try await containers("running").isEmpty }
            try program.write("go", "")
            let resumed = try await program.run("resume", try await pipeline().info.runID)
            #expect(resumed.exitCode == 0, "\(resumed.messages)")
            try await checkEnd(startedTwice: (5..<10).map(String.init))
        }

        @Test(.enabled(if: ProgramOnEngine.containersMayOutliveTests))
        func `containers that outlive runner, keeper and guards are adopted, and nothing runs twice`()
            async throws
        {
            let running = try await halfway()
            await engine.killAll(running)
            _ = try await running.result()
            #expect(try await containers("running").count == 5)
            let identifier = try await pipeline().info.runID
            let resuming = try await program.start(["resume", identifier])
            // They are let go only when somebody has taken them over.
            try await waits("adopted") {
                try await DockerEngine.ask(
                    "ps", "--filter", "label=io.swiftflow.runner", "--filter", "name=_by_", "--format", "{{.ID}}"
                ).split(separator: "\n").count == 5
            }
            try program.write("go", "")
            let resumed = try await resuming.result()
            #expect(resumed.exitCode == 0, "\(resumed.messages)")
            try await checkEnd(startedTwice: [])
        }
    }
}
