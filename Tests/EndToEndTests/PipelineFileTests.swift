import Files
import SystemPackage
import TestSupport
import Testing

/// `check`, `plan` and `graph` of the built program on pipelines.
@Suite(.timeLimit(.minutes(10))) struct PipelineFileTests {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
        try program.write(
            "p/MLproject",
            """
            name: movies
            entry_points:
              main: {pipeline: pipeline.yaml}
              load: {command: "echo load"}
              train:
                parameters: {data: uri, alpha: {type: float, default: 0.5}}
                command: "echo {data} {alpha}"
            """)
        try program.write(
            "p/pipeline.yaml",
            """
            params: {alpha: 0.1}
            steps:
              load:
                outputs: {ratings: ratings}
              train:
                matrix: {fold: [1, 2]}
                params:
                  data: ${{ steps.load.outputs.ratings }}
                  alpha: ${{ params.alpha }}
            """)
    }

    private func change(_ old: String, to new: String) throws {
        try program.write("p/pipeline.yaml", try program.read("p/pipeline.yaml").replacing(old, with: new))
    }

    @Test func `a project is checked together with the pipeline it names`() async throws {
        let result = try await program.run("check", "p")
        #expect(result.exitCode == 0)
        #expect(
            result.messages.hasPrefix("pipeline.yaml:6:5: warning: the entry point 'train' declares no param 'fold'"))
        #expect(result.messages.hasSuffix("no errors\n"))
    }

    @Test func `every mistake is shown with its line, and the exit code is 2`() async throws {
        try change("load.outputs", to: "laod.outputs")
        try change("    matrix", to: "    matrixx: {}\n    matrix")
        let result = try await program.run("check", "p/pipeline.yaml")
        #expect(result.exitCode == 2)
        #expect(result.output == "")
        #expect(
            result.messages == """
                p/pipeline.yaml:6:5: error P012: unknown key 'matrixx' in a step; did you mean 'matrix'?
                    6 |     matrixx: {}
                      |     ^^^^^^^
                1 error

                """)
        try change("    matrixx: {}\n", to: "")
        let second = try await program.run("check", "p/pipeline.yaml")
        #expect(
            second.messages == """
                p/pipeline.yaml:8:23: error P041: step 'laod' does not exist; did you mean 'load'?
                    8 |       data: ${{ steps.laod.outputs.ratings }}
                      |                       ^^^^
                1 error

                """)
    }

    @Test(arguments: [
        ("    matrix", "    retires: 3\n    matrix", "6:5: error P012: unknown key 'retires' in a step"),
        ("load.outputs", "laod.outputs", ":8:23: error P041: step 'laod' does not exist"),
        ("    matrix", "    backend: kubernets\n    matrix", "error P051: there is no backend 'kubernets'"),
        ("  train:", "  tarin:", "error P031: the project has no entry point 'tarin'"),
    ])
    func `what check refuses is not run either, and nothing is recorded`(
        old: String, new: String, message: String
    ) async throws {
        try change(old, to: new)
        let checked = try await program.run("check", "p/pipeline.yaml")
        #expect(checked.messages.contains(message), "\(checked.messages)")
        let findings = checked.messages.replacing(#/\n\d+ errors?\n$/#, with: "\n")
        for verb in ["run", "plan"] {
            let result = try await program.run(verb, "p/pipeline.yaml")
            #expect(result.exitCode == 2, "\(verb)")
            #expect(result.messages == findings, "\(verb)")
        }
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test func `findings are JSON when that is asked for`() async throws {
        try change("alpha: 0.1", to: "alpha: {type: number}")
        let result = try await program.run("check", "p/pipeline.yaml", "--json")
        #expect(result.exitCode == 2)
        #expect(result.output.contains("\"code\" : \"P011\"") && result.output.contains("\"line\" : 1"))
    }

    @Test func `P031 a step that runs no entry point of its project is found`() async throws {
        try change("  train:", to: "  trian:")
        let result = try await program.run("check", "p")
        #expect(result.exitCode == 2)
        #expect(
            result.messages.contains(
                "pipeline.yaml:5:3: error P031: the project has no entry point 'trian', which is what a step of this name runs; did you mean 'train'?"
            ))
    }

    @Test func `P052 a path for a step whose backend does not see this machine's files is found`() async throws {
        try program.write("p/MLproject", try program.read("p/MLproject").replacing("{data: uri,", with: "{data: path,"))
        #expect(try await program.run("check", "p").exitCode == 0)
        try change("    matrix", to: "    backend: kubernetes\n    matrix")
        let produced = try await program.run("check", "p/pipeline.yaml")
        #expect(produced.exitCode == 2)
        #expect(
            produced.messages.contains(
                "p/pipeline.yaml:9:13: error P052: the param 'data' is of type path, and pods do not see the files of this machine that hold what another step has produced; declare the param as 'uri', and bind it with 'uri(…)'"
            ), "\(produced.messages)")
        try change("${{ steps.load.outputs.ratings }}", to: "/data/ratings")
        let given = try await program.run("check", "p/pipeline.yaml")
        #expect(given.exitCode == 2 && given.messages.contains("9:13: error P052"), "\(given.messages)")
        // The project's own files can be delivered.
        try change("/data/ratings", to: "ratings.csv")
        try change("    matrix", to: "    backend_config: {code: configmap}\n    matrix")
        #expect(try await program.run("check", "p").exitCode == 0)
    }

    @Test func `plan shows what would run, and --check says so by its exit code`() async throws {
        let result = try await program.run("plan", "p", "-P", "alpha=0.7")
        #expect(result.exitCode == 0)
        #expect(
            result.output == """
                movies  2 steps, 3 to run, 0 reused, up to 2 at once (critical path load → train)
                  load       run    cache is off for this step
                  train ×2   run    cache is off for this step

                """)
        #expect(try await program.run("plan", "p", "--check").exitCode == 3)
        let json = try await program.run("plan", "p", "--json", "--only", "load")
        #expect(json.output.contains("\"id\": \"train[fold=2]\"") && json.output.contains("\"decision\": \"omit\""))
        let wrong = try await program.run("plan", "p", "-P", "aplha=1", "-P", "alpha=x")
        #expect(wrong.exitCode == 2)
        #expect(wrong.messages.contains("error P021: the pipeline has no param 'aplha'; did you mean 'alpha'?"))
    }

    @Test func `graph draws in every format`() async throws {
        let mermaid = try await program.run("graph", "p")
        #expect(mermaid.exitCode == 0)
        #expect(mermaid.output == "flowchart LR\n  n0[\"load\"]\n  n1[\"train ×2\"]\n  n0 --> n1\n")
        for format in ["dot", "json", "svg"] {
            let result = try await program.run("graph", "p/pipeline.yaml", "--format", format, "--expand")
            #expect(result.exitCode == 0)
            #expect(result.output.contains("train[fold=2]"))
        }
        #expect(try await program.run("graph", "p", "--format", "png").exitCode == 2)
    }

    @Test func `the schema is printed, and nothing else`() async throws {
        let result = try await program.run("check", "--schema")
        #expect(result.exitCode == 0 && result.messages == "")
        #expect(result.output.hasPrefix("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\""))
    }

    @Test func `pipelines that contain each other are refused`() async throws {
        try program.write("q/a.yaml", "steps: {s: {pipeline: b.yaml}}")
        try program.write("q/b.yaml", "steps: {s: {pipeline: a.yaml}}")
        let result = try await program.run("check", "q/a.yaml")
        #expect(result.exitCode == 2)
        #expect(result.messages.contains("P047"), "\(result.messages)")
        #expect(result.messages.contains("pipelines contain each other: q/a.yaml → q/b.yaml → q/a.yaml"))
    }

    @Test func `a pipeline that is not there is a mistake of use`() async throws {
        for verb in ["plan", "graph", "check"] {
            let result = try await program.run(verb, "nowhere.yaml")
            #expect(result.exitCode == 2)
            #expect(result.messages.contains("nowhere.yaml"))
        }
    }

    @Test func `the examples have no mistakes`() async throws {
        let examples = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .appending("Examples")
        var names: [String] = []
        for entry in try Directory(opening: examples).list() where entry.status.kind == .directory {
            // Its repositories are made first, by a script of its own.
            if entry.name == "git-projects" { continue }
            let result = try await program.run("check", examples.appending(entry.name).string)
            #expect(result.exitCode == 0, "\(entry.name): \(result.messages)")
            names.append(entry.name)
        }
        #expect(names.contains("cross-validation"))
    }
}
