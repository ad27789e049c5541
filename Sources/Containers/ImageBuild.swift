package import Diagnostics
package import SystemPackage

/// What an image is built from: a project's folder on top of a base image, or the project's own Dockerfile.
package struct ImageBuild: Sendable {
    package enum Recipe: Sendable {
        /// `FROM` the image, the folder copied to `/mlflow/projects/code/`, which becomes the working folder: as MLflow does.
        case project(onTopOf: ImageReference, owner: String?)
        /// A Dockerfile of the project, with the folder as its context.
        case dockerfile(FilePath)
    }

    /// Where MLflow puts a project's code.
    package static let codeFolder = "/mlflow/projects/code/"

    package var recipe: Recipe
    /// The folder whose files the build may see, as far as its `.dockerignore` lets it.
    package var context: FilePath
    package var reference: ImageReference

    package init(_ recipe: Recipe, context: FilePath, reference: ImageReference) {
        self.recipe = recipe
        self.context = context
        self.reference = reference
    }

    /// What the project is put on top of; nil where its own Dockerfile says so.
    var base: ImageReference? {
        if case .project(let base, _) = recipe { base } else { nil }
    }

    /// The generated Dockerfile; nil when the project has its own.
    package var dockerfile: String? {
        guard case .project(let base, let owner) = recipe else { return nil }
        // The base is a checked reference and the owner two numbers, so no text from outside can become a line of its own.
        let chown = owner.map { "--chown=\($0) " } ?? ""
        return "FROM \(base)\nCOPY \(chown). \(Self.codeFolder)\nWORKDIR \(Self.codeFolder)\n"
    }

    /// The image's name as MLflow chooses it: the project's name (or a repository) and the first seven digits of the commit.
    ///
    /// A project's name is any text; what an image's name cannot hold becomes `-`.
    package static func reference(
        projectName: String?, repository: String? = nil, commit: String?
    ) throws(InvalidInput) -> ImageReference {
        let name = repository ?? validName(for: projectName ?? "")
        let base = try ImageReference(name)
        guard base.tag == nil, base.digest == nil else {
            throw InvalidInput(
                "the repository '\(name)' has a tag or a digest", remedy: "leave it out; the commit becomes the tag")
        }
        guard let commit, !commit.isEmpty else { return base }
        return try base.tagged(String(commit.prefix(7)).lowercased())
    }

    /// `My Model (v2)` → `my-model-v2`.
    package static func validName(for name: String) -> String {
        var result = ""
        for character in name.lowercased() {
            if character.isASCII, character.isLetter || character.isNumber {
                result.append(character)
            } else if character == "." || character == "_" || character == "/",
                result.last?.isLetter == true || result.last?.isNumber == true
            {
                result.append(character)
            } else if let last = result.last, last.isLetter || last.isNumber {
                result.append("-")
            }
        }
        while let last = result.last, !(last.isLetter || last.isNumber) { result.removeLast() }
        if result.isEmpty { return "mlflow-project" }
        // A first part with a dot would name a registry: `my.org/model` as a project's name is no wish to push there.
        if let slash = result.firstIndex(of: "/"), result[..<slash].contains(".") || result[..<slash] == "localhost" {
            result = result.split(separator: "/").joined(separator: "-")
        }
        let cut = String(result.prefix(200))
        return cut.last.map { $0.isLetter || $0.isNumber } == true ? cut : cut + "x"
    }
}
