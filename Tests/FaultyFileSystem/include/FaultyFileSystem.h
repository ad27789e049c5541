/// A layer between SQLite and the system that fails on purpose, under the name "faulty".
#pragma once

enum faulty_call {
    faulty_write = 1,
    faulty_sync = 2,
    faulty_open = 4,
    faulty_truncate = 8,
    faulty_delete = 16,
    faulty_read = 32,
};

enum faulty_kind {
    /// EIO.
    faulty_io_error,
    /// Half of a write arrives, then EIO.
    faulty_short_write,
    /// ENOSPC.
    faulty_disk_full,
};

/// Makes the layer known to SQLite; further calls do nothing.
int faulty_register(void);
/// Lets the n-th (from 1) of the calls in the mask fail, and with `lasting` all later ones as well.
void faulty_arm(int calls, int nth, enum faulty_kind kind, int lasting);
/// Stops failing; answers whether it has failed since it was armed.
int faulty_disarm(void);
