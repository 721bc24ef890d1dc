/* `lydite score`: scores on traces by people and programs. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "cli/answer.h"
#include "cli/cmd.h"
#include "store/score.h"
#include "text/jsonw.h"

static ly_status open_store(ly_cli *cli, ly_store_role role, ly_store **ret, ly_err *err)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = role;
    return ly_store_open(ly_cli_db(cli), &opts, ret, err);
}

static int run_add(ly_cli *cli)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    const char *value = ly_cli_opt(cli, "value"), *label = ly_cli_opt(cli, "label");
    const char *source = ly_cli_opt(cli, "source"), *user = getenv("USER");
    ly_score score = {.value = NAN,
                      .name = ly_str_c(cli->args[1]),
                      .label = ly_str_c(label),
                      .reason = ly_str_c(ly_cli_opt(cli, "reason")),
                      .actor = ly_str_c(user ? user : "cli")};
    if (!value && !label) {
        return ly_cli_usage(cli, "score add needs --value or --label");
    }
    if (value && !ly_str_to_double(ly_str_c(value), &score.value)) {
        return ly_cli_usage(cli, "--value %s is not a number", value);
    }
    if (source && !ly_score_source_parse(ly_str_c(source), &score.source)) {
        return ly_cli_usage(cli, "--source is human, judge, check or app, not %s", source);
    }
    ly_status st = open_store(cli, LY_STORE_WRITER, &store, &err);
    if (!st && ly_cli_flag(cli, "session")) {
        score.session = ly_str_c(cli->args[0]);
    } else if (!st) {
        st = ly_store_trace_find(store, ly_str_c(cli->args[0]), &score.trace_id, &err);
    }
    if (!st) {
        st = ly_score_add(store, &score, &err);
    }
    ly_store_close(store);
    if (st) {
        return ly_cli_fail(cli, &err);
    }
    char hex[33];
    ly_hex_encode(score.score_id, 16, hex);
    if (cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "id", hex);
        return ly_answer_end(&a);
    }
    fprintf(cli->out, "%s\n", hex);
    return LY_EXIT_DONE;
}

static void print_json(ly_cli *cli, const ly_score *s)
{
    ly_buf out;
    ly_jsonw w;
    char id[33], trace[33];
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_hex_encode(s->score_id, 16, id);
    ly_hex_encode(s->trace_id.b, 16, trace);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "id", id);
    ly_jsonw_kv_c(&w, "trace", ly_trace_id_zero(s->trace_id) ? NULL : trace);
    ly_jsonw_kv_str(&w, "session", s->session);
    ly_jsonw_kv_str(&w, "name", s->name);
    ly_jsonw_kv_double(&w, "value", s->value);
    ly_jsonw_kv_str(&w, "label", s->label);
    ly_jsonw_kv_str(&w, "reason", s->reason);
    ly_jsonw_kv_c(&w, "source", ly_score_source_name(s->source));
    ly_jsonw_kv_c(&w, "outcome", ly_outcome_name(s->outcome));
    ly_jsonw_kv_str(&w, "run", s->run);
    ly_jsonw_kv_i64(&w, "at_ns", s->at_ns);
    ly_jsonw_kv_bool(&w, "retracted", s->retracted_ns != 0);
    ly_jsonw_object_end(&w);
    if (ly_jsonw_end(&w, NULL) == LY_OK) {
        fprintf(cli->out, "%s\n", ly_buf_text(&out));
    }
    ly_buf_release(&out);
}

static void print_table(ly_cli *cli, const ly_score *rows, size_t n)
{
    static const char *const heads[] = {"SCORE",  "AT",      "NAME",  "VALUE", "LABEL",
                                        "SOURCE", "OUTCOME", "TRACE", "REASON"};
    ly_table *t = ly_table_new(cli, LY_COUNT(heads));
    for (size_t i = 0; t && i < LY_COUNT(heads); i++) {
        ly_table_col(t, i, heads[i], i == 3 ? LY_RIGHT : LY_LEFT, i == 8 ? 50 : i == 2 ? 32 : 0);
    }
    for (size_t i = 0; t && i < n; i++) {
        char id[33], trace[33];
        ly_buf time;
        ly_buf_init(&time, 64);
        ly_hex_encode(rows[i].score_id, 16, id);
        ly_hex_encode(rows[i].trace_id.b, 16, trace);
        ly_time_format(rows[i].at_ns, 0, &time);
        ly_table_cell(t, ly_str_n(id, 8));
        ly_table_cell(t, ly_buf_view(&time));
        ly_table_cell(t, rows[i].name);
        if (isnan(rows[i].value)) {
            ly_table_cell(t, LY_S("-"));
        } else {
            ly_table_cellf(t, "%g", rows[i].value);
        }
        ly_table_cell(t, rows[i].label);
        ly_table_cell(t, ly_str_c(ly_score_source_name(rows[i].source)));
        ly_table_cell(
            t, ly_str_c(rows[i].retracted_ns ? "retracted" : ly_outcome_name(rows[i].outcome)));
        ly_table_cell(t, ly_trace_id_zero(rows[i].trace_id) ? rows[i].session : ly_str_n(trace, 8));
        ly_table_cell(t, rows[i].reason);
        ly_buf_release(&time);
    }
    if (t) {
        ly_table_print(t);
    }
    ly_table_free(t);
}

static int run_list(ly_cli *cli)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_arena arena;
    ly_score *rows = NULL;
    size_t n = 0;
    ly_trace_id trace;
    ly_score_query query = {.name = ly_str_c(ly_cli_opt(cli, "name")),
                            .since_ns = cli->since_ns,
                            .until_ns = cli->until_ns,
                            .with_cases = ly_cli_flag(cli, "cases"),
                            .with_retracted = ly_cli_flag(cli, "retracted"),
                            .limit = cli->n > 0 ? (size_t)cli->n : 100};
    ly_arena_init(&arena, 0, 0);
    ly_status st = open_store(cli, LY_STORE_READER, &store, &err);
    if (!st && cli->n_args) {
        st = ly_store_trace_find(store, ly_str_c(cli->args[0]), &trace, &err);
        query.trace = &trace;
        query.with_cases = true;
    }
    if (!st) {
        st = ly_score_list(store, &query, &arena, &rows, &n, &err);
    }
    for (size_t i = 0; !st && cli->json && i < n; i++) {
        print_json(cli, &rows[i]);
    }
    if (!st && !cli->json) {
        print_table(cli, rows, n);
    }
    ly_store_close(store);
    ly_arena_release(&arena);
    return st ? ly_cli_fail(cli, &err) : n == 0 && cli->fail_empty ? LY_EXIT_NO : LY_EXIT_DONE;
}

static int run_retract(ly_cli *cli)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    uint8_t id[16];
    ly_status st = open_store(cli, LY_STORE_WRITER, &store, &err);
    for (int i = 0; i < cli->n_args && !st; i++) {
        st = ly_score_find(store, ly_str_c(cli->args[i]), id, &err);
        if (!st) {
            st = ly_score_retract(store, id, &err);
        }
        char hex[33];
        ly_hex_encode(id, 16, hex);
        if (!st && cli->json) {
            ly_answer a;
            ly_answer_begin(&a, cli);
            ly_jsonw_kv_c(&a.w, "retracted", hex);
            (void)ly_answer_end(&a);
        } else if (!st) {
            ly_cli_note(cli, "retracted %s", hex);
        }
    }
    ly_store_close(store);
    return st ? ly_cli_fail(cli, &err) : LY_EXIT_DONE;
}

static const ly_opt add_opts[] = {
    {"value", 0, "NUMBER", "the value", false},
    {"label", 0, "WORD", "a word instead of, or beside, the value", false},
    {"reason", 0, "TEXT", "why", false},
    {"source", 0, "SOURCE", "human (default), app, check or judge", false},
    {"session", 0, NULL, "the first argument is a session, not a trace", false}};
static const ly_opt list_opts[] = {{"name", 0, "NAME", "only this score", false},
                                   {"cases", 0, NULL, "those of evaluation cases too", false},
                                   {"retracted", 0, NULL, "retracted ones too", false}};
static const ly_verb verbs[] = {
    {"add", "TRACE NAME", 2, 2, "put a score on a trace",
     "Prints the score's id. TRACE is an id, a unique prefix, @last or @last~N. --json: id.",
     "lydite score add @last helpful --value 1 --reason 'answered at once'", LY_COMMON_READ,
     add_opts, LY_COUNT(add_opts), run_add},
    {"list", "[TRACE]", 0, 1, "scores, newest first",
     "--json: one object a line: id, trace, session, name, value, label, reason, source, outcome, "
     "run, "
     "at_ns, retracted.",
     "lydite score list --name helpful -n 20",
     LY_COMMON_READ | LY_COMMON_N | LY_COMMON_TIME | LY_COMMON_FAIL_EMPTY, list_opts,
     LY_COUNT(list_opts), run_list},
    {"retract", "SCORE...", 1, -1, "take a score back; it stays on record as retracted",
     "SCORE is an id of `score list` or its beginning. --json: retracted (the id), one object a "
     "line.",
     "lydite score retract 3f2a91bc", LY_COMMON_READ, NULL, 0, run_retract},
};
const ly_cmd ly_cmd_score = {"score", "scores on traces", "Evaluate",
                             verbs,   LY_COUNT(verbs),    false};
