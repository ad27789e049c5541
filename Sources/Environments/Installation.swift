import Diagnostics
import Files
import Processes
import SystemPackage

/// The steps that fill an environment: tools with exact arguments, their output streamed to the run.
struct Installation: Sendable {
    let request: EnvironmentRequest
    /// The variables the tools get.
    var variables: [String: String]

    /// Variables that would lead an installer out of the new environment, or let it count packages of another one as installed.
    private static let misleading = [
        "PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_PYTHON", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY", "UV_TARGET",
        "UV_PREFIX", "UV_VENV_CLEAR", "UV_VENV_RELOCATABLE", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "CONDA_PREFIX",
    ]

    init(_ request: EnvironmentRequest) {
        self.request = request
        variables = request.variables
        for name in Self.misleading { variables[name] = nil }
        // Nobody is there to answer a question.
        variables["PIP_NO_INPUT"] = "1"
    }

    /// As `init`, within the virtual environment in `folder`.
    init(_ request: EnvironmentRequest, in folder: FilePath) {
        self.init(request)
        variables["VIRTUAL_ENV"] = folder.string
        variables["PATH"] = "\(folder)/bin:\(request.variables["PATH"] ?? "")"
    }

    /// The program called `name` on the caller's `PATH`.
    func program(_ name: String, remedy: String) throws(EnvironmentError) -> FilePath {
        guard let program = findExecutable(name, searchPath: request.variables["PATH"]) else {
            throw EnvironmentError(.missingProgram, "the program '\(name)' is not on PATH", remedy: remedy)
        }
        return program
    }

    /// Runs a tool; whatever it writes is streamed.
    ///
    /// - Throws: `EnvironmentError` with the tool's last lines when it fails.
    @discardableResult
    func run(_ program: FilePath, _ arguments: [String], in folder: FilePath) async throws -> ToolResult {
        let result = try await request.processes.runTool(
            program, arguments, environment: variables, workingDirectory: folder, onOutput: request.receiveOutput)
        guard result.end.isSuccess else { throw Self.failure(of: program, arguments, result) }
        return result
    }

    static func failure(of program: FilePath, _ arguments: [String], _ result: ToolResult) -> EnvironmentError {
        let command = ([program.string] + arguments).map(shellQuoted).joined(separator: " ")
        return EnvironmentError(
            .failedStep,
            "the environment could not be made: '\(redactedText(command))' \(result.end.termination.phrase)",
            remedy: result.lastLines.isEmpty ? nil : "its last lines follow", lastLines: result.lastLines)
    }

    /// Runs `install` for a list of requirement lines, which it gets as the path of a file.
    ///
    /// The tool runs in the project's root, so relative packages are found there. References to other requirement files are relative to the
    /// file they stand in for pip and uv; since ours lies elsewhere, they are made absolute.
    func withRequirementsFile(_ lines: [String], _ install: (FilePath) async throws -> Void) async throws {
        let cleaned = requirementLines(lines.flatMap(pythonLines))
        guard !cleaned.isEmpty else { return }
        let text = cleaned.map { anchored($0) + "\n" }.joined()
        let folder = try TemporaryDirectory(
            in: request.variables["TMPDIR"].flatMap { $0.hasPrefix("/") ? FilePath($0) : nil },
            prefix: "swiftflow-requirements")
        try folder.directory.writeFile(RelativePath("requirements.txt"), Array(text.utf8))
        try await install(folder.path.appending("requirements.txt"))
        folder.remove()
    }

    private func anchored(_ line: String) -> String {
        guard let reference = RequirementReference(line), !reference.isURL, !reference.path.hasPrefix("/"),
            !reference.path.hasPrefix("\""), !reference.path.hasPrefix("'")
        else { return line }
        let path = request.projectRoot.string + "/" + reference.path
        let option = reference.kind == .constraints ? "-c" : "-r"
        let isPlain = path.utf8.allSatisfy { $0 > 0x20 && !"\"'\\#".utf8.contains($0) }
        return "\(option) " + (isPlain ? path : "\"\(escapedForQuotes(path))\"")
    }

    private func escapedForQuotes(_ path: String) -> String {
        path.reduce(into: "") { text, character in
            if character == "\"" || character == "\\" { text += "\\" }
            text.append(character)
        }
    }

    /// What the new environment's `bin/activate` sets; the usual values when there is no bash to ask.
    func activation(of folder: FilePath, name: String) async throws -> VirtualActivation {
        guard let bash = findExecutable("bash", searchPath: request.variables["PATH"]) else {
            return VirtualActivation(name: name)
        }
        let result = try await request.processes.runTool(
            bash, ["--noprofile", "--norc", "-c", VirtualActivation.probe, folder.string],
            environment: ["PATH": request.variables["PATH"] ?? "/usr/bin:/bin"], workingDirectory: folder, limit: 65_536
        )
        return VirtualActivation(probed: String(decoding: result.output, as: UTF8.self))
            ?? VirtualActivation(name: name)
    }
}
