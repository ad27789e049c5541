import Diagnostics
import Pipelines
import Testing

/// One mistake in a file: where it is found, and what is said.
struct Mistake: Sendable, CustomTestStringConvertible {
    var code: String
    var says: String
    /// The file; `‸` stands in front of the place that is meant, and is not part of it.
    var marked: String
    var params: [PlanRequest.GivenValue]

    init(_ code: String, _ says: String, _ marked: String, params: [PlanRequest.GivenValue] = []) {
        self.code = code
        self.says = says
        self.marked = marked
        self.params = params
    }

    var text: String { marked.filter { $0 != "‸" } }

    /// `line:column`; empty for a finding that is about no place of the file.
    var place: String {
        guard let mark = marked.firstIndex(of: "‸") else { return "" }
        let before = marked[..<mark].split(separator: "\n", omittingEmptySubsequences: false)
        return "\(before.count):\((before.last?.count ?? 0) + 1)"
    }

    var testDescription: String { "\(code) \(says)" }
}

@Suite struct FindingsTests {
    static let mistakes: [Mistake] = [
        // The document.
        Mistake("P011", "'concurrency'", "concurrency: ‸never\nsteps: {s: {command: x}}"),
        Mistake("P001", "'hooks' belongs to the format", "steps: {s: {command: x}}\n‸hooks: {}"),
        Mistake("P001", "'sweep' belongs to the format", "steps: {s: {command: x, ‸sweep: {space: {a: [1]}}}}"),
        Mistake("P001", "format version 2", "version: ‸2\nsteps: {a: }"),
        Mistake("P002", "not valid YAML", "steps: {a\n‸"),
        Mistake("P002", "needs quotes", "steps: {s: {command: x, resources: {memory: $‸{{ 16 }}GiB}}}"),
        Mistake("P010", "the file is empty", "‸"),
        Mistake("P011", "must be a mapping, not a list", "‸[1, 2]"),
        Mistake("P010", "needs 'steps'", "‸name: x"),
        Mistake("P010", "has no step", "‸steps: {}"),
        Mistake("P013", "'a' is given a second time; the first is in line 2", "steps:\n  a:\n  ‸a:\n"),
        // Keys.
        Mistake("P012", "did you mean 'name'?", "steps: {a: }\n‸nmae: x"),
        Mistake("P012", "unknown key 'parms' in a step; did you mean 'params'?", "steps:\n  a:\n    ‸parms: {}\n"),
        Mistake("P012", "did you mean 'timeout'?", "defaults: {image: i, ‸timeuot: 3s}\nsteps: {a: }"),
        Mistake("P012", "unknown key 'time'", "steps:\n  a: {retry: {times: 1, ‸time: 2}}"),
        // Types of values.
        Mistake("P011", "'name' must be text, not 5", "name: ‸5\nsteps: {a: }"),
        Mistake("P011", "'params' must be a mapping, not nothing", "‸params:\nsteps: {a: }"),
        Mistake("P011", "must be a duration", "timeout: ‸90\nsteps: {a: }"),
        Mistake("P011", "is no duration", "timeout: ‸soon\nsteps: {a: }"),
        Mistake("P011", "did you mean 'finish'?", "on_error: ‸finsh\nsteps: {a: }"),
        Mistake("P011", "'retry' must be a number of times", "steps:\n  s: {command: x, retry: ‸often}"),
        Mistake("P011", "cannot hold an expression", "steps:\n  s: {command: ‸'${{ params.a }}'}"),
        Mistake("P011", "'max_parallel' must be an integer", "steps:\n  s: {command: x, max_parallel: ‸0}"),
        // Names.
        Mistake("P014", "cannot be the name of a pipeline", "name: ‸a/b\nsteps: {a: }"),
        Mistake("P014", "cannot be the name of a step", "steps:\n  ‸1st: \n"),
        // Params.
        Mistake("P020", "'data' needs a value", "params: {‸data: {type: path}}\nsteps: {s: {command: x}}"),
        Mistake(
            "P021", "no param 'aplha'; did you mean 'alpha'?", "params: {alpha: 1}\nsteps: {s: {command: x}}",
            params: [given("aplha", "1")]),
        Mistake(
            "P021", "did you mean 'alpha'?",
            "params: {alpha: 1}\nsteps: {s: {command: x, params: {a: '${{ params.‸alpa }}'}}}"),
        Mistake(
            "P022", "must be an integer, not 'x'", "params: {n: 1}\nsteps: {s: {command: x}}", params: [given("n", "x")]
        ),
        Mistake(
            "P022", "must be one of 'rf', 'xgb'",
            "params: {k: {choices: [rf, xgb], default: ‸lm}}\nsteps: {s: {command: x}}"),
        Mistake(
            "P022", "must be at most 3, not 4", "params: {k: {type: int, max: 3}}\nsteps: {s: {command: x}}",
            params: [given("k", "4")]),
        // Steps.
        Mistake("P030", "'command' and 'entry_point'", "steps:\n  s: {command: x, ‸entry_point: y}"),
        Mistake("P032", "'select' chooses among", "steps:\n  s: {command: x, ‸select: {metric: m, goal: min}}"),
        Mistake(
            "P033", "both 'matrix' and 'sweep'",
            "steps:\n  s: {command: x, matrix: {a: [1]}, ‸sweep: {space: {b: [1]}}}"),
        Mistake(
            "P034", "has 1000000 cells, and the limit is 10000",
            "steps:\n  s: {command: x, ‸matrix: {a: '${{ range(1000) }}', b: '${{ range(1000) }}'}}"),
        Mistake(
            "P035", "no objective for 'tpe'",
            "steps:\n  s: {command: x, ‸sweep: {algorithm: tpe, trials: 3, space: {b: [1]}}}"),
        Mistake("P036", "have the same path", "steps:\n  s: {command: x, outputs: {a: model, b: ‸model}}"),
        // Expressions.
        Mistake("P040", "", "steps:\n  s: {command: x, params: {a: '${{ 1 + ‸}}'}}"),
        Mistake(
            "P041", "step 'etl_dat' does not exist; did you mean 'etl_data'?",
            "steps:\n  etl_data: {command: x}\n  s: {command: x, params: {a: '${{ steps.‸etl_dat.outputs.r }}'}}"),
        Mistake(
            "P041", "step 'etl' does not exist", "steps:\n  etl_data: {command: x}\n  s: {command: x, needs: [‸etl]}"),
        Mistake(
            "P042", "declares no output 'r'",
            "steps:\n  a: {command: x, outputs: {ratings: r}}\n  s: {command: x, params: {a: '${{ steps.a.outputs.‸r }}'}}"
        ),
        Mistake("P043", "", "steps:\n  s: {command: x, params: {a: '${{ ‸maxx(1) }}'}}"),
        Mistake("P043", "step 's' has no matrix", "steps:\n  s: {command: x, params: {a: '${{ ‸matrix.a }}'}}"),
        Mistake(
            "P043", "use it in 'params' or 'env' of the step",
            "steps:\n  s: {command: x, tags: {a: '${{ ‸run.run_id }}'}}"),
        Mistake("P043", "did you mean 'run_id'?", "steps:\n  s: {command: x, params: {a: '${{ ‸run.runid }}'}}"),
        Mistake(
            "P043", "write 'pipeline.run_id' in the nested pipeline",
            "steps:\n  s: {pipeline: other.yaml, params: {a: '${{ ‸run.run_id }}'}}"),
        Mistake(
            "P043", "begins with its params; write 'run.artifact_uri' in the steps of the nested pipeline",
            "steps:\n  s: {pipeline: other.yaml, env: {a: '${{ ‸run.artifact_uri }}'}}"),
        Mistake(
            "P043", "'run.artifact_uri' cannot be used here",
            "tags: {A: '${{ ‸run.artifact_uri }}'}\nsteps:\n  s: {command: x}"),
        Mistake("P044", "null", "steps:\n  s: {command: x, params: {a: 'x${{ ‸null }}'}}"),
        Mistake("P046", "", "steps:\n  s: {command: x, when: 1 ‸== 'x'}"),
        // What other systems call it.
        Mistake("P012", "did you mean 'command'?", "steps:\n  s: {‸run: x}"),
        Mistake("P012", "did you mean 'needs'?", "steps:\n  s: {command: x, ‸depends-on: [s]}"),
        Mistake("P012", "did you mean 'retry'?", "steps:\n  s: {command: x, ‸retries: 3}"),
        Mistake("P012", "did you mean 'steps'?", "‸tasks: {s: {command: x}}\nsteps:\n  s: {command: x}"),
        Mistake("P012", "did you mean 'default'?", "params: {n: {‸value: 3}}\nsteps:\n  s: {command: x}"),
        Mistake(
            "P012", "did you mean 'times'?", "steps:\n  s: {command: x, retry: {times: 1, ‸max_attempts: 3}}"),
        Mistake("P011", "did you mean 'int'?", "params: {n: {type: ‸integer}}\nsteps:\n  s: {command: x}"),
        Mistake("P011", "write true", "steps:\n  s: {command: x, cache: ‸yes}"),
        Mistake("P011", "write [t]", "steps:\n  t: {command: x}\n  s: {command: x, needs: ‸t}"),
        Mistake("P011", "write 5m", "steps:\n  s: {command: x, timeout: 5‸ minutes}"),
        Mistake("P050", "did you mean 'memory'?", "steps:\n  s: {command: x, resources: {‸mem: 4GB}}"),
        Mistake("P047", "a → b → a", "steps:\n  ‸a: {command: x, needs: [b]}\n  b: {command: x, needs: [a]}"),
        Mistake("P047", "waits for itself", "steps:\n  ‸a: {command: x, needs: [a]}"),
        Mistake(
            "P048", "may stand in 'env' only",
            "secrets: [T]\nsteps:\n  s: {command: x, params: {a: '${{ ‸secrets.T }}'}}"),
        // Resources, backends, secrets.
        Mistake(
            "P050", "asks for 4 of 'cpu', and the limit is 2",
            "limits: {cpu: 2}\nsteps:\n  s: {command: x, resources: {cpu: ‸4}}"),
        Mistake("P050", "no limit named 'db'", "steps:\n  s: {command: x, resources: {‸db: 1}}"),
        Mistake("P051", "did you mean 'local'?", "steps:\n  s: {command: x, backend: ‸lokal}"),
        Mistake("P060", "asks for no secret 'T'", "steps:\n  s: {command: x, secrets: [‸T]}"),
    ]

    @Test(arguments: mistakes)
    func `each mistake is found, in its place, with what to do`(mistake: Mistake) throws {
        var fixture = PipelineFixture(mistake.text)
        fixture.request.params = mistake.params
        fixture.surroundings.backends = ["local", "docker"]
        let findings = fixture.findings(isCheck: false)
        let shown = findings.map(\.description).joined(separator: "\n")
        let finding = try #require(
            findings.first { $0.code == mistake.code && $0.description.contains(mistake.says) }, "\(shown)")
        let place = [finding.location?.line, finding.location?.column].compactMap { $0.map(String.init) }
        #expect(place.joined(separator: ":") == mistake.place, "\(shown)")
        #expect(finding.severity == .error)
    }
}
