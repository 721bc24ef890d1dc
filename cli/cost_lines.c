/* The report of `lydite cost` for programs: one JSON object a line, or the same fields as CSV. Every field
 * is named in the verb's help (cmd_cost.c); the screen is in cost_screen.c. */
#include "base/clock.h"
#include "base/limits.h"
#include "cli/cost_i.h"

static void json_time(ly_jsonw *w, const char *key, int64_t ns)
{
    ly_buf text;
    if (ns == INT64_MIN || ns == INT64_MAX || ns == LY_UNKNOWN) {
        ly_jsonw_kv_null(w, key);
        return;
    }
    ly_buf_init(&text, 64);
    ly_time_format(ns, 0, &text);
    ly_jsonw_kv_str(w, key, ly_buf_view(&text));
    ly_buf_release(&text);
}

/* One finished line, as JSON or as a row of the CSV. */
static int put_line(ly_cost_view *v, ly_jsonw *w, ly_buf *buf)
{
    if (!v->cli->csv) {
        return ly_costing_json_line(v->cli, w, buf);
    }
    ly_err err = LY_ERR_INIT;
    ly_status status = ly_jsonw_end(w, &err);
    if (status == LY_OK) {
        status = ly_json_csv_put(&v->csv, v->cli, ly_buf_view(buf), &err);
    }
    ly_buf_reset(buf);
    return status == LY_OK ? LY_EXIT_DONE : ly_cli_fail(v->cli, &err);
}

static int json_row(ly_cost_view *v, ly_buf *buf, const char *kind, const ly_cost_row *row,
                    bool keys)
{
    ly_jsonw w;
    ly_jsonw_init(&w, buf, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "kind", kind);
    for (size_t i = 0; keys && i < v->ask.n_by; i++) {
        if (row->key[i].len) {
            ly_jsonw_kv_str(&w, ly_cost_key_name(v->ask.by[i]), row->key[i]);
        } else {
            ly_jsonw_kv_null(&w, ly_cost_key_name(v->ask.by[i]));
        }
    }
    bool none =
        ly_cost_none(row->amount_pico, row->n, row->n_unpriced); /* no call in it has an amount */
    ly_costing_json_money(&w, "amount", none ? LY_UNKNOWN : row->amount_pico);
    ly_jsonw_kv_bool(&w, "lower_bound", row->n_unpriced > 0);
    if (v->month) {
        ly_costing_json_money(&w, "before", row->before_pico);
        ly_jsonw_kv_i64(&w, "before_calls", row->before_n);
    }
    ly_jsonw_kv_i64(&w, "calls", row->n);
    ly_jsonw_kv_i64(&w, "unpriced_calls", row->n_unpriced);
    ly_jsonw_kv_i64(&w, "local_calls", row->n_local);
    ly_jsonw_kv_i64(&w, "client_priced_calls", row->n_client);
    ly_jsonw_kv_i64(&w, "input_tokens", row->tokens_in);
    ly_jsonw_kv_i64(&w, "cache_read_tokens", row->cache_read);
    ly_jsonw_kv_i64(&w, "output_tokens", row->tokens_out);
    ly_jsonw_object_end(&w);
    return put_line(v, &w, buf);
}

static int json_head(ly_cost_view *v, ly_buf *buf)
{
    ly_jsonw w;
    ly_jsonw_init(&w, buf, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "kind", "report");
    json_time(&w, "from", v->report.from_ns);
    json_time(&w, "until", v->report.until_ns);
    if (v->month) {
        json_time(&w, "before_from", v->ask.before_from_ns);
        json_time(&w, "before_until", v->ask.before_until_ns);
    }
    ly_jsonw_kv_c(&w, "tz", ly_zone_name(v->zone));
    ly_jsonw_kv_str(&w, "book", v->book.name);
    json_time(&w, "book_date", ly_book_day(&v->book));
    ly_jsonw_kv_i64(&w, "book_age_days", ly_book_age_days(&v->book, ly_wall_ns()));
    ly_jsonw_object_end(&w);
    return put_line(v, &w, buf);
}

static int json_unpriced(ly_cost_view *v, ly_buf *buf, const ly_cost_unpriced *u)
{
    ly_jsonw w;
    ly_jsonw_init(&w, buf, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "kind", "unpriced");
    ly_jsonw_kv_str(&w, "provider", u->provider);
    ly_jsonw_kv_str(&w, "model", u->model);
    ly_jsonw_kv_c(&w, "reason", ly_price_why_name(u->why));
    ly_jsonw_kv_c(&w, "origin", ly_origin_name(u->origin));
    ly_jsonw_kv_i64(&w, "calls", u->n);
    ly_jsonw_kv_i64(&w, "tokens", u->tokens);
    ly_jsonw_object_end(&w);
    return put_line(v, &w, buf);
}

int ly_cost_print_json(ly_cost_view *v)
{
    const ly_cost_report *r = &v->report;
    ly_buf buf;
    ly_buf_init(&buf, LY_MIB(1));
    int code = v->cli->csv ? LY_EXIT_DONE : json_head(v, &buf);
    int64_t n = v->cli->n >= 0 && v->cli->n < (int64_t)r->n_rows ? v->cli->n : (int64_t)r->n_rows;
    for (int64_t i = 0; !code && i < n; i++) {
        code = json_row(v, &buf, "row", &r->rows[i], true);
    }
    if (!code) {
        code = json_row(v, &buf, "total", &r->total, false);
    }
    if (!code && r->has_ungrouped) {
        code = json_row(v, &buf, "ungrouped", &r->ungrouped, false);
    }
    if (!code && v->ask.origin < 0) {
        code = json_row(v, &buf, "eval", &r->eval, false);
    }
    if (!code && v->ask.origin < 0) {
        code = json_row(v, &buf, "judge", &r->judge, false);
    }
    for (size_t i = 0; !code && i < r->n_unpriced; i++) {
        code = json_unpriced(v, &buf, &r->unpriced[i]);
    }
    ly_buf_release(&buf);
    return code;
}

/* Rows of every kind under the names of --json; a kind leaves empty what it does not have. */
int ly_cost_print_csv(ly_cost_view *v)
{
    static const char *const month[] = {"before_pico", "before_usd", "before_calls"};
    static const char *const numbers[] = {"calls",         "unpriced_calls",
                                          "local_calls",   "client_priced_calls",
                                          "input_tokens",  "cache_read_tokens",
                                          "output_tokens", "reason",
                                          "origin",        "tokens"};
    const char *heads[LY_COST_KEYS_MAX + 32];
    bool provider = false, model = false;
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    heads[n++] = "kind";
    for (size_t i = 0; i < v->ask.n_by; i++) {
        heads[n++] = ly_cost_key_name(v->ask.by[i]);
        provider = provider || strcmp(heads[n - 1], "provider") == 0;
        model = model || strcmp(heads[n - 1], "model") == 0;
    }
    if (!provider) {
        heads[n++] = "provider"; /* of unpriced calls */
    }
    if (!model) {
        heads[n++] = "model";
    }
    heads[n++] = "amount_pico";
    heads[n++] = "amount_usd";
    heads[n++] = "lower_bound";
    for (size_t i = 0; v->month && i < LY_COUNT(month); i++) {
        heads[n++] = month[i];
    }
    for (size_t i = 0; i < LY_COUNT(numbers); i++) {
        heads[n++] = numbers[i];
    }
    if (ly_json_csv_heads(&v->csv, heads, n, &err) != LY_OK) {
        return ly_cli_fail(v->cli, &err);
    }
    return ly_cost_print_json(v);
}

int ly_cost_print_spread_line(ly_cost_view *v, const char *what, const ly_cost_spread *s)
{
    ly_buf text;
    ly_buf_init(&text, 1024);
    ly_jsonw w;
    ly_jsonw_init(&w, &text, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "kind", "spread");
    ly_jsonw_kv_c(&w, "per", what);
    json_time(&w, "from", v->ask.from_ns);
    json_time(&w, "until", v->ask.until_ns);
    ly_jsonw_kv_c(&w, "tz", ly_zone_name(v->zone));
    ly_jsonw_kv_i64(&w, "n", (int64_t)s->n);
    ly_jsonw_kv_i64(&w, "without_amount", s->n_unpriced);
    ly_costing_json_money(&w, "mean", s->mean_pico);
    ly_costing_json_money(&w, "p50", s->p50_pico);
    ly_costing_json_money(&w, "p95", s->p95_pico);
    ly_costing_json_money(&w, "max", s->max_pico);
    ly_costing_json_money(&w, "sum", s->sum_pico);
    ly_jsonw_object_end(&w);
    int code = put_line(v, &w, &text);
    ly_buf_release(&text);
    return code;
}
