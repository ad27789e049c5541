import ArgumentParser
import Diagnostics
import Files
import Pipelines
import Projects
import SystemPackage

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Report every mistake in a project or a pipeline; start nothing.",
        discussion: """
            A folder is checked as a project, with the pipelines its MLproject names and its pipeline.yaml.
            Exit code 0: no errors, 2: errors.

            Examples:
              swiftflow check .
              swiftflow check pipeline.yaml --json
              swiftflow check --schema > pipeline.schema.json    (for editors)
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "The project's folder, or a pipeline's file.", completion: .file())
    var path = "."

    @Flag(help: "Print the JSON Schema of pipeline files.")
    var schema = false

    func run() throws {
        guard !schema else { return Output.write(PipelineSchema.text) }
        let place = currentDirectory().pushing(FilePath(path)).lexicallyNormalized()
        switch fileStatus(place)?.kind {
        case .directory: try finish(try checkProject(place))
        case .file where place.lastComponent?.string.lowercased().hasPrefix("mlproject") == true:
            try finish(try checkProject(place.removingLastComponent()))
        case .file: try finish([checked(try PipelineFile(place, shown: path))])
        case nil, .link, .other:
            throw UsageError(
                "there is no file or folder '\(path)'", remedy: "name a project's folder or a pipeline's file")
        }
    }

    /// A file that was looked at, and what was found.
    private struct Checked {
        var findings: [Diagnostic]
        var file: PipelineFile?
    }

    private func checked(_ file: PipelineFile) -> Checked {
        Checked(findings: file.plan(isCheck: true).findings, file: file)
    }

    /// A project, and the pipelines that belong to it.
    private func checkProject(_ root: FilePath) throws -> [Checked] {
        let findings = ProjectFile.check(root)
        var all = [Checked(findings: findings)]
        guard !findings.contains(where: { $0.severity == .error }), let project = try? Project(loading: root) else {
            return all
        }
        var names: [String] = []
        for entryPoint in project.entryPoints {
            guard let name = entryPoint.pipeline, !names.contains(name) else { continue }
            names.append(name)
            guard relativeFile(name, in: root) == nil else { continue }
            let finding = Diagnostic(
                .error, code: "project-file", at: entryPoint.location,
                "the entry point '\(entryPoint.name)' names the pipeline '\(name)', and there is no such file in the project",
                remedy: "create it, or correct the name")
            all[0].findings.append(finding)
        }
        if !names.contains(PipelineFile.defaultName) { names.append(PipelineFile.defaultName) }
        for name in names {
            guard let file = relativeFile(name, in: root) else { continue }
            all.append(checked(try PipelineFile(file, shown: name)))
        }
        return all
    }

    private func relativeFile(_ name: String, in root: FilePath) -> FilePath? {
        let file = root.pushing(FilePath(name)).lexicallyNormalized()
        return file.starts(with: root) && fileStatus(file)?.kind == .file ? file : nil
    }

    private func finish(_ checked: [Checked]) throws {
        switch output.format {
        case .json: try Output.renderJSON(checked.flatMap(\.findings.inOrder).map(FindingReport.init))
        case .table:
            for each in checked {
                if let file = each.file {
                    file.show(each.findings)
                } else {
                    each.findings.inOrder.forEach(Messages.show)
                }
            }
        }
        let errors = checked.flatMap(\.findings).count { $0.severity == .error }
        if output.format == .table {
            Messages.note(errors == 0 ? "no errors" : errors == 1 ? "1 error" : "\(errors) errors")
        }
        if errors > 0 { throw ExitStatus(code: 2) }
    }
}

private struct FindingReport: Encodable {
    let severity: String
    let code: String?
    let file: String?
    let line: Int?
    let column: Int?
    let length: Int?
    let message: String
    let remedy: String?

    init(_ finding: Diagnostic) {
        severity = finding.severity.rawValue
        code = finding.code
        file = finding.location?.file
        line = finding.location?.line
        column = finding.location?.column
        length = finding.length
        message = finding.message
        remedy = finding.remedy
    }
}
