// swiftflow-keeper: starts programs for one runner and sees to it that none of their processes outlives it.
//
// The keeper itself only accepts requests and forks a supervisor for each (supervisor.c); the supervisor talks to the runner
// by a socket of its own. So every process that matters is watched from two sides, and each may be killed at any moment:
//
//   the runner dies      every supervisor sees its socket close and ends its tree; the keeper sees its own close and leaves last
//   the keeper dies      every supervisor gets a signal (PR_SET_PDEATHSIG; the keeper has one thread, so it is reliable)
//   a supervisor dies    its program is killed by the kernel, the rest of the tree becomes the keeper's (it is a "subreaper")
//                        and is ended here; then the runner is told
//
// Why C, in a project written in Swift: a supervisor must fork, and a Swift process may not (its runtime has threads and locks
// that a fork leaves behind broken). It must be small, because there is one per running program: this one is linked statically,
// allocates next to nothing and is running well within a millisecond. It does nothing but system calls.
#define _GNU_SOURCE
#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// Attempts to end the tree of a killed supervisor stop after this time: what is left cannot be killed (another user's process).
static const int64_t orphan_limit = 5 * SECOND;

struct supervisor {
    pid_t process;
    uint64_t job;
};

static struct supervisor *supervisors;
static size_t supervisor_count, supervisor_capacity;

/// Jobs whose supervisor was killed and whose processes are being ended.
static uint64_t *lost_jobs;
static size_t lost_count, lost_capacity;
static int64_t orphans_until = 0;

int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

int milliseconds_until(int64_t moment) {
    if (moment == NEVER) return -1;
    int64_t left = moment - now();
    if (left <= 0) return 0;
    left = (left + MILLISECOND - 1) / MILLISECOND;
    return left > 3600000 ? 3600000 : (int)left;
}

void send_event(int socket, const struct swiftflow_keeper_event *event) {
    while (send(socket, event, sizeof *event, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

/// Kernels without CONFIG_PROC_CHILDREN: look at every process there is.
static void for_each_child_of_all(void (*visit)(pid_t, void *), void *context) {
    DIR *all = opendir("/proc");
    if (all == NULL) return;
    const pid_t self = getpid();
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        char path[64], text[512];
        snprintf(path, sizeof path, "/proc/%.20s/stat", entry->d_name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0) continue;
        ssize_t length = read(file, text, sizeof text - 1);
        close(file);
        if (length <= 0) continue;
        text[length] = 0;
        // The name, in parentheses, may contain anything; what follows its last parenthesis is "state parent …".
        const char *end = strrchr(text, ')');
        int parent = 0;
        if (end != NULL && sscanf(end + 1, " %*c %d", &parent) == 1 && parent == self) visit(atoi(entry->d_name), context);
    }
    closedir(all);
}

void for_each_child(void (*visit)(pid_t, void *), void *context) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return for_each_child_of_all(visit, context);
    pid_t child = 0;
    for (;;) {
        ssize_t length = read(file, text, sizeof text);
        if (length < 0 && errno == EINTR) continue;
        if (length <= 0) break;
        for (ssize_t i = 0; i < length; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                child = child * 10 + (text[i] - '0');
            } else if (child != 0) {
                visit(child, context);
                child = 0;
            }
        }
    }
    if (child != 0) visit(child, context);
    close(file);
}

/// Makes room for one more element; the keeper cannot go on without (its end ends everything it keeps).
static void *grown(void *array, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return array;
    *capacity = *capacity ? *capacity * 2 : 64;
    array = realloc(array, *capacity * size);
    if (array == NULL) _exit(1);
    return array;
}

static bool is_supervisor(pid_t process) {
    for (size_t i = 0; i < supervisor_count; i++)
        if (supervisors[i].process == process) return true;
    return false;
}

/// Notes that a supervisor has ended, and how.
static void forget_supervisor(pid_t process, bool properly) {
    for (size_t i = 0; i < supervisor_count; i++) {
        if (supervisors[i].process != process) continue;
        if (!properly) {
            lost_jobs = grown(lost_jobs, lost_count, &lost_capacity, sizeof *lost_jobs);
            lost_jobs[lost_count++] = supervisors[i].job;
            orphans_until = now() + orphan_limit;
        }
        supervisors[i] = supervisors[--supervisor_count];
        return;
    }
}

/// Takes leave of every child that has ended.
static void reap(void) {
    int status;
    pid_t process;
    while ((process = waitpid(-1, &status, WNOHANG)) > 0)
        forget_supervisor(process, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void kill_orphan(pid_t child, void *context) {
    if (is_supervisor(child)) return;
    // A child of ours that we have not reaped: its number cannot have passed to a stranger.
    kill(child, SIGKILL);
    ++*(int *)context;
}

/// Ends what killed supervisors left behind. Grandchildren become our children as their parents die.
///
/// No grace here: whoever kills a supervisor with -9 has asked for the hard way.
static void end_orphans(void) {
    if (orphans_until == 0) return;
    for (;;) {
        int found = 0;
        for_each_child(kill_orphan, &found);
        reap();
        if (found == 0 || now() > orphans_until) break;
        // Give them a moment to die; the loop is short, and requests can wait for it.
        poll(NULL, 0, 1);
    }
    orphans_until = 0;
    for (size_t i = 0; i < lost_count; i++) {
        struct swiftflow_keeper_event event = {.kind = SWIFTFLOW_KEEPER_LOST, .job = lost_jobs[i]};
        send_event(SWIFTFLOW_KEEPER_SOCKET, &event);
    }
    lost_count = 0;
}

static void fail(int control, int step, int error) {
    struct swiftflow_keeper_event event = {.kind = SWIFTFLOW_KEEPER_FAILED, .step = step, .error = error};
    send_event(control, &event);
}

static void start_supervisor(
    const struct swiftflow_keeper_request *request, const int descriptors[SWIFTFLOW_KEEPER_DESCRIPTORS], int signals) {
    const pid_t keeper = getpid();
    supervisors = grown(supervisors, supervisor_count, &supervisor_capacity, sizeof *supervisors);
    pid_t process = fork();
    if (process == 0) {
        close(SWIFTFLOW_KEEPER_SOCKET);
        supervise(request, descriptors, signals, keeper);
    }
    if (process < 0) {
        fail(descriptors[SWIFTFLOW_KEEPER_CONTROL], SWIFTFLOW_KEEPER_STEP_SUPERVISOR, errno);
        return;
    }
    supervisors[supervisor_count++] = (struct supervisor){.process = process, .job = request->job};
}

enum reception { received, nothing, runner_gone };

/// Takes one request from the runner, if there is one.
static enum reception receive_request(int signals) {
    struct swiftflow_keeper_request request;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(SWIFTFLOW_KEEPER_DESCRIPTORS * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(SWIFTFLOW_KEEPER_SOCKET, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (length < 0) return errno == EAGAIN || errno == EINTR ? nothing : runner_gone;
    if (length == 0) return runner_gone;

    int descriptors[SWIFTFLOW_KEEPER_DESCRIPTORS];
    size_t count = 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(descriptors, CMSG_DATA(header), count * sizeof(int));
    }
    // With too few descriptors (our own limit is reached) the job socket may be missing: closing what came is the answer then.
    if (count == SWIFTFLOW_KEEPER_DESCRIPTORS) {
        if (length != sizeof request || request.version != SWIFTFLOW_KEEPER_VERSION)
            fail(descriptors[SWIFTFLOW_KEEPER_CONTROL], SWIFTFLOW_KEEPER_STEP_VERSION, 0);
        else
            start_supervisor(&request, descriptors, signals);
    }
    for (size_t i = 0; i < count; i++) close(descriptors[i]);
    return received;
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "--guard") == 0) return guard(arguments + 2);
    struct stat status;
    if (fstat(SWIFTFLOW_KEEPER_SOCKET, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        static const char usage[] =
            "swiftflow-keeper is started by swiftflow and ends with it; there is no use in running it by hand.\n";
        return write(STDERR_FILENO, usage, sizeof usage - 1) < 0 ? 3 : 2;
    }
    fcntl(SWIFTFLOW_KEEPER_SOCKET, F_SETFD, FD_CLOEXEC);

    // Nothing but KILL ends the keeper: a signal to everything of a service or of a user must reach the programs and the
    // runner, and leave to us the cleaning up. Blocked signals are also what keeps handlers out of vfork's child.
    // Programs inherit what is ignored. All is default here but the C library's own two signals, which `posix_spawn` leaves
    // ignored and `sigaction` refuses to touch.
    const char default_action[64] = {0};
    for (int number = 32; number <= 33; number++) syscall(SYS_rt_sigaction, number, default_action, NULL, 8);

    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return 1;

    bool has_runner = true;
    for (;;) {
        struct pollfd events[2] = {
            {.fd = signals, .events = POLLIN},
            {.fd = has_runner ? SWIFTFLOW_KEEPER_SOCKET : -1, .events = POLLIN},
        };
        if (poll(events, 2, -1) < 0 && errno != EINTR) return 1;

        struct signalfd_siginfo ignored[8];
        while (read(signals, ignored, sizeof ignored) > 0) {
        }
        reap();
        end_orphans();
        if (events[1].revents != 0) {
            // Several at a time, but not so many that ended supervisors wait for us.
            for (int i = 0; i < 64; i++) {
                enum reception reception = receive_request(signals);
                if (reception == runner_gone) has_runner = false;
                if (reception != received) break;
            }
        }
        if (!has_runner && supervisor_count == 0) {
            // A last look; there is nothing to find unless something could not be ended before.
            orphans_until = now() + orphan_limit;
            end_orphans();
            return 0;
        }
    }
}
