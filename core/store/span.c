/*
 * Reading single spans and log records whole, and finding things by what a user types.
 */
#include "store/internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "genai/normalise.h"
#include "otlp/decode.h"

/* ---- resources and scopes of a record ---- */

static ly_status resource_load(ly_store *store, int64_t id, ly_arena *arena,
                               const ly_resource **ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&store->db, "SELECT wire, schema_url FROM resource WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    ly_resource *r = st ? NULL : LY_ARENA_NEW(arena, ly_resource);
    if (r && row) {
        ly_str wire = ly_col_copy(s, 0, arena);
        ly_str url = ly_col_copy(s, 1, arena);
        if (ly_otlp_decode_resource(wire, url, arena, r) == LY_E_NOMEM)
            r = NULL;
    }
    ly_db_reset(s);
    if (st)
        return st;
    *ret = r;
    return r ? LY_OK : LY_NOMEM(err);
}

static ly_status scope_load(ly_store *store, int64_t id, ly_arena *arena, const ly_scope **ret,
                            ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&store->db, "SELECT wire, schema_url FROM scope WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    ly_scope *r = st ? NULL : LY_ARENA_NEW(arena, ly_scope);
    if (r && row) {
        ly_str wire = ly_col_copy(s, 0, arena);
        ly_str url = ly_col_copy(s, 1, arena);
        if (ly_otlp_decode_scope(wire, url, arena, r) == LY_E_NOMEM)
            r = NULL;
    }
    ly_db_reset(s);
    if (st)
        return st;
    *ret = r;
    return r ? LY_OK : LY_NOMEM(err);
}

ly_status ly_span_of_row(ly_store *store, int64_t epoch, ly_trace_id trace, const ly_span_row *row,
                         ly_arena *arena, ly_span *ret, ly_err *err)
{
    ly_str wire = LY_STR_NONE;
    const ly_resource *resource = NULL;
    const ly_scope *scope = NULL;
    ly_row_ids ids;
    ly_row_ids_of(row, trace, &ids);
    /* A synthetic span has no bytes: what its row says is all. */
    ly_status st = row->flags & LY_SPAN_SYNTHETIC
                       ? LY_OK
                       : ly_payload_load(store, epoch, row->payload, &ids, arena, &wire, err);
    if (!st)
        st = resource_load(store, row->resource, arena, &resource, err);
    if (!st)
        st = scope_load(store, row->scope, arena, &scope, err);
    if (st)
        return st;
    if (row->flags & LY_SPAN_SYNTHETIC) {
        *ret = (ly_span){
            .trace_id = trace,
            .span_id = row->span_id,
            .parent_id = row->parent_id,
            .kind = row->kind,
            .start_ns = (uint64_t)row->start_ns,
            .end_ns =
                row->dur_ns == LY_UNKNOWN ? 0 : (uint64_t)row->start_ns + (uint64_t)row->dur_ns,
            .status_code = row->status,
            .resource = resource,
            .scope = scope,
        };
        return ly_word_text(&store->db, row->w.name, arena, &ret->name, err);
    }
    st = ly_otlp_decode_span(wire, resource, scope, arena, ret);
    if (st == LY_E_NOMEM)
        return LY_NOMEM(err);
    if (st)
        return LY_FAIL(err, LY_E_CORRUPT,
                       "%s: a stored span does not decode; see `lydite db check`", store->db.path);
    return LY_OK;
}

/* ---- log records ---- */

ly_status ly_logs_of_trace(ly_store *store, int64_t trace, const ly_span_id *only, size_t limit,
                           ly_store_key *key, ly_arena *arena, const ly_log_record ***ret,
                           size_t *ret_n, ly_err *err)
{
    ly_db *db = &store->db;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        trace ? "SELECT id, resource, scope, payload, time_ns, span_id FROM log_record WHERE trace "
                "= ?1"
                " AND (time_ns, id) > (?2, ?3) ORDER BY time_ns, id LIMIT ?4"
              : "SELECT id, resource, scope, payload, time_ns, span_id FROM log_record WHERE trace "
                "IS NULL"
                " AND time_ns >= ?2 AND (time_ns, id) > (?2, ?3) ORDER BY time_ns, id LIMIT ?4",
        &s, err);
    if (st)
        return st;
    if (trace)
        ly_bind_int(s, 1, trace);
    ly_bind_int(s, 2, key && key->set ? key->a : INT64_MIN);
    ly_bind_int(s, 3, key && key->set ? key->b : INT64_MIN);
    ly_bind_int(s, 4, (int64_t)limit);
    const ly_log_record **logs = LY_ARENA_ARRAY(arena, const ly_log_record *, limit + 1);
    size_t n = 0;
    bool row = false;
    if (!logs)
        st = LY_NOMEM(err);
    while (!st && n < limit && !(st = ly_db_step(db, s, &row, err)) && row) {
        int64_t id = ly_col_int(s, 0), resource = ly_col_int(s, 1), scope = ly_col_int(s, 2),
                payload = ly_col_int(s, 3), time = ly_col_int(s, 4);
        ly_str span = ly_col_str(s, 5);
        if (key)
            *key = (ly_store_key){time, id, true};
        if (only && (span.len != 8 || memcmp(span.ptr, only, 8) != 0))
            continue;
        ly_str wire = LY_STR_NONE;
        const ly_resource *r = NULL;
        const ly_scope *c = NULL;
        ly_log_record *log = LY_ARENA_NEW(arena, ly_log_record);
        st = log ? ly_payload_load(store, id >> LY_EPOCH_BITS, payload, NULL, arena, &wire, err)
                 : LY_NOMEM(err);
        if (!st)
            st = resource_load(store, resource, arena, &r, err);
        if (!st)
            st = scope_load(store, scope, arena, &c, err);
        if (!st && ly_otlp_decode_log(wire, r, c, arena, log) == LY_E_NOMEM)
            st = LY_NOMEM(err);
        if (!st)
            logs[n++] = log;
    }
    ly_db_reset(s);
    if (st)
        return st;
    *ret = logs;
    *ret_n = n;
    return LY_OK;
}

static ly_status trace_no(ly_db *db, ly_trace_id id, int64_t *ret_no, int64_t *ret_epoch,
                          ly_err *err)
{
    ly_summary sum;
    bool dirty = false;
    ly_status st = ly_summary_find(db, id, &sum, &dirty, err);
    if (st)
        return st;
    *ret_no = sum.no;
    *ret_epoch = sum.epoch;
    return LY_OK;
}

/* ---- one span ---- */

#define LOGS_OF_SPAN_MAX 1000

/* What the row says (it may have been enriched) over what the span's own bytes say. */
static void overlay(ly_canon *c, const ly_canon *stored)
{
    ly_str response_id = c->response_id, tool_call_id = c->tool_call_id,
           error_message = c->error_message;
    const ly_str *tags = c->tags;
    size_t n_tags = c->n_tags;
    *c = *stored;
    c->response_id = response_id;
    c->tool_call_id = tool_call_id;
    c->tags = tags;
    c->n_tags = n_tags;
    if (error_message.len > c->error_message.len)
        c->error_message = error_message;
}

static ly_status load_span(ly_store *store, ly_trace_id trace, ly_span_id span, ly_arena *arena,
                           ly_span_full *full, ly_err *err)
{
    ly_db *db = &store->db;
    int64_t no = 0, epoch = 0, id = 0;
    bool found = false;
    ly_status st = trace_no(db, trace, &no, &epoch, err);
    if (!st)
        st = ly_span_row_find(db, no, span, &id, &found, err);
    if (!st && !found) {
        char hex[17];
        ly_hex_encode(&span, sizeof span, hex);
        return LY_FAIL(err, LY_E_NOTFOUND, "span %s is not in its trace", hex);
    }
    ly_stmt *s = NULL;
    if (!st)
        st = ly_db_prep(db, "SELECT " LY_SPAN_COLUMNS " FROM span WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    ly_span_row r;
    ly_word_memo memo = {.arena = arena};
    if (!st && row) {
        ly_span_row_read(s, &r);
        st = ly_node_of_row(db, &r, &memo, &full->node, err);
    }
    ly_db_reset(s);
    if (!st)
        st = ly_span_of_row(store, epoch, trace, &r, arena, &full->span, err);
    if (st)
        return st;
    if (ly_genai_normalise(&full->span, arena, &full->canon))
        return LY_NOMEM(err);
    overlay(&full->canon, &full->node.canon);
    return ly_logs_of_trace(store, no, &span, LOGS_OF_SPAN_MAX, NULL, arena, &full->logs,
                            &full->n_logs, err);
}

ly_status ly_store_span_load(ly_store *store, ly_trace_id trace, ly_span_id span, ly_arena *arena,
                             ly_span_full **ret_span, ly_err *err)
{
    ly_span_full *full = LY_ARENA_NEW(arena, ly_span_full);
    if (!full)
        return LY_NOMEM(err);
    ly_status st = ly_db_read_begin(&store->db, err);
    if (st)
        return st;
    st = load_span(store, trace, span, arena, full, err);
    ly_db_read_end(&store->db);
    if (!st)
        *ret_span = full;
    return st;
}

/* ---- ids as typed ---- */

static bool is_hex(ly_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return true;
}

/* The least and greatest id with that prefix. */
static void prefix_bounds(ly_str hex, size_t bytes, uint8_t *lo, uint8_t *hi)
{
    char text[33];
    for (int high = 0; high < 2; high++) {
        memset(text, high ? 'f' : '0', sizeof text);
        memcpy(text, hex.ptr, hex.len);
        (void)!ly_hex_decode(ly_str_n(text, bytes * 2), high ? hi : lo, bytes);
    }
}

ly_status ly_last_parse(ly_str what, int64_t *ret_back, ly_err *err)
{
    int64_t back = 0;
    ly_str rest = ly_str_sub(what, 5, SIZE_MAX);
    if (rest.len &&
        (rest.ptr[0] != '~' || !ly_str_to_i64(ly_str_sub(rest, 1, SIZE_MAX), &back) || back < 0))
        return LY_FAIL(err, LY_E_INVALID, "%.*s: write @last or @last~N", LY_STR_ARG(what));
    *ret_back = back;
    return LY_OK;
}

/* One from the future counts as of its arrival, or it would be the last one for ever. */
static ly_status find_last(ly_db *db, ly_str what, ly_trace_id *ret_id, ly_err *err)
{
    int64_t back = 0;
    ly_stmt *s = NULL;
    ly_status st = ly_last_parse(what, &back, err);
    if (st)
        return st;
    st = ly_db_prep(db,
                    "SELECT trace_id FROM (SELECT * FROM (SELECT trace_id, start_ns AS at, no"
                    " FROM trace WHERE origin = 0 AND start_ns <= ?2"
                    " ORDER BY start_ns DESC, no DESC LIMIT ?1 + 1) UNION ALL"
                    " SELECT * FROM (SELECT trace_id, seen_ns AS at, no"
                    " FROM trace WHERE origin = 0 AND start_ns > ?2"
                    " ORDER BY seen_ns DESC, no DESC LIMIT ?1 + 1))"
                    " ORDER BY at DESC, no DESC LIMIT 1 OFFSET ?1",
                    &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, back < INT32_MAX ? back : INT32_MAX);
    ly_bind_int(s, 2, ly_wall_ns() + LY_AHEAD_NS);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    if (!st && row)
        memcpy(ret_id, ly_col_str(s, 0).ptr, sizeof *ret_id);
    else if (!st)
        st = LY_FAIL(err, LY_E_NOTFOUND, "%.*s: there %s in %s", LY_STR_ARG(what),
                     back ? "are not so many traces" : "is no trace yet", db->path);
    ly_db_reset(s);
    return st;
}

ly_status ly_store_trace_find(ly_store *store, ly_str what, ly_trace_id *ret_id, ly_err *err)
{
    ly_db *db = &store->db;
    if (ly_str_starts(what, LY_S("@last")))
        return find_last(db, what, ret_id, err);
    if (what.len < 4 || what.len > 32 || !is_hex(what))
        return LY_FAIL(
            err, LY_E_NOTFOUND,
            "%.*s: no trace id; write 32 hex digits, at least the first 4, or @last; see "
            "lydite trace list",
            LY_STR_ARG(what));
    ly_trace_id lo, hi;
    prefix_bounds(what, 16, lo.b, hi.b);
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db, "SELECT trace_id FROM trace WHERE trace_id >= ?1 AND trace_id <= ?2 LIMIT 20", &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, &lo, sizeof lo);
    ly_bind_blob(s, 2, &hi, sizeof hi);
    bool row = false;
    int n = 0;
    ly_trace_id found = lo;
    while (!(st = ly_db_step(db, s, &row, err)) && row)
        if (n++ == 0)
            memcpy(&found, ly_col_str(s, 0).ptr, sizeof found);
    ly_db_reset(s);
    if (st)
        return st;
    if (n == 0)
        return LY_FAIL(err, LY_E_NOTFOUND, "%.*s: no such trace in %s; see lydite trace list",
                       LY_STR_ARG(what), db->path);
    if (n > 1)
        return LY_FAIL(err, LY_E_AMBIGUOUS, "%.*s: %s%d traces begin so; write more digits",
                       LY_STR_ARG(what), n == 20 ? "at least " : "", n);
    *ret_id = found;
    return LY_OK;
}

/* Spans of one trace that begin so. */
static ly_status match_spans(ly_db *db, int64_t no, const ly_span_id *lo, const ly_span_id *hi,
                             int *n, ly_span_id *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "SELECT span_id FROM span WHERE id >= ?1 AND id < ?2 AND span_id >= ?3"
                   " AND span_id <= ?4 LIMIT 20",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, LY_SPAN_BASE(no));
    ly_bind_int(s, 2, LY_SPAN_BASE(no + 1));
    ly_bind_blob(s, 3, lo, sizeof *lo);
    ly_bind_blob(s, 4, hi, sizeof *hi);
    bool row = false;
    while (!(st = ly_db_step(db, s, &row, err)) && row)
        if ((*n)++ == 0)
            memcpy(ret, ly_col_str(s, 0).ptr, sizeof *ret);
    ly_db_reset(s);
    return st;
}

#define SPAN_SEARCH_TRACES 10000

/* A whole id may be computed to its row in each trace; a prefix has to look at the spans. */
static ly_status search_newest(ly_db *db, ly_str what, const ly_span_id *lo, const ly_span_id *hi,
                               int *n, ly_trace_id *ret_trace, ly_span_id *ret_span, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db, "SELECT no, trace_id FROM trace ORDER BY start_ns DESC, no DESC", &s, err);
    if (st)
        return st;
    bool row = false;
    for (int64_t looked = 0; !(st = ly_db_step(db, s, &row, err)) && row; looked++) {
        int before = *n;
        if (looked >= SPAN_SEARCH_TRACES && before > 0)
            break; /* found, and unique among the newest */
        int64_t no = ly_col_int(s, 0), at = 0;
        ly_span_id found = *lo;
        if (what.len == 16) {
            bool there = false;
            st = ly_span_row_find(db, no, *lo, &at, &there, err);
            *n += there;
        } else {
            st = match_spans(db, no, lo, hi, n, &found, err);
        }
        if (st)
            break;
        if (before == 0 && *n > 0) {
            memcpy(ret_trace, ly_col_str(s, 1).ptr, sizeof *ret_trace);
            *ret_span = found;
        }
        if (*n >= (what.len == 16 ? 2 : 20))
            break;
    }
    ly_db_reset(s);
    return st;
}

typedef struct last {
    ly_trace_id trace;
    ly_span_id span;
    int64_t n;
} last;

static ly_status keep_last(void *user, ly_trace_id trace, const ly_node *node, ly_err *err)
{
    last *l = user;
    (void)err;
    l->trace = trace;
    l->span = node->span_id;
    l->n++;
    return LY_OK;
}

static ly_status nth_span(ly_db *db, ly_trace_id trace, int64_t back, last *l, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st =
        ly_db_prep(db,
                   "SELECT s.span_id FROM trace AS t JOIN span AS s ON s.id >= t.no << 24"
                   " AND s.id < (t.no + 1) << 24 WHERE t.trace_id = ?1"
                   " ORDER BY s.start_ns DESC, s.id LIMIT 1 OFFSET ?2",
                   &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, trace.b, sizeof trace.b);
    ly_bind_int(s, 2, back);
    st = ly_db_step(db, s, &row, err);
    if (!st && row) {
        memcpy(&l->span, ly_col_str(s, 0).ptr, sizeof l->span);
        l->n = back + 1;
    }
    l->trace = trace;
    ly_db_reset(s);
    return st;
}

/* @last~N: of the newest traces, or of one. */
static ly_status find_last_span(ly_store *store, ly_str what, const ly_trace_id *in,
                                ly_trace_id *ret_trace, ly_span_id *ret_span, ly_err *err)
{
    int64_t back = 0;
    last l = {.n = 0};
    ly_status st = ly_last_parse(what, &back, err);
    if (!st && in) {
        st = nth_span(&store->db, *in, back, &l, err);
    } else if (!st) {
        ly_trace_query query = LY_TRACE_QUERY_INIT;
        query.limit = (size_t)back + 1;
        st = ly_store_span_newest(store, &query, keep_last, &l, NULL, err);
    }
    if (st)
        return st;
    if (l.n <= back)
        return LY_FAIL(err, LY_E_NOTFOUND, "%.*s: there %s in %s", LY_STR_ARG(what),
                       back ? "are not so many spans" : "is no span yet", store->db.path);
    *ret_trace = l.trace;
    *ret_span = l.span;
    return LY_OK;
}

ly_status ly_store_span_find(ly_store *store, ly_str what, const ly_trace_id *in,
                             ly_trace_id *ret_trace, ly_span_id *ret_span, ly_err *err)
{
    ly_db *db = &store->db;
    ly_trace_id trace;
    ly_str id = what;
    size_t slash = ly_str_find_char(what, '/', 0);
    ly_status st = LY_OK;
    if (slash != SIZE_MAX) {
        st = ly_store_trace_find(store, ly_str_sub(what, 0, slash), &trace, err);
        if (st)
            return st;
        in = &trace;
        id = ly_str_sub(what, slash + 1, SIZE_MAX);
    }
    if (ly_str_starts(id, LY_S("@last")))
        return find_last_span(store, id, in, ret_trace, ret_span, err);
    if (id.len < 4 || id.len > 16 || !is_hex(id))
        return LY_FAIL(err, LY_E_NOTFOUND,
                       "%.*s: no span id; write 16 hex digits, at least the first 4, or @last; see "
                       "lydite span list",
                       LY_STR_ARG(what));
    ly_span_id lo, hi, span = {{0}};
    prefix_bounds(id, 8, lo.b, hi.b);
    st = ly_db_read_begin(db, err);
    if (st)
        return st;
    int n = 0;
    if (in) {
        int64_t no = 0, epoch = 0;
        trace = *in;
        st = trace_no(db, trace, &no, &epoch, err);
        if (!st)
            st = match_spans(db, no, &lo, &hi, &n, &span, err);
    } else {
        st = search_newest(db, id, &lo, &hi, &n, &trace, &span, err);
    }
    ly_db_read_end(db);
    if (st)
        return st;
    if (n == 0)
        return LY_FAIL(err, LY_E_NOTFOUND, "%.*s: no such span in %s; see lydite span list",
                       LY_STR_ARG(what), db->path);
    if (n > 1 && id.len == 16)
        return LY_FAIL(err, LY_E_AMBIGUOUS,
                       "%.*s: spans of several traces have this id; write TRACE/SPAN",
                       LY_STR_ARG(what));
    if (n > 1)
        return LY_FAIL(err, LY_E_AMBIGUOUS, "%.*s: %d spans begin so; write more digits",
                       LY_STR_ARG(what), n);
    *ret_trace = trace;
    *ret_span = span;
    return LY_OK;
}
