// A guard: executes a program when it is told to end, and does nothing until then.
//
// What runs elsewhere (a container, whose processes are the engine's children and not ours) cannot be ended by ending a tree. So the
// runner has a guard kept beside it, with the command that ends it: if the runner dies, for whatever reason, the guard's supervisor
// sends TERM, and the guard becomes that command. A runner that does not need it any more sends KILL.
#define _GNU_SOURCE
#include "keeper.h"

#include <signal.h>
#include <unistd.h>

int guard(char **command) {
    if (command[0] == NULL) return 2;
    sigset_t awaited, none;
    sigemptyset(&none);
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    // From before this point on a TERM would simply have ended us; the runner starts what is guarded only after the guard.
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    int number = 0;
    while (sigwait(&awaited, &number) != 0 || number != SIGTERM) {
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(command[0], command);
    return 127;
}
