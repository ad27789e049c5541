import FoundationEssentials

// What the program and its git worker say to each other. The program writes one `GitRequest` as JSON to the worker's standard
// input; the worker answers with one `GitEvent` a line on standard output, the last of which is `finished` or `failed`.
//
// The worker is a process of its own because libgit2 parses hostile data, cannot be interrupted, has no time limits, and links
// sixteen shared libraries that no other verb should pay for.

/// What the worker is to do, and within what bounds.
package struct GitRequest: Codable, Sendable {
    package enum Operation: Codable, Sendable {
        /// Find out which commit a version is, and bring it into the mirror.
        case resolve(GitResolution)
        /// Write the files of one commit into a folder.
        case checkout(GitCheckoutOrder)
        /// Say what repository a folder belongs to.
        case describe(folder: String)
        /// Say which files of a folder are code, and whether they are as the commit says.
        case listCode(GitCodeOrder)
    }

    package var operation: Operation
    package var limits: GitLimits

    package init(_ operation: Operation, limits: GitLimits) {
        self.operation = operation
        self.limits = limits
    }
}

/// Where commits come from.
package enum GitOrigin: Codable, Sendable {
    case remote(GitRemote)
    /// The absolute path of a repository on this machine, which is only read.
    case folder(String)
}

/// A server, and all the secrets that may be shown to it.
package struct GitRemote: Codable, Sendable {
    /// Without a password; the form the library is given.
    package var url: String
    /// `https`, `http`, `ssh` or `git`.
    package var scheme: String
    package var host: String
    package var port: Int
    package var login: GitLogin?
    package var ssh: GitSecureShell?
    /// The file of certificate authorities for https.
    package var certificates: String?
    /// Proxies that the environment names, as `host:port`; the only other places a connection may go to.
    package var proxies: [String] = []

    package init(url: String, scheme: String, host: String, port: Int) {
        self.url = url
        self.scheme = scheme
        self.host = host
        self.port = port
    }
}

/// A user's name and password.
///
/// Its descriptions show neither.
package struct GitLogin: Codable, Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    package var user: String
    package var password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// How to log in to an ssh server, and how to know it.
package struct GitSecureShell: Codable, Sendable {
    package struct HostKey: Codable, Sendable, Hashable {
        /// The name of its kind, such as `ssh-ed25519`.
        package var type: String
        /// The key as `known_hosts` spells it.
        package var base64: String
        package var isRevoked: Bool

        package init(type: String, base64: String, isRevoked: Bool) {
            self.type = type
            self.base64 = base64
            self.isRevoked = isRevoked
        }
    }

    package struct KeyFile: Codable, Sendable {
        package var path: String
        package var passphrase: String?

        package init(path: String, passphrase: String? = nil) {
            self.path = path
            self.passphrase = passphrase
        }
    }

    package var user: String
    package var hostKeys: [HostKey]
    package var usesAgent: Bool
    package var keyFiles: [KeyFile]
    /// Key files that were found but cannot be used, and why; for the message when nothing else works.
    package var unusable: [String]

    package init(user: String, hostKeys: [HostKey], usesAgent: Bool, keyFiles: [KeyFile], unusable: [String]) {
        self.user = user
        self.hostKeys = hostKeys
        self.usesAgent = usesAgent
        self.keyFiles = keyFiles
        self.unusable = unusable
    }
}

/// The order to find a version's commit and to bring it into a mirror.
package struct GitResolution: Codable, Sendable {
    /// The folder that holds the mirror's lock and its `repository`.
    package var mirror: String
    package var origin: GitOrigin
    /// A branch, a tag or the beginning of a commit id; nil is the default branch.
    package var version: String?

    package init(mirror: String, origin: GitOrigin, version: String?) {
        self.mirror = mirror
        self.origin = origin
        self.version = version
    }
}

/// The order to write a commit's files.
package struct GitCheckoutOrder: Codable, Sendable {
    package var mirror: String
    /// Where to get the commit if the mirror does not have it.
    package var origin: GitOrigin
    /// A full commit id.
    package var commit: String
    /// An existing folder; everything is written below it.
    package var root: String
    /// The folder below `root`, empty or missing, that receives the files; empty for `root` itself.
    package var path: String
    /// What the checkout's own git configuration names as its origin; without secrets.
    package var shownURL: String

    package init(mirror: String, origin: GitOrigin, commit: String, root: String, path: String, shownURL: String) {
        self.mirror = mirror
        self.origin = origin
        self.commit = commit
        self.root = root
        self.path = path
        self.shownURL = shownURL
    }
}

/// One line of the worker's answer.
package enum GitEvent: Codable, Sendable {
    /// A sign of life, about once a second.
    case alive
    case progress(GitProgress)
    case resolved(commit: String, branch: String?)
    case checkedOut(GitCheckoutSummary)
    case described(GitDescription)
    /// The code of a folder; comes before the files.
    case code(GitCode)
    /// Some of the files of the code.
    case codeFiles([GitCodeFile])
    /// Everything that was asked for is done.
    case finished
    case failed(GitFailure)
}

/// How far the work is.
package struct GitProgress: Codable, Sendable, Hashable {
    package enum Phase: String, Codable, Sendable {
        case waiting, connecting, receiving, indexing, writing
    }

    package var phase: Phase
    /// Objects (or files, when writing) done and expected; 0 expected while unknown.
    package var done = 0
    package var total = 0
    /// Bytes received, or written.
    package var bytes = 0
    /// The process that holds the mirror, when waiting for it.
    package var owner: Int32?

    package init(_ phase: Phase, done: Int = 0, total: Int = 0, bytes: Int = 0, owner: Int32? = nil) {
        self.phase = phase
        self.done = done
        self.total = total
        self.bytes = bytes
        self.owner = owner
    }
}

/// What was written.
package struct GitCheckoutSummary: Codable, Sendable {
    package struct Submodule: Codable, Sendable {
        package var path: String
        package var commit: String

        package init(path: String, commit: String) {
            self.path = path
            self.commit = commit
        }
    }

    package var files = 0
    package var bytes = 0
    /// Files that Git LFS keeps elsewhere; what was written are its pointers.
    package var pointerFiles = 0
    package var submodules: [Submodule] = []
    /// The text of `.gitmodules`, which the program reads by its own rules.
    package var submoduleText: String?

    package init() {}
}

/// The repository around a folder.
package struct GitDescription: Codable, Sendable, Hashable {
    package var workTree: String
    package var commit: String?
    package var branch: String?
    package var isIgnored = false
    package var remoteURL: String?
    /// Whether tracked files differ from the commit; nil when that could not be found out in time.
    package var isDirty: Bool?
    package var warnings: [String] = []

    package init(workTree: String) {
        self.workTree = workTree
    }
}

/// The order to find out what code a folder holds.
package struct GitCodeOrder: Codable, Sendable {
    package var folder: String
    /// Names of files and folders that are no code wherever they lie, unless git has them.
    package var ignoredNames: [String]
    /// Paths below the folder whose content does not count.
    package var excludedPaths: [String]

    package init(folder: String, ignoredNames: [String], excludedPaths: [String]) {
        self.folder = folder
        self.ignoredNames = ignoredNames
        self.excludedPaths = excludedPaths
    }
}

/// What git knows of a folder's code.
package struct GitCode: Codable, Sendable, Hashable {
    /// The id of the folder's tree at the commit; nil when the commit has no such folder.
    package var tree: String?
    /// Whether the folder is exactly as the commit says, and holds nothing else that git does not ignore.
    package var isClean: Bool

    package init(tree: String?, isClean: Bool) {
        self.tree = tree
        self.isClean = isClean
    }
}

/// A file that git has, or would take in.
package struct GitCodeFile: Codable, Sendable, Hashable {
    /// Below the folder that was asked about.
    package var path: String
    /// Its mode and the id of its content, as far as git has them.
    package var id: String?

    package init(path: String, id: String?) {
        self.path = path
        self.id = id
    }
}

extension GitRequest {
    package init(json: [UInt8]) throws {
        self = try JSONDecoder().decode(GitRequest.self, from: Data(json))
    }

    package func json() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) }
}

extension GitEvent {
    package init(line: [UInt8]) throws {
        self = try JSONDecoder().decode(GitEvent.self, from: Data(line))
    }

    /// The event and its newline.
    package func line() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) + [0x0A] }
}
