/* The verbs of `lydite eval` that look at runs, and what they share with those that run. */
#include "base/clock.h"
#include "base/limits.h"
#include "cli/costing.h"
#include "cli/eval_cmd.h"
#include "cli/files.h"
#include "text/jsonw.h"

ly_status ly_eval_open(ly_cli *cli, ly_store_role role, ly_store **ret, ly_err *err)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = role;
    ly_status st = ly_store_open(ly_cli_db(cli), &opts, ret, err);
    if (st == LY_OK) {
        ly_store_book_with(*ret, ly_costing_book_of);
    }
    return st;
}

void ly_eval_release(ly_eval_session *s)
{
    for (size_t i = 0; i < s->suite.n_judges; i++) {
        ly_judge_release(s->suite.judges[i]);
    }
    ly_price_book_free(s->book);
    ly_store_close(s->store);
    ly_arena_release(&s->arena);
}

bool ly_eval_double(ly_cli *cli, const char *name, double lo, double hi, double *slot)
{
    const char *text = ly_cli_opt(cli, name);
    double v;
    if (!text) {
        return true;
    }
    ly_str s = ly_str_c(text);
    if (s.len && s.ptr[0] == '$') {
        s = ly_str_sub(s, 1, SIZE_MAX);
    }
    if (!ly_str_to_double(s, &v) || v < lo || v > hi) {
        ly_cli_usage(cli, "--%s %s: a number from %g to %g is needed", name, text, lo, hi);
        return false;
    }
    *slot = v;
    return true;
}

static int write_junit(ly_cli *cli, const char *path, const ly_gate_line *lines, size_t n)
{
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_gate_junit(lines, n, LY_S("lydite eval"), &out);
    FILE *f = fopen(path, "w");
    bool good = f && fwrite(ly_buf_text(&out), 1, out.len, f) == out.len;
    good = f && fclose(f) == 0 && good;
    ly_buf_release(&out);
    if (!good) {
        ly_err err = LY_ERR_INIT;
        (void)!LY_FAIL(&err, LY_E_IO, "%s cannot be written", path);
        return ly_cli_fail(cli, &err);
    }
    return LY_EXIT_DONE;
}

/* Prints the report and, where there is one, the gate; returns the gate's exit code. */
int ly_eval_report(ly_eval_session *s, const char *run, ly_str gate, const ly_report_opts *opts)
{
    ly_err err = LY_ERR_INIT;
    ly_report *report = NULL;
    ly_status st = ly_report_load(s->store, ly_str_c(run), opts, &s->arena, &report, &err);
    if (st) {
        return ly_cli_fail(s->cli, &err);
    }
    int code = ly_print_report(s->cli, report);
    gate = gate.len ? gate : report->gate;
    if (code || gate.len == 0) {
        return code;
    }
    ly_gate_line *lines = NULL;
    size_t n = 0;
    ly_gate_answer answer = LY_GATE_CANNOT_SAY;
    st = ly_gate_check(gate, report, &s->arena, &lines, &n, &answer, &err);
    if (st) {
        return ly_cli_fail(s->cli, &err);
    }
    if (!s->cli->json) {
        ly_print_gate(s->cli, lines, n, answer);
    }
    const char *junit = ly_cli_opt(s->cli, "junit");
    code = junit ? write_junit(s->cli, junit, lines, n) : LY_EXIT_DONE;
    return code ? code : ly_gate_exit(answer);
}

/* ---- looking -------------------------------------------------------------------------------------------------------- */

static void run_json(ly_buf *out, const ly_run *r)
{
    ly_jsonw w;
    char hex[33];
    ly_hex_encode(r->run_id, 16, hex);
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "run", hex);
    ly_jsonw_kv_str(&w, "experiment", r->experiment);
    ly_jsonw_kv_str(&w, "state", r->state);
    ly_jsonw_key(&w, "dataset");
    ly_jsonw_fmt(&w, "%.*s@%lld", LY_STR_ARG(r->dataset), (long long)r->dataset_number);
    ly_jsonw_kv_i64(&w, "cases", r->n_cases);
    ly_jsonw_kv_i64(&w, "failed", r->n_failed);
    if (r->cost_pico == LY_UNKNOWN) {
        ly_jsonw_kv_null(&w, "cost_pico");
    } else {
        ly_jsonw_kv_i64(&w, "cost_pico", r->cost_pico);
    }
    ly_jsonw_kv_i64(&w, "started_ns", r->started_ns);
    ly_jsonw_object_end(&w);
    if (ly_jsonw_end(&w, NULL) == LY_OK) {
        ly_buf_char(out, '\n');
    }
}

static void list_table(ly_cli *cli, const ly_run *runs, size_t n)
{
    static const char *const heads[] = {"RUN",   "STARTED", "STATE", "DATA",
                                        "CASES", "FAILED",  "COST",  "NAME"};
    ly_table *t = ly_table_new(cli, LY_COUNT(heads));
    if (!t) {
        return;
    }
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_table_col(t, i, heads[i], i >= 4 && i <= 6 ? LY_RIGHT : LY_LEFT, 0);
    }
    for (size_t i = 0; i < n; i++) {
        char hex[33];
        ly_buf text;
        ly_buf_init(&text, 64);
        ly_hex_encode(runs[i].run_id, 16, hex);
        ly_table_cell(t, ly_str_n(hex, 8));
        ly_time_format(runs[i].started_ns, 0, &text);
        ly_table_cell(t, ly_buf_view(&text));
        ly_table_cell(t, runs[i].state);
        ly_table_cellf(t, "%.*s@%lld", LY_STR_ARG(runs[i].dataset),
                       (long long)runs[i].dataset_number);
        ly_table_cellf(t, "%lld", (long long)runs[i].n_cases);
        ly_table_cellf(t, "%lld", (long long)runs[i].n_failed);
        ly_buf_reset(&text);
        if (runs[i].cost_pico == LY_UNKNOWN) {
            ly_buf_c(&text, "-");
        } else {
            ly_fmt_money(runs[i].cost_pico, &text);
        }
        ly_table_cell(t, ly_buf_view(&text));
        ly_table_cell(t, runs[i].experiment);
        ly_buf_release(&text);
    }
    ly_table_print(t);
    ly_table_free(t);
}

int ly_eval_run_list(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    ly_run *runs = NULL;
    size_t n = 0;
    ly_arena_init(&s.arena, 0, 0);
    ly_status st = ly_eval_open(cli, LY_STORE_READER, &s.store, &err);
    if (!st) {
        st = ly_run_list(s.store, ly_str_c(cli->n_args ? cli->args[0] : NULL),
                         cli->n > 0 ? (size_t)cli->n : 20, &s.arena, &runs, &n, &err);
    }
    int code = st ? ly_cli_fail(cli, &err) : n == 0 && cli->fail_empty ? LY_EXIT_NO : LY_EXIT_DONE;
    if (!st && cli->json) {
        ly_buf out;
        ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
        for (size_t i = 0; i < n; i++) {
            run_json(&out, &runs[i]);
        }
        fwrite(ly_buf_text(&out), 1, out.len, cli->out);
        ly_buf_release(&out);
    } else if (!st) {
        list_table(cli, runs, n);
    }
    ly_eval_release(&s);
    return code;
}

static bool report_opts(ly_cli *cli, ly_report_opts *opts)
{
    opts->baseline = ly_str_c(ly_cli_opt(cli, "baseline"));
    return ly_eval_double(cli, "level", 0.5, 0.9999, &opts->level) &&
           ly_eval_double(cli, "margin", 0, 1e9, &opts->margin);
}

int ly_eval_run_show(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    ly_report_opts opts = {0};
    ly_report *report = NULL;
    if (!report_opts(cli, &opts)) {
        return LY_EXIT_USAGE;
    }
    ly_arena_init(&s.arena, 0, 0);
    ly_status st = ly_eval_open(cli, LY_STORE_READER, &s.store, &err);
    if (!st) {
        st = ly_report_load(s.store, ly_str_c(cli->n_args ? cli->args[0] : "@last"), &opts,
                            &s.arena, &report, &err);
    }
    int code = st ? ly_cli_fail(cli, &err) : ly_print_report(cli, report);
    ly_eval_release(&s);
    return code;
}

int ly_eval_run_compare(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    ly_report_opts opts = {0};
    ly_report *report = NULL;
    ly_str note = LY_STR_NONE;
    if (!report_opts(cli, &opts)) {
        return LY_EXIT_USAGE;
    }
    ly_arena_init(&s.arena, 0, 0);
    ly_status st = ly_eval_open(cli, LY_STORE_READER, &s.store, &err);
    if (!st) {
        st = ly_report_compare(s.store, ly_str_c(cli->args[0]), ly_str_c(cli->args[1]), &opts,
                               &s.arena, &report, &note, &err);
    }
    if (!st && note.len) {
        ly_cli_note(cli, "left out, because the judge is another or was changed: %.*s",
                    LY_STR_ARG(note));
    }
    int code = st ? ly_cli_fail(cli, &err) : ly_print_report(cli, report);
    ly_eval_release(&s);
    return code;
}

int ly_eval_run_gate(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    ly_report_opts opts = {0};
    ly_str gate = LY_STR_NONE;
    const char *file = ly_cli_opt(cli, "gate");
    if (!report_opts(cli, &opts)) {
        return LY_EXIT_USAGE;
    }
    ly_arena_init(&s.arena, 0, 0);
    ly_status st = file ? ly_file_read(file, &s.arena, &gate, &err) : LY_OK;
    if (!st) {
        st = ly_eval_open(cli, LY_STORE_READER, &s.store, &err);
    }
    int code = st ? ly_cli_fail(cli, &err)
                  : ly_eval_report(&s, cli->n_args ? cli->args[0] : "@last", gate, &opts);
    ly_eval_release(&s);
    return code;
}

static void export_case(ly_buf *out, const ly_report *r, const ly_case *c, const ly_score *scores,
                        size_t n)
{
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_i64(&w, "row", c->row);
    ly_jsonw_kv_str(&w, "target",
                    c->target < (int64_t)r->n_targets ? r->targets[c->target].name : LY_S("?"));
    ly_jsonw_kv_i64(&w, "repeat", c->repeat);
    ly_jsonw_kv_bool(&w, "failed", c->failed);
    if (c->output.ptr) {
        ly_jsonw_kv_str(&w, "output", c->output);
    } else {
        ly_jsonw_kv_null(&w, "output");
    }
    if (c->error.len) {
        ly_jsonw_kv_str(&w, "error", c->error);
    }
    char hex[33];
    ly_hex_encode(c->trace_id.b, 16, hex);
    ly_jsonw_kv_c(&w, "trace", hex);
    ly_jsonw_key(&w, "scores");
    ly_jsonw_array(&w);
    for (size_t i = 0; i < n; i++) {
        if (scores[i].row != c->row || scores[i].target != c->target ||
            scores[i].repeat != c->repeat) {
            continue;
        }
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "judge", scores[i].name);
        ly_jsonw_kv_c(&w, "outcome", ly_outcome_name(scores[i].outcome));
        ly_jsonw_kv_double(&w, "value", scores[i].value);
        ly_jsonw_kv_str(&w, "label", scores[i].label);
        ly_jsonw_kv_str(&w, "reason", scores[i].reason);
        if (scores[i].detail.len) {
            ly_jsonw_key(&w, "detail");
            ly_jsonw_raw(&w, scores[i].detail);
        }
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_object_end(&w);
    if (ly_jsonw_end(&w, NULL) == LY_OK) {
        ly_buf_char(out, '\n');
    }
}

int ly_eval_run_export(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    ly_report *report = NULL;
    ly_case *cases = NULL;
    ly_score *scores = NULL;
    size_t n = 0, m = 0, first = 0;
    ly_arena_init(&s.arena, 0, 0);
    ly_status st = ly_eval_open(cli, LY_STORE_READER, &s.store, &err);
    if (!st) {
        st = ly_report_load(s.store, ly_str_c(cli->n_args ? cli->args[0] : "@last"), NULL, &s.arena,
                            &report, &err);
    }
    if (!st) {
        st = ly_run_cases(s.store, report->run.run_id, &s.arena, &cases, &n, &err);
    }
    if (!st) {
        st = ly_run_scores(s.store, report->run.run_id, &s.arena, &scores, &m, &err);
    }
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    for (size_t i = 0; i < n && !st; i++) {
        /* Both lists stand in the same order: the scores of a case begin where the last one's ended. */
        while (first < m && (scores[first].row < cases[i].row)) {
            first++;
        }
        size_t end = first;
        while (end < m && scores[end].row == cases[i].row) {
            end++;
        }
        ly_buf_reset(&out);
        export_case(&out, report, &cases[i], scores + first, end - first);
        fwrite(ly_buf_text(&out), 1, out.len, cli->out);
    }
    ly_buf_release(&out);
    int code = st ? ly_cli_fail(cli, &err) : LY_EXIT_DONE;
    ly_eval_release(&s);
    return code;
}
