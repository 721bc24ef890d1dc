/* The gate in front of our own calls; see cost/budget_gate.h. */
#include "cost/budget_gate.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

#define CAPS_MAX     64
#define LEASE_TTL_NS (300 * LY_NS_PER_SEC) /* the ledger has by then what was spent */
#define ROTATE_NS    (60 * LY_NS_PER_SEC)
#define FLUSH_NS     LY_NS_PER_SEC
#define BLOCKS       64 /* a block is this part of the cap, */
#define BLOCK_CALLS  16 /* no more than so many calls, and at least one */

typedef struct cap {
    ly_str name; /* in the arena: "budget:NAME" or "run:NAME" */
    ly_budget budget;
    bool ledger; /* spending is in the ledger; else leases alone account */
    bool used;   /* some call was held under it */
    int64_t limit_pico, window_ns, window_end_ns;
    int64_t lease, lease_began_ns;
    int64_t free_pico;   /* of the lease, not reserved by a call */
    int64_t unsaid_pico; /* spent, not yet written to the lease */
    int64_t calls;       /* reserved and not yet settled */
} cap;

struct ly_budget_gate {
    pthread_mutex_t lock; /* guards everything below, the store handle too */
    ly_store *store;
    ly_arena arena;
    cap caps[CAPS_MAX];
    size_t n;
    bool by_call;
    int64_t flushed_ns;
};

/* ---- caps ---- */

static bool covers(ly_str scope, ly_str value)
{
    return scope.len == 0 || ly_str_eq_nocase(scope, value);
}

/* "gpt-5" and "gpt-5-2025-08-07" are one model to a limit, whichever of them is the shorter. */
static bool covers_model(ly_str scope, ly_str model)
{
    ly_str shorter = scope.len < model.len ? scope : model;
    ly_str longer = scope.len < model.len ? model : scope;
    return covers(scope, model) ||
           (shorter.len > 0 && ly_str_eq_nocase(ly_str_sub(longer, 0, shorter.len), shorter) &&
            (longer.ptr[shorter.len] == '-' || longer.ptr[shorter.len] == '@'));
}

static bool budget_covers(const ly_budget *b, const ly_gate_ask *ask)
{
    return covers(b->service, ask->service) && covers(b->user, ask->user) &&
           (ask->by_call ||
            (covers(b->provider, ask->provider) && covers(b->model, ask->model) &&
             covers(b->prompt, ask->prompt) && (b->origin < 0 || b->origin == (int)ask->origin)));
}

/* Does this cap of the gate cover the call? */
static bool cap_covers(const ly_budget_gate *g, const cap *c, const ly_gate_call *call)
{
    const ly_budget *b = &c->budget;
    return !g->by_call || !c->ledger || !call ||
           (covers(b->provider, call->provider) && covers_model(b->model, call->model) &&
            covers(b->prompt, call->prompt) && (b->origin < 0 || b->origin == (int)call->origin));
}

static ly_status add_budgets(ly_budget_gate *g, const ly_gate_ask *ask, ly_err *err)
{
    ly_budget *budgets = NULL;
    size_t n = 0;
    ly_status status = ly_budget_list(g->store, LY_STR_NONE, &g->arena, &budgets, &n, err);
    for (size_t i = 0; status == LY_OK && i < n; i++) {
        if (!budget_covers(&budgets[i], ask)) {
            continue;
        }
        if (g->n == CAPS_MAX) {
            return LY_FAIL(err, LY_E_LIMIT, "more than %d budgets cover these calls", CAPS_MAX);
        }
        g->caps[g->n++] =
            (cap){.name = ly_arena_fmt(&g->arena, "budget:%.*s", LY_STR_ARG(budgets[i].name)),
                  .budget = budgets[i],
                  .ledger = true,
                  .limit_pico = budgets[i].limit_pico};
    }
    return status;
}

ly_status ly_budget_gate_open(const char *db, const ly_gate_ask *ask, ly_budget_gate **ret_gate,
                              ly_err *err)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_budget_gate *g = ly_calloc(1, sizeof *g);
    if (!g) {
        return LY_NOMEM(err);
    }
    opts.role = LY_STORE_WRITER;
    g->by_call = ask->by_call;
    ly_arena_init(&g->arena, 0, LY_MIB(4));
    (void)pthread_mutex_init(&g->lock, NULL);
    ly_status status = ly_store_open(db, &opts, &g->store, err);
    if (status == LY_OK) {
        status = add_budgets(g, ask, err);
    }
    if (status == LY_OK && ask->run.len > 0 && g->n < CAPS_MAX) {
        g->caps[g->n++] = (cap){.name = ly_arena_fmt(&g->arena, "run:%.*s", LY_STR_ARG(ask->run)),
                                .limit_pico = ask->limit_pico,
                                .window_end_ns = INT64_MAX};
    }
    for (size_t i = 0; status == LY_OK && i < g->n; i++) {
        status = g->caps[i].name.ptr ? LY_OK : LY_NOMEM(err);
    }
    if (status != LY_OK) {
        ly_budget_gate_close(g);
        return status;
    }
    *ret_gate = g;
    return LY_OK;
}

bool ly_budget_gate_capped(const ly_budget_gate *gate)
{
    return gate->n > 0;
}

/* ---- leases ---- */

static ly_status flush_cap(ly_budget_gate *g, cap *c, ly_err *err)
{
    if (!c->lease || c->unsaid_pico == 0) {
        return LY_OK;
    }
    ly_status status = ly_lease_settle(g->store, c->lease, c->unsaid_pico, 0, LEASE_TTL_NS, err);
    if (status == LY_OK) {
        c->unsaid_pico = 0;
    }
    return status;
}

/* A lease of an ended window, or one that is a minute old, ends; what calls still hold moves along, so
 * it is left while some call is out. */
static ly_status rotate(ly_budget_gate *g, cap *c, int64_t now, ly_err *err)
{
    bool old =
        c->lease && c->ledger && (now >= c->window_end_ns || now - c->lease_began_ns > ROTATE_NS);
    if (!old || c->calls > 0) {
        return LY_OK;
    }
    ly_status status = flush_cap(g, c, err);
    if (status == LY_OK) {
        status = ly_lease_close(g->store, c->lease, !c->ledger, err);
    }
    if (status == LY_OK) {
        c->lease = 0;
        c->free_pico = 0;
    }
    return status;
}

static ly_status take_block(ly_budget_gate *g, cap *c, int64_t worst, int64_t now, ly_err *err)
{
    ly_budget_state state = {.spent_pico = 0};
    int64_t got = 0, left = 0, need = worst - c->free_pico, block = c->limit_pico / BLOCKS;
    if (worst < block / BLOCK_CALLS) { /* it is gone when this process is killed */
        block = worst * BLOCK_CALLS;
    }
    ly_status status = flush_cap(g, c, err);
    if (status == LY_OK && c->ledger) {
        status = ly_budget_look(g->store, &c->budget, now, &state, err);
        if (!c->lease) {
            c->window_ns = state.window_ns;
            c->window_end_ns = state.window_end_ns;
        }
    }
    if (status != LY_OK) {
        return status;
    }
    ly_lease_ask ask = {.cap = c->name,
                        .window_ns = c->window_ns,
                        .limit_pico = c->limit_pico,
                        .spent_pico = state.spent_pico,
                        .want_pico = need > block ? need : block,
                        .least_pico = need,
                        .ttl_ns = LEASE_TTL_NS};
    int64_t lease = c->lease;
    status = ly_lease_take(g->store, &ask, &c->lease, &got, &left, err);
    if (status == LY_E_BUDGET) {
        ly_buf text, most;
        ly_buf_init(&text, 64);
        ly_buf_init(&most, 64);
        ly_pico_format(left, &text);
        ly_pico_format(worst, &most);
        status = LY_FAIL(err, LY_E_BUDGET, "%.*s has %s left; the next call may cost %s",
                         LY_STR_ARG(c->name), ly_buf_text(&text), ly_buf_text(&most));
        ly_buf_release(&text);
        ly_buf_release(&most);
    }
    if (status == LY_OK) {
        c->free_pico += got;
        c->lease_began_ns = lease ? c->lease_began_ns : now;
    }
    return status;
}

static ly_status reserve_cap(ly_budget_gate *g, cap *c, int64_t worst, int64_t now, ly_err *err)
{
    ly_status status = rotate(g, c, now, err);
    if (status == LY_OK && c->free_pico < worst) {
        status = take_block(g, c, worst, now, err);
    }
    if (status == LY_OK) {
        c->free_pico -= worst;
        c->calls++;
    }
    return status;
}

static void give_back(cap *c, int64_t worst)
{
    c->free_pico += worst;
    c->calls--;
}

ly_status ly_budget_reserve_call(ly_budget_gate *g, const ly_gate_call *call, int64_t worst_pico,
                                 ly_err *err)
{
    (void)pthread_mutex_lock(&g->lock);
    int64_t now = ly_wall_ns();
    size_t done = 0;
    ly_status status = LY_OK;
    for (; status == LY_OK && done < g->n; done++) {
        cap *c = &g->caps[done];
        if (!cap_covers(g, c, call)) {
            continue;
        }
        c->used = true;
        status = worst_pico == LY_UNKNOWN
                     ? LY_FAIL(err, LY_E_BUDGET,
                               "the model has no price, so %.*s cannot be kept; 'lydite price add' "
                               "gives it one",
                               LY_STR_ARG(c->name))
                     : reserve_cap(g, c, worst_pico, now, err);
    }
    for (size_t i = 0; status != LY_OK && i + 1 < done; i++) {
        if (cap_covers(g, &g->caps[i], call)) {
            give_back(&g->caps[i], worst_pico);
        }
    }
    (void)pthread_mutex_unlock(&g->lock);
    return status;
}

ly_status ly_budget_reserve(ly_budget_gate *g, int64_t worst_pico, ly_err *err)
{
    return ly_budget_reserve_call(g, NULL, worst_pico, err);
}

bool ly_budget_room(ly_budget_gate *g, int64_t want_pico)
{
    ly_err ignored = LY_ERR_INIT;
    (void)pthread_mutex_lock(&g->lock);
    int64_t now = ly_wall_ns();
    bool room = true;
    for (size_t i = 0; room && i < g->n; i++) {
        cap *c = &g->caps[i];
        if (c->used) {
            room = reserve_cap(g, c, want_pico, now, &ignored) == LY_OK;
            if (room) {
                give_back(c, want_pico);
            }
        }
    }
    (void)pthread_mutex_unlock(&g->lock);
    return room;
}

void ly_budget_settle_call(ly_budget_gate *g, const ly_gate_call *call, int64_t worst_pico,
                           int64_t paid_pico)
{
    ly_err ignored = LY_ERR_INIT; /* what is not written now is written with the next */
    if (g->n == 0 || worst_pico == LY_UNKNOWN) {
        return;
    }
    (void)pthread_mutex_lock(&g->lock);
    int64_t paid = paid_pico == LY_UNKNOWN ? worst_pico : paid_pico, now = ly_mono_ns();
    bool flush = now - g->flushed_ns > FLUSH_NS;
    for (size_t i = 0; i < g->n; i++) {
        cap *c = &g->caps[i];
        if (!cap_covers(g, c, call)) {
            continue;
        }
        c->calls--;
        c->free_pico += worst_pico - paid;
        c->unsaid_pico += paid;
        if (flush || c->free_pico < 0) {
            (void)!flush_cap(g, c, &ignored);
        }
    }
    g->flushed_ns = flush ? now : g->flushed_ns;
    (void)pthread_mutex_unlock(&g->lock);
}

void ly_budget_settle(ly_budget_gate *g, int64_t worst_pico, int64_t paid_pico)
{
    ly_budget_settle_call(g, NULL, worst_pico, paid_pico);
}

void ly_budget_gate_close(ly_budget_gate *g)
{
    ly_err ignored = LY_ERR_INIT;
    if (!g) {
        return;
    }
    for (size_t i = 0; i < g->n; i++) {
        cap *c = &g->caps[i];
        if (c->lease) {
            (void)!flush_cap(g, c, &ignored);
            (void)!ly_lease_close(g->store, c->lease, !c->ledger, &ignored);
        }
    }
    ly_store_close(g->store);
    ly_arena_release(&g->arena);
    (void)pthread_mutex_destroy(&g->lock);
    ly_free(g);
}

/* ---- the worst case ---- */

static ly_rate dearest(const ly_price_hit *hit, const ly_unit *units, size_t n, bool *ret_any)
{
    ly_rate most = 0;
    const ly_price_row *rows[2] = {hit->own, hit->base};
    for (size_t r = 0; r < 2; r++) {
        for (size_t i = 0; i < n; i++) {
            const ly_price *p = ly_price_row_get(rows[r], units[i]);
            if (!p) {
                continue;
            }
            *ret_any = true;
            most = p->base > most ? p->base : most;
            for (size_t k = 0; k < p->n_steps; k++) {
                most = p->steps[k].rate > most ? p->steps[k].rate : most;
            }
        }
    }
    return most;
}

/* Rounded up: a bound must not be below what it bounds. */
static bool bound(ly_rate rate, int64_t count, int64_t per, ly_rate *io_sum)
{
    ly_rate product;
    if (__builtin_mul_overflow(rate, (ly_rate)count, &product)) {
        return false;
    }
    ly_rate divisor = (ly_rate)per * 1000000;
    return !__builtin_add_overflow(*io_sum, product / divisor + 1, io_sum);
}

int64_t ly_budget_worst(const ly_price_book *book, const ly_price_ask *ask, int64_t request_bytes,
                        int64_t max_output)
{
    static const ly_unit inputs[] = {LY_UNIT_IN,      LY_UNIT_CW,       LY_UNIT_CW5,
                                     LY_UNIT_CW1,     LY_UNIT_AUDIO_IN, LY_UNIT_IMAGE_IN,
                                     LY_UNIT_TEXT_IN, LY_UNIT_TOOL_IN};
    static const ly_unit outputs[] = {LY_UNIT_OUT, LY_UNIT_REASON, LY_UNIT_AUDIO_OUT,
                                      LY_UNIT_TEXT_OUT};
    static const ly_unit fees[] = {LY_UNIT_REQUESTS};
    ly_price_hit hit = ly_price_find(book, ask);
    bool in = false, out = false, fee = false;
    ly_rate sum = 0;
    if (hit.local) {
        return 0;
    }
    if ((!hit.own && !hit.base) || request_bytes < 0 || max_output < 0) {
        return LY_UNKNOWN;
    }
    ly_rate rate_in = dearest(&hit, inputs, LY_COUNT(inputs), &in);
    ly_rate rate_out = dearest(&hit, outputs, LY_COUNT(outputs), &out);
    ly_rate rate_fee = dearest(&hit, fees, 1, &fee);
    bool is_free = (hit.own && hit.own->free) || (hit.base && hit.base->free);
    if (!is_free && (!in || (!out && max_output > 0))) {
        return LY_UNKNOWN;
    }
    if (!bound(rate_in, request_bytes, 1000000, &sum) ||
        !bound(rate_out, max_output, 1000000, &sum) || !bound(rate_fee, fee ? 1 : 0, 1000, &sum) ||
        sum > INT64_MAX) {
        return LY_UNKNOWN;
    }
    return (int64_t)sum;
}
