/* Single lines of the ledger, and pricing stored spans again. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/charge_i.h"
#include "store/internal.h"
#include "store/usage.h"

/* ---- the lines of one span ---- */

static ly_status charge_texts(ly_db *db, ly_stmt *s, ly_arena *arena, ly_charge_line *ret,
                              ly_err *err)
{
    ly_str *texts[] = {&ret->provider, &ret->model, &ret->service,     &ret->env,
                       &ret->session,  &ret->user,  &ret->prompt_name, &ret->prompt_version};
    for (size_t i = 0; i < LY_COUNT(texts); i++) {
        ly_status st = ly_word_text(db, ly_col_int(s, 5 + (int)i), arena, texts[i], err);
        if (st)
            return st;
    }
    return LY_OK;
}

static void charge_read(ly_stmt *s, ly_charge_line *ret)
{
    ret->line = ly_col_int(s, 0);
    ret->sign = (int)ly_col_int(s, 1);
    ret->at_ns = ly_col_int(s, 2);
    ret->booked_ns = ly_col_int(s, 3);
    ret->origin = (ly_origin)ly_col_int(s, 4);
    ret->tokens = LY_TOKENS_UNKNOWN;
    ret->tokens.in_fresh = ly_col_opt(s, 13);
    ret->tokens.cache_read = ly_col_opt(s, 14);
    ret->tokens.cache_write = ly_col_opt(s, 15);
    ret->tokens.cache_write_1h = ly_col_opt(s, 16);
    ret->tokens.out_visible = ly_col_opt(s, 17);
    ret->tokens.out_reasoning = ly_col_opt(s, 18);
    ret->tokens.unattributed = ly_col_opt(s, 19);
    ret->amount_pico = ly_col_opt(s, 20);
    ret->source = (ly_cost_source)ly_col_int(s, 21);
    ret->why = (ly_price_why)ly_col_int(s, 22);
    ret->price_row = ly_col_int(s, 23);
    ret->price_tier = (int32_t)ly_col_int(s, 24);
}

static ly_status lines_of_row(ly_db *db, int64_t row, ly_arena *arena, ly_charge_line **ret_lines,
                              size_t *ret_n, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_charge_line *lines = NULL;
    size_t n = 0, cap = 0;
    ly_status st = ly_db_prep(
        db,
        "SELECT line, sign, at_ns, booked_ns, origin, provider, model, service, env, session, user,"
        " prompt_name, prompt_version, in_fresh, cache_read, cache_write, cache_write_1h,"
        " out_visible, out_reasoning, unattributed, amount_pico, source, price_why, price_row,"
        " price_tier FROM charge WHERE span = ?1 ORDER BY line",
        &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, row);
    bool more = false;
    while (!(st = ly_db_step(db, s, &more, err)) && more) {
        if (!ly_grow(&lines, &cap, n + 1, 100000, sizeof *lines)) {
            st = LY_NOMEM(err);
            break;
        }
        lines[n] = (ly_charge_line){0};
        charge_read(s, &lines[n]);
        st = charge_texts(db, s, arena, &lines[n], err);
        if (st)
            break;
        n++;
    }
    ly_db_reset(s);
    return ly_rows_end(st, lines, n, sizeof *lines, arena, ret_lines, ret_n, err);
}

ly_status ly_charge_of_span(ly_store *store, ly_trace_id trace, ly_span_id span, ly_arena *arena,
                            ly_charge_line **ret_lines, size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_summary sum;
    bool dirty, found = false;
    int64_t row = 0;
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    st = ly_summary_find(db, trace, &sum, &dirty, err);
    if (!st)
        st = ly_span_row_find(db, sum.no, span, &row, &found, err);
    if (!st && !found)
        st = LY_FAIL(err, LY_E_NOTFOUND, "the span is not in its trace");
    if (!st)
        st = lines_of_row(db, row, arena, ret_lines, ret_n, err);
    for (size_t i = 0; !st && i < *ret_n; i++) {
        (*ret_lines)[i].trace_id = trace;
        (*ret_lines)[i].span_id = span;
    }
    ly_db_read_end(db);
    return st;
}

/* ---- pricing again ---- */

#define SLICE 200

typedef struct change {
    int64_t row, trace;
    ly_priced priced;
} change;

typedef struct reprice_job {
    ly_store *store;
    const ly_reprice *how;
    ly_repriced done;
    int64_t after_start, after_no; /* the trace that was looked at last */
    change *changes;
    size_t n, cap;
} reprice_job;

static bool same_price(ly_priced a, ly_priced b)
{
    return a.amount_pico == b.amount_pico && a.why == b.why && a.row == b.row && a.tier == b.tier;
}

static ly_status look_at_trace(reprice_job *job, int64_t no, ly_arena *arena, ly_err *err)
{
    ly_db *db = ly_store_db(job->store);
    ly_trace_nodes nodes;
    ly_word_memo memo = {arena, LY_ARENA_ARRAY(arena, int64_t, LY_MEMO_SLOTS),
                         LY_ARENA_ARRAY(arena, ly_str, LY_MEMO_SLOTS)};
    if (!memo.ids || !memo.texts)
        return LY_NOMEM(err);
    ly_status st = ly_trace_nodes_load(db, no, arena, &nodes, err);
    for (size_t i = 0; !st && i < nodes.n; i++) {
        const ly_span_row *row = &nodes.rows[i];
        ly_node node = {0};
        if (!ly_tokens_known(&row->tokens))
            continue;
        st = ly_node_of_row(db, row, &memo, &node, err);
        if (st)
            break;
        job->done.n_spans++;
        ly_priced after = job->how->price(job->how->user, &node.canon, row->start_ns, row->priced);
        if (same_price(row->priced, after))
            continue;
        if (!ly_grow(&job->changes, &job->cap, job->n + 1, SIZE_MAX / sizeof(change),
                     sizeof(change))) {
            st = LY_NOMEM(err);
            break;
        }
        job->changes[job->n++] = (change){row->id, no, after};
        job->done.n_changed++;
        if (job->how->seen)
            job->how->seen(
                job->how->user, &node.canon, row->priced, after,
                (nodes.marks[i].kind == LY_MARK_COUNTED || nodes.marks[i].cost_counted) &&
                    row->client_cost_pico == LY_UNKNOWN);
    }
    return st;
}

static ly_status next_trace(reprice_job *job, int64_t *ret_no, ly_err *err)
{
    ly_db *db = ly_store_db(job->store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db,
                              "SELECT start_ns, no FROM trace WHERE (start_ns, no) > (?1, ?2)"
                              " ORDER BY start_ns, no LIMIT 1",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, job->after_start);
    ly_bind_int(s, 2, job->after_no);
    st = ly_db_step(db, s, &row, err);
    *ret_no = 0;
    if (!st && row) {
        job->after_start = ly_col_int(s, 0);
        *ret_no = job->after_no = ly_col_int(s, 1);
    }
    ly_db_reset(s);
    return st;
}

/* Traces from the last one on, until a slice is full. */
static ly_status look(reprice_job *job, bool *ret_more, ly_err *err)
{
    ly_db *db = ly_store_db(job->store);
    ly_arena arena;
    int64_t no = 0, seen = job->done.n_spans;
    ly_arena_init(&arena, LY_KIB(256), 0);
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    do {
        ly_arena_reset(&arena);
        st = next_trace(job, &no, err);
        if (!st && no)
            st = look_at_trace(job, no, &arena, err);
    } while (!st && no && job->n < SLICE && job->done.n_spans - seen < 20000);
    ly_db_read_end(db);
    ly_arena_release(&arena);
    *ret_more = no != 0;
    return st;
}

static ly_status write_change(ly_db *db, const change *c, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "UPDATE span SET table_cost_pico = ?2, price_why = ?3, price_row = ?4,"
                   " price_tier = ?5 WHERE id = ?1",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, c->row);
    ly_bind_opt(s, 2, c->priced.amount_pico);
    ly_bind_int(s, 3, c->priced.why);
    ly_bind_int(s, 4, c->priced.row);
    ly_bind_int(s, 5, c->priced.tier);
    st = ly_db_run(db, s, err);
    return st ? st : ly_dirty_mark(db, c->trace, ly_wall_ns(), 1, err);
}

static ly_status write_changes(reprice_job *job, ly_err *err)
{
    ly_db *db = ly_store_db(job->store);
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < job->n;) {
        size_t end = i + SLICE < job->n ? i + SLICE : job->n;
        st = ly_db_write_begin(db, err);
        if (st)
            return st;
        for (; !st && i < end; i++)
            st = write_change(db, &job->changes[i], err);
        st = ly_db_write_end(db, st, err);
    }
    return st;
}

ly_status ly_usage_reprice(ly_store *store, const ly_reprice *how, ly_repriced *ret, ly_err *err)
{
    reprice_job job = {.store = store, .how = how, .after_no = -1, .after_start = how->since_ns};
    bool more = true;
    ly_status st = ly_reprice_sealed(store, how, &job.done, err);
    while (!st && more) {
        job.n = 0;
        st = look(&job, &more, err);
        if (!st && !how->dry_run)
            st = write_changes(&job, err);
        if (!st && more && how->go_on && !how->go_on(how->user))
            st = LY_FAIL(err, LY_E_CANCELLED, "stopped; run it again to go on");
    }
    ly_free(job.changes);
    *ret = job.done;
    return st;
}
