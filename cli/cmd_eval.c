/* `lydite eval`: runs, reports, gates. */
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/term.h"
#include "cli/cmd.h"
#include "cli/eval_cmd.h"
#include "cli/files.h"
#include "cli/eval_money.h"
#include "cost/book.h"
#include "eval/data.h"
#include "eval/run.h"
#include "ingest/ingest.h"
#include "text/jsonw.h"
#include "text/yaml.h"

static bool is_file(const char *path)
{
    return access(path, R_OK) == 0;
}

/* One prompt of the command line: a file, parsed, or a name of the registry. */
typedef struct prompt_arg {
    const char *arg;
    bool file;
    ly_str text, name;
    ly_prompt_doc *doc;
} prompt_arg;

static ly_status read_prompts(ly_eval_session *s, prompt_arg *prompts, int n, ly_err *err)
{
    ly_status st = LY_OK;
    for (int i = 0; i < n && !st; i++) {
        prompt_arg *p = &prompts[i];
        p->arg = ly_cli_opt_at(s->cli, "prompt", i);
        /* Something with a slash or an ending is meant as a file even when it is not there. */
        bool path_like = strchr(p->arg, '/') || strstr(p->arg, ".txt") || strstr(p->arg, ".md");
        p->file = is_file(p->arg) || (path_like && !strchr(p->arg, '@'));
        if (!p->file) {
            continue;
        }
        p->name = ly_file_stem(p->arg, &s->arena);
        st = ly_file_read(p->arg, &s->arena, &p->text, err);
        if (!st) {
            st = ly_prompt_doc_parse(p->text, &s->arena, &p->doc, err);
            if (st) {
                ly_err_wrap(err, "%s", p->arg);
            }
        }
    }
    return st;
}

/* Rubric files that judges name, kept in the suite so that the run can be resumed without them. */
static ly_status read_rubrics(ly_eval_session *s, ly_err *err)
{
    int n = ly_cli_opt_count(s->cli, "judge");
    s->suite.files = LY_ARENA_ARRAY(&s->arena, ly_suite_file, (size_t)n + 1);
    if (!s->suite.files) {
        return LY_NOMEM(err);
    }
    for (int i = 0; i < n; i++) {
        ly_str spec = ly_str_c(ly_cli_opt_at(s->cli, "judge", i));
        if (!ly_str_starts(spec, LY_S("rubric:"))) {
            continue;
        }
        ly_suite_file *f = &s->suite.files[s->suite.n_files++];
        f->path = ly_str_sub(spec, 7, SIZE_MAX);
        ly_status st = ly_file_read(f->path.ptr, &s->arena, &f->text, err);
        if (st) {
            return ly_err_wrap(err, "judge %.*s", LY_STR_ARG(spec));
        }
    }
    return LY_OK;
}

static ly_status read_judges(ly_eval_session *s, ly_err *err)
{
    size_t n = (size_t)ly_cli_opt_count(s->cli, "judge");
    ly_str *specs = LY_ARENA_ARRAY(&s->arena, ly_str, n + 1);
    if (!specs) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < n; i++) {
        specs[i] = ly_str_c(ly_cli_opt_at(s->cli, "judge", (int)i));
    }
    ly_status st = read_rubrics(s, err);
    const char *model = ly_cli_opt(s->cli, "judge-model");
    if (!model) {
        model = ly_cli_opt_at(s->cli, "model", 0);
    }
    s->suite.judge_model_spec = ly_str_c(model);
    return st ? st : ly_suite_judges(&s->suite, specs, n, &s->arena, err);
}

/* ---- does the data have what is asked for ------------------------------------------------------------------ */

typedef struct column_check {
    ly_eval_session *s;
    const char *path;
    prompt_arg *prompts;
    int n_prompts;
} column_check;

static ly_status check_columns(void *user, const ly_json *first_row, ly_err *err)
{
    column_check *c = user;
    ly_status st = LY_OK;
    for (int i = 0; i < c->n_prompts && !st; i++) {
        const ly_template_name *names = NULL;
        size_t n = 0;
        if (!c->prompts[i].doc) {
            continue;
        }
        st = ly_prompt_doc_names(c->prompts[i].doc, &c->s->arena, &names, &n, err);
        for (size_t k = 0; k < n && !st; k++) {
            if (!names[k].optional) {
                st = ly_data_check_columns(c->path, first_row, &names[k].name, 1,
                                           ly_str_c(c->prompts[i].arg), err);
            }
        }
    }
    for (size_t i = 0; i < c->s->suite.n_judges && !st; i++) {
        const ly_str *names = NULL;
        size_t n = 0;
        const ly_judge *j = c->s->suite.judges[i];
        st = ly_judge_names(j, &c->s->arena, &names, &n, err);
        if (!st) {
            ly_str what = ly_arena_fmt(&c->s->arena, "judge %.*s", LY_STR_ARG(ly_judge_name(j)));
            st = ly_data_check_columns(c->path, first_row, names, n, what, err);
        }
    }
    return st;
}

static ly_status check_stored(ly_eval_session *s, const ly_dataset_version *v, column_check *check,
                              ly_err *err)
{
    ly_row *rows = NULL;
    size_t n = 0;
    ly_json *doc = NULL;
    ly_status st = ly_dataset_rows(s->store, v->name, v->number, 0, 1, &s->arena, &rows, &n, err);
    if (!st && n) {
        st = ly_json_parse(rows[0].data, &s->arena, &doc, err);
    }
    return st || !doc ? st : check_columns(check, doc, err);
}

/* Only looks at the file: nothing is written before everything fits. */
static ly_status count_row(void *user, ly_str key, ly_str data, ly_err *err)
{
    column_check *c = user;
    (void)key;
    if (!c->path) {
        return LY_OK;
    }
    ly_arena arena;
    ly_json *doc = NULL;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_json_parse(data, &arena, &doc, err);
    if (!st) {
        st = check_columns(c, doc, err);
    }
    ly_arena_release(&arena);
    c->path = NULL; /* the first row speaks for all */
    return st;
}

/* ---- putting a run together ------------------------------------------------------------------------------------ */

static ly_status put_prompts(ly_eval_session *s, const prompt_arg *prompts, int n, ly_str *refs,
                             ly_err *err)
{
    ly_status st = LY_OK;
    for (int i = 0; i < n && !st; i++) {
        ly_prompt_version v;
        if (prompts[i].file) {
            ly_str note = ly_arena_fmt(&s->arena, "from %s", prompts[i].arg);
            st = ly_prompt_put(s->store, prompts[i].name, prompts[i].text, note, LY_STR_NONE,
                               &s->arena, &v, err);
        } else {
            st = ly_prompt_get(s->store, ly_str_c(prompts[i].arg), &s->arena, &v, err);
        }
        if (!st) {
            refs[i] = ly_arena_fmt(&s->arena, "%.*s@%lld", LY_STR_ARG(v.name), (long long)v.number);
        }
    }
    return st;
}

/* Targets: every prompt with every model. */
static ly_status make_targets(ly_eval_session *s, const prompt_arg *prompts, const ly_str *refs,
                              int n_prompts, ly_err *err)
{
    int n_models = ly_cli_opt_count(s->cli, "model"), per = n_models ? n_models : 1;
    ly_suite *suite = &s->suite;
    ly_status st = LY_OK;
    if (n_prompts * per > LY_SUITE_MAX_TARGETS) {
        return LY_FAIL(err, LY_E_INVALID, "%d prompts with %d models are more than %d targets",
                       n_prompts, per, LY_SUITE_MAX_TARGETS);
    }
    suite->targets = LY_ARENA_ARRAY(&s->arena, ly_target, (size_t)(n_prompts * per) + 1);
    if (!suite->targets) {
        return LY_NOMEM(err);
    }
    for (int i = 0; i < n_prompts && !st; i++) {
        for (int m = 0; m < per && !st; m++) {
            ly_target *t = &suite->targets[suite->n_targets++];
            t->prompt = refs[i];
            t->model_spec = n_models ? ly_str_c(ly_cli_opt_at(s->cli, "model", m)) : LY_STR_NONE;
            ly_str base = prompts[i].file ? ly_file_base(prompts[i].arg) : refs[i];
            t->name = per > 1 ? ly_arena_fmt(&s->arena, "%.*s %.*s", LY_STR_ARG(base),
                                             LY_STR_ARG(t->model_spec))
                              : base;
            for (size_t k = 0; k + 1 < suite->n_targets; k++) {
                if (ly_str_eq(suite->targets[k].name, t->name)) {
                    t->name = refs[i]; /* two files of one name */
                }
            }
            st = ly_target_resolve(s->store, t, &s->arena, err);
            if (!st) {
                st = ly_llm_model_check(&t->model, err);
            }
        }
    }
    return st;
}

static ly_status put_data(ly_eval_session *s, const char *data, column_check *check, ly_err *err)
{
    ly_dataset_version v;
    ly_status st;
    check->path = data;
    if (is_file(data)) {
        st = ly_data_put_file(s->store, ly_file_stem(data, &s->arena), data, NULL, NULL, &s->arena,
                              &v, err);
    } else {
        st = ly_dataset_get(s->store, ly_str_c(data), &s->arena, &v, err);
        if (!st) {
            st = check_stored(s, &v, check, err);
        }
    }
    if (!st) {
        s->suite.dataset = v.name;
        s->suite.dataset_number = v.number;
    }
    return st;
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

static ly_status store_spans(void *user, ly_str otlp, ly_err *err)
{
    ly_eval_session *s = user;
    ly_ingest_config config = {.book = s->book};
    return ly_ingest_bytes(&config, s->store, otlp, LY_OTLP_PROTO, LY_SIGNAL_TRACES, NULL, err);
}

static bool interrupted(void *user)
{
    (void)user;
    return ly_cli_interrupted();
}

static void show_progress(void *user, const ly_eval_progress *p)
{
    ly_eval_session *s = user;
    if (!s->show_progress) {
        return;
    }
    ly_buf line;
    ly_buf_init(&line, 256);
    double seconds = (double)p->elapsed_ns / 1e9,
           rate = seconds > 0 ? (double)p->done / seconds : 0;
    int64_t left = p->total - p->before - p->done;
    ly_buf_fmt(&line, "\r%lld/%lld cases  %.1f/s  ", (long long)(p->before + p->done),
               (long long)p->total, rate);
    if (rate > 0 && left > 0) {
        ly_buf_c(&line, "left ");
        ly_duration_format((int64_t)((double)left / rate * 1e9), &line);
        ly_buf_c(&line, "  ");
    }
    if (p->cost_pico != LY_UNKNOWN) {
        ly_fmt_money(p->cost_pico, &line);
    }
    if (p->retries) {
        ly_buf_fmt(&line, "  %lld retries", (long long)p->retries);
    }
    ly_buf_c(&line, "\033[K");
    fputs(ly_buf_text(&line), stderr);
    fflush(stderr);
    ly_buf_release(&line);
}

static int end_code(ly_eval_session *s, const ly_eval_result *result, const char *hex)
{
    if (result->end == LY_EVAL_COMPLETE) {
        return LY_EXIT_DONE;
    }
    const ly_eval_progress *p = &result->progress;
    fprintf(stderr,
            "lydite: %s; %lld of %lld cases are kept. Go on with:\n  lydite eval resume %.8s\n",
            result->end == LY_EVAL_INTERRUPTED ? "interrupted" : result->text,
            (long long)(p->before + p->done), (long long)p->total, hex);
    (void)s;
    return result->end == LY_EVAL_INTERRUPTED ? (ly_cli_signal_exit() ? ly_cli_signal_exit() : 130)
           : result->end == LY_EVAL_BUDGET    ? LY_EXIT_EARLY
                                              : LY_EXIT_NETWORK;
}

typedef struct failures {
    int64_t n, failed, first_row;
    bool network;
    char text[LY_ERR_TEXT_MAX];
} failures;

static ly_status count_failed(void *user, const ly_case *c, ly_err *err)
{
    failures *f = user;
    (void)err;
    f->n++;
    if (c->failed && f->failed++ == 0) {
        ly_buf text;
        ly_buf_init(&text, LY_KIB(64));
        ly_term_clean(&text, ly_str_sub(c->error, 0, 300), 0);
        (void)snprintf(f->text, sizeof f->text, "%s", ly_buf_text(&text));
        f->first_row = c->row + 1;
        f->network = ly_str_starts(c->error, LY_S("network"));
        ly_buf_release(&text);
    }
    return LY_OK;
}

/* Says how a case failed, where some did; exit 4 or 5 when there is not one output to judge. */
static int tell_failed(ly_eval_session *s, const uint8_t run_id[16])
{
    failures f = {0};
    if (ly_run_each_case(s->store, run_id, count_failed, &f, NULL) != LY_OK || f.failed == 0) {
        return LY_EXIT_DONE;
    }
    fprintf(stderr, "lydite: %lld of %lld cases failed, the first of row %lld: %s\n",
            (long long)f.failed, (long long)f.n, (long long)f.first_row, f.text);
    return f.failed < f.n ? LY_EXIT_DONE : f.network ? LY_EXIT_NETWORK : LY_EXIT_CANNOT_SAY;
}

static int execute(ly_eval_session *s, const uint8_t run_id[16], double budget_usd)
{
    ly_err err = LY_ERR_INIT;
    ly_eval_result result = {.end = LY_EVAL_COMPLETE};
    char hex[33];
    int64_t left = 0;
    ly_hex_encode(run_id, 16, hex);
    ly_eval_opts opts = {.jobs = s->cli->jobs > 0 ? (size_t)s->cli->jobs : 0,
                         .budget_pico = (int64_t)(budget_usd * 1e12),
                         .book = s->book,
                         .no_cache = ly_cli_flag(s->cli, "no-cache"),
                         .progress = show_progress,
                         .interrupted = interrupted,
                         .record = ly_cli_flag(s->cli, "no-trace") ? NULL : store_spans,
                         .user = s};
    s->show_progress = isatty(STDERR_FILENO) && !s->cli->quiet;
    ly_eval_money *money = NULL;
    ly_status st = ly_eval_money_open(ly_cli_db(s->cli), hex, opts.budget_pico, s->book, &s->suite,
                                      &money, &err);
    ly_eval_money_use(money, &opts);
    /* Opened as a writer only because a reader maps the file, which counts as resident. */
    ly_store_opts second_handle = LY_STORE_OPTS_INIT;
    second_handle.role = LY_STORE_WRITER;
    second_handle.cache_bytes = LY_MIB(8);
    st = st ? st : ly_store_open(ly_cli_db(s->cli), &second_handle, &opts.reader, &err);
    st = st ? st : ly_eval_execute(s->store, run_id, &s->suite, &opts, &result, &err);
    ly_eval_money_close(money);
    ly_store_close(opts.reader);
    if (s->show_progress) {
        fputs("\r\033[K", stderr);
    }
    bool complete = !st && result.end == LY_EVAL_COMPLETE;
    ly_err second = LY_ERR_INIT;
    ly_status last = ly_run_state(s->store, run_id, complete ? LY_S("done") : LY_S("stopped"),
                                  LY_STR_NONE, &second);
    if (!last) {
        last = ly_store_settle(s->store, 0, true, &left, &second);
    }
    if (st || last) {
        return ly_cli_fail(s->cli, st ? &err : &second);
    }
    int code = end_code(s, &result, hex);
    int shown = result.progress.before + result.progress.done > 0
                    ? ly_eval_report(s, hex, LY_STR_NONE, NULL)
                    : LY_EXIT_DONE;
    int failed = result.progress.failed > 0 ? tell_failed(s, run_id) : LY_EXIT_DONE;
    return code ? code : shown ? shown : failed;
}

static bool read_numbers(ly_eval_session *s, double *budget)
{
    ly_cli *cli = s->cli;
    ly_suite *u = &s->suite;
    int64_t repeat = 1, max_output = 1024, limit = 0, seed = 1;
    u->temperature = u->judge_temperature = LY_SHAPE_UNSET;
    u->level = 0.95;
    bool good = ly_cli_int(cli, "repeat", 1, 1000, 1, &repeat) &&
                ly_cli_int(cli, "max-output", 1, 1000000, 1024, &max_output) &&
                ly_cli_int(cli, "rows", 1, 100000000, 0, &limit) &&
                ly_cli_int(cli, "seed", 0, INT32_MAX, 1, &seed) &&
                ly_eval_double(cli, "temperature", 0, 2, &u->temperature) &&
                ly_eval_double(cli, "judge-temperature", 0, 2, &u->judge_temperature) &&
                ly_eval_double(cli, "level", 0.5, 0.9999, &u->level) &&
                ly_eval_double(cli, "margin", 0, 1e9, &u->margin) &&
                ly_eval_double(cli, "budget", 0, 1e6, budget);
    u->repeat = repeat;
    u->max_output = max_output;
    u->limit = limit;
    u->seed = (uint64_t)seed;
    u->baseline = ly_str_c(ly_cli_opt(cli, "baseline"));
    return good;
}

/* Everything that can be wrong is found before the database is touched or a call is made. */
static ly_status prepare(ly_eval_session *s, prompt_arg *prompts, int n_prompts, ly_err *err)
{
    ly_cli *cli = s->cli;
    const char *gate = ly_cli_opt(cli, "gate"), *data = ly_cli_opt(cli, "data");
    column_check check = {.s = s, .path = data, .prompts = prompts, .n_prompts = n_prompts};
    ly_status st = read_prompts(s, prompts, n_prompts, err);
    if (!st && gate) {
        ly_json *doc = NULL;
        st = ly_file_read(gate, &s->arena, &s->suite.gate, err);
        if (!st && (st = ly_yaml_parse(s->suite.gate, &s->arena, &doc, err))) {
            ly_err_wrap(err, "%s", gate);
        }
    }
    for (int i = 0; i < ly_cli_opt_count(cli, "model") && !st; i++) {
        ly_llm_model model;
        st = ly_llm_model_parse(ly_str_c(ly_cli_opt_at(cli, "model", i)), &model, err);
        if (!st) {
            st = ly_llm_model_check(&model, err);
        }
    }
    if (!st) {
        st = read_judges(s, err);
    }
    bool asks = false;
    for (size_t i = 0; i < s->suite.n_judges; i++) {
        asks = asks || ly_judge_is_llm(s->suite.judges[i]);
    }
    if (!st && asks) {
        st = ly_llm_model_check(&s->suite.judge_model, err);
    }
    if (!st && is_file(data)) {
        st = ly_data_read_file(data, count_row, &check, err);
    } else if (!st && (strchr(data, '/') || strstr(data, ".csv") || strstr(data, ".json"))) {
        st = ly_data_read_file(data, count_row, &check, err); /* says that it is not there */
    }
    return st;
}

static int run_run(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    uint8_t run_id[16];
    double budget = 0;
    int n_prompts = ly_cli_opt_count(cli, "prompt"), code;
    if (n_prompts == 0 || !ly_cli_opt(cli, "data") || ly_cli_opt_count(cli, "judge") == 0) {
        return ly_cli_usage(cli, "eval run needs --prompt, --data and --judge");
    }
    if (n_prompts > LY_SUITE_MAX_TARGETS || ly_cli_opt_count(cli, "judge") > LY_SUITE_MAX_JUDGES) {
        return ly_cli_usage(cli, "at most %d prompts and %d judges", LY_SUITE_MAX_TARGETS,
                            LY_SUITE_MAX_JUDGES);
    }
    if (!read_numbers(&s, &budget)) {
        return LY_EXIT_USAGE;
    }
    ly_arena_init(&s.arena, 0, 0);
    prompt_arg *prompts = LY_ARENA_ARRAY(&s.arena, prompt_arg, (size_t)n_prompts + 1);
    ly_str *refs = LY_ARENA_ARRAY(&s.arena, ly_str, (size_t)n_prompts + 1);
    ly_status st = prompts && refs ? prepare(&s, prompts, n_prompts, &err) : LY_NOMEM(&err);
    if (!st) {
        st = ly_eval_open(cli, LY_STORE_WRITER, &s.store, &err);
    }
    column_check check = {.s = &s, .prompts = prompts, .n_prompts = n_prompts};
    if (!st) {
        st = ly_cost_book_open(s.store, &s.book, &err);
    }
    if (!st) {
        st = put_prompts(&s, prompts, n_prompts, refs, &err);
    }
    if (!st) {
        st = make_targets(&s, prompts, refs, n_prompts, &err);
    }
    for (int i = 0; !st && i < n_prompts; i++) {
        prompts[i].doc = s.suite.targets[(size_t)i * (s.suite.n_targets / (size_t)n_prompts)].doc;
    }
    if (!st) {
        st = put_data(&s, ly_cli_opt(cli, "data"), &check, &err);
    }
    ly_buf suite;
    ly_buf_init(&suite, LY_MAX_TEXT_FILE_BYTES);
    if (!st) {
        st = ly_suite_write(&s.suite, &suite, &err);
    }
    if (!st) {
        st = ly_run_make(s.store, ly_str_c(ly_cli_opt(cli, "name")), ly_buf_view(&suite),
                         s.suite.dataset, s.suite.dataset_number, run_id, &err);
    }
    ly_buf_release(&suite);
    code = st ? ly_cli_fail(cli, &err) : execute(&s, run_id, budget);
    ly_eval_release(&s);
    return code;
}

static int run_resume(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    ly_run run;
    ly_suite *suite = NULL;
    double budget = 0;
    if (!ly_eval_double(cli, "budget", 0, 1e6, &budget)) {
        return LY_EXIT_USAGE;
    }
    ly_arena_init(&s.arena, 0, 0);
    ly_status st = ly_eval_open(cli, LY_STORE_WRITER, &s.store, &err);
    if (!st) {
        st = ly_run_get(s.store, ly_str_c(cli->n_args ? cli->args[0] : "@last"), &s.arena, &run,
                        &err);
    }
    if (!st) {
        st = ly_suite_read(s.store, run.suite, &s.arena, &suite, &err);
    }
    if (!st) {
        s.suite = *suite;
        st = ly_cost_book_open(s.store, &s.book, &err);
    }
    if (!st) {
        st = ly_run_state(s.store, run.run_id, LY_S("running"), LY_STR_NONE, &err);
    }
    int code = st ? ly_cli_fail(cli, &err) : execute(&s, run.run_id, budget);
    ly_eval_release(&s);
    return code;
}

/* Looks at everything that `run` would use and makes no call. */
static int run_check(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    double budget = 0;
    int n_prompts = ly_cli_opt_count(cli, "prompt");
    if (n_prompts == 0 || !ly_cli_opt(cli, "data") || ly_cli_opt_count(cli, "judge") == 0) {
        return ly_cli_usage(cli, "eval check needs --prompt, --data and --judge");
    }
    if (!read_numbers(&s, &budget)) {
        return LY_EXIT_USAGE;
    }
    ly_arena_init(&s.arena, 0, 0);
    prompt_arg *prompts = LY_ARENA_ARRAY(&s.arena, prompt_arg, (size_t)n_prompts + 1);
    ly_status st = prompts ? prepare(&s, prompts, n_prompts, &err) : LY_NOMEM(&err);
    int code = st ? ly_cli_fail(cli, &err) : LY_EXIT_DONE;
    if (!st) {
        fprintf(cli->out, "prompts, data, judges and models fit together; nothing was called\n");
    }
    ly_eval_release(&s);
    return code;
}

#define SUITE_OPTS                                                                                \
    {"prompt", 0, "FILE|NAME", "a prompt file, or NAME[@VERSION|@ALIAS] of the registry", true},  \
        {"data", 0, "FILE|NAME", "a CSV, JSON or JSONL file, or a data set", false},              \
        {"model", 0, "MODEL", "PROVIDER:MODEL, PROVIDER:MODEL@URL; several are all tried", true}, \
        {"judge", 0, "JUDGE", "a judge; see: lydite judge list", true},                           \
        {"judge-model", 0, "MODEL", "model of LLM judges (default: the first --model)", false},   \
        {"repeat", 0, "N", "times each row is asked (default 1)", false},                         \
        {"rows", 0, "N", "only the first N rows", false},                                         \
        {"max-output", 0, "N", "output tokens at most, where a prompt says nothing (1024)",       \
         false},                                                                                  \
        {"temperature", 0, "T", "where a prompt says nothing (default: the model's own)", false}, \
        {"judge-temperature", 0, "T", "for LLM judges (default: the model's own)", false},        \
        {"baseline", 0, "TARGET", "what the others are compared with (default: the first)",       \
         false},                                                                                  \
        {"margin", 0, "M", "a difference within which two are as good (default: none)", false},   \
        {"level", 0, "P", "of intervals and tests (default 0.95)", false},                        \
        {"seed", 0, "N", "of resampling (default 1)", false},                                     \
        {"gate", 0, "FILE", "rules that decide the exit code: 0 pass, 1 fail, 5 cannot say",      \
         false},                                                                                  \
        {"junit", 0, "FILE", "write the gate's lines as JUnit XML", false},                       \
        {"name", 0, "NAME", "the experiment that the run belongs to", false},                     \
        {"budget", 0, "USD", "stop before more than this is spent; exit 6, resumable", false},    \
        {"no-cache", 0, NULL, "ask again what was paid for before", false},                       \
    {                                                                                             \
        "no-trace", 0, NULL, "store no spans of the run", false                                   \
    }

static const ly_opt run_opts[] = {SUITE_OPTS};
static const ly_opt resume_opts[] = {
    {"budget", 0, "USD", "stop before more than this is spent by this part", false},
    {"junit", 0, "FILE", "write the gate's lines as JUnit XML", false},
    {"no-cache", 0, NULL, "ask again what was paid for before", false},
    {"no-trace", 0, NULL, "store no spans", false}};
static const ly_opt show_opts[] = {
    {"baseline", 0, "TARGET", "what the others are compared with", false},
    {"margin", 0, "M", "a difference within which two are as good", false},
    {"level", 0, "P", "of intervals and tests", false}};
static const ly_opt gate_opts[] = {
    {"gate", 0, "FILE", "rules; default: the run's own", false},
    {"junit", 0, "FILE", "write the lines as JUnit XML", false},
    {"baseline", 0, "TARGET", "what the others are compared with", false},
    {"margin", 0, "M", "a difference within which two are as good", false},
    {"level", 0, "P", "of intervals and tests", false}};

static const ly_verb verbs[] = {
    {"run", "", 0, 0, "run prompts over a data set, judge the outputs, compare",
     "Files of --prompt and --data are put into the registry by their content. Each row is asked "
     "of each "
     "prompt with each model; every output goes to every judge. What is finished is kept as it is "
     "done: "
     "Ctrl-C, a budget or a crash lose nothing, and eval resume goes on. At the end stands the "
     "paired "
     "comparison: on the same rows, with intervals, p values adjusted by Holm, a verdict of "
     "improved, "
     "regressed, equivalent, non-inferior or inconclusive, and the smallest difference that so "
     "many rows "
     "can find. A failed judgement is counted as unscored and never as a 0.\n\n"
     "--json: run, state, dataset, cases, targets[], scores[] (judge, target, rows, mean, "
     "interval, "
     "scored, abstained, unscored, unscored_reasons), comparisons[] (difference, interval, p, "
     "p_holm, "
     "verdict, smallest_findable).",
     "lydite eval run --prompt a.txt --prompt b.txt --data rows.csv --model openai:gpt-4o-mini "
     "--judge correctness --judge 'contains:{{expected}}'",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT | LY_COMMON_JOBS, run_opts,
     LY_COUNT(run_opts), run_run},
    {"check", "", 0, 0, "look whether prompts, data, judges and models fit together", "",
     "lydite eval check --prompt a.txt --data rows.csv --model openai:gpt-4o-mini --judge "
     "correctness",
     LY_COMMON_DB | LY_COMMON_PLAIN | LY_COMMON_OUT, run_opts, LY_COUNT(run_opts), run_check},
    {"resume", "[RUN]", 0, 1, "go on with a run that was stopped", "Without RUN the last one.",
     "lydite eval resume @last",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT | LY_COMMON_JOBS, resume_opts,
     LY_COUNT(resume_opts), run_resume},
    {"list", "[NAME]", 0, 1, "runs, newest first",
     "--json: one object a line: run, experiment, state, dataset, cases, failed, cost_pico, "
     "started_ns.",
     "lydite eval list -n 5", LY_COMMON_READ | LY_COMMON_N | LY_COMMON_FAIL_EMPTY, NULL, 0,
     ly_eval_run_list},
    {"show", "[RUN]", 0, 1, "the report of a run", "RUN is an id, its beginning, @last or a name.",
     "lydite eval show @last --margin 0.05", LY_COMMON_READ, show_opts, LY_COUNT(show_opts),
     ly_eval_run_show},
    {"compare", "RUN RUN", 2, 2, "a run's targets against the baseline of another",
     "Both must be over the same rows; only judges of the same name and version are compared.",
     "lydite eval compare @last~1 @last", LY_COMMON_READ, show_opts, LY_COUNT(show_opts),
     ly_eval_run_compare},
    {"gate", "[RUN]", 0, 1, "decide by rules: exit 0 pass, 1 fail, 5 cannot say",
     "Rules are YAML: a list of `judge`, and `min`, `require` (improved, non-inferior, "
     "not-regressed) or "
     "`max_unscored`, with `target` and `margin` where wanted.",
     "lydite eval gate @last --gate suite.yaml", LY_COMMON_READ, gate_opts, LY_COUNT(gate_opts),
     ly_eval_run_gate},
    {"export", "[RUN]", 0, 1, "cases with outputs and scores, one JSON object a line", "",
     "lydite eval export @last -o cases.jsonl", LY_COMMON_READ, NULL, 0, ly_eval_run_export},
};
const ly_cmd ly_cmd_eval = {
    "eval", "evaluate prompts and models", "Evaluate", verbs, LY_COUNT(verbs), false};
