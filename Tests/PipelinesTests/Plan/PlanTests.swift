import Diagnostics
import Pipelines
import Projects
import SystemPackage
import Testing

/// Answers what is written down; everything else was skipped.
struct WrittenScope: Scope {
    var answers: [Reference: Answer] = [:]

    func answer(_ reference: Reference) -> Answer { answers[reference] ?? .skipped(step: "\(reference)") }
}

@Suite struct PlanTests {
    @Test func `the multistep workflow becomes four nodes in order`() throws {
        var fixture = PipelineFixture(Examples.movielens)
        fixture.request.params = [given("hidden_units", "32")]
        let plan = try fixture.plan()
        #expect(plan.name == "movielens")
        #expect(plan.params.map(\.value) == [.int(100_000), .int(10), .int(32)])
        #expect(plan.nodes.map(\.id) == ["load_raw_data", "etl_data", "als", "train_keras"])
        #expect(plan.steps.map { $0.dependencies.map(\.step) } == [[], [0], [1], [1, 2]])
        #expect(plan.steps.map(\.dependents) == [[1], [2, 3], [3], []])
        #expect(plan.steps.map { $0.step.cache != nil } == [true, true, true, false])
        #expect(plan.order == [0, 1, 2, 3])
    }

    @Test func `the churn example has cells, a search, an optional reference and a registration`() throws {
        let plan = try PipelineFixture(Examples.churn).plan()
        #expect(plan.experiment == "churn")
        #expect(plan.nodes.count == 2 * 9 * 2 + 5)
        let promote = try #require(plan.step(named: "promote"))
        #expect(promote.dependencies.map { plan.steps[$0.step].name } == ["train", "evaluate", "champion"])
        #expect(promote.dependencies.map(\.isOptional) == [false, false, true])
        let deploy = try #require(plan.step(named: "deploy"))
        #expect(
            deploy.dependencies.map { [$0.step == promote.index, $0.isOrder, $0.isData] } == [[true, true, false]])
    }

    @Test func `the vision example mixes backends and takes its matrix from params`() throws {
        var fixture = PipelineFixture(Examples.vision)
        fixture.request.params = [given("images", "s3://bucket/images"), given("shards", "3")]
        let plan = try fixture.plan()
        #expect(
            plan.step(named: "features").map { plan.nodes(of: $0).map(\.id) } == [
                "features[shard=0]", "features[shard=1]", "features[shard=2]",
            ])
        let crossval = try #require(plan.step(named: "crossval"))
        #expect(
            plan.nodes(of: crossval).prefix(3).map(\.id) == [
                "crossval[fold=1,arch=resnet50]", "crossval[fold=1,arch=convnext]", "crossval[fold=2,arch=resnet50]",
            ])
        #expect(plan.limits == ["parallel": 40, "pulls": 2])
        #expect(plan.warnings.contains { $0.message.contains("never be reused") })
    }

    @Test func `a node's step is evaluated for each attempt`() throws {
        var fixture = PipelineFixture(Examples.vision)
        fixture.request.params = [given("images", "s3://bucket/images")]
        let plan = try fixture.plan()
        let node = try #require(plan.nodes.first { $0.id == "crossval[fold=2,arch=convnext]" })
        let table = ArtifactReference(uri: "runs:/1/all.parquet")
        var scope = WrittenScope()
        scope.answers[.step(StepReference("merge", .only, .output("table")))] = .value(.artifact(table))
        scope.answers[.fact("attempt")] = .value(.int(2))
        let resolved = try plan.resolve(node, in: scope)
        #expect(resolved.action == .entryPoint("train"))
        #expect(
            resolved.params == [
                NamedValue("fold", .int(2)), NamedValue("arch", .string("convnext")),
                NamedValue("data", .artifact(table)),
            ])
        #expect(resolved.resources == ["cpu": 4, "gpu": 1, "memory": Double(32 << 30)])
        #expect(resolved.timeout == .seconds(6 * 3600) && resolved.grace == .seconds(30))
        #expect(
            resolved.retry.times == 2 && resolved.retry.delay == .seconds(20)
                && resolved.retry.maxDelay == .seconds(600))
        #expect(resolved.backendConfiguration == .file("k8s/job.yaml"))
        #expect(resolved.cache?.scope == .experiment)
        scope.answers[.fact("reason")] = .value(.string("exit"))
        #expect(try !plan.allowsRetry(node, in: scope))
        scope.answers[.fact("reason")] = .value(.string("oom"))
        #expect(try plan.allowsRetry(node, in: scope))
    }

    @Test func `env, tags and defaults are merged by key, and a step's own key wins`() throws {
        let plan = try PipelineFixture(
            """
            env: {A: top, B: top, C: 1.50}
            tags: {team: x, kind: top}
            defaults: {env: {B: default, D: default}, resources: {cpu: 2, memory: 1GiB}, timeout: 1h, cache: {salt: v1}}
            x-shared: &shared {params: {p: 1}}
            steps:
              s:
                <<: *shared
                command: x
                env: {D: own}
                tags: {kind: own}
                resources: {cpu: 3}
                x-note: ignored
            """
        ).plan()
        let resolved = try plan.resolve(plan.nodes[0], in: WrittenScope())
        #expect(
            Dictionary(uniqueKeysWithValues: resolved.environment.map { ($0.name, $0.value) }) == [
                "A": "top", "B": "default", "C": "1.50", "D": "own",
            ])
        #expect(Set(resolved.tags) == [NamedText("team", "x"), NamedText("kind", "own")])
        #expect(resolved.resources == ["cpu": 3, "memory": Double(1 << 30)])
        #expect(resolved.timeout == .seconds(3600))
        #expect(resolved.cache?.salt == "v1")
        #expect(resolved.params == [NamedValue("p", .int(1))])
    }

    // MARK: Matrix

    @Test func `cells come in the order of the file, without the excluded and with the included`() throws {
        let plan = try PipelineFixture(
            step:
                "matrix: {model: [ridge, rf], fold: [1, 2], exclude: [{model: ridge, fold: 2}], include: [{fold: 9, model: mlp}]}"
        ).plan()
        #expect(
            plan.nodes.map(\.id) == [
                "s[model=ridge,fold=1]", "s[model=rf,fold=1]", "s[model=rf,fold=2]", "s[model=mlp,fold=9]",
            ])
    }

    @Test(arguments: [
        ("a", "a"), ("'1'", "\"1\""), ("1", "1"), ("true", "true"), ("'true'", "\"true\""), ("a b", "\"a b\""),
        ("../x", "\"../x\""), ("'a]b'", "\"a]b\""), ("1.0", "1.0"), ("\"a\\nb\"", "\"a\\nb\""),
        ("[1, x]", "[1, \"x\"]"),
    ])
    func `W-06 a cell's name is one line and tells values apart`(value: String, shown: String) throws {
        let fixture = PipelineFixture("steps:\n  s:\n    command: x\n    matrix:\n      v:\n        - \(value)\n")
        let id = try #require(try fixture.plan().nodes.first).id
        #expect(id == "s[v=\(shown)]")
        #expect(!id.unicodeScalars.contains { $0.value < 32 })
    }

    @Test func `W-06 long values of cells are shortened and stay different`() throws {
        let long = String(repeating: "x", count: 1000)
        let plan = try PipelineFixture("steps:\n  s: {command: x, matrix: {v: [\(long)a, \(long)b]}}").plan()
        #expect(Set(plan.nodes.map(\.id)).count == 2)
        #expect(plan.nodes.allSatisfy { $0.id.count < 100 })
    }

    @Test func `a matrix from another step is expanded when that step is done`() throws {
        let plan = try PipelineFixture(
            """
            steps:
              list: {command: x, outputs: {names: names.json}}
              each: {command: y, matrix: {name: "${{ from_json(steps.list.outputs.names) }}", k: [1, 2]}}
            """
        ).plan()
        let each = try #require(plan.step(named: "each"))
        #expect(each.fanOut == .dynamic(variables: ["name", "k"]))
        #expect(plan.nodes.map(\.id) == ["list"])
        var scope = WrittenScope()
        scope.answers[.step(StepReference("list", .only, .output("names")))] = .value(.string(#"["a", "b"]"#))
        #expect(
            try plan.expand(each, in: scope).map(\.id) == [
                "each[name=a,k=1]", "each[name=a,k=2]", "each[name=b,k=1]", "each[name=b,k=2]",
            ])
    }

    @Test func `the matching cell of another matrix is found, and a missing one is refused`() throws {
        let text = """
            steps:
              train: {command: x, matrix: {fold: [1, 2]}, outputs: {model: m}}
              eval: {command: y, matrix: {fold: [1, 2], k: [a, b]}, params: {m: "${{ steps.train[matrix].outputs.model }}"}}
            """
        let plan = try PipelineFixture(text).plan()
        let train = try #require(plan.step(named: "train"))
        let eval = try #require(plan.step(named: "eval"))
        #expect(eval.dependencies.map(\.isSameCell) == [true])
        #expect(
            plan.nodes(of: eval).map { plan.matchingCellID(of: train, for: $0) } == [
                "train[fold=1]", "train[fold=1]", "train[fold=2]", "train[fold=2]",
            ])
        let wrong = PipelineFixture(text.replacing("fold: [1, 2], k", with: "fold: [1, 3], k")).findings()
        #expect(wrong.contains { $0.code == "P046" && $0.message.contains("'eval[fold=3,k=a]'") })
    }

    @Test func `more cells are possible when they are allowed`() throws {
        var fixture = PipelineFixture(
            "steps:\n  s: {command: x, matrix: {a: '${{ range(200) }}', b: '${{ range(100) }}'}}")
        #expect(fixture.findings().map(\.code) == ["P034"])
        fixture.request.maximumCells = 20_000
        #expect(try fixture.plan().nodes.count == 20_000)
    }

    @Test func `a matrix beyond counting is refused without being made`() {
        let lists = (0..<30).map { "v\($0): '${{ range(10000) }}'" }.joined(separator: ", ")
        let findings = PipelineFixture("steps:\n  s: {command: x, matrix: {\(lists)}}").findings()
        #expect(findings.map(\.code) == ["P034"])
    }

    // MARK: Graph

    @Test func `W-01 a chain of ten thousand steps is planned without recursion`() throws {
        let steps = (1..<10_000).map { "  s\($0): {command: x, needs: [s\($0 - 1)]}" }.reversed().joined(
            separator: "\n")
        let plan = try PipelineFixture("steps:\n\(steps)\n  s0: {command: x}\n").plan()
        #expect(plan.order.map { plan.steps[$0].name }.first == "s0")
        #expect(plan.order.count == 10_000)
        let path = plan.criticalPath { _ in .seconds(2) }
        #expect(path.length == .seconds(20_000) && path.steps.count == 10_000 && path.width == 1)
    }

    @Test func `W-01 every cycle is printed, and a step that waits for itself is one`() {
        let findings = PipelineFixture(
            """
            steps:
              a: {command: x, needs: [c]}
              b: {command: x, params: {v: "${{ steps.a.run_id }}"}}
              c: {command: x, needs: [b]}
              d: {command: x, when: steps.d.status == 'FINISHED'}
            """
        ).findings()
        #expect(findings.map(\.code) == ["P047", "P047"])
        #expect(findings[0].message.contains("a → c → b → a"))
        #expect(findings[1].message == "step 'd' waits for itself")
    }

    @Test func `the critical path follows the longest time, not the most steps`() throws {
        let plan = try PipelineFixture(
            """
            steps:
              a: {command: x}
              b: {command: x, needs: [a]}
              c: {command: x, needs: [b]}
              slow: {command: x}
              end: {command: x, needs: [c, slow]}
            """
        ).plan()
        let path = plan.criticalPath { $0.name == "slow" ? .seconds(60) : nil }
        #expect(path.steps.map { plan.steps[$0].name } == ["slow", "end"])
        #expect(path.length == .seconds(61))
        #expect(path.width == 2)
        #expect(path.remaining == [.seconds(4), .seconds(3), .seconds(2), .seconds(61), .seconds(1)])
    }

    // MARK: Outputs

    @Test(arguments: [
        "steps: {a: {command: x, outputs: {o: ./f}}, b: {command: y, outputs: {p: ./f}}}",
        "steps: {a: {command: x, outputs: {o: ./f}, matrix: {v: [1, 2]}}}",
        "steps: {a: {command: x, outputs: {o: './f${{ matrix.v }}'}, matrix: {v: [1, 2]}}, b: {command: x, outputs: {p: ./f2}}}",
    ])
    func `W-04 two nodes that write one output are refused`(text: String) {
        #expect(PipelineFixture(text).findings().map(\.code) == ["P036"])
    }

    @Test(arguments: [
        "steps: {a: {command: x, outputs: {o: f}}, b: {command: y, outputs: {p: f}}}",
        "steps: {a: {command: x, outputs: {o: ./f}, max_parallel: 1, matrix: {v: [1, 2]}}}",
        "steps: {a: {command: x, outputs: {o: './f${{ matrix.v }}'}, matrix: {v: [1, 2]}}}",
        "steps: {a: {command: x, outputs: {o: ./f}}, b: {command: y, project: other, outputs: {p: ./f}}}",
    ])
    func `W-04 outputs that are kept apart are not`(text: String) {
        #expect(PipelineFixture(text).findings() == [])
    }

    @Test(arguments: ["../f", "/etc/passwd", "a/../../b", "./../f", "", "a//b", "~/x"])
    func `W-06 an output outside the run's artifacts is refused`(path: String) {
        let findings = PipelineFixture("steps: {a: {command: x, outputs: {o: '\(path)'}}}").findings()
        #expect(findings.map(\.code) == ["P014"])
    }

    @Test(arguments: ["a/b", "..", "a b", "-a", "é", String(repeating: "x", count: 65), "1a"])
    func `W-06 a step's name is refused`(name: String) {
        #expect(PipelineFixture("steps:\n  '\(name)': {command: x}").findings().contains { $0.code == "P014" })
    }

    @Test func `W-06 step names that differ in case only are refused`() {
        #expect(PipelineFixture("steps: {Train: {command: x}, train: {command: x}}").findings().map(\.code) == ["P014"])
    }

    // MARK: Entry points

    private func project(_ entryPoints: [EntryPoint]) -> Project {
        Project(entryPoints: entryPoints, root: FilePath("/nowhere"))
    }

    @Test func `P031 an entry point that the project has not is an error that lists those it has`() {
        var fixture = PipelineFixture("steps:\n  trian:\n  other: {entry_point: main, project: elsewhere}")
        let project = project([EntryPoint(name: "train", command: .script("x"))])
        fixture.surroundings.project = { place, _ in place == nil ? project : nil }
        let findings = fixture.findings()
        #expect(findings.map(\.code) == ["P031"])
        #expect(findings.first?.remedy == "did you mean 'train'?")
        #expect(findings.first?.length == 5)
    }

    @Test func `params are held against what the entry point declares`() {
        var fixture = PipelineFixture(
            """
            steps:
              train:
                matrix: {fold: [1, 2]}
                params: {alpha: x, extra: 1}
            """)
        let project = project([
            EntryPoint(
                name: "train",
                parameters: [
                    ParameterDeclaration(name: "fold", type: .int), ParameterDeclaration(name: "alpha", type: .float),
                    ParameterDeclaration(name: "data", type: .path),
                ], command: .script("x"))
        ])
        fixture.surroundings.project = { _, _ in project }
        let findings = fixture.findings()
        #expect(findings.map { "\($0.label)" } == ["warning", "error P020", "error P022"])
        #expect(findings[0].message.contains("declares no param 'extra'"))
        #expect(findings[1].message.contains("'data'"))
        #expect(findings[2].message.contains("is not a number"))
    }

    @Test func `P060 a secret without a value is an error before the start`() {
        var fixture = PipelineFixture("secrets: [A, B]\nsteps: {s: {command: x, secrets: [A]}}")
        fixture.surroundings.hasSecret = { $0 == "A" }
        #expect(fixture.findings().map(\.message) == ["the secret 'B' has no value"])
    }

    @Test func `a nested pipeline is planned with the params that are known, and its outputs are checked`() throws {
        let inner =
            "params: {n: {type: int}}\nsteps: {i: {command: x, outputs: {m: m}}}\noutputs: {model: '${{ steps.i.outputs.m }}'}"
        var fixture = PipelineFixture(
            """
            steps:
              sub: {pipeline: inner.yaml, params: {n: 5}}
              use: {command: x, params: {m: "${{ steps.sub.outputs.model }}"}}
            """)
        fixture.surroundings.nestedPlan = { (name, _, request, isCheck) throws(InvalidInput) in
            let bytes = Array(inner.utf8)
            guard let pipeline = Pipeline.read(bytes, file: name).pipeline else { return nil }
            let made = Plan.make(pipeline, source: bytes, request: request, isCheck: isCheck)
            guard let plan = made.plan else { throw InvalidInput(made.findings) }
            return plan
        }
        let plan = try fixture.plan()
        let nested = try #require(plan.step(named: "sub")?.nested?.plan)
        #expect(nested.params == [NamedValue("n", .int(5))])
        fixture.text = fixture.text.replacing("outputs.model", with: "outputs.modle").replacing("n: 5", with: "k: 5")
        #expect(fixture.findings().map(\.code).sorted { ($0 ?? "") < ($1 ?? "") } == ["P020", "P021"])
        fixture.text = fixture.text.replacing("k: 5", with: "n: 5")
        #expect(fixture.findings().map(\.remedy) == ["did you mean 'model'?"])
    }

    @Test func `a matrix that has no values is told in the plan: nothing of it runs`() throws {
        let fixture = PipelineFixture(
            """
            params: {n: 0}
            steps:
              train: {command: 'x {i}', matrix: {i: "${{ range(params.n) }}"}}
              after: {command: x, needs: [train]}
            """)
        let forecast = PlanForecast(try fixture.plan())
        #expect(forecast.rows.map(\.decision) == [.omit, .run])
        #expect(forecast.rows.first?.reason == "its matrix has no values")
    }

    @Test func `names of resources are looked at beside mistakes that keep values from being known`() throws {
        let fixture = PipelineFixture(
            "steps:\n  a: {command: x, needs: [b]}\n  c: {command: x, resources: {cores: 2}}\n")
        #expect(fixture.findings().map(\.code) == ["P041", "P050"])
    }

    @Test(arguments: [
        ("cache: true", "'run.run_id' is new in each run, so no step that has it will ever be reused"),
        ("cache: {ignore: [ID]}", nil), ("", nil),
    ])
    func `a variable of all steps that is new in each run is warned of where steps may be reused`(
        cache: String, expected: String?
    ) throws {
        let fixture = PipelineFixture(
            "\(cache)\nenv: {ID: '${{ run.run_id }}'}\nsteps:\n  a: {command: x}\n  b: {command: x}\n")
        #expect(try fixture.plan().warnings.map(\.message) == [expected].compactMap { $0 })
    }

    // MARK: Parts

    private static let diamond = """
        steps:
          a: {command: x, outputs: {o: o}}
          b: {command: x, params: {v: "${{ steps.a.outputs.o }}"}, outputs: {o: o}}
          c: {command: x, params: {v: "${{ steps.a.outputs.o }}"}}
          d: {command: x, needs: [c], params: {v: "${{ steps.b.outputs.o }}"}}
        """

    @Test(arguments: [
        ("only", "b,c", "b,c"), ("from", "b", "b,d"), ("until", "b", "a,b"), ("skip", "a", "b,c,d"),
        ("from until", "b", "b"),
    ])
    func `some steps of a pipeline can be chosen`(options: String, names: String, chosen: String) throws {
        var fixture = PipelineFixture(Self.diamond)
        let names = names.split(separator: ",").map(String.init)
        for option in options.split(separator: " ") {
            switch option {
            case "only": fixture.request.part.only = names
            case "from": fixture.request.part.from = names
            case "until": fixture.request.part.until = names
            default: fixture.request.part.skip = names
            }
        }
        let plan = try fixture.plan()
        #expect(plan.steps.filter(\.isIncluded).map(\.name).joined(separator: ",") == chosen)
    }

    @Test func `P070 a part without a step, and P041 a part of steps that do not exist`() {
        var fixture = PipelineFixture(Self.diamond)
        fixture.request.part.only = ["d"]
        fixture.request.part.skip = ["d"]
        #expect(fixture.findings().map(\.code) == ["P070"])
        fixture.request.part = .init()
        fixture.request.part.only = ["x"]
        #expect(fixture.findings().map(\.code) == ["P041"])
    }

    // MARK: Params

    @Test(arguments: [
        ("n", "5", Value.int(5)), ("x", "1", .float(1)), ("x", "1e-4", .float(0.0001)), ("b", "false", .bool(false)),
        ("l", "[1, \"a\"]", .list([.int(1), .string("a")])), ("s", "5", .string("5")), ("s", "", .string("")),
    ])
    func `-P is read by the type of its param`(name: String, text: String, value: Value) throws {
        var fixture = PipelineFixture("params: {n: 1, x: 0.5, b: true, l: [], s: a}\nsteps: {s: {command: x}}")
        fixture.request.params = [given(name, text)]
        #expect(try fixture.plan().params.first { $0.name == name }?.value == value)
    }

    @Test(arguments: [
        ("n", "1.5"), ("n", ""), ("n", "0x"), ("x", "abc"), ("b", "yes"), ("l", "a"), ("l", "{}"),
        ("n", "99999999999999999999"),
    ])
    func `P022 -P of another type is refused`(name: String, text: String) {
        var fixture = PipelineFixture("params: {n: 1, x: 0.5, b: true, l: []}\nsteps: {s: {command: x}}")
        fixture.request.params = [given(name, text)]
        #expect(fixture.findings(isCheck: false).map(\.code) == ["P022"])
    }

    @Test func `a file of params is held against the declared ones, each with its place`() throws {
        var fixture = PipelineFixture("params: {n: {type: int, min: 1}, s: a}\nsteps: {s: {command: x}}")
        fixture.request.params = try PlanRequest.params(reading: Array("n: 0\nt: 1\n".utf8), file: "p.yaml")
        let findings = fixture.findings(isCheck: false)
        #expect(
            findings.map { "\($0.location.map(\.description) ?? "") \($0.code ?? "")" } == [
                "p.yaml:2:4 P021", "p.yaml:1:4 P022",
            ])
        // The command line wins over the file.
        fixture.request.params =
            try PlanRequest.params(reading: Array(#"{"n": 3}"#.utf8), file: "p.json") + [given("n", "7")]
        #expect(try fixture.plan().params.first?.value == .int(7))
    }

    // MARK: JSON

    @Test func `a plan that is read back is the one that was written`() throws {
        var fixture = PipelineFixture(Examples.vision)
        fixture.request.params = [
            given("images", "s3://b/\"x\""), .init("shards", .value(.int(3))),
            .init("folds", .value(.list([.float(1), .int(2)]))),
        ]
        fixture.request.part.until = ["merge"]
        fixture.request.part.using = "abc"
        fixture.request.commits = [NamedText("https://github.com/example/trainer@v4.1", "0123")]
        let plan = try fixture.plan()
        let restored = try Plan(reading: plan.json)
        #expect(restored.json == plan.json)
        #expect(restored.request == plan.request)
        #expect(restored.nodes == plan.nodes)
        #expect(restored.steps.map(\.isIncluded) == plan.steps.map(\.isIncluded))
        #expect(restored.params == plan.params)
    }

    @Test(arguments: ["", "{}", "[]", "{\"format\":\"swiftflow-plan-9\"}", "nonsense"])
    func `what is no plan is refused`(text: String) {
        #expect(throws: InvalidInput.self) { try Plan(reading: Array(text.utf8)) }
    }

    @Test func `a plan of other nodes than its text gives is refused`() throws {
        let plan = try PipelineFixture(step: "matrix: {v: [1, 2]}").plan()
        let text = String(decoding: plan.json, as: UTF8.self).replacing("s[v=2]", with: "s[v=3]")
        #expect(throws: InvalidInput.self) { try Plan(reading: Array(text.utf8)) }
    }

    // MARK: Forecast

    @Test func `the forecast says for each step what happens and why`() throws {
        var fixture = PipelineFixture(Examples.movielens)
        fixture.request.part.force = ["als"]
        let plan = try fixture.plan()
        let forecast = PlanForecast(plan, duration: { _ in .seconds(120) }) { step, _ in
            step.name == "als" ? nil : .init(.reuse, "run 7f3a91c2, 3 days ago")
        }
        #expect(forecast.rows.map(\.decision) == [.reuse, .reuse, .run, .run])
        #expect(forecast.rows.map(\.reason).suffix(2) == ["--force", "cache is off for this step"])
        #expect(forecast.path.length == .seconds(240) && forecast.hasWork && forecast.isTimeKnown)
    }

    @Test func `the forecasts of cells that are pipelines are told together, and only their steps count`() throws {
        let inner = try PipelineFixture("cache: true\nsteps:\n  a: {command: x}\n  b: {command: x}").plan()
        let outer = try PipelineFixture("name: o\nsteps:\n  p: {pipeline: i.yaml, matrix: {n: [1, 2, 3]}}").plan()
        func forecast(_ decision: PlanForecast.Decision, seconds: Int) -> PlanForecast {
            PlanForecast(inner, duration: { _ in .seconds(seconds) }) { step, _ in
                .init(step.name == "b" ? decision : .reuse, step.name)
            }
        }
        let whole = PlanForecast(
            outer, findings: [0: [.init(.reuse, "no"), .init(.run, "yes"), .init(.reuse, "no")]],
            nested: [0: [forecast(.reuse, seconds: 5), forecast(.run, seconds: 9), forecast(.reuse, seconds: 7)]])
        let told = whole.allRows.map { "\($0.step) \($0.count ?? 0) \($0.decision.rawValue)" }
        #expect(told == ["p 1 reuse", "p 1 run", "p 1 reuse", "p/a 3 reuse", "p/b 2 reuse", "p/b 1 run"])
        #expect(whole.count(of: .run) == 1 && whole.count(of: .reuse) == 5 && whole.stepCount == 2)
        #expect(whole.path.length == .seconds(9) && whole.isTimeKnown && whole.hasWork)
    }
}
