package import Diagnostics
import Files
import Processes
import SystemPackage

extension Project {
    /// The entry point to run: a declared one of exactly this name, else a script of the project.
    ///
    /// - Parameter shell: runs `.sh` scripts; the operator's `SHELL`, as in MLflow.
    /// - Throws: `InvalidInput` naming what is declared, or saying why the script cannot be run.
    package func entryPoint(named name: String, shell: String? = nil) throws(InvalidInput) -> EntryPoint {
        if let declared = entryPoints.first(where: { $0.name == name }) { return declared }
        guard let command = scriptCommand(name, shell: shell) else { throw unknownEntryPoint(name) }
        try checkScript(name)
        return EntryPoint(name: name, command: .script(command))
    }

    /// How a script of this name is started; `nil` for a name that is no script's.
    private func scriptCommand(_ name: String, shell: String?) -> String? {
        switch FilePath(name).extension {
        case "py": "python \(shellQuoted(name))"
        case "sh": "\(shellQuoted(shell.flatMap { $0.isEmpty ? nil : $0 } ?? "bash")) \(shellQuoted(name))"
        case "R": "Rscript -e \(sourcingCommand(name)) --args"
        default: nil
        }
    }

    /// R code that runs a file, as one shell word.
    ///
    /// Plain names give the text MLflow writes.
    private func sourcingCommand(_ name: String) -> String {
        if shellQuoted(name) == name { return "\"mlflow::mlflow_source('\(name)')\"" }
        let escaped = name.reduce(into: "") { text, character in
            if character == "\\" || character == "'" { text.append("\\") }
            text.append(character)
        }
        return shellQuoted("mlflow::mlflow_source('\(escaped)')")
    }

    private func checkScript(_ name: String) throws(InvalidInput) {
        guard let path = relativePath(typed: name) else {
            throw InvalidInput("the script '\(name)' is not inside the project", remedy: "name a script of the project")
        }
        let script = root.appending(path.string)
        guard let status = fileStatus(script) else {
            throw InvalidInput(
                "the project has no script '\(name)'",
                remedy: suggestion(for: name, among: entryPoints.map(\.name), kind: "entry points"))
        }
        guard status.kind == .file else { throw InvalidInput("the script '\(name)' is not a regular file") }
        // The script may be a link, as long as what it leads to is the project's own.
        guard let target = resolvedPath(script), let folder = resolvedPath(root), target.starts(with: folder) else {
            throw InvalidInput(
                "the script '\(name)' is a link out of the project", remedy: "name a script of the project")
        }
    }

    private func unknownEntryPoint(_ name: String) -> InvalidInput {
        let names = entryPoints.map(\.name)
        let declared =
            names.isEmpty
            ? "the project declares no entry points"
            : "known entry points: " + names.prefix(20).map { "'\($0)'" }.joined(separator: ", ")
                + (names.count > 20 ? ", …" : "")
        let nearest = nearestName(to: name, among: names).map { "did you mean '\($0)'? " } ?? ""
        return InvalidInput(
            "the project has no entry point '\(name)'",
            remedy: nearest + declared + "; scripts can be run by name too (.py, .sh, .R)")
    }
}
