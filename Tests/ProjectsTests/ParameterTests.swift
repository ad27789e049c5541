import Diagnostics
import Foundation
import Projects
import SystemPackage
import TestSupport
import Testing

@Suite struct `Entry points` {
    @Test func `declared ones win over scripts`() throws {
        let project = try ProjectFixture(mlproject: "entry_points: {train.py: {command: x}, main: {command: y}}\n")
            .load()
        #expect(
            try project.entryPoint(named: "train.py").command
                == .template("x", location: .init(file: "MLproject", line: 1, column: 36)))
    }

    @Test(arguments: [
        ("train.py", "python train.py"), ("a b/t.py", "python 'a b/t.py'"), ("./train.py", "python ./train.py"),
        ("run.sh", "bash run.sh"), ("m.R", "Rscript -e \"mlflow::mlflow_source('m.R')\" --args"),
        ("it's.R", "Rscript -e 'mlflow::mlflow_source('\"'\"'it\\'\"'\"'s.R'\"'\"')' --args"),
        ("{x}.py", "python '{x}.py'"), ("a;touch x;b.sh", "bash 'a;touch x;b.sh'"), ("-x.py", "python -x.py"),
    ]) func `C-08 scripts are run by their extension, as one quoted word`(name: String, command: String) throws {
        let fixture = try ProjectFixture([name: ""])
        let entryPoint = try fixture.load().entryPoint(named: name)
        #expect(try entryPoint.resolve(.init(), callerDirectory: "/", root: fixture.root).command() == command)
    }

    @Test func `the operator's shell runs shell scripts`() throws {
        let fixture = try ProjectFixture(["run.sh": ""])
        #expect(try fixture.load().entryPoint(named: "run.sh", shell: "/bin/zsh").command == .script("/bin/zsh run.sh"))
        #expect(try fixture.load().entryPoint(named: "run.sh", shell: "").command == .script("bash run.sh"))
    }

    @Test func `C-08 scripts outside the project, missing ones and folders are refused before the run`() throws {
        let fixture = try ProjectFixture(["p/inside.py": "", "p/d.py/x": "", "x.sh": ""])
        let root = fixture.root.appending("p")
        try link(to: "../x.sh", at: root.appending("out.sh"))
        try link(to: "inside.py", at: root.appending("in.py"))
        let project = try Project(loading: root)
        func refusal(_ name: String) throws -> String {
            try #require(#expect(throws: InvalidInput.self) { try project.entryPoint(named: name) }?.description)
        }
        #expect(try refusal("../x.sh").contains("not inside the project"))
        #expect(try refusal("../../x.sh").contains("not inside the project"))
        #expect(try refusal("/etc/x.sh").contains("not inside the project"))
        #expect(try refusal("out.sh").contains("link out of the project"))
        #expect(try refusal("missing.py").contains("the project has no script 'missing.py'"))
        #expect(try refusal("d.py").contains("not a regular file"))
        #expect(try project.entryPoint(named: "in.py").command == .script("python in.py"))
    }

    @Test func `unknown ones are answered with what there is`() throws {
        let project = try ProjectFixture(mlproject: "entry_points: {train: {command: x}, validate: {command: y}}\n")
            .load()
        let error = #expect(throws: InvalidInput.self) { try project.entryPoint(named: "trian") }
        #expect(
            error?.description
                == "error: the project has no entry point 'trian'; did you mean 'train'? known entry points: 'train', 'validate'; scripts can be run by name too (.py, .sh, .R)"
        )
        #expect(throws: InvalidInput.self) { try ProjectFixture().load().entryPoint(named: "main") }
    }
}

@Suite struct `Parameters` {
    /// Resolves values against declarations as `name: spec` lines.
    private func resolve(
        _ declarations: String, _ given: [String], command: String = "x", in fixture: ProjectFixture? = nil,
        caller: FilePath = "/nowhere"
    ) throws -> ParameterResolution {
        let text = "entry_points:\n  main:\n    command: \"\(command)\"\n    parameters: {\(declarations)}\n"
        let project = try ProjectFixture(mlproject: text).load()
        let root = fixture?.root ?? "/nowhere"
        return try project.entryPoint(named: "main").resolve(
            GivenParameters(parsing: given), callerDirectory: caller, root: root)
    }

    private func refusal(_ declarations: String, _ given: [String]) throws -> [String] {
        let error = #expect(throws: InvalidInput.self) { try resolve(declarations, given) }
        return try #require(error).diagnostics.map(\.description)
    }

    @Test func `declared ones come first, values are logged as they were given`() throws {
        let resolution = try resolve(
            "a: float, b: {type: int, default: 3}, c: {default: [1, two]}", ["z=1 2", "a=0.5"], command: "x {a} {c}")
        #expect(resolution.parameters.map(\.name) == ["a", "b", "c", "z"])
        #expect(resolution.parameters.map(\.value) == ["0.5", "3", "[1, 'two']", "1 2"])
        #expect(resolution.parameters.map(\.origin) == [.given, .declaredDefault, .declaredDefault, .given])
        #expect(resolution.parameters.map(\.type) == [.float, .int, .string, nil])
        #expect(try resolution.command() == "x 0.5 '[1, '\"'\"'two'\"'\"']' --z '1 2'")
    }

    @Test func `C-04 everything that is wrong is told at once`() throws {
        let errors = try refusal(
            "a: float, b: int, c: int, d: {type: path}, e: uri, f: string, 'x,y': {default: 1}",
            ["a=abc", "b=1.5", "d=/no/such/file", "e=", "novalue", "g=1", "g=2", "$(x)=1"])
        let expected = [
            "parameter 'novalue' has no value; write '-P NAME=VALUE'", "parameter 'g' is given twice",
            "the parameter name 'x,y' may contain only", "no value is given for parameters 'c', 'f'",
            "parameter 'a': 'abc' is not a number; give a value of type float",
            "parameter 'b': '1.5' is not an integer", "parameter 'd': there is no file or folder '/no/such/file'",
            "parameter 'e': '' is empty", "the parameter name '$(x)'",
        ]
        #expect(errors.count == expected.count, "\(errors)")
        for fragment in expected { #expect(errors.contains { $0.contains(fragment) }, "\(fragment)") }
    }

    @Test func `a misspelt name is recognised`() throws {
        #expect(try refusal("alpha: float", ["aplha=1"]).joined().contains("'aplha' was given: did you mean 'alpha'?"))
    }

    @Test func `numbers are what Python reads as numbers`() throws {
        let folder = try #require(Bundle.module.resourceURL)
        let golden = try String(contentsOf: folder.appending(path: "Golden/numbers.tsv"), encoding: .utf8)
        let declared: [(ParameterType, Int)] = [(.int, 1), (.float, 2)]
        var wrong: [String] = []
        for line in golden.split(separator: "\n") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            let value = fields[0].replacing("\\n", with: "\n").replacing("\\t", with: "\t").replacing(
                "\\u00a0", with: "\u{A0}")
            for (type, column) in declared {
                let entryPoint = EntryPoint(
                    name: "main", parameters: [.init(name: "v", type: type)], command: .template("x", location: nil))
                let given = GivenParameters([.init(name: "v", value: value)])
                let accepted = (try? entryPoint.resolve(given, callerDirectory: "/", root: "/")) != nil
                if accepted != (fields[column] == "1") { wrong.append("\(type.name)(\(fields[0]))") }
            }
        }
        #expect(wrong.isEmpty, "\(wrong)")
    }

    @Test(arguments: [
        "", "a,b", "a;b", "$(x)", "a\nb", "a'b", "/a", "../a", "a//b", "a/../b", ".", "a/", "a=b",
        String(repeating: "x", count: 251),
    ])
    func `C-03 names the store refuses are refused`(name: String) throws {
        let entryPoint = EntryPoint(name: "main", command: .template("x", location: nil))
        #expect(throws: InvalidInput.self) {
            try entryPoint.resolve(GivenParameters([.init(name: name, value: "1")]), callerDirectory: "/", root: "/")
        }
    }

    @Test(arguments: [
        "a", "-", "a b", "a.b", "a/b", "a:b", "a-b_c", "é", "日本", "1", "..a".replacing("..", with: "x.."),
        String(repeating: "x", count: 250),
    ])
    func `names the store takes are taken`(name: String) {
        #expect(problemOfParameterName(name) == nil)
    }

    @Test func `C-06 NUL and invalid UTF-8 are refused`() throws {
        #expect(try refusal("", ["a=x\0y"]).joined().contains("NUL"))
        let given = GivenParameters(parsing: [Array("a=".utf8) + [0xFF]])
        #expect(given.problems.map(\.description).joined().contains("not valid UTF-8"))
        let entryPoint = EntryPoint(name: "main", command: .template("x", location: nil))
        #expect(throws: InvalidInput.self) { try entryPoint.resolve(given, callerDirectory: "/", root: "/") }
    }

    @Test func `C-10 a parameter is never an assignment of the shell`() throws {
        #expect(try resolve("", ["LD_PRELOAD=x", "PATH=y"]).command() == "x --LD_PRELOAD x --PATH y")
    }

    @Test func `a value may contain '='`() throws {
        #expect(try resolve("a: string", ["a=b=c"], command: "{a}").command() == "b=c")
    }

    @Test func `an unknown placeholder is an error before the run`() throws {
        let error = #expect(throws: InvalidInput.self) {
            try resolve("alpha: float", ["alpha=1"], command: "x {alhpa}")
        }
        #expect(
            error?.description.contains(
                "MLproject:3:14: error: the command of entry point 'main' has '{alhpa}' is not a declared parameter at character 3; did you mean 'alpha'?"
            ) == true)
    }

    @Test func `an undeclared parameter does not fill a placeholder`() throws {
        #expect(throws: InvalidInput.self) { try resolve("", ["v=1"], command: "x {v}") }
    }

    @Test func `declared parameters the command does not name are logged, not passed`() throws {
        let resolution = try resolve("a: float", ["a=1"])
        #expect(try resolution.command() == "x")
        #expect(resolution.parameters.count == 1)
    }
}

@Suite struct `Paths and URIs` {
    let fixture: ProjectFixture
    init() throws {
        fixture = try ProjectFixture([
            "caller/in.csv": "", "caller/a b": "", "caller/a:b": "", "caller/dir/x": "", "project/in.csv": "",
            "project/only.csv": "", "project/p%20q": "",
        ])
    }

    private func command(_ type: String, _ value: String, isDefault: Bool = false) throws -> String {
        let spec = ParameterDeclaration(
            name: "v", type: ParameterType(named: type), defaultValue: isDefault ? value : nil)
        let entryPoint = EntryPoint(name: "main", parameters: [spec], command: .template("{v}", location: nil))
        let given = GivenParameters(isDefault ? [] : [.init(name: "v", value: value)])
        let resolution = try entryPoint.resolve(
            given, callerDirectory: fixture.root.appending("caller"), root: fixture.root.appending("project"))
        #expect(resolution.parameters.map(\.value) == [value])
        if let download = resolution.downloads.first {
            #expect(throws: InvalidInput.self) { try resolution.command() }
            #expect(try resolution.command(downloaded: ["v": "/tmp/down load"]) == "'/tmp/down load'")
            return "download \(download.uri)"
        }
        return try resolution.command().replacing(fixture.root.string, with: "R")
    }

    @Test(arguments: [
        ("in.csv", "R/caller/in.csv"), ("./dir/../in.csv", "R/caller/in.csv"), ("dir/", "R/caller/dir"),
        ("only.csv", "R/project/only.csv"), ("a b", "'R/caller/a b'"), ("a:b", "R/caller/a:b"),
        ("p%20q", "R/project/p%20q"), ("file:a%20b", "'R/caller/a b'"), ("file:///usr/../usr", "/usr"),
        ("file://localhost/usr", "/usr"), ("/usr/", "/usr"),
    ]) func `given paths are the caller's, then the project's, and absolute`(value: String, expected: String) throws {
        #expect(try command("path", value) == expected)
    }

    @Test func `relative defaults are the project's`() throws {
        #expect(try command("path", "in.csv", isDefault: true) == "R/project/in.csv")
        #expect(throws: InvalidInput.self) { try command("path", "dir", isDefault: true) }
        #expect(try command("uri", "in.csv", isDefault: true) == "R/project/in.csv")
    }

    @Test(arguments: [
        "https://h/f.csv", "http://h/f", "s3://b/k", "runs:/0123/model", "models:/m/1", "mlflow-artifacts:/1/2",
        "gs://b/k", "dbfs:/x", "ftp://h/f", "C:\\x",
    ]) func `remote paths are downloaded`(value: String) throws {
        #expect(try command("path", value) == "download \(value)")
    }

    @Test(arguments: [
        "missing", "/no/such", "file:///no/such", "file://host/usr", "file:", "file:%00", "file:%zz", "~",
    ]) func `paths that lead nowhere are errors`(value: String) throws {
        #expect(throws: InvalidInput.self) { try command("path", value) }
    }

    @Test(arguments: [
        ("in.csv", "R/caller/in.csv"), ("only.csv", "R/project/only.csv"), ("new/file", "R/caller/new/file"),
        ("/abs/x", "/abs/x"), ("s3://b/k", "s3://b/k"), ("file:rel", "file:rel"), ("C:x", "C:x"),
    ]) func `relative URIs are made absolute, others pass`(value: String, expected: String) throws {
        #expect(try command("uri", value) == expected)
    }
}
