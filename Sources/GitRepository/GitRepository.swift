import CGit2
package import GitMessages

/// Starts libgit2 with everything switched off that could reach outside of what we hand it.
///
/// No configuration of the system or the user is read (so no `insteadOf`, no `safe.directory`, no `core.hooksPath`), no templates are
/// copied, objects are verified against their names, and memory-mapped windows are small. The ownership check stays on.
///
/// This module is the only one that sees libgit2. It is linked into the worker alone.
package func startLibrary(limits: GitLimits, certificates: String?) throws(GitError) {
    try check(git_libgit2_init())
    for level in [GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL]
    {
        try check(unsafe swiftflow_git_set_search_path(level, ""))
    }
    try check(unsafe swiftflow_git_set_text(GIT_OPT_SET_TEMPLATE_PATH, ""))
    try check(unsafe swiftflow_git_set_text(GIT_OPT_SET_USER_AGENT, "swiftflow"))
    for option in [GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, GIT_OPT_SET_OWNER_VALIDATION, GIT_OPT_ENABLE_FSYNC_GITDIR] {
        try check(swiftflow_git_enable(option, 1))
    }
    try check(swiftflow_git_limit(GIT_OPT_SET_PACK_MAX_OBJECTS, max(1, limits.objects)))
    try check(swiftflow_git_limit(GIT_OPT_SET_MWINDOW_SIZE, 32 << 20))
    try check(swiftflow_git_limit(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, 512 << 20))
    try check(swiftflow_git_limit(GIT_OPT_SET_CACHE_MAX_SIZE, 32 << 20))
    guard let certificates else { return }
    try check(unsafe swiftflow_git_set_certificates(certificates, nil))
}
