/// The nine things that make two steps the same work; the raw value is the tag in the canonical byte string.
package enum CacheField: UInt8, Sendable, Hashable, CaseIterable, Comparable {
    case format = 1
    case action, code, params, inputs, environment, variables, outputs, salt

    /// Its name in a record; describing an enumeration is slow, and this is asked for nine times for each cell.
    var name: String {
        switch self {
        case .format: "format"
        case .action: "action"
        case .code: "code"
        case .params: "params"
        case .inputs: "inputs"
        case .environment: "environment"
        case .variables: "variables"
        case .outputs: "outputs"
        case .salt: "salt"
        }
    }

    /// The word in the reason for a miss.
    package var word: String {
        switch self {
        case .format: "format"
        case .action: "action"
        case .code: "code"
        case .params: "param"
        case .inputs: "input"
        case .environment: "environment"
        case .variables: "env"
        case .outputs: "output"
        case .salt: "salt"
        }
    }

    package static func < (left: CacheField, right: CacheField) -> Bool { left.rawValue < right.rawValue }
}

/// Everything a step's result depends on, as it is known when the step is ready to start.
package struct CacheInputs: Sendable {
    /// What runs.
    package enum Action: Sendable, Hashable {
        /// An entry point: its name, its command template, and its declared parameters with type and default.
        case entryPoint(name: String, command: String, parameters: [Declaration])
        case command(String)
    }

    package struct Declaration: Sendable, Hashable {
        package var name: String
        package var type: String
        package var defaultValue: String?

        package init(name: String, type: String, defaultValue: String?) {
            self.name = name
            self.type = type
            self.defaultValue = defaultValue
        }
    }

    package enum Code: Sendable, Hashable {
        /// The hash of the folder's tree in git, when the folder is as the commit says; with the files, when they are known.
        case gitTree(String, files: [String: String])
        /// A digest of the selected files, and the digest of each.
        case files(digest: String, files: [String: String])
    }

    package struct Param: Sendable, Hashable {
        package enum Binding: Sendable, Hashable {
            /// A value; an artifact in it counts by its content.
            case value(Value)
            /// `outputs.NAME`: a place that is new each time, so only its name counts.
            case place(String)
        }

        /// The declared type, such as `path`.
        package var type: String
        package var binding: Binding

        package init(type: String, _ binding: Binding) {
            self.type = type
            self.binding = binding
        }
    }

    /// What a `path` or URI that is written out contains.
    package enum Input: Sendable, Hashable {
        case digest(String)
        /// The etag, generation or digest its server names.
        case version(String)
        /// Nothing is known but where it is: a change there goes unnoticed.
        case unknown(uri: String)
    }

    /// What the command finds around it.
    package struct Environment: Sendable, Hashable {
        /// `local`, `uv`, `conda`, … or `container`.
        package var manager: String
        /// What it is made from, by name: the digests of files, the version of Python, the digest of an image.
        package var parts: [String: String]
        /// Whether something in it can change without another key, such as an image known by its tag only.
        package var isWeak: Bool

        package init(manager: String, parts: [String: String], isWeak: Bool = false) {
            self.manager = manager
            self.parts = parts
            self.isWeak = isWeak
        }

        /// `env_manager: local`: of the machine's own interpreter only the version counts.
        package static func local(interpreterVersion: String) -> Environment {
            Environment(manager: "local", parts: ["python": interpreterVersion])
        }

        /// A container's image, by digest when it is known.
        package static func container(image: String, digest: String?) -> Environment {
            Environment(manager: "container", parts: ["image": digest ?? image], isWeak: digest == nil)
        }
    }

    package var action: Action
    package var code: Code
    /// Without those that `cache.ignore` names.
    package var params: [String: Param]
    package var inputs: [String: Input]
    package var environment: Environment
    package var variables: [String: String]
    package var secretNames: Set<String>
    /// Declared outputs: name → path.
    package var outputs: [String: String]
    package var salt: String?

    package init(action: Action, code: Code, environment: Environment) {
        self.action = action
        self.code = code
        self.environment = environment
        params = [:]
        inputs = [:]
        variables = [:]
        secretNames = []
        outputs = [:]
        salt = nil
    }
}
