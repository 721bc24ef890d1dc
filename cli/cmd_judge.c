/* `lydite judge`: what judges there are, what they ask, how they do on labelled data, scoring traces. */
#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/cmd.h"
#include "cli/files.h"
#include "cli/judge_cmd.h"
#include "cli/progress.h"
#include "cli/rubric.h"
#include "cli/trace_text.h"
#include "cost/book.h"
#include "eval/data.h"
#include "eval/stats.h"
#include "ingest/ingest.h"
#include "store/prompt.h"
#include "text/jsonw.h"

static ly_status file_read(void *user, ly_str path, ly_arena *arena, ly_str *ret, ly_err *err)
{
    return ly_rubric_read(ly_cli_db(user), path.ptr, arena, ret, err);
}

void ly_judge_work_release(ly_judge_work *w)
{
    ly_judge_release(w->judge);
    ly_llm_free(w->llm);
    ly_recorder_free(w->rec);
    ly_price_book_free(w->book);
    ly_store_close(w->store);
    ly_free(w->asks);
    ly_arena_release(&w->arena);
}

ly_status ly_judge_work_parse(ly_judge_work *w)
{
    ly_cli *cli = w->cli;
    const char *model = ly_cli_opt(cli, "model");
    ly_judge_env env = {.file = file_read, .user = cli, .temperature = LY_SHAPE_UNSET};
    ly_status st = LY_OK;
    if (model) {
        st = ly_llm_model_parse(ly_str_c(model), &w->model, &w->err);
        env.model = &w->model;
    }
    return st ? st : ly_judge_parse(ly_str_c(cli->args[0]), &env, &w->arena, &w->judge, &w->err);
}

static int run_list(ly_cli *cli)
{
    const ly_judge_about *a;
    if (cli->json) {
        for (size_t i = 0; (a = ly_judge_about_at(i)); i++) {
            ly_buf out;
            ly_jsonw w;
            ly_buf_init(&out, LY_KIB(16));
            ly_jsonw_init(&w, &out, 0);
            ly_jsonw_object(&w);
            ly_jsonw_kv_c(&w, "name", a->name);
            ly_jsonw_kv_c(&w, "kind", a->kind);
            ly_jsonw_kv_c(&w, "summary", a->summary);
            ly_jsonw_object_end(&w);
            if (ly_jsonw_end(&w, NULL) == LY_OK) {
                fprintf(cli->out, "%s\n", ly_buf_text(&out));
            }
            ly_buf_release(&out);
        }
        return LY_EXIT_DONE;
    }
    ly_table *t = ly_table_new(cli, 3);
    if (!t) {
        return LY_EXIT_INPUT;
    }
    ly_table_col(t, 0, "JUDGE", LY_LEFT, 0);
    ly_table_col(t, 1, "KIND", LY_LEFT, 0);
    ly_table_col(t, 2, "WHAT IT ASKS", LY_LEFT, 90);
    for (size_t i = 0; (a = ly_judge_about_at(i)); i++) {
        ly_table_cell(t, ly_str_c(a->name));
        ly_table_cell(t, ly_str_c(a->kind));
        ly_table_cell(t, ly_str_c(a->summary));
    }
    ly_table_print(t);
    ly_table_free(t);
    return LY_EXIT_DONE;
}

static void json_show(ly_judge_work *w, const ly_shape_msg *msgs, size_t n)
{
    ly_answer a;
    ly_answer_begin(&a, w->cli);
    ly_jsonw_kv_c(&a.w, "judge", w->cli->args[0]);
    ly_jsonw_kv_c(&a.w, "kind", ly_judge_is_llm(w->judge) ? "llm" : "check");
    ly_jsonw_kv_str(&a.w, "version", ly_str_n(ly_judge_hash(w->judge), 16));
    ly_jsonw_kv_str(&a.w, "question", ly_judge_question(w->judge));
    ly_jsonw_key(&a.w, "messages");
    ly_jsonw_array(&a.w);
    for (size_t i = 0; i < n; i++) {
        ly_jsonw_object(&a.w);
        ly_jsonw_kv_str(&a.w, "role", msgs[i].role);
        ly_jsonw_kv_str(&a.w, "content", msgs[i].text);
        ly_jsonw_object_end(&a.w);
    }
    ly_jsonw_array_end(&a.w);
    (void)ly_answer_end(&a);
}

static int run_show(ly_cli *cli)
{
    ly_judge_work w = {.cli = cli, .err = LY_ERR_INIT};
    ly_json row = {.kind = LY_JSON_OBJECT};
    ly_shape_msg *msgs = NULL;
    size_t n = 0;
    const char *missing = NULL;
    ly_arena_init(&w.arena, 0, 0);
    static const char *const fields[] = {"input", "context", "expected"};
    ly_json_member items[3];
    for (size_t i = 0; i < 3; i++) {
        items[i].key = ly_str_c(fields[i]);
        items[i].value = (ly_json){.kind = LY_JSON_STRING, .str = LY_S("...")};
    }
    row.object.items = items;
    row.object.n = 3;
    if (!ly_cli_opt(cli, "model")) {
        (void)!ly_llm_model_parse(LY_S("openai:gpt-4o-mini"), &w.model, NULL);
    }
    ly_judge_env env = {
        .file = file_read, .user = cli, .temperature = LY_SHAPE_UNSET, .model = &w.model};
    ly_status st = ly_cli_opt(cli, "model")
                       ? ly_judge_work_parse(&w)
                       : ly_judge_parse(ly_str_c(cli->args[0]), &env, &w.arena, &w.judge, &w.err);
    if (!st && !ly_judge_is_llm(w.judge) && cli->json) {
        json_show(&w, NULL, 0);
    } else if (!st && !ly_judge_is_llm(w.judge)) {
        fprintf(cli->out, "check %s: %.*s\nversion %.16s\n", cli->args[0],
                LY_STR_ARG(ly_judge_question(w.judge)), ly_judge_hash(w.judge));
    } else if (!st) {
        ly_judge_input in = {.row = &row,
                             .output = LY_S("..."),
                             .latency_ns = LY_UNKNOWN,
                             .cost_pico = LY_UNKNOWN,
                             .tokens_in = LY_UNKNOWN,
                             .tokens_out = LY_UNKNOWN};
        st = ly_judge_messages(w.judge, &in, &w.arena, &msgs, &n, &missing, &w.err);
        if (!st && cli->json) {
            json_show(&w, msgs, n);
            ly_judge_work_release(&w);
            return LY_EXIT_DONE;
        }
        fprintf(cli->out, "LLM judge %s, version %.16s%s\n", cli->args[0], ly_judge_hash(w.judge),
                ly_cli_opt(cli, "model") ? "" : " (with openai:gpt-4o-mini)");
        for (size_t i = 0; i < n && !st; i++) {
            fprintf(cli->out, "\n[%.*s]\n%.*s\n", LY_STR_ARG(msgs[i].role),
                    LY_STR_ARG(msgs[i].text));
        }
    }
    int code = st ? ly_cli_fail(cli, &w.err) : LY_EXIT_DONE;
    ly_judge_work_release(&w);
    return code;
}

static int run_put(ly_cli *cli)
{
    ly_judge_work w = {.cli = cli, .err = LY_ERR_INIT};
    ly_str text = LY_STR_NONE;
    ly_prompt_version v;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_judge_env env = {
        .file = file_read, .user = cli, .temperature = LY_SHAPE_UNSET, .model = &w.model};
    opts.role = LY_STORE_WRITER;
    ly_arena_init(&w.arena, 0, 0);
    ly_str spec = ly_arena_fmt(&w.arena, "rubric:%s", cli->args[1]);
    ly_str name = ly_arena_fmt(&w.arena, "judge/%s", cli->args[0]);
    (void)!ly_llm_model_parse(LY_S("openai:gpt-4o-mini"), &w.model, NULL);
    ly_status st = ly_judge_parse(spec, &env, &w.arena, &w.judge, &w.err);
    if (!st) {
        st = ly_file_read(cli->args[1], &w.arena, &text, &w.err);
    }
    if (!st) {
        st = ly_store_open(ly_cli_db(cli), &opts, &w.store, &w.err);
    }
    if (!st) {
        st = ly_prompt_put(w.store, name, text, ly_str_c(ly_cli_opt(cli, "message")), LY_STR_NONE,
                           &w.arena, &v, &w.err);
    }
    int code = st ? ly_cli_fail(cli, &w.err) : LY_EXIT_DONE;
    if (!st && cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_key(&a.w, "judge");
        ly_jsonw_fmt(&a.w, "rubric:%.*s@%lld", LY_STR_ARG(name), (long long)v.number);
        ly_jsonw_kv_i64(&a.w, "version", v.number);
        ly_jsonw_kv_bool(&a.w, "made", v.made_now);
        (void)ly_answer_end(&a);
    } else if (!st) {
        fprintf(cli->out, "%s judge %.*s@%lld; use it as --judge rubric:%.*s\n",
                v.made_now ? "put" : "unchanged:", LY_STR_ARG(name), (long long)v.number,
                LY_STR_ARG(name));
    }
    ly_judge_work_release(&w);
    return code;
}

/* ---- judging many ---------------------------------------------------------------------------------------- */

static void on_judged(void *user, const ly_judgement *j)
{
    ly_judge_item *a = user;
    ly_judge_work *w = a->w;
    a->j = *j;
    a->j.label = ly_arena_copy(&w->arena, j->label);
    a->j.reason = ly_arena_copy(&w->arena, j->reason);
    a->j.served_model = ly_arena_copy(&w->arena, j->served_model);
    a->j.said[0] = ly_arena_copy(&w->arena, j->said[0]);
    a->j.said[1] = ly_arena_copy(&w->arena, j->said[1]);
    a->done = true;
    w->told++;
    if (w->rec && j->calls > 0) {
        ly_record_place of = {.trace = a->trace};
        ly_record_judgement(w->rec, &a->place, &of, w->judge, j);
    }
}

static void on_call(void *user, const ly_llm_call *call, const ly_llm_result *result)
{
    ly_judge_item *a = user;
    int64_t *spent = &a->w->spent_pico;
    if (!result->cached && result->priced.amount_pico != LY_UNKNOWN) {
        *spent = (*spent == LY_UNKNOWN ? 0 : *spent) + result->priced.amount_pico;
    }
    if (a->w->rec) {
        ly_record_call(a->w->rec, &a->place, LY_ORIGIN_JUDGE, NULL, call, result);
    }
}

static ly_status judge_one(ly_judge_item *a)
{
    ly_judge_work *w = a->w;
    ly_judge_input in = {.row = a->row,
                         .output = a->output,
                         .other = a->other,
                         .repeat = a->repeat,
                         .latency_ns = LY_UNKNOWN,
                         .cost_pico = LY_UNKNOWN,
                         .tokens_in = LY_UNKNOWN,
                         .tokens_out = LY_UNKNOWN};
    if (!ly_judge_is_llm(w->judge)) {
        a->done = true;
        w->told++;
        return ly_judge_check(w->judge, &in, &w->arena, &a->j, &w->err);
    }
    if (w->rec) {
        ly_status st = ly_record_begin(w->rec, &a->place, &w->err);
        if (st) {
            return st;
        }
    }
    return (ly_judge_is_pairwise(w->judge) ? ly_judge_ask_pair : ly_judge_ask)(
        w->judge, w->llm, &in, on_judged, on_call, a, &w->err);
}

/* True when not one call came through: then there is nothing to report or to keep. */
static bool none_came_through(const ly_judge_work *w, ly_str *ret_why)
{
    for (size_t i = 0; i < w->n; i++) {
        const ly_judgement *j = &w->asks[i].j;
        bool lost = w->asks[i].done && (j->last == LY_LLM_NETWORK || j->last == LY_LLM_TIMEOUT ||
                                        j->last == LY_LLM_5XX || j->last == LY_LLM_RATE);
        if (!lost) {
            return false;
        }
        *ret_why = j->reason;
    }
    return w->n > 0;
}

/* Judges all that was gathered; stops early on Ctrl-C. */
ly_status ly_judge_work_run(ly_judge_work *w)
{
    size_t next = 0, ahead = w->cli->jobs > 0 ? (size_t)w->cli->jobs * 2 : 64;
    ly_status st = LY_OK;
    ly_llm_opts opts = {.jobs = w->cli->jobs > 0 ? (size_t)w->cli->jobs : 0, .book = w->book};
    if (ly_judge_is_llm(w->judge)) {
        st = ly_llm_model_check(&w->model, &w->err);
        if (!st) {
            st = ly_llm_new(&opts, &w->llm, &w->err);
        }
    }
    ly_progress progress;
    ly_progress_begin(&progress, w->cli, "judged");
    w->spent_pico = LY_UNKNOWN;
    while (!st && w->told < w->n && !ly_cli_interrupted()) {
        while (!st && next < w->n && next - w->told < ahead) {
            st = judge_one(&w->asks[next++]);
        }
        if (!st && w->llm) {
            st = ly_llm_poll(w->llm, 200, &w->err);
        }
        for (size_t i = 0; i < next; i++) {
            if (w->asks[i].done && ly_llm_outcome_stops(w->asks[i].j.last)) {
                st = LY_FAIL(&w->err, LY_E_NETWORK, "%.*s", LY_STR_ARG(w->asks[i].j.reason));
            }
        }
        ly_progress_tell(&progress, (int64_t)w->told, (int64_t)w->n, w->spent_pico, NULL);
    }
    ly_progress_clear(&progress);
    ly_str why = LY_STR_NONE;
    if (!st && w->told == w->n && none_came_through(w, &why)) {
        st = LY_FAIL(&w->err, LY_E_NETWORK, "model %s: %.*s", w->model.spec, LY_STR_ARG(why));
    }
    return st;
}

ly_judge_item *ly_judge_work_add(ly_judge_work *w)
{
    if (!ly_grow(&w->asks, &w->cap, w->n + 1, 10000000, sizeof *w->asks)) {
        return NULL;
    }
    ly_judge_item *a = &w->asks[w->n++];
    *a = (ly_judge_item){.w = w};
    return a;
}

/* ---- test ------------------------------------------------------------------------------------------------- */

static ly_status add_row(void *user, ly_str key, ly_str data, ly_err *err)
{
    ly_judge_work *w = user;
    ly_judge_item *a = ly_judge_work_add(w);
    (void)key;
    if (!a) {
        return LY_NOMEM(err);
    }
    ly_status st = ly_json_parse(ly_arena_copy(&w->arena, data), &w->arena, &a->row, err);
    if (st) {
        return st;
    }
    const ly_json *label = ly_json_get(a->row, "label");
    a->output = ly_json_str(ly_json_get(a->row, "output"));
    a->label = ly_json_is(label, LY_JSON_STRING) ? label->str : label ? label->raw : LY_STR_NONE;
    if (!ly_str_given(a->output) || a->label.len == 0) {
        return LY_FAIL(err, LY_E_FORMAT,
                       "row %zu has no output or no label; a test needs both columns", w->n);
    }
    double value;
    if (!ly_judge_label_value(w, a->label, &value)) {
        return LY_FAIL(err, LY_E_FORMAT,
                       "row %zu: label %.*s is neither a number, nor a verdict of the judge, nor a "
                       "word such as pass or fail",
                       w->n, LY_STR_ARG(ly_str_sub(a->label, 0, 60)));
    }
    return LY_OK;
}

bool ly_judge_label_value(const ly_judge_work *w, ly_str label, double *ret)
{
    static const char *const yes[] = {"pass",     "yes",  "true", "correct", "faithful",
                                      "relevant", "safe", "good", "win"};
    static const char *const no[] = {"fail",       "no",     "false", "incorrect", "unfaithful",
                                     "irrelevant", "unsafe", "bad",   "loss"};
    label = ly_str_trim(label);
    if (ly_str_to_double(label, ret) || ly_judge_verdict_value(w->judge, label, ret)) {
        return true;
    }
    for (size_t i = 0; i < LY_COUNT(yes); i++) {
        bool is_yes = ly_str_eq_nocase(label, ly_str_c(yes[i]));
        if (is_yes || ly_str_eq_nocase(label, ly_str_c(no[i]))) {
            *ret = is_yes;
            return true;
        }
    }
    return false;
}

static void print_share(ly_cli *cli, const char *what, int64_t k, int64_t n)
{
    ly_interval v = ly_wilson(k, n, 0.95);
    if (v.ok) {
        fprintf(cli->out, "%-34s %lld of %lld  %.3f  [%.3f, %.3f]\n", what, (long long)k,
                (long long)n, (double)k / (double)n, v.lo, v.hi);
    } else {
        fprintf(cli->out, "%-34s none\n", what);
    }
}

static void json_share(ly_jsonw *w, const char *name, int64_t k, int64_t n)
{
    ly_interval v = ly_wilson(k, n, 0.95);
    ly_jsonw_key(w, name);
    if (!v.ok) {
        ly_jsonw_null(w);
        return;
    }
    ly_jsonw_object(w);
    ly_jsonw_kv_double(w, "value", (double)k / (double)n);
    ly_jsonw_kv_double(w, "low", v.lo);
    ly_jsonw_kv_double(w, "high", v.hi);
    ly_jsonw_kv_i64(w, "n", n);
    ly_jsonw_object_end(w);
}

static int json_test(const ly_judge_work *w, const double *table, const ly_kappa *k, int64_t scored,
                     int64_t abstained, int64_t unscored)
{
    ly_answer a;
    ly_answer_begin(&a, w->cli);
    ly_jsonw_kv_c(&a.w, "judge", w->cli->args[0]);
    ly_jsonw_kv_i64(&a.w, "rows", (int64_t)w->n);
    ly_jsonw_kv_i64(&a.w, "scored", scored);
    ly_jsonw_kv_i64(&a.w, "abstained", abstained);
    ly_jsonw_kv_i64(&a.w, "unscored", unscored);
    json_share(&a.w, "agreement", (int64_t)(table[0] + table[3]), scored);
    json_share(&a.w, "tpr", (int64_t)table[0], (int64_t)(table[0] + table[1]));
    json_share(&a.w, "tnr", (int64_t)table[3], (int64_t)(table[2] + table[3]));
    ly_jsonw_key(&a.w, "kappa");
    if (k->ok) {
        ly_jsonw_object(&a.w);
        ly_jsonw_kv_double(&a.w, "value", k->kappa);
        ly_jsonw_kv_double(&a.w, "low", k->interval.lo);
        ly_jsonw_kv_double(&a.w, "high", k->interval.hi);
        ly_jsonw_object_end(&a.w);
    } else {
        ly_jsonw_null(&a.w);
    }
    return ly_answer_end(&a);
}

static int print_test(ly_judge_work *w)
{
    double table[4] = {0};
    int64_t abstained = 0, unscored = 0, scored = 0;
    for (size_t i = 0; i < w->n; i++) {
        const ly_judge_item *a = &w->asks[i];
        double label = 0;
        if (!a->done || a->j.outcome != LY_SCORED) {
            *(a->done && a->j.outcome == LY_ABSTAINED ? &abstained : &unscored) += 1;
            continue;
        }
        scored++;
        (void)!ly_judge_label_value(w, a->label, &label);
        table[(label >= 0.5 ? 0 : 2) + (a->j.value >= 0.5 ? 0 : 1)]++;
    }
    ly_kappa k = ly_cohen(table, 2, 0, 0.95);
    if (w->cli->json) {
        return json_test(w, table, &k, scored, abstained, unscored);
    }
    fprintf(w->cli->out, "%s on %zu labelled row%s: %lld scored, %lld abstained, %lld unscored\n\n",
            w->cli->args[0], w->n, ly_plural(w->n), (long long)scored, (long long)abstained,
            (long long)unscored);
    print_share(w->cli, "agrees with the label", (int64_t)(table[0] + table[3]), scored);
    print_share(w->cli, "finds the good (TPR)", (int64_t)table[0], (int64_t)(table[0] + table[1]));
    print_share(w->cli, "finds the bad (TNR)", (int64_t)table[3], (int64_t)(table[2] + table[3]));
    if (k.ok) {
        fprintf(w->cli->out, "%-34s %.3f  [%.3f, %.3f]\n", "Cohen's kappa", k.kappa, k.interval.lo,
                k.interval.hi);
    }
    return LY_EXIT_DONE;
}

static int run_test(ly_cli *cli)
{
    ly_judge_work w = {.cli = cli, .err = LY_ERR_INIT};
    const char *data = ly_cli_opt(cli, "data");
    if (!data) {
        return ly_cli_usage(cli, "judge test needs --data FILE with the columns output and label");
    }
    ly_arena_init(&w.arena, 0, 0);
    ly_status st = ly_judge_work_parse(&w);
    if (!st) {
        st = ly_data_read_file(data, add_row, &w, &w.err);
    }
    if (!st) {
        st = ly_judge_work_run(&w);
    }
    int code = st ? ly_cli_fail(cli, &w.err) : print_test(&w);
    if (!st && ly_cli_interrupted()) {
        code = ly_cli_signal_exit();
    }
    ly_judge_work_release(&w);
    return code;
}

/* ---- run ---------------------------------------------------------------------------------------------------- */

static ly_status gather_traces(ly_judge_work *w)
{
    ly_cli *cli = w->cli;
    ly_filter *filter = NULL;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    size_t limit = cli->n > 0 ? (size_t)cli->n : 100;
    bool more = true;
    ly_status st = cli->n_args > 1
                       ? ly_filter_parse(ly_str_c(cli->args[1]), NULL, &filter, NULL, &w->err)
                       : LY_OK;
    query.filter = filter;
    query.since_ns = cli->since_ns;
    query.until_ns = cli->until_ns;
    query.limit = 50;
    ly_progress progress;
    int64_t looked = 0;
    ly_progress_begin(&progress, cli, "traces looked at");
    while (!st && more && w->n < limit && !ly_cli_interrupted()) {
        ly_trace_row *rows = NULL;
        size_t n = 0;
        st = ly_store_trace_page(w->store, &query, &w->arena, &rows, &n, &query.after, &more,
                                 &w->err);
        for (size_t i = 0; i < n && !st && w->n < limit; i++) {
            ly_str in, out;
            st = ly_trace_texts(w->store, rows[i].trace_id, &w->arena, &in, &out, &w->err);
            if (st || out.len == 0) {
                continue; /* nothing recorded, nothing to judge */
            }
            ly_judge_item *a = ly_judge_work_add(w);
            ly_json_member *member = LY_ARENA_ARRAY(&w->arena, ly_json_member, 1);
            ly_json *row = LY_ARENA_NEW(&w->arena, ly_json);
            if (!a || !member || !row) {
                st = LY_NOMEM(&w->err);
                break;
            }
            member->key = LY_S("input");
            member->value = (ly_json){.kind = LY_JSON_STRING, .str = in};
            row->kind = LY_JSON_OBJECT;
            row->object.items = member;
            row->object.n = in.len ? 1 : 0;
            a->row = row;
            a->output = out;
            a->trace = rows[i].trace_id;
        }
        looked += (int64_t)n;
        ly_progress_tell(&progress, looked, 0, LY_UNKNOWN, NULL);
    }
    ly_progress_clear(&progress);
    ly_filter_free(filter);
    return st;
}

static ly_status store_scores(ly_judge_work *w)
{
    ly_status st = LY_OK;
    for (size_t i = 0; i < w->n && !st; i++) {
        ly_judge_item *a = &w->asks[i];
        ly_buf detail;
        if (!a->done) {
            continue;
        }
        ly_buf_init(&detail, LY_KIB(16));
        st = ly_judgement_detail(w->judge, &a->j, &detail, &w->err);
        ly_score s = {.trace_id = a->trace,
                      .name = ly_judge_name(w->judge),
                      .value = a->j.value,
                      .label = a->j.label,
                      .reason = a->j.reason,
                      .source = ly_judge_is_llm(w->judge) ? LY_SCORE_JUDGE : LY_SCORE_CHECK,
                      .outcome = a->j.outcome,
                      .detail = ly_buf_view(&detail)};
        if (!st) {
            st = ly_score_add(w->store, &s, &w->err);
        }
        ly_buf_release(&detail);
    }
    return st;
}

static ly_status ingest_spans(void *user, ly_str otlp, ly_err *err)
{
    ly_judge_work *w = user;
    ly_ingest_config config = {.book = w->book};
    return ly_ingest_bytes(&config, w->store, otlp, LY_OTLP_PROTO, LY_SIGNAL_TRACES, NULL, err);
}

/* The calls were paid for: they stand in the file as traces of origin judge, and so in the ledger. */
static ly_status store_spans(ly_judge_work *w)
{
    ly_buf spans;
    int64_t left = 0;
    ly_buf_init(&spans, LY_MAX_REQUEST_BYTES);
    if (ly_record_pending(w->rec) == 0) {
        return LY_OK;
    }
    ly_status st = ly_record_take(w->rec, &spans, &w->err);
    if (!st) {
        st = ly_record_send(ly_buf_view(&spans), ingest_spans, w, &w->err);
    }
    if (!st) {
        st = ly_store_settle(w->store, 0, true, &left, &w->err);
    }
    ly_buf_release(&spans);
    return st;
}

static int run_run(ly_cli *cli)
{
    ly_judge_work w = {.cli = cli, .err = LY_ERR_INIT};
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    opts.create = false;
    ly_arena_init(&w.arena, 0, 0);
    ly_status st = ly_judge_work_parse(&w);
    if (!st) {
        st = ly_store_open(ly_cli_db(cli), &opts, &w.store, &w.err);
    }
    if (!st) {
        st = ly_cost_book_open(w.store, &w.book, &w.err);
    }
    if (!st) {
        st = gather_traces(&w);
    }
    if (!st) {
        st = ly_recorder_new(LY_STR_NONE, &w.rec, &w.err);
    }
    if (!st && ly_judge_is_pairwise(w.judge)) {
        st = LY_FAIL(&w.err, LY_E_INVALID, "judge %s compares two outputs; a trace has one",
                     cli->args[0]);
    }
    if (!st) {
        ly_err first = LY_ERR_INIT;
        st = ly_judge_work_run(&w);
        first = w.err;
        /* What is done is kept when it was stopped, but not when nobody answered. */
        ly_status kept = store_spans(&w);
        kept = st == LY_E_NETWORK || kept ? kept : store_scores(&w);
        if (st) {
            w.err = first;
        }
        st = st ? st : kept;
    }
    int64_t n[3] = {0};
    double sum = 0;
    for (size_t i = 0; i < w.n; i++) {
        if (w.asks[i].done) {
            n[w.asks[i].j.outcome]++;
            sum += w.asks[i].j.outcome == LY_SCORED ? w.asks[i].j.value : 0;
        }
    }
    int code = st ? ly_cli_fail(cli, &w.err) : LY_EXIT_DONE;
    if (!st && cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "judge", cli->args[0]);
        ly_jsonw_kv_i64(&a.w, "traces", (int64_t)w.n);
        ly_jsonw_kv_i64(&a.w, "scored", n[0]);
        if (n[0]) {
            ly_jsonw_kv_double(&a.w, "mean", sum / (double)n[0]);
        } else {
            ly_jsonw_kv_null(&a.w, "mean");
        }
        ly_jsonw_kv_i64(&a.w, "abstained", n[1]);
        ly_jsonw_kv_i64(&a.w, "unscored", n[2]);
        (void)ly_answer_end(&a);
    } else if (!st) {
        fprintf(cli->out, "%s on %zu trace%s: %lld scored", cli->args[0], w.n, ly_plural(w.n),
                (long long)n[0]);
        if (n[0]) {
            fprintf(cli->out, " (mean %.3f)", sum / (double)n[0]);
        }
        fprintf(cli->out, ", %lld abstained, %lld unscored\n", (long long)n[1], (long long)n[2]);
    }
    if (!st && ly_cli_interrupted()) {
        ly_str name = ly_judge_name(w.judge);
        ly_cli_note(cli,
                    "stopped; what was scored is kept. To go on with the others: lydite judge run "
                    "%s '!score.%.*s:*'",
                    cli->args[0], LY_STR_ARG(name));
        code = ly_cli_signal_exit();
    }
    ly_judge_work_release(&w);
    return code;
}

static const ly_opt model_opts[] = {{"model", 0, "MODEL", "model of an LLM judge", false}};
static const ly_opt test_opts[] = {
    {"model", 0, "MODEL", "model of an LLM judge", false},
    {"data", 0, "FILE", "rows with output, label and what the judge needs", false}};
static const ly_opt put_opts[] = {{"message", 'm', "TEXT", "what changed", false}};
static const ly_opt audit_opts[] = {
    {"model", 0, "MODEL", "model of an LLM judge", false},
    {"data", 0, "FILE", "labelled rows", false},
    {"run", 0, "RUN", "a stored run instead, with labels of eval review", false},
    {"label", 0, "COLUMN|NAME", "one a rater; of a run: what its labels are called (label)", true},
    {"output", 0, "COLUMN", "the output (default: output); of pairwise judges the first", false},
    {"other", 0, "COLUMN", "pairwise: the second output (default: other)", false},
    {"repeat", 0, "N", "ask each row so often and say how far the answers agree (1)", false},
    {"epsilon", 0, "E", "cost of a rater: .2 expert, .15 skilled, .1 crowd (default 0.2)", false},
    {"min-items", 0, "N", "of a rater, for the alternative annotator test (default 30)", false},
    {"probes", 0, NULL, "also ask about outputs that no judge should let pass", false}};
static const ly_verb verbs[] = {
    {"put", "NAME FILE", 2, 2, "keep a rubric file as a version of a judge",
     "Versions are kept as prompts called judge/NAME: lydite prompt log, diff and tag work on "
     "them, `eval run` takes one as --judge rubric:judge/NAME. --json: judge version made.",
     "lydite judge put tone tone.yaml",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT, put_opts, LY_COUNT(put_opts),
     run_put},
    {"audit", "[JUDGE]", 0, 1, "how far a judge may be trusted, by human labels",
     "With --data the judge is asked about rows that people labelled, each --label a column of one "
     "rater; with --run stored scores are compared with the labels of eval review. Printed with "
     "intervals: agreement, kappa, AC1, the good and the bad that it finds; for graded judges "
     "correlations, bias, calibration (ECE, Brier, AUROC); with several raters how far they agree "
     "and whether the judge may stand in for one (alternative annotator test); with --repeat its "
     "agreement with itself; for pairwise judges both orders, and which place it favours; with "
     "--run what the labels say the mean really is (PPI++, Rogan-Gladen).\n\n"
     "--json: rows, scored, abstained, unscored, agreement, kappa, ac1, tpr, tnr, precision, f1, "
     "mcc, pearson, spearman, kendall, ccc, mae, bias, ece, brier, auroc, raters_alpha, alt_test, "
     "self_consistency, pairwise, probes, corrected.",
     "lydite judge audit correctness --data labelled.csv --label ann --label bo --model "
     "openai:gpt-4o-mini",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT | LY_COMMON_JOBS, audit_opts,
     LY_COUNT(audit_opts), ly_judge_run_audit},
    {"list", "", 0, 0, "judges that there are", "--json: name, kind, summary, one object a line.",
     "lydite judge list", LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT, NULL, 0, run_list},
    {"show", "JUDGE", 1, 1, "what a judge asks, word for word",
     "--json: judge kind (llm, check) version question messages (role, content).",
     "lydite judge show correctness", LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT, model_opts,
     LY_COUNT(model_opts), run_show},
    {"test", "JUDGE", 1, 1, "how far a judge agrees with labelled rows",
     "The label is a number (0.5 and more is good), a verdict of the judge, or a word such as pass "
     "or fail. Printed with intervals: agreement, how many of the good and of the bad it finds, "
     "Cohen's kappa. --json: judge rows scored abstained unscored agreement tpr tnr (value, low, "
     "high, n) kappa (value, low, high).",
     "lydite judge test correctness --data labelled.csv --model openai:gpt-4o-mini",
     LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT | LY_COMMON_JOBS, test_opts,
     LY_COUNT(test_opts), run_test},
    {"run", "JUDGE [FILTER]", 1, 2, "score recorded traces",
     "Traces without a recorded output are left out; -n limits (100). The judge's calls are stored "
     "as traces of origin judge and counted in the cost. --json: judge traces scored mean "
     "abstained "
     "unscored.",
     "lydite judge run relevance 'service:research_agent' --model openai:gpt-4o-mini -n 20",
     LY_COMMON_READ | LY_COMMON_N | LY_COMMON_TIME | LY_COMMON_JOBS, model_opts,
     LY_COUNT(model_opts), run_run},
};
const ly_cmd ly_cmd_judge = {"judge", "what scores an output", "Evaluate",
                             verbs,   LY_COUNT(verbs),         false};
