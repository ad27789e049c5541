import GitMessages

/// Everything a commit's checkout will write, found out before the first file is written, so that limits refuse it as a whole.
struct CheckoutPlan {
    enum Step {
        case file(name: [UInt8], id: ObjectID, isExecutable: Bool)
        case link(name: [UInt8], id: ObjectID)
        /// An empty folder, for a submodule.
        case submodule(name: [UInt8], id: ObjectID)
        case enter(name: [UInt8])
        case leave
    }

    private(set) var steps: [Step] = []
    private(set) var summary = GitCheckoutSummary()
    private let limits: GitLimits
    private var entryCount = 0
    private var submoduleFile: ObjectID?

    init(_ commit: ObjectID, in objects: borrowing ObjectDatabase, limits: GitLimits) throws {
        self.limits = limits
        let tree = try headerID("tree", of: objects.bytes(of: commit, .commit, limit: 16 << 20))
        var counted: [ObjectID: Int] = [:]
        try checkCount(of: tree, depth: 0, &counted, objects)
        try add(tree, path: [], objects)
        if let submoduleFile {
            let (_, size) = try objects.header(of: submoduleFile)
            guard size <= 1 << 20 else {
                throw GitFailure(.submodule, "'.gitmodules' is larger than 1 MiB")
            }
            let text = try objects.bytes(of: submoduleFile, .blob, limit: 1 << 20)
            guard let text = String(validating: text, as: UTF8.self) else {
                throw GitFailure(.submodule, "'.gitmodules' is not UTF-8 text")
            }
            summary.submoduleText = text
        }
    }

    /// Counts what a tree stands for by looking at each different tree once, so that trees of equal trees cost nothing.
    @discardableResult
    private func checkCount(
        of tree: ObjectID, depth: Int, _ counted: inout [ObjectID: Int], _ objects: borrowing ObjectDatabase
    ) throws -> Int {
        if let known = counted[tree] { return known }
        // Recursion is bounded by the depth limit, which `add` reports with the path; a shallower sight of this tree counts it whole.
        guard depth <= limits.depth else { return 0 }
        var count = 0
        for entry in try treeEntries(objects.bytes(of: tree, .tree, limit: 64 << 20)) {
            count += 1
            if entry.kind == .folder { count += try checkCount(of: entry.id, depth: depth + 1, &counted, objects) }
            guard count <= limits.files else { throw tooManyFiles }
        }
        counted[tree] = count
        return count
    }

    private var tooManyFiles: GitFailure {
        GitFailure(.sizeLimit, "the repository has more than \(limits.files) files and folders in one version")
    }

    private mutating func add(_ tree: ObjectID, path: [String], _ objects: borrowing ObjectDatabase) throws {
        guard path.count <= limits.depth else {
            throw GitFailure(.sizeLimit, "the repository has more than \(limits.depth) folders inside each other")
        }
        // Recursion is bounded by the depth limit.
        for entry in try treeEntries(objects.bytes(of: tree, .tree, limit: 64 << 20)) {
            entryCount += 1
            guard entryCount <= limits.files else { throw tooManyFiles }
            let shown = (path + [entry.shownName]).joined(separator: "/")
            if let reason = objection(toName: entry.name) {
                throw GitFailure(.damaged, "the repository contains the name '\(shown)', which \(reason)")
            }
            try add(entry, shown: shown, path: path, objects)
        }
    }

    private mutating func add(
        _ entry: TreeEntry, shown: String, path: [String], _ objects: borrowing ObjectDatabase
    ) throws {
        switch entry.kind {
        case .file(let isExecutable):
            try count(entry.id, shown, limit: limits.objectBytes, objects)
            if shown == ".gitmodules" { submoduleFile = entry.id }
            steps.append(.file(name: entry.name, id: entry.id, isExecutable: isExecutable))
        case .link:
            guard shown != ".gitmodules" else { throw GitFailure(.submodule, "'.gitmodules' is a symbolic link") }
            try count(entry.id, shown, limit: 4095, objects)
            steps.append(.link(name: entry.name, id: entry.id))
        case .submodule:
            summary.submodules.append(.init(path: shown, commit: "\(entry.id)"))
            guard summary.submodules.count <= limits.submodules else {
                throw GitFailure(.sizeLimit, "the repository has more than \(limits.submodules) submodules")
            }
            steps.append(.submodule(name: entry.name, id: entry.id))
        case .folder:
            steps.append(.enter(name: entry.name))
            try add(entry.id, path: path + [entry.shownName], objects)
            steps.append(.leave)
        }
    }

    private mutating func count(
        _ id: ObjectID, _ shown: String, limit: Int, _ objects: borrowing ObjectDatabase
    ) throws {
        let (kind, size) = try objects.header(of: id)
        guard kind == .blob else { throw damaged("'\(shown)' is a \(kind), not a file") }
        guard size <= limit else {
            throw GitFailure(.sizeLimit, "'\(shown)' has \(size) bytes, more than \(limit)")
        }
        summary.files += 1
        summary.bytes += size
        guard summary.bytes <= limits.checkoutBytes else {
            throw GitFailure(.sizeLimit, "one version of the repository has more than \(limits.checkoutBytes) bytes")
        }
    }
}
