import Diagnostics
import Documents
import Files
import SystemPackage

/// Reads an MLproject document, collecting every mistake; what is wrong is left out of the result.
struct ProjectFileReader {
    let folder: Directory
    var errors: [Diagnostic] = []
    var warnings: [Diagnostic] = []

    private static let environmentKeys = ["python_env", "conda_env", "docker_env"]
    private static let keys = ["name", "entry_points", "databricks_spark_job"] + environmentKeys

    init(folder: Directory) {
        self.folder = folder
    }

    mutating func project(_ root: YAMLNode, root path: FilePath) -> Project {
        var project = Project(root: path)
        guard let pairs = mapping(root, "the file") else { return project }
        warnAboutUnknownKeys(pairs, known: Self.keys, in: "an MLproject file")
        if let node = root["name"], !node.isNull { project.name = text(node, "'name'") }
        if let node = root["entry_points"] { project.entryPoints = entryPoints(node) }
        project.environment = environment(root, pairs)
        if let node = root["databricks_spark_job"], !node.isNull {
            project.sparkJob = sparkJob(node, project, pairs)
        }
        return project
    }

    // MARK: Environments

    private mutating func environment(_ root: YAMLNode, _ pairs: [YAMLPair]) -> ProjectEnvironment {
        let given = pairs.filter { Self.environmentKeys.contains($0.key.text ?? "") }
        if given.count > 1, let second = given.dropFirst().first {
            let names = given.map { "'\($0.key.text ?? "")'" }.joined(separator: " and ")
            report("only one environment is possible, not \(names)", at: second.key, remedy: "keep one of them")
        }
        var environment: ProjectEnvironment?
        if let node = root["docker_env"], !isEmpty(node) { environment = dockerEnvironment(node, root) }
        if let node = root["python_env"], !isEmpty(node) {
            environment = file(node, "python_env").map { .python($0) } ?? environment
        }
        if let node = root["conda_env"], !isEmpty(node) {
            environment = file(node, "conda_env").map { .conda($0) } ?? environment
        }
        return environment ?? ProjectFile.defaultEnvironment(in: folder)
    }

    /// MLflow takes empty values for absent ones here.
    private func isEmpty(_ node: YAMLNode) -> Bool {
        node.isNull || node.text == "" || node.mapping?.isEmpty == true || node.sequence?.isEmpty == true
    }

    private mutating func file(_ node: YAMLNode, _ key: String) -> RelativePath? {
        guard let written = text(node, "'\(key)'") else { return nil }
        guard let path = relativePath(typed: written) else {
            report(
                "'\(key)' names '\(written)', which is not inside the project", at: node,
                remedy: "name a file of the project")
            return nil
        }
        switch try? folder.status(path)?.kind {
        case .file: return path
        case .link:
            report(
                "'\(key)' names '\(written)', which is a link and is not followed", at: node,
                remedy: "name the file itself")
        case .directory, .other: report("'\(key)' names '\(written)', which is not a file", at: node)
        case nil:
            let names = (try? folder.list())?.map(\.name).filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") } ?? []
            report(
                "'\(key)' names '\(written)', but there is no such file in the project", at: node,
                remedy: nearestName(to: written, among: names).map { "did you mean '\($0)'?" }
                    ?? "create it, or correct the name")
        }
        return nil
    }

    private mutating func dockerEnvironment(_ node: YAMLNode, _ root: YAMLNode) -> ProjectEnvironment? {
        guard let pairs = mapping(node, "'docker_env'") else { return nil }
        warnAboutUnknownKeys(pairs, known: ["image", "dockerfile", "volumes", "environment"], in: "'docker_env'")
        if root["name"]?.isNull ?? true {
            warn(
                "a docker project needs a 'name'", at: node, remedy: "add 'name: …' at the top level",
                code: "docker-name")
        }
        var docker = DockerEnvironment(image: nil)
        if let file = node["dockerfile"], !isEmpty(file) {
            docker.dockerfile = text(file, "'dockerfile'").flatMap { written in
                let path = relativePath(typed: written)
                if path == nil {
                    report(
                        "'dockerfile' is '\(written)', which is no path inside the project", at: file,
                        remedy: "write for example 'dockerfile: Dockerfile'")
                }
                return path
            }
            if let image = node["image"], !isEmpty(image) {
                report("'docker_env' has both 'image' and 'dockerfile'", at: image, remedy: "leave one of them out")
            }
        } else if let image = node["image"], !isEmpty(image) {
            docker.image = text(image, "'image'")
        } else {
            report("'docker_env' has no 'image'", at: node["image"] ?? node, remedy: "add 'image: NAME'")
        }
        if let volumes = node["volumes"], !isEmpty(volumes) { docker.volumes = texts(volumes, "'volumes'") }
        if let variables = node["environment"], !isEmpty(variables) {
            for item in list(variables, "'environment'") {
                if let variable = variable(item) { docker.variables.append(variable) }
            }
        }
        return .docker(docker)
    }

    private mutating func variable(_ node: YAMLNode) -> DockerEnvironment.Variable? {
        let remedy = "write \"NAME\" to copy a variable of the host, or [\"NAME\", \"value\"] to set one"
        switch node.content {
        case .scalar:
            return text(node, "a variable in 'environment'").map { .copied(name: $0) }
        case .sequence(let items) where items.count == 2:
            guard let name = text(items[0], "a variable's name"), let value = scalar(items[1], "the value of '\(name)'")
            else {
                return nil
            }
            return .set(name: name, value: value)
        case .sequence, .mapping:
            report("an item of 'environment' is neither a name nor a pair", at: node, remedy: remedy)
            return nil
        }
    }

    private mutating func sparkJob(_ node: YAMLNode, _ project: Project, _ top: [YAMLPair]) -> SparkJob? {
        guard let pairs = mapping(node, "'databricks_spark_job'") else { return nil }
        warnAboutUnknownKeys(
            pairs, known: ["python_file", "parameters", "python_libraries"], in: "'databricks_spark_job'")
        var job = SparkJob()
        if let file = node["python_file"], !file.isNull { job.pythonFile = text(file, "'python_file'") }
        if let items = node["parameters"], !items.isNull { job.parameters = scalars(items, "'parameters'") }
        if let items = node["python_libraries"], !items.isNull {
            job.pythonLibraries = scalars(items, "'python_libraries'")
        }
        if job.pythonFile == nil, project.entryPoints.isEmpty {
            report("'databricks_spark_job' needs 'python_file', or the project needs 'entry_points'", at: node)
        }
        if job.pythonFile != nil, !project.entryPoints.isEmpty {
            report("'databricks_spark_job' has 'python_file', so the project may have no 'entry_points'", at: node)
        }
        for pair in top where Self.environmentKeys.contains(pair.key.text ?? "") {
            report(
                "'\(pair.key.text ?? "")' is not possible beside 'databricks_spark_job'", at: pair.key,
                remedy: "remove it")
        }
        for parameter in project.entryPoints.flatMap(\.parameters) where parameter.type == .path {
            errors.append(
                Diagnostic(
                    .error, at: parameter.location,
                    "parameter '\(parameter.name)' is a path, which is not possible beside 'databricks_spark_job'",
                    remedy: "use the type 'uri'"))
        }
        return job
    }
}
