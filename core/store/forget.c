/*
 * Forgetting on request, and pinning.
 *
 * What is forgotten is overwritten: rows go with secure_delete on, words that nothing uses any more lose
 * their text, resources and scopes go (unused.c), what SQLite's page splits left behind in unused parts of pages is zeroed, and the
 * write-ahead log is emptied before the call returns.
 */
#include "store/remove.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/loose.h"

#define SCAN_TRACES 256
#define SCAN_LOGS   64

/* One line of the audit log, inside a write. */
static ly_status audit(ly_db *db, const char *action, ly_str object, ly_str detail, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "INSERT INTO audit_log (at_ns, actor, action, object, detail) VALUES "
                              "(?1, 'user', ?2, ?3, ?4)",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, ly_wall_ns());
    ly_bind_text(s, 2, ly_str_c(action));
    ly_bind_text(s, 3, object);
    ly_bind_text(s, 4, detail);
    return ly_db_run(db, s, err);
}

ly_status ly_store_pin(ly_store *store, ly_trace_id id, bool pin, ly_err *err)
{
    ly_db *db = &store->db;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    char hex[33];
    ly_hex_encode(&id, sizeof id, hex);
    ly_stmt *s = NULL;
    st = ly_db_prep(db, "UPDATE trace SET pinned = ?2 WHERE trace_id = ?1", &s, err);
    if (!st) {
        ly_bind_blob(s, 1, &id, sizeof id);
        ly_bind_int(s, 2, pin);
        st = ly_db_run(db, s, err);
    }
    if (!st && ly_db_changes(db) == 0)
        st = LY_FAIL(err, LY_E_NOTFOUND, "trace %s is not in %s", hex, db->path);
    if (!st)
        st = audit(db, pin ? "pin" : "unpin", ly_str_c(hex), LY_STR_NONE, err);
    return ly_db_write_end(db, st, err);
}

/* ---- forgetting ---- */

static ly_status count_only(ly_store *store, const ly_trace_query *query, ly_store_removed *c,
                            ly_err *err)
{
    ly_summary sums[SCAN_TRACES];
    ly_store_key key = query->after;
    bool more = true;
    ly_status st = LY_OK;
    while (!st && more) {
        size_t n = 0;
        st = ly_db_read_begin(&store->db, err);
        if (st)
            return st;
        st = ly_trace_scan(store, query, SCAN_TRACES, &key, sums, &n, &more, err);
        for (size_t i = 0; !st && i < n; i++) {
            c->n_traces++;
            c->n_spans += sums[i].n_spans;
            c->n_logs += sums[i].n_logs;
            bool evidence = false;
            st = ly_trace_evidence(&store->db, &sums[i], &evidence, err);
            c->n_kept_evidence += evidence;
        }
        ly_db_read_end(&store->db);
    }
    return st;
}

static ly_status count_loose(ly_store *store, const ly_trace_query *query, ly_store_removed *c,
                             ly_err *err)
{
    ly_arena arena;
    ly_store_key key = {0};
    size_t n = SCAN_LOGS;
    ly_status st = LY_OK;
    ly_arena_init(&arena, LY_KIB(256), 0);
    while (!st && n == SCAN_LOGS) {
        const ly_log_record **logs = NULL;
        ly_arena_reset(&arena);
        st = ly_db_read_begin(&store->db, err);
        if (st)
            break;
        st = ly_logs_of_trace(store, 0, NULL, SCAN_LOGS, &key, &arena, &logs, &n, err);
        for (size_t i = 0; !st && i < n; i++) {
            bool passes = false;
            st = ly_loose_ok(query, logs[i], &arena, &passes, err);
            c->n_logs += passes;
        }
        ly_db_read_end(&store->db);
    }
    ly_arena_release(&arena);
    return st;
}

static ly_status remove_loose(ly_removal *r, const ly_trace_query *query, ly_err *err)
{
    ly_store_key key = {0};
    bool done = false;
    ly_status st = LY_OK;
    while (!st && !done)
        st = ly_removal_loose(r, query, &key, &done, err);
    return st;
}

static ly_status remove_all(ly_removal *r, const ly_trace_query *query, ly_err *err)
{
    ly_summary sums[SCAN_TRACES];
    bool more = true;
    ly_status st = LY_OK;
    ly_store_key key = query->after;
    while (!st && more) {
        size_t n = 0;
        st = ly_db_read_begin(&r->store->db, err);
        if (st)
            return st;
        st = ly_trace_scan(r->store, query, SCAN_TRACES, &key, sums, &n, &more, err);
        ly_db_read_end(&r->store->db);
        for (size_t i = 0; !st && i < n; i++) {
            bool done = false;
            while (!st && !done)
                st = ly_removal_slice(r, &sums[i], &done, err);
        }
    }
    return st;
}

ly_status ly_store_forget(ly_store *store, const ly_trace_query *query, bool dry_run,
                          ly_store_removed *ret_removed, ly_err *err)
{
    ly_removal r;
    ly_removal_init(&r, store, true);
    ly_status st;
    if (dry_run) {
        st = count_only(store, query, &r.counts, err);
        if (!st && ly_loose_asked(query))
            st = count_loose(store, query, &r.counts, err);
    } else {
        /* Filters see summaries: traces that wait to be settled would slip through. */
        int64_t left = 0;
        st = ly_store_settle(store, 0, true, &left, err);
        if (!st)
            st = remove_all(&r, query, err);
        if (!st && ly_loose_asked(query))
            st = remove_loose(&r, query, err);
        if (!st)
            st = ly_removal_contents(&r, err);
        if (!st)
            st = ly_removal_unused(&r, err);
        if (!st)
            st = ly_pages_scrub(store, err);
        if (!st && (r.counts.n_traces || r.counts.n_logs)) {
            st = ly_db_write_begin(&store->db, err);
            char detail[64];
            (void)snprintf(detail, sizeof detail, "%lld traces, %lld log records",
                           (long long)r.counts.n_traces, (long long)r.counts.n_logs);
            if (!st)
                st = ly_db_write_end(
                    &store->db, audit(&store->db, "forget", LY_STR_NONE, ly_str_c(detail), err),
                    err);
        }
        if (!st)
            st = ly_log_empty(store, err);
    }
    ly_removal_release(&r);
    if (!st && ret_removed)
        *ret_removed = r.counts;
    return st;
}
