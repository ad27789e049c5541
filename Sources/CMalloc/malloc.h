#ifndef SWIFTFLOW_MALLOC_H
#define SWIFTFLOW_MALLOC_H

#include <malloc.h>

/// Lets all threads share so many pools of free memory, where glibc would give each one of its own; 0 when it refuses.
static inline int swiftflow_share_memory_pools(int count) { return mallopt(M_ARENA_MAX, count); }

#endif
