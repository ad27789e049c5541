import CGit2
import SystemPackage

/// An open repository; closed when the value goes away.
@safe struct Repository: ~Copyable {
    // Freed once, in `deinit`, and never handed out: the value cannot be copied.
    let pointer: OpaquePointer

    /// Opens exactly `path`; parent folders are not searched.
    ///
    /// The library refuses a repository that belongs to another user.
    init(opening path: String) throws(GitError) {
        var opened: OpaquePointer?
        try check(unsafe git_repository_open_ext(&opened, path, GIT_REPOSITORY_OPEN_NO_SEARCH.rawValue, nil))
        guard let opened = unsafe opened else { throw GitError(code: GIT_ERROR.rawValue) }
        unsafe pointer = opened
    }

    /// Opens the repository around a folder, looking upwards as git does; it does not cross file systems.
    init(around folder: String) throws(GitError) {
        var opened: OpaquePointer?
        try check(unsafe git_repository_open_ext(&opened, folder, 0, nil))
        guard let opened = unsafe opened else { throw GitError(code: GIT_ERROR.rawValue) }
        unsafe pointer = opened
    }

    deinit {
        unsafe git_repository_free(pointer)
    }

    /// The repository's own folder (`…/.git/`).
    var folder: String { unsafe String(cString: git_repository_path(pointer)) }
    /// The folder that holds objects and references, which linked work trees share.
    var commonFolder: String { unsafe String(cString: git_repository_commondir(pointer)) }
    var workTree: String? { unsafe git_repository_workdir(pointer).map { unsafe String(cString: $0) } }

    /// The object a reference such as `HEAD` or `refs/heads/main` stands for, symbolic references followed.
    func target(of reference: String) throws(GitError) -> ObjectID? {
        var oid = git_oid()
        let result = unsafe git_reference_name_to_id(&oid, pointer, reference)
        if result == GIT_ENOTFOUND.rawValue || result == GIT_EINVALIDSPEC.rawValue { return nil }
        try check(result)
        return ObjectID(oid)
    }

    /// The name `HEAD` points to, such as `refs/heads/main`; nil when it names a commit.
    func headReference() throws(GitError) -> String? {
        var reference: OpaquePointer?
        try check(unsafe git_reference_lookup(&reference, pointer, "HEAD"))
        defer { unsafe git_reference_free(reference) }
        return unsafe git_reference_symbolic_target(reference).map { unsafe String(cString: $0) }
    }

    /// The names of all references.
    func referenceNames() throws(GitError) -> [String] {
        var names = unsafe git_strarray()
        try check(unsafe git_reference_list(&names, pointer))
        defer { unsafe git_strarray_dispose(&names) }
        return unsafe (0..<names.count).compactMap { index in
            unsafe names.strings[index].map { unsafe String(cString: $0) }
        }
    }

    func objects() throws(GitError) -> ObjectDatabase { try unsafe ObjectDatabase(of: pointer) }
}

/// The objects of a repository; closed when the value goes away.
@safe struct ObjectDatabase: ~Copyable {
    enum Kind: Sendable {
        case commit, tree, blob, tag

        init?(_ raw: git_object_t) {
            switch raw {
            case GIT_OBJECT_COMMIT: self = .commit
            case GIT_OBJECT_TREE: self = .tree
            case GIT_OBJECT_BLOB: self = .blob
            case GIT_OBJECT_TAG: self = .tag
            default: return nil
            }
        }
    }

    private let pointer: OpaquePointer

    fileprivate init(of repository: OpaquePointer) throws(GitError) {
        var opened: OpaquePointer?
        try check(unsafe git_repository_odb(&opened, repository))
        guard let opened = unsafe opened else { throw GitError(code: GIT_ERROR.rawValue) }
        unsafe pointer = opened
    }

    deinit {
        unsafe git_odb_free(pointer)
    }

    func contains(_ id: ObjectID) -> Bool {
        var oid = id.raw
        return unsafe git_odb_exists(pointer, &oid) == 1
    }

    /// Kind and size of an object, without reading all of it.
    func header(of id: ObjectID) throws(GitError) -> (kind: Kind, size: Int) {
        var oid = id.raw
        var size = 0
        var type = GIT_OBJECT_INVALID
        try check(unsafe git_odb_read_header(&size, &type, pointer, &oid))
        guard let kind = Kind(type) else { throw damaged("object \(id) has an unknown type") }
        return (kind, size)
    }

    /// Hands the content of an object, verified against its name, to `body`.
    func read<Result>(_ id: ObjectID, _ body: (Kind, RawSpan) throws -> Result) throws -> Result {
        var oid = id.raw
        var object: OpaquePointer?
        try check(unsafe git_odb_read(&object, pointer, &oid))
        defer { unsafe git_odb_object_free(object) }
        guard let kind = unsafe Kind(git_odb_object_type(object)) else {
            throw damaged("object \(id) has an unknown type")
        }
        // The bytes belong to `object`, which is freed after `body` has returned; the span cannot outlive the call.
        let bytes = unsafe UnsafeRawBufferPointer(
            start: git_odb_object_data(object), count: git_odb_object_size(object))
        return try unsafe body(kind, RawSpan(_unsafeBytes: bytes))
    }

    /// A small object as an array.
    func bytes(of id: ObjectID, _ expected: Kind, limit: Int) throws -> [UInt8] {
        let (kind, size) = try header(of: id)
        guard kind == expected else { throw damaged("object \(id) is a \(kind), not a \(expected)") }
        guard size <= limit else { throw damaged("object \(id) has \(size) bytes, more than \(limit)") }
        return try read(id) { _, span in unsafe span.withUnsafeBytes { unsafe Array($0) } }
    }

    /// The commits whose names begin with `prefix`, at most a few.
    func commits(withPrefix prefix: String) throws(GitError) -> [ObjectID] {
        let search = PrefixSearch(prefix)
        // The closure runs only during the call, on this thread; `search` outlives it.
        let payload = unsafe Unmanaged.passUnretained(search).toOpaque()
        try check(
            unsafe git_odb_foreach(
                pointer,
                { oid, payload in
                    guard let oid = unsafe oid, let payload = unsafe payload else { return 0 }
                    unsafe Unmanaged<PrefixSearch>.fromOpaque(payload).takeUnretainedValue().consider(
                        ObjectID(oid.pointee))
                    return 0
                }, payload))
        return search.found.sorted().filter { (try? header(of: $0).kind) == .commit }
    }
}

private final class PrefixSearch {
    private let prefix: String
    private(set) var found: Set<ObjectID> = []

    init(_ prefix: String) {
        self.prefix = prefix
    }

    func consider(_ id: ObjectID) {
        if id.description.hasPrefix(prefix) { found.insert(id) }
    }
}

/// An error of ours in the library's form.
func damaged(_ message: String) -> GitError {
    GitError(code: GIT_ERROR.rawValue, category: Int32(bitPattern: GIT_ERROR_ODB.rawValue), message: message)
}
