/*
 * Statistics over spans: one pass over the narrow rows of the traces in question, grouped by a word.
 */
#include "store/internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define SCAN_TRACES 256
#define GROUPS_MAX  100000

typedef struct group {
    int64_t key; /* word or type; -1 = free */
    int64_t n, n_errors, in, out, cost, n_unpriced;
    int64_t *durations, *ttfts;
    size_t n_dur, cap_dur, n_ttft, cap_ttft;
} group;

typedef struct groups {
    group *slots;
    size_t cap, n;
    ly_stats_by by;
} groups;

static int64_t key_of(const ly_span_row *r, ly_stats_by by)
{
    switch (by) {
    case LY_STATS_NAME:
        return r->w.name;
    case LY_STATS_TYPE:
        return r->type + 1;
    case LY_STATS_MODEL:
        return r->w.response_model ? r->w.response_model : r->w.request_model;
    case LY_STATS_PROVIDER:
        return r->w.provider;
    case LY_STATS_TOOL:
        return r->w.tool;
    case LY_STATS_AGENT:
        return r->w.agent;
    case LY_STATS_SERVICE:
        return r->w.service;
    case LY_STATS_ERROR:
        return r->w.error_type;
    }
    return 0;
}

static group *group_get(groups *g, int64_t key)
{
    if (g->n * 2 >= g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        group *grown = g->n < GROUPS_MAX ? ly_calloc(cap, sizeof *grown) : NULL;
        if (!grown)
            return NULL;
        for (size_t i = 0; i < g->cap; i++) {
            if (!g->slots[i].key)
                continue;
            size_t at = (size_t)(uint64_t)g->slots[i].key * 0x9e3779b97f4a7c15ULL >> 32 & (cap - 1);
            while (grown[at].key)
                at = (at + 1) & (cap - 1);
            grown[at] = g->slots[i];
        }
        ly_free(g->slots);
        g->slots = grown;
        g->cap = cap;
    }
    size_t at = (size_t)(uint64_t)key * 0x9e3779b97f4a7c15ULL >> 32 & (g->cap - 1);
    while (g->slots[at].key && g->slots[at].key != key)
        at = (at + 1) & (g->cap - 1);
    if (!g->slots[at].key) {
        g->slots[at].key = key;
        g->slots[at].cost = g->slots[at].in = g->slots[at].out = LY_UNKNOWN;
        g->n++;
    }
    return &g->slots[at];
}

static void add_known(int64_t *sum, int64_t v)
{
    if (v == LY_UNKNOWN || (*sum != LY_UNKNOWN && v > INT64_MAX - *sum))
        return;
    *sum = *sum == LY_UNKNOWN ? v : *sum + v;
}

static bool push(int64_t **array, size_t *n, size_t *cap, int64_t v)
{
    if (!ly_grow(array, cap, *n + 1, SIZE_MAX / 8, sizeof v))
        return false;
    (*array)[(*n)++] = v;
    return true;
}

static bool add_span(groups *g, const ly_span_row *r, const ly_tree_mark *m)
{
    int64_t key = key_of(r, g->by);
    if (!key)
        return true;
    group *p = group_get(g, key);
    if (!p)
        return false;
    p->n++;
    p->n_errors += r->flags & LY_SPAN_ERROR ? 1 : 0;
    if (m->kind == LY_MARK_COUNTED) {
        add_known(&p->in, ly_tokens_in(&m->tokens));
        add_known(&p->out, ly_tokens_out(&m->tokens));
        p->n_unpriced += m->cost_pico == LY_UNKNOWN;
    }
    if (m->cost_counted)
        add_known(&p->cost, m->cost_pico);
    if (r->dur_ns != LY_UNKNOWN && !push(&p->durations, &p->n_dur, &p->cap_dur, r->dur_ns))
        return false;
    return r->ttft_ns == LY_UNKNOWN || push(&p->ttfts, &p->n_ttft, &p->cap_ttft, r->ttft_ns);
}

static ly_status add_trace(ly_db *db, groups *g, int64_t no, ly_arena *arena, ly_err *err)
{
    ly_trace_nodes t;
    ly_arena_reset(arena);
    ly_status st = ly_trace_nodes_load(db, no, arena, &t, err);
    for (size_t i = 0; !st && i < t.n; i++)
        if (!add_span(g, &t.rows[i], &t.marks[i]))
            st = LY_NOMEM(err);
    return st;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Nearest rank. */
static int64_t quantile(const int64_t *sorted, size_t n, unsigned percent)
{
    if (!n)
        return LY_UNKNOWN;
    size_t rank = (n * percent + 99) / 100;
    return sorted[rank ? rank - 1 : 0];
}

static int most_first(const void *a, const void *b)
{
    const group *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return x->key < y->key ? -1 : 1;
}

static ly_status group_row(ly_db *db, group *p, ly_stats_by by, ly_word_memo *memo,
                           ly_stats_row *ret, ly_err *err)
{
    if (p->n_dur)
        qsort(p->durations, p->n_dur, sizeof *p->durations, ascending);
    if (p->n_ttft)
        qsort(p->ttfts, p->n_ttft, sizeof *p->ttfts, ascending);
    int64_t total = p->n_dur ? 0 : LY_UNKNOWN;
    for (size_t i = 0; i < p->n_dur; i++)
        if (p->durations[i] > 0 && total < INT64_MAX - p->durations[i])
            total += p->durations[i];
    *ret = (ly_stats_row){
        .n = p->n,
        .n_errors = p->n_errors,
        .p50_ns = quantile(p->durations, p->n_dur, 50),
        .p95_ns = quantile(p->durations, p->n_dur, 95),
        .p99_ns = quantile(p->durations, p->n_dur, 99),
        .max_ns = quantile(p->durations, p->n_dur, 100),
        .total_ns = total,
        .ttft_p50_ns = quantile(p->ttfts, p->n_ttft, 50),
        .ttft_p95_ns = quantile(p->ttfts, p->n_ttft, 95),
        .tokens_in = p->in,
        .tokens_out = p->out,
        .cost_pico = p->cost,
        .n_unpriced = p->n_unpriced,
    };
    if (by == LY_STATS_TYPE) {
        ret->key = ly_str_c(ly_type_name((ly_type)(p->key - 1)));
        return LY_OK;
    }
    return ly_memo_text(db, memo, p->key, &ret->key, err);
}

static ly_status collect(ly_store *store, const ly_trace_query *query, groups *g, ly_err *err)
{
    ly_summary sums[SCAN_TRACES];
    ly_store_key key = query->after;
    bool more = true;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_status st = LY_OK;
    while (!st && more) {
        size_t n = 0;
        st = ly_db_read_begin(&store->db, err);
        if (st)
            break;
        st = ly_trace_scan(store, query, SCAN_TRACES, &key, sums, &n, &more, err);
        for (size_t i = 0; !st && i < n; i++)
            st = add_trace(&store->db, g, sums[i].no, &arena, err);
        ly_db_read_end(&store->db);
    }
    ly_arena_release(&arena);
    return st;
}

ly_status ly_store_stats(ly_store *store, const ly_trace_query *query, ly_stats_by by, size_t limit,
                         ly_arena *arena, ly_stats_row **ret_rows, size_t *ret_n, ly_err *err)
{
    groups g = {.by = by};
    ly_status st = collect(store, query, &g, err);
    group *list = st ? NULL : LY_ARENA_ARRAY(arena, group, g.n + 1);
    ly_stats_row *rows = NULL;
    size_t n = 0;
    if (!st && !list)
        st = LY_NOMEM(err);
    for (size_t i = 0; !st && i < g.cap; i++)
        if (g.slots[i].key)
            list[n++] = g.slots[i];
    if (!st) {
        if (n)
            qsort(list, n, sizeof *list, most_first);
        if (limit && n > limit)
            n = limit;
        rows = LY_ARENA_ARRAY(arena, ly_stats_row, n + 1);
        if (!rows)
            st = LY_NOMEM(err);
    }
    ly_word_memo memo = {.arena = arena};
    for (size_t i = 0; !st && i < n; i++)
        st = group_row(&store->db, &list[i], by, &memo, &rows[i], err);
    for (size_t i = 0; i < g.cap; i++) {
        ly_free(g.slots[i].durations);
        ly_free(g.slots[i].ttfts);
    }
    ly_free(g.slots);
    if (st)
        return st;
    *ret_rows = rows;
    *ret_n = n;
    return LY_OK;
}
