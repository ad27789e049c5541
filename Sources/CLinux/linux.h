// The few Linux calls that Swift cannot import by itself: variadic functions, and system calls glibc 2.36 does not wrap.
// Each wrapper returns what the call returns, with `errno` set in the same way.
#ifndef SWIFTFLOW_LINUX_H
#define SWIFTFLOW_LINUX_H

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// No header of a C module of ours defines _GNU_SOURCE: Swift's own view of glibc is made without it, and two modules that see
// a structure (fd_set) differently cannot be imported into one program. What glibc hides without it, as the kernel has it:
#ifndef O_PATH
#define O_PATH 010000000
#endif
#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | O_DIRECTORY)
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

/// Opens `path` below `directory` without following any link or leaving it (openat2, Linux 5.6).
static inline int swiftflow_open_beneath(int directory, const char *path, int flags, mode_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .mode = (flags & O_CREAT) ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

/// Plain `openat` with a mode, always close-on-exec.
static inline int swiftflow_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags | O_CLOEXEC, mode);
}

/// Waits until everything written to the file system of `file` is on the disk (syncfs).
static inline int swiftflow_sync_file_system(int file) { return (int)syscall(SYS_syncfs, file); }

/// Copies up to `count` bytes between two files at their positions without bringing them into this process (copy_file_range).
static inline ssize_t swiftflow_copy_file_range(int source, int target, size_t count) {
    return syscall(SYS_copy_file_range, source, (void *)0, target, (void *)0, count, 0);
}

/// Makes `target` share the blocks of `source` where the file system can (FICLONE).
static inline int swiftflow_clone_file(int target, int source) { return ioctl(target, FICLONE, source); }

#endif
