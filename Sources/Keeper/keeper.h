// What the two halves of the keeper share.
#ifndef SWIFTFLOW_KEEPER_H
#define SWIFTFLOW_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../CLinux/keeper_protocol.h"

#define SECOND ((int64_t)1000000000)
#define MILLISECOND ((int64_t)1000000)
#define NEVER INT64_MAX

/// Nanoseconds of the monotonic clock.
int64_t now(void);

/// `poll`'s idea of the time until `moment`, rounded up.
int milliseconds_until(int64_t moment);

/// Sends an event; blocks if it must. An unreachable runner is noticed elsewhere.
void send_event(int socket, const struct swiftflow_keeper_event *event);

/// Calls `visit` with every direct child of this process, zombies included. Another look may find children this one missed.
void for_each_child(void (*visit)(pid_t child, void *context), void *context);

/// Runs one job to its end in a process of its own, forked from `keeper`. Signals are blocked and come through `signals`.
_Noreturn void supervise(
    const struct swiftflow_keeper_request *request, const int descriptors[SWIFTFLOW_KEEPER_DESCRIPTORS], int signals,
    pid_t keeper);

/// Executes the command (its path and arguments) when TERM comes; guard.c.
///
/// - Returns: the exit code when it could not.
int guard(char **command);

#endif
