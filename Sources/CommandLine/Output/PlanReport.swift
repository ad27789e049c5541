import Diagnostics
import Environments
import Execution
import Projects
import SystemPackage

/// What `run --dry-run` shows.
struct PlanReport: Encodable {
    struct Parameter: Encodable {
        let name: String
        let value: String
        let type: String
        let origin: String
    }

    let project: String
    let folder: String
    let commit: String?
    let entryPoint: String
    let backend: String
    let environmentManager: String
    let environment: String?
    let environmentIsReady: Bool
    let parameters: [Parameter]
    let downloads: [String: String]
    let command: String?
    let trackingURI: String

    init(_ prepared: PreparedLaunch, trackingURI: String) {
        project = prepared.uri.redactedText
        folder = prepared.checkout.root.string
        commit = prepared.commit
        entryPoint = prepared.request.entryPoint
        backend = prepared.backend.name
        environmentManager = prepared.environmentTag ?? "local"
        environment = prepared.environmentPlan?.folder?.string
        environmentIsReady = prepared.environmentPlan?.isReady ?? true
        parameters = prepared.parameters.map { parameter in
            let origin =
                switch parameter.origin {
                case .given: parameter.type == nil ? "given, not declared" : "given"
                case .declaredDefault: "default"
                }
            return Parameter(
                name: parameter.name, value: redactedURL(parameter.value), type: parameter.type?.name ?? "-",
                origin: origin)
        }
        downloads = Dictionary(prepared.resolution.downloads.map { ($0.name, redactedURL($0.uri)) }) { first, _ in first
        }
        command = prepared.commandPreview
        self.trackingURI = redactedURL(trackingURI)
    }

    var text: String {
        var text = ""
        func line(_ name: String, _ value: String) {
            let padding = String(repeating: " ", count: max(0, 12 - name.count))
            text += Terminal.output.styled(name, .bold) + "\(padding)  \(escapedForTerminal(value))\n"
        }
        line("project", project)
        line("folder", folder)
        if let commit { line("commit", commit) }
        line("entry point", entryPoint)
        line("backend", backend)
        line("environment", environmentText)
        for parameter in parameters {
            line("  \(parameter.name)", "\(parameter.value)  (\(parameter.type), \(parameter.origin))")
        }
        for (name, uri) in downloads.sorted(by: { $0.key < $1.key }) { line("download", "\(uri) for \(name)") }
        line("command", command ?? "(known after the downloads)")
        line("store", trackingURI)
        return text
    }

    private var environmentText: String {
        guard let environment else { return environmentManager }
        return "\(environmentManager) \(environment) (\(environmentIsReady ? "ready" : "to be built"))"
    }
}
