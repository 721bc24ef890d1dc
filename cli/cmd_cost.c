/* `lydite cost`: what was spent, by what; the other verbs are in cost_*.c. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/term.h"
#include "cli/cost_i.h"
#include "cli/json_csv.h"
#include "cost/report.h"

#define SCREEN     80
#define BAR_MOST   20
#define NAMED_MOST 5 /* unpriced models named on the screen */
#define ROWS_MOST  50

typedef struct view {
    ly_cli *cli;
    ly_store *store;
    ly_zone *zone;
    ly_arena arena;
    ly_cost_ask ask;
    ly_cost_report report;
    bool month; /* the default report: this month beside the same days of last month */
    ly_price_info book;
    size_t n_own;
    ly_json_csv csv;
} view;

/* ---- what is asked ---- */

static int read_keys(view *v)
{
    const char *text = ly_cli_opt(v->cli, "by");
    ly_str rest = ly_str_c(text ? text : "provider"), part;
    while (ly_str_split(&rest, ',', &part)) {
        if (v->ask.n_by == LY_COST_KEYS_MAX) {
            return ly_cli_usage(v->cli, "--by takes at most %d keys", LY_COST_KEYS_MAX);
        }
        if (!ly_cost_key_parse(ly_str_trim(part), &v->ask.by[v->ask.n_by])) {
            return ly_cli_usage(
                v->cli,
                "--by '%.*s' is unknown; use provider, model, service, env, session, "
                "user, prompt, tag, hour, day, week or month",
                LY_STR_ARG(part));
        }
        v->ask.n_by++;
    }
    return LY_EXIT_DONE;
}

static int read_origin(view *v)
{
    const char *text = ly_cli_opt(v->cli, "origin");
    ly_origin origin;
    v->ask.origin = -1;
    if (text) {
        if (!ly_origin_parse(ly_str_c(text), &origin)) {
            return ly_cli_usage(v->cli, "--origin is app, eval or judge, not '%s'", text);
        }
        v->ask.origin = (int)origin;
    }
    return LY_EXIT_DONE;
}

/* Up to the end of the current quarter of an hour, so that what just happened is in. */
static int64_t now_end(void)
{
    int64_t now = ly_wall_ns();
    return now - now % LY_BUCKET_NS + LY_BUCKET_NS;
}

static int read_time(view *v)
{
    ly_costing_time time;
    int code = ly_costing_time_opts(v->cli, v->zone, &time);
    if (code) {
        return code;
    }
    ly_cost_ask *a = &v->ask;
    a->before_from_ns = a->before_until_ns = LY_UNKNOWN;
    if (time.given) {
        a->from_ns = time.from_ns;
        a->until_ns = time.until_ns;
        return LY_EXIT_DONE;
    }
    int64_t now = ly_wall_ns();
    v->month = true;
    a->from_ns = ly_zone_floor(v->zone, LY_MONTH_OF, now);
    a->until_ns = now_end();
    a->before_from_ns = ly_zone_next(v->zone, LY_MONTH_OF, now, -1);
    /* the same days and time of day; a shorter month ends where it ends */
    int64_t into = ly_zone_to_local(v->zone, a->until_ns) - ly_zone_to_local(v->zone, a->from_ns);
    int64_t same = ly_zone_from_local(v->zone, ly_zone_to_local(v->zone, a->before_from_ns) + into);
    a->before_until_ns = same < a->from_ns ? same : a->from_ns;
    return LY_EXIT_DONE;
}

/* ---- for people ---- */

/* "≥$1.20": a lower bound where a call has no price; no amount at all where none has one. */
static void money(view *v, int64_t pico, int64_t n, int64_t n_unpriced, ly_buf *out)
{
    if (ly_cost_none(pico, n, n_unpriced)) {
        ly_buf_c(out, "unpriced");
        return;
    }
    if (n_unpriced > 0) {
        ly_buf_c(out, ly_fmt_at_least(v->cli));
    }
    ly_fmt_money(pico, out);
}

static void cell_buf(ly_table *table, ly_buf *text)
{
    ly_table_cell(table, ly_buf_view(text));
    ly_buf_reset(text);
}

/* The part of a line that a bar may take: `most` cells are the largest amount. */
static void bar(view *v, int64_t amount, int64_t largest, size_t most, ly_buf *out)
{
    bool line_art = v->cli->unicode && !v->cli->plain;
    size_t n = largest > 0 && amount > 0
                   ? (size_t)((double)amount / (double)largest * (double)most + 0.5)
                   : 0;
    if (n == 0 && amount > 0 && line_art) {
        ly_buf_c(out, "▏"); /* less than half a cell */
    }
    for (size_t i = 0; i < n && i < most; i++) {
        ly_buf_c(out, line_art ? "█" : "#");
    }
}

static size_t text_width(view *v, ly_str text)
{
    ly_buf clean;
    ly_buf_init(&clean, LY_MIB(1));
    ly_term_clean(&clean, text, v->cli->unicode ? 0 : LY_TERM_ASCII);
    size_t width = ly_term_width(ly_buf_view(&clean));
    ly_buf_release(&clean);
    return width;
}

/* The most that one key may take, so that all of them and the numbers fit the screen: short keys leave
 * their part to long ones. Nothing is cut where no screen is. */
static size_t key_room(view *v, size_t numbers, int64_t n_rows)
{
    size_t widest[LY_COST_KEYS_MAX] = {0}, longest = 0, sum;
    for (size_t k = 0; k < v->ask.n_by; k++) {
        widest[k] = strlen(ly_cost_key_name(v->ask.by[k]));
        for (int64_t i = 0; i < n_rows; i++) {
            size_t one = text_width(v, v->report.rows[i].key[k]);
            widest[k] = one > widest[k] ? one : widest[k];
        }
        longest = widest[k] > longest ? widest[k] : longest;
    }
    if (!v->cli->tty) {
        return longest > 8 ? longest : 8;
    }
    size_t screen = v->cli->width > SCREEN ? (size_t)v->cli->width : SCREEN;
    size_t left = screen > numbers ? screen - numbers : 0;
    for (size_t most = longest; most > 8; most--) {
        sum = 0;
        for (size_t k = 0; k < v->ask.n_by; k++) {
            sum += (widest[k] < most ? widest[k] : most) + (k ? 2 : 0);
        }
        if (sum <= left) {
            return most;
        }
    }
    return 8;
}

static void cut_cell(view *v, ly_table *table, ly_str text, size_t most)
{
    ly_buf clean, out;
    ly_buf_init(&clean, LY_MIB(1));
    ly_buf_init(&out, LY_MIB(1));
    ly_term_clean(&clean, text, v->cli->unicode ? 0 : LY_TERM_ASCII);
    ly_term_fit(&out, ly_buf_view(&clean), most, false, v->cli->unicode ? 0 : LY_TERM_ASCII);
    ly_table_cell(table, ly_buf_view(&out));
    ly_buf_release(&clean);
    ly_buf_release(&out);
}

static void table_row(view *v, ly_table *table, const ly_cost_row *row, bool total, size_t room,
                      int64_t largest, size_t bars)
{
    ly_buf text;
    ly_buf_init(&text, 4096);
    for (size_t i = 0; i < v->ask.n_by; i++) {
        ly_str key = total             ? (i == 0 ? LY_S("total") : LY_S(""))
                     : row->key[i].len ? row->key[i]
                                       : LY_S("(none)");
        cut_cell(v, table, key, room);
    }
    money(v, row->amount_pico, row->n, row->n_unpriced, &text);
    cell_buf(table, &text);
    if (v->month) {
        money(v, row->before_pico, row->before_n, row->before_unpriced, &text);
        cell_buf(table, &text);
    }
    ly_fmt_percent(total ? (row->amount_pico ? 1 : -1)
                         : ly_cost_share(row->amount_pico, v->report.total.amount_pico),
                   &text);
    cell_buf(table, &text);
    ly_fmt_percent(ly_cost_cached_share(row), &text);
    cell_buf(table, &text);
    ly_fmt_count(row->n, &text);
    cell_buf(table, &text);
    if (!total) {
        bar(v, row->amount_pico, largest, bars, &text);
    }
    cell_buf(table, &text);
    ly_buf_release(&text);
}

static int64_t shown_rows(const view *v)
{
    int64_t most = v->cli->n >= 0 ? v->cli->n : ROWS_MOST;
    return (int64_t)v->report.n_rows < most ? (int64_t)v->report.n_rows : most;
}

static bool by_time(const view *v)
{
    for (size_t i = 0; i < v->ask.n_by; i++) {
        if (v->ask.by[i] >= LY_KEY_HOUR) {
            return true;
        }
    }
    return false;
}

static int print_table(view *v)
{
    const ly_cost_report *r = &v->report;
    size_t cols = v->ask.n_by + (v->month ? 6 : 5), c = 0, longest = 0;
    /* amount, before, share, cached, calls with their gaps, and a bar */
    size_t numbers =
        v->month ? 2 + 10 + 2 + 10 + 2 + 5 + 2 + 6 + 2 + 6 + 2 : 2 + 10 + 2 + 5 + 2 + 6 + 2 + 6 + 2;
    int64_t largest = 0, n = shown_rows(v);
    size_t room = key_room(v, numbers, n);
    ly_table *table = ly_table_new(v->cli, cols);
    if (!table) {
        return LY_EXIT_INPUT;
    }
    for (; c < v->ask.n_by; c++) {
        ly_table_col(table, c, ly_cost_key_name(v->ask.by[c]), LY_LEFT, 0);
    }
    ly_table_col(table, c++, v->month ? "this month" : "amount", LY_RIGHT, 0);
    if (v->month) {
        ly_table_col(table, c++, "last month", LY_RIGHT, 0);
    }
    ly_table_col(table, c++, "share", LY_RIGHT, 0);
    ly_table_col(table, c++, "cached", LY_RIGHT, 0);
    ly_table_col(table, c++, "calls", LY_RIGHT, 0);
    ly_table_col(table, c++, "", LY_LEFT, 0);
    for (int64_t i = 0; i < n; i++) {
        largest = r->rows[i].amount_pico > largest ? r->rows[i].amount_pico : largest;
        size_t width = 0;
        for (size_t k = 0; k < v->ask.n_by; k++) {
            size_t one = text_width(v, r->rows[i].key[k]);
            width += (one < room ? one : room) + (k ? 2 : 0);
        }
        longest = width > longest ? width : longest;
    }
    longest = longest < 8 ? 8 : longest;
    size_t left = longest + numbers < SCREEN ? SCREEN - longest - numbers : 0;
    size_t bars = left > BAR_MOST ? BAR_MOST : left;
    for (int64_t i = 0; i < n; i++) {
        table_row(v, table, &r->rows[i], false, room, largest, bars);
    }
    table_row(v, table, &r->total, true, room, largest, bars);
    ly_table_print(table);
    ly_table_free(table);
    if (r->more_rows) {
        fprintf(v->cli->out, "the %s %lld row%s; -n N shows more\n",
                by_time(v) ? "latest" : "dearest", (long long)n, ly_plural(n));
    }
    return LY_EXIT_DONE;
}

static void print_title(view *v)
{
    ly_buf line;
    ly_buf_init(&line, 4096);
    ly_buf_c(&line, "Cost ");
    if (v->report.from_ns == INT64_MIN) {
        ly_buf_c(&line, "of all time");
    } else {
        ly_buf_c(&line, "from ");
        ly_costing_day(v->zone, v->report.from_ns, true, &line);
    }
    if (v->report.until_ns != INT64_MAX) {
        ly_buf_c(&line, v->report.from_ns == INT64_MIN ? " up to " : " to ");
        ly_costing_day(v->zone, v->report.until_ns, true, &line);
    }
    ly_buf_fmt(&line, " (%s)", ly_zone_name(v->zone));
    if (v->ask.origin >= 0) {
        ly_buf_fmt(&line, ", origin %s", ly_origin_name((ly_origin)v->ask.origin));
    }
    fprintf(v->cli->out, "%s\n", ly_buf_text(&line));
    if (v->month) {
        ly_buf_reset(&line);
        ly_buf_c(&line, "last month: the same days, ");
        ly_costing_day(v->zone, v->ask.before_from_ns, false, &line);
        ly_buf_c(&line, " to ");
        ly_costing_day(v->zone, v->ask.before_until_ns, true, &line);
        fprintf(v->cli->out, "%s\n", ly_buf_text(&line));
    }
    ly_buf_release(&line);
}

static void print_ungrouped(view *v)
{
    const ly_cost_report *r = &v->report;
    ly_buf text;
    ly_buf_init(&text, 512);
    ly_fmt_percent(ly_cost_share(r->ungrouped.amount_pico, r->total.amount_pico), &text);
    if (r->has_ungrouped) {
        ly_buf keys;
        ly_buf_init(&keys, 128);
        for (size_t i = 0; i < v->ask.n_by; i++) {
            ly_buf_fmt(&keys, "%s%s", i ? " or " : "", ly_cost_key_name(v->ask.by[i]));
        }
        fprintf(v->cli->out, "ungrouped: %s of the amount, %lld call%s without %s%s\n",
                r->ungrouped.n ? ly_buf_text(&text) : "0%", (long long)r->ungrouped.n,
                ly_plural(r->ungrouped.n), ly_buf_text(&keys), r->overlaps ? "; rows overlap" : "");
        ly_buf_release(&keys);
    }
    ly_buf_release(&text);
}

static void print_unpriced(view *v)
{
    const ly_cost_report *r = &v->report;
    int64_t calls = 0, partly = 0;
    ly_buf line;
    ly_buf_init(&line, 4096);
    for (size_t i = 0; i < r->n_unpriced; i++) {
        calls += r->unpriced[i].n;
        partly += r->unpriced[i].why == LY_PRICE_PARTIAL ? r->unpriced[i].n : 0;
    }
    if (calls == 0) {
        ly_buf_release(&line);
        return;
    }
    fprintf(v->cli->out, "unpriced: %lld call%s, %s (%s marks a lower bound)\n", (long long)calls,
            ly_plural(calls),
            partly == 0       ? "in no amount here"
            : partly == calls ? "in the amounts here with a part only"
                              : "in no amount here or with a part only",
            ly_fmt_at_least(v->cli));
    for (size_t i = 0; i < r->n_unpriced && i < NAMED_MOST; i++) {
        const ly_cost_unpriced *u = &r->unpriced[i];
        ly_buf_reset(&line);
        ly_buf name;
        ly_buf_init(&name, 4096);
        ly_buf_fmt(&name, "%.*s %.*s",
                   LY_STR_ARG(u->provider.len ? u->provider : LY_S("(no provider)")),
                   LY_STR_ARG(u->model.len ? u->model : LY_S("(no model)")));
        ly_buf clean;
        ly_buf_init(&clean, 8192);
        ly_term_clean(&clean, ly_buf_view(&name), v->cli->unicode ? 0 : LY_TERM_ASCII);
        ly_term_fit(&line, ly_buf_view(&clean), 36, true, v->cli->unicode ? 0 : LY_TERM_ASCII);
        ly_buf_c(&line, "  ");
        ly_fmt_count(u->n, &line);
        ly_buf_fmt(&line, " call%s  %s%s", ly_plural(u->n), ly_price_why_text(u->why),
                   u->origin == LY_ORIGIN_APP    ? ""
                   : u->origin == LY_ORIGIN_EVAL ? " (eval)"
                                                 : " (judge)");
        fprintf(v->cli->out, "  %s\n", ly_buf_text(&line));
        ly_buf_release(&clean);
        ly_buf_release(&name);
    }
    if (r->n_unpriced > NAMED_MOST) {
        fprintf(v->cli->out, "  and %zu more; --json lists them all\n", r->n_unpriced - NAMED_MOST);
    }
    ly_buf_release(&line);
}

static void print_apart(view *v)
{
    const ly_cost_report *r = &v->report;
    ly_buf line;
    ly_buf_init(&line, 1024);
    if (r->eval.n || r->judge.n) {
        ly_buf_c(&line, "apart: evaluation ");
        money(v, r->eval.amount_pico, r->eval.n, r->eval.n_unpriced, &line);
        ly_buf_fmt(&line, " (%lld call%s), judges ", (long long)r->eval.n, ly_plural(r->eval.n));
        money(v, r->judge.amount_pico, r->judge.n, r->judge.n_unpriced, &line);
        ly_buf_fmt(&line, " (%lld call%s)", (long long)r->judge.n, ly_plural(r->judge.n));
        fprintf(v->cli->out, "%s\n", ly_buf_text(&line));
    }
    if (r->total.n_local) {
        fprintf(v->cli->out, "local: %lld call%s to local addresses, $0 by rule\n",
                (long long)r->total.n_local, ly_plural(r->total.n_local));
    }
    if (r->total.n_client) {
        fprintf(v->cli->out, "client: %lld call%s at the cost that the client gave\n",
                (long long)r->total.n_client, ly_plural(r->total.n_client));
    }
    ly_buf_release(&line);
}

static void print_book(view *v)
{
    ly_buf line;
    ly_buf_init(&line, 1024);
    int64_t age = ly_book_age_days(&v->book, ly_wall_ns());
    ly_buf_c(&line, "prices: ");
    ly_costing_book_text(&v->book, &line);
    ly_buf_fmt(&line, " (%lld day%s old)", (long long)age, ly_plural(age));
    if (v->n_own) {
        ly_buf_fmt(&line, ", %zu of your own", v->n_own);
    }
    if (age > LY_BOOK_OLD_DAYS) {
        ly_buf_c(&line, "; old: see 'lydite price check'");
    }
    fprintf(v->cli->out, "%s\n", ly_buf_text(&line));
    ly_buf_release(&line);
}

static int print_screen(view *v)
{
    print_title(v);
    if (v->report.total.n == 0) {
        fprintf(v->cli->out, "no priced calls in this time\n");
    } else {
        int code = print_table(v);
        if (code) {
            return code;
        }
        print_ungrouped(v);
    }
    print_unpriced(v);
    print_apart(v);
    print_book(v);
    return LY_EXIT_DONE;
}

/* ---- for programs ---- */

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
static int put_line(view *v, ly_jsonw *w, ly_buf *buf)
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

static int json_row(view *v, ly_buf *buf, const char *kind, const ly_cost_row *row, bool keys)
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

static int json_head(view *v, ly_buf *buf)
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

static int json_unpriced(view *v, ly_buf *buf, const ly_cost_unpriced *u)
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

static int print_lines(view *v)
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
static int print_csv(view *v)
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
    return print_lines(v);
}

/* ---- per trace, per session ---- */

static int print_spread(view *v, const char *what, const ly_cost_spread *s)
{
    ly_buf text;
    ly_buf_init(&text, 1024);
    if (v->cli->json || v->cli->csv) {
        ly_jsonw w;
        ly_jsonw_init(&w, &text, 0);
        ly_jsonw_object(&w);
        ly_jsonw_kv_c(&w, "per", what);
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
    v->report.from_ns = v->ask.from_ns;
    v->report.until_ns = v->ask.until_ns;
    v->month = false;
    print_title(v);
    const struct {
        const char *name;
        int64_t pico;
    } values[] = {
        {"p50", s->p50_pico}, {"p95", s->p95_pico}, {"mean", s->mean_pico}, {"max", s->max_pico}};
    ly_buf_fmt(&text, "per %s:", what);
    for (size_t i = 0; i < LY_COUNT(values); i++) {
        ly_buf_fmt(&text, "%s %s ", i ? " " : "", values[i].name);
        ly_fmt_money(values[i].pico, &text);
    }
    fprintf(v->cli->out, "%s  (%zu %s%s with an amount, %lld without)\n", ly_buf_text(&text), s->n,
            what, ly_plural((int64_t)s->n), (long long)s->n_unpriced);
    ly_buf_release(&text);
    return LY_EXIT_DONE;
}

static int run_spread(view *v, const char *per, ly_err *err)
{
    ly_cost_spread spread;
    ly_origin origin = v->ask.origin < 0 ? LY_ORIGIN_APP : (ly_origin)v->ask.origin;
    ly_status status;
    if (strcmp(per, "trace") == 0) {
        status = ly_cost_per_trace(v->store, v->ask.from_ns, v->ask.until_ns, origin, &spread, err);
    } else if (strcmp(per, "session") == 0) {
        status =
            ly_cost_per_session(v->store, v->ask.from_ns, v->ask.until_ns, origin, &spread, err);
    } else {
        return ly_cli_usage(v->cli, "--per is trace or session, not '%s'", per);
    }
    return status == LY_OK ? print_spread(v, per, &spread) : ly_cli_fail(v->cli, err);
}

/* ---- run ---- */

static int show(view *v)
{
    ly_err err = LY_ERR_INIT;
    const char *per = ly_cli_opt(v->cli, "per");
    if (per) {
        return run_spread(v, per, &err);
    }
    v->ask.top = v->cli->n >= 0 ? (size_t)v->cli->n : v->cli->json || v->cli->csv ? 0 : ROWS_MOST;
    ly_status status = ly_cost_report_make(v->store, &v->ask, &v->arena, &v->report, &err);
    if (status == LY_OK) {
        status = ly_costing_book(v->store, &v->arena, &v->book, &v->n_own, &err);
    }
    if (status != LY_OK) {
        return ly_cli_fail(v->cli, &err);
    }
    int code = v->cli->json ? print_lines(v) : v->cli->csv ? print_csv(v) : print_screen(v);
    if (!code && v->cli->fail_empty && v->report.total.n == 0) {
        code = LY_EXIT_NO;
    }
    return code;
}

static int run_report(ly_cli *cli)
{
    view v = {.cli = cli};
    ly_arena_init(&v.arena, LY_MIB(1), 0);
    ly_json_csv_init(&v.csv);
    int code = read_keys(&v);
    if (!code) {
        code = read_origin(&v);
    }
    if (!code) {
        code = ly_costing_zone(cli, &v.zone);
    }
    if (!code) {
        code = read_time(&v);
    }
    v.ask.zone = v.zone;
    if (!code) {
        code = ly_costing_open(cli, &v.store);
    }
    if (!code) {
        code = show(&v);
    }
    ly_store_close(v.store);
    ly_zone_free(v.zone);
    ly_arena_release(&v.arena);
    ly_json_csv_release(&v.csv);
    return code;
}

#define TIME_OPTS                                                                                \
    {"since", 0, "TIME", "from: 30d, 2026-11-01; 2026-11 and last-month are that month", false}, \
        {"until", 0, "TIME", "up to, not including", false},                                     \
    {                                                                                            \
        "tz", 0, "ZONE", "time zone of days and dates: UTC, +02:00, Europe/Berlin", false        \
    }

static const ly_opt report_opts[] = {
    {"by", 0, "KEYS",
     "group by provider, model, service, env, session, user, prompt, tag, hour, day, week, month",
     false},
    {"per", 0, "WHAT", "p50 and p95 of single traces or sessions: trace, session", false},
    {"origin", 0, "ORIGIN", "app, eval or judge alone", false},
    TIME_OPTS,
};
static const ly_opt explain_opts[] = {{"ledger", 0, NULL, "show every line ever booked", false}};
static const ly_opt reprice_opts[] = {
    {"since", 0, "TIME", "traces that start then or later: 30d, 2026-11-01, last-month", false},
    {"tz", 0, "ZONE", "time zone of dates: UTC, +02:00, Europe/Berlin", false},
    {"book", 0, "NUMBER", "by that book of 'lydite price list --books' instead of the one in force",
     false},
};
static const ly_opt reconcile_opts[] = {
    TIME_OPTS,
    {"map", 0, "COLUMNS",
     "openai-costs, openai-usage, anthropic-cost, anthropic-tokens, openrouter-activity, or "
     "which column is what: date=…,model=…,amount=…[,provider=…,input=…,output=…,cache_read=…]; "
     "A+B adds columns",
     false},
    {"provider", 0, "NAME", "the provider whose export this is", false},
    {"cents", 0, NULL, "amounts are in cents", false},
    {"tolerance", 0, "USD", "differences up to this are none (default 0.01)", false},
};

static const ly_verb verbs[] = {
    {NULL, "", 0, 0, "what was spent, by what",
     "Without options: this calendar month by provider, beside the same days of last month.\n"
     "\n"
     "Amounts are of priced calls; >= marks a lower bound, because some call in it has no price.\n"
     "Unpriced calls are listed with the reason. Calls to local addresses cost 0 by rule. What\n"
     "evaluations and judges spent is apart. Times are in steps of 15 minutes.\n"
     "\n"
     "--json: one object a line; `kind` is report (from, until, tz, book, book_date, "
     "book_age_days), row (the keys,\n"
     "amount_usd as exact decimal text, amount_pico (both null where no call is priced), "
     "lower_bound, before_*, calls, "
     "unpriced_calls,\n"
     "local_calls, client_priced_calls, input_tokens, cache_read_tokens, output_tokens), total,\n"
     "ungrouped, eval, judge, or unpriced (provider, model, reason, origin, calls, tokens).\n"
     "--csv: a row for each of these but report, under the same names.",
     "lydite cost\n"
     "lydite cost --by provider,model --since 30d\n"
     "lydite cost --by day --since last-month --tz Europe/Berlin --csv",
     LY_COMMON_READ | LY_COMMON_CSV | LY_COMMON_N | LY_COMMON_FAIL_EMPTY, report_opts,
     LY_COUNT(report_opts), run_report},
    {"explain", "SPAN", 1, 1, "how one call's cost came about",
     "The buckets, the price of each, the price row and where it was published, the context tier,\n"
     "the client's own figure beside it, and what the ledger was charged.\n"
     "\n"
     "--json: span_id, trace_id, provider, model, why, amount_*, client_*, charged_*, lower_bound, "
     "row\n"
     "(id, book, provider, model, source), cells (name, count, unit, price_usd, per, amount_*),\n"
     "unknown_fees (tools charged by use that the span does not count), counted (false: another "
     "span's\n"
     "cost covers it), ledger_lines. SPAN is an id, its beginning, TRACE/SPAN, @last or @last~N.",
     "lydite cost explain @last", LY_COMMON_READ, explain_opts, LY_COUNT(explain_opts),
     ly_cost_run_explain},
    {"reprice", "", 0, 0, "price history again by the book in force",
     "Shows the difference by model, then books it: the old ledger line stays, a reversal and a "
     "new\n"
     "line follow. Costs that the client gave do not change. Lines whose record retention removed\n"
     "are priced by what the line itself holds.\n"
     "Without -y it asks; where nobody can be asked it shows the difference, changes nothing and "
     "exits 0.\n"
     "\n"
     "--json: rows of provider, model, calls, before_*, after_*, difference_*, unpriced_before,\n"
     "unpriced_after; then a total.",
     "lydite cost reprice --since 30d --dry-run",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT | LY_COMMON_DRY |
         LY_COMMON_YES,
     reprice_opts, LY_COUNT(reprice_opts), ly_cost_run_reprice},
    {"reconcile", "FILE", 1, 1, "a provider's usage export beside the ledger",
     "Reads a CSV of the provider's and compares per day and model. The exports of OpenAI's and\n"
     "Anthropic's consoles and of OpenRouter are known by their header line; others need --map. "
     "One\n"
     "without amounts is compared by tokens. Exit code 1 when some day differs by more than the\n"
     "tolerance.\n"
     "\n"
     "--json: rows of day, model, export_*, ledger_*, difference_*, calls, unpriced_calls, "
     "reason.\n"
     "--csv: the same fields.",
     "lydite cost reconcile openai-cost-export.csv\n"
     "lydite cost reconcile usage.csv --map date=date,model=model,amount=cost --provider openai",
     LY_COMMON_READ | LY_COMMON_CSV, reconcile_opts, LY_COUNT(reconcile_opts),
     ly_cost_run_reconcile},
};
const ly_cmd ly_cmd_cost = {"cost", "what was spent, and why", "Cost",
                            verbs,  LY_COUNT(verbs),           false};
