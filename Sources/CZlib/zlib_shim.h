// The same view of glibc as CLinux has: two modules that see `fd_set` differently cannot be imported into one program.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <zlib.h>
