#include "FaultyFileSystem.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int armed_calls, remaining, is_lasting, has_failed;
static enum faulty_kind armed_kind;

static int fails(int call) {
    int result = 0;
    pthread_mutex_lock(&lock);
    if (armed_calls & call) {
        if (remaining > 0) remaining--;
        if (remaining == 0 && (!has_failed || is_lasting)) result = has_failed = 1;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static int code(int ordinary) {
    return armed_kind == faulty_disk_full ? SQLITE_FULL : ordinary;
}

/// A file of the real system behind one of ours.
struct file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_file *real(sqlite3_file *f) { return ((struct file *)f)->real; }

static int file_close(sqlite3_file *f) { return real(f)->pMethods->xClose(real(f)); }

static int file_read(sqlite3_file *f, void *bytes, int count, sqlite3_int64 offset) {
    if (fails(faulty_read)) return SQLITE_IOERR_READ;
    return real(f)->pMethods->xRead(real(f), bytes, count, offset);
}

static int file_write(sqlite3_file *f, const void *bytes, int count, sqlite3_int64 offset) {
    if (fails(faulty_write)) {
        if (armed_kind != faulty_io_error) real(f)->pMethods->xWrite(real(f), bytes, count / 2, offset);
        return code(SQLITE_IOERR_WRITE);
    }
    return real(f)->pMethods->xWrite(real(f), bytes, count, offset);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size) {
    if (fails(faulty_truncate)) return SQLITE_IOERR_TRUNCATE;
    return real(f)->pMethods->xTruncate(real(f), size);
}

static int file_sync(sqlite3_file *f, int flags) {
    if (fails(faulty_sync)) return code(SQLITE_IOERR_FSYNC);
    return real(f)->pMethods->xSync(real(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size) { return real(f)->pMethods->xFileSize(real(f), size); }
static int file_lock(sqlite3_file *f, int level) { return real(f)->pMethods->xLock(real(f), level); }
static int file_unlock(sqlite3_file *f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
static int file_check(sqlite3_file *f, int *is) { return real(f)->pMethods->xCheckReservedLock(real(f), is); }
static int file_control(sqlite3_file *f, int op, void *arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); }
static int file_sector(sqlite3_file *f) { return real(f)->pMethods->xSectorSize(real(f)); }
static int file_traits(sqlite3_file *f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }
static int file_map(sqlite3_file *f, int region, int size, int extend, void volatile **p) {
    return real(f)->pMethods->xShmMap(real(f), region, size, extend, p);
}
static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}
static void file_barrier(sqlite3_file *f) { real(f)->pMethods->xShmBarrier(real(f)); }
static int file_unmap(sqlite3_file *f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); }

static const sqlite3_io_methods methods = {
    2,         file_close,  file_read,   file_write,   file_truncate, file_sync,    file_size,
    file_lock, file_unlock, file_check,  file_control, file_sector,   file_traits,  file_map,
    file_shm_lock, file_barrier, file_unmap,
};

static sqlite3_vfs *real_system;
static sqlite3_vfs layer;

static int layer_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *out) {
    (void)v;
    struct file *file = (struct file *)f;
    file->base.pMethods = NULL;
    if (fails(faulty_open)) return armed_kind == faulty_disk_full ? SQLITE_FULL : SQLITE_CANTOPEN;
    file->real = (sqlite3_file *)(file + 1);
    memset(file->real, 0, (size_t)real_system->szOsFile);
    int result = real_system->xOpen(real_system, name, file->real, flags, out);
    if (result == SQLITE_OK) file->base.pMethods = &methods;
    return result;
}

static int layer_delete(sqlite3_vfs *v, const char *name, int sync_folder) {
    (void)v;
    if (fails(faulty_delete)) return SQLITE_IOERR_DELETE;
    return real_system->xDelete(real_system, name, sync_folder);
}

int faulty_register(void) {
    if (real_system) return SQLITE_OK;
    real_system = sqlite3_vfs_find(NULL);
    layer = *real_system;
    layer.pNext = NULL;
    layer.zName = "faulty";
    layer.szOsFile = (int)sizeof(struct file) + real_system->szOsFile;
    layer.xOpen = layer_open;
    layer.xDelete = layer_delete;
    return sqlite3_vfs_register(&layer, 0);
}

void faulty_arm(int calls, int nth, enum faulty_kind kind, int lasting) {
    pthread_mutex_lock(&lock);
    armed_calls = calls;
    remaining = nth;
    armed_kind = kind;
    is_lasting = lasting;
    has_failed = 0;
    pthread_mutex_unlock(&lock);
}

int faulty_disarm(void) {
    pthread_mutex_lock(&lock);
    int result = has_failed;
    armed_calls = has_failed = 0;
    pthread_mutex_unlock(&lock);
    return result;
}
