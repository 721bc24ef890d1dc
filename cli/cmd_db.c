/* `lydite db`: care of the file: what is in it, is it sound, copies, retention, redaction, rebuilding. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/term.h"
#include "cli/answer.h"
#include "cli/progress.h"
#include "cli/reading.h"
#include "cost/book.h"
#include "genai/price.h"
#include "ingest/redact.h"
#include "store/store.h"
#include "text/jsonw.h"

/* ---- info ---- */

static void put_size(ly_buf *out, int64_t bytes)
{
    if (bytes == INT64_MIN)
        ly_buf_c(out, "-");
    else if (bytes < 10 * 1024)
        ly_buf_fmt(out, "%lld B", (long long)bytes);
    else if (bytes < 10 * 1024 * 1024)
        ly_buf_fmt(out, "%.1f KiB", (double)bytes / 1024);
    else if (bytes < 10LL << 30)
        ly_buf_fmt(out, "%.1f MiB", (double)bytes / 1048576);
    else
        ly_buf_fmt(out, "%.1f GiB", (double)bytes / 1073741824);
}

typedef struct line {
    const char *name, *key;
    int64_t value;
    int kind; /* 0 count, 1 bytes, 2 time */
} line;

static int info_json(ly_cli *cli, const char *path, const line *lines, size_t n,
                     const ly_store_info *info)
{
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_jsonw w;
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "db", path);
    ly_jsonw_kv_i64(&w, "format", info->version);
    ly_jsonw_kv_i64(&w, "page_size", info->page_size);
    for (size_t i = 0; i < n; i++) {
        if (lines[i].value == LY_UNKNOWN)
            ly_jsonw_kv_null(&w, lines[i].key);
        else
            ly_jsonw_kv_i64(&w, lines[i].key, lines[i].value);
    }
    ly_jsonw_object_end(&w);
    ly_err err = LY_ERR_INIT;
    ly_status st = ly_jsonw_end(&w, &err);
    ly_buf_char(&out, '\n');
    return ly_cli_flush(cli, &out, st, &err);
}

static int run_info(ly_cli *cli)
{
    int code = 0;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &code);
    if (!store)
        return code;
    ly_store_info i;
    ly_err err = LY_ERR_INIT;
    ly_status st = ly_store_info_get(store, ly_cli_flag(cli, "exact"), &i, &err);
    const char *path = ly_cli_db(cli);
    ly_store_close(store);
    if (st)
        return ly_cli_fail(cli, &err);
    const line lines[] = {
        {"traces", "traces", i.n_traces, 0},
        {"spans", "spans", i.n_spans, 0},
        {"log records", "logs", i.n_logs, 0},
        {"distinct contents", "contents", i.n_contents, 0},
        {"sessions", "sessions", i.n_sessions, 0},
        {"ledger lines", "charges", i.n_charges, 0},
        {"unsettled traces", "unsettled_traces", i.n_dirty, 0},
        {"not in the full-text index", "unindexed_traces", i.n_unindexed, 0},
        {"quarantined", "quarantined", i.n_quarantined, 0},
        {"oldest trace", "oldest_ns", i.oldest_ns, 2},
        {"newest trace", "newest_ns", i.newest_ns, 2},
        {"file", "file_bytes", i.file_bytes, 1},
        {"write-ahead log", "wal_bytes", i.wal_bytes, 1},
        {"free inside", "free_bytes", i.free_bytes, 1},
        {"free on disk", "disk_free_bytes", i.disk_free_bytes, 1},
    };
    if (cli->json)
        return info_json(cli, path, lines, LY_COUNT(lines), &i);
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_buf_fmt(&out, "%s\n", path);
    for (size_t k = 0; k < LY_COUNT(lines); k++) {
        ly_buf_fmt(&out, "  %-18s ", lines[k].name);
        if (lines[k].value == LY_UNKNOWN)
            ly_buf_char(&out, '-');
        else if (lines[k].kind == 1)
            put_size(&out, lines[k].value);
        else if (lines[k].kind == 2)
            ly_time_format(lines[k].value, 0, &out);
        else
            ly_buf_i64(&out, lines[k].value);
        ly_buf_char(&out, '\n');
    }
    return ly_cli_flush(cli, &out, LY_OK, &err);
}

/* ---- check ---- */

/* user: the ly_progress, first in what a job hands to its callbacks. */
static bool go_on(void *user, int64_t done, int64_t total)
{
    ly_progress_tell(user, done, total, LY_UNKNOWN, NULL);
    return !ly_cli_interrupted();
}

typedef struct checking {
    ly_progress progress;
    ly_cli *cli;
} checking;

static void on_finding(void *user, bool ok, const char *what, const char *detail)
{
    checking *job = user;
    ly_cli *cli = job->cli;
    ly_progress_clear(&job->progress);
    if (cli->json) {
        ly_buf out;
        ly_buf_init(&out, LY_MAX_LINE_BYTES);
        ly_jsonw w;
        ly_jsonw_init(&w, &out, 0);
        ly_jsonw_object(&w);
        ly_jsonw_kv_bool(&w, "ok", ok);
        ly_jsonw_kv_c(&w, "what", what);
        ly_jsonw_kv_c(&w, "detail", detail);
        ly_jsonw_object_end(&w);
        (void)fprintf(cli->out, "%s\n", ly_buf_text(&out));
        ly_buf_release(&out);
    } else {
        ly_buf clean;
        ly_buf_init(&clean, LY_MAX_LINE_BYTES);
        ly_term_clean(&clean, ly_str_c(detail), LY_TERM_ONE_LINE);
        (void)fprintf(cli->out, "%-4s %-10s %s\n", ok ? "ok" : "BAD", what, ly_buf_text(&clean));
        ly_buf_release(&clean);
    }
}

static int run_check(ly_cli *cli)
{
    int code = 0;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &code);
    if (!store)
        return code;
    int64_t bad = 0;
    ly_err err = LY_ERR_INIT;
    checking job = {.cli = cli};
    ly_progress_begin(&job.progress, cli, "traces");
    ly_status st =
        ly_store_check(store, ly_cli_flag(cli, "quick"), on_finding, go_on, &job, &bad, &err);
    ly_progress_clear(&job.progress);
    ly_store_close(store);
    if (st)
        return ly_cli_fail(cli, &err);
    return bad ? LY_EXIT_NO : LY_EXIT_DONE;
}

/* ---- backup ---- */

static int run_backup(ly_cli *cli)
{
    int code = 0;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &code);
    if (!store)
        return code;
    ly_err err = LY_ERR_INIT;
    ly_progress progress;
    ly_progress_begin(&progress, cli, "pages");
    ly_status st = ly_store_backup(store, cli->args[0], go_on, &progress, &err);
    ly_progress_clear(&progress);
    ly_store_close(store);
    if (st)
        return ly_cli_fail(cli, &err);
    if (cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "copy", cli->args[0]);
        return ly_answer_end(&a);
    }
    ly_cli_note(cli, "copied to %s", cli->args[0]);
    return LY_EXIT_DONE;
}

/* ---- prune ---- */

static int stopped_early(ly_cli *cli, const char *again)
{
    ly_cli_note(cli, "stopped; what was done is kept. To go on: %s", again);
    return ly_cli_signal_exit();
}

static bool age_opt(ly_cli *cli, const char *name, int64_t *ret)
{
    const char *text = ly_cli_opt(cli, name);
    *ret = 0;
    return !text || (ly_duration_parse(ly_str_c(text), ret) && *ret > 0);
}

static bool size_opt(ly_cli *cli, const char *name, int64_t *ret)
{
    const char *text = ly_cli_opt(cli, name);
    *ret = 0;
    if (!text)
        return true;
    static const struct {
        const char *unit;
        int shift;
    } units[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10},
                 {"T", 40},   {"G", 30},   {"M", 20},   {"K", 10}};
    ly_str s = ly_str_c(text);
    int shift = 0;
    for (size_t i = 0; i < LY_COUNT(units); i++)
        if (ly_str_ends(s, ly_str_c(units[i].unit))) {
            shift = units[i].shift;
            s.len -= strlen(units[i].unit);
            break;
        }
    int64_t n = 0;
    if (!ly_str_to_i64(ly_str_trim(s), &n) || n <= 0 || n > (INT64_MAX >> shift))
        return false;
    *ret = n << shift;
    return true;
}

/* Why --max-size was not reached although nothing more goes. */
static void say_too_large(ly_cli *cli, ly_store *store, const ly_retention *rule, bool nothing)
{
    ly_store_info info;
    if (rule->max_bytes <= 0 || (cli->dry_run && !nothing) ||
        ly_store_info_get(store, false, &info, NULL))
        return;
    int64_t used = info.file_bytes - info.free_bytes;
    if (used <= rule->max_bytes)
        return;
    ly_buf size;
    ly_buf_init(&size, 64);
    put_size(&size, used);
    ly_cli_note(
        cli,
        "--max-size is not reached: %s are in use, and nothing else may go: the current day "
        "is never removed for its size, nor are pinned traces and evidence",
        ly_buf_text(&size));
    ly_buf_release(&size);
}

static int run_prune(ly_cli *cli)
{
    ly_retention rule = {0};
    if (!age_opt(cli, "retain", &rule.keep_app_ns) ||
        !age_opt(cli, "retain-eval", &rule.keep_eval_ns))
        return ly_cli_usage(cli, "ages are written 30d, 12w or 36h");
    if (!size_opt(cli, "max-size", &rule.max_bytes))
        return ly_cli_usage(cli, "sizes are written 10GiB, 500MiB");
    if (!rule.keep_app_ns && !rule.keep_eval_ns && !rule.max_bytes)
        return ly_cli_usage(cli,
                            "say what goes: --retain 30d, --retain-eval 90d or --max-size 10GiB");
    int code = 0;
    ly_store *store = ly_cli_store(cli, cli->dry_run ? LY_STORE_READER : LY_STORE_WRITER, &code);
    if (!store)
        return code;
    ly_store_removed sum = {0};
    bool more = true;
    ly_status st = LY_OK;
    ly_err err = LY_ERR_INIT;
    ly_progress progress;
    ly_progress_begin(&progress, cli, "traces removed");
    while (!st && more && !ly_cli_interrupted()) {
        ly_store_removed r = {0};
        st = ly_store_prune(store, &rule, cli->dry_run, &r, &more, &err);
        sum.n_traces += r.n_traces;
        sum.n_spans += r.n_spans;
        sum.n_logs += r.n_logs;
        sum.n_kept_evidence += r.n_kept_evidence;
        ly_progress_tell(&progress, sum.n_traces, 0, LY_UNKNOWN, NULL);
    }
    ly_progress_clear(&progress);
    if (!st && !more)
        say_too_large(cli, store, &rule, sum.n_traces == 0);
    ly_store_close(store);
    if (st)
        return ly_cli_fail(cli, &err);
    if (cli->json)
        (void)fprintf(cli->out,
                      "{\"traces\":%lld,\"spans\":%lld,\"logs\":%lld,\"kept_evidence\":%lld,\"dry_"
                      "run\":%s}\n",
                      (long long)sum.n_traces, (long long)sum.n_spans, (long long)sum.n_logs,
                      (long long)sum.n_kept_evidence, cli->dry_run ? "true" : "false");
    else
        (void)fprintf(cli->out,
                      "%s %lld trace%s, %lld span%s, %lld log record%s; kept %lld as evidence\n",
                      cli->dry_run ? "would remove" : "removed", (long long)sum.n_traces,
                      ly_plural(sum.n_traces), (long long)sum.n_spans, ly_plural(sum.n_spans),
                      (long long)sum.n_logs, ly_plural(sum.n_logs), (long long)sum.n_kept_evidence);
    return more && !cli->dry_run ? stopped_early(cli, "the same command") : LY_EXIT_DONE;
}

/* ---- redact ---- */

typedef struct redacting {
    ly_progress progress;
    ly_redact *rules;
} redacting;

static ly_status redact_item(void *user, const ly_span *span, const ly_log_record *log, ly_buf *out,
                             ly_err *err)
{
    return ly_redact_message(((redacting *)user)->rules, span ? LY_REDACT_SPAN : LY_REDACT_LOG,
                             span ? span->wire : log->wire, out, err);
}

static ly_status redact_shared(void *user, bool scope, ly_str wire, ly_buf *out, ly_err *err)
{
    return ly_redact_message(((redacting *)user)->rules,
                             scope ? LY_REDACT_SCOPE : LY_REDACT_RESOURCE, wire, out, err);
}

static ly_status redact_words(void *user, ly_str text, ly_buf *out, ly_err *err)
{
    return ly_redact_text(((redacting *)user)->rules, text, out, err);
}

/* --rule NAME=PATTERN */
static bool parse_rules(ly_cli *cli, ly_redact_rule *rules, size_t max, size_t *ret_n)
{
    int n = ly_cli_opt_count(cli, "rule");
    for (int i = 0; i < n && (size_t)i < max; i++) {
        ly_str text = ly_str_c(ly_cli_opt_at(cli, "rule", i));
        size_t eq = ly_str_find_char(text, '=', 0);
        if (eq == SIZE_MAX || eq == 0)
            return false;
        rules[i] = (ly_redact_rule){ly_str_sub(text, 0, eq), ly_str_sub(text, eq + 1, SIZE_MAX)};
    }
    *ret_n = (size_t)n;
    return (size_t)n <= max;
}

static int run_redact(ly_cli *cli)
{
    ly_redact_rule rules[64];
    size_t n = 0;
    if (!parse_rules(cli, rules, LY_COUNT(rules), &n))
        return ly_cli_usage(cli, "a rule is written NAME=PATTERN, at most 64 of them");
    const char *groups = cli->n_args ? cli->args[0] : n ? "none" : "secrets";
    ly_redact *redact = NULL;
    ly_err err = LY_ERR_INIT;
    ly_status st = ly_redact_new(ly_str_c(groups), rules, n, &redact, &err);
    if (st)
        return ly_cli_fail(cli, &err);
    if (!redact)
        return ly_cli_usage(cli,
                            "no rule: name a group (secrets, pii) or give --rule NAME=PATTERN");
    int code = 0;
    ly_store *store = ly_cli_store(cli, LY_STORE_WRITER, &code);
    if (store) {
        redacting job = {.rules = redact};
        ly_store_edit how = {redact_item, redact_shared, go_on, &job, redact_words};
        int64_t changed = 0;
        ly_progress_begin(&job.progress, cli, "traces");
        st = ly_store_rewrite(store, &how, cli->dry_run, &changed, &err);
        ly_progress_clear(&job.progress);
        ly_store_close(store);
        if (st == LY_E_CANCELLED && ly_cli_interrupted())
            code = stopped_early(cli, "the same command");
        else if (st)
            code = ly_cli_fail(cli, &err);
        else if (cli->json)
            (void)fprintf(cli->out, "{\"changed\":%lld,\"places\":%llu,\"dry_run\":%s}\n",
                          (long long)changed, (unsigned long long)ly_redact_total(redact),
                          cli->dry_run ? "true" : "false");
        else
            (void)fprintf(cli->out, "%s %lld record%s, %llu place%s\n",
                          cli->dry_run ? "would change" : "changed", (long long)changed,
                          ly_plural(changed), (unsigned long long)ly_redact_total(redact),
                          ly_plural(ly_redact_total(redact)));
    }
    ly_redact_free(redact);
    return code;
}

/* ---- rebuild ---- */

typedef struct rebuilding {
    ly_progress progress;
    ly_price_book *book;
} rebuilding;

static ly_priced price_by_book(void *user, const ly_canon *canon, int64_t at_ns)
{
    return ly_price_span(((rebuilding *)user)->book, canon, at_ns);
}

static int run_rebuild(ly_cli *cli)
{
    int code = 0;
    ly_store *store = ly_cli_store(cli, LY_STORE_WRITER, &code);
    if (!store)
        return code;
    ly_err err = LY_ERR_INIT;
    rebuilding job = {.book = NULL};
    ly_store_rebuild how = {
        .normalise = ly_cli_flag(cli, "normalise"), .progress = go_on, .user = &job};
    ly_status st = LY_OK;
    if (how.normalise) {
        st = ly_cost_book_open(store, &job.book, &err);
        how.price = price_by_book;
    }
    ly_progress_begin(&job.progress, cli, "traces");
    if (!st)
        st = ly_store_rebuild_run(store, &how, &err);
    ly_progress_clear(&job.progress);
    ly_price_book_free(job.book);
    ly_store_close(store);
    if (st == LY_E_CANCELLED && ly_cli_interrupted())
        return stopped_early(cli, "the same command");
    if (st)
        return ly_cli_fail(cli, &err);
    if (cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "rebuilt", ly_cli_db(cli));
        ly_jsonw_kv_bool(&a.w, "normalised", how.normalise);
        return ly_answer_end(&a);
    }
    ly_cli_note(cli, "rebuilt");
    return LY_EXIT_DONE;
}

/* ---- migrate ---- */

static int run_migrate(ly_cli *cli)
{
    int code = 0;
    ly_store *store = ly_cli_store(cli, LY_STORE_WRITER, &code);
    if (!store)
        return code;
    ly_store_info info;
    ly_err err = LY_ERR_INIT;
    ly_status st = ly_store_info_get(store, false, &info, &err);
    ly_store_close(store);
    if (st)
        return ly_cli_fail(cli, &err);
    if (cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_i64(&a.w, "format", info.version);
        ly_jsonw_kv_bool(&a.w, "migrated", false);
        return ly_answer_end(&a);
    }
    (void)fprintf(cli->out, "format %d is this build's own: nothing to migrate\n", info.version);
    return LY_EXIT_DONE;
}

static const ly_opt info_opts[] = {
    {"exact", 0, NULL, "count every row (slow on a large file)", false}};
static const ly_opt check_opts[] = {
    {"quick", 0, NULL, "pages and sums only, no record is decoded", false}};
static const ly_opt prune_opts[] = {
    {"retain", 0, "AGE", "remove traces that arrived earlier (30d)", false},
    {"retain-eval", 0, "AGE", "the same for traces of evaluations and judges", false},
    {"max-size", 0, "SIZE", "remove the oldest days until the file is smaller (10GiB)", false},
};
static const ly_opt redact_opts[] = {
    {"rule", 0, "NAME=PATTERN", "a rule of your own (PCRE2)", true}};
static const ly_opt rebuild_opts[] = {
    {"normalise", 0, NULL, "also read every record again by today's rules and prices", false},
};

static const ly_verb db_verbs[] = {
    {"info", "", 0, 0, "what is in the file",
     "Counts are estimates unless --exact. --json: db, format, page_size, traces, spans, logs, "
     "contents,\n"
     "sessions, charges, unsettled_traces, unindexed_traces, quarantined, oldest_ns, newest_ns, "
     "file_bytes, "
     "wal_bytes,\n"
     "free_bytes, disk_free_bytes.",
     "lydite db info", LY_COMMON_READ, info_opts, 1, run_info},
    {"check", "", 0, 0, "does everything in it hold together",
     "Pages and indexes, every record's bytes, summaries, sessions and the ledger's sums. Exit "
     "code 1 when\n"
     "something is wrong. The pages are read in one look, for which the write-ahead log of a "
     "running\n"
     "collector grows: of a file of many gigabytes check a copy (lydite db backup).\n"
     "--json: a line for each finding: ok, what, detail.",
     "lydite db check\nlydite db check --quick", LY_COMMON_READ, check_opts, 1, run_check},
    {"backup", "FILE", 1, 1, "copy the database while others write",
     "FILE must not exist; the copy is a database of its own. --json: copy (its path).",
     "lydite db backup backup.db", LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, NULL, 0,
     run_backup},
    {"prune", "", 0, 0, "remove old traces, keep the ledger and evidence",
     "Whole days of arrival go, oldest first, in small steps beside a running collector. Pinned "
     "traces and\n"
     "those that a data-set row, a human score or a promotion names stay; ledger lines always do.\n"
     "For --max-size alone the current day never goes.\n"
     "--json: traces, spans, logs, kept_evidence, dry_run.",
     "lydite db prune --retain 30d --dry-run",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT | LY_COMMON_DRY, prune_opts, 3, run_prune},
    {"redact", "[GROUPS]", 0, 1, "apply redaction rules to what is stored",
     "GROUPS: secrets, pii, or both with a comma (secrets). What matches becomes [redacted:RULE] "
     "and the\n"
     "old bytes are overwritten: in spans, logs, resources, scores, the ledger's names of users, "
     "sessions\n"
     "and services; quarantined items and cached replies that match go. Prompts and data sets stay "
     "as "
     "they\n"
     "were written. --json: changed, places, dry_run.",
     "lydite db redact secrets --dry-run",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT | LY_COMMON_DRY, redact_opts, 1, run_redact},
    {"rebuild", "", 0, 0, "make summaries, sessions and sums anew",
     "--json: rebuilt (the path) normalised.", "lydite db rebuild",
     LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, rebuild_opts, 1, run_rebuild},
    {"migrate", "", 0, 0, "bring the file to this build's format", "--json: format migrated.",
     "lydite db migrate", LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, NULL, 0, run_migrate},
};
const ly_cmd ly_cmd_db = {"db",     "care of the database file", "Data",
                          db_verbs, LY_COUNT(db_verbs),          false};
