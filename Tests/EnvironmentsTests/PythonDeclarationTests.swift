import Diagnostics
import Testing

@testable import Environments

struct PythonDeclarationTests {
    private func read(_ text: String) throws -> PythonDeclaration {
        try PythonDeclaration(pythonEnvironment: Array(text.utf8), file: "python_env.yaml")
    }

    private func mistakes(_ text: String) -> [String] {
        let error = #expect(throws: InvalidInput.self) { try read(text) }
        return error?.diagnostics.map(\.description) ?? []
    }

    @Test func `a whole file is read`() throws {
        let declaration = try read(
            """
            python: "3.11.7"
            build_dependencies:
              - pip==23.2.1
              - setuptools
            dependencies:
              - -r requirements.txt
              - "six # the classic"
            """)
        #expect(declaration.python?.text == "3.11.7")
        #expect(declaration.buildDependencies == ["pip==23.2.1", "setuptools"])
        #expect(declaration.dependencies == ["-r requirements.txt", "six # the classic"])
    }

    @Test(arguments: [
        ("3.10", "3.10"), ("3.11", "3.11"), ("3", "3"), ("'3.9'", "3.9"), ("3.20", "3.20"), ("3.11.7", "3.11.7"),
    ])
    func `a version keeps its digits, quoted or not`(written: String, text: String) throws {
        #expect(try read("python: \(written)").python?.text == text)
    }

    @Test(arguments: [
        "", "\n", "# nothing\n", "---\n", "null\n", "python:\n", "python: ''\ndependencies:\nbuild_dependencies: ~\n",
    ])
    func `nothing declared is an empty declaration`(text: String) throws {
        #expect(try read(text) == PythonDeclaration())
    }

    @Test func `all mistakes are told at once, in the order of the file`() {
        #expect(
            mistakes(
                """
                pyhton: "3.11"
                build_dependencies: pip
                dependencies:
                  - six
                  - 1.5
                  - {a: b}
                  - pip: [six]
                python: [3, 11]
                """) == [
                    "python_env.yaml:1:1: error: unknown key 'pyhton'; did you mean 'python'?",
                    "python_env.yaml:2:21: error: 'build_dependencies' must be a list of requirements; "
                        + "begin each requirement with '- ' on a line of its own",
                    "python_env.yaml:5:5: error: an entry of 'dependencies' must be text, but is a number; "
                        + "write a requirement such as 'numpy==2.1.0', in quotes if need be",
                    "python_env.yaml:6:5: error: an entry of 'dependencies' must be text, but is a mapping; "
                        + "write a requirement such as 'numpy==2.1.0', in quotes if need be",
                    "python_env.yaml:7:5: error: an entry of 'dependencies' must be text, but is a mapping; "
                        + "'- pip:' belongs into conda.yaml; here list the requirements themselves",
                    "python_env.yaml:8:9: error: 'python' must be a version, but is a list; "
                        + "write a version such as \"3.11\"",
                ])
    }

    @Test(arguments: ["- six\n", "six\n", "3.11\n"])
    func `a file that is no mapping is refused`(text: String) {
        #expect(
            mistakes(text).first?.hasPrefix("python_env.yaml:1:1: error: a python environment must be a mapping")
                == true)
    }

    @Test(arguments: ["python: -3", "python: true", "python: 2024-01-01", "python: \"$(id)\"", "python: 1e3"])
    func `E-03 a python that is no version is refused`(text: String) {
        #expect(mistakes(text).count == 1)
    }

    @Test func `E-01 a broken file is refused with its place`() {
        #expect(mistakes("dependencies: [six\n").first?.hasPrefix("python_env.yaml:") == true)
    }
}

struct CondaDeclarationTests {
    private func read(_ text: String) throws -> PythonDeclaration {
        try PythonDeclaration(condaEnvironment: Array(text.utf8), file: "conda.yaml")
    }

    @Test func `python, the build packages and the pip list are taken over`() throws {
        let declaration = try read(
            """
            name: tutorial
            channels: [conda-forge]
            dependencies:
              - python=3.8.13
              - pip<=21.3.1
              - setuptools=62
              - wheel
              - numpy=1.2
              - python-dateutil
              - pip:
                  - mlflow==2.0
                  - -r requirements.txt
            """)
        #expect(declaration.python?.text == "3.8.13")
        #expect(declaration.buildDependencies == ["pip<=21.3.1", "setuptools==62", "wheel"])
        #expect(declaration.dependencies == ["mlflow==2.0", "-r requirements.txt"])
        #expect(
            declaration.notices == [
                "these conda packages are not installed without conda: 'numpy=1.2', 'python-dateutil'"
            ])
    }

    @Test(arguments: [
        ("python==3.9", "3.9"), ("python<=3.10", "3.10"), ("python>=3.11", "3.11"), ("python=3.11.7", "3.11.7"),
    ])
    func `only the number of python's pin is kept`(written: String, version: String) throws {
        #expect(try read("dependencies: ['\(written)']").python?.text == version)
    }

    @Test(arguments: ["python", "python<3.9", "python>3.8", "python!=3.9", "python=3..8", "python="])
    func `python must be pinned`(written: String) {
        let error = #expect(throws: InvalidInput.self) { try read("dependencies:\n- \(written)\n") }
        #expect(error?.description.contains("conda.yaml:2:3: error:") == true)
    }

    @Test(arguments: ["", "name: x\n", "dependencies:\n", "dependencies:\n- pip\n- pip:\n"])
    func `without python a notice tells which one is taken`(text: String) throws {
        let declaration = try read(text)
        #expect(declaration.python == nil)
        #expect(declaration.notices.contains { $0.contains("'python3' on PATH") })
    }

    @Test func `all mistakes are told at once`() {
        let error = #expect(throws: InvalidInput.self) {
            try read("dependencies:\n- python\n- npm: [x]\n- pip: text\n- pip: [1, six]\n")
        }
        #expect(error?.diagnostics.compactMap(\.location?.line) == [2, 3, 4, 5])
    }

    @Test(arguments: ["LD_PRELOAD", "BASH_ENV", "PATH", "LD_AUDIT", "BASH_FUNC_ls%%"])
    func `C-10 a conda file cannot set variables that reach the shell`(name: String) {
        let error = #expect(throws: InvalidInput.self) {
            try CondaDocument(parsing: Array("variables:\n  '\(name)': x\n".utf8), file: "conda.yaml")
        }
        #expect(error?.description.contains("may not set the variable '\(name)'") == true)
    }
}
