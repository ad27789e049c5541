#ifndef SWIFTFLOW_MALLOC_H
#define SWIFTFLOW_MALLOC_H

#include <malloc.h>

/// Lets all threads share so many pools of free memory, where glibc would give each one of its own; 0 when it refuses.
static inline int swiftflow_share_memory_pools(int count) { return mallopt(M_ARENA_MAX, count); }

/// Lets a pool that is empty grow by so many bytes at once, where glibc would ask the kernel for each page; 0 when it refuses.
static inline int swiftflow_grow_memory_pools_by(int bytes) {
  // Either of the two ends glibc's own adjustment of the second, so it gets the value that would have been reached.
  return mallopt(M_TOP_PAD, bytes) && mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024 * (int)sizeof(long));
}

#endif
