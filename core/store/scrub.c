/*
 * Bytes that nothing points to. When SQLite splits or merges a page, copies of rows stay behind in the
 * part between a page's cell pointers and its cells; secure_delete does not reach them. Forgetting does.
 *
 *     page:  header | cell pointers | gap | cells and free blocks
 *                                     ^^^   zeroed here
 *
 * The gap is written to the file directly, which is safe only so: the write turn is ours and the
 * write-ahead log is empty, so nobody writes pages and no checkpoint can be copying any; readers do not
 * look at these bytes; and the commit that ends the slice makes every other connection drop its cached
 * copies of pages, which still have the old bytes.
 */
#include "store/internal.h"

#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define SLICE_PAGES 512
#define TRIES       400
/* Past this the first byte of an overflow page may look like a page type. */
#define MAX_PAGES 0x02000000

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

/* First and last+1 byte of the gap; false when the page has none or is of another kind. */
static bool gap_of(const uint8_t *page, size_t size, bool first, size_t *ret_from, size_t *ret_to)
{
    size_t h = first ? 100 : 0;
    uint8_t kind = page[h];
    if (kind != 2 && kind != 5 && kind != 10 && kind != 13)
        return false;
    size_t cells = be16(page + h + 3), content = be16(page + h + 5);
    size_t from = h + (kind == 2 || kind == 5 ? 12 : 8) + 2 * cells;
    if (content == 0)
        content = 65536;
    if (from >= content || content > size)
        return false;
    for (size_t i = from; i < content; i++)
        if (page[i]) {
            *ret_from = from;
            *ret_to = content;
            return true;
        }
    return false;
}

/* Pages that say where other pages belong (auto_vacuum): page 2, and each 1 + size / 5 pages on. */
static bool is_pointer_map(int64_t number, size_t size)
{
    return number >= 2 && (number - 2) % (int64_t)(size / 5 + 1) == 0;
}

static ly_status scrub_pages(ly_db *db, sqlite3_file *file, size_t size, int64_t from, int64_t to,
                             ly_err *err)
{
    uint8_t *page = ly_malloc(size), *zero = ly_calloc(1, size);
    ly_status st = page && zero ? LY_OK : LY_NOMEM(err);
    for (int64_t n = from; !st && n < to; n++) {
        if (is_pointer_map(n, size))
            continue;
        sqlite3_int64 at = (n - 1) * (sqlite3_int64)size;
        int rc = file->pMethods->xRead(file, page, (int)size, at);
        size_t a = 0, b = 0;
        if (rc == SQLITE_OK && gap_of(page, size, n == 1, &a, &b))
            rc = file->pMethods->xWrite(file, zero, (int)(b - a), at + (sqlite3_int64)a);
        if (rc != SQLITE_OK)
            st = ly_db_fail(db, rc, err);
    }
    if (!st && file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) != SQLITE_OK)
        st = LY_FAIL(err, LY_E_IO, "%s: overwriting forgotten data failed; run the command again",
                     db->path);
    ly_free(page);
    ly_free(zero);
    return st;
}

ly_status ly_log_empty(ly_store *store, ly_err *err)
{
    int64_t until = ly_mono_ns() + store->db.opts.busy_timeout_ns;
    int64_t left = 1;
    for (;;) {
        ly_status st = ly_store_checkpoint(store, true, 200 * LY_NS_PER_MS, &left, err);
        if (st || ly_store_wal_bytes(store) == 0 || left == 0)
            return st;
        if (ly_mono_ns() > until)
            return LY_FAIL(
                err, LY_E_BUSY,
                "%s: removed, but a reader still holds the old log; end it and run `lydite db "
                "check` (see `lydite doctor`)",
                store->db.path);
    }
}

/* Takes the write turn at a moment when the log is empty. */
static ly_status quiet_turn(ly_store *store, ly_err *err)
{
    for (int i = 0; i < TRIES; i++) {
        ly_status st = ly_log_empty(store, err);
        if (!st)
            st = ly_db_write_begin(&store->db, err);
        if (st)
            return st;
        if (ly_store_wal_bytes(store) == 0)
            return LY_OK;
        st = ly_db_write_end(&store->db, LY_E_BUSY, err);
        struct timespec t = {0, 1000000};
        (void)nanosleep(&t, NULL);
    }
    return LY_FAIL(err, LY_E_BUSY, "%s: others write without a pause; run the command again",
                   store->db.path);
}

ly_status ly_pages_scrub(ly_store *store, ly_err *err)
{
    ly_db *db = &store->db;
    int64_t size = 0, pages = 0;
    ly_status st = ly_db_scalar(db, "PRAGMA page_size", &size, err);
    if (!st)
        st = ly_db_scalar(db, "PRAGMA page_count", &pages, err);
    if (pages > MAX_PAGES)
        pages = MAX_PAGES;
    for (int64_t n = 1; !st && n <= pages; n += SLICE_PAGES) {
        st = quiet_turn(store, err);
        if (st)
            return st;
        sqlite3_file *file = NULL;
        int rc = sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_FILE_POINTER, &file);
        int64_t end = n + SLICE_PAGES <= pages + 1 ? n + SLICE_PAGES : pages + 1, now = 0;
        if (rc != SQLITE_OK || !file || !file->pMethods)
            st = LY_FAIL(err, LY_E_INTERNAL, "%s: no handle to the file", db->path);
        /* The file may have become shorter meanwhile. */
        if (!st)
            st = ly_db_scalar(db, "PRAGMA page_count", &now, err);
        if (!st)
            st = scrub_pages(db, file, (size_t)size, n, end <= now + 1 ? end : now + 1, err);
        if (!st)
            st = ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'", err);
        st = ly_db_write_end(db, st, err);
    }
    return st;
}
