/*
 * A copy while others write. The source is read inside one snapshot, so that writers never make the copy
 * begin again; that is the one reader of ours that may keep a snapshot for longer than a second.
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"

#define STEP_PAGES 256

static ly_status copy(ly_db *db, sqlite3 *to,
                      bool (*progress)(void *user, int64_t done, int64_t total), void *user,
                      ly_err *err)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", db->sql, "main");
    if (!b)
        return LY_FAIL(err, LY_E_IO, "the copy could not be begun: %s", sqlite3_errmsg(to));
    int rc = SQLITE_OK;
    bool stopped = false;
    while (rc == SQLITE_OK && !stopped) {
        rc = sqlite3_backup_step(b, STEP_PAGES);
        int64_t total = sqlite3_backup_pagecount(b), left = sqlite3_backup_remaining(b);
        stopped = progress && !progress(user, total - left, total);
    }
    int end = sqlite3_backup_finish(b);
    if (stopped && rc != SQLITE_DONE)
        return LY_FAIL(err, LY_E_CANCELLED, "stopped; the copy was removed");
    if (rc != SQLITE_DONE || end != SQLITE_OK) {
        int code = rc != SQLITE_DONE ? rc : end;
        return LY_FAIL(err, (code & 0xff) == SQLITE_FULL ? LY_E_FULL : LY_E_IO,
                       "the copy failed: %s", sqlite3_errstr(code));
    }
    return LY_OK;
}

ly_status ly_store_backup(ly_store *store, const char *path,
                          bool (*progress)(void *user, int64_t done, int64_t total), void *user,
                          ly_err *err)
{
    ly_db *db = &store->db;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return LY_FAIL(err,
                       errno == EEXIST   ? LY_E_EXISTS
                       : errno == ENOSPC ? LY_E_FULL
                                         : LY_E_DENIED,
                       "%s: %s", path,
                       errno == EEXIST ? "exists already; name a new file" : strerror(errno));
    (void)close(fd);
    sqlite3 *to = NULL;
    ly_status st = ly_db_read_begin(db, err);
    if (!st) {
        /* A transaction has no snapshot before it reads. */
        int64_t n = 0;
        st = ly_db_scalar(db, "SELECT count(*) FROM meta", &n, err);
        if (!st && sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
            st = LY_FAIL(err, LY_E_IO, "%s: cannot be written", path);
        if (!st)
            st = copy(db, to, progress, user, err);
        ly_db_read_end(db);
    }
    if (to && sqlite3_close(to) != SQLITE_OK && !st)
        st = LY_FAIL(err, LY_E_IO, "%s: closing the copy failed", path);
    if (st)
        (void)unlink(path);
    return st;
}
