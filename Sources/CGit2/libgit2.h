// libgit2, and its one variadic function in forms that Swift can call.
#ifndef SWIFTFLOW_LIBGIT2_H
#define SWIFTFLOW_LIBGIT2_H

#include <git2.h>
#include <git2/sys/config.h>
#include <git2/sys/stream.h>

static inline int swiftflow_git_enable(git_libgit2_opt_t option, int enabled) {
    return git_libgit2_opts((int)option, enabled);
}

static inline int swiftflow_git_limit(git_libgit2_opt_t option, size_t value) {
    return git_libgit2_opts((int)option, value);
}

static inline int swiftflow_git_set_search_path(git_config_level_t level, const char *path) {
    return git_libgit2_opts((int)GIT_OPT_SET_SEARCH_PATH, (int)level, path);
}

static inline int swiftflow_git_set_text(git_libgit2_opt_t option, const char *text) {
    return git_libgit2_opts((int)option, text);
}

static inline int swiftflow_git_set_certificates(const char *file, const char *folder) {
    return git_libgit2_opts((int)GIT_OPT_SET_SSL_CERT_LOCATIONS, file, folder);
}

#endif
