#include "viewer/viewer.h"
#include "viewer/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "genai/normalise.h"
#include "store/score.h"

#define MAX_GROUPS 100000

static const char *const key_names[LY_STAT__COUNT] = {
    "model", "service",  "prompt", "env",  "day",     "type",   "tool",
    "agent", "provider", "name",   "user", "session", "release"};

const char *ly_stat_key_name(ly_stat_key key)
{
    return (unsigned)key < LY_STAT__COUNT ? key_names[key] : "";
}

bool ly_stat_key_parse(ly_str name, ly_stat_key *ret_key)
{
    for (int i = 0; i < LY_STAT__COUNT; i++) {
        if (ly_str_eqc(name, key_names[i])) {
            *ret_key = (ly_stat_key)i;
            return true;
        }
    }
    return false;
}

typedef struct group {
    ly_stat_row row;
    int64_t *durs, *ttfts;
    size_t n_durs, cap_durs, n_ttfts, cap_ttfts;
    double seconds, spoken; /* of calls with a known rate */
    double sums[LY_STAT_SCORES];
    uint64_t stamp; /* the trace that touched it last */
} group;

typedef struct work {
    ly_store *store;
    const ly_stat_query *q;
    ly_arena *arena;
    bool only_calls; /* what `cost` counts, and generations of which no usage is known */
    bool only_tools;
    group *groups;
    size_t n, cap;
    uint32_t *table;
    size_t table_cap;
    ly_trace_id trace; /* now */
    uint64_t stamp;
    uint32_t *touched; /* groups of the trace now */
    size_t n_touched, cap_touched;
} work;

static ly_str key_text(const ly_node *n, ly_stat_key key, char *day, size_t day_size)
{
    const ly_canon *c = &n->canon;
    switch (key) {
    case LY_STAT_MODEL:
        return ly_canon_model(c);
    case LY_STAT_SERVICE:
        return c->service;
    case LY_STAT_PROMPT:
        if (c->prompt_version.len > 0 && c->prompt_name.len > 0) {
            int len =
                snprintf(day, day_size, "%.*s@%.*s", LY_STR_ARG(ly_str_sub(c->prompt_name, 0, 128)),
                         LY_STR_ARG(ly_str_sub(c->prompt_version, 0, 32)));
            return ly_str_n(day, len > 0 ? (size_t)len : 0);
        }
        return c->prompt_name;
    case LY_STAT_ENV:
        return c->env;
    case LY_STAT_DAY: {
        ly_civil at = ly_civil_from_ns(n->start_ns);
        int len = snprintf(day, day_size, "%04d-%02d-%02d", at.year, at.month, at.day);
        return ly_str_n(day, len > 0 ? (size_t)len : 0);
    }
    case LY_STAT_TYPE:
        return ly_str_c(ly_type_name(c->type));
    case LY_STAT_TOOL:
        return c->tool_name;
    case LY_STAT_AGENT:
        return c->agent_name;
    case LY_STAT_PROVIDER:
        return c->provider;
    case LY_STAT_NAME:
        return n->name;
    case LY_STAT_USER:
        return c->user;
    case LY_STAT_SESSION:
        return c->session;
    case LY_STAT_RELEASE:
        return c->release;
    case LY_STAT__COUNT:
        break;
    }
    return LY_STR_NONE;
}

static bool same_keys(const ly_stat_row *a, const ly_stat_row *b, size_t n_by)
{
    for (size_t i = 0; i < n_by; i++) {
        if (!ly_str_eq(a->keys[i], b->keys[i])) {
            return false;
        }
    }
    return true;
}

static bool grow_table(work *w)
{
    size_t cap = w->table_cap ? w->table_cap * 2 : 256;
    uint32_t *table = ly_calloc(cap, sizeof *table);
    if (table == NULL) {
        return false;
    }
    for (size_t g = 0; g < w->n; g++) {
        uint64_t h = 0;
        for (size_t i = 0; i < w->q->n_by; i++) {
            h = h * 31 + ly_str_hash(w->groups[g].row.keys[i]);
        }
        size_t at = h & (cap - 1);
        while (table[at] != 0) {
            at = (at + 1) & (cap - 1);
        }
        table[at] = (uint32_t)g + 1;
    }
    ly_free(w->table);
    w->table = table;
    w->table_cap = cap;
    return true;
}

static group *group_of(work *w, const ly_stat_row *like)
{
    uint64_t h = 0;
    if (w->n * 2 >= w->table_cap && !grow_table(w)) {
        return NULL;
    }
    for (size_t i = 0; i < w->q->n_by; i++) {
        h = h * 31 + ly_str_hash(like->keys[i]);
    }
    size_t at = h & (w->table_cap - 1);
    while (w->table[at] != 0) {
        group *g = &w->groups[w->table[at] - 1];
        if (same_keys(&g->row, like, w->q->n_by)) {
            return g;
        }
        at = (at + 1) & (w->table_cap - 1);
    }
    if (!ly_grow(&w->groups, &w->cap, w->n + 1, MAX_GROUPS, sizeof *w->groups)) {
        return NULL;
    }
    group *g = &w->groups[w->n++];
    memset(g, 0, sizeof *g);
    g->row.tokens_in = g->row.tokens_out = g->row.cost_pico = LY_UNKNOWN;
    for (size_t i = 0; i < w->q->n_by; i++) {
        g->row.keys[i] = ly_arena_copy(w->arena, like->keys[i]);
    }
    w->table[at] = (uint32_t)w->n;
    return g;
}

/* The scores of the trace that ends here go to each group that one of its spans is in. */
static ly_status close_trace(work *w, ly_err *err)
{
    ly_arena arena;
    ly_score *scores = NULL;
    size_t n = 0;
    if (w->n_touched == 0) {
        return LY_OK;
    }
    ly_score_query query = {.trace = &w->trace,
                            .since_ns = INT64_MIN,
                            .until_ns = INT64_MAX,
                            .with_cases = true,
                            .limit = 1000};
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_score_list(w->store, &query, &arena, &scores, &n, err);
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        if (scores[i].outcome != LY_SCORED || isnan(scores[i].value)) {
            continue;
        }
        for (size_t k = 0; k < w->n_touched; k++) {
            group *g = &w->groups[w->touched[k]];
            size_t at = 0;
            while (at < g->row.n_scores && !ly_str_eq(g->row.scores[at].name, scores[i].name)) {
                at++;
            }
            if (at == LY_STAT_SCORES) {
                continue;
            }
            if (at == g->row.n_scores) {
                g->row.scores[at].name = ly_arena_copy(w->arena, scores[i].name);
                g->row.n_scores++;
            }
            g->row.scores[at].n++;
            g->sums[at] += scores[i].value;
        }
    }
    ly_arena_release(&arena);
    w->n_touched = 0;
    w->stamp++;
    return st;
}

static void add_known(int64_t *sum, int64_t v)
{
    if (v != LY_UNKNOWN) {
        *sum = *sum == LY_UNKNOWN ? v : *sum + v;
    }
}

static bool push(int64_t **items, size_t *n, size_t *cap, int64_t v)
{
    if (!ly_grow(items, cap, *n + 1, SIZE_MAX / 16, sizeof **items)) {
        return false;
    }
    (*items)[(*n)++] = v;
    return true;
}

/* Is it a call of its own? A span whose usage another one tells too is none (genai/tree.h), nor is the
 * generation that only wraps others; a generation without usage is one: it failed, or nobody said. */
static bool is_call(const ly_node *n)
{
    if (n->mark.kind == LY_MARK_NONE) {
        return n->canon.type == LY_TYPE_GENERATION && n->canon.role == LY_ROLE_LEAF;
    }
    return n->mark.kind == LY_MARK_COUNTED;
}

static bool is_wanted(const work *w, const ly_node *n)
{
    if (w->only_tools) {
        return n->canon.type == LY_TYPE_TOOL;
    }
    return is_call(n) || n->mark.cost_counted ||
           (!w->only_calls && n->canon.type != LY_TYPE_GENERATION);
}

static ly_status add_span(void *user, ly_trace_id trace, const ly_node *n, ly_err *err)
{
    work *w = user;
    ly_stat_row like;
    char texts[LY_STAT_KEYS][176];
    if (!is_wanted(w, n)) {
        return LY_OK;
    }
    if (!ly_trace_id_eq(trace, w->trace)) {
        ly_status st = close_trace(w, err);
        if (st != LY_OK) {
            return st;
        }
        w->trace = trace;
    }
    for (size_t i = 0; i < w->q->n_by; i++) {
        like.keys[i] = key_text(n, w->q->by[i], texts[i], sizeof texts[i]);
    }
    group *g = group_of(w, &like);
    if (g == NULL) {
        return LY_FAIL(err, LY_E_LIMIT, "more than %d groups; group by less", MAX_GROUPS);
    }
    int64_t dur = n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns;
    bool counted = n->mark.kind == LY_MARK_COUNTED;
    int64_t ttft = n->canon.ttft_ns, out = counted ? ly_tokens_out(&n->mark.tokens) : LY_UNKNOWN;
    int64_t cost = n->mark.cost_counted ? n->mark.cost_pico : LY_UNKNOWN;
    if (w->only_calls && !is_call(n)) {
        /* The cost that an agent tells of its calls, which have none themselves. */
        add_known(&g->row.cost_pico, cost);
        return LY_OK;
    }
    bool ok = (dur == LY_UNKNOWN || push(&g->durs, &g->n_durs, &g->cap_durs, dur)) &&
              (ttft == LY_UNKNOWN || push(&g->ttfts, &g->n_ttfts, &g->cap_ttfts, ttft));
    if (ok && g->stamp != w->stamp) {
        g->stamp = w->stamp;
        ok =
            ly_grow(&w->touched, &w->cap_touched, w->n_touched + 1, MAX_GROUPS, sizeof *w->touched);
        if (ok) {
            w->touched[w->n_touched++] = (uint32_t)(g - w->groups);
        }
    }
    g->row.n++;
    g->row.n_errors += (n->flags & LY_SPAN_ERROR) != 0;
    add_known(&g->row.tokens_in, counted ? ly_tokens_in(&n->mark.tokens) : LY_UNKNOWN);
    add_known(&g->row.tokens_out, out);
    add_known(&g->row.cost_pico, cost);
    g->row.n_unpriced += (counted && cost == LY_UNKNOWN) || n->mark.unsaid;
    if (dur != LY_UNKNOWN && out != LY_UNKNOWN && out > 0) {
        /* A first token that came with the last is an answer in one piece: the whole time made it. */
        int64_t time = ttft != LY_UNKNOWN && ttft < dur - dur / 20 ? dur - ttft : dur;
        if (time > 0) {
            g->seconds += (double)time / 1e9;
            g->spoken += (double)out;
        }
    }
    return ok ? LY_OK : LY_NOMEM(err);
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Nearest rank. */
static int64_t percentile(const int64_t *sorted, size_t n, double p)
{
    if (n == 0) {
        return LY_UNKNOWN;
    }
    size_t rank = (size_t)ceil(p * (double)n);
    return sorted[rank > 0 ? rank - 1 : 0];
}

static int most_first(const void *a, const void *b)
{
    const ly_stat_row *x = a, *y = b;
    if (x->n != y->n) {
        return x->n > y->n ? -1 : 1;
    }
    return ly_str_cmp(x->keys[0], y->keys[0]);
}

static void finish(work *w, ly_stat_row *rows)
{
    for (size_t i = 0; i < w->n; i++) {
        group *g = &w->groups[i];
        if (g->n_durs)
            qsort(g->durs, g->n_durs, sizeof *g->durs, ascending);
        if (g->n_ttfts)
            qsort(g->ttfts, g->n_ttfts, sizeof *g->ttfts, ascending);
        g->row.p50_ns = percentile(g->durs, g->n_durs, 0.50);
        g->row.p95_ns = percentile(g->durs, g->n_durs, 0.95);
        g->row.p99_ns = percentile(g->durs, g->n_durs, 0.99);
        g->row.ttft_p50_ns = percentile(g->ttfts, g->n_ttfts, 0.50);
        g->row.tokens_per_s = g->seconds > 0 ? g->spoken / g->seconds : NAN;
        for (size_t k = 0; k < g->row.n_scores; k++) {
            g->row.scores[k].mean = g->sums[k] / (double)g->row.scores[k].n;
        }
        rows[i] = g->row;
    }
    qsort(rows, w->n, sizeof *rows, most_first);
}

ly_status ly_stat_run(ly_store *store, const ly_stat_query *query, ly_arena *arena,
                      ly_stat_row **ret_rows, size_t *ret_n, ly_err *err)
{
    work w = {.store = store, .q = query, .arena = arena, .stamp = 1};
    ly_trace_query spans = LY_TRACE_QUERY_INIT;
    ly_stat_row *rows = NULL;
    bool typed = ly_filter_uses(query->filter, LY_FLD_TYPE);
    for (size_t i = 0; i < query->n_by && !typed; i++) {
        typed = query->by[i] == LY_STAT_TYPE;
        w.only_tools |= query->by[i] == LY_STAT_TOOL;
    }
    w.only_tools = w.only_tools && !typed;
    w.only_calls = !typed && !w.only_tools;
    spans.with_marks = true;
    spans.filter = query->filter;
    spans.since_ns = query->since_ns;
    spans.until_ns = query->until_ns;
    spans.any_origin = query->any_origin;
    ly_status st = ly_store_span_scan(store, &spans, add_span, &w, err);
    if (st == LY_OK) {
        st = close_trace(&w, err);
    }
    if (st == LY_OK) {
        rows = LY_ARENA_ARRAY(arena, ly_stat_row, w.n + 1);
        if (rows == NULL) {
            st = LY_NOMEM(err);
        }
    }
    if (st == LY_OK) {
        finish(&w, rows);
        *ret_rows = rows;
        *ret_n = w.n;
    }
    for (size_t i = 0; i < w.n; i++) {
        ly_free(w.groups[i].durs);
        ly_free(w.groups[i].ttfts);
    }
    ly_free(w.groups);
    ly_free(w.table);
    ly_free(w.touched);
    return st;
}

const ly_stat_row *ly_stat_find(const ly_stat_row *rows, size_t n, const ly_stat_row *like,
                                size_t n_by)
{
    for (size_t i = 0; i < n; i++) {
        if (same_keys(&rows[i], like, n_by)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* ---- --fail-if ------------------------------------------------------------------------------- */

static ly_status bad_test(ly_str text, ly_err *err)
{
    return LY_FAIL(err, LY_E_INVALID,
                   "--fail-if \"%.*s\": write errors>2%%, errors>5, p95>8s (p50, p99, ttft), "
                   "tokens/s<20, cost>5, "
                   "calls<1, tokens>2M (tokens_in, tokens_out), unpriced>0 or score.NAME<0.8",
                   LY_STR_ARG(text));
}

ly_status ly_stat_test_parse(ly_str text, ly_stat_test *ret_test, ly_err *err)
{
    ly_stat_test t;
    size_t op = 0;
    memset(&t, 0, sizeof t);
    while (op < text.len && text.ptr[op] != '<' && text.ptr[op] != '>') {
        op++;
    }
    ly_str what = ly_str_trim(ly_str_sub(text, 0, op)), value;
    bool equal = op + 1 < text.len && text.ptr[op + 1] == '=';
    if (op >= text.len || what.len == 0) {
        return bad_test(text, err);
    }
    t.op = text.ptr[op] == '<' ? (equal ? 'L' : '<') : (equal ? 'G' : '>');
    value = ly_str_trim(ly_str_sub(text, op + (equal ? 2 : 1), text.len));
    if (ly_str_starts(what, LY_S("score."))) {
        t.of_score = true;
        what = ly_str_sub(what, 6, what.len);
    }
    if (!ly_str_copy(what, t.what, sizeof t.what)) {
        return bad_test(text, err);
    }
    int64_t ns;
    bool percent = value.len > 1 && value.ptr[value.len - 1] == '%';
    static const char *const times[] = {"p50", "p95", "p99", "ttft"};
    static const char *const numbers[] = {"errors", "calls",     "tokens/s",   "cost",
                                          "tokens", "tokens_in", "tokens_out", "unpriced"};
    bool is_time = false, is_number = t.of_score;
    for (size_t i = 0; i < LY_COUNT(times) && !t.of_score; i++) {
        is_time |= strcmp(t.what, times[i]) == 0;
    }
    for (size_t i = 0; i < LY_COUNT(numbers) && !t.of_score; i++) {
        is_number |= strcmp(t.what, numbers[i]) == 0;
    }
    double factor = 1;
    if (!t.of_score && strcmp(t.what, "cost") == 0 && value.len > 1 && value.ptr[0] == '$') {
        value = ly_str_sub(value, 1, value.len);
    } else if (is_number && !percent && value.len > 1) {
        char unit = value.ptr[value.len - 1];
        factor = unit == 'k' ? 1e3 : unit == 'M' ? 1e6 : 1;
        value = ly_str_sub(value, 0, value.len - (factor > 1));
    }
    if (percent && !t.of_score && strcmp(t.what, "errors") != 0) {
        return bad_test(text, err);
    }
    if (is_time && ly_duration_parse(value, &ns)) {
        t.limit = (double)ns;
    } else if (is_number && ly_str_to_double(ly_str_sub(value, 0, value.len - percent), &t.limit)) {
        t.limit = percent ? t.limit / 100 : t.limit * factor;
        /* "errors>2%" is a share; "errors>2" a count. */
        if (!t.of_score && strcmp(t.what, "errors") == 0 && percent) {
            (void)ly_str_copy(LY_S("error share"), t.what, sizeof t.what);
        }
    } else {
        return bad_test(text, err);
    }
    *ret_test = t;
    return LY_OK;
}

static double figure(const ly_stat_test *t, const ly_stat_row *r)
{
    if (t->of_score) {
        for (size_t i = 0; i < r->n_scores; i++) {
            if (ly_str_eqc(r->scores[i].name, t->what)) {
                return r->scores[i].mean;
            }
        }
        return NAN;
    }
    if (strcmp(t->what, "errors") == 0) {
        return (double)r->n_errors;
    }
    if (strcmp(t->what, "error share") == 0) {
        return r->n > 0 ? (double)r->n_errors / (double)r->n : NAN;
    }
    if (strcmp(t->what, "calls") == 0) {
        return (double)r->n;
    }
    if (strcmp(t->what, "tokens/s") == 0) {
        return r->tokens_per_s;
    }
    if (strcmp(t->what, "cost") == 0) {
        return r->cost_pico == LY_UNKNOWN ? NAN : (double)r->cost_pico / 1e12;
    }
    if (strncmp(t->what, "tokens", 6) == 0) {
        bool in = strcmp(t->what, "tokens_out") != 0 && r->tokens_in != LY_UNKNOWN;
        bool out = strcmp(t->what, "tokens_in") != 0 && r->tokens_out != LY_UNKNOWN;
        return in || out ? (in ? (double)r->tokens_in : 0) + (out ? (double)r->tokens_out : 0)
                         : NAN;
    }
    if (strcmp(t->what, "unpriced") == 0) {
        return (double)r->n_unpriced;
    }
    int64_t ns = strcmp(t->what, "p50") == 0   ? r->p50_ns
                 : strcmp(t->what, "p95") == 0 ? r->p95_ns
                 : strcmp(t->what, "p99") == 0 ? r->p99_ns
                                               : r->ttft_p50_ns;
    return ns == LY_UNKNOWN ? NAN : (double)ns;
}

void ly_stat_test_value(const ly_stat_test *t, double v, ly_buf *out)
{
    if (isnan(v)) {
        ly_buf_c(out, "not known");
    } else if (!t->of_score && (t->what[0] == 'p' || strcmp(t->what, "ttft") == 0)) {
        ly_viewer_duration((int64_t)v, out);
    } else if (!t->of_score && strcmp(t->what, "error share") == 0) {
        ly_buf_fmt(out, "%.3g%%", 100 * v);
    } else if (!t->of_score && strcmp(t->what, "cost") == 0) {
        ly_money_format((int64_t)(v * 1e12), LY_MONEY_WIDE, out);
    } else {
        ly_buf_fmt(out, "%.6g", v);
    }
}

bool ly_stat_test_fails(const ly_stat_test *t, const ly_stat_row *row, double *ret_value)
{
    double v = figure(t, row);
    *ret_value = v;
    if (isnan(v)) {
        return false;
    }
    switch (t->op) {
    case '<':
        return v < t->limit;
    case 'L':
        return v <= t->limit;
    case '>':
        return v > t->limit;
    default:
        return v >= t->limit;
    }
}
