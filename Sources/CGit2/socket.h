// What the kernel knows about a connection, and a connection of ours in the shape that libgit2 expects.
#ifndef SWIFTFLOW_SOCKET_H
#define SWIFTFLOW_SOCKET_H

#include <git2.h>
#include <git2/sys/stream.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/// Whether `descriptor` is a TCP connection; if so, its state (1 is established) and the bytes received so far.
///
/// Reads Linux's `struct tcp_info` by its fixed layout (`tcpi_bytes_received` came with Linux 4.1): the C library's header has an
/// older form without that field, and the kernel's header cannot be included beside it.
static inline int swiftflow_tcp_activity(int descriptor, int *state, uint64_t *received) {
    enum { tcp_level = 6, tcp_info_option = 11, bytes_received_offset = 128 };
    unsigned char info[256] = {0};
    socklen_t length = sizeof info;
    if (getsockopt(descriptor, tcp_level, tcp_info_option, info, &length) != 0) return 0;
    *state = info[0];
    *received = 0;
    if (length >= bytes_received_offset + sizeof *received)
        memcpy(received, info + bytes_received_offset, sizeof *received);
    return 1;
}

/// The fields and their order are those of libgit2's own socket stream.
typedef struct {
    git_stream parent;
    char *host;
    char *port;
    int descriptor;
} swiftflow_stream;

#endif
