/* The cost report; see cost/report.h. */
#include "cost/report.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

static const struct {
    const char *name;
    unsigned bit; /* LY_BY_*; 0 = time */
    ly_span_of span;
} keys[LY_KEY__COUNT] = {
    [LY_KEY_PROVIDER] = {"provider", LY_BY_PROVIDER, LY_DAY_OF},
    [LY_KEY_MODEL] = {"model", LY_BY_MODEL, LY_DAY_OF},
    [LY_KEY_SERVICE] = {"service", LY_BY_SERVICE, LY_DAY_OF},
    [LY_KEY_ENV] = {"env", LY_BY_ENV, LY_DAY_OF},
    [LY_KEY_SESSION] = {"session", LY_BY_SESSION, LY_DAY_OF},
    [LY_KEY_USER] = {"user", LY_BY_USER, LY_DAY_OF},
    [LY_KEY_PROMPT] = {"prompt", LY_BY_PROMPT, LY_DAY_OF},
    [LY_KEY_TAG] = {"tag", LY_BY_TAG, LY_DAY_OF},
    [LY_KEY_HOUR] = {"hour", 0, LY_HOUR_OF},
    [LY_KEY_DAY] = {"day", 0, LY_DAY_OF},
    [LY_KEY_WEEK] = {"week", 0, LY_WEEK_OF},
    [LY_KEY_MONTH] = {"month", 0, LY_MONTH_OF},
};

const char *ly_cost_key_name(ly_cost_key key)
{
    return (unsigned)key < LY_KEY__COUNT ? keys[key].name : "?";
}

bool ly_cost_key_parse(ly_str name, ly_cost_key *ret)
{
    for (size_t i = 0; i < LY_KEY__COUNT; i++) {
        if (ly_str_eqc(name, keys[i].name)) {
            *ret = (ly_cost_key)i;
            return true;
        }
    }
    return false;
}

double ly_cost_share(int64_t part, int64_t whole)
{
    return whole ? (double)part / (double)whole : -1;
}

double ly_cost_cached_share(const ly_cost_row *row)
{
    return ly_cost_share(row->cache_read, row->tokens_in);
}

/* ---- work ---- */

/* A row and how it sorts: equal keys are merged. */
typedef struct entry {
    ly_cost_row row;
    ly_str joined;
    int64_t period_ns;
} entry;

typedef struct work {
    ly_store *store;
    const ly_cost_ask *ask;
    ly_arena *arena;
    unsigned by;
    int time_key; /* place in ask->by, -1 = none */
    entry *entries;
    size_t n, cap;
    ly_cost_unpriced *unpriced;
    size_t n_unpriced, cap_unpriced;
    ly_cost_report *report;
} work;

static int64_t period_start(void *user, int64_t bucket_ns)
{
    const work *w = user;
    return ly_zone_floor(w->ask->zone, keys[w->ask->by[w->time_key]].span, bucket_ns);
}

static ly_status check_ask(work *w, ly_err *err)
{
    const ly_cost_ask *ask = w->ask;
    w->time_key = -1;
    for (size_t i = 0; i < ask->n_by; i++) {
        unsigned bit = keys[ask->by[i]].bit;
        if (bit == 0 && w->time_key >= 0) {
            return LY_FAIL(err, LY_E_INVALID,
                           "group by one of hour, day, week and month at a time");
        }
        if (bit & w->by) {
            return LY_FAIL(err, LY_E_INVALID, "'%s' is there twice", keys[ask->by[i]].name);
        }
        w->by |= bit;
        if (bit == 0) {
            w->time_key = (int)i;
        }
    }
    return LY_OK;
}

/* With days that are UTC days whole ones can be read as such. */
static bool utc(const work *w)
{
    return !w->ask->zone || strcmp(ly_zone_name(w->ask->zone), "UTC") == 0;
}

static ly_status query(work *w, unsigned by, bool period, int64_t from, int64_t until,
                       ly_usage_row **ret_rows, size_t *ret_n, ly_err *err)
{
    ly_usage_query q = {.from_ns = from,
                        .until_ns = until,
                        .by = by,
                        .period = period && w->time_key >= 0 ? period_start : NULL,
                        .user = w,
                        .period_in_days =
                            utc(w) && w->time_key >= 0 && w->ask->by[w->time_key] != LY_KEY_HOUR,
                        .scan = w->ask->scan};
    return ly_usage_sum(w->store, &q, w->arena, ret_rows, ret_n, err);
}

/* More than that are as well read through. */
#define FEW_MOST 5000

/* Groups by who, of which there may be many: the dearest alone. */
static ly_status query_dearest(work *w, int64_t from, int64_t until, ly_usage_row **ret_rows,
                               size_t *ret_n, ly_err *err)
{
    const ly_cost_ask *ask = w->ask;
    ly_usage_query q = {.from_ns = from,
                        .until_ns = until,
                        .by = w->by,
                        .origin = ask->origin < 0 ? (int)LY_ORIGIN_APP : ask->origin,
                        .top = ask->top + 1};
    return ly_usage_sum(w->store, &q, w->arena, ret_rows, ret_n, err);
}

static bool has_name(const ly_str *names, size_t n, ly_str name)
{
    for (size_t i = 0; i < n; i++) {
        if (ly_str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static void add_to(ly_cost_row *row, const ly_usage_row *from, bool before)
{
    if (before) {
        row->before_pico =
            (row->before_pico == LY_UNKNOWN ? 0 : row->before_pico) + from->amount_pico;
        row->before_n += from->n;
        row->before_unpriced += from->n_unpriced;
        return;
    }
    row->amount_pico += from->amount_pico;
    row->n += from->n;
    row->n_unpriced += from->n_unpriced;
    row->n_local += from->state == LY_USAGE_LOCAL ? from->n : 0;
    row->n_client += from->state == LY_USAGE_CLIENT ? from->n : 0;
    row->tokens_in += from->tokens_in;
    row->cache_read += from->cache_read;
    row->tokens_out += from->tokens_out;
}

static void merge(ly_cost_row *into, const ly_cost_row *from)
{
    into->amount_pico += from->amount_pico;
    into->n += from->n;
    into->n_unpriced += from->n_unpriced;
    into->n_local += from->n_local;
    into->n_client += from->n_client;
    into->tokens_in += from->tokens_in;
    into->cache_read += from->cache_read;
    into->tokens_out += from->tokens_out;
    if (from->before_pico != LY_UNKNOWN) {
        into->before_pico =
            (into->before_pico == LY_UNKNOWN ? 0 : into->before_pico) + from->before_pico;
    }
    into->before_n += from->before_n;
    into->before_unpriced += from->before_unpriced;
}

static bool wanted_origin(const work *w, ly_origin origin)
{
    return w->ask->origin < 0 ? origin == LY_ORIGIN_APP : (int)origin == w->ask->origin;
}

/* ---- keys as text ---- */

static ly_str period_text(work *w, ly_cost_key key, int64_t ns)
{
    ly_civil c = ly_civil_from_ns(ly_zone_to_local(w->ask->zone, ns));
    switch (key) {
    case LY_KEY_HOUR:
        return ly_arena_fmt(w->arena, "%04d-%02d-%02d %02d:%02d", c.year, c.month, c.day, c.hour,
                            c.minute);
    case LY_KEY_MONTH:
        return ly_arena_fmt(w->arena, "%04d-%02d", c.year, c.month);
    case LY_KEY_WEEK: { /* ISO 8601: the week's Thursday says the year */
        int64_t thursday = ly_civil_to_day(c.year, c.month, c.day) + 3;
        ly_civil t = ly_civil_from_ns(thursday * LY_NS_PER_DAY);
        int64_t week = (thursday - ly_civil_to_day(t.year, 1, 1)) / 7 + 1;
        return ly_arena_fmt(w->arena, "%04d-W%02d", t.year, (int)week);
    }
    default:
        return ly_arena_fmt(w->arena, "%04d-%02d-%02d", c.year, c.month, c.day);
    }
}

static ly_str key_text(work *w, ly_cost_key key, const ly_usage_row *row)
{
    switch (key) {
    case LY_KEY_PROVIDER:
        return row->provider;
    case LY_KEY_MODEL:
        return row->model;
    case LY_KEY_SERVICE:
        return row->service;
    case LY_KEY_ENV:
        return row->env;
    case LY_KEY_SESSION:
        return row->session;
    case LY_KEY_USER:
        return row->user;
    case LY_KEY_TAG:
        return row->tag;
    case LY_KEY_PROMPT:
        return row->prompt_version.len
                   ? ly_arena_fmt(w->arena, "%.*s@%.*s", LY_STR_ARG(row->prompt_name),
                                  LY_STR_ARG(row->prompt_version))
                   : row->prompt_name;
    default:
        return period_text(w, key, row->period_ns);
    }
}

static ly_status add_entry(work *w, const ly_usage_row *row, bool before, ly_err *err)
{
    ly_buf joined;
    entry e = {.period_ns = row->period_ns};
    e.row.before_pico = w->ask->before_from_ns == LY_UNKNOWN ? LY_UNKNOWN : 0;
    ly_buf_init(&joined, LY_KIB(16));
    for (size_t i = 0; i < w->ask->n_by; i++) {
        e.row.key[i] = key_text(w, w->ask->by[i], row);
        ly_buf_str(&joined, e.row.key[i]);
        ly_buf_char(&joined, '\0');
    }
    e.joined = ly_arena_copy(w->arena, ly_buf_view(&joined));
    ly_buf_release(&joined);
    add_to(&e.row, row, before);
    if (!e.joined.ptr ||
        !ly_grow(&w->entries, &w->cap, w->n + 1, LY_USAGE_MAX_GROUPS * 2, sizeof *w->entries)) {
        return LY_NOMEM(err);
    }
    w->entries[w->n++] = e;
    return LY_OK;
}

static int by_joined(const void *a, const void *b)
{
    return ly_str_cmp(((const entry *)a)->joined, ((const entry *)b)->joined);
}

static int by_amount(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->row.amount_pico != y->row.amount_pico) {
        return x->row.amount_pico < y->row.amount_pico ? 1 : -1;
    }
    if (x->row.n != y->row.n) {
        return x->row.n < y->row.n ? 1 : -1;
    }
    return by_joined(a, b);
}

static int by_period(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->period_ns != y->period_ns) {
        return x->period_ns < y->period_ns ? -1 : 1;
    }
    return by_amount(a, b);
}

/* Equal keys become one entry. */
static void merge_entries(work *w)
{
    size_t out = 0;
    if (w->n > 1) {
        qsort(w->entries, w->n, sizeof *w->entries, by_joined);
    }
    for (size_t i = 0; i < w->n; i++) {
        if (out > 0 && ly_str_eq(w->entries[out - 1].joined, w->entries[i].joined)) {
            merge(&w->entries[out - 1].row, &w->entries[i].row);
        } else {
            w->entries[out++] = w->entries[i];
        }
    }
    w->n = out;
    if (w->n > 1) {
        qsort(w->entries, w->n, sizeof *w->entries, w->time_key >= 0 ? by_period : by_amount);
    }
}

/* ---- the parts of the report ---- */

static bool by_who(const work *w)
{
    return (w->by & (LY_BY_SESSION | LY_BY_USER | LY_BY_TAG)) != 0;
}

static void add_total(work *w, const ly_usage_row *row, bool before)
{
    ly_cost_report *r = w->report;
    if (wanted_origin(w, row->origin)) {
        add_to(&r->total, row, before);
    } else if (w->ask->origin < 0) {
        add_to(row->origin == LY_ORIGIN_EVAL ? &r->eval : &r->judge, row, before);
    }
}

static ly_status add_unpriced(work *w, const ly_usage_row *row, ly_err *err)
{
    if (row->state < LY_USAGE_UNPRICED || row->n == 0 ||
        (w->ask->origin >= 0 && !wanted_origin(w, row->origin))) {
        return LY_OK;
    }
    if (!ly_grow(&w->unpriced, &w->cap_unpriced, w->n_unpriced + 1, LY_USAGE_MAX_GROUPS * 2,
                 sizeof *w->unpriced)) {
        return LY_NOMEM(err);
    }
    w->unpriced[w->n_unpriced++] = (ly_cost_unpriced){
        row->provider, row->model, (ly_price_why)(row->state - LY_USAGE_UNPRICED),
        row->origin,   row->n,     row->tokens_in + row->tokens_out + row->unattributed};
    return LY_OK;
}

static bool key_empty(const work *w, const ly_cost_row *row)
{
    for (size_t i = 0; i < w->ask->n_by; i++) {
        if (row->key[i].len == 0) {
            return true;
        }
    }
    return false;
}

/* The wanted rows, one more that tells that there are more, and the one without a name. */
static void keep_dearest(work *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (i <= w->ask->top || key_empty(w, &w->entries[i].row)) {
            w->entries[kept++] = w->entries[i];
        }
    }
    w->n = kept;
}

static ly_status add_entries(work *w, const ly_usage_row *rows, size_t n, bool before,
                             const ly_str *but, size_t n_but, ly_err *err)
{
    ly_status status = LY_OK;
    for (size_t i = 0; status == LY_OK && i < n; i++) {
        if (wanted_origin(w, rows[i].origin) &&
            !has_name(but, n_but, key_text(w, w->ask->by[0], &rows[i]))) {
            status = add_entry(w, &rows[i], before, err);
        }
    }
    return status;
}

/* The time before of the groups that are there; and where they are fewer than wanted, the dearest of that
 * time, which are not there now. */
static ly_status add_before(work *w, int64_t from, int64_t until, ly_err *err)
{
    ly_usage_row *rows = NULL;
    size_t n = 0, n_names = w->n;
    ly_str *names = LY_ARENA_ARRAY(w->arena, ly_str, n_names + 1);
    if (!names) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < n_names; i++) {
        names[i] = w->entries[i].row.key[0];
    }
    ly_usage_query q = {
        .from_ns = from, .until_ns = until, .by = w->by, .only = names, .n_only = n_names};
    ly_status status = n_names ? ly_usage_sum(w->store, &q, w->arena, &rows, &n, err) : LY_OK;
    if (status == LY_OK) {
        status = add_entries(w, rows, n, true, NULL, 0, err);
    }
    if (status != LY_OK || n_names > w->ask->top) {
        return status;
    }
    status = query_dearest(w, from, until, &rows, &n, err);
    return status == LY_OK ? add_entries(w, rows, n, true, names, n_names, err) : status;
}

/* The groups by session, user or tag of one stretch of time. */
static ly_status read_who(work *w, int64_t from, int64_t until, bool before, ly_err *err)
{
    const ly_cost_ask *ask = w->ask;
    ly_usage_row *rows = NULL;
    size_t n = 0;
    bool few = ask->n_by == 1 && !ask->scan && ask->top && ask->top <= FEW_MOST;
    if (few && before) {
        return add_before(w, from, until, err);
    }
    ly_status status = few ? query_dearest(w, from, until, &rows, &n, err)
                           : query(w, w->by, true, from, until, &rows, &n, err);
    if (status == LY_OK) {
        status = add_entries(w, rows, n, before, NULL, 0, err);
    }
    if (status == LY_OK && few) {
        merge_entries(w); /* so that few are looked up in the time before */
        keep_dearest(w);
    }
    return status;
}

/* One reading of the sums gives rows, totals and the unpriced; by who it takes a second one, because
 * those sums know neither model nor state. */
static ly_status read_time(work *w, int64_t from, int64_t until, bool before, ly_err *err)
{
    ly_usage_row *rows = NULL;
    size_t n = 0;
    bool groups = !before || w->time_key < 0;
    unsigned fine = LY_BY_STATE | LY_BY_PROVIDER | LY_BY_MODEL;
    ly_status status =
        query(w, by_who(w) ? fine : w->by | fine, !by_who(w), from, until, &rows, &n, err);
    for (size_t i = 0; status == LY_OK && i < n; i++) {
        add_total(w, &rows[i], before);
        status = before ? LY_OK : add_unpriced(w, &rows[i], err);
        if (status == LY_OK && !by_who(w) && groups && wanted_origin(w, rows[i].origin)) {
            status = add_entry(w, &rows[i], before, err);
        }
    }
    return status == LY_OK && by_who(w) && groups ? read_who(w, from, until, before, err) : status;
}

static int by_model(const void *a, const void *b)
{
    const ly_cost_unpriced *x = a, *y = b;
    int order = ly_str_cmp(x->provider, y->provider);
    order = order ? order : ly_str_cmp(x->model, y->model);
    order = order ? order : (int)x->why - (int)y->why;
    return order ? order : (int)x->origin - (int)y->origin;
}

static int by_calls(const void *a, const void *b)
{
    const ly_cost_unpriced *x = a, *y = b;
    if (x->n != y->n) {
        return x->n < y->n ? 1 : -1;
    }
    return by_model(a, b);
}

static ly_status finish_unpriced(work *w, ly_err *err)
{
    ly_cost_report *r = w->report;
    size_t out = 0;
    if (w->n_unpriced > 1) {
        qsort(w->unpriced, w->n_unpriced, sizeof *w->unpriced, by_model);
    }
    for (size_t i = 0; i < w->n_unpriced; i++) {
        if (out > 0 && by_model(&w->unpriced[out - 1], &w->unpriced[i]) == 0) {
            w->unpriced[out - 1].n += w->unpriced[i].n;
            w->unpriced[out - 1].tokens += w->unpriced[i].tokens;
        } else {
            w->unpriced[out++] = w->unpriced[i];
        }
    }
    r->unpriced = LY_ARENA_ARRAY(w->arena, ly_cost_unpriced, out + 1);
    if (!r->unpriced) {
        return LY_NOMEM(err);
    }
    if (out > 0) {
        memcpy(r->unpriced, w->unpriced, out * sizeof *w->unpriced);
        qsort(r->unpriced, out, sizeof *r->unpriced, by_calls);
    }
    r->n_unpriced = out;
    return LY_OK;
}

/* What has no value for some key. */
static void find_ungrouped(work *w)
{
    ly_cost_report *r = w->report;
    r->has_ungrouped = w->by != 0;
    r->overlaps = (w->by & LY_BY_TAG) != 0;
    r->ungrouped = (ly_cost_row){.before_pico = LY_UNKNOWN};
    for (size_t i = 0; i < r->n_rows; i++) {
        if (key_empty(w, &r->rows[i])) {
            merge(&r->ungrouped, &r->rows[i]);
        }
    }
}

static ly_status fill(work *w, ly_err *err)
{
    const ly_cost_ask *ask = w->ask;
    ly_cost_report *r = w->report;
    bool compare = ask->before_from_ns != LY_UNKNOWN;
    ly_status status = read_time(w, r->from_ns, r->until_ns, false, err);
    if (status == LY_OK && compare) {
        status = read_time(w, ask->before_from_ns, ask->before_until_ns, true, err);
    }
    if (status != LY_OK) {
        return status;
    }
    merge_entries(w);
    r->rows = LY_ARENA_ARRAY(w->arena, ly_cost_row, w->n + 1);
    if (!r->rows) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < w->n; i++) {
        r->rows[r->n_rows++] = w->entries[i].row;
    }
    find_ungrouped(w);
    if (ask->top && r->n_rows > ask->top) {
        r->rows += w->time_key >= 0 ? r->n_rows - ask->top : 0; /* the latest */
        r->n_rows = ask->top;
        r->more_rows = true;
    }
    return finish_unpriced(w, err);
}

static int64_t floor_bucket(int64_t ns)
{
    if (ns == INT64_MIN || ns == INT64_MAX) {
        return ns;
    }
    int64_t bucket = ns / LY_BUCKET_NS - (ns % LY_BUCKET_NS < 0 ? 1 : 0);
    return bucket * LY_BUCKET_NS;
}

typedef struct snapshot {
    work *w;
} snapshot;

static ly_status fill_in_snapshot(void *user, ly_err *err)
{
    return fill(((snapshot *)user)->w, err);
}

ly_status ly_cost_report_make(ly_store *store, const ly_cost_ask *ask, ly_arena *arena,
                              ly_cost_report *ret, ly_err *err)
{
    ly_cost_report report = {.from_ns = floor_bucket(ask->from_ns),
                             .until_ns = floor_bucket(ask->until_ns)};
    int64_t none = ask->before_from_ns == LY_UNKNOWN ? LY_UNKNOWN : 0;
    report.total.before_pico = report.eval.before_pico = report.judge.before_pico = none;
    work w = {.store = store, .ask = ask, .arena = arena, .report = &report};
    snapshot all = {&w};
    ly_status status = check_ask(&w, err);
    if (status == LY_OK) { /* one snapshot, so that rows and totals are of the same moment */
        status = ly_store_snapshot(store, fill_in_snapshot, &all, err);
    }
    ly_free(w.entries);
    ly_free(w.unpriced);
    if (status == LY_OK) {
        *ret = report;
    }
    return status;
}

/* ---- single traces and sessions ---- */

/* Nearest rank: the smallest value that at least q of all are not above. */
static int64_t rank(const int64_t *sorted, size_t n, int percent)
{
    size_t at = (n * (size_t)percent + 99) / 100;
    return sorted[at > 0 ? at - 1 : 0];
}

static ly_status spread_of(const int64_t *sorted, size_t n, ly_cost_spread *ret, ly_err *err)
{
    int64_t sum = 0;
    *ret = (ly_cost_spread){n, 0, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN};
    if (n == 0) {
        return LY_OK;
    }
    for (size_t i = 0; i < n; i++) {
        if (__builtin_add_overflow(sum, sorted[i], &sum)) {
            return LY_FAIL(err, LY_E_LIMIT, "the sum does not fit; choose a shorter time");
        }
    }
    ret->p50_pico = rank(sorted, n, 50);
    ret->p95_pico = rank(sorted, n, 95);
    ret->max_pico = sorted[n - 1];
    ret->sum_pico = sum;
    ret->mean_pico = sum / (int64_t)n;
    return LY_OK;
}

ly_status ly_cost_per_trace(ly_store *store, int64_t from_ns, int64_t until_ns, ly_origin origin,
                            ly_cost_spread *ret, ly_err *err)
{
    int64_t *amounts = NULL, unpriced = 0;
    size_t n = 0;
    ly_status status =
        ly_usage_traces(store, from_ns, until_ns, origin, &amounts, &n, &unpriced, err);
    if (status == LY_OK) {
        status = spread_of(amounts, n, ret, err);
        ret->n_unpriced = unpriced;
    }
    ly_free(amounts);
    return status;
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

ly_status ly_cost_per_session(ly_store *store, int64_t from_ns, int64_t until_ns, ly_origin origin,
                              ly_cost_spread *ret, ly_err *err)
{
    ly_arena arena;
    ly_usage_row *rows = NULL;
    size_t n = 0, kept = 0;
    int64_t unpriced = 0;
    ly_usage_query q = {.from_ns = from_ns, .until_ns = until_ns, .by = LY_BY_SESSION};
    ly_arena_init(&arena, LY_MIB(1), 0);
    ly_status status = ly_usage_sum(store, &q, &arena, &rows, &n, err);
    int64_t *amounts = status == LY_OK ? LY_ARENA_ARRAY(&arena, int64_t, n + 1) : NULL;
    if (status == LY_OK && !amounts) {
        status = LY_NOMEM(err);
    }
    for (size_t i = 0; status == LY_OK && i < n; i++) {
        if (rows[i].origin != origin || rows[i].session.len == 0) {
            continue;
        }
        if (ly_cost_none(rows[i].amount_pico, rows[i].n, rows[i].n_unpriced)) {
            unpriced++;
        } else {
            amounts[kept++] = rows[i].amount_pico;
        }
    }
    if (status == LY_OK) {
        if (kept > 1) {
            qsort(amounts, kept, sizeof *amounts, compare_i64);
        }
        status = spread_of(amounts, kept, ret, err);
        ret->n_unpriced = unpriced;
    }
    ly_arena_release(&arena);
    return status;
}
