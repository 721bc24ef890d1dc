/* A provider's export beside the ledger; see cost/reconcile.h. */
#include "cost/reconcile.h"

#include "cost/report.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "store/usage.h"
#include "text/csv.h"

static const struct {
    const char *name, *text;
} reasons[LY_RECON__COUNT] = {
    [LY_RECON_SAME] = {"same", ""},
    [LY_RECON_NOT_TRACED] = {"not_traced", "no call of this model was recorded that day"},
    [LY_RECON_NOT_EXPORTED] = {"not_exported", "not in the export"},
    [LY_RECON_UNPRICED] = {"unpriced", "some calls have no price in the ledger"},
    [LY_RECON_FEWER_TOKENS] = {"fewer_tokens",
                               "the ledger has fewer tokens: calls were not traced"},
    [LY_RECON_MORE_TOKENS] = {"more_tokens", "the ledger has more tokens than the export"},
    [LY_RECON_OTHER_PRICE] = {"other_price", "the same tokens at another price"},
    [LY_RECON_SHIFTED] = {"shifted", "the day beside it differs the other way: another time zone?"},
    [LY_RECON_UNKNOWN] = {"unknown", "no reason found"},
};

const char *ly_recon_reason_name(ly_recon_reason reason)
{
    return (unsigned)reason < LY_RECON__COUNT ? reasons[reason].name : "?";
}

const char *ly_recon_reason_text(ly_recon_reason reason)
{
    return (unsigned)reason < LY_RECON__COUNT ? reasons[reason].text : "?";
}

/* ---- gathering ---- */

typedef struct work {
    const ly_recon_ask *ask;
    ly_arena *arena;
    ly_recon_row *rows;
    size_t n, cap;
    size_t at[LY_EXPORT__COUNT][LY_EXPORT_PARTS]; /* column numbers */
    size_t n_at[LY_EXPORT__COUNT];                /* 0 = none */
    int64_t first_ns, last_ns;
} work;

/* The name that both sides agree on: the book's model. */
static ly_str common_model(const work *w, ly_str provider, ly_str model, int64_t at_ns)
{
    ly_price_ask ask = {.provider = provider, .model = model, .at_ns = at_ns};
    ly_price_hit hit = ly_price_find(w->ask->book, &ask);
    return hit.base ? hit.base->model : model;
}

static void add_known(int64_t *sum, int64_t n)
{
    if (n == LY_UNKNOWN) {
        return;
    }
    *sum = *sum == LY_UNKNOWN ? 0 : *sum;
    if (__builtin_add_overflow(*sum, n, sum)) {
        *sum = INT64_MAX;
    }
}

static ly_status row_of(work *w, int64_t day, ly_str model, ly_recon_row **ret, ly_err *err)
{
    for (size_t i = w->n; i-- > 0;) {
        if (w->rows[i].day_ns == day && ly_str_eq(w->rows[i].model, model)) {
            *ret = &w->rows[i];
            return LY_OK;
        }
    }
    if (!ly_grow(&w->rows, &w->cap, w->n + 1, 200000, sizeof *w->rows)) {
        return LY_FAIL(err, LY_E_LIMIT,
                       "more than 200000 days and models; give --since and --until");
    }
    ly_recon_row row = {.day_ns = day,
                        .model = ly_arena_copy(w->arena, model),
                        .export_pico = LY_UNKNOWN,
                        .ledger_pico = LY_UNKNOWN,
                        .export_in = LY_UNKNOWN,
                        .export_out = LY_UNKNOWN,
                        .ledger_in = LY_UNKNOWN,
                        .ledger_out = LY_UNKNOWN};
    if (!row.model.ptr) {
        return LY_NOMEM(err);
    }
    w->rows[w->n] = row;
    *ret = &w->rows[w->n++];
    return LY_OK;
}

static ly_str part(const work *w, const ly_csv_row *row, ly_export_column column, size_t i)
{
    return i < w->n_at[column] && w->at[column][i] < row->n
               ? ly_str_trim(row->fields[w->at[column][i]])
               : LY_STR_NONE;
}

static ly_str field(const work *w, const ly_csv_row *row, ly_export_column column)
{
    return part(w, row, column, 0);
}

/* "2026-11-21...", a time with a zone, or seconds since 1970. */
static bool read_day(const work *w, ly_str text, int64_t *ret)
{
    int64_t ns, seconds;
    if (ly_str_to_i64(text, &seconds) && seconds > 100000000 && seconds < 100000000000) {
        *ret = ly_zone_floor(w->ask->zone, LY_DAY_OF, seconds * LY_NS_PER_SEC);
        return true;
    }
    if (text.len == 10 && ly_time_parse(text, &ns)) {
        *ret = ly_zone_from_local(w->ask->zone, ns);
        return true;
    }
    if (!ly_time_parse(text, &ns)) {
        return false;
    }
    *ret = ly_zone_floor(w->ask->zone, LY_DAY_OF, ns);
    return true;
}

/* "$1,234.50", "-0.10": exact to a pico-dollar. */
static bool read_amount(const work *w, ly_str text, int64_t *ret)
{
    char digits[64];
    size_t n = 0;
    bool negative = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '-' && n == 0) {
            negative = true;
        } else if (c == '$' || c == ',' || c == ' ') {
            continue;
        } else if (n < sizeof digits) {
            digits[n++] = c;
        } else {
            return false;
        }
    }
    ly_rate rate;
    if (!ly_rate_parse(ly_str_n(digits, n), w->ask->cents ? -2 : 0, &rate)) {
        return false;
    }
    ly_rate pico = (rate + 500000) / 1000000;
    if (pico > INT64_MAX) {
        return false;
    }
    *ret = negative ? -(int64_t)pico : (int64_t)pico;
    return true;
}

/* The sum of the columns; what is no number counts for nothing. */
static int64_t read_tokens(const work *w, const ly_csv_row *row, ly_export_column column)
{
    int64_t sum = LY_UNKNOWN, n;
    for (size_t i = 0; i < w->n_at[column]; i++) {
        ly_str text = part(w, row, column, i);
        if (text.len && ly_str_to_i64(text, &n) && n >= 0) {
            add_known(&sum, n);
        }
    }
    return sum;
}

static ly_status find_column(work *w, size_t c, ly_str want, const ly_csv_row *head, ly_err *err)
{
    for (size_t i = 0; i < head->n; i++) {
        if (ly_str_eq(ly_str_trim(head->fields[i]), want)) {
            w->at[c][w->n_at[c]++] = i;
            return LY_OK;
        }
    }
    return LY_FAIL(err, LY_E_FORMAT, "the file has no column '%.*s'", LY_STR_ARG(want));
}

static ly_status find_columns(work *w, const ly_csv_row *head, ly_err *err)
{
    ly_status status = LY_OK;
    for (size_t c = 0; status == LY_OK && c < LY_EXPORT__COUNT; c++) {
        ly_str rest = w->ask->map.column[c], want;
        while (status == LY_OK && rest.len && ly_str_split(&rest, '+', &want)) {
            status =
                w->n_at[c] < LY_EXPORT_PARTS
                    ? find_column(w, c, ly_str_trim(want), head, err)
                    : LY_FAIL(err, LY_E_LIMIT, "more than %d columns for one", LY_EXPORT_PARTS);
        }
    }
    return status;
}

/* "gpt-4o-2024-08-06, input": a line of an invoice names what of the model it is about. */
static ly_str model_part(ly_str line_item)
{
    size_t comma = ly_str_find(line_item, LY_S(", "), 0);
    return comma == SIZE_MAX ? line_item : ly_str_trim(ly_str_sub(line_item, 0, comma));
}

static ly_status add_export(work *w, const ly_csv_row *csv, ly_err *err)
{
    int64_t day = 0, pico = LY_UNKNOWN;
    ly_str date = field(w, csv, LY_EXPORT_DATE), model = model_part(field(w, csv, LY_EXPORT_MODEL));
    ly_str amount = field(w, csv, LY_EXPORT_AMOUNT), provider = field(w, csv, LY_EXPORT_PROVIDER);
    ly_recon_row *row;
    if (date.len == 0 && model.len == 0) {
        return LY_OK; /* totals at the end */
    }
    if (!read_day(w, date, &day)) {
        return LY_FAIL(err, LY_E_FORMAT, "'%.*s' is no date", LY_STR_ARG(date));
    }
    if (amount.len && !read_amount(w, amount, &pico)) {
        return LY_FAIL(err, LY_E_FORMAT, "'%.*s' is no amount", LY_STR_ARG(amount));
    }
    if (day < w->ask->from_ns || day >= w->ask->until_ns) {
        return LY_OK;
    }
    w->first_ns = day < w->first_ns ? day : w->first_ns;
    w->last_ns = day > w->last_ns ? day : w->last_ns;
    ly_str name = common_model(w, provider.len ? provider : w->ask->provider, model, day);
    ly_status status = row_of(w, day, name, &row, err);
    if (status == LY_OK) {
        add_known(&row->export_pico, pico);
        add_known(&row->export_in, read_tokens(w, csv, LY_EXPORT_INPUT));
        add_known(&row->export_in, read_tokens(w, csv, LY_EXPORT_CACHE_READ));
        add_known(&row->export_out, read_tokens(w, csv, LY_EXPORT_OUTPUT));
    }
    return status;
}

static ly_status read_export(work *w, ly_err *err)
{
    ly_csv *csv = NULL;
    const ly_csv_row *row = NULL;
    uint64_t line = 0;
    ly_status status = ly_csv_new_text(w->ask->csv, NULL, &csv, err);
    if (status == LY_OK) {
        status = ly_csv_next(csv, &row, err);
    }
    if (status == LY_OK) {
        status = row ? find_columns(w, row, err)
                     : LY_FAIL(err, LY_E_FORMAT, "the file has no header line");
    }
    while (status == LY_OK && (status = ly_csv_next(csv, &row, err)) == LY_OK && row) {
        line = row->line;
        status = add_export(w, row, err);
        if (status != LY_OK) {
            status = ly_err_wrap(err, "line %llu", (unsigned long long)line);
        }
    }
    ly_csv_free(csv);
    return status;
}

static int64_t day_of(void *user, int64_t bucket_ns)
{
    const work *w = user;
    return ly_zone_floor(w->ask->zone, LY_DAY_OF, bucket_ns);
}

static bool same_provider(const work *w, ly_str provider)
{
    ly_str want = w->ask->provider;
    if (want.len == 0 || ly_str_eq_nocase(provider, want)) {
        return true;
    }
    ly_str id = ly_price_provider_id(w->ask->book, provider);
    return id.len > 0 && ly_str_eq(id, ly_price_provider_id(w->ask->book, want));
}

static ly_status add_ledger(work *w, const ly_usage_row *u, ly_err *err)
{
    ly_recon_row *row;
    if (u->state == LY_USAGE_LOCAL || u->n == 0 || !same_provider(w, u->provider)) {
        return LY_OK; /* nobody sends an invoice for local calls */
    }
    ly_str name = common_model(w, u->provider, u->model, u->period_ns);
    ly_status status = row_of(w, u->period_ns, name, &row, err);
    if (status == LY_OK) {
        add_known(&row->ledger_pico, u->amount_pico);
        add_known(&row->ledger_in, u->tokens_in);
        add_known(&row->ledger_out, u->tokens_out);
        row->n += u->n;
        row->n_unpriced += u->n_unpriced;
    }
    return status;
}

/* Everything that was paid for, whoever caused it: application, evaluation and judges. */
static ly_status read_ledger(ly_store *store, work *w, ly_err *err)
{
    ly_usage_row *rows = NULL;
    size_t n = 0;
    const ly_recon_ask *ask = w->ask;
    if (w->first_ns == INT64_MAX && ask->from_ns == INT64_MIN) {
        return LY_OK;
    }
    ly_usage_query q = {
        .from_ns = ask->from_ns != INT64_MIN ? ask->from_ns : w->first_ns,
        .until_ns = ask->until_ns != INT64_MAX ? ask->until_ns
                                               : ly_zone_next(ask->zone, LY_DAY_OF, w->last_ns, 1),
        .by = LY_BY_PROVIDER | LY_BY_MODEL | LY_BY_STATE,
        .period = day_of,
        .user = w,
    };
    ly_status status = ly_usage_sum(store, &q, w->arena, &rows, &n, err);
    for (size_t i = 0; status == LY_OK && i < n; i++) {
        status = add_ledger(w, &rows[i], err);
    }
    return status;
}

/* ---- reasons ---- */

static int64_t or_zero(int64_t n)
{
    return n == LY_UNKNOWN ? 0 : n;
}

static bool has_amounts(const work *w)
{
    return w->n_at[LY_EXPORT_AMOUNT] > 0;
}

/* In money, or in tokens where the export has no amounts. */
static int64_t difference(const work *w, const ly_recon_row *row)
{
    return has_amounts(w) ? or_zero(row->ledger_pico) - or_zero(row->export_pico)
                          : or_zero(row->ledger_in) + or_zero(row->ledger_out) -
                                or_zero(row->export_in) - or_zero(row->export_out);
}

static bool small(const work *w, int64_t pico)
{
    int64_t most = has_amounts(w) ? w->ask->tolerance_pico : 0;
    return pico <= most && pico >= -most;
}

/* Tokens within half a per cent are the same. */
static int compare_tokens(int64_t ledger, int64_t exported)
{
    int64_t slack = exported / 200;
    return ledger < exported - slack ? -1 : ledger > exported + slack ? 1 : 0;
}

static bool shifted(const work *w, size_t i)
{
    const ly_recon_row *row = &w->rows[i];
    int64_t mine = difference(w, row);
    for (size_t k = 0; k < w->n; k++) {
        const ly_recon_row *other = &w->rows[k];
        int64_t apart = other->day_ns - row->day_ns;
        bool beside = apart > 0 ? apart <= 25 * 3600 * LY_NS_PER_SEC
                                : apart < 0 && apart >= -25 * 3600 * LY_NS_PER_SEC;
        int64_t theirs = difference(w, other);
        bool opposite = (mine > 0) != (theirs > 0) && !small(w, theirs);
        if (beside && opposite && ly_str_eq(other->model, row->model) &&
            llabs(mine + theirs) * 2 < llabs(mine)) {
            return true;
        }
    }
    return false;
}

static ly_recon_reason reason_of(const work *w, size_t i)
{
    const ly_recon_row *row = &w->rows[i];
    bool amounts = has_amounts(w);
    if (amounts && small(w, difference(w, row)) && row->n_unpriced == 0 &&
        (row->export_pico != LY_UNKNOWN || small(w, or_zero(row->ledger_pico)))) {
        return LY_RECON_SAME;
    }
    if (row->n == 0) {
        return LY_RECON_NOT_TRACED;
    }
    if (amounts && row->ledger_pico == LY_UNKNOWN) {
        return LY_RECON_UNPRICED;
    }
    if (row->export_pico == LY_UNKNOWN && row->export_in == LY_UNKNOWN) {
        return shifted(w, i) ? LY_RECON_SHIFTED : LY_RECON_NOT_EXPORTED;
    }
    if (row->n_unpriced > 0 &&
        (difference(w, row) < 0 || (amounts && small(w, difference(w, row))))) {
        return LY_RECON_UNPRICED;
    }
    if (shifted(w, i)) {
        return LY_RECON_SHIFTED;
    }
    if (row->export_in == LY_UNKNOWN && row->export_out == LY_UNKNOWN) {
        return LY_RECON_UNKNOWN;
    }
    int order = compare_tokens(or_zero(row->ledger_in) + or_zero(row->ledger_out),
                               or_zero(row->export_in) + or_zero(row->export_out));
    if (order == 0) {
        return amounts ? LY_RECON_OTHER_PRICE : LY_RECON_SAME;
    }
    return order < 0 ? LY_RECON_FEWER_TOKENS : LY_RECON_MORE_TOKENS;
}

static int by_day_model(const void *a, const void *b)
{
    const ly_recon_row *x = a, *y = b;
    if (x->day_ns != y->day_ns) {
        return x->day_ns < y->day_ns ? -1 : 1;
    }
    return ly_str_cmp(x->model, y->model);
}

static ly_status finish(work *w, ly_recon *ret, ly_err *err)
{
    ly_recon recon = {.n_rows = w->n, .amounts = has_amounts(w)};
    if (w->n > 1) {
        qsort(w->rows, w->n, sizeof *w->rows, by_day_model);
    }
    for (size_t i = 0; i < w->n; i++) {
        ly_recon_row *row = &w->rows[i];
        if (row->ledger_pico != LY_UNKNOWN &&
            ly_cost_none(row->ledger_pico, row->n, row->n_unpriced)) {
            row->ledger_pico = LY_UNKNOWN; /* no call of it has an amount: that is not $0 */
        }
    }
    for (size_t i = 0; i < w->n; i++) {
        w->rows[i].reason = reason_of(w, i);
        recon.n_different += w->rows[i].reason != LY_RECON_SAME;
        add_known(&recon.export_pico, w->rows[i].export_pico);
        add_known(&recon.ledger_pico, w->rows[i].ledger_pico);
    }
    recon.rows = LY_ARENA_ARRAY(w->arena, ly_recon_row, w->n + 1);
    if (!recon.rows) {
        return LY_NOMEM(err);
    }
    if (w->n > 0) {
        memcpy(recon.rows, w->rows, w->n * sizeof *w->rows);
    }
    *ret = recon;
    return LY_OK;
}

ly_status ly_reconcile(ly_store *store, const ly_recon_ask *ask, ly_arena *arena, ly_recon *ret,
                       ly_err *err)
{
    work w = {.ask = ask, .arena = arena, .first_ns = INT64_MAX, .last_ns = INT64_MIN};
    ly_status status = read_export(&w, err);
    if (status == LY_OK) {
        status = read_ledger(store, &w, err);
    }
    if (status == LY_OK) {
        status = finish(&w, ret, err);
    }
    ly_free(w.rows);
    return status;
}
