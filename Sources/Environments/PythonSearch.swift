import CLinux
import Files
import Glibc
import Processes
import SystemPackage

/// Finds interpreters: on `PATH`, and among those that pyenv keeps.
struct PythonSearch {
    let request: EnvironmentRequest

    init(_ request: EnvironmentRequest) {
        self.request = request
    }

    private var folders: [String] {
        (request.variables["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
    }

    // MARK: The default

    /// The full version of the `python3` on `PATH`: what a project gets that names none.
    ///
    /// Asking an interpreter takes longer than everything else about a ready environment, so answers are remembered for programs
    /// that do not change (not for scripts, which may choose an interpreter each time; of pyenv's it can be told which).
    func defaultVersion() async throws -> PythonVersion {
        guard let found = findExecutable("python3", searchPath: request.variables["PATH"]) else {
            throw EnvironmentError(
                .missingPython, "the project names no python version, and there is no 'python3' on PATH",
                remedy: "add a line such as 'python: \"3.11\"' to python_env.yaml")
        }
        let python =
            programBehindPyenv(found, variables: request.variables, workingDirectory: request.projectRoot) ?? found
        let memory = InterpreterMemory(store: EnvironmentStore(root: request.root))
        if let known = memory.version(of: python) { return known }
        guard let interpreter = try await probe(python) else {
            throw EnvironmentError(
                .missingPython, "'\(python)' does not tell its version",
                remedy: "add a line such as 'python: \"3.11\"' to python_env.yaml")
        }
        memory.remember(interpreter.version, of: python)
        return interpreter.version
    }

    // MARK: A wanted version

    /// An interpreter that satisfies `wanted`, installed by pyenv if there is none and pyenv is there.
    func interpreter(for wanted: PythonVersion) async throws -> Interpreter {
        var seen: [String] = []
        for candidate in candidates(for: wanted) {
            guard let interpreter = try await probe(candidate) else { continue }
            if interpreter.version.satisfies(wanted) { return interpreter }
            seen.append("\(interpreter.version) (\(candidate))")
        }
        if let installed = pyenvInterpreters(for: wanted).first, let interpreter = try await probe(installed) {
            return interpreter
        }
        guard let pyenv = findExecutable("pyenv", searchPath: request.variables["PATH"]) else {
            let found = seen.isEmpty ? "none was found" : "found \(seen.joined(separator: ", "))"
            throw EnvironmentError(
                .missingPython, "there is no python \(wanted) on PATH; \(found)",
                remedy: "install it, or uv or pyenv, which do"
                    + (wanted.numbers.count == 3 ? "; or ask for \(wanted.numbers[0]).\(wanted.numbers[1]) only" : ""))
        }
        return try await installed(wanted, by: pyenv)
    }

    /// Programs on `PATH` that may be the wanted version, the most specific names first.
    private func candidates(for wanted: PythonVersion) -> [FilePath] {
        var names: [String] = []
        if wanted.numbers.count >= 2 { names.append("python\(wanted.numbers[0]).\(wanted.numbers[1])") }
        if let major = wanted.numbers.first { names.append("python\(major)") }
        names.append("python")
        var seen: Set<FilePath> = []
        return names.flatMap { name in
            folders.compactMap { findExecutable(name, searchPath: $0) }.filter { seen.insert($0).inserted }
        }
    }

    /// Asks an interpreter who it is; nil when it does not answer as Python 3 does.
    private func probe(_ path: FilePath) async throws -> Interpreter? {
        let question = """
            import sys, importlib.util as u
            print(sys.version.split()[0], all(u.find_spec(n) for n in ("venv", "ensurepip")))
            """
        var variables = request.variables
        variables["PYTHONHOME"] = nil
        let result: ToolResult
        do {
            result = try await request.processes.runTool(
                path, ["-I", "-c", question], environment: variables, workingDirectory: request.projectRoot, limit: 4096
            )
        } catch is ProcessError {
            return nil
        }
        let words = String(decoding: result.output, as: UTF8.self).split { $0.isWhitespace }
        guard result.end.isSuccess, words.count == 2, let version = PythonVersion(String(words[0].prefix { $0 != "+" }))
        else { return nil }
        return Interpreter(path: path, version: version, canMakeEnvironments: words[1] == "True")
    }

    // MARK: pyenv

    private var pyenvRoot: FilePath? {
        if let root = request.variables["PYENV_ROOT"], root.hasPrefix("/") { return FilePath(root) }
        return request.variables["HOME"].map { FilePath($0).appending(".pyenv") }
    }

    /// Interpreters in pyenv's folder that satisfy `wanted`, the best first.
    private func pyenvInterpreters(for wanted: PythonVersion) -> [FilePath] {
        guard let versions = pyenvRoot?.appending("versions"), let folder = try? Directory(opening: versions),
            let entries = try? folder.list()
        else { return [] }
        return entries.compactMap { PythonVersion($0.name) }.filter { $0.satisfies(wanted) }
            .sorted { $0.isPreferred(to: $1) }
            .map { versions.appending($0.description).appending("bin").appending("python") }
            .filter { fileStatus($0) != nil }
    }

    /// `PATH` with the folders of fitting pyenv interpreters at its end: uv does not look into pyenv's folder, and would download one.
    func searchPath(forUV wanted: PythonRequest) -> String {
        guard case .version(let version) = wanted else { return folders.joined(separator: ":") }
        let more = pyenvInterpreters(for: version).map { $0.removingLastComponent().string }
        return (folders + more).joined(separator: ":")
    }

    private func installed(_ wanted: PythonVersion, by pyenv: FilePath) async throws -> Interpreter {
        let installation = Installation(request)
        var version = wanted
        if wanted.numbers.count < 3 {
            let list = try await request.processes.runTool(
                pyenv, ["install", "--list"], environment: installation.variables, workingDirectory: request.root)
            guard list.end.isSuccess else {
                throw Installation.failure(of: pyenv, ["install", "--list"], list)
            }
            let offered = pythonLines(String(decoding: list.output, as: UTF8.self))
                .compactMap { PythonVersion(strippedByPython($0)) }
                .filter { $0.numbers.count == 3 && $0.preRelease.isEmpty && $0.satisfies(wanted) }
            guard let best = offered.min(by: { $0.isPreferred(to: $1) }) else {
                throw EnvironmentError(
                    .missingPython, "pyenv knows no python \(wanted)", remedy: "update pyenv, or install that version")
            }
            version = best
        }
        request.report(.progress("installing python \(version) with pyenv; this can take some minutes"))
        try await installation.run(pyenv, ["install", "--skip-existing", version.description], in: request.root)
        let root = try await request.processes.runTool(
            pyenv, ["root"], environment: installation.variables, workingDirectory: request.root, limit: 4096)
        let folder = FilePath(strippedByPython(String(decoding: root.output, as: UTF8.self)))
        let path = folder.appending("versions").appending(version.description).appending("bin").appending("python")
        guard folder.isAbsolute, let interpreter = try await probe(path) else {
            throw EnvironmentError(.missingPython, "pyenv installed python \(version), but '\(path)' does not run")
        }
        return interpreter
    }
}

/// A Python that answered.
struct Interpreter: Sendable {
    var path: FilePath
    var version: PythonVersion
    /// Whether it has `venv` and `ensurepip`.
    var canMakeEnvironments: Bool
}

package func secondsSince1970() -> Int64 {
    var now = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec)
}
