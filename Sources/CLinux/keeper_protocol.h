// What the runner and `swiftflow-keeper` say to each other. Both are built together; `version` catches a mixed installation.
//
//   runner ── keeper socket ──▶ keeper       one request per program to start, with five descriptors
//   runner ◀─ keeper socket ─── keeper       "lost": a supervisor was killed and what it kept has been ended
//   runner ◀── job socket ────▶ supervisor   "started" or "failed", then "ended"; the other way "stop" and "signal"
//
// All sockets are SOCK_SEQPACKET: one message is one struct, never cut, never joined. A job socket that closes is a fact by
// itself: for the supervisor, the runner is gone; for the runner, the supervisor is gone.
#ifndef SWIFTFLOW_KEEPER_PROTOCOL_H
#define SWIFTFLOW_KEEPER_PROTOCOL_H

#include <stdint.h>

#define SWIFTFLOW_KEEPER_VERSION 1u

/// The descriptor at which the keeper finds its socket.
#define SWIFTFLOW_KEEPER_SOCKET 3

/// The descriptors that come with a request, in this order.
#define SWIFTFLOW_KEEPER_CONTROL 0
#define SWIFTFLOW_KEEPER_PROGRAM 1
#define SWIFTFLOW_KEEPER_INPUT 2
#define SWIFTFLOW_KEEPER_OUTPUT 3
#define SWIFTFLOW_KEEPER_ERROR 4
#define SWIFTFLOW_KEEPER_DESCRIPTORS 5

/// Starts a program. The text is in the memory file: executable, folder, arguments (the first is the program's own name) and
/// `NAME=value` variables, each closed by a zero byte; so that requests have one small size, however long the text.
struct swiftflow_keeper_request {
    uint32_t version;
    uint32_t argument_count;
    uint32_t variable_count;
    uint32_t unused;
    uint64_t length;
    uint64_t job;
};

#define SWIFTFLOW_KEEPER_STARTED 1u
#define SWIFTFLOW_KEEPER_FAILED 2u
#define SWIFTFLOW_KEEPER_ENDED 3u
#define SWIFTFLOW_KEEPER_LOST 4u

/// The step at which starting failed.
#define SWIFTFLOW_KEEPER_STEP_VERSION 1
#define SWIFTFLOW_KEEPER_STEP_SUPERVISOR 2
#define SWIFTFLOW_KEEPER_STEP_TEXT 3
#define SWIFTFLOW_KEEPER_STEP_FORK 4
#define SWIFTFLOW_KEEPER_STEP_SESSION 5
#define SWIFTFLOW_KEEPER_STEP_DESCRIPTORS 6
#define SWIFTFLOW_KEEPER_STEP_FOLDER 7
#define SWIFTFLOW_KEEPER_STEP_EXECUTE 8

struct swiftflow_keeper_event {
    uint32_t kind;
    /// started: the program's process id, which is also its group and session.
    int32_t process;
    /// failed: which step, and its `errno`.
    int32_t step;
    int32_t error;
    /// ended: how the program ended; only one of the two is not zero.
    int32_t exit_code;
    int32_t signal;
    /// ended: whether descendants had to be ended, and how many could not be.
    int32_t left_descendants;
    int32_t survivors;
    /// ended: real time of the program, processor time and largest resident set of its tree.
    int64_t wall_nanoseconds;
    int64_t user_microseconds;
    int64_t system_microseconds;
    int64_t peak_kibibytes;
    /// lost: which job.
    uint64_t job;
};

#define SWIFTFLOW_KEEPER_STOP 1u
#define SWIFTFLOW_KEEPER_SIGNAL 2u

struct swiftflow_keeper_command {
    uint32_t kind;
    /// signal: its number.
    int32_t signal;
    /// stop: the time between TERM and KILL.
    int64_t grace_nanoseconds;
};

#endif
