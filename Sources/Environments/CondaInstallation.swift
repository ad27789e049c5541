import Documents
import Files
import Processes
import SystemPackage

/// The conda on this machine: which programs to call, with which arguments, and how a shell gets into an environment.
struct CondaInstallation: Equatable {
    enum Kind: String { case conda, mamba, micromamba }

    /// Lists and removes environments.
    let program: FilePath
    let kind: Kind
    /// Creates environments: the same program, or the one `MLFLOW_CONDA_CREATE_ENV_CMD` names.
    let creator: FilePath

    /// Looks where MLflow looks: `$MLFLOW_CONDA_HOME/bin`, else beside `$CONDA_EXE`, else on `PATH`; there also for mamba and micromamba.
    init(variables: [String: String]) throws(EnvironmentError) {
        func value(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }
        let folder =
            value("MLFLOW_CONDA_HOME").map { FilePath($0).appending("bin") }
            ?? value("CONDA_EXE").map { FilePath($0).removingLastComponent() }
        func find(_ name: String) -> FilePath? {
            guard let folder, !name.contains("/") else { return findExecutable(name, searchPath: variables["PATH"]) }
            return findExecutable(folder.appending(name).string, searchPath: nil)
        }
        let found: (Kind, FilePath)? =
            if let conda = find("conda") {
                (.conda, conda)
            } else if folder == nil {
                Self.substitute(variables)
            } else {
                nil
            }
        guard let found else {
            throw EnvironmentError(
                .missingProgram, "the program 'conda' was not found" + (folder.map { " in '\($0)'" } ?? " on PATH"),
                remedy: "install conda, mamba or micromamba, or set MLFLOW_CONDA_HOME to conda's folder,"
                    + " or use '--env-manager uv'")
        }
        (kind, program) = found
        guard let wanted = value("MLFLOW_CONDA_CREATE_ENV_CMD"), wanted != kind.rawValue else {
            creator = program
            return
        }
        guard !wanted.hasPrefix("-"), let creator = find(wanted) else {
            throw EnvironmentError(
                .missingProgram, "MLFLOW_CONDA_CREATE_ENV_CMD names '\(wanted)', which was not found beside conda",
                remedy: "install it into the same environment as conda, or unset the variable")
        }
        self.creator = creator
    }

    private static func substitute(_ variables: [String: String]) -> (Kind, FilePath)? {
        for kind in [Kind.mamba, .micromamba] {
            if let program = findExecutable(kind.rawValue, searchPath: variables["PATH"]) { return (kind, program) }
        }
        guard let named = variables["MAMBA_EXE"], named.hasPrefix("/"),
            let program = findExecutable(named, searchPath: nil)
        else { return nil }
        return (program.lastComponent == "mamba" ? .mamba : .micromamba, program)
    }

    // MARK: Commands

    static let listArguments = ["env", "list", "--json"]

    /// `file` is absolute, so it cannot be read as an option.
    func createArguments(_ name: String, from file: FilePath?) -> [String] {
        guard let file else {
            return ["create", "--channel", "conda-forge", "--yes", "--override-channels", "-n", name, "python"]
        }
        return switch kindOfCreator {
        case .conda: ["env", "create", "-n", name, "--file", file.string]
        // Without conda beside it, mamba asks before it starts.
        case .mamba where kind == .conda: ["env", "create", "-n", name, "--file", file.string]
        case .mamba: ["env", "create", "--yes", "-n", name, "--file", file.string]
        case .micromamba: ["create", "--yes", "-n", name, "--file", file.string]
        }
    }

    func removeArguments(_ name: String) -> [String] {
        switch kind {
        case .conda: ["remove", "--yes", "--name", name, "--all"]
        case .mamba, .micromamba: ["env", "remove", "--yes", "-n", name]
        }
    }

    private var kindOfCreator: Kind {
        creator == program ? kind : creator.lastComponent.flatMap { Kind(rawValue: $0.string) } ?? .conda
    }

    /// Where the environment called `name` lies; nil if conda knows none.
    func prefix(of name: String, _ installation: Installation) async throws -> String? {
        let request = installation.request
        let result = try await request.processes.runTool(
            program, Self.listArguments, environment: installation.variables, workingDirectory: request.projectRoot)
        guard result.end.isSuccess else { throw Installation.failure(of: program, Self.listArguments, result) }
        guard let environments = Self.environments(in: result.output) else {
            throw EnvironmentError(.failedStep, "'\(program) env list --json' printed no list of environments")
        }
        return environments.first { FilePath($0).lastComponent?.string == name }
    }

    func create(_ name: String, from file: FilePath?, _ installation: Installation) async throws {
        try await installation.run(creator, createArguments(name, from: file), in: installation.request.projectRoot)
    }

    func remove(_ name: String, _ installation: Installation) async throws {
        try await installation.run(program, removeArguments(name), in: installation.request.projectRoot)
    }

    /// The paths in `{"envs": [...]}`; JSON is read as YAML, of which it is a part.
    static func environments(in output: [UInt8]) -> [String]? {
        let limits = DocumentLimits(bytes: 16 << 20, depth: 64, nodes: 1_000_000)
        let root = try? YAMLDocument(parsing: output, file: "conda", limits: limits).root
        return root?["envs"]?.sequence?.compactMap(\.text)
    }

    // MARK: Activation

    /// Shell text that enters the environment; joined with ` && ` in front of a command.
    ///
    /// conda's own script where there is one, as MLflow does; else the hook the program prints for bash. Messages go to standard error.
    func activation(of name: String) -> String {
        switch kind {
        case .conda:
            for candidate in [program, Self.resolved(program)] {
                let script = candidate.removingLastComponent().appending("..").appending("etc").appending("profile.d")
                    .appending("conda.sh")
                if fileStatus(script)?.kind == .file {
                    return "source \(shellQuoted(script.string)) && conda activate \(name) 1>&2"
                }
            }
            return "eval \"$(\(shellQuoted(program.string)) shell.bash hook)\" && conda activate \(name) 1>&2"
        case .mamba, .micromamba:
            return "eval \"$(\(shellQuoted(program.string)) shell hook --shell bash)\""
                + " && \(kind.rawValue) activate \(name) 1>&2"
        }
    }

    /// The program behind links, such as `/usr/local/bin/conda`.
    private static func resolved(_ path: FilePath) -> FilePath {
        var path = path
        for _ in 0..<40 {
            guard let target = linkTarget(path) else { return path }
            path = path.removingLastComponent().pushing(target).lexicallyNormalized()
        }
        return path
    }
}
