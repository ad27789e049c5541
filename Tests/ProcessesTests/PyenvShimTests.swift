import Files
import Processes
import SystemPackage
import TestSupport
import Testing

/// A folder such as pyenv keeps: versions, their programs, and a script for `python3`.
private struct PyenvFolder {
    let folder: TemporaryDirectory
    var root: FilePath { folder.path.appending("pyenv") }
    var shim: FilePath { root.appending("shims").appending("python3") }
    var project: FilePath { folder.path.appending("home").appending("project") }

    init() throws {
        folder = try TemporaryDirectory()
        let start = "#!/usr/bin/env bash\nset -e\nprogram=\"${0##*/}\"\nexport PYENV_ROOT=\"\(root)\"\n"
        try write("pyenv/shims/python3", start + "exec \"\(root)/libexec/pyenv\" exec \"$program\" \"$@\"\n")
        for version in ["3.11.7", "3.12.1", "my-env"] {
            try write("pyenv/versions/\(version)/bin/python3", "#!/bin/sh\n")
        }
        try write("pyenv/versions/empty/bin/other", "#!/bin/sh\n")
        try write("home/project/file", "")
    }

    /// Writes a file that can be executed.
    func write(_ path: String, _ text: String) throws {
        try folder.directory.makeDirectory(RelativePath(FilePath(path).removingLastComponent().string))
        try folder.directory.writeFile(RelativePath(path), Array(text.utf8), mode: 0o755)
    }

    func program(of version: String?) -> FilePath? {
        version.map { root.appending("versions").appending($0).appending("bin").appending("python3") }
    }
}

struct PyenvShimTests {
    struct Case: Sendable {
        var files: [String: String] = [:]
        var variables: [String: String] = [:]
        /// Nil where pyenv is to be asked.
        var version: String?
    }

    static let cases = [
        Case(files: ["pyenv/version": "3.11.7\n"], version: "3.11.7"),
        Case(files: ["pyenv/version": "# ours\n\n  3.12.1   3.11.7\r\n"], version: "3.12.1"),
        Case(files: ["pyenv/version": "3.11.7\n", "home/.python-version": "my-env"], version: "my-env"),
        Case(
            files: ["home/.python-version": "3.11.7\n", "home/project/.python-version": "3.12.1\n"], version: "3.12.1"),
        Case(
            files: ["pyenv/version": "3.11.7\n"], variables: ["PYENV_VERSION": "3.12.1"], version: "3.12.1"),
        Case(files: ["pyenv/version": "3.11.7\n"], variables: ["PYENV_VERSION": ""], version: "3.11.7"),
        // Whose choice it is pyenv's to make.
        Case(files: [:]),
        Case(files: ["pyenv/version": "system\n"]),
        Case(files: ["pyenv/version": "3.12.1\n3.11.7\n"]),
        Case(files: ["pyenv/version": "3.12.1:3.11.7\n"]),
        Case(files: ["pyenv/version": "3.12\n"]),
        Case(files: ["pyenv/version": "3.13.0\n"]),
        Case(files: ["pyenv/version": "empty\n"]),
        Case(files: ["pyenv/version": "../versions/3.11.7\n"]),
        Case(files: ["pyenv/version": ".\n"]),
        Case(files: ["pyenv/version": "3.11.7\n"], variables: ["PYENV_VERSION": "3.12.1:3.11.7"]),
        Case(files: ["pyenv/version": "3.11.7\n"], variables: ["PYENV_HOOK_PATH": "/somewhere"]),
        Case(files: ["pyenv/version": "3.11.7\n", "pyenv/pyenv.d/version-name/x.bash": ""]),
        Case(files: ["pyenv/version": "3.11.7\n", "pyenv/plugins/mine/etc/pyenv.d/which/x.bash": ""]),
    ]

    @Test(arguments: cases)
    func `the program behind a command of pyenv's is the one that pyenv starts`(_ each: Case) async throws {
        let pyenv = try PyenvFolder()
        for (path, text) in each.files { try pyenv.write(path, text) }
        let found = programBehindPyenv(
            pyenv.shim, variables: each.variables, workingDirectory: pyenv.project)
        #expect(found == pyenv.program(of: each.version))

        // What is expected above, once more of pyenv itself where it is installed.
        guard let expected = pyenv.program(of: each.version),
            let program = findExecutable("pyenv", searchPath: processEnvironment()["PATH"])
        else { return }
        var environment = processEnvironment().filter { !$0.key.hasPrefix("PYENV_") }
        environment.merge(each.variables) { _, new in new }
        environment["PYENV_ROOT"] = pyenv.root.string
        let answer = try await Keeper.shared.runTool(
            program, ["which", "python3"], environment: environment, workingDirectory: pyenv.project)
        #expect(String(decoding: answer.output, as: UTF8.self) == "\(expected)\n")
    }

    @Test func `a script that is not pyenv's own is not looked through`() throws {
        let pyenv = try PyenvFolder()
        try pyenv.write("pyenv/version", "3.11.7\n")
        try pyenv.write("pyenv/shims/python3", "#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n")
        #expect(programBehindPyenv(pyenv.shim, variables: [:], workingDirectory: pyenv.project) == nil)
        #expect(programBehindPyenv("/bin/sh", variables: [:], workingDirectory: pyenv.project) == nil)
    }
}
