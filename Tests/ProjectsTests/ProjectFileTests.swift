import Diagnostics
import Files
import Projects
import SystemPackage
import TestSupport
import Testing

@Suite struct `Project files` {
    @Test func `a whole file is read in its order`() throws {
        let fixture = try ProjectFixture(
            mlproject: """
                name: demo
                python_env: env/python_env.yaml
                entry_points:
                  main:
                    parameters:
                      alpha: float
                      l1_ratio: {type: float, default: 0.10}
                      data: {type: path, default: data/in.csv}
                      free: {default: yes}
                      none: {type: int, default: ~}
                    command: "python train.py {alpha} {l1_ratio}"
                  whole:
                    pipeline: pipeline.yaml
                  both: {pipeline: p.yaml, command: "true"}
                """, ["env/python_env.yaml": ""])
        let project = try fixture.load()
        #expect(project.name == "demo")
        #expect(project.file == "MLproject")
        #expect(project.environment == .python(try RelativePath("env/python_env.yaml")))
        #expect(project.entryPoints.map(\.name) == ["main", "whole", "both"])
        #expect(project.entryPoints[0].parameters.map(\.name) == ["alpha", "l1_ratio", "data", "free", "none"])
        #expect(project.entryPoints[0].parameters.map(\.defaultValue) == [nil, "0.1", "data/in.csv", "True", nil])
        #expect(project.entryPoints[0].parameters.map(\.type) == [.float, .float, .path, .string, .int])
        #expect(project.entryPoints[1].pipeline == "pipeline.yaml")
        #expect(project.entryPoints[1].command == nil)
        #expect(project.warnings.isEmpty)
        #expect(ProjectFile.check(fixture.root).isEmpty)
    }

    @Test func `a folder without the file is a project without entry points`() throws {
        let project = try ProjectFixture(["train.py": ""]).load()
        #expect(
            project.entryPoints.isEmpty && project.name == nil && project.environment == .none && project.file == nil)
    }

    @Test func `environments are found by name`() throws {
        #expect(
            try ProjectFixture(["python_env.yaml": "", "conda.yaml": ""]).load().environment
                == .python(try RelativePath("python_env.yaml")))
        #expect(
            try ProjectFixture(mlproject: "conda_env: ''\n", ["conda.yaml": ""]).load().environment
                == .conda(try RelativePath("conda.yaml")))
        #expect(
            try ProjectFixture(mlproject: "conda_env: ./c.yaml\n", ["c.yaml": ""]).load().environment
                == .conda(try RelativePath("c.yaml")))
    }

    @Test func `docker environments are read`() throws {
        let project = try ProjectFixture(
            mlproject:
                "name: d\ndocker_env:\n  image: a/b:c\n  volumes: ['/h:/c']\n  environment: [[N, v], COPY, [X, 1]]\n"
        ).load()
        #expect(
            project.environment
                == .docker(
                    DockerEnvironment(
                        image: "a/b:c", volumes: ["/h:/c"],
                        variables: [.set(name: "N", value: "v"), .copied(name: "COPY"), .set(name: "X", value: "1")])))
    }

    @Test func `a spark job is read`() throws {
        let project = try ProjectFixture(
            mlproject: "databricks_spark_job: {python_file: a.py, parameters: [x, 1], python_libraries: [numpy]}\n"
        ).load()
        #expect(project.sparkJob == SparkJob(pythonFile: "a.py", parameters: ["x", "1"], pythonLibraries: ["numpy"]))
    }

    @Test(arguments: ["MLproject", "mlproject", "MLPROJECT", "MLproject.yaml", "mlproject.yml"])
    func `the file is found in any case, also with an extension`(name: String) throws {
        #expect(try ProjectFixture([name: "name: x\n"]).load().file == name)
    }

    @Test func `Y-07 of several files the usual name is taken, with a warning`() throws {
        let fixture = try ProjectFixture([
            "mlproject": "name: b\n", "MLproject": "name: a\n", "MLproject.yaml": "name: c\n",
        ])
        let project = try fixture.load()
        #expect(project.name == "a")
        #expect(
            project.warnings.map(\.description) == [
                "MLproject: warning: 'MLproject' is used, and 'mlproject', 'MLproject.yaml' beside it is not; keep one of them"
            ])
    }

    static let mistakes: [(String, [String])] = [
        ("[a, b]", ["MLproject:1:1: error: the file is a list, not a mapping"]),
        ("text", ["MLproject:1:1: error: the file is text, not a mapping"]),
        ("", ["MLproject: error: the file is empty"]), ("# c\n", ["the file is empty"]),
        (
            "entry_points:\n",
            ["MLproject:1:1: error: 'entry_points' is empty, not a mapping"].map { $0.replacing("1:1", with: "1:14") }
        ), ("entry_points: [main]", ["MLproject:1:15: error: 'entry_points' is a list"]),
        ("entry_points:\n  main:\n", ["MLproject:2:3: error: the entry point 'main' is empty, not a mapping"]),
        ("entry_points:\n  main: python x\n", ["MLproject:2:9: error: the entry point 'main' is text"]),
        (
            "entry_points:\n  main:\n    parameters:\n    command: x\n",
            ["MLproject:3:5: error: 'parameters' of the entry point 'main' is empty"]
        ),
        (
            "entry_points:\n  main:\n    parameters: [a]\n    command: x\n",
            ["MLproject:3:17: error: 'parameters' of the entry point 'main' is a list"]
        ),
        (
            "entry_points:\n  main:\n    command: [a, b]\n",
            ["MLproject:3:14: error: the command of 'main' is a list, not text"]
        ),
        (
            "entry_points:\n  main:\n    command: true\n",
            ["MLproject:3:14: error: the command of 'main' is true or false, not text; write it in quotes: \"true\""]
        ),
        (
            "entry_points:\n  main:\n    command: x\n    parameters:\n      a:\n      b: [1]\n      c: 1\n      d: {type: 3}\n",
            [
                "5:9: error: the type of the parameter 'a' is empty", "6:10: error: the parameter 'b' is a list",
                "7:10: error: the type of the parameter 'c' is '1', not a type's name; for a default value write 'c: {default: 1}'",
                "8:17: error: the type of the parameter 'd'",
            ]
        ),
        (
            "python_env: a.yaml\nconda_env: b.yaml\n",
            [
                "MLproject:2:1: error: only one environment is possible, not 'python_env' and 'conda_env'",
                "1:13: error: 'python_env' names 'a.yaml', but there is no such file", "2:12: error: 'conda_env' names",
            ]
        ),
        ("python_env:\ndocker_env:\n", ["only one environment"]),
        ("python_env: ../x.yaml\n", ["1:13: error: 'python_env' names '../x.yaml', which is not inside the project"]),
        ("conda_env: /etc/passwd\n", ["not inside the project"]),
        ("python_env: 5\n", ["'python_env' is an integer, not text"]),
        ("name: [a]\n", ["'name' is a list"]),
        ("name: 2020-13-01\n", ["MLproject:1:7: error: YAML reads '2020-13-01' as a date"]),
        (
            "name: x\ndocker_env: {volumes: 5}\n",
            ["2:13: error: 'docker_env' has no 'image'", "2:23: error: 'volumes' is an integer, not a list"]
        ),
        (
            "name: x\ndocker_env: {image: i, environment: [[a], {b: c}]}\n",
            ["2:38: error: an item of 'environment'", "2:43: error: an item of 'environment'"]
        ), ("docker_env: text\n", ["'docker_env' is text, not a mapping"]),
        (
            "name: x\ndocker_env: {dockerfile: ../Dockerfile}\n",
            ["2:26: error: 'dockerfile' is '../Dockerfile', which is no path inside the project"]
        ), ("name: x\ndocker_env: {dockerfile: D, image: i}\n", ["'docker_env' has both 'image' and 'dockerfile'"]),
        ("databricks_spark_job: {}\n", ["needs 'python_file'"]),
        (
            "databricks_spark_job: {python_file: x}\nentry_points: {main: {command: a, parameters: {p: path}}}\ndocker_env: {image: i}\nname: x\n",
            ["may have no 'entry_points'", "'docker_env' is not possible", "'p' is a path"]
        ),
        ("a: b: c\n", ["MLproject:1:5: error: not valid YAML"]),
        ("entry_points:\n  ? [a]\n  : {}\n", ["2:5: error: a key must be text"]),
        ("entry_points: {'': {command: x}}\n", ["an entry point's name is empty"]),
    ]

    @Test(arguments: mistakes.indices) func `Y-06 every mistake is reported with its key and line`(index: Int) throws {
        let (text, expected) = Self.mistakes[index]
        let errors = try ProjectFixture(mlproject: text).refusal()
        #expect(errors.count == expected.count, "\(errors)")
        for fragment in expected {
            #expect(errors.contains { $0.contains(fragment) }, "\(fragment) is not in \(errors)")
        }
    }

    @Test func `unknown keys are ignored with a suggestion`() throws {
        let text =
            "nmae: x\nentry_points:\n  main:\n    comand: x\n    command: y\n    parameters:\n      a: {typ: int, default: 1}\n      b: flaot\n"
        let project = try ProjectFixture(mlproject: text).load()
        #expect(
            project.warnings.map(\.description) == [
                "MLproject:1:1: warning: 'nmae' is no key of an MLproject file and is ignored; did you mean 'name'?",
                "MLproject:4:5: warning: 'comand' is no key of the entry point 'main' and is ignored; did you mean 'command'?",
                "MLproject:7:11: warning: 'typ' is no key of the parameter 'a' and is ignored; did you mean 'type'?",
                "MLproject:8:10: warning: the parameter 'b' has the unknown type 'flaot' and is taken as text; did you mean 'float'?",
            ])
    }

    @Test func `a check tells everything, in the order of the file`() throws {
        let text =
            "entry_points:\n  a:\n    command: x {w}\n    parameters: {v: int, 'b,c': float, n: {type: int, default: 3.5}}\n  b: {}\n  c: {command: \"x '{v}'\", parameters: {v: string}}\nzzz: 1\n"
        let fixture = try ProjectFixture(mlproject: text)
        let found = ProjectFile.check(fixture.root).map(\.description)
        try #require(found.count == 6, "\(found)")
        #expect(
            found[0].hasPrefix(
                "MLproject:3:14: error: the command of entry point 'a' has '{w}' is not a declared parameter"))
        #expect(found.contains { $0.contains("the parameter name 'b,c' may contain only") })
        #expect(found.contains { $0.contains("warning: the default '3.5' of the parameter 'n' is not an integer") })
        #expect(found.contains { $0.contains("MLproject:5:3: error: the entry point 'b' has no command") })
        #expect(found.contains { $0.contains("warning: entry point 'c': placeholder {v} stands inside quotes") })
        #expect(found[5].contains("'zzz'"))
    }

    @Test(.timeLimit(.minutes(10)))
    func `Y-08 what is no regular file of the project is refused at once, and not shown`() throws {
        func refusal(_ make: (FilePath) throws -> Void) throws -> String {
            let fixture = try ProjectFixture(["secret": "name: TOPSECRET: x\n"])
            let project = fixture.root.appending("project")
            try makeFolders(project)
            try make(project.appending("MLproject"))
            let start = ContinuousClock.now
            let error = #expect(throws: InvalidInput.self) { try Project(loading: project) }
            #expect(start.duration(to: .now) < .seconds(60))
            let text = try #require(error?.description)
            #expect(!text.contains("TOPSECRET"))
            return text
        }
        #expect(try refusal { try makeFolders($0) }.contains("this is a folder"))
        let pipe = try refusal { path in
            guard makePipe(path) else { throw Errno.notSupported }
        }
        #expect(pipe.contains("not a regular file"))
        #expect(try refusal { try link(to: "../secret", at: $0) }.contains("is a link"))
        #expect(try refusal { try link(to: "/dev/zero", at: $0) }.contains("is a link"))
        #expect(try refusal { try link(to: "nowhere", at: $0) }.contains("is a link"))
    }

    @Test func `E-01 environment files must be files of the project`() throws {
        let fixture = try ProjectFixture(mlproject: "python_env: e.yaml\n", ["x.yaml": "SECRET"])
        try link(to: "x.yaml", at: fixture.root.appending("e.yaml"))
        #expect(try fixture.refusal().joined().contains("which is a link and is not followed"))
        let folder = try ProjectFixture(mlproject: "conda_env: d\n", ["d/x": ""])
        #expect(try folder.refusal().joined().contains("which is not a file"))
    }

    @Test(.timeLimit(.minutes(10))) func `Y-09 huge files are refused, many parameters are handled`() throws {
        #expect(
            try ProjectFixture(mlproject: String(repeating: "# xxxxxxxxxxxxxx\n", count: 4_000_000)).refusal().joined()
                .contains("1048576"))
        let many =
            "entry_points:\n  main:\n    command: x\n    parameters:\n"
            + (0..<20_000).map { "      p\($0): float\n" }.joined()
        let start = ProcessorTime.now
        #expect(try ProjectFixture(mlproject: many).load().entryPoints[0].parameters.count == 20_000)
        #expect(start.elapsed < .seconds(100))
    }

    @Test func `Y-10 control sequences are shown escaped`() throws {
        let text = "entry_points:\n  \"a\\e[31m\\n\\u202E\": 5\n\"k\\e[2J\": 1\n"
        let fixture = try ProjectFixture(mlproject: text)
        let errors = try fixture.refusal() + ProjectFile.check(fixture.root).map(\.description)
        for error in errors { #expect(!error.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E }) }
        #expect(errors.joined().contains("\\u{1b}[31m"))
    }

    @Test func `keys that YAML does not read as text keep their text, with a warning`() throws {
        let project = try ProjectFixture(mlproject: "entry_points:\n  on: {command: x}\n  2: {command: y}\n").load()
        #expect(project.entryPoints.map(\.name) == ["on", "2"])
        #expect(project.warnings.count == 2)
    }
}
