import ArgumentParser
import Diagnostics
import Files
import Projects
import SystemPackage

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Report every mistake in a project's MLproject file.",
        discussion: "Example: swiftflow check .    (exit code 0: no errors, 2: errors)")

    @OptionGroup var output: OutputOptions
    @Argument(help: "The project's folder.", completion: .directory)
    var path = "."

    func run() throws {
        let root = currentDirectory().pushing(FilePath(path)).lexicallyNormalized()
        guard fileStatus(root)?.kind == .directory else {
            throw UsageError("there is no folder '\(path)'", remedy: "check the path")
        }
        let findings = ProjectFile.check(root).sorted {
            ($0.location ?? SourceLocation(file: "")) < ($1.location ?? SourceLocation(file: ""))
        }
        switch output.format {
        case .json: try Output.renderJSON(findings.map(FindingReport.init))
        case .table: findings.forEach { Messages.show($0) }
        }
        let errors = findings.count { $0.severity == .error }
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
    let message: String
    let remedy: String?

    init(_ finding: Diagnostic) {
        severity = finding.severity.rawValue
        code = finding.code
        file = finding.location?.file
        line = finding.location?.line
        column = finding.location?.column
        message = finding.message
        remedy = finding.remedy
    }
}
