/* `lydite eval`: runs, reports, gates. */
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/term.h"
#include "cli/answer.h"
#include "cli/cmd.h"
#include "cli/eval_cmd.h"
#include "cli/files.h"
#include "cli/eval_money.h"
#include "cost/book.h"
#include "eval/run.h"
#include "ingest/ingest.h"

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
    char retries[40] = "";
    if (p->retries) {
        (void)snprintf(retries, sizeof retries, "%lld %s", (long long)p->retries,
                       p->retries == 1 ? "retry" : "retries");
    }
    s->progress.before = p->before;
    ly_progress_tell(&s->progress, p->before + p->done, p->total, p->cost_pico,
                     retries[0] ? retries : NULL);
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
    fprintf(stderr, "lydite: %lld of %lld case%s failed, the first of row %lld: %s\n",
            (long long)f.failed, (long long)f.n, ly_plural(f.n), (long long)f.first_row, f.text);
    return f.failed < f.n ? LY_EXIT_DONE : f.network ? LY_EXIT_NETWORK : LY_EXIT_CANNOT_SAY;
}

static int execute(ly_eval_session *s, const uint8_t run_id[16], double budget_usd)
{
    ly_err err = LY_ERR_INIT;
    ly_eval_result result = {.end = LY_EVAL_COMPLETE};
    char hex[33];
    int64_t left = 0;
    double timeout = 0;
    ly_hex_encode(run_id, 16, hex);
    if (!ly_eval_number(s, "timeout", 0.1, 86400, &timeout)) {
        return LY_EXIT_USAGE;
    }
    ly_eval_opts opts = {.jobs = s->cli->jobs > 0 ? (size_t)s->cli->jobs : 0,
                         .budget_pico = (int64_t)(budget_usd * 1e12),
                         .book = s->book,
                         .no_cache = ly_cli_flag(s->cli, "no-cache"),
                         .timeout_ms = (int64_t)(timeout * 1000),
                         .progress = show_progress,
                         .interrupted = interrupted,
                         .on_behalf_of = ly_eval_user(),
                         .record = ly_cli_flag(s->cli, "no-trace") ? NULL : store_spans,
                         .user = s};
    ly_progress_begin(&s->progress, s->cli, "cases");
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
    ly_progress_clear(&s->progress);
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

/* The suite file, if there is one, and what a suite must have; 0 or an exit code. */
static int open_suite(ly_eval_session *s, double *budget)
{
    ly_cli *cli = s->cli;
    ly_err err = LY_ERR_INIT;
    const char *path = cli->n_args ? cli->args[0] : NULL;
    bool bare = !ly_cli_opt_count(cli, "prompt") && !ly_cli_opt_count(cli, "target") &&
                !ly_cli_opt_count(cli, "data");
    ly_arena_init(&s->arena, 0, 0);
    if (!path && bare) {
        path = ly_cli_opt(cli, "gate"); /* a suite holds its gate */
    }
    if (path && ly_eval_suite_read(s, path, &err) != LY_OK) {
        return ly_cli_fail(cli, &err);
    }
    int prompts = ly_eval_count(s, "prompt"), judges = ly_eval_count(s, "judge");
    if (prompts + ly_eval_count(s, "target") == 0 || !ly_eval_opt(s, "data") || judges == 0) {
        return ly_cli_usage(cli, "%s",
                            path ? "the suite lacks prompt (or target), data or judge"
                                 : "needs --prompt (or --target), --data and --judge, or a suite "
                                   "file; see lydite eval init");
    }
    if (prompts > LY_SUITE_MAX_TARGETS || judges > LY_SUITE_MAX_JUDGES) {
        return ly_cli_usage(cli, "at most %d prompts and %d judges", LY_SUITE_MAX_TARGETS,
                            LY_SUITE_MAX_JUDGES);
    }
    return ly_eval_numbers(s, budget) ? 0 : LY_EXIT_USAGE;
}

static int run_run(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    uint8_t run_id[16];
    double budget = 0;
    int code = open_suite(&s, &budget);
    if (code) {
        ly_eval_release(&s);
        return code;
    }
    ly_status st = ly_eval_prepare(&s, &err);
    if (!st) {
        st = ly_eval_open(cli, LY_STORE_WRITER, &s.store, &err);
    }
    if (!st) {
        st = ly_cost_book_open(s.store, &s.book, &err);
    }
    if (!st) {
        st = ly_eval_put(&s, &err);
    }
    ly_buf suite;
    ly_buf_init(&suite, LY_MAX_TEXT_FILE_BYTES);
    if (!st) {
        st = ly_suite_write(&s.suite, &suite, &err);
    }
    if (!st) {
        st = ly_run_make(s.store, ly_str_c(ly_eval_opt(&s, "name")), ly_buf_view(&suite),
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
    if (!st && ly_suite_commands(suite) && !ly_cli_flag(cli, "allow-commands")) {
        st =
            LY_FAIL(&err, LY_E_DENIED,
                    "the run has a target that is a command: say --allow-commands if you trust it");
    }
    int64_t again = 0;
    if (!st) { /* a failure may have been of the moment: done again */
        st = ly_run_forget_failed(s.store, run.run_id, &again, &err);
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
    int code = open_suite(&s, &budget);
    if (!code) {
        code = ly_eval_prepare(&s, &err) ? ly_cli_fail(cli, &err) : LY_EXIT_DONE;
    }
    if (!code && cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_bool(&a.w, "ok", true);
        code = ly_answer_end(&a);
    } else if (!code) {
        fprintf(cli->out, "prompts, data, judges and models fit together; nothing was called\n");
    }
    ly_eval_release(&s);
    return code;
}

static int run_plan(ly_cli *cli)
{
    ly_eval_session s = {.cli = cli, .calls_nobody = true};
    double budget = 0;
    int code = open_suite(&s, &budget);
    if (!code) {
        code = ly_eval_plan(&s, budget);
    }
    ly_eval_release(&s);
    return code;
}

#define SUITE_OPTS                                                                                \
    {"prompt", 0, "FILE|NAME", "a prompt file, or NAME[@VERSION|@ALIAS] of the registry", true},  \
        {"data", 0, "FILE|NAME", "a CSV, JSON or JSONL file, or a data set", false},              \
        {"target", 0, "TARGET",                                                                   \
         "column:NAME (stored outputs), command:TEXT or url:ADDRESS, each beside the prompts",    \
         true},                                                                                   \
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
        {"timeout", 0, "SECONDS", "for one answer of a command or URL (600)", false},             \
        {"allow-commands", 0, NULL, "run targets that are commands", false},                      \
        {"no-cache", 0, NULL, "ask again what was paid for before", false},                       \
    {                                                                                             \
        "no-trace", 0, NULL, "store no spans of the run", false                                   \
    }

static const ly_opt run_opts[] = {SUITE_OPTS};
static const ly_opt resume_opts[] = {
    {"budget", 0, "USD", "stop before more than this is spent by this part", false},
    {"junit", 0, "FILE", "write the gate's lines as JUnit XML", false},
    {"timeout", 0, "SECONDS", "for one answer of a command or URL (600)", false},
    {"allow-commands", 0, NULL, "run targets that are commands", false},
    {"no-cache", 0, NULL, "ask again what was paid for before", false},
    {"no-trace", 0, NULL, "store no spans", false}};
static const ly_opt init_opts[] = {
    {"prompt", 0, "FILE|NAME", "into the suite (default: two examples are written)", true},
    {"data", 0, "FILE|NAME", "into the suite (default: an example is written)", false},
    {"model", 0, "MODEL", "into the suite (default: OPENAI_MODEL, else openai:gpt-4o-mini)", true},
    {"judge", 0, "JUDGE", "into the suite (default: contains:{{expected}})", true},
    {"force", 0, NULL, "write over files that are there", false}};
static const ly_opt review_opts[] = {
    {"name", 0, "NAME", "what the labels are called (default: label)", false},
    {"target", 0, "TARGET", "only outputs of this target", false},
    {"as", 0, "WHO", "whose labels these are (default: the user's name)", false},
    {"seed", 0, "N", "of the order (default 1)", false}};
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
    {"init", "[FILE]", 0, 1, "write a suite file that runs as it is",
     "FILE is suite.yaml when it is not given. What is not said by options is written as a small "
     "example beside it. A file that is there is left alone without --force.",
     "lydite eval init --prompt a.txt --prompt b.txt --data rows.csv && lydite eval run suite.yaml",
     LY_COMMON_PLAIN, init_opts, LY_COUNT(init_opts), ly_eval_run_init},
    {"plan", "[SUITE]", 0, 1, "calls, tokens and the most that a run would cost; calls nobody",
     "The most is what --budget holds for the calls: each byte a token at the dearest price, each "
     "answer as long as allowed. `about` counts four bytes a token. Replies that were paid before "
     "cost nothing and are not taken off.\n\n--json: rows, cases, calls, input_tokens, "
     "output_tokens_most, about_pico, most_pico (null where a price is unknown), steps[] (step, "
     "calls, input_tokens, output_tokens_most, about_pico, most_pico).",
     "lydite eval plan suite.yaml", LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT,
     run_opts, LY_COUNT(run_opts), run_plan},
    {"run", "[SUITE]", 0, 1, "run prompts over a data set, judge the outputs, compare",
     "SUITE is a YAML file whose members are the options below (prompt, data, model, judge, gate, "
     "...); options given here go before it. --target adds what is not a prompt: stored outputs in "
     "a column, a command that gets the row as JSON on its input and prints the answer, a URL that "
     "gets it by POST. --judge pairwise (or a rubric with `pairwise: true`) shows two outputs side "
     "by side in both orders: a win needs both orders, else it is unsettled.\n\n"
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
     "--json: one object: run, experiment, state, dataset, rows, repeat, cases, cases_expected, "
     "cases_failed, cost_pico, level, margin, targets[], scores[] (judge, target, rows, mean, "
     "interval, "
     "scored, abstained, unscored, unscored_reasons), comparisons[] (difference, interval, p, "
     "p_holm, "
     "verdict, smallest_findable), pairwise[] (candidate, against, won, lost, tie, unsettled, "
     "win_rate, net, interval, p, first_favoured, second_favoured, longer_won), rankings[] "
     "(Bradley-Terry, from three targets on).",
     "lydite eval run --prompt a.txt --prompt b.txt --data rows.csv --model openai:gpt-4o-mini "
     "--judge correctness --judge 'contains:{{expected}}'",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT | LY_COMMON_JOBS, run_opts,
     LY_COUNT(run_opts), run_run},
    {"check", "[SUITE]", 0, 1, "look whether prompts, data, judges and models fit together",
     "--json: ok.",
     "lydite eval check --prompt a.txt --data rows.csv --model openai:gpt-4o-mini --judge "
     "correctness",
     LY_COMMON_READ, run_opts, LY_COUNT(run_opts), run_check},
    {"resume", "[RUN]", 0, 1, "go on with a run that was stopped",
     "Without RUN the last one. Cases that failed are done again; nothing that was answered is "
     "paid for twice. --json: as run.",
     "lydite eval resume @last",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT | LY_COMMON_JOBS, resume_opts,
     LY_COUNT(resume_opts), run_resume},
    {"list", "[NAME]", 0, 1, "runs, newest first",
     "--json: one object a line: run, experiment, state, dataset, cases, failed, cost_pico, "
     "started_ns.",
     "lydite eval list -n 5", LY_COMMON_READ | LY_COMMON_N | LY_COMMON_FAIL_EMPTY, NULL, 0,
     ly_eval_run_list},
    {"show", "[RUN]", 0, 1, "the report of a run",
     "RUN is an id, its beginning, @last, @last~N or a name. --json: as run.",
     "lydite eval show @last --margin 0.05", LY_COMMON_READ, show_opts, LY_COUNT(show_opts),
     ly_eval_run_show},
    {"compare", "RUN RUN", 2, 2, "a run's targets against the baseline of another",
     "Both must be over the same rows; only judges of the same name and version are compared. "
     "--json: as "
     "run.",
     "lydite eval compare @last~1 @last", LY_COMMON_READ, show_opts, LY_COUNT(show_opts),
     ly_eval_run_compare},
    {"gate", "[RUN]", 0, 1, "decide by rules: exit 0 pass, 1 fail, 5 cannot say",
     "Rules are YAML: a list of `judge`, and `min`, `require` (improved, non-inferior, "
     "not-regressed) or "
     "`max_unscored`, with `target` and `margin` where wanted. --json: as run.",
     "lydite eval gate @last --gate suite.yaml", LY_COMMON_READ, gate_opts, LY_COUNT(gate_opts),
     ly_eval_run_gate},
    {"review", "[RUN]", 0, 1, "label outputs by hand, one key each",
     "Shows row and output without target or judge, in an order that chance has drawn, so that "
     "stopping early leaves a fair sample. Keys: y good, n bad, u cannot say, s later, q stop. "
     "Each label is stored at once, so that the next review goes on where this one stopped. "
     "Exit 6 when standard input ends before the first answer. "
     "judge audit RUN then compares judges with the labels.",
     "lydite eval review @last -n 50", LY_COMMON_DB | LY_COMMON_PLAIN | LY_COMMON_N, review_opts,
     LY_COUNT(review_opts), ly_eval_run_review},
    {"export", "[RUN]", 0, 1, "cases with outputs and scores, one JSON object a line",
     "--json: the same: row, target, repeat, failed, output, error, trace, scores[] (judge, "
     "outcome, "
     "value, label, reason, detail).",
     "lydite eval export @last\nlydite eval export @last -o cases.jsonl", LY_COMMON_READ, NULL, 0,
     ly_eval_run_export},
};
const ly_cmd ly_cmd_eval = {
    "eval", "evaluate prompts and models", "Evaluate", verbs, LY_COUNT(verbs), false};
