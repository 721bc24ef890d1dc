/*
 * Some clients (coding agents) log their calls without a trace id while the spans of the same calls make
 * traces of their own. Such a log belongs to the trace of its span, whichever came first: both leave their
 * join keys (genai/logs.h) here. A log that finds a span's key is put into that trace; a span that finds
 * logs' keys takes those logs over, and the trace that was made for them loses its leaf.
 */
#include "store/internal.h"

#include "genai/logs.h"

/* One call is told by at most a few events. */
enum { LOGS_OF_CALL = 16 };

/* Keys that do not name a span by its id: those are joined inside one trace (join.c). */
static size_t span_keys(const ly_span *span, const ly_canon *canon, uint64_t keys[LY_JOIN_KEYS])
{
    uint64_t all[LY_JOIN_KEYS];
    const size_t n = ly_genai_span_keys(span, canon, all);
    for (size_t i = 1; i < n; i++)
        keys[i - 1] = all[i];
    return n > 0 ? n - 1 : 0;
}

ly_status ly_call_place(ly_store *store, const ly_log_record *log, const ly_log_info *info,
                        ly_trace_id *ret_trace, ly_err *err)
{
    uint64_t keys[LY_JOIN_KEYS];
    const size_t n = ly_genai_log_keys(log, info, keys);
    ly_status st = LY_OK;
    *ret_trace = info->leaf_trace;
    bool row = false;
    for (size_t i = 0; !st && !row && i < n; i++) {
        ly_stmt *s = NULL;
        /* log = 0 first: the trace of a span before one that was made for a log. */
        st = ly_db_prep(&store->db,
                        "SELECT t.trace_id FROM call_key AS c JOIN trace AS t ON t.no = c.trace"
                        " WHERE c.key = ?1 ORDER BY c.log LIMIT 1",
                        &s, err);
        if (st)
            return st;
        ly_bind_int(s, 1, (int64_t)keys[i]);
        st = ly_db_step(&store->db, s, &row, err);
        if (!st && row)
            memcpy(ret_trace, ly_col_str(s, 0).ptr, sizeof *ret_trace);
        ly_db_reset(s);
    }
    return st;
}

static ly_status put_key(ly_store *store, uint64_t key, int64_t log, int64_t trace, ly_err *err)
{
    ly_stmt *s = NULL;
    const ly_status st =
        ly_db_prep(&store->db,
                   "INSERT OR IGNORE INTO call_key (key, log, trace) VALUES (?1, ?2, ?3)", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, (int64_t)key);
    ly_bind_int(s, 2, log);
    ly_bind_int(s, 3, trace);
    return ly_db_run(&store->db, s, err);
}

ly_status ly_call_log(ly_store *store, const ly_log_record *log, const ly_log_info *info,
                      int64_t log_id, int64_t trace, ly_err *err)
{
    uint64_t keys[LY_JOIN_KEYS];
    const size_t n = ly_genai_log_keys(log, info, keys);
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = put_key(store, keys[i], log_id, trace, err);
    return st;
}

static ly_status run3(ly_store *store, const char *sql, int64_t a, int64_t b, int64_t c,
                      ly_err *err)
{
    ly_stmt *s = NULL;
    const ly_status st = ly_db_prep(&store->db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, a);
    ly_bind_int(s, 2, b);
    ly_bind_int(s, 3, c);
    return ly_db_run(&store->db, s, err);
}

/* The log goes over to the span's trace; the one it leaves is settled anew, without the leaf when no log
 * stays there. */
static ly_status move_log(ly_store *store, uint64_t key, int64_t log, int64_t from, int64_t to,
                          int64_t now, ly_err *err)
{
    ly_status st = run3(store, "UPDATE log_record SET trace = ?3 WHERE id = ?1 AND trace = ?2", log,
                        from, to, err);
    if (!st)
        st = run3(store, "DELETE FROM call_key WHERE key = ?1 AND log = ?2 AND trace = ?3",
                  (int64_t)key, log, from, err);
    if (!st)
        st = run3(store,
                  "DELETE FROM span WHERE id >= ?1 AND id < ?2 AND flags & ?3 <> 0"
                  " AND NOT EXISTS (SELECT 1 FROM log_record AS l WHERE l.trace = ?1 >> 24)",
                  from << LY_SLOT_BITS, (from + 1) << LY_SLOT_BITS, LY_SPAN_SYNTHETIC, err);
    return st ? st : ly_dirty_mark(&store->db, from, now, 1, err);
}

ly_status ly_call_span(ly_store *store, const ly_span *span, const ly_canon *canon, int64_t trace,
                       int64_t now, ly_err *err)
{
    if (canon->role != LY_ROLE_LEAF || !ly_genai_logs_apart(canon))
        return LY_OK;
    uint64_t keys[LY_JOIN_KEYS];
    const size_t n = span_keys(span, canon, keys);
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < n; i++) {
        int64_t logs[LOGS_OF_CALL], froms[LOGS_OF_CALL];
        size_t found = 0;
        bool row = true;
        ly_stmt *s = NULL;
        st = ly_db_prep(
            &store->db,
            "SELECT log, trace FROM call_key WHERE key = ?1 AND log > 0 AND trace <> ?2", &s, err);
        if (st)
            return st;
        ly_bind_int(s, 1, (int64_t)keys[i]);
        ly_bind_int(s, 2, trace);
        while (!st && row && found < LOGS_OF_CALL) {
            st = ly_db_step(&store->db, s, &row, err);
            if (!st && row) {
                logs[found] = ly_col_int(s, 0);
                froms[found++] = ly_col_int(s, 1);
            }
        }
        ly_db_reset(s);
        for (size_t k = 0; !st && k < found; k++)
            st = move_log(store, keys[i], logs[k], froms[k], trace, now, err);
        if (!st)
            st = put_key(store, keys[i], 0, trace, err);
    }
    return st;
}
