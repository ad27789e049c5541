import Containers
import Diagnostics
import Execution
import Files
import Projects
import SystemPackage

/// What a project and its user ask of a container, read and checked: nothing here is text from outside any more.
struct ContainerNeeds: Sendable {
    /// The image the container runs in, or that the project's own is built on; nil when a Dockerfile makes it.
    var image: ImageReference?
    var dockerfile: FilePath?
    var buildsImage: Bool
    /// Values of `--volume`.
    var volumes: [String]
    /// What `path` parameters name that is not in the container otherwise: mounted at its own path, to be read.
    var readablePaths: [FilePath]
    /// The project's own variables, copied ones with the host's values.
    var variables: [(name: String, value: String)]
    /// `-A` as words of the client's command line.
    var options: [String]
    var optionNames: Set<String>

    /// - Throws: `InvalidInput` with everything that is wrong.
    init(
        _ request: ContainerRequest?, source: JobSource, paths: [PathParameter], environment: [String: String],
        configuration: DockerConfiguration
    ) throws(InvalidInput) {
        var reader = Reader(source: source, environment: environment)
        let request = request ?? ContainerRequest(image: nil)
        image = reader.image(request)
        dockerfile = reader.dockerfile(request)
        buildsImage = request.buildsImage
        let allowsMounts = request.allowsMounts || configuration.allowsMounts
        volumes = reader.volumes(request, isAllowed: allowsMounts)
        readablePaths = reader.paths(paths, request, isAllowed: allowsMounts)
        variables = reader.variables(
            request, isAllowed: request.allowsHostVariables || configuration.allowsHostVariables)
        (options, optionNames) = reader.options(request)
        guard reader.findings.isEmpty else { throw InvalidInput(reader.findings) }
    }

    func hasOption(_ names: String...) -> Bool { names.contains(where: optionNames.contains) }
}

private struct Reader {
    let source: JobSource
    let environment: [String: String]
    var findings: [Diagnostic] = []

    private mutating func report(_ message: String, _ remedy: String?) {
        findings.append(Diagnostic(.error, message, remedy: remedy))
    }

    mutating func image(_ request: ContainerRequest) -> ImageReference? {
        guard let text = request.image else {
            if request.dockerfile == nil {
                report(
                    "nobody names the image to run in", "give the project a 'docker_env: {image: …}', or say --image")
            }
            return nil
        }
        do throws(InvalidInput) {
            return try ImageReference(text)
        } catch {
            findings += error.diagnostics
            return nil
        }
    }

    mutating func dockerfile(_ request: ContainerRequest) -> FilePath? {
        guard let relative = request.dockerfile else { return nil }
        // Through a handle, so that a link cannot make the client read a file elsewhere.
        let kind = (try? Directory(opening: source.projectFolder).status(relative))?.kind
        guard kind == .file else {
            report(
                "the project's Dockerfile '\(relative)' is not a file of the project",
                "correct 'dockerfile' in 'docker_env'")
            return nil
        }
        return source.projectFolder.appending(relative.string)
    }

    // MARK: Access to the host

    mutating func volumes(_ request: ContainerRequest, isAllowed: Bool) -> [String] {
        var arguments: [String] = []
        var foreign: [String] = []
        for text in request.volumes {
            do throws(InvalidInput) {
                let mount = try VolumeMount(text)
                switch mount.source {
                case .host(let path):
                    if !isInsideProject(path) { foreign.append(text) }
                    let absolute = source.projectFolder.pushing(FilePath(path)).lexicallyNormalized()
                    if absolute.string.contains(":") {
                        report(
                            "the host path of the volume '\(text)' contains a colon: '\(absolute)'",
                            "mount a folder without one")
                    }
                    arguments.append(mount.argument(hostPath: absolute.string))
                case .volume:
                    // It may hold what another program of this machine keeps in it.
                    foreign.append(text)
                    arguments.append(mount.argument())
                case .anonymous: arguments.append(mount.argument())
                }
            } catch {
                findings += error.diagnostics
            }
        }
        if source.isFetched, !isAllowed, !foreign.isEmpty {
            let list = foreign.map { "'\($0)'" }.joined(separator: ", ")
            report(
                "the project was fetched from elsewhere and wants to mount from this machine: \(list)",
                "if you trust it with that, run it with --allow-mounts")
        }
        return arguments
    }

    /// The places of `path` parameters that have to be mounted.
    mutating func paths(_ parameters: [PathParameter], _ request: ContainerRequest, isAllowed: Bool) -> [FilePath] {
        let targets = mountTargets(request)
        var result: [FilePath] = []
        var foreign: [String] = []
        for parameter in parameters {
            guard let path = parameter.path?.lexicallyNormalized() else { continue }
            let isInProject = path.starts(with: source.projectFolder)
            if isInProject, !request.buildsImage { continue }
            if targets.contains(where: { path.starts(with: $0) }) || result.contains(where: { path.starts(with: $0) }) {
                continue
            }
            guard let first = path.components.first,
                path.components.count > 1 || !Self.foldersOfImages.contains(first.string)
            else {
                report(
                    "parameter '\(parameter.name)': '\(path)' cannot be mounted into a container, whose own folder of that name it would hide",
                    "mount it elsewhere (-A v=\(path):/host) and name that place by a parameter of type 'string'")
                continue
            }
            if parameter.isDefault, !isInProject { foreign.append("'\(path)' (parameter '\(parameter.name)')") }
            result.append(path)
        }
        if source.isFetched, !isAllowed, !foreign.isEmpty {
            report(
                "the project was fetched from elsewhere and wants to read from this machine: \(foreign.joined(separator: ", "))",
                "if you trust it with that, run it with --allow-mounts; or give the parameters values of your own")
        }
        return result
    }

    /// Without which no image works.
    private static let foldersOfImages: Set<String> = [
        "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr",
    ]

    /// Where the project and the user have something mounted.
    private func mountTargets(_ request: ContainerRequest) -> [FilePath] {
        var targets = request.volumes.compactMap { try? VolumeMount($0).target }
        for option in request.options {
            guard let value = option.value else { continue }
            switch option.name {
            case "v", "volume":
                if let mount = try? VolumeMount(value) { targets.append(mount.target) }
            case "mount":
                targets += value.split(separator: ",").compactMap { field in
                    let parts = field.split(separator: "=", maxSplits: 1)
                    guard parts.count == 2, ["target", "dst", "destination"].contains(parts[0]) else { return nil }
                    return String(parts[1])
                }
            default: break
            }
        }
        return targets.map { FilePath($0).lexicallyNormalized() }
    }

    /// Whether a path of a fetched project names something of its own, without following a link out of it.
    private func isInsideProject(_ path: String) -> Bool {
        guard !path.hasPrefix("/") else { return false }
        let inner = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        if inner == "." || inner.isEmpty { return true }
        guard let relative = try? RelativePath(inner),
            let status = try? Directory(opening: source.projectFolder).status(relative)
        else { return false }
        return status.kind == .file || status.kind == .directory
    }

    mutating func variables(_ request: ContainerRequest, isAllowed: Bool) -> [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        var copied: [String] = []
        for variable in request.variables {
            let name: String
            switch variable {
            case .set(name: let given, value: let value):
                name = given
                result.append((name, value))
            case .copied(name: let given):
                name = given
                copied.append(name)
                if let value = environment[name] {
                    result.append((name, value))
                } else {
                    report(
                        "the project copies the variable '\(name)', which is not set here",
                        "set it, or give the project a value: [\"\(name)\", \"value\"]")
                }
            }
            let isName =
                !name.isEmpty
                && name.utf8.allSatisfy {
                    $0 > 0x20 && $0 != UInt8(ascii: "=") && $0 != 0x7F && $0 != UInt8(ascii: "#")
                }
            if !isName { report("'\(name)' cannot be the name of a variable", "use letters, digits and '_'") }
        }
        // Names only: a value may be the secret the project is after.
        if source.isFetched, !isAllowed, !copied.isEmpty {
            let list = copied.map { "'\($0)'" }.joined(separator: ", ")
            report(
                "the project was fetched from elsewhere and wants copies of variables of this machine: \(list)",
                "if you trust it with their values, run it with --allow-env")
        }
        return result
    }

    // MARK: Options

    /// `-A v=/a:/b` becomes `-v /a:/b`, `-A gpus=all` `--gpus=all`, `-A privileged` `--privileged`.
    mutating func options(_ request: ContainerRequest) -> (words: [String], names: Set<String>) {
        var words: [String] = []
        var names: Set<String> = []
        for option in request.options {
            let name = option.name
            guard let first = name.utf8.first, first != UInt8(ascii: "-"),
                name.utf8.allSatisfy({
                    (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
                })
            else {
                report("-A '\(name)' is not the name of an option", "leave out the dashes: -A network=host")
                continue
            }
            // The container is always removed, but only after it has been asked how it ended.
            if name == "rm" { continue }
            if ["d", "detach", "sig-proxy", "detach-keys"].contains(name) {
                report(
                    "-A '\(name)' cannot be given: the run follows its container",
                    "leave it out; see --detach for runs in the background")
                continue
            }
            names.insert(name)
            if name.utf8.count == 1 {
                words += option.value.map { ["-\(name)", $0] } ?? ["-\(name)"]
            } else {
                words.append(option.value.map { "--\(name)=\($0)" } ?? "--\(name)")
            }
        }
        return (words, names)
    }
}
