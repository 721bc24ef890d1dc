/* The report of `lydite cost` on a screen: a title, a table as wide as the screen, and below it what the
 * table leaves out. Asks the store nothing and sums nothing (cost/report.h does); JSON and CSV are in
 * cost_lines.c. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/term.h"
#include "cli/cost_i.h"

#define SCREEN     80
#define BAR_MOST   20
#define NAMED_MOST 5 /* unpriced models named on the screen */

/* "≥$1.20": a lower bound where a call has no price; no amount at all where none has one. */
static void money(ly_cost_view *v, int64_t pico, int64_t n, int64_t n_unpriced, ly_buf *out)
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
static void bar(ly_cost_view *v, int64_t amount, int64_t largest, size_t most, ly_buf *out)
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

static size_t text_width(ly_cost_view *v, ly_str text)
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
static size_t key_room(ly_cost_view *v, size_t numbers, int64_t n_rows)
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

static void cut_cell(ly_cost_view *v, ly_table *table, ly_str text, size_t most)
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

static void table_row(ly_cost_view *v, ly_table *table, const ly_cost_row *row, bool total,
                      size_t room, int64_t largest, size_t bars)
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

static int64_t shown_rows(const ly_cost_view *v)
{
    int64_t most = v->cli->n >= 0 ? v->cli->n : LY_COST_ROWS_MOST;
    return (int64_t)v->report.n_rows < most ? (int64_t)v->report.n_rows : most;
}

static bool by_time(const ly_cost_view *v)
{
    for (size_t i = 0; i < v->ask.n_by; i++) {
        if (v->ask.by[i] >= LY_KEY_HOUR) {
            return true;
        }
    }
    return false;
}

static int print_table(ly_cost_view *v)
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

static void print_title(ly_cost_view *v)
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

static void print_ungrouped(ly_cost_view *v)
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

static void print_unpriced(ly_cost_view *v)
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

static void print_apart(ly_cost_view *v)
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

static void print_book(ly_cost_view *v)
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

int ly_cost_print_screen(ly_cost_view *v)
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

int ly_cost_print_spread(ly_cost_view *v, const char *what, const ly_cost_spread *s)
{
    ly_buf text;
    ly_buf_init(&text, 1024);
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
            what, ly_plural(s->n), (long long)s->n_unpriced);
    ly_buf_release(&text);
    return LY_EXIT_DONE;
}
