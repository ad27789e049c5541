import ArgumentParser
import Execution

/// What can be said about the container a project runs in.
struct ContainerOptions: ParsableArguments {
    @Option(help: "Run in this container image instead of the project's own.")
    var image: String?

    @Option(
        name: [.customShort("A", allowingJoined: true), .customLong("docker-args")],
        help:
            "An option for 'docker create', as NAME=VALUE or NAME, such as network=host (repeatable, also with one name)."
    )
    var dockerArguments: [String] = []

    @Flag(name: .customLong("build-image"), help: "Build an image with the project's code instead of mounting it.")
    var buildImage = false

    @Flag(
        name: .customLong("allow-mounts"),
        help: "Let a project that was fetched mount folders and volumes of this machine.")
    var allowMounts = false

    @Flag(name: .customLong("allow-env"), help: "Let a project that was fetched copy variables of this machine.")
    var allowHostVariables = false

    func validate() throws {
        for text in dockerArguments where text.isEmpty || text.hasPrefix("=") || text.hasPrefix("-") {
            throw ValidationError("invalid value for -A: '\(text)' is not of the form NAME=VALUE or NAME")
        }
    }

    func apply(to request: inout RunRequest) {
        request.image = image
        request.buildsImage = buildImage
        request.allowsMounts = allowMounts
        request.allowsHostVariables = allowHostVariables
        request.containerOptions = dockerArguments.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return ContainerRequest.Option(name: parts.first ?? text, value: parts.count == 2 ? parts[1] : nil)
        }
    }
}
