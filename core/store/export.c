/*
 * Export: every record as it came in, trace by trace, in snapshots short enough not to hold up the
 * write-ahead log.
 */
#include "store/internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "otlp/decode.h"
#include "store/loose.h"

#define SCAN_TRACES 64
#define SLICE_SPANS 256
#define SLICE_LOGS  64

typedef struct exporter {
    ly_store *store;
    ly_store_export_fn fn;
    void *user;
    ly_arena arena; /* one slice */
} exporter;

/* Rows of one slice first, then their payloads: a statement is not left half read while fn runs. */
static ly_status span_slice(exporter *x, const ly_summary *t, int64_t *after, bool *ret_more,
                            ly_err *err)
{
    ly_db *db = &x->store->db;
    ly_arena_reset(&x->arena);
    ly_span_row *rows = LY_ARENA_ARRAY(&x->arena, ly_span_row, SLICE_SPANS);
    ly_span *spans = LY_ARENA_ARRAY(&x->arena, ly_span, SLICE_SPANS);
    if (!rows || !spans)
        return LY_NOMEM(err);
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    ly_stmt *s = NULL;
    st = ly_db_prep(
        db, "SELECT " LY_SPAN_COLUMNS " FROM span WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3",
        &s, err);
    size_t n = 0;
    bool row = false;
    if (!st) {
        ly_bind_int(s, 1, *after);
        ly_bind_int(s, 2, LY_SPAN_BASE(t->no + 1));
        ly_bind_int(s, 3, SLICE_SPANS);
    }
    while (!st && n < SLICE_SPANS && !(st = ly_db_step(db, s, &row, err)) && row)
        ly_span_row_read(s, &rows[n++]);
    ly_db_reset(s);
    for (size_t i = 0; !st && i < n; i++)
        if (!(rows[i].flags & LY_SPAN_SYNTHETIC)) /* no span came: its log record is exported */
            st = ly_span_of_row(x->store, t->epoch, t->trace_id, &rows[i], &x->arena, &spans[i],
                                err);
    ly_db_read_end(db);
    for (size_t i = 0; !st && i < n; i++)
        if (!(rows[i].flags & LY_SPAN_SYNTHETIC))
            st = x->fn(x->user, &spans[i], NULL, err);
    if (n)
        *after = rows[n - 1].id;
    *ret_more = n == SLICE_SPANS;
    return st;
}

/* query: passes records that belong to no trace; NULL = all. */
static ly_status log_slices(exporter *x, int64_t trace, const ly_trace_query *query, ly_err *err)
{
    ly_store_key key = {0};
    ly_status st = LY_OK;
    size_t n = SLICE_LOGS;
    while (!st && n == SLICE_LOGS) {
        const ly_log_record **logs = NULL;
        ly_arena_reset(&x->arena);
        st = ly_db_read_begin(&x->store->db, err);
        if (st)
            return st;
        st = ly_logs_of_trace(x->store, trace, NULL, SLICE_LOGS, &key, &x->arena, &logs, &n, err);
        ly_db_read_end(&x->store->db);
        for (size_t i = 0; !st && i < n; i++) {
            bool passes = true;
            if (query)
                st = ly_loose_ok(query, logs[i], &x->arena, &passes, err);
            if (!st && passes)
                st = x->fn(x->user, NULL, logs[i], err);
        }
    }
    return st;
}

static ly_status export_trace(exporter *x, const ly_summary *t, ly_err *err)
{
    int64_t after = LY_SPAN_BASE(t->no) - 1;
    bool more = true;
    ly_status st = LY_OK;
    while (!st && more)
        st = span_slice(x, t, &after, &more, err);
    return st ? st : log_slices(x, t->no, NULL, err);
}

ly_status ly_store_export(ly_store *store, const ly_trace_query *query, bool loose_logs,
                          ly_store_export_fn fn, void *user, ly_err *err)
{
    exporter x = {.store = store, .fn = fn, .user = user};
    ly_summary sums[SCAN_TRACES];
    ly_store_key key = query->after;
    size_t left = query->limit ? query->limit : SIZE_MAX;
    bool more = true;
    ly_status st = LY_OK;
    ly_arena_init(&x.arena, LY_KIB(256), 0);
    while (!st && more && left) {
        size_t n = 0;
        st = ly_db_read_begin(&store->db, err);
        if (st)
            break;
        st = ly_trace_scan(store, query, left < SCAN_TRACES ? left : SCAN_TRACES, &key, sums, &n,
                           &more, err);
        ly_db_read_end(&store->db);
        left -= n;
        for (size_t i = 0; !st && i < n; i++)
            st = export_trace(&x, &sums[i], err);
    }
    if (!st && loose_logs && ly_loose_asked(query))
        st = log_slices(&x, 0, query, err);
    ly_arena_release(&x.arena);
    return st;
}
