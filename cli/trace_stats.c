/* `lydite trace stats`: calls in groups, beside the period before, and an alert by exit code. */
#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/json_csv.h"
#include "cli/trace_verbs.h"
#include "viewer/json.h"
#include "viewer/stats.h"
#include "viewer/text.h"

#define DEFAULT_PERIOD_NS (7 * LY_NS_PER_DAY)
#define MAX_TESTS         16

static bool read_by(ly_cli *cli, ly_stat_query *query, int *ret_exit)
{
    ly_str rest = ly_str_c(ly_cli_opt(cli, "by")), word;
    while (rest.len > 0 && ly_str_split(&rest, ',', &word)) {
        if (query->n_by == LY_STAT_KEYS ||
            !ly_stat_key_parse(ly_str_trim(word), &query->by[query->n_by])) {
            *ret_exit =
                ly_cli_usage(cli,
                             "--by takes up to %d of model service prompt env day type tool agent "
                             "provider name user session release, not \"%.*s\"",
                             LY_STAT_KEYS, LY_STR_ARG(word));
            return false;
        }
        query->n_by++;
    }
    return true;
}

static void duration(ly_table *table, int64_t ns, ly_buf *cell)
{
    ly_buf_reset(cell);
    ly_viewer_duration(ns, cell);
    ly_table_cell(table, ly_buf_view(cell));
}

/* "+12%" against the period before; "new" where that had none. */
static void change(ly_table *table, double now, double before)
{
    if (isnan(before) || before == 0) {
        ly_table_cell(table, isnan(now) || now == 0 ? LY_S("-") : LY_S("new"));
    } else {
        ly_table_cellf(table, "%+.0f%%", (now - before) / before * 100);
    }
}

static double known(int64_t v)
{
    return v == LY_UNKNOWN ? NAN : (double)v;
}

static int print_table(ly_cli *cli, const ly_stat_query *q, const ly_stat_row *rows, size_t n,
                       const ly_stat_row *before, size_t n_before)
{
    static const char *const heads[] = {"CALLS", "vs",    "ERR", "P50", "P95",  "vs", "P99",
                                        "TTFT",  "TOK/S", "IN",  "OUT", "COST", "vs", "SCORES"};
    ly_table *table = ly_table_new(cli, q->n_by + LY_COUNT(heads));
    ly_buf cell;
    if (table == NULL) {
        return LY_EXIT_INPUT;
    }
    ly_buf_init(&cell, LY_KIB(64));
    for (size_t i = 0; i < q->n_by; i++) {
        ly_table_col(table, i, ly_stat_key_name(q->by[i]), LY_LEFT,
                     cli->tty && !cli->plain ? 36 : 0);
    }
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_table_col(table, q->n_by + i, heads[i], i + 1 < LY_COUNT(heads) ? LY_RIGHT : LY_LEFT, 0);
    }
    for (size_t i = 0; i < n; i++) {
        const ly_stat_row *r = &rows[i], *b = ly_stat_find(before, n_before, r, q->n_by);
        for (size_t k = 0; k < q->n_by; k++) {
            ly_table_cell(table, r->keys[k].len ? r->keys[k] : LY_S("-"));
        }
        ly_table_cellf(table, "%lld", (long long)r->n);
        change(table, (double)r->n, b != NULL ? (double)b->n : NAN);
        ly_table_cellf(table, "%.1f%%", r->n ? 100.0 * (double)r->n_errors / (double)r->n : 0.0);
        duration(table, r->p50_ns, &cell);
        duration(table, r->p95_ns, &cell);
        change(table, known(r->p95_ns), b != NULL ? known(b->p95_ns) : NAN);
        duration(table, r->p99_ns, &cell);
        duration(table, r->ttft_p50_ns, &cell);
        if (isnan(r->tokens_per_s)) {
            ly_table_cell(table, LY_S("-"));
        } else {
            ly_table_cellf(table, "%.0f", r->tokens_per_s);
        }
        ly_buf_reset(&cell);
        ly_viewer_count(r->tokens_in, &cell);
        ly_table_cell(table, ly_buf_view(&cell));
        ly_buf_reset(&cell);
        ly_viewer_count(r->tokens_out, &cell);
        ly_table_cell(table, ly_buf_view(&cell));
        ly_buf_reset(&cell);
        ly_text_cost(r->cost_pico, r->n_unpriced > 0, &cell);
        ly_table_cell(table, ly_buf_view(&cell));
        change(table, known(r->cost_pico), b != NULL ? known(b->cost_pico) : NAN);
        ly_buf_reset(&cell);
        for (size_t k = 0; k < r->n_scores; k++) {
            ly_buf_fmt(&cell, "%s%.*s %.3g (n=%lld)", k ? "  " : "", LY_STR_ARG(r->scores[k].name),
                       r->scores[k].mean, (long long)r->scores[k].n);
        }
        ly_table_cell(table, cell.len ? ly_buf_view(&cell) : LY_S("-"));
    }
    ly_table_print(table);
    ly_table_free(table);
    ly_buf_release(&cell);
    return LY_EXIT_DONE;
}

static void opt_double(ly_jsonw *w, const char *key, double v)
{
    if (isnan(v)) {
        ly_jsonw_kv_null(w, key);
    } else {
        ly_jsonw_kv_double(w, key, v);
    }
}

static void json_row(ly_jsonw *w, const ly_stat_row *r)
{
    ly_jsonw_kv_i64(w, "calls", r->n);
    ly_jsonw_kv_i64(w, "errors", r->n_errors);
    ly_json_opt_i64(w, "p50_ns", r->p50_ns);
    ly_json_opt_i64(w, "p95_ns", r->p95_ns);
    ly_json_opt_i64(w, "p99_ns", r->p99_ns);
    ly_json_opt_i64(w, "ttft_p50_ns", r->ttft_p50_ns);
    opt_double(w, "tokens_per_s", r->tokens_per_s);
    ly_json_opt_i64(w, "tokens_in", r->tokens_in);
    ly_json_opt_i64(w, "tokens_out", r->tokens_out);
    ly_json_opt_money(w, "cost_usd", r->cost_pico);
    ly_jsonw_kv_i64(w, "unpriced", r->n_unpriced);
    ly_jsonw_key(w, "scores");
    ly_jsonw_object(w);
    for (size_t k = 0; k < r->n_scores; k++) {
        ly_jsonw_key_str(w, r->scores[k].name);
        ly_jsonw_object(w);
        ly_jsonw_kv_double(w, "mean", r->scores[k].mean);
        ly_jsonw_kv_i64(w, "n", r->scores[k].n);
        ly_jsonw_object_end(w);
    }
    ly_jsonw_object_end(w);
}

/* --json and --csv. */
static ly_status print_machine(ly_cli *cli, const ly_stat_query *q, const ly_stat_row *rows,
                               size_t n, const ly_stat_row *before, size_t n_before, ly_err *err)
{
    ly_status st = LY_OK;
    ly_json_csv csv;
    ly_json_csv_init(&csv);
    for (size_t i = 0; st == LY_OK && i < n; i++) {
        const ly_stat_row *b = ly_stat_find(before, n_before, &rows[i], q->n_by);
        ly_buf line;
        ly_jsonw w;
        ly_buf_init(&line, LY_MIB(4));
        ly_jsonw_init(&w, &line, 0);
        ly_jsonw_object(&w);
        for (size_t k = 0; k < q->n_by; k++) {
            ly_json_opt_str(&w, ly_stat_key_name(q->by[k]), rows[i].keys[k]);
        }
        json_row(&w, &rows[i]);
        ly_jsonw_key(&w, "before");
        if (b != NULL) {
            ly_jsonw_object(&w);
            json_row(&w, b);
            ly_jsonw_object_end(&w);
        } else {
            ly_jsonw_null(&w);
        }
        ly_jsonw_object_end(&w);
        ly_buf_char(&line, '\n');
        if (cli->csv) {
            st = ly_json_csv_put(&csv, cli, ly_buf_view(&line), err);
        } else {
            (void)fwrite(ly_buf_text(&line), 1, line.len, cli->out);
        }
        ly_buf_release(&line);
    }
    ly_json_csv_release(&csv);
    return st;
}

/* Each row that a condition does not let pass is named. */
static int judge(ly_cli *cli, const ly_stat_query *q, const ly_stat_row *rows, size_t n,
                 const ly_stat_test *tests, size_t n_tests)
{
    int exit_code = LY_EXIT_DONE;
    /* Nothing came in: no calls, no errors, and of the rest nothing is known. */
    const ly_stat_row none = {.p50_ns = LY_UNKNOWN,
                              .p95_ns = LY_UNKNOWN,
                              .p99_ns = LY_UNKNOWN,
                              .ttft_p50_ns = LY_UNKNOWN,
                              .tokens_per_s = NAN,
                              .tokens_in = LY_UNKNOWN,
                              .tokens_out = LY_UNKNOWN,
                              .cost_pico = LY_UNKNOWN};
    for (size_t t = 0; t < n_tests; t++) {
        bool known = false;
        for (size_t i = 0; i < (n ? n : 1); i++) {
            const ly_stat_row *row = n ? &rows[i] : &none;
            double value;
            ly_buf who;
            bool fails = ly_stat_test_fails(&tests[t], row, &value);
            known = known || !isnan(value);
            if (!fails) {
                continue;
            }
            exit_code = LY_EXIT_NO;
            ly_buf_init(&who, LY_KIB(16));
            ly_buf figure;
            ly_buf_init(&figure, 256);
            for (size_t k = 0; n && k < q->n_by; k++) {
                ly_buf_fmt(&who, "%s %.*s ", ly_stat_key_name(q->by[k]),
                           LY_STR_ARG(row->keys[k].len ? row->keys[k] : LY_S("-")));
            }
            ly_stat_test_value(&tests[t], value, &figure);
            ly_cli_note(cli, "%sfails --fail-if '%s': %s is %s", ly_buf_text(&who),
                        ly_cli_opt_at(cli, "fail-if", (int)t), tests[t].what, ly_buf_text(&figure));
            ly_buf_release(&who);
            ly_buf_release(&figure);
        }
        if (!known) {
            ly_cli_note(cli, "--fail-if '%s' is about nothing: no %s%s is known in that time",
                        ly_cli_opt_at(cli, "fail-if", (int)t), tests[t].of_score ? "score " : "",
                        tests[t].what);
        }
    }
    return exit_code;
}

int ly_trace_run_stats(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_filter *filter = NULL;
    ly_store *store = NULL;
    ly_stat_query query = {.any_origin = ly_cli_flag(cli, "all-origins")};
    ly_stat_test tests[MAX_TESTS];
    ly_stat_row *rows = NULL, *before = NULL;
    size_t n = 0, n_before = 0;
    int n_tests = ly_cli_opt_count(cli, "fail-if");
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    if (!read_by(cli, &query, &exit_code) || !ly_cli_filter(cli, 0, &filter, &exit_code)) {
        goto out;
    }
    if (n_tests > MAX_TESTS) {
        exit_code = ly_cli_usage(cli, "at most %d --fail-if", MAX_TESTS);
        goto out;
    }
    for (int i = 0; i < n_tests; i++) {
        if (ly_stat_test_parse(ly_str_c(ly_cli_opt_at(cli, "fail-if", i)), &tests[i], &err) !=
            LY_OK) {
            exit_code = ly_cli_fail(cli, &err);
            goto out;
        }
    }
    store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (store == NULL) {
        goto out;
    }
    query.filter = ly_filter_root(filter)->kind == LY_FILTER_ALL ? NULL : filter;
    query.until_ns = cli->until_ns;
    int64_t end = cli->until_ns == INT64_MAX ? ly_wall_ns() : cli->until_ns;
    query.since_ns = cli->since_ns == INT64_MIN ? end - DEFAULT_PERIOD_NS : cli->since_ns;
    ly_status st = ly_stat_run(store, &query, &arena, &rows, &n, &err);
    if (st == LY_OK && end > query.since_ns && query.since_ns > INT64_MIN / 2 &&
        end - query.since_ns < INT64_MAX / 4) {
        ly_stat_query earlier = query;
        earlier.until_ns = query.since_ns;
        earlier.since_ns = query.since_ns - (end - query.since_ns);
        st = ly_stat_run(store, &earlier, &arena, &before, &n_before, &err);
    }
    if (st != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
        goto out;
    }
    size_t shown = cli->n >= 0 && (size_t)cli->n < n ? (size_t)cli->n : n;
    if (cli->json || cli->csv) {
        if (print_machine(cli, &query, rows, shown, before, n_before, &err) != LY_OK) {
            exit_code = ly_cli_fail(cli, &err);
        }
    } else if (n > 0) {
        exit_code = print_table(cli, &query, rows, shown, before, n_before);
    } else {
        ly_cli_note(cli, "no calls in that time");
    }
    if (exit_code == LY_EXIT_DONE) {
        exit_code = judge(cli, &query, rows, n, tests, (size_t)n_tests);
    }
    if (n == 0 && cli->fail_empty) {
        exit_code = LY_EXIT_NO;
    }
out:
    ly_arena_release(&arena);
    ly_filter_free(filter);
    ly_store_close(store);
    return exit_code;
}
