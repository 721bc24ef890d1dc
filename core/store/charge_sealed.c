/*
 * Pricing ledger lines again whose record retention removed: the line itself holds what is counted and
 * what a price is found by. There is no trace to settle any more, so the difference is booked here, in
 * slices: a reversal and a new line, as settling would.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "store/charge_i.h"
#include "store/internal.h"

#define SLICE  200 /* spans looked at in one snapshot */
#define WRITES 40  /* of them booked in one transaction: up to 200 rows */

typedef struct sealed {
    ly_charge line;
    int64_t request_model, service_tier, address, access_key;
} sealed;

typedef struct change {
    int64_t span, line;
    ly_priced priced;
} change;

typedef struct job {
    ly_store *store;
    const ly_reprice *how;
    ly_repriced *done;
    int64_t after; /* the span that was looked at last */
    change changes[SLICE];
    size_t n;
} job;

static ly_status read_extra(ly_db *db, int64_t span, sealed *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db,
                              "SELECT request_model, service_tier, address, access_key, side"
                              " FROM charge WHERE span = ?1 AND line = ?2",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, span);
    ly_bind_int(s, 2, ret->line.line);
    st = ly_db_step(db, s, &row, err);
    if (!st && row) {
        ret->request_model = ly_col_int(s, 0);
        ret->service_tier = ly_col_int(s, 1);
        ret->address = ly_col_int(s, 2);
        ret->access_key = ly_col_int(s, 3);
        ly_side_read(ly_col_str(s, 4), &ret->line.tokens);
    }
    ly_db_reset(s);
    return st;
}

/* The line that stands of a span; false when all of it is reversed or the client said the amount. */
static ly_status standing(ly_db *db, int64_t span, ly_arena *arena, sealed *ret, bool *ret_found,
                          ly_err *err)
{
    ly_charge *lines = NULL;
    size_t n = 0;
    ly_status st = ly_ledger_load(db, span, span + 1, arena, &lines, &n, err);
    *ret_found = false;
    if (st || n == 0 || lines[n - 1].sign < 0)
        return st;
    *ret = (sealed){.line = lines[n - 1]};
    bool client = ret->line.source != LY_COST_NONE && ret->line.source != LY_COST_PRICE_TABLE;
    *ret_found = !client && ly_tokens_known(&ret->line.tokens);
    return read_extra(db, span, ret, err);
}

static ly_status canon_of(ly_db *db, const sealed *x, ly_arena *arena, ly_canon *ret, ly_err *err)
{
    const ly_charge *c = &x->line;
    *ret = (ly_canon){.dialect = "",
                      .origin = (ly_origin)c->origin,
                      .tokens = c->tokens,
                      .client_cost_pico = LY_UNKNOWN,
                      .server_port = LY_UNKNOWN,
                      .ttft_ns = LY_UNKNOWN};
    const struct {
        int64_t id;
        ly_str *text;
    } words[] = {
        {c->provider, &ret->provider},
        {c->model, &ret->response_model},
        {x->request_model, &ret->request_model},
        {c->service, &ret->service},
        {c->env, &ret->env},
        {x->service_tier, &ret->service_tier},
        {x->address, &ret->server_address},
        {x->access_key, &ret->access_key},
    };
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        ly_status st =
            words[i].id ? ly_word_text(db, words[i].id, arena, words[i].text, err) : LY_OK;
        if (st)
            return st;
    }
    return LY_OK;
}

/* Copies what retention noted in one line of a span to all lines of it. */
static ly_status copy_seal(ly_db *db, int64_t span, int64_t line, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        "UPDATE charge SET (trace_id, span_id, request_model, service_tier, address, access_key,"
        " side) = (SELECT f.trace_id, f.span_id, f.request_model, f.service_tier, f.address,"
        " f.access_key, f.side FROM charge AS f WHERE f.span = ?1 AND f.line = ?2)"
        " WHERE span = ?1 AND line > ?2",
        &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, span);
    ly_bind_int(s, 2, line);
    return ly_db_run(db, s, err);
}

/* A reversal of the line, and the line at its new price. */
static ly_status book(ly_db *db, const ly_charge *old, ly_priced now, ly_err *err)
{
    ly_charge out = *old, in = *old;
    int64_t at = ly_wall_ns();
    out.sign = -1;
    out.line = old->line + 1;
    in.line = old->line + 2;
    in.amount_pico = now.amount_pico;
    in.price_why = (int)now.why;
    in.price_row = now.row;
    in.price_tier = now.tier;
    in.source = now.row || now.amount_pico != LY_UNKNOWN ? LY_COST_PRICE_TABLE : LY_COST_NONE;
    ly_status st = ly_charge_write(db, &out, at, err);
    if (!st)
        st = ly_charge_write(db, &in, at, err);
    if (!st)
        st = copy_seal(db, old->span, old->line, err);
    if (!st)
        st = ly_usage_apply(db, &out, NULL, err);
    return st ? st : ly_usage_apply(db, &in, NULL, err);
}

/* Looks at one span in a snapshot; notes what is to be booked. */
static ly_status look_at(job *j, int64_t span, ly_arena *arena, ly_err *err)
{
    ly_db *db = ly_store_db(j->store);
    sealed x;
    bool found = false;
    ly_canon canon;
    ly_status st = standing(db, span, arena, &x, &found, err);
    if (st || !found)
        return st;
    st = canon_of(db, &x, arena, &canon, err);
    if (st)
        return st;
    ly_priced before = {x.line.amount_pico, (ly_price_why)x.line.price_why, x.line.price_row,
                        (int32_t)x.line.price_tier};
    j->done->n_sealed++;
    if (before.why == LY_PRICE_LOCAL && !canon.server_address.len)
        return LY_OK; /* where it was sent is not known any more */
    ly_priced after = j->how->price(j->how->user, &canon, x.line.at_ns, before);
    if (before.why == LY_PRICE_PARTIAL && after.why == LY_PRICE_OK)
        after.why = LY_PRICE_PARTIAL; /* the line does not say what kind of call it was */
    if (before.amount_pico == after.amount_pico && before.why == after.why &&
        before.row == after.row && before.tier == after.tier)
        return LY_OK;
    j->done->n_changed++;
    if (j->how->seen)
        j->how->seen(j->how->user, &canon, before, after, true);
    j->changes[j->n++] = (change){span, x.line.line, after};
    return LY_OK;
}

static ly_status next_span(job *j, int64_t *ret_span, ly_err *err)
{
    ly_db *db = ly_store_db(j->store);
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "SELECT span FROM charge WHERE span > ?1 AND at_ns >= ?2 AND NOT EXISTS"
                   " (SELECT 1 FROM span WHERE span.id = charge.span)"
                   " ORDER BY span LIMIT 1",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, j->after);
    ly_bind_int(s, 2, j->how->since_ns);
    return ly_db_number(db, s, INT64_MIN, ret_span, err);
}

/* Up to SLICE spans in one snapshot. */
static ly_status look(job *j, ly_arena *arena, bool *ret_more, ly_err *err)
{
    ly_db *db = ly_store_db(j->store);
    int64_t span = INT64_MIN;
    j->n = 0;
    ly_status st = ly_db_read_begin(db, err);
    for (int looked = 0; !st && looked < SLICE; looked++) {
        ly_arena_reset(arena);
        st = next_span(j, &span, err);
        if (st || span == INT64_MIN)
            break;
        j->after = span;
        st = look_at(j, span, arena, err);
    }
    ly_db_read_end(db);
    *ret_more = span != INT64_MIN;
    return st;
}

/* Writes what was found, where the line still stands. */
static ly_status write_changes(job *j, ly_arena *arena, ly_err *err)
{
    ly_db *db = ly_store_db(j->store);
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < j->n;) {
        st = ly_db_write_begin(db, err);
        if (st)
            return st;
        for (size_t end = i + WRITES; !st && i < end && i < j->n; i++) {
            sealed x;
            bool found = false;
            ly_arena_reset(arena);
            st = standing(db, j->changes[i].span, arena, &x, &found, err);
            if (!st && found && x.line.line == j->changes[i].line)
                st = book(db, &x.line, j->changes[i].priced, err);
        }
        st = ly_db_write_end(db, st, err);
    }
    return st;
}

ly_status ly_reprice_sealed(ly_store *store, const ly_reprice *how, ly_repriced *done, ly_err *err)
{
    job *j = ly_calloc(1, sizeof *j);
    ly_arena arena;
    bool more = true;
    if (!j)
        return LY_NOMEM(err);
    *j = (job){.store = store, .how = how, .done = done, .after = INT64_MIN};
    ly_status st = LY_OK;
    ly_arena_init(&arena, LY_KIB(64), 0);
    while (!st && more) {
        st = look(j, &arena, &more, err);
        if (!st && !how->dry_run)
            st = write_changes(j, &arena, err);
        if (!st && more && how->go_on && !how->go_on(how->user))
            st = LY_FAIL(err, LY_E_CANCELLED, "stopped; run it again to go on");
    }
    ly_arena_release(&arena);
    ly_free(j);
    return st;
}
