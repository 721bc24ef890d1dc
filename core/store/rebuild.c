/*
 * Derived data anew, and today's rules over what is stored: in slices, beside running writers.
 *
 * Summaries: every trace is marked dirty and settled. Sessions: each is summed from its traces inside one
 * write, which is exact because settle writes both in one. Usage: compared with the ledger and set right
 * by difference. With `normalise`, each span is read from its bytes again before.
 */
#include "store/remove.h"

#include "base/clock.h"
#include "base/mem.h"
#include "genai/normalise.h"
#include "otlp/decode.h"
#include "store/text.h"
#include "store/usage.h"

#define SLICE_TRACES 200
#define SLICE_SPANS  100

typedef struct rebuilder {
    ly_store *store;
    const ly_store_rebuild *how;
    const ly_store_edit *edit;
    bool dry_run;
    int64_t done, total, changed;
    ly_removal removal;
    ly_arena arena;
} rebuilder;

static bool go_on(rebuilder *r)
{
    bool (*progress)(void *, int64_t, int64_t) = r->how ? r->how->progress : r->edit->progress;
    void *user = r->how ? r->how->user : r->edit->user;
    return !progress || progress(user, r->done, r->total);
}

static ly_status stopped(ly_err *err)
{
    return LY_FAIL(err, LY_E_CANCELLED, "stopped; what was done is kept, run the command again");
}

/* ---- spans ---- */

/* A row from its span anew; what stays is where it stands. */
static ly_status renew_row(rebuilder *r, const ly_span *span, const ly_span_row *old,
                           ly_span_row *row, ly_err *err)
{
    ly_canon canon;
    if (ly_genai_normalise(span, &r->arena, &canon))
        return LY_NOMEM(err);
    /* Not of the record: only the row knows. */
    ly_status known =
        ly_word_text(&r->store->db, old->w.access_key, &r->arena, &canon.access_key, err);
    if (known)
        return known;
    ly_priced priced = old->priced;
    if (r->how && r->how->price)
        priced = r->how->price(r->how->user, &canon, (int64_t)span->start_ns);
    ly_span_row_from(span, &canon, priced, row);
    row->id = old->id;
    row->payload = old->payload;
    row->resource = old->resource;
    row->scope = old->scope;
    row->flags |= old->flags & (LY_SPAN_HAS_LOGS | LY_SPAN_SYNTHETIC);
    return ly_span_row_words(&r->store->db, span, &canon, &row->w, err);
}

static ly_status write_row(rebuilder *r, const ly_span_row *row, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&r->store->db, LY_REPLACE_SPAN, &s, err);
    if (st)
        return st;
    uint8_t side[64];
    ly_span_row_bind(s, row, side);
    return ly_db_run(&r->store->db, s, err);
}

static ly_status drop_payload(rebuilder *r, int64_t id, ly_err *err)
{
    int64_t *numbers = NULL;
    size_t n = 0;
    ly_str rest = LY_STR_NONE;
    ly_status st = ly_payload_parts(r->store, id, &r->arena, &numbers, &n, &rest, err);
    for (size_t i = 0; !st && i < n; i++)
        if (!ly_idset_add(&r->removal.contents, (id & ~LY_EPOCH_MASK) | numbers[i]))
            st = LY_NOMEM(err);
    return st ? st : ly_bundle_remove(r->store, LY_PACK_PAYLOAD, &id, 1, err);
}

/* Applies the caller's rule to one span; *ret_span is what it is afterwards. */
static ly_status edit_span(rebuilder *r, const ly_summary *t, ly_span *span, ly_span_row *old,
                           bool *ret_changed, ly_err *err)
{
    ly_buf wire;
    ly_buf_init(&wire, LY_MAX_REQUEST_BYTES);
    ly_status st = r->edit->edit(r->edit->user, span, NULL, &wire, err);
    *ret_changed = st == LY_OK;
    if (st == LY_E_NOTFOUND)
        st = LY_OK;
    ly_str bytes = LY_STR_NONE;
    if (!st && *ret_changed) {
        st = ly_buf_status(&wire, "span", err);
        if (!st)
            bytes = ly_arena_copy(&r->arena, ly_buf_view(&wire));
    }
    ly_buf_release(&wire);
    if (st || !*ret_changed || r->dry_run)
        return st;
    const ly_range *ranges = NULL;
    size_t n = 0;
    ly_epoch_state *epoch = NULL;
    ly_row_ids ids;
    st = ly_otlp_decode_span(bytes, span->resource, span->scope, &r->arena, span);
    if (st || !ly_span_id_eq(span->span_id, old->span_id))
        return LY_FAIL(err, LY_E_INTERNAL,
                       "a rule made a span unreadable; nothing of it was stored");
    if (ly_genai_content_ranges(span, &r->arena, &ranges, &n))
        return LY_NOMEM(err);
    st = drop_payload(r, LY_EPOCH_BASE(t->epoch) | old->payload, err);
    ly_row_ids_of(old, t->trace_id, &ids);
    if (!st)
        st = ly_epoch_get(r->store, t->epoch, &epoch, err);
    if (!st)
        st = ly_payload_put(r->store, epoch, bytes, &ids, ranges, n, &old->payload, err);
    return st;
}

static ly_status renew_span(rebuilder *r, const ly_summary *t, ly_span_row *old, ly_err *err)
{
    ly_span span;
    if (old->flags & LY_SPAN_SYNTHETIC)
        return LY_OK; /* made of its log record: settling makes it anew */
    bool changed = r->how != NULL;
    ly_status st = ly_span_of_row(r->store, t->epoch, t->trace_id, old, &r->arena, &span, err);
    const int64_t *w = (const int64_t *)(const void *)&old->w;
    if (!st && r->edit)
        st = edit_span(r, t, &span, old, &changed, err);
    if (st || !changed)
        return st;
    r->changed++;
    if (r->dry_run)
        return LY_OK;
    for (size_t i = 0; r->edit && i < sizeof old->w / sizeof *w; i++)
        if (w[i] && !ly_idset_add(&r->removal.words, w[i]))
            return LY_NOMEM(err);
    ly_span_row row;
    st = renew_row(r, &span, old, &row, err);
    return st ? st : write_row(r, &row, err);
}

static ly_status renew_slice(rebuilder *r, const ly_summary *t, int64_t *after, bool *ret_more,
                             ly_err *err)
{
    ly_db *db = &r->store->db;
    ly_span_row rows[SLICE_SPANS];
    size_t n = 0;
    bool row = false;
    ly_stmt *s = NULL;
    ly_arena_reset(&r->arena);
    ly_arena_reset(&r->store->scratch);
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(
        db, "SELECT " LY_SPAN_COLUMNS " FROM span WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3",
        &s, err);
    if (!st) {
        ly_bind_int(s, 1, *after);
        ly_bind_int(s, 2, LY_SPAN_BASE(t->no + 1));
        ly_bind_int(s, 3, SLICE_SPANS);
    }
    while (!st && n < SLICE_SPANS && !(st = ly_db_step(db, s, &row, err)) && row)
        ly_span_row_read(s, &rows[n++]);
    ly_db_reset(s);
    for (size_t i = 0; !st && i < n; i++)
        st = renew_span(r, t, &rows[i], err);
    /* A rule took something out: the index must not tell of it. */
    if (!st && n && r->edit && !r->dry_run)
        st = ly_text_drop(db, t->no, err);
    if (!st && n && !r->dry_run)
        st = ly_dirty_mark(db, t->no, ly_wall_ns(), (int64_t)n, err);
    if (!st)
        st = ly_epochs_flush(r->store, err);
    if (n)
        *after = rows[n - 1].id;
    *ret_more = n == SLICE_SPANS;
    return ly_db_write_end(db, st, err);
}

static ly_status each_trace(rebuilder *r, ly_err *err)
{
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    q.any_origin = true;
    q.oldest_first = true;
    ly_summary sums[64];
    ly_store_key key = {0};
    bool more = true;
    ly_status st = ly_db_scalar(&r->store->db, "SELECT count(*) FROM trace", &r->total, err);
    while (!st && more) {
        size_t n = 0;
        st = ly_db_read_begin(&r->store->db, err);
        if (st)
            return st;
        st = ly_trace_scan(r->store, &q, LY_COUNT(sums), &key, sums, &n, &more, err);
        ly_db_read_end(&r->store->db);
        for (size_t i = 0; !st && i < n; i++) {
            int64_t after = (LY_SPAN_BASE(sums[i].no)) - 1;
            bool rest = true;
            while (!st && rest)
                st = renew_slice(r, &sums[i], &after, &rest, err);
            r->done++;
        }
        if (!st && !go_on(r))
            return stopped(err);
    }
    return st;
}

/* ---- logs ---- */

typedef struct log_row {
    int64_t id, payload;
} log_row;

/* The words of a log record stand in the index with its trace. */
static ly_status unindex_log(ly_db *db, int64_t id, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db, "SELECT trace FROM log_record WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    st = ly_db_step(db, s, &row, err);
    int64_t trace = !st && row ? ly_col_int(s, 0) : 0;
    ly_db_reset(s);
    if (!st && trace)
        st = ly_text_drop(db, trace, err);
    return st || !trace ? st : ly_dirty_mark(db, trace, ly_wall_ns(), 1, err);
}

static ly_status edit_log(rebuilder *r, log_row row, ly_err *err)
{
    ly_db *db = &r->store->db;
    int64_t day = row.id >> LY_EPOCH_BITS;
    ly_str wire = LY_STR_NONE;
    ly_log_record log;
    ly_buf out;
    ly_buf_init(&out, LY_MAX_REQUEST_BYTES);
    ly_status st = ly_payload_load(r->store, day, row.payload, NULL, &r->arena, &wire, err);
    if (!st && ly_otlp_decode_log(wire, NULL, NULL, &r->arena, &log) == LY_E_NOMEM)
        st = LY_NOMEM(err);
    if (!st)
        st = r->edit->edit(r->edit->user, NULL, &log, &out, err);
    bool changed = st == LY_OK;
    if (st == LY_E_NOTFOUND)
        st = LY_OK;
    r->changed += changed;
    const ly_range *ranges = NULL;
    size_t n = 0;
    int64_t number = 0;
    ly_epoch_state *epoch = NULL;
    if (!st && changed && !r->dry_run) {
        ly_str bytes = ly_arena_copy(&r->arena, ly_buf_view(&out));
        if (ly_otlp_decode_log(bytes, NULL, NULL, &r->arena, &log) == LY_E_NOMEM ||
            ly_genai_log_content_ranges(&log, &r->arena, &ranges, &n))
            st = LY_NOMEM(err);
        if (!st)
            st = drop_payload(r, LY_EPOCH_BASE(day) | row.payload, err);
        if (!st)
            st = unindex_log(db, row.id, err);
        if (!st)
            st = ly_epoch_get(r->store, day, &epoch, err);
        if (!st)
            st = ly_payload_put(r->store, epoch, bytes, NULL, ranges, n, &number, err);
        ly_stmt *s = NULL;
        if (!st)
            st = ly_db_prep(db, "UPDATE log_record SET payload = ?2 WHERE id = ?1", &s, err);
        if (!st) {
            ly_bind_int(s, 1, row.id);
            ly_bind_int(s, 2, number);
            st = ly_db_run(db, s, err);
        }
    }
    ly_buf_release(&out);
    return st;
}

static ly_status rewrite_logs(rebuilder *r, ly_err *err)
{
    ly_db *db = &r->store->db;
    int64_t after = INT64_MIN;
    size_t n = SLICE_SPANS;
    ly_status st = LY_OK;
    while (!st && n == SLICE_SPANS) {
        log_row rows[SLICE_SPANS];
        bool row = false;
        n = 0;
        ly_stmt *s = NULL;
        ly_arena_reset(&r->arena);
        ly_arena_reset(&r->store->scratch);
        st = ly_db_write_begin(db, err);
        if (st)
            return st;
        st = ly_db_prep(db, "SELECT id, payload FROM log_record WHERE id > ?1 ORDER BY id LIMIT ?2",
                        &s, err);
        if (!st) {
            ly_bind_int(s, 1, after);
            ly_bind_int(s, 2, SLICE_SPANS);
        }
        while (!st && n < SLICE_SPANS && !(st = ly_db_step(db, s, &row, err)) && row)
            rows[n++] = (log_row){ly_col_int(s, 0), ly_col_int(s, 1)};
        ly_db_reset(s);
        for (size_t i = 0; !st && i < n; i++)
            st = edit_log(r, rows[i], err);
        if (n)
            after = rows[n - 1].id;
        if (!st)
            st = ly_epochs_flush(r->store, err);
        st = ly_db_write_end(db, st, err);
    }
    return st;
}

/* ---- resources and scopes ---- */

typedef struct shared_row {
    int64_t id;
    ly_str wire;
} shared_row;

static ly_status shared_rows(rebuilder *r, bool scope, int64_t after, shared_row *rows,
                             size_t *ret_n, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&r->store->db,
                   scope ? "SELECT id, wire FROM scope WHERE id > ?1 ORDER BY id LIMIT ?2"
                         : "SELECT id, wire FROM resource WHERE id > ?1 ORDER BY id LIMIT ?2",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, after);
    ly_bind_int(s, 2, SLICE_SPANS);
    bool row = false;
    *ret_n = 0;
    while (*ret_n < SLICE_SPANS && !(st = ly_db_step(&r->store->db, s, &row, err)) && row)
        rows[(*ret_n)++] = (shared_row){ly_col_int(s, 0), ly_col_copy(s, 1, &r->arena)};
    ly_db_reset(s);
    return st;
}

/* The row keeps its number, so every record has the new form; it is no longer found by its hash, so the
 * same resource sent again gets a row of its own. */
static ly_status shared_write(rebuilder *r, bool scope, int64_t id, ly_str wire, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&r->store->db,
                   scope ? "UPDATE scope SET wire = ?2, hash = randomblob(16) WHERE id = ?1"
                         : "UPDATE resource SET wire = ?2, hash = randomblob(16) WHERE id = ?1",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    ly_bind_blob(s, 2, wire.ptr, wire.len);
    st = ly_db_run(&r->store->db, s, err);
    return st ? st
              : ly_db_exec(&r->store->db,
                           "UPDATE meta SET value = value + 1 WHERE key = 'generation'", err);
}

static ly_status rewrite_shared(rebuilder *r, bool scope, ly_err *err)
{
    shared_row rows[SLICE_SPANS];
    size_t n = SLICE_SPANS;
    int64_t after = 0;
    ly_status st = LY_OK;
    while (!st && n == SLICE_SPANS) {
        ly_arena_reset(&r->arena);
        st = ly_db_write_begin(&r->store->db, err);
        if (st)
            return st;
        st = shared_rows(r, scope, after, rows, &n, err);
        for (size_t i = 0; !st && i < n; i++) {
            ly_buf out;
            ly_buf_init(&out, LY_MAX_REQUEST_BYTES);
            st = r->edit->edit_shared(r->edit->user, scope, rows[i].wire, &out, err);
            if (!st) {
                r->changed++;
                if (!r->dry_run)
                    st = shared_write(r, scope, rows[i].id, ly_buf_view(&out), err);
            } else if (st == LY_E_NOTFOUND) {
                st = LY_OK;
            }
            ly_buf_release(&out);
            after = rows[i].id;
        }
        st = ly_db_write_end(&r->store->db, st, err);
    }
    return st;
}

/* ---- derived ---- */

static ly_status mark_all(rebuilder *r, ly_err *err)
{
    ly_db *db = &r->store->db;
    int64_t last = 0, most = 0;
    ly_status st = ly_db_scalar(db, "SELECT coalesce(max(no), 0) FROM trace", &most, err);
    while (!st && last < most) {
        st = ly_db_write_begin(db, err);
        if (st)
            return st;
        ly_stmt *s = NULL;
        st = ly_db_prep(
            db,
            "INSERT INTO dirty (trace, since_ns, last_ns, changes) SELECT no, ?1, ?1, 1 FROM trace"
            " WHERE no > ?2 AND no <= ?3 ON CONFLICT (trace) DO UPDATE SET changes = changes + 1",
            &s, err);
        if (!st) {
            ly_bind_int(s, 1, ly_wall_ns());
            ly_bind_int(s, 2, last);
            ly_bind_int(s, 3, last + SLICE_TRACES);
            st = ly_db_run(db, s, err);
        }
        st = ly_db_write_end(db, st, err);
        last += SLICE_TRACES;
        /* Settled at once, so that the list of dirty traces stays short. */
        if (!st)
            st = ly_store_settle(r->store, 0, true, NULL, err);
        r->done = last < most ? last : most;
        r->total = most;
        if (!st && !go_on(r))
            return stopped(err);
    }
    return st;
}

static ly_status sum_sessions(rebuilder *r, ly_err *err)
{
    ly_db *db = &r->store->db;
    int64_t last = 0, most = 0;
    ly_status st = ly_db_scalar(db,
                                "SELECT max(coalesce((SELECT max(session) FROM trace), 0), "
                                "coalesce((SELECT max(word) FROM session), 0))",
                                &most, err);
    static const char *const sql[] = {
        "DELETE FROM session WHERE word > ?1 AND word <= ?2",
        "INSERT INTO session (word, first_ns, last_ns, n_traces, n_spans, n_errors, n_generations, "
        "tokens_in,"
        " tokens_out, tokens, cost_pico, user, service, model)"
        " SELECT session, min(start_ns), max(coalesce(end_ns, start_ns)), count(*), sum(n_spans), "
        "sum(n_errors),"
        " sum(n_generations), sum(coalesce(in_fresh, cache_read, cache_write)"
        " - coalesce(in_fresh, cache_read, cache_write) + coalesce(in_fresh, 0) + "
        "coalesce(cache_read, 0)"
        " + coalesce(cache_write, 0)), sum(coalesce(out_visible, out_reasoning)"
        " - coalesce(out_visible, out_reasoning) + coalesce(out_visible, 0) + "
        "coalesce(out_reasoning, 0)),"
        " sum(coalesce(in_fresh, cache_read, cache_write, out_visible, out_reasoning, unattributed)"
        " - coalesce(in_fresh, cache_read, cache_write, out_visible, out_reasoning, unattributed)"
        " + coalesce(in_fresh, 0) + coalesce(cache_read, 0) + coalesce(cache_write, 0)"
        " + coalesce(out_visible, 0) + coalesce(out_reasoning, 0) + coalesce(unattributed, 0)),"
        " sum(cost_pico), max(user), max(service), max(model)"
        " FROM trace WHERE session > ?1 AND session <= ?2 AND settles > 0 GROUP BY session",
    };
    while (!st && last < most) {
        st = ly_db_write_begin(db, err);
        if (st)
            return st;
        for (size_t i = 0; !st && i < LY_COUNT(sql); i++) {
            ly_stmt *s = NULL;
            st = ly_db_prep(db, sql[i], &s, err);
            if (st)
                break;
            ly_bind_int(s, 1, last);
            ly_bind_int(s, 2, last + 2000);
            st = ly_db_run(db, s, err);
        }
        st = ly_db_write_end(db, st, err);
        last += 2000;
    }
    return st;
}

ly_status ly_store_rebuild_run(ly_store *store, const ly_store_rebuild *how, ly_err *err)
{
    rebuilder r = {.store = store, .how = how};
    ly_arena_init(&r.arena, LY_KIB(256), 0);
    ly_removal_init(&r.removal, store, true);
    int64_t wrong = 0;
    ly_status st = how->normalise ? each_trace(&r, err) : LY_OK;
    if (!st)
        st = ly_text_clear(store, err);
    if (!st)
        st = mark_all(&r, err);
    if (!st)
        st = sum_sessions(&r, err);
    if (!st)
        st = ly_usage_verify(store, true, &wrong, err);
    if (!st)
        st = ly_store_text_index(store, 0, true, NULL, err);
    ly_removal_release(&r.removal);
    ly_arena_release(&r.arena);
    return st;
}

ly_status ly_store_rewrite(ly_store *store, const ly_store_edit *how, bool dry_run,
                           int64_t *ret_changed, ly_err *err)
{
    rebuilder r = {.store = store, .edit = how, .dry_run = dry_run};
    ly_arena_init(&r.arena, LY_KIB(256), 0);
    ly_removal_init(&r.removal, store, true);
    ly_status st = LY_OK;
    /* Resources first: a span's meaning is read from its own bytes and theirs. */
    for (int scope = 0; !st && how->edit_shared && scope < 2; scope++)
        st = rewrite_shared(&r, scope, err);
    if (!st)
        st = each_trace(&r, err);
    if (!st)
        st = rewrite_logs(&r, err);
    if (!st && !dry_run && r.changed) {
        st = ly_store_settle(store, 0, true, NULL, err);
        if (!st)
            st = ly_removal_contents(&r.removal, err);
        if (!st)
            st = ly_removal_unused(&r.removal, err);
    }
    /* After the words that only the old records had are gone. */
    if (!st)
        st = ly_rewrite_texts(store, how, dry_run, &r.changed, err);
    if (!st && !dry_run && r.changed) {
        st = ly_pages_scrub(store, err);
        if (!st)
            st = ly_log_empty(store, err);
    }
    ly_removal_release(&r.removal);
    ly_arena_release(&r.arena);
    if (!st && ret_changed)
        *ret_changed = r.changed;
    return st;
}
