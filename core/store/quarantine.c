/*
 * store: the quarantine: what was refused while its neighbours were kept, what contradicts a stored span,
 * and requests that could not be read at all.
 *
 * Bounded twice, in rows and in bytes: the oldest go first. A client that sends the same contradiction again
 * and again makes one row. Where bytes may not be kept (redaction was asked for and they could not be
 * searched, or they are too large) their size and a hash with this file's secret seed stand for them.
 */
#include <xxhash.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/db.h"
#include "store/internal.h"

#define MAX_ITEM_BYTES ((size_t)LY_MIB(1))
#define MAX_BYTES      ((int64_t)LY_MIB(64))
/* Rows looked at for the same contradiction. */
#define RECENT 256

static ly_status one_number(ly_db *db, const char *sql, int64_t bound, int64_t *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, bound);
    st = ly_db_step(db, s, &row, err);
    if (!st)
        *ret = row ? ly_col_int(s, 0) : 0;
    ly_db_reset(s);
    return st;
}

static ly_status run_bound(ly_db *db, const char *sql, int64_t bound, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, bound);
    return ly_db_run(db, s, err);
}

/* Past the bytes the older half goes; the sum is known from then on. */
static ly_status keep_bounds(ly_store *store, int64_t added, ly_err *err)
{
    ly_db *db = &store->db;
    int64_t last = ly_db_last_id(db);
    ly_status st =
        run_bound(db, "DELETE FROM quarantine WHERE id <= ?1", last - LY_MAX_QUARANTINE_ROWS, err);
    if (!st && !store->quarantine_known)
        st = one_number(db, "SELECT coalesce(sum(length(wire)), 0) FROM quarantine WHERE id < ?1",
                        last, &store->quarantine_bytes, err);
    if (st)
        return st;
    store->quarantine_known = true;
    store->quarantine_bytes += added;
    while (!st && store->quarantine_bytes > MAX_BYTES) {
        int64_t first = last;
        st = one_number(db, "SELECT min(id) FROM quarantine WHERE id <= ?1", last, &first, err);
        if (!st)
            st = run_bound(db, "DELETE FROM quarantine WHERE id <= ?1", first + (last - first) / 2,
                           err);
        if (!st)
            st = one_number(db,
                            "SELECT coalesce(sum(length(wire)), 0) FROM quarantine WHERE id <= ?1",
                            last, &store->quarantine_bytes, err);
        if (first >= last)
            break;
    }
    return st;
}

static ly_status met_before(ly_db *db, const char *kind, const ly_store_reject *r, bool *ret,
                            ly_err *err)
{
    ly_stmt *s = NULL;
    *ret = false;
    if (r->wire.len == 0 || ly_span_id_zero(r->span_id))
        return LY_OK;
    ly_status st =
        ly_db_prep(db,
                   "SELECT 1 FROM quarantine WHERE id > (SELECT max(id) FROM quarantine)"
                   " - ?5 AND span_id = ?1 AND trace_id = ?2 AND wire = ?3 AND kind = ?4",
                   &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, &r->span_id, sizeof r->span_id);
    ly_bind_blob(s, 2, &r->trace_id, sizeof r->trace_id);
    ly_bind_blob(s, 3, r->wire.ptr, r->wire.len);
    ly_bind_text(s, 4, ly_str_c(kind));
    ly_bind_int(s, 5, RECENT);
    st = ly_db_step(db, s, ret, err);
    ly_db_reset(s);
    return st;
}

static void bind_id(ly_stmt *s, int at, const void *id, size_t n, bool zero)
{
    if (zero)
        ly_bind_null(s, at);
    else
        ly_bind_blob(s, at, id, n);
}

static ly_status insert(ly_db *db, const char *kind, const ly_store_reject *r, bool keep,
                        const uint8_t hash[16], ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "INSERT INTO quarantine"
                              " (at_ns, kind, reason, trace_id, span_id, service, size, wire, hash)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, ly_wall_ns());
    ly_bind_text(s, 2, ly_str_c(kind));
    ly_bind_text(s, 3, r->reason);
    bind_id(s, 4, &r->trace_id, sizeof r->trace_id, ly_trace_id_zero(r->trace_id));
    bind_id(s, 5, &r->span_id, sizeof r->span_id, ly_span_id_zero(r->span_id));
    ly_bind_text(s, 6, r->service.len ? r->service : LY_STR_NONE);
    ly_bind_int(s, 7, (int64_t)(r->size ? r->size : r->wire.len));
    if (keep)
        ly_bind_blob(s, 8, r->wire.ptr, r->wire.len);
    else
        ly_bind_null(s, 8);
    if (hash)
        ly_bind_blob(s, 9, hash, 16);
    else
        ly_bind_null(s, 9);
    return ly_db_run(db, s, err);
}

ly_status ly_quarantine_put(ly_store *store, const char *kind, const ly_store_reject *r,
                            ly_err *err)
{
    bool again = false, keep = r->wire.len && !r->hash_only && r->wire.len <= MAX_ITEM_BYTES;
    XXH128_canonical_t hash;
    ly_status st = keep ? met_before(&store->db, kind, r, &again, err) : LY_OK;
    if (st || again)
        return st;
    if (!keep)
        XXH128_canonicalFromHash(
            &hash, XXH3_128bits_withSeed(r->wire.len ? r->wire.ptr : "", r->wire.len, store->seed));
    st = insert(&store->db, kind, r, keep, keep || !r->wire.len ? NULL : hash.digest, err);
    return st ? st : keep_bounds(store, keep ? (int64_t)r->wire.len : 0, err);
}

ly_status ly_store_quarantine_unread(ly_store *store, const ly_quarantine_unread *items, size_t n,
                                     ly_err *err)
{
    ly_status st = ly_db_write_begin(&store->db, err);
    if (st)
        return st;
    for (size_t i = 0; i < n && !st; i++) {
        ly_store_reject r = {.reason = items[i].reason, .size = items[i].size};
        st = insert(&store->db, "undecodable", &r, false, items[i].hash, err);
        if (!st)
            st = keep_bounds(store, 0, err);
    }
    return ly_db_write_end(&store->db, st, err);
}

ly_status ly_store_quarantine_list(ly_store *store, size_t limit, ly_arena *arena,
                                   ly_quarantine_row **ret_rows, size_t *ret_n, ly_err *err)
{
    ly_db *db = &store->db;
    ly_quarantine_row *rows = LY_ARENA_ARRAY(arena, ly_quarantine_row, limit + 1);
    if (!rows)
        return LY_NOMEM(err);
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "SELECT at_ns, kind, reason, service, trace_id, span_id, size FROM quarantine"
                   " ORDER BY id DESC LIMIT ?1",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, (int64_t)limit);
    bool row = false;
    size_t n = 0;
    while (n < limit && !(st = ly_db_step(db, s, &row, err)) && row) {
        ly_quarantine_row *r = &rows[n++];
        r->at_ns = ly_col_int(s, 0);
        r->kind = ly_col_copy(s, 1, arena);
        r->reason = ly_col_copy(s, 2, arena);
        r->service = ly_col_copy(s, 3, arena);
        ly_str id = ly_col_str(s, 4);
        if (id.len == 16)
            memcpy(&r->trace_id, id.ptr, 16);
        id = ly_col_str(s, 5);
        if (id.len == 8)
            memcpy(&r->span_id, id.ptr, 8);
        r->size = ly_col_int(s, 6);
    }
    ly_db_reset(s);
    if (st)
        return st;
    *ret_rows = rows;
    *ret_n = n;
    return LY_OK;
}

ly_status ly_store_quarantine_groups(ly_store *store, size_t limit, ly_arena *arena,
                                     ly_quarantine_group **ret_groups, size_t *ret_n, ly_err *err)
{
    ly_db *db = &store->db;
    ly_quarantine_group *groups = LY_ARENA_ARRAY(arena, ly_quarantine_group, limit + 1);
    if (!groups)
        return LY_NOMEM(err);
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT kind, reason, service, count(*), max(at_ns), trace_id, size"
                              " FROM quarantine GROUP BY kind, reason, service"
                              " ORDER BY max(at_ns) DESC LIMIT ?1",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, (int64_t)limit);
    bool row = false;
    size_t n = 0;
    while (n < limit && !(st = ly_db_step(db, s, &row, err)) && row) {
        ly_quarantine_group *g = &groups[n++];
        g->kind = ly_col_copy(s, 0, arena);
        g->reason = ly_col_copy(s, 1, arena);
        g->service = ly_col_copy(s, 2, arena);
        g->n = ly_col_int(s, 3);
        g->last_ns = ly_col_int(s, 4);
        ly_str id = ly_col_str(s, 5);
        if (id.len == sizeof g->trace_id)
            memcpy(&g->trace_id, id.ptr, id.len);
        g->size = ly_col_int(s, 6);
    }
    ly_db_reset(s);
    if (st)
        return st;
    *ret_groups = groups;
    *ret_n = n;
    return LY_OK;
}
