/*
 * A copy while others write, page by page, in snapshots of a fraction of a second: a snapshot held for the
 * whole copy would keep the write-ahead log from starting over, and it would grow with all that comes in
 * meanwhile.
 *
 *     round:  begin a snapshot | what changed since the last round? | copy pages that are to be copied
 *
 * The copy is whole when a round ends with nothing left to copy: then it is, byte for byte, that round's
 * snapshot. What changed stands in the log: each frame names its page. Between two rounds the log may start
 * over; the frames of before still stand behind the new ones, and the header's count of commits tells
 * whether all of them were seen. If not (the log was cut off, or filled twice), all pages are copied again.
 *
 * Read is through SQLite's own file handles: to open these files a second time and close them would end
 * the locks of this process. Format: https://www.sqlite.org/fileformat2.html, "The Write-Ahead Log".
 */
#include "store/log_state.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define ROUND_NS     (300 * LY_NS_PER_MS)
#define PAUSE_NS     (5 * LY_NS_PER_MS)
#define LOOK_PAGES   64 /* copied between two looks at the clock */
#define MAX_RESTARTS 100
#define WAL_HEADER   32
#define FRAME_HEADER 24

typedef struct copier {
    ly_db *db;
    sqlite3_file *file, *log;
    size_t page_size;
    int fd;
    ly_log_state seen;  /* at the last round */
    uint32_t n_pages;   /* in this round's snapshot */
    uint32_t cap;       /* of the two arrays, which have an element for each page */
    bool *stale;        /* is to be copied */
    uint32_t *frame_of; /* where it stands in the log, 0 = not there */
    bool file_only;     /* in this round all of the log stands in the file too */
    uint32_t n_stale;
    int restarts;
    uint8_t *page;
} copier;

/* ---- the log ---- */

static bool same_filling(const ly_log_state *a, const ly_log_state *b)
{
    return memcmp(a->salt, b->salt, sizeof a->salt) == 0;
}

static bool same_state(const ly_log_state *a, const ly_log_state *b)
{
    return a->commits == b->commits && a->frames == b->frames && same_filling(a, b);
}

static sqlite3_int64 frame_at(const copier *c, uint32_t frame)
{
    return WAL_HEADER + (sqlite3_int64)(frame - 1) * (sqlite3_int64)(c->page_size + FRAME_HEADER);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void set_stale(copier *c, uint32_t page)
{
    if (page == 0 || page > c->n_pages || c->stale[page - 1])
        return;
    c->stale[page - 1] = true;
    c->n_stale++;
}

/* Frames after `from`, up to `to` or the end of that filling: their pages are to be copied. Returns the
 * commits among them. */
static uint32_t note_frames(copier *c, const uint8_t salt[8], uint32_t from, uint32_t to, bool map)
{
    uint32_t commits = 0;
    uint8_t h[FRAME_HEADER];
    for (uint32_t i = from; i < to; i++) {
        if (!c->log || !c->log->pMethods ||
            c->log->pMethods->xRead(c->log, h, sizeof h, frame_at(c, i + 1)) != SQLITE_OK ||
            memcmp(h + 8, salt, 8) != 0)
            break;
        const uint32_t page = be32(h);
        set_stale(c, page);
        if (map && page > 0 && page <= c->cap)
            c->frame_of[page - 1] = i + 1;
        commits += be32(h + 4) != 0;
    }
    return commits;
}

static void all_stale(copier *c)
{
    for (uint32_t i = 0; i < c->n_pages; i++)
        c->stale[i] = true;
    c->n_stale = c->n_pages;
}

/* What changed between the last round and the snapshot that `now` describes. */
static void note_changes(copier *c, const ly_log_state *now)
{
    uint32_t commits = 0;
    if (same_filling(&c->seen, now)) {
        commits = note_frames(c, now->salt, c->seen.frames, now->frames, true);
    } else {
        memset(c->frame_of, 0, c->cap * sizeof *c->frame_of);
        commits = note_frames(c, c->seen.salt, c->seen.frames, UINT32_MAX, false);
        commits += note_frames(c, now->salt, 0, now->frames, true);
    }
    if (now->commits - c->seen.commits != commits) {
        all_stale(c);
        c->restarts++;
    }
    c->seen = *now;
}

/* ---- a round ---- */

static ly_status grow(copier *c, uint32_t n_pages, ly_err *err)
{
    if (n_pages > c->cap) {
        /* Pages to come too, so that the next frames find their place. */
        const uint32_t cap = n_pages + n_pages / 4 + 4096;
        bool *stale = ly_realloc(c->stale, cap * sizeof *stale);
        c->stale = stale ? stale : c->stale;
        uint32_t *frame_of = ly_realloc(c->frame_of, cap * sizeof *frame_of);
        c->frame_of = frame_of ? frame_of : c->frame_of;
        if (!stale || !frame_of)
            return LY_NOMEM(err);
        memset(stale + c->cap, 0, cap - c->cap);
        memset(frame_of + c->cap, 0, (cap - c->cap) * sizeof *frame_of);
        c->cap = cap;
    }
    const uint32_t before = c->n_pages;
    c->n_pages = n_pages;
    for (uint32_t i = before; i < n_pages; i++)
        set_stale(c, i + 1);
    for (uint32_t i = n_pages; i < before; i++) {
        c->n_stale -= c->stale[i];
        c->stale[i] = false;
    }
    return LY_OK;
}

/*
 * A snapshot of which is known what of the log belongs to it: nobody committed while it began. While it
 * stands no checkpoint goes past it. Where the file holds all of the log, the log may start over under
 * this reader, who then reads the file alone, as SQLite's do; else it cannot.
 */
static ly_status begin_round(copier *c, ly_log_state *ret, ly_err *err)
{
    for (int tries = 0; tries < 100000; tries++) {
        ly_log_state before = {0}, after = {0};
        int64_t n = 0, pages = 0;
        const bool live = ly_log_state_read(c->db, &before);
        ly_status st = ly_db_read_begin(c->db, err);
        if (st)
            return st;
        /* A transaction has no snapshot before it reads. */
        st = ly_db_scalar(c->db, "SELECT count(*) FROM meta", &n, err);
        if (!st)
            st = ly_db_scalar(c->db, "PRAGMA page_count", &pages, err);
        if (!st && (pages <= 0 || pages > UINT32_MAX / 2))
            st = LY_FAIL(err, LY_E_CORRUPT, "%s: has no pages; see `lydite db check`", c->db->path);
        if (!st && !c->db->immutable && (!live || !ly_log_state_read(c->db, &after)))
            st = LY_FAIL(err, LY_E_IO, "%s: its write-ahead log cannot be followed", c->db->path);
        if (!st && !c->db->immutable && !same_state(&before, &after)) {
            ly_db_read_end(c->db);
            continue;
        }
        if (!st)
            st = grow(c, (uint32_t)pages, err);
        if (st)
            ly_db_read_end(c->db);
        else if (live)
            *ret = after;
        c->file_only = !live || after.copied >= after.frames;
        return st;
    }
    return LY_FAIL(err, LY_E_BUSY, "%s: others commit without a pause; try again", c->db->path);
}

static ly_status write_page(copier *c, uint32_t number, ly_err *err)
{
    for (size_t done = 0; done < c->page_size;) {
        const off_t at = (off_t)(number - 1) * (off_t)c->page_size + (off_t)done;
        const ssize_t n = pwrite(c->fd, c->page + done, c->page_size - done, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return LY_FAIL(err, errno == ENOSPC || errno == EDQUOT ? LY_E_FULL : LY_E_IO,
                           "the copy could not be written: %s", strerror(errno));
        done += (size_t)n;
    }
    return LY_OK;
}

static ly_status copy_page(copier *c, uint32_t number, ly_err *err)
{
    const uint32_t frame = c->file_only ? 0 : c->frame_of[number - 1];
    sqlite3_file *from = frame ? c->log : c->file;
    const sqlite3_int64 at = frame ? frame_at(c, frame) + FRAME_HEADER
                                   : (sqlite3_int64)(number - 1) * (sqlite3_int64)c->page_size;
    const int rc = from->pMethods->xRead(from, c->page, (int)c->page_size, at);
    if (rc != SQLITE_OK)
        return ly_db_fail(c->db, rc, err);
    c->stale[number - 1] = false;
    c->n_stale--;
    return write_page(c, number, err);
}

typedef struct telling {
    bool (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} telling;

/* Copies for the time of a round. */
static ly_status copy_some(copier *c, const telling *t, ly_err *err)
{
    const int64_t until = c->db->immutable ? INT64_MAX : ly_mono_ns() + ROUND_NS;
    ly_status st = LY_OK;
    uint32_t copied = 0;
    for (uint32_t i = 0; !st && c->n_stale && i < c->n_pages; i++) {
        if (!c->stale[i])
            continue;
        st = copy_page(c, i + 1, err);
        if (st || ++copied % LOOK_PAGES)
            continue;
        if (t->progress && !t->progress(t->user, c->n_pages - c->n_stale, c->n_pages))
            st = LY_FAIL(err, LY_E_CANCELLED, "stopped; the copy was removed");
        if (ly_mono_ns() > until)
            break;
    }
    return st;
}

static ly_status copy(copier *c, const telling *t, ly_err *err)
{
    do {
        ly_log_state now = {0};
        ly_status st = begin_round(c, &now, err);
        if (st)
            return st;
        if (!c->db->immutable) {
            /* The log's handle is there once something was read. */
            (void)sqlite3_file_control(c->db->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &c->log);
            note_changes(c, &now);
        }
        st = copy_some(c, t, err);
        ly_db_read_end(c->db);
        if (!st && c->restarts > MAX_RESTARTS)
            st = LY_FAIL(err, LY_E_BUSY,
                         "%s: others empty its log faster than it can be followed; try again",
                         c->db->path);
        if (st)
            return st;
        if (c->n_stale) {
            struct timespec pause = {0, PAUSE_NS};
            (void)nanosleep(&pause, NULL);
        }
    } while (c->n_stale);
    return LY_OK;
}

/* ---- the file ---- */

static ly_status sync_copy(const copier *c, const char *path, ly_err *err)
{
    if (ftruncate(c->fd, (off_t)c->n_pages * (off_t)c->page_size) || fsync(c->fd))
        return LY_FAIL(err, errno == ENOSPC || errno == EDQUOT ? LY_E_FULL : LY_E_IO,
                       "%s: could not be put on disk: %s", path, strerror(errno));
    return LY_OK;
}

ly_status ly_store_backup(ly_store *store, const char *path,
                          bool (*progress)(void *user, int64_t done, int64_t total), void *user,
                          ly_err *err)
{
    copier c = {.db = &store->db};
    const telling t = {progress, user};
    int64_t size = 0, n = 0;
    /* The second opens the log, where nothing was read yet. */
    ly_status st = ly_db_scalar(c.db, "PRAGMA page_size", &size, err);
    if (!st)
        st = ly_db_scalar(c.db, "SELECT count(*) FROM meta", &n, err);
    if (st)
        return st;
    c.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (c.fd < 0)
        return LY_FAIL(err,
                       errno == EEXIST   ? LY_E_EXISTS
                       : errno == ENOSPC ? LY_E_FULL
                                         : LY_E_DENIED,
                       "%s: %s", path,
                       errno == EEXIST ? "exists already; name a new file" : strerror(errno));
    c.page_size = (size_t)size;
    c.page = ly_malloc(c.page_size);
    int rc = sqlite3_file_control(c.db->sql, "main", SQLITE_FCNTL_FILE_POINTER, &c.file);
    if (!c.page)
        st = LY_NOMEM(err);
    else if (rc != SQLITE_OK || !c.file || !c.file->pMethods)
        st = LY_FAIL(err, LY_E_INTERNAL, "%s: no handle to the file", c.db->path);
    if (!st)
        st = copy(&c, &t, err);
    if (!st)
        st = sync_copy(&c, path, err);
    if (close(c.fd) && !st)
        st = LY_FAIL(err, LY_E_IO, "%s: closing the copy failed: %s", path, strerror(errno));
    if (st)
        (void)unlink(path);
    ly_free(c.page);
    ly_free(c.stale);
    ly_free(c.frame_of);
    return st;
}
