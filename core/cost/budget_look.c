/* What budgets say now, and who is told; see cost/budget_gate.h. */
#include "base/clock.h"
#include "base/limits.h"
#include "cost/budget_gate.h"
#include "store/usage.h"
#include "text/jsonw.h"

static const ly_span_of spans[] = {
    [LY_PERIOD_DAY] = LY_DAY_OF, [LY_PERIOD_WEEK] = LY_WEEK_OF, [LY_PERIOD_MONTH] = LY_MONTH_OF};

ly_status ly_budget_look(ly_store *store, const ly_budget *b, int64_t now_ns, ly_budget_state *ret,
                         ly_err *err)
{
    ly_zone *zone = NULL;
    ly_arena arena;
    ly_usage_row *rows = NULL;
    size_t n = 0;
    ly_budget_state state = {0};
    if ((unsigned)b->period >= LY_COUNT(spans)) {
        return LY_FAIL(err, LY_E_CORRUPT, "budget '%.*s' has an unknown period",
                       LY_STR_ARG(b->name));
    }
    ly_status status = ly_zone_open(b->zone, &zone, err);
    if (status != LY_OK) {
        return status;
    }
    state.window_ns = ly_zone_floor(zone, spans[b->period], now_ns);
    state.window_end_ns = ly_zone_next(zone, spans[b->period], now_ns, 1);
    ly_zone_free(zone);
    ly_arena_init(&arena, LY_KIB(64), 0);
    ly_usage_query q = {.from_ns = state.window_ns,
                        .until_ns = state.window_end_ns,
                        .provider = b->provider,
                        .model = b->model,
                        .service = b->service,
                        .prompt = b->prompt,
                        .who_user = b->user};
    /* One user's sums alone are kept by user; with another scope beside it the ledger is read. */
    bool user_only =
        b->user.len && !b->provider.len && !b->model.len && !b->service.len && !b->prompt.len;
    if (user_only) {
        q.by = LY_BY_USER;
        q.who_user = LY_STR_NONE;
        q.only = &b->user;
        q.n_only = 1;
    }
    status = ly_usage_sum(store, &q, &arena, &rows, &n, err);
    for (size_t i = 0; status == LY_OK && i < n; i++) {
        if ((b->origin >= 0 && b->origin != (int)rows[i].origin) ||
            (user_only && !ly_str_eq(rows[i].user, b->user))) {
            continue;
        }
        state.n += rows[i].n;
        state.n_unpriced += rows[i].n_unpriced;
        if (__builtin_add_overflow(state.spent_pico, rows[i].amount_pico, &state.spent_pico)) {
            state.spent_pico = INT64_MAX;
        }
    }
    ly_arena_release(&arena);
    if (status == LY_OK) {
        ly_rate share = (ly_rate)state.spent_pico * 100;
        state.warned = share >= (ly_rate)b->limit_pico * b->warn_percent;
        state.passed = state.spent_pico > b->limit_pico;
        *ret = state;
    }
    return status;
}

/* Whether a budget can have crossed a threshold. What a user spent in all is kept as a sum and is no less
 * than what is spent within a further scope, for which the ledger is read: that is asked first. */
static ly_status may_be_warned(ly_store *store, const ly_budget *b, int64_t now_ns, bool *ret,
                               ly_err *err)
{
    ly_budget_state all = {.warned = true};
    ly_budget whole = *b;
    whole.provider = whole.model = whole.service = whole.prompt = LY_STR_NONE;
    ly_status status = b->user.len ? ly_budget_look(store, &whole, now_ns, &all, err) : LY_OK;
    *ret = all.warned;
    return status;
}

ly_status ly_budget_watch(ly_store *store, int64_t now_ns, ly_budget_event_fn event, void *user,
                          ly_err *err)
{
    ly_arena arena;
    ly_budget *budgets = NULL;
    size_t n = 0;
    if (!ly_store_writable(store)) {
        return LY_OK;
    }
    ly_arena_init(&arena, 0, LY_MIB(16));
    ly_status status = ly_budget_list(store, LY_STR_NONE, &arena, &budgets, &n, err);
    for (size_t i = 0; status == LY_OK && i < n; i++) {
        ly_budget_state state;
        int first = 0;
        bool may = false;
        status = may_be_warned(store, &budgets[i], now_ns, &may, err);
        if (status != LY_OK || !may) {
            continue;
        }
        status = ly_budget_look(store, &budgets[i], now_ns, &state, err);
        int bits = status != LY_OK
                       ? 0
                       : (state.warned ? LY_TOLD_WARNED : 0) | (state.passed ? LY_TOLD_PASSED : 0);
        bool known = budgets[i].told_window_ns == state.window_ns && (bits & ~budgets[i].told) == 0;
        if (status == LY_OK && bits && !known) {
            status = ly_budget_tell(store, budgets[i].name, state.window_ns, bits, &first, err);
        }
        if (status == LY_OK && first) { /* passing says more than warning: one event of the two */
            event(user, &budgets[i], &state, (first & LY_TOLD_PASSED) != 0);
        }
    }
    ly_arena_release(&arena);
    return status;
}

static void json_usd(ly_jsonw *w, const char *key, int64_t pico)
{
    ly_buf text;
    ly_buf_init(&text, 64);
    ly_pico_format(pico, &text);
    ly_jsonw_kv_str(w, key, ly_str_sub(ly_buf_view(&text), 1, text.len));
    ly_buf_release(&text);
}

static void json_time(ly_jsonw *w, const char *key, int64_t ns)
{
    ly_buf text;
    ly_buf_init(&text, 64);
    ly_time_format(ns, 0, &text);
    ly_jsonw_kv_str(w, key, ly_buf_view(&text));
    ly_buf_release(&text);
}

void ly_budget_event_json(const ly_budget *b, const ly_budget_state *s, bool passed, ly_buf *out)
{
    ly_jsonw w;
    ly_err ignored = LY_ERR_INIT;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "event", passed ? "budget.passed" : "budget.warned");
    ly_jsonw_kv_str(&w, "budget", b->name);
    json_usd(&w, "limit_usd", b->limit_pico);
    json_usd(&w, "spent_usd", s->spent_pico);
    ly_jsonw_kv_bool(&w, "lower_bound", s->n_unpriced > 0);
    ly_jsonw_kv_i64(&w, "warn_percent", b->warn_percent);
    json_time(&w, "window_start", s->window_ns);
    json_time(&w, "window_end", s->window_end_ns);
    ly_jsonw_kv_i64(&w, "calls", s->n);
    ly_jsonw_object_end(&w);
    (void)!ly_jsonw_end(&w, &ignored);
}
