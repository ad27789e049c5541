// What starting and watching processes needs from Linux beyond what Swift can import: macros, variadic calls, unions.
// Each wrapper returns what the call returns, with `errno` set in the same way, unless it says otherwise.
#ifndef SWIFTFLOW_PROCESSES_H
#define SWIFTFLOW_PROCESSES_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "keeper_protocol.h"

// See linux.h for why these are here.
#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#endif
#ifndef POSIX_SPAWN_SETSID
#define POSIX_SPAWN_SETSID 0x80
#endif

/// Sends one message with up to eight descriptors (SCM_RIGHTS) without blocking and without SIGPIPE.
static inline ssize_t swiftflow_send_descriptors(
    int socket, const void *bytes, size_t length, const int *descriptors, size_t count) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 8) {
        errno = EINVAL;
        return -1;
    }
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// A pair of connected sockets that keep messages apart; `ends[0]` does not block.
static inline int swiftflow_message_sockets(int ends[2]) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
    return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

/// A pipe whose reading end does not block.
static inline int swiftflow_output_pipe(int ends[2]) {
    if (syscall(SYS_pipe2, ends, O_CLOEXEC) != 0) return -1;
    return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

/// Gives a pipe a larger buffer, as far as the system allows.
static inline int swiftflow_set_pipe_size(int pipe, int size) { return fcntl(pipe, F_SETPIPE_SZ, size); }

/// How many bytes wait to be read.
static inline int swiftflow_readable_bytes(int descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) == 0 ? count : 0;
}

/// An anonymous file in memory.
static inline int swiftflow_memory_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1u /* close-on-exec */); }

/// A pseudo terminal that passes every byte unchanged, of the size of the terminal `like`. The master does not block.
static inline int swiftflow_open_terminal(int *master, int *slave, int like) {
    struct termios attributes;
    struct winsize size;
    *slave = -1;
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (*master < 0) return -1;
    if (grantpt(*master) == 0 && unlockpt(*master) == 0)
        *slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*slave >= 0 && tcgetattr(*slave, &attributes) == 0) {
        cfmakeraw(&attributes);
        if (tcsetattr(*slave, TCSANOW, &attributes) == 0) {
            if (ioctl(like, TIOCGWINSZ, &size) == 0) ioctl(*slave, TIOCSWINSZ, &size);
            return 0;
        }
    }
    int error = errno;
    close(*master);
    if (*slave >= 0) close(*slave);
    errno = error;
    return -1;
}

/// Gives the pseudo terminal behind `master` the size of the terminal `like`.
static inline int swiftflow_copy_terminal_size(int master, int like) {
    struct winsize size;
    return ioctl(like, TIOCGWINSZ, &size) == 0 ? ioctl(master, TIOCSWINSZ, &size) : -1;
}

/// Names the calling thread, for `ps` and debuggers.
static inline void swiftflow_name_thread(const char *name) { prctl(PR_SET_NAME, name); }

/// Whether a signal's disposition is "ignore" (a macro that Swift cannot compare with).
static inline int swiftflow_is_ignored(const struct sigaction *action) { return action->sa_handler == SIG_IGN; }

/// Waits for one event; its number and its flags.
static inline int swiftflow_wait_for_event(int poller, uint64_t *number, uint32_t *flags, int milliseconds) {
    struct epoll_event event;
    int count = epoll_wait(poller, &event, 1, milliseconds);
    if (count > 0) {
        *number = event.data.u64;
        *flags = event.events;
    }
    return count;
}

/// `operation` is EPOLL_CTL_ADD or EPOLL_CTL_MOD.
static inline int swiftflow_watch(int poller, int operation, int descriptor, uint32_t flags, uint64_t number) {
    struct epoll_event event = {.events = flags, .data = {.u64 = number}};
    return epoll_ctl(poller, operation, descriptor, &event);
}

/// Starts a program in a session of its own with default signals, `input`, `output` and `error` as 0 to 2, `extra` (or -1) as
/// 3 and nothing else open. Returns an error number.
static inline int swiftflow_spawn_session(
    pid_t *process, const char *executable, char *const *arguments, char *const *environment, const char *folder, int input,
    int output, int error, int extra) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    // Copies above 3, so that the order of the moves below does not matter.
    int copies[4] = {-1, -1, -1, -1}, originals[4] = {input, output, error, extra}, count = extra >= 0 ? 4 : 3, result = 0;
    for (int i = 0; i < count && result == 0; i++)
        if ((copies[i] = fcntl(originals[i], F_DUPFD_CLOEXEC, 4)) < 0) result = errno;
    if (result == 0) result = posix_spawn_file_actions_init(&actions);
    if (result == 0) {
        posix_spawnattr_init(&attributes);
        for (int i = 0; i < count && result == 0; i++)
            result = posix_spawn_file_actions_adddup2(&actions, copies[i], i);
        if (result == 0) result = posix_spawn_file_actions_addclosefrom_np(&actions, count);
        if (result == 0 && folder != NULL) result = posix_spawn_file_actions_addchdir_np(&actions, folder);
        sigfillset(&set);
        posix_spawnattr_setsigdefault(&attributes, &set);
        sigemptyset(&set);
        posix_spawnattr_setsigmask(&attributes, &set);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        if (result == 0) result = posix_spawn(process, executable, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    for (int i = 0; i < count; i++)
        if (copies[i] >= 0) close(copies[i]);
    return result;
}

#endif
