// One supervisor per running program: starts it, waits for it, ends its whole tree, reports.
//
// How nobody escapes: the supervisor is a "subreaper", so a descendant whose parent has ended becomes its direct child, in
// whatever session or group it is. And how no stranger is hit: signals go only to direct children that have not been reaped,
// and to the program's group while the program itself has not been reaped (it stays a zombie until the end); those numbers
// cannot pass to anyone else.
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// What is left when the program ends may end by itself for so long (a `>(tee log)` that still writes, a helper that follows).
static const int64_t natural_end = SECOND / 2;
/// Then it gets TERM, and after this time KILL.
static const int64_t straggler_grace = SECOND;
/// The grace when the runner or the keeper has died.
static const int64_t orphan_grace = 2 * SECOND;
/// After KILL we wait so long; what is left then cannot be killed (another user's process, or stuck in the kernel).
static const int64_t kill_limit = 3 * SECOND;

#define TOLD_LIMIT 1024

struct supervision {
    pid_t program;
    /// Whether the program has ended, and whether it is reaped as well (the group's number is not ours any more).
    bool has_ended, is_reaped;
    int exit_code, signal;
    int64_t started, ended;
    /// TERM has been sent; KILL follows at `kill_at`.
    bool is_stopping;
    int64_t kill_at;
    bool left_descendants;
    /// Direct children that have had their TERM: a second one means "at once" to many programs.
    pid_t told[TOLD_LIMIT];
    size_t told_count;
};

/// Set by vfork's child, which shares our memory until it executes the program.
static volatile struct {
    int step, error;
} start_failure;

/// Pointers to `count` texts from `text` on; stops at `end`.
static char **text_list(char **text, const char *end, uint32_t count) {
    char **list = calloc((size_t)count + 1, sizeof *list);
    if (list == NULL) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        char *next = *text < end ? memchr(*text, 0, (size_t)(end - *text)) : NULL;
        if (next == NULL) return NULL;
        list[i] = *text;
        *text = next + 1;
    }
    return list;
}

/// vfork's child: becomes the program, or says why not. Only system calls here, and nothing of our memory is changed but the
/// variable that says why.
static _Noreturn void become(
    char *executable, const char *folder, char **arguments, char **variables,
    const int descriptors[SWIFTFLOW_KEEPER_DESCRIPTORS], pid_t supervisor) {
    start_failure.step = SWIFTFLOW_KEEPER_STEP_SESSION;
    if (setsid() < 0) goto failed;
    start_failure.step = SWIFTFLOW_KEEPER_STEP_DESCRIPTORS;
    for (int i = 0; i < 3; i++)
        if (dup2(descriptors[SWIFTFLOW_KEEPER_INPUT + i], i) < 0) goto failed;
    // All our descriptors are close-on-exec; this is for those that a future change might forget.
    if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) != 0 && errno != ENOSYS && errno != EINVAL) goto failed;
    start_failure.step = SWIFTFLOW_KEEPER_STEP_FOLDER;
    if (chdir(folder) != 0) goto failed;
    // The first aid if the supervisor is killed; the rest is the keeper's.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    start_failure.step = SWIFTFLOW_KEEPER_STEP_EXECUTE;
    errno = ESRCH;
    if (getppid() != supervisor) goto failed;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(executable, arguments, variables);
failed:
    start_failure.error = errno;
    _exit(127);
}

static pid_t start_program(
    char *executable, const char *folder, char **arguments, char **variables,
    const int descriptors[SWIFTFLOW_KEEPER_DESCRIPTORS]) {
    const pid_t self = getpid();
    for (int attempt = 0;; attempt++) {
        start_failure.error = 0;
        start_failure.step = SWIFTFLOW_KEEPER_STEP_FORK;
        pid_t program = vfork();
        if (program == 0) become(executable, folder, arguments, variables, descriptors, self);
        if (program < 0) {
            start_failure.error = errno;
            return -1;
        }
        if (start_failure.error == 0) return program;
        while (waitpid(program, NULL, 0) < 0 && errno == EINTR) {
        }
        // Another thread or process may have held a just written program open for writing at the moment it forked; it lets go when it
        // executes its own program, which takes a busy machine its time.
        if (start_failure.error != ETXTBSY || attempt == 500) return -1;
        poll(NULL, 0, 10);
    }
}

/// Reaps every child that has ended, except the program, whose end is only noted.
static void reap(struct supervision *job) {
    for (;;) {
        siginfo_t info;
        info.si_pid = 0;
        int options = WEXITED | WNOHANG | WNOWAIT;
        if (job->has_ended && !job->is_reaped) return;  // the zombie we keep would be found again and again; see `survey`
        if (waitid(P_ALL, 0, &info, options) != 0 || info.si_pid == 0) return;
        if (info.si_pid != job->program || job->is_reaped) {
            waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
            continue;
        }
        job->has_ended = true;
        job->ended = now();
        if (info.si_code == CLD_EXITED)
            job->exit_code = info.si_status;
        else
            job->signal = info.si_status;
    }
}

struct survey {
    struct supervision *job;
    /// Sent to each living child; TERM only once to each.
    int signal;
    int living;
};

static bool tell(struct supervision *job, pid_t child) {
    for (size_t i = 0; i < job->told_count; i++)
        if (job->told[i] == child) return false;
    if (job->told_count < TOLD_LIMIT) job->told[job->told_count++] = child;
    return true;
}

static void forget(struct supervision *job, pid_t child) {
    for (size_t i = 0; i < job->told_count; i++)
        if (job->told[i] == child) {
            job->told[i] = job->told[--job->told_count];
            return;
        }
}

static void visit_child(pid_t child, void *context) {
    struct survey *survey = context;
    struct supervision *job = survey->job;
    if (child == job->program && !job->is_reaped) return;
    siginfo_t info;
    info.si_pid = 0;
    if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG) != 0 || info.si_pid == child) {
        forget(job, child);
        return;
    }
    survey->living++;
    if (survey->signal == 0) return;
    if (survey->signal == SIGTERM) {
        if (!tell(job, child)) return;
        // A child of the program's group has had it with the group.
        if (job->is_stopping && getpgid(child) == job->program && !job->is_reaped) return;
    }
    kill(child, survey->signal);
    if (survey->signal == SIGTERM) kill(child, SIGCONT);
    if (job->has_ended) job->left_descendants = true;
}

/// Looks at every direct child but the program: reaps the ended, counts the living, sends them `signal` if it is not 0.
static int survey(struct supervision *job, int signal) {
    struct survey survey = {.job = job, .signal = signal};
    for_each_child(visit_child, &survey);
    return survey.living;
}

static void signal_group(const struct supervision *job, int signal) {
    if (!job->is_reaped) kill(-job->program, signal);
}

/// Sends TERM, unless that has been done or there is no grace, and arranges for KILL after `grace`, unless that is due earlier.
static void stop(struct supervision *job, int64_t grace) {
    if (grace < 0) grace = 0;
    int64_t moment = now();
    int64_t kill_at = grace > NEVER / 2 ? NEVER : moment + grace;
    if (kill_at < job->kill_at) job->kill_at = kill_at;
    if (job->is_stopping) return;
    job->is_stopping = true;
    // Without a grace nothing is asked: a handler could still begin to run before the KILL arrives.
    if (grace == 0) return;
    signal_group(job, SIGTERM);
    signal_group(job, SIGCONT);
}

/// Executes the runner's commands.
///
/// - Returns: false when the runner is gone.
static bool obey(struct supervision *job, int control) {
    for (;;) {
        struct swiftflow_keeper_command command;
        ssize_t length = recv(control, &command, sizeof command, MSG_DONTWAIT);
        if (length == 0) return false;
        if (length < 0) return errno == EAGAIN || errno == EINTR;
        if (length != sizeof command) continue;
        if (command.kind == SWIFTFLOW_KEEPER_STOP) stop(job, command.grace_nanoseconds);
        if (command.kind == SWIFTFLOW_KEEPER_SIGNAL && !job->has_ended) signal_group(job, command.signal);
    }
}

/// Does what the moment asks for.
///
/// - Returns: when to look again, or 0 when the whole tree has ended.
static int64_t proceed(struct supervision *job) {
    reap(job);
    int64_t moment = now();
    int living = 0;
    if (job->has_ended) {
        living = survey(job, job->is_stopping && moment < job->kill_at ? SIGTERM : 0);
        if (living == 0) {
            // Only the program's zombie is left, it seems. The kernel's word on it is "no such child".
            siginfo_t info;
            if (!job->is_reaped) waitid(P_PID, (id_t)job->program, &info, WEXITED | WNOHANG);
            job->is_reaped = true;
            if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD) return 0;
        }
        if (!job->is_stopping) {
            if (moment < job->ended + natural_end) {
                // An orphan's parent may end unnoticed by us, so look now and then, at first often.
                int64_t step = (moment - job->ended) / 4 + MILLISECOND;
                return moment + step < job->ended + natural_end ? moment + step : job->ended + natural_end;
            }
            job->left_descendants = true;
            stop(job, straggler_grace);
            survey(job, SIGTERM);
        }
    }
    if (moment < job->kill_at) {
        int64_t look_again = job->has_ended ? moment + 20 * MILLISECOND : NEVER;
        return look_again < job->kill_at ? look_again : job->kill_at;
    }
    signal_group(job, SIGKILL);
    survey(job, SIGKILL);
    return moment + 2 * MILLISECOND;
}

static void report_end(const struct supervision *job, int control, int survivors) {
    // Everything we have reaped, and what those had reaped: the whole tree.
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    struct swiftflow_keeper_event event = {
        .kind = SWIFTFLOW_KEEPER_ENDED,
        .process = job->program,
        .exit_code = job->exit_code,
        .signal = job->signal,
        .left_descendants = job->left_descendants,
        .survivors = survivors,
        .wall_nanoseconds = job->ended - job->started,
        .user_microseconds = (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec,
        .system_microseconds = (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec,
        .peak_kibibytes = usage.ru_maxrss,
    };
    send_event(control, &event);
}

/// Watches the tree until nothing of it is left.
static _Noreturn void watch(struct supervision *job, int control, int signals, pid_t keeper) {
    bool has_runner = true;
    for (;;) {
        int64_t look_again = proceed(job);
        if (look_again == 0) {
            report_end(job, control, 0);
            _exit(0);
        }
        if (job->kill_at != NEVER && now() > job->kill_at + kill_limit) {
            int survivors = survey(job, 0) + (job->has_ended ? 0 : 1);
            if (!job->has_ended) {
                job->signal = SIGKILL;
                job->ended = now();
            }
            report_end(job, control, survivors);
            _exit(1);
        }
        struct pollfd events[2] = {
            {.fd = signals, .events = POLLIN},
            {.fd = has_runner ? control : -1, .events = POLLIN},
        };
        poll(events, 2, milliseconds_until(look_again));
        if (events[0].revents != 0) {
            struct signalfd_siginfo ignored[8];
            while (read(signals, ignored, sizeof ignored) > 0) {
            }
            if (getppid() != keeper) stop(job, orphan_grace);
        }
        if (events[1].revents != 0 && !obey(job, control)) {
            has_runner = false;
            stop(job, orphan_grace);
        }
    }
}

_Noreturn void supervise(
    const struct swiftflow_keeper_request *request, const int descriptors[SWIFTFLOW_KEEPER_DESCRIPTORS], int signals,
    pid_t keeper) {
    const int control = descriptors[SWIFTFLOW_KEEPER_CONTROL];
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (getppid() != keeper) _exit(1);
    static struct supervision job = {.kill_at = NEVER};
    start_failure.step = SWIFTFLOW_KEEPER_STEP_SUPERVISOR;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        start_failure.error = errno;
        goto failed;
    }

    start_failure.step = SWIFTFLOW_KEEPER_STEP_TEXT;
    char *text = mmap(NULL, request->length, PROT_READ, MAP_PRIVATE, descriptors[SWIFTFLOW_KEEPER_PROGRAM], 0);
    if (text == MAP_FAILED) {
        start_failure.error = errno;
        goto failed;
    }
    char *position = text;
    const char *end = text + request->length;
    char **places = text_list(&position, end, 2);
    char **arguments = places == NULL ? NULL : text_list(&position, end, request->argument_count);
    char **variables = arguments == NULL ? NULL : text_list(&position, end, request->variable_count);
    if (variables == NULL) {
        start_failure.error = ENOMEM;
        goto failed;
    }

    job.started = now();
    job.program = start_program(places[0], places[1], arguments, variables, descriptors);
    if (job.program < 0) goto failed;
    for (int i = 0; i < SWIFTFLOW_KEEPER_DESCRIPTORS; i++)
        if (i != SWIFTFLOW_KEEPER_CONTROL) close(descriptors[i]);
    munmap(text, request->length);

    struct swiftflow_keeper_event event = {.kind = SWIFTFLOW_KEEPER_STARTED, .process = job.program};
    send_event(control, &event);
    watch(&job, control, signals, keeper);

failed:
    event = (struct swiftflow_keeper_event){
        .kind = SWIFTFLOW_KEEPER_FAILED, .step = start_failure.step, .error = start_failure.error};
    send_event(control, &event);
    _exit(0);
}
