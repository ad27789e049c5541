import Diagnostics
package import Files
package import JSON
package import SystemPackage

/// How the project's files come to stand in the container.
package enum CodeDelivery: Sendable, Hashable {
    /// They are in the image, which also says in which folder the command starts.
    case image
    /// They are in the image that was built of them, and links to them stand in `folder`, where values of `path` parameters name them.
    case linked(folder: String)
    /// A ConfigMap of that name holds them; they are put into `folder`.
    case configMap(name: String, files: [CodeFile], folder: String)
    /// An init container fetches a commit into `folder`; the project is in a subdirectory of it.
    case git(image: String, url: String, commit: String, folder: String, subdirectory: RelativePath)

    /// Where files of this folder stand in the container: at the same path, so that a `path` parameter means the same there as here, or where
    /// MLflow puts a project's code, if that would hide something of the image.
    package static func place(of folder: FilePath) -> String {
        let names = folder.components.map(\.string)
        let ofTheImage: Set<String> = [
            "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr",
        ]
        guard folder.isAbsolute, names.count > 1, let first = names.first, !ofTheImage.contains(first),
            !folder.string.contains(":"), !names.contains("..")
        else { return codeFolder }
        return folder.string
    }

    /// What the container of an image needs that was built of this folder.
    package static func built(from folder: FilePath, paths: [FilePath]) -> CodeDelivery {
        let isNamed = paths.contains { $0.lexicallyNormalized().starts(with: folder) }
        guard isNamed, place(of: folder) == folder.string, folder.string != codeFolder else { return .image }
        return .linked(folder: folder.string)
    }

    private static let codeFolder = "/mlflow/projects/code"
    private static let mountedFolder = "/mlflow/projects/configmap"
    private static let folderVolume = "swiftflow-code"
    private static let mountedVolume = "swiftflow-files"

    /// Where the command starts; nil for where its image says.
    var workingFolder: String? {
        switch self {
        case .image, .linked: nil
        case .configMap(_, _, let folder): folder
        case .git(_, _, _, let folder, let subdirectory):
            subdirectory.isRoot ? folder : "\(folder)/\(subdirectory.string)"
        }
    }

    /// What is prepared before the command.
    var preparedFolder: String? {
        if case .linked(let folder) = self { folder } else { workingFolder }
    }

    /// A shell command before the command, whose failure is the end.
    var preparation: String? {
        switch self {
        case .image, .git: nil
        // A mounted ConfigMap cannot be written to, and commands write beside their code.
        case .configMap: "cp -RL \(Self.mountedFolder)/code/. \"$2\" 2>&1"
        case .linked:
            """
            link() {
                for file in \(Self.codeFolder)/* \(Self.codeFolder)/.[!.]*; do
                    [ ! -e "$file" ] || ln -s "$file" "$1" 2>&1 || return 1
                done
            }; link "$2"
            """
        }
    }

    var mounts: [JSONValue] {
        func mount(_ folder: String) -> JSONValue {
            .object(["name": .string(Self.folderVolume), "mountPath": .string(folder)])
        }
        switch self {
        case .image: return []
        case .git(_, _, _, let folder, _), .linked(let folder): return [mount(folder)]
        case .configMap(_, _, let folder):
            return [
                mount(folder),
                .object([
                    "name": .string(Self.mountedVolume), "mountPath": .string(Self.mountedFolder),
                    "readOnly": .bool(true),
                ]),
            ]
        }
    }

    /// Adds volumes and the init container to the pod.
    func add(to pod: inout JSONObject, secrets: [JSONValue], pullPolicy: KubernetesConfiguration.PullPolicy?) {
        guard self != .image else { return }
        var volumes = pod["volumes"]?.array ?? []
        volumes.append(.object(["name": .string(Self.folderVolume), "emptyDir": .object([:])]))
        switch self {
        case .image, .linked: break
        case .configMap(let name, let files, _):
            let items = files.enumerated().map { index, file -> JSONValue in
                .object([
                    "key": .string(CodeFile.key(index)), "path": .string("code/\(file.path.string)"),
                    "mode": .integer(file.isExecutable ? 0o755 : 0o644),
                ])
            }
            volumes.append(
                .object([
                    "name": .string(Self.mountedVolume),
                    "configMap": .object(["name": .string(name), "items": .array(items)]),
                ]))
        case .git(let image, let url, let commit, let folder, _):
            let container = JSONValue.object([
                "name": .string(Self.folderVolume), "image": .string(image),
                "imagePullPolicy": pullPolicy.map { .string($0.rawValue) },
                // What git complained about becomes the reason of the failure.
                "terminationMessagePolicy": .string("FallbackToLogsOnError"),
                "command": .strings(["sh", "-c", Self.fetchScript, "swiftflow", url, commit, folder]),
                "env": .array([
                    // The folder belongs to the node, not to the image's user.
                    .object(["name": .string("GIT_CONFIG_COUNT"), "value": .string("1")]),
                    .object(["name": .string("GIT_CONFIG_KEY_0"), "value": .string("safe.directory")]),
                    .object(["name": .string("GIT_CONFIG_VALUE_0"), "value": .string("*")]),
                    .object(["name": .string("GIT_TERMINAL_PROMPT"), "value": .string("0")]),
                ]),
                "envFrom": secrets.isEmpty ? nil : .array(secrets),
                "volumeMounts": .array([
                    .object(["name": .string(Self.folderVolume), "mountPath": .string(folder)])
                ]),
            ])
            pod["initContainers"] = .array([container] + (pod["initContainers"]?.array ?? []))
        }
        pod["volumes"] = .array(volumes)
    }

    /// Only the commit when the server lets it be asked for, else all branches and tags.
    ///
    /// Written without `$(`, which the cluster would read.
    private static let fetchScript = """
        set -e
        cd "$3"
        git init -q .
        git fetch -q --depth 1 -- "$1" "$2" || git fetch -q --tags -- "$1" '+refs/heads/*:refs/remotes/origin/*'
        git checkout -q --detach "$2"
        if [ -f .gitmodules ]; then git submodule update -q --init --recursive; fi
        """
}

/// One file of a project that travels as part of a ConfigMap.
package struct CodeFile: Sendable, Hashable {
    package var path: RelativePath
    package var content: [UInt8]
    package var isExecutable: Bool

    package init(path: RelativePath, content: [UInt8], isExecutable: Bool = false) {
        self.path = path
        self.content = content
        self.isExecutable = isExecutable
    }

    /// A ConfigMap's keys cannot be paths.
    static func key(_ index: Int) -> String { "file-\(index)" }

    /// What the cluster stores of one object is limited to about a MiB and a half, of which base64 takes a third.
    package static let sizeLimit = 1 << 20

    /// Never part of a project's code, and often large.
    private static let skipped: Set<String> = [
        ".git", ".hg", ".svn", ".venv", "venv", "__pycache__", ".mypy_cache", ".pytest_cache", ".ipynb_checkpoints",
        "mlruns", "mlartifacts",
        "mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "node_modules", ".build",
    ]

    static func isSkipped(_ name: String) -> Bool { skipped.contains(name) }

    /// All files of a project's folder.
    ///
    /// - Throws: `InvalidInput` naming the largest files when they are too many for a ConfigMap.
    package static func files(of folder: FilePath) throws -> [CodeFile] {
        let root = try Directory(opening: folder)
        var sizes: [(path: RelativePath, size: Int64, mode: UInt32)] = []
        try collect(in: root, .root, into: &sizes)
        let total = sizes.reduce(0) { $0 + $1.size }
        guard total <= Int64(sizeLimit), sizes.count <= 2000 else {
            let largest = sizes.sorted { $0.size > $1.size }.prefix(3).map { "\($0.path) (\($0.size) bytes)" }
            throw InvalidInput(
                "the project's \(sizes.count) files have \(total) bytes, more than a ConfigMap holds (\(sizeLimit) bytes, 2000 files); the largest: \(largest.joined(separator: ", "))",
                remedy: "use \"code\": \"git\", or build an image with --build-image")
        }
        return try sizes.map { entry in
            CodeFile(
                path: entry.path, content: try root.readFile(entry.path, limit: sizeLimit),
                isExecutable: entry.mode & 0o100 != 0)
        }
    }

    private static func collect(
        in root: Directory, _ path: RelativePath, into sizes: inout [(path: RelativePath, size: Int64, mode: UInt32)]
    ) throws {
        for entry in try root.list(path) where !skipped.contains(entry.name) {
            let child = try path.appending(entry.name)
            switch entry.status.kind {
            case .file: sizes.append((child, entry.status.size, entry.status.permissions))
            case .directory:
                guard child.components.count < 32, sizes.count < 20_000 else { continue }
                try collect(in: root, child, into: &sizes)
            case .link:
                // Links to files of the project travel as files; others have no meaning elsewhere.
                if let content = try? root.readFile(child, limit: sizeLimit) {
                    sizes.append((child, Int64(content.count), 0o644))
                }
            default: break
            }
        }
    }
}

/// The ConfigMap that carries a project's files.
package struct CodeConfigMap: Sendable {
    package var name: String
    package var namespace: String
    package var labels: [(name: String, value: String)]
    package var files: [CodeFile]
    /// The job it belongs to, which takes it along when it goes.
    package var ownerID: String?

    package var json: JSONValue {
        var object = JSONObject([
            "apiVersion": .string("v1"), "kind": .string("ConfigMap"),
            "metadata": .object([
                "name": .string(name), "namespace": .string(namespace),
                "labels": .object(
                    JSONObject(members: labels.map { JSONObject.Member(name: $0.name, value: .string($0.value)) })),
                "ownerReferences": ownerID.map {
                    .array([
                        .object([
                            "apiVersion": .string("batch/v1"), "kind": .string("Job"), "name": .string(name),
                            "uid": .string($0),
                        ])
                    ])
                },
            ]),
        ])
        object["binaryData"] = .object(
            JSONObject(
                members: files.enumerated().map {
                    JSONObject.Member(name: CodeFile.key($0.offset), value: .string(base64($0.element.content)))
                }))
        return .object(object)
    }
}

/// RFC 4648, with padding.
func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var result: [UInt8] = []
    result.reserveCapacity((bytes.count + 2) / 3 * 4)
    var rest = bytes[...]
    while !rest.isEmpty {
        let group = rest.prefix(3)
        rest = rest.dropFirst(3)
        let padded = Array(group) + [UInt8](repeating: 0, count: 3 - group.count)
        let word = padded.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        for position in 0..<4 {
            let isPadding = position > group.count
            result.append(isPadding ? UInt8(ascii: "=") : letters[Int(word >> UInt32(18 - 6 * position)) & 63])
        }
    }
    return String(decoding: result, as: UTF8.self)
}
