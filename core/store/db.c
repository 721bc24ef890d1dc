/*
 * The connection: statements cached by the address of their text, write turns taken with jitter,
 * SQLite's codes turned into ours, and the rule of promise 1: after a failed sync nothing is
 * acknowledged until the file was opened anew and a truncating checkpoint went through.
 */
#include "store/internal.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* A commit checkpoints once the log holds this many pages (32 MiB), unless the owner does. */
#define CHECKPOINT_PAGES 4096
/* When the log begins anew its file is cut to 128 MiB (collector/impl.h, LOG_RESTART_BYTES). */
#define LOG_LIMIT "PRAGMA journal_size_limit=134217728;"

ly_db *ly_store_db(ly_store *store)
{
    return &store->db;
}

sqlite3 *ly_db_handle(ly_db *db)
{
    return db->sql;
}

static ly_status status_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return LY_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return LY_E_BUSY;
    case SQLITE_NOMEM:
        return LY_E_NOMEM;
    case SQLITE_FULL:
        return LY_E_FULL;
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
        return LY_E_IO;
    case SQLITE_CORRUPT:
        return LY_E_CORRUPT;
    case SQLITE_NOTADB:
        return LY_E_FOREIGN;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return LY_E_DENIED;
    case SQLITE_CONSTRAINT:
        return LY_E_EXISTS;
    case SQLITE_INTERRUPT:
        return LY_E_CANCELLED;
    case SQLITE_TOOBIG:
        return LY_E_LIMIT;
    default:
        return LY_E_INTERNAL;
    }
}

ly_status ly_db_fail(ly_db *db, int rc, ly_err *err)
{
    const char *path = db->path;
    switch (status_of(rc)) {
    case LY_E_BUSY:
        return LY_FAIL(err, LY_E_BUSY, "%s: another process kept writing; try again", path);
    case LY_E_NOMEM:
        return LY_NOMEM(err);
    case LY_E_FULL:
        return LY_FAIL(err, LY_E_FULL, "%s: the disk is full; free some space", path);
    case LY_E_IO:
        if (sqlite3_system_errno(db->sql) == ENOSPC || sqlite3_system_errno(db->sql) == EDQUOT)
            return LY_FAIL(err, LY_E_FULL, "%s: the disk is full; free some space", path);
        return LY_FAIL(err, LY_E_IO, "%s: %s (system error %d); see `lydite doctor`", path,
                       sqlite3_errstr(rc), sqlite3_system_errno(db->sql));
    case LY_E_CORRUPT:
        return LY_FAIL(
            err, LY_E_CORRUPT,
            "%s: the file is damaged; `lydite db check` says where: restore a backup, or "
            "save what can be read with `lydite trace export`",
            path);
    case LY_E_FOREIGN:
        return LY_FAIL(err, LY_E_FOREIGN, "%s: not a Lydite database; name another file with --db",
                       path);
    case LY_E_DENIED:
        return LY_FAIL(err, LY_E_DENIED,
                       "%s: cannot be written; check its and its folder's permissions", path);
    case LY_E_EXISTS:
        /* SQLite goes on with a floating-point number where a sum leaves 64 bits; no column takes it. */
        if (sqlite3_extended_errcode(db->sql) == SQLITE_CONSTRAINT_DATATYPE)
            return LY_FAIL(err, LY_E_LIMIT, "%s: a sum does not fit into 64 bits", path);
        return LY_FAIL(err, LY_E_EXISTS, "%s: %s", path, sqlite3_errmsg(db->sql));
    case LY_E_CANCELLED:
        return LY_FAIL(err, LY_E_CANCELLED, "%s: stopped", path);
    default:
        return LY_FAIL(err, status_of(rc), "%s: %s", path, sqlite3_errmsg(db->sql));
    }
}

/* ---- waiting for a turn ---- */

static int busy(void *user, int count)
{
    ly_db *db = user;
    int64_t now = ly_mono_ns();
    if (count == 0)
        db->busy_since_ns = now;
    int64_t waited = now - db->busy_since_ns;
    if (waited > db->opts.busy_timeout_ns || (db->yields && db->wanted(db->wanted_user)))
        return 0;
    /* Sleeps spread over 0.1 ms to 6.4 ms: long enough to stay off the processor, short enough to meet
     * the gap between two commits of a busy writer; random, so that waiters do not march in step. The
     * collector, whose clients wait, looks more often. */
    db->jitter = db->jitter * 6364136223846793005ULL + 1442695040888963407ULL;
    uint64_t span = count < 6 ? (100000ULL << count) : 6400000ULL;
    if (db->opts.own_checkpoints)
        span = count < 100 ? 200000ULL : 1000000ULL;
    struct timespec t = {0, (long)(100000 + (db->jitter >> 33) % span)};
    (void)nanosleep(&t, NULL);
    return 1;
}

/* ---- the handle ---- */

static int on_trace(unsigned what, void *user, void *p, void *x)
{
    ly_db *db = user;
    (void)x;
    if (what == SQLITE_TRACE_STMT && db->record) {
        char *text = sqlite3_expanded_sql(p);
        if (text)
            db->record(db->record_user, sqlite3_sql(p), text);
        sqlite3_free(text);
    }
    return 0;
}

void ly_store_record(ly_store *store, void (*fn)(void *user, const char *sql, const char *expanded),
                     void *user)
{
    store->db.record = fn;
    store->db.record_user = user;
    (void)sqlite3_trace_v2(store->db.sql, fn ? SQLITE_TRACE_STMT : 0, fn ? on_trace : NULL,
                           &store->db);
}

static int on_wal(void *user, sqlite3 *sql, const char *name, int pages)
{
    (void)sql;
    (void)name;
    ((ly_db *)user)->wal_pages = pages;
    return SQLITE_OK;
}

ly_status ly_db_exec(ly_db *db, const char *sql, ly_err *err)
{
    int rc = sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
    db->n.statements++;
    return rc == SQLITE_OK ? LY_OK : ly_db_fail(db, rc, err);
}

ly_status ly_db_scalar(ly_db *db, const char *sql, int64_t *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    return ly_db_number(db, s, *ret, ret, err);
}

static ly_status pragmas(ly_db *db, ly_err *err)
{
    const ly_store_opts *o = &db->opts;
    char text[160];
    (void)snprintf(text, sizeof text,
                   "PRAGMA cache_size=-%lld; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
                   "PRAGMA cell_size_check=ON",
                   (long long)(o->cache_bytes / 1024));
    ly_status st = ly_db_exec(db, text, err);
    if (!st && o->role == LY_STORE_READER) {
        (void)snprintf(text, sizeof text, "PRAGMA query_only=ON; PRAGMA mmap_size=%lld",
                       (long long)o->mapped_bytes);
        st = ly_db_exec(db, text, err);
    }
    if (!st && o->role == LY_STORE_WRITER)
        st = ly_db_exec(db,
                        o->durability == LY_DURABLE_FULL
                            ? "PRAGMA synchronous=FULL;" LOG_LIMIT "PRAGMA secure_delete=ON"
                            : "PRAGMA synchronous=NORMAL;" LOG_LIMIT "PRAGMA secure_delete=ON",
                        err);
    return st;
}

void ly_store_lazy(ly_store *store, bool lazy)
{
    ly_db *db = ly_store_db(store);
    if (db->opts.durability != LY_DURABLE_FULL || !db->sql)
        return; /* a handle that is opened again is not lazy */
    ly_status st =
        ly_db_exec(db, lazy ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", NULL);
    if (st && !lazy)
        db->broken = true; /* no commit on this handle would be durable */
}

ly_status ly_db_open_handle(ly_db *db, bool create, ly_err *err)
{
    bool writer = db->opts.role == LY_STORE_WRITER;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
                (create ? SQLITE_OPEN_CREATE : 0);
    ly_buf uri;
    ly_buf_init(&uri, LY_MAX_LINE_BYTES);
    const char *name = db->path;
    if (db->immutable) {
        ly_buf_c(&uri, "file:");
        for (const char *p = db->path; *p; p++)
            if (*p == '?' || *p == '#' || *p == '%')
                ly_buf_fmt(&uri, "%%%02x", (unsigned char)*p);
            else
                ly_buf_char(&uri, *p);
        ly_buf_c(&uri, "?immutable=1");
        name = ly_buf_text(&uri);
        flags |= SQLITE_OPEN_URI;
    }
    int rc = sqlite3_open_v2(name, &db->sql, flags, NULL);
    ly_buf_release(&uri);
    if (rc != SQLITE_OK) {
        ly_status st = db->sql ? ly_db_fail(db, rc, err) : LY_NOMEM(err);
        ly_db_close_handle(db);
        return st;
    }
    (void)sqlite3_busy_handler(db->sql, busy, db);
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    (void)sqlite3_wal_hook(db->sql, on_wal, db);
    db->jitter = (uint64_t)ly_mono_ns() ^ (uint64_t)(uintptr_t)db;
    if (db->record)
        (void)sqlite3_trace_v2(db->sql, SQLITE_TRACE_STMT, on_trace, db);
    ly_status st = pragmas(db, err);
    if (st)
        ly_db_close_handle(db);
    return st;
}

void ly_db_close_handle(ly_db *db)
{
    db->search_ready = false;
    for (size_t i = 0; i < db->slots_cap; i++)
        if (db->slots[i].sql)
            (void)sqlite3_finalize(db->slots[i].stmt);
    ly_free(db->slots);
    db->slots = NULL;
    db->slots_cap = db->slots_n = 0;
    if (db->sql)
        (void)sqlite3_close_v2(db->sql);
    db->sql = NULL;
    db->write_depth = db->read_depth = 0;
}

/* ---- statements ---- */

static size_t slot_hash(const char *sql)
{
    uint64_t h = (uint64_t)(uintptr_t)sql;
    h *= 0x9e3779b97f4a7c15ULL;
    return (size_t)(h >> 20);
}

static bool slots_grow(ly_db *db)
{
    size_t cap = db->slots_cap ? db->slots_cap * 2 : 128;
    ly_stmt_slot *slots = ly_calloc(cap, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < db->slots_cap; i++) {
        if (!db->slots[i].sql)
            continue;
        size_t at = slot_hash(db->slots[i].sql) & (cap - 1);
        while (slots[at].sql)
            at = (at + 1) & (cap - 1);
        slots[at] = db->slots[i];
    }
    ly_free(db->slots);
    db->slots = slots;
    db->slots_cap = cap;
    return true;
}

ly_status ly_db_prep(ly_db *db, const char *sql, ly_stmt **ret_stmt, ly_err *err)
{
    if (db->slots_n * 2 >= db->slots_cap && !slots_grow(db))
        return LY_NOMEM(err);
    size_t at = slot_hash(sql) & (db->slots_cap - 1);
    for (; db->slots[at].sql; at = (at + 1) & (db->slots_cap - 1)) {
        ly_stmt_slot *slot = &db->slots[at];
        /* The same statement may be half read further up the stack: then another copy is made. */
        if (slot->sql == sql && !sqlite3_stmt_busy(slot->stmt)) {
            *ret_stmt = slot->stmt;
            return LY_OK;
        }
    }
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (rc != SQLITE_OK || !stmt)
        return ly_db_fail(db, rc == SQLITE_OK ? SQLITE_MISUSE : rc, err);
    db->slots[at] = (ly_stmt_slot){sql, stmt};
    db->slots_n++;
    *ret_stmt = stmt;
    return LY_OK;
}

ly_status ly_db_prep_text(ly_db *db, ly_str sql, ly_stmt **ret_stmt, ly_err *err)
{
    if (sql.len > INT32_MAX)
        return LY_FAIL(err, LY_E_LIMIT, "a query of %zu bytes is too large", sql.len);
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v3(db->sql, sql.ptr, (int)sql.len, 0, &stmt, NULL);
    if (rc != SQLITE_OK || !stmt)
        return ly_db_fail(db, rc == SQLITE_OK ? SQLITE_MISUSE : rc, err);
    *ret_stmt = stmt;
    return LY_OK;
}

void ly_db_drop(ly_stmt *stmt)
{
    (void)sqlite3_finalize(stmt);
}

ly_status ly_db_step(ly_db *db, ly_stmt *stmt, bool *ret_row, ly_err *err)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *ret_row = true;
        return LY_OK;
    }
    db->n.statements++;
    *ret_row = false;
    if (rc == SQLITE_DONE) {
        ly_db_reset(stmt);
        return LY_OK;
    }
    if ((rc & 0xff) == SQLITE_IOERR && db->write_depth)
        db->broken = true;
    ly_status st = ly_db_fail(db, rc, err);
    ly_db_reset(stmt);
    return st;
}

ly_status ly_db_run(ly_db *db, ly_stmt *stmt, ly_err *err)
{
    bool row = true;
    ly_status st = LY_OK;
    while (!st && row)
        st = ly_db_step(db, stmt, &row, err);
    return st;
}

void ly_db_reset(ly_stmt *stmt)
{
    if (!stmt)
        return;
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
}

ly_status ly_db_number(ly_db *db, ly_stmt *stmt, int64_t otherwise, int64_t *ret, ly_err *err)
{
    bool row = false;
    ly_status st = ly_db_step(db, stmt, &row, err);
    if (!st)
        *ret = row ? ly_col_int(stmt, 0) : otherwise;
    ly_db_reset(stmt);
    return st;
}

int64_t ly_db_last_id(ly_db *db)
{
    return sqlite3_last_insert_rowid(db->sql);
}

int64_t ly_db_changes(ly_db *db)
{
    return sqlite3_changes64(db->sql);
}

void ly_db_each_statement(ly_db *db, void (*fn)(void *user, const char *sql), void *user)
{
    for (size_t i = 0; i < db->slots_cap; i++)
        if (db->slots[i].sql)
            fn(user, db->slots[i].sql);
}

/* ---- transactions ---- */

/* Promise 1: a new handle, then a checkpoint that empties the log, each of its syncs succeeding. */
static ly_status recover(ly_db *db, ly_err *err)
{
    ly_log(LY_LOG_WARN, "store", "a sync failed: opening the file anew");
    if (db->sql)
        ly_db_close_handle(db);
    ly_status st = ly_db_open_handle(db, false, err);
    if (st)
        return st;
    int left = -1, done = -1;
    int rc = sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left, &done);
    if (rc != SQLITE_OK)
        return ly_db_fail(db, rc, err);
    db->wal_pages = 0;
    db->broken = false;
    ly_contents_forget(ly_db_store(db));
    ly_store_caches_drop(ly_db_store(db));
    return LY_OK;
}

static ly_status wal_room(ly_db *db, ly_err *err)
{
    if (db->opts.wal_limit_bytes <= 0)
        return LY_OK;
    int64_t size = (int64_t)db->wal_pages * (LY_PAGE_SIZE + 24);
    if (size <= db->opts.wal_limit_bytes)
        return LY_OK;
    /* The hook's number may be old, and the log starts over once no reader needs it. */
    int64_t timeout = db->opts.busy_timeout_ns;
    db->opts.busy_timeout_ns = 0;
    int left = 0, done = 0;
    int rc = sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_RESTART, &left, &done);
    db->opts.busy_timeout_ns = timeout;
    if (rc == SQLITE_OK) {
        db->wal_pages = 0;
        return LY_OK;
    }
    if ((rc & 0xff) != SQLITE_BUSY) {
        db->broken = true;
        return ly_db_fail(db, rc, err);
    }
    if ((int64_t)left * (LY_PAGE_SIZE + 24) <= db->opts.wal_limit_bytes)
        return LY_OK;
    return LY_FAIL(
        err, LY_E_FULL,
        "%s: the write-ahead log is past its limit because a reader keeps an old snapshot; "
        "end that reader (`lydite doctor` names it)",
        db->path);
}

static unsigned version_of(ly_db *db)
{
    unsigned version = 0;
    (void)sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_DATA_VERSION, &version);
    return version;
}

/*
 * SQLite's lock knows no queue: who takes turn after turn (a removal, an import, an evaluation) meets
 * others only in the moment between two of them, and they wait for long. So, while others write too, the
 * next turn waits as long as the last one took, and long enough for a waiter to look; where nobody waits for
 * the result (db->patient), four times as long. The collector does not: it is the one that is waited upon.
 */
#define OTHERS_NS (1 * LY_NS_PER_SEC)
#define GAP_MIN   (1 * LY_NS_PER_MS)
#define GAP_MAX   (10 * LY_NS_PER_MS)
#define PATIENCE  4

static void leave_gap(ly_db *db)
{
    int64_t now = ly_mono_ns(), gap = db->turn_took_ns;
    if (db->opts.own_checkpoints || !db->others_ns || now - db->others_ns > OTHERS_NS)
        return;
    gap = gap < GAP_MIN ? GAP_MIN : gap > GAP_MAX ? GAP_MAX : gap;
    if (db->patient)
        gap *= PATIENCE;
    int64_t left = db->turn_ended_ns + gap - now;
    if (left <= 0)
        return;
    struct timespec t = {0, (long)left};
    (void)nanosleep(&t, NULL);
}

ly_status ly_db_write_begin(ly_db *db, ly_err *err)
{
    if (db->write_depth > 0) {
        db->write_depth++;
        return LY_OK;
    }
    if (db->opts.role != LY_STORE_WRITER)
        return LY_FAIL(err, LY_E_DENIED, "%s: opened for reading only", db->path);
    ly_status st = LY_OK;
    if (db->broken || !db->sql)
        st = recover(db, err);
    if (!st)
        st = wal_room(db, err);
    if (!st)
        leave_gap(db);
    if (!st)
        st = ly_db_exec(db, "BEGIN IMMEDIATE", err);
    if (st)
        return st;
    db->turn_began_ns = ly_mono_ns();
    if (db->turn_ended_ns && version_of(db) != db->turn_version)
        db->others_ns = db->turn_began_ns;
    db->write_depth = 1;
    db->inner_failed = false;
    st = ly_store_caches_begin(ly_db_store(db), err);
    return st ? ly_db_write_end(db, st, err) : LY_OK;
}

static void checkpoint_after(ly_db *db)
{
    /* The log begins anew only when all of it was copied, which another writer may prevent for long: count
     * from what was there at the last time. */
    if (db->wal_pages < db->wal_copied)
        db->wal_copied = 0;
    if (db->opts.own_checkpoints || db->wal_pages - db->wal_copied < CHECKPOINT_PAGES)
        return;
    int left = 0, done = 0;
    int rc = sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE, &left, &done);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        db->broken = true;
    db->wal_copied = db->wal_pages;
}

ly_status ly_db_write_end(ly_db *db, ly_status st, ly_err *err)
{
    if (db->write_depth > 1) {
        db->write_depth--;
        if (st)
            db->inner_failed = true;
        return st;
    }
    if (!st && db->inner_failed)
        st = LY_FAIL(err, LY_E_INTERNAL, "%s: a part of the change failed", db->path);
    if (!st)
        st = ly_bundles_flush(ly_db_store(db), err);
    if (!st)
        st = ly_hashes_flush(ly_db_store(db), err);
    if (!st) {
        int rc = sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL);
        db->n.statements++;
        if (rc != SQLITE_OK) {
            if ((rc & 0xff) == SQLITE_IOERR)
                db->broken = true;
            st = ly_db_fail(db, rc, err);
        } else {
            db->n.commits++;
        }
    }
    db->write_depth = 0;
    db->turn_ended_ns = ly_mono_ns();
    db->turn_took_ns = db->turn_ended_ns - db->turn_began_ns;
    db->turn_version = version_of(db);
    if (st) {
        if (!sqlite3_get_autocommit(db->sql))
            (void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
        /* What the caches learned in the transaction is not there. */
        ly_contents_forget(ly_db_store(db));
        ly_store_caches_drop(ly_db_store(db));
    } else {
        checkpoint_after(db);
    }
    return st;
}

ly_status ly_db_read_begin(ly_db *db, ly_err *err)
{
    if (db->read_depth == 0 && db->write_depth == 0) {
        if (!db->sql) {
            ly_status st = ly_db_open_handle(db, false, err);
            if (st)
                return st;
        }
        ly_status st = ly_db_exec(db, "BEGIN", err);
        if (st)
            return st;
    }
    db->read_depth++;
    return LY_OK;
}

void ly_db_read_end(ly_db *db)
{
    if (db->read_depth > 0 && --db->read_depth == 0 && db->write_depth == 0)
        (void)sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL);
}

/* ---- the log ---- */

static ly_status checkpoint(ly_db *db, int mode, int64_t wait_ns, int64_t *ret_left_bytes,
                            ly_err *err)
{
    if (db->opts.role != LY_STORE_WRITER)
        return LY_FAIL(err, LY_E_DENIED, "%s: opened for reading only", db->path);
    if (db->broken || !db->sql)
        return recover(db, err);
    int64_t timeout = db->opts.busy_timeout_ns;
    db->opts.busy_timeout_ns = wait_ns;
    int left = 0, done = 0;
    int rc = sqlite3_wal_checkpoint_v2(db->sql, NULL, mode, &left, &done);
    db->opts.busy_timeout_ns = timeout;
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
        db->broken = true;
        return ly_db_fail(db, rc, err);
    }
    if (rc == SQLITE_OK && left >= 0)
        db->wal_pages = left;
    if (ret_left_bytes)
        *ret_left_bytes = left > done ? (int64_t)(left - done) * (LY_PAGE_SIZE + 24) : 0;
    return LY_OK;
}

ly_status ly_store_checkpoint(ly_store *store, bool truncate, int64_t wait_ns,
                              int64_t *ret_left_bytes, ly_err *err)
{
    return checkpoint(&store->db, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
                      wait_ns, ret_left_bytes, err);
}

ly_status ly_store_log_restart(ly_store *store, int64_t wait_ns, ly_err *err)
{
    return checkpoint(&store->db, SQLITE_CHECKPOINT_RESTART, wait_ns, NULL, err);
}

int64_t ly_store_log_bytes(const ly_store *store)
{
    return (int64_t)store->db.wal_pages * (LY_PAGE_SIZE + 24);
}

void ly_store_counters_get(const ly_store *store, ly_store_counters *ret)
{
    *ret = store->db.n;
}

ly_status ly_rows_end(ly_status status, void *rows, size_t n, size_t row_bytes, ly_arena *arena,
                      void *ret_rows, size_t *ret_n, ly_err *err)
{
    if (!status) {
        void *kept = ly_arena_zalloc(arena, n + 1, row_bytes, _Alignof(max_align_t));
        if (kept) {
            if (n)
                memcpy(kept, rows, n * row_bytes);
            memcpy(ret_rows, &kept, sizeof kept);
            *ret_n = n;
        } else {
            status = LY_NOMEM(err);
        }
    }
    ly_free(rows);
    return status;
}
