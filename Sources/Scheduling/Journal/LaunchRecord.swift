package import Diagnostics
import JSON
import SystemPackage

/// How a pipeline was started, as its artifact `pipeline/launch.json`: what a resume on this machine needs beside the plan.
///
/// Neither environment nor secrets are in it; they are those of whoever resumes.
package struct LaunchRecord: Sendable, Hashable {
    package static let path = "pipeline/launch.json"

    package var project: String
    package var version: String?
    package var file: String
    package var entryPoint: String?
    package var workingDirectory: String
    package var environmentManager: String?
    package var parallel: Int?

    package init(_ options: PipelineOptions) {
        project = options.project
        version = options.version
        file = options.file
        entryPoint = options.entryPoint
        workingDirectory = options.workingDirectory.string
        environmentManager = options.environmentManager
        parallel = options.parallel
    }

    /// - Throws: `InvalidInput` for anything that is no such record.
    package init(reading bytes: [UInt8]) throws(InvalidInput) {
        guard case .object(let object)? = try? JSONReader.read(bytes.span) else {
            throw InvalidInput("the pipeline's '\(Self.path)' is damaged", remedy: "run the pipeline anew")
        }
        func text(_ name: String) -> String? {
            object.members.first { $0.name == name }.flatMap {
                if case .string(let text) = $0.value { text } else { nil }
            }
        }
        guard let project = text("project"), let file = text("file"), let folder = text("working_directory") else {
            throw InvalidInput("the pipeline's '\(Self.path)' lacks something", remedy: "run the pipeline anew")
        }
        self.project = project
        self.file = file
        workingDirectory = folder
        version = text("version")
        entryPoint = text("entry_point")
        environmentManager = text("env_manager")
        if case .integer(let number)? = object.members.first(where: { $0.name == "parallel" })?.value {
            parallel = Int(number)
        }
    }

    package var json: [UInt8] {
        var members: [JSONObject.Member] = []
        func add(_ name: String, _ text: String?) {
            if let text { members.append(.init(name: name, value: .string(text))) }
        }
        add("project", project)
        add("version", version)
        add("file", file)
        add("entry_point", entryPoint)
        add("working_directory", workingDirectory)
        add("env_manager", environmentManager)
        if let parallel { members.append(.init(name: "parallel", value: .integer(Int64(parallel)))) }
        var writer = JSONWriter()
        writer.value(.object(JSONObject(members: members)))
        return writer.bytes
    }
}
