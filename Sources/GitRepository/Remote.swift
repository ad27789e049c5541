import CGit2
import GitMessages
import Glibc

/// A connection to a server, into a repository that receives; closed when the value goes away.
@safe struct Remote: ~Copyable {
    /// What the server offers.
    struct Advertisement {
        /// `refs/heads/main` and the like; peeled tags (`…^{}`) are left out.
        var references: [String: ObjectID] = [:]
        var head: ObjectID?
        /// The reference `HEAD` points to, if the server says so.
        var headReference: String?
    }

    private let pointer: OpaquePointer
    private let conversation: Conversation
    private let limits: GitLimits

    init(_ remote: GitRemote, into repository: borrowing Repository, _ conversation: Conversation, limits: GitLimits)
        throws(GitError)
    {
        var created: OpaquePointer?
        try check(unsafe git_remote_create_anonymous(&created, repository.pointer, remote.url))
        guard let created = unsafe created else { throw GitError(code: GIT_ERROR.rawValue) }
        unsafe pointer = created
        self.conversation = conversation
        self.limits = limits
    }

    deinit {
        unsafe git_remote_free(pointer)
    }

    /// Connects, logs in, and asks what there is.
    func connect() throws -> Advertisement {
        var options = unsafe git_remote_connect_options()
        try check(
            unsafe git_remote_connect_options_init(&options, UInt32(GIT_REMOTE_CONNECT_OPTIONS_VERSION)))
        unsafe options.callbacks = conversation.callbacks
        unsafe options.proxy_opts.type = GIT_PROXY_AUTO
        unsafe options.follow_redirects = GIT_REMOTE_REDIRECT_NONE
        try check(unsafe git_remote_connect_ext(pointer, GIT_DIRECTION_FETCH, &options))
        var heads: UnsafeMutablePointer<UnsafePointer<git_remote_head>?>?
        var count = 0
        try check(unsafe git_remote_ls(&heads, &count, pointer))
        guard count <= limits.references else {
            throw GitFailure(
                .sizeLimit, "the server offers \(count) branches and tags, more than \(limits.references)")
        }
        var advertisement = Advertisement()
        for index in 0..<count {
            // The library owns the array until the next call on the remote; everything is copied here.
            guard let head = unsafe heads?[index]?.pointee, let rawName = unsafe head.name else { continue }
            let name = unsafe String(cString: rawName)
            let id = unsafe ObjectID(head.oid)
            if name == "HEAD" {
                advertisement.head = id
                advertisement.headReference = unsafe head.symref_target.map { unsafe String(cString: $0) }
            } else if !name.hasSuffix("^{}") {
                advertisement.references[name] = id
            }
        }
        return advertisement
    }

    /// Brings the objects that references (patterns, ids) of the server need; nothing is recorded as a reference.
    func download(_ sources: [String]) throws(GitError) {
        var options = unsafe git_fetch_options()
        try check(unsafe git_fetch_options_init(&options, UInt32(GIT_FETCH_OPTIONS_VERSION)))
        unsafe options.callbacks = conversation.callbacks
        unsafe options.proxy_opts.type = GIT_PROXY_AUTO
        unsafe options.follow_redirects = GIT_REMOTE_REDIRECT_NONE
        unsafe options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE
        unsafe options.update_fetchhead = 0
        // Where to is never used, but makes the library treat the source as a name or pattern.
        let specifications = sources.map { "+\($0):refs/swiftflow/\($0.hasSuffix("*") ? $0 : "one")" }
        let copies = unsafe specifications.map { unsafe strdup($0) }
        defer { unsafe copies.forEach { unsafe free($0) } }
        var pointers = unsafe copies
        let result = unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            // The library copies the strings during the call.
            var array = unsafe git_strarray(strings: buffer.baseAddress, count: buffer.count)
            return unsafe git_remote_download(pointer, &array, &options)
        }
        try check(result)
    }
}
