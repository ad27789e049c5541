import Diagnostics
import Testing

@testable import Pipelines

/// Every key of the format, read into its place.
@Suite struct KeysTests {
    private static let text = """
        version: 1
        name: all-keys
        description: Every key
        experiment: exp
        params:
          n: {type: int, default: 2, choices: [1, 2, 3], min: 1, max: 3, help: how many}
        env: {A: 1}
        secrets: [TOKEN]
        cache: true
        defaults:
          project: .
          version: v1
          backend: docker
          backend_config: {pull: never}
          image: python:3
          env_manager: uv
          env: {B: 2}
          resources: {memory: 1GiB}
          timeout: 1h
          grace: 5s
          retry: 1
          cache: {code: ["*.py"], ignore: [verbose], ttl: 7d, salt: v2, scope: store}
        limits: {cpu: 8, db: 2}
        on_error: continue
        timeout: 2d
        tags: {team: x}
        concurrency: allow
        outputs: {best: "${{ steps.fan.best.metrics.rmse }}"}
        steps:
          first:
            entry_point: main
            params: {verbose: true, place: "${{ outputs.model }}"}
            outputs: {model: model}
            metrics: [rmse]
            secrets: [TOKEN]
            description: The first
            tags: {kind: a}
            priority: 5
            run_on: success
            when: params.n > 1
          fan:
            command: echo {verbose} {k}
            params: {verbose: false}
            needs: [first]
            matrix: {k: [1, 2, 3], exclude: [{k: 3}], include: [{k: 7}]}
            select: {metric: rmse, goal: max, top: 2, over: best}
            max_parallel: 2
            allow_failure: 50%
            retry: {times: 3, delay: 1s, backoff: 1.5, max_delay: 1m, jitter: 0, when: exit_code == 3}
          nested:
            pipeline: other.yaml
          found:
            search: {filter: "params.a = '1'", order_by: [metrics.m DESC], limit: 3, experiment: other}
          kept:
            register: {model: "${{ steps.first.outputs.model }}", name: m, alias: best, tags: {a: b}, description: d}
        """

    @Test func `each key is read into its place`() throws {
        for key in TopKey.allCases where key != .hooks { #expect(Self.text.contains("\(key.rawValue):")) }
        for key in StepKey.allCases where key != .hooks && key != .sweep {
            #expect(Self.text.contains("\(key.rawValue):"))
        }
        let (read, findings) = Pipeline.read(Array(Self.text.utf8), file: "p")
        #expect(findings == [])
        let pipeline = try #require(read)
        #expect(pipeline.check() == [])
        #expect(pipeline.name?.literal == .string("all-keys") && pipeline.experiment?.literal == .string("exp"))
        #expect(pipeline.onError == .continue && pipeline.concurrency == .allow)
        #expect(pipeline.timeout?.literal == .string("2d"))
        #expect(pipeline.limits.map(\.name) == ["cpu", "db"] && pipeline.secrets.map(\.value) == ["TOKEN"])
        #expect(pipeline.tags.map(\.name) == ["team"] && pipeline.outputs.map(\.name) == ["best"])
        let parameter = try #require(pipeline.parameters.first)
        #expect(
            parameter.kind == .int && parameter.defaultValue == .int(2)
                && parameter.choices == [.int(1), .int(2), .int(3)])
        #expect(parameter.minimum == 1 && parameter.maximum == 3 && parameter.help == "how many")

        let first = try #require(pipeline.step(named: "first"))
        #expect(first.project?.literal == .string(".") && first.version?.literal == .string("v1"))
        #expect(first.backend?.literal == .string("docker") && first.image?.literal == .string("python:3"))
        #expect(first.environmentManager?.literal == .string("uv") && first.timeout?.literal == .string("1h"))
        #expect(first.grace?.literal == .string("5s") && first.retry.times == 1 && first.priority == 5)
        #expect(first.environment.map(\.name) == ["B"] && first.resources.map(\.name) == ["memory"])
        #expect(first.metrics.map(\.value) == ["rmse"] && first.outputs.map(\.name) == ["model"])
        #expect(first.when?.text == "params.n > 1" && first.description?.literal == .string("The first"))
        #expect(first.cache?.code == ["*.py"] && first.cache?.ignore.map(\.value) == ["verbose"])
        #expect(first.cache?.scope == .store && first.cache?.salt?.literal == .string("v2"))
        #expect(first.cache?.timeToLive?.literal == .string("7d"))

        let fan = try #require(pipeline.step(named: "fan"))
        #expect(fan.select == Selection(metric: "rmse", goal: .max, top: 2, over: .best))
        #expect(fan.maxParallel == 2 && fan.allowFailure == .percent(50) && fan.needs.map(\.value) == ["first"])
        #expect(fan.retry.times == 3 && fan.retry.backoff == 1.5 && fan.retry.jitter == 0)
        #expect(fan.retry.delay?.literal == .string("1s") && fan.retry.maxDelay?.literal == .string("1m"))
        #expect(fan.retry.when?.text == "exit_code == 3")
        #expect(fan.matrix?.include.count == 1 && fan.matrix?.exclude.count == 1)

        guard case .search(let search)? = pipeline.step(named: "found")?.action,
            case .register(let registration)? = pipeline.step(named: "kept")?.action,
            case .pipeline(let nested)? = pipeline.step(named: "nested")?.action
        else {
            Issue.record("an action was not read")
            return
        }
        #expect(search.limit == 3 && search.orderBy.count == 1 && search.experiment?.literal == .string("other"))
        #expect(registration.alias?.literal == .string("best") && registration.tags.map(\.name) == ["a"])
        #expect(nested.literal == .string("other.yaml"))
    }

    @Test(arguments: [
        ("false", Step.AllowedFailures.none, 0), ("true", .any, 10), ("3", .count(3), 3), ("25%", .percent(25), 2),
        ("20", .count(20), 10), ("100%", .percent(100), 10),
    ])
    func `allow_failure counts cells`(text: String, read: Step.AllowedFailures, limit: Int) throws {
        let text = "steps: {s: {command: x, matrix: {k: [1]}, allow_failure: \(text)}}"
        let step = try #require(Pipeline.read(Array(text.utf8), file: "p").pipeline?.steps.first)
        #expect(step.allowFailure == read)
        #expect(step.allowFailure.limit(of: 10) == limit)
    }

    @Test(arguments: [
        "retry: 1000000000", "retry: -1", "retry: {times: 1, backoff: .inf}", "retry: {times: 1, backoff: .nan}",
        "retry: {times: 1, backoff: 0.5}", "retry: {times: 1, jitter: 2}", "retry: {times: 1, delay: -5s}",
        "retry: {times: 9223372036854775808}", "allow_failure: -1", "allow_failure: 101%", "allow_failure: +5%",
        "resources: {cpu: -1}", "resources: {memory: -1GiB}", "resources: {cpu: .nan}", "timeout: -1s", "priority: 1.5",
    ])
    func `W-08 numbers that mean nothing are refused where they are written`(setting: String) {
        let (_, findings) = Pipeline.read(Array("steps: {s: {command: x, \(setting)}}".utf8), file: "p")
        #expect(findings.map(\.code) == ["P011"])
    }

    @Test func `x- keys are ignored everywhere, and anchors and merges work`() {
        let text = """
            x-step: &step {command: x, params: {a: 1}, x-why: because}
            x-list: [1, 2]
            params: {x-note: ignored}
            defaults: {x-d: 1, timeout: 1h}
            steps:
              x-not-a-step: {nonsense: true}
              a: {<<: *step, needs: []}
              b: *step
            """
        let (pipeline, findings) = Pipeline.read(Array(text.utf8), file: "p")
        #expect(findings == [])
        #expect(pipeline?.steps.map(\.name) == ["a", "b"])
        #expect(pipeline?.steps.allSatisfy { $0.parameters.map(\.name) == ["a"] } == true)
    }

    @Test func `YAML 1 2 scalars: 1e-4 is a number and no is text`() throws {
        let text = "params: {rate: 1e-4, answer: no, country: NO, on: yes}\nsteps: {s: {command: x}}"
        let parameters = try #require(Pipeline.read(Array(text.utf8), file: "p").pipeline?.parameters)
        #expect(parameters.map(\.kind) == [.float, .string, .string, .string])
    }
}
