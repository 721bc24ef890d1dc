/*
 * Retention: whole days of arrival go, in slices of a few milliseconds, oldest first.
 *
 * A call does one slice of the first thing that is to be done:
 *   1. a trace of a day that is past its time goes, or, as evidence, moves to the permanent epoch 0;
 *   2. when a day's last trace is gone, its logs, payloads and content go, a few hundred rows at a time;
 *   3. the day is sealed: its ledger lines are final;
 *   4. free pages are given back to the file system.
 * Content of a day that still holds traces of the other kind (eval traces kept longer than app's) stays
 * until they go too.
 */
#include "store/remove.h"

#include "base/clock.h"
#include "base/mem.h"
#include "otlp/decode.h"

#define SLICE_NS   (2 * LY_NS_PER_MS)
#define ROWS_SLICE 200
#define SCAN       128

/* ---- which traces ---- */

typedef struct rule {
    int64_t last_app, last_eval; /* days up to these go; -1 = none */
    int64_t last_any;            /* for the size limit */
} rule;

static int64_t last_day(int64_t keep_ns, int64_t now)
{
    /* A day goes when its last moment is older than the time to keep. */
    return keep_ns > 0 && now > keep_ns ? (now - keep_ns) / LY_NS_PER_DAY - 1 : -1;
}

static ly_status oldest_epoch(ly_db *db, int64_t *ret, ly_err *err)
{
    *ret = -1;
    return ly_db_scalar(
        db, "SELECT coalesce(min(day), -1) FROM epoch WHERE day > 0 AND sealed_ns IS NULL", ret,
        err);
}

static ly_status used_bytes(ly_db *db, int64_t *ret, ly_err *err)
{
    int64_t size = 0, pages = 0, freed = 0;
    ly_status st = ly_db_scalar(db, "PRAGMA page_size", &size, err);
    if (!st)
        st = ly_db_scalar(db, "PRAGMA page_count", &pages, err);
    if (!st)
        st = ly_db_scalar(db, "PRAGMA freelist_count", &freed, err);
    *ret = (pages - freed) * size;
    return st;
}

static ly_status make_rule(ly_db *db, const ly_retention *in, rule *ret, ly_err *err)
{
    int64_t now = in->now_ns ? in->now_ns : ly_wall_ns();
    *ret = (rule){last_day(in->keep_app_ns, now), last_day(in->keep_eval_ns, now), -1};
    if (!in->keep_eval_ns)
        ret->last_eval = ret->last_app;
    if (in->max_bytes <= 0)
        return LY_OK;
    int64_t used = 0;
    ly_status st = used_bytes(db, &used, err);
    /* Today's epoch is never taken for size alone. */
    if (!st && used > in->max_bytes) {
        st = oldest_epoch(db, &ret->last_any, err);
        if (ret->last_any >= now / LY_NS_PER_DAY)
            ret->last_any = -1;
    }
    return st;
}

static bool goes(const rule *r, const ly_summary *t)
{
    int64_t last = t->origin == LY_ORIGIN_APP ? r->last_app : r->last_eval;
    return t->epoch > 0 && (t->epoch <= last || t->epoch <= r->last_any);
}

static int64_t last_of(const rule *r)
{
    int64_t last = r->last_app > r->last_eval ? r->last_app : r->last_eval;
    return last > r->last_any ? last : r->last_any;
}

/* Up to SCAN traces of the oldest days that go, from *after (a trace number) on. */
static ly_status candidates(ly_db *db, const rule *r, int64_t *after, ly_summary *out,
                            size_t *ret_n, bool *ret_end, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "SELECT " LY_TRACE_COLUMNS " FROM trace AS t WHERE t.epoch > 0 AND t.epoch <= ?1"
                   " AND t.no > ?2 AND (t.epoch <= ?4 OR (t.origin = 0 AND t.epoch <= ?5)"
                   " OR (t.origin > 0 AND t.epoch <= ?6)) ORDER BY t.no LIMIT ?3",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, last_of(r));
    ly_bind_int(s, 2, *after);
    ly_bind_int(s, 3, SCAN);
    ly_bind_int(s, 4, r->last_any);
    ly_bind_int(s, 5, r->last_app);
    ly_bind_int(s, 6, r->last_eval);
    bool row = false;
    *ret_n = 0;
    while (*ret_n < SCAN && !(st = ly_db_step(db, s, &row, err)) && row) {
        ly_summary_read(s, &out[*ret_n]);
        *after = out[*ret_n].no;
        *ret_n += goes(r, &out[*ret_n]);
    }
    *ret_end = !row;
    ly_db_reset(s);
    return st;
}

/* ---- evidence moves to the permanent epoch ---- */

static ly_status move_span(ly_store *store, const ly_summary *t, ly_epoch_state *to,
                           const ly_span_row *row, ly_arena *arena, ly_err *err)
{
    ly_span span;
    ly_status st = ly_span_of_row(store, t->epoch, t->trace_id, row, arena, &span, err);
    const ly_range *ranges = NULL;
    size_t n = 0;
    int64_t number = 0;
    ly_row_ids ids;
    ly_row_ids_of(row, t->trace_id, &ids);
    if (!st && ly_genai_content_ranges(&span, arena, &ranges, &n))
        st = LY_NOMEM(err);
    if (!st)
        st = ly_payload_put(store, to, span.wire, &ids, ranges, n, &number, err);
    int64_t gone = LY_EPOCH_BASE(t->epoch) | row->payload;
    if (!st)
        st = ly_bundle_remove(store, LY_PACK_PAYLOAD, &gone, 1, err);
    ly_stmt *s = NULL;
    if (!st)
        st = ly_db_prep(&store->db, "UPDATE span SET payload = ?2 WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, row->id);
    ly_bind_int(s, 2, number);
    return ly_db_run(&store->db, s, err);
}

typedef struct log_row {
    int64_t id, payload;
} log_row;

static ly_status move_log(ly_store *store, const ly_summary *t, ly_epoch_state *to, log_row log,
                          ly_arena *arena, ly_err *err)
{
    ly_str wire = LY_STR_NONE;
    ly_log_record record;
    const ly_range *ranges = NULL;
    size_t n = 0;
    int64_t number = 0;
    ly_status st = ly_payload_load(store, t->epoch, log.payload, NULL, arena, &wire, err);
    if (!st && (ly_otlp_decode_log(wire, NULL, NULL, arena, &record) == LY_E_NOMEM ||
                ly_genai_log_content_ranges(&record, arena, &ranges, &n)))
        st = LY_NOMEM(err);
    if (!st)
        st = ly_payload_put(store, to, wire, NULL, ranges, n, &number, err);
    int64_t gone = LY_EPOCH_BASE(t->epoch) | log.payload;
    if (!st)
        st = ly_bundle_remove(store, LY_PACK_PAYLOAD, &gone, 1, err);
    ly_stmt *s = NULL;
    if (!st)
        st = ly_db_prep(&store->db, "UPDATE log_record SET id = ?2, payload = ?3 WHERE id = ?1", &s,
                        err);
    if (st)
        return st;
    ly_bind_int(s, 1, log.id);
    ly_bind_int(s, 2, LY_EPOCH_BASE(to->day) | to->next_log++);
    ly_bind_int(s, 3, number);
    return ly_db_run(&store->db, s, err);
}

/* In one turn, because a reader must find all of a trace in one epoch. */
static ly_status move_all(ly_store *store, const ly_summary *t, ly_arena *arena, ly_err *err)
{
    ly_db *db = &store->db;
    ly_epoch_state *to = NULL;
    ly_trace_nodes nodes;
    store->owner = t->no;
    ly_status st = ly_epoch_get(store, 0, &to, err);
    if (!st)
        st = ly_trace_nodes_load(db, t->no, arena, &nodes, err);
    for (size_t i = 0; !st && i < nodes.n; i++)
        if (!(nodes.rows[i].flags & LY_SPAN_SYNTHETIC))
            st = move_span(store, t, to, &nodes.rows[i], arena, err);
    log_row logs[256];
    size_t n = LY_COUNT(logs);
    while (!st && n == LY_COUNT(logs)) {
        ly_stmt *s = NULL;
        st = ly_db_prep(
            db, "SELECT id, payload FROM log_record WHERE trace = ?1 AND id >= ?2 LIMIT 256", &s,
            err);
        bool row = false;
        n = 0;
        if (!st) {
            ly_bind_int(s, 1, t->no);
            ly_bind_int(s, 2, LY_EPOCH_BASE(1));
        }
        while (!st && n < LY_COUNT(logs) && !(st = ly_db_step(db, s, &row, err)) && row)
            logs[n++] = (log_row){ly_col_int(s, 0), ly_col_int(s, 1)};
        ly_db_reset(s);
        for (size_t i = 0; !st && i < n; i++)
            st = move_log(store, t, to, logs[i], arena, err);
    }
    ly_stmt *s = NULL;
    if (!st)
        st = ly_db_prep(db, "UPDATE trace SET epoch = 0 WHERE no = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, t->no);
    st = ly_db_run(db, s, err);
    to->changed = true;
    if (!st)
        st = ly_epochs_flush(store, err);
    /* Other writers remember the trace's epoch. */
    return st ? st
              : ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'", err);
}

static ly_status keep_evidence(ly_store *store, const ly_summary *t, ly_err *err)
{
    ly_arena arena;
    ly_arena_init(&arena, LY_KIB(256), 0);
    ly_arena_reset(&store->scratch);
    ly_status st = ly_db_write_begin(&store->db, err);
    if (!st)
        st = ly_db_write_end(&store->db, move_all(store, t, &arena, err), err);
    ly_arena_release(&arena);
    return st;
}

/* ---- what a day leaves behind ---- */

static ly_status rows_out(ly_db *db, const char *sql, int64_t epoch, int64_t *ret_n, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, LY_EPOCH_BASE(epoch));
    ly_bind_int(s, 2, LY_EPOCH_BASE(epoch + 1));
    ly_bind_int(s, 3, ROWS_SLICE);
    st = ly_db_run(db, s, err);
    *ret_n = st ? 0 : ly_db_changes(db);
    return st;
}

/* Pieces in the rows that go next. */
static ly_status count_pieces(ly_db *db, int64_t epoch, int64_t *ret_n, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT coalesce(sum(n), 0) FROM (SELECT n FROM content"
                              " WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, LY_EPOCH_BASE(epoch));
    ly_bind_int(s, 2, LY_EPOCH_BASE(epoch + 1));
    ly_bind_int(s, 3, ROWS_SLICE);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    *ret_n += !st && row ? ly_col_int(s, 0) : 0;
    ly_db_reset(s);
    return st;
}

/* One slice of an epoch without traces; *ret_done when it is sealed. */
static ly_status empty_epoch(ly_store *store, int64_t day, ly_store_removed *counts, bool *ret_done,
                             ly_err *err)
{
    static const char *const sql[] = {
        "DELETE FROM log_record WHERE id IN"
        " (SELECT id FROM log_record WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)",
        "DELETE FROM payload WHERE id IN"
        " (SELECT id FROM payload WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)",
        "DELETE FROM content WHERE id IN"
        " (SELECT id FROM content WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)",
    };
    /* First of all nobody finds the day's contents any more. */
    static const char hashes[] =
        "DELETE FROM content_hash WHERE id IN"
        " (SELECT id FROM content_hash WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)";
    ly_db *db = &store->db;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    int64_t until = ly_mono_ns() + SLICE_NS, n = 0;
    st = rows_out(db, hashes, day, &n, err);
    *ret_done = n < ROWS_SLICE;
    if (!st && n)
        st = ly_db_exec(db, "UPDATE meta SET value = value + 4294967296 WHERE key = 'generation'",
                        err);
    for (size_t i = 0; !st && i < LY_COUNT(sql) && *ret_done; i++) {
        do {
            if (i == 2)
                st = count_pieces(db, day, &counts->n_contents, err);
            if (!st)
                st = rows_out(db, sql[i], day, &n, err);
            if (!st && i == 0)
                counts->n_logs += n;
        } while (!st && n == ROWS_SLICE && ly_mono_ns() < until);
        *ret_done = n < ROWS_SLICE;
    }
    ly_stmt *s = NULL;
    if (!st && *ret_done)
        st = ly_db_prep(db, "UPDATE epoch SET sealed_ns = ?2 WHERE day = ?1", &s, err);
    if (!st && *ret_done) {
        ly_bind_int(s, 1, day);
        ly_bind_int(s, 2, ly_wall_ns());
        st = ly_db_run(db, s, err);
    }
    if (!st)
        st = ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'", err);
    return ly_db_write_end(db, st, err);
}

/* The oldest unsealed day up to `last` that holds no trace any more, or -1. */
static ly_status epoch_to_empty(ly_db *db, int64_t last, int64_t *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "SELECT day FROM epoch AS e WHERE day > 0 AND day <= ?1 AND sealed_ns IS NULL"
                   " AND NOT EXISTS (SELECT 1 FROM trace AS t WHERE t.epoch = e.day)"
                   " ORDER BY day LIMIT 1",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, last);
    return ly_db_number(db, s, -1, ret, err);
}

/* ---- a slice ---- */

static ly_status slice(ly_store *store, const rule *r, ly_store_removed *counts, bool *ret_more,
                       ly_err *err)
{
    ly_db *db = &store->db;
    ly_summary found[SCAN];
    size_t n = 0;
    bool end = false;
    int64_t after = 0, day = -1;
    *ret_more = false;
    ly_status st = candidates(db, r, &after, found, &n, &end, err);
    /* One turn for all of them: the disk is waited for once. */
    if (!st && n)
        st = ly_db_write_begin(db, err);
    if (st)
        return st;
    int64_t until = ly_mono_ns() + SLICE_NS;
    for (size_t i = 0; !st && i < n && (i == 0 || ly_mono_ns() < until); i++) {
        bool evidence = false, done = false;
        *ret_more = true;
        st = ly_trace_evidence(db, &found[i], &evidence, err);
        if (!st && evidence) {
            st = keep_evidence(store, &found[i], err);
            counts->n_kept_evidence++;
            continue;
        }
        ly_removal removal;
        ly_removal_init(&removal, store, false);
        while (!st && !done && ly_mono_ns() < until)
            st = ly_removal_slice(&removal, &found[i], &done, err);
        counts->n_traces += removal.counts.n_traces;
        counts->n_spans += removal.counts.n_spans;
        counts->n_logs += removal.counts.n_logs;
        counts->bytes += removal.counts.bytes;
        ly_removal_release(&removal);
    }
    if (n)
        st = ly_db_write_end(db, st, err);
    if (st || *ret_more)
        return st;
    st = epoch_to_empty(db, last_of(r), &day, err);
    if (!st && day > 0) {
        bool done = false;
        *ret_more = true;
        return empty_epoch(store, day, counts, &done, err);
    }
    int64_t freed = 0;
    if (!st)
        st = ly_db_scalar(db, "PRAGMA freelist_count", &freed, err);
    /* Some pages stay free: the next batches fill them without growing the file. */
    if (!st && freed > 1024 && last_of(r) >= 0) {
        st = ly_db_exec(db, "PRAGMA incremental_vacuum(256)", err);
        *ret_more = true;
    }
    return st;
}

static ly_status count_all(ly_store *store, const rule *r, ly_store_removed *counts, ly_err *err)
{
    ly_summary found[SCAN];
    int64_t after = 0;
    bool end = false;
    ly_status st = LY_OK;
    while (!st && !end) {
        size_t n = 0;
        st = ly_db_read_begin(&store->db, err);
        if (st)
            return st;
        st = candidates(&store->db, r, &after, found, &n, &end, err);
        for (size_t i = 0; !st && i < n; i++) {
            bool evidence = false;
            st = ly_trace_evidence(&store->db, &found[i], &evidence, err);
            if (evidence) {
                counts->n_kept_evidence++;
                continue;
            }
            counts->n_traces++;
            counts->n_spans += found[i].n_spans;
            counts->n_logs += found[i].n_logs;
        }
        ly_db_read_end(&store->db);
    }
    return st;
}

/* Slices do not wait for the disk while they hold the lock that others wait for: after a power cut the same
 * days go again. The call that finds nothing more makes them durable, before anybody is told. */
static ly_status removal(ly_store *store, const rule *r, ly_store_removed *counts, bool *ret_more,
                         ly_err *err)
{
    ly_db *db = &store->db;
    ly_status st = LY_OK;
    db->patient = true;
    if (last_of(r) >= 0) {
        ly_store_lazy(store, true);
        st = slice(store, r, counts, ret_more, err);
        ly_store_lazy(store, false);
        db->unsynced = db->unsynced || *ret_more;
    }
    if (!st && !*ret_more && db->unsynced) {
        st = ly_db_write_begin(db, err);
        if (!st)
            st = ly_db_write_end(
                db,
                ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'", err),
                err);
        db->unsynced = st != LY_OK;
    }
    db->patient = false;
    return st;
}

ly_status ly_store_prune(ly_store *store, const ly_retention *in, bool dry_run,
                         ly_store_removed *ret_removed, bool *ret_more, ly_err *err)
{
    rule r;
    ly_store_removed counts = {0};
    bool more = false;
    ly_status st = make_rule(&store->db, in, &r, err);
    if (!st && dry_run)
        st = last_of(&r) >= 0 ? count_all(store, &r, &counts, err) : LY_OK;
    else if (!st)
        st = removal(store, &r, &counts, &more, err);
    if (st)
        return st;
    if (ret_removed)
        *ret_removed = counts;
    if (ret_more)
        *ret_more = more;
    return LY_OK;
}
