/*
 * `lydite view`, which `lydite` alone is too: the screens on a terminal, the printed list elsewhere. Joins
 * what the viewer may not include: the collector, scores, saved filters.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/collecting.h"
#include "cli/trace_verbs.h"
#include "prompts/prompt_file.h"
#include "store/score.h"

typedef struct joined {
    ly_cli *cli;
    const char *db;
    const char *shown; /* NULL, or the empty one that is shown until db is there */
    ly_collecting how;
    ly_collector *collector;
    ly_arena arena; /* texts of saved filters */
} joined;

/* ---- what the viewer asks for ---------------------------------------------------------------- */

static ly_status collect(void *user, ly_buf *ret_where, ly_err *err)
{
    joined *j = user;
    if (ly_collecting_opts(j->cli, &j->how) != LY_EXIT_DONE) {
        return LY_FAIL(err, LY_E_INVALID, "the collector's options do not go together");
    }
    j->how.opts.db = j->db;
    ly_status st = ly_collecting_lend(&j->how, err);
    if (st == LY_OK) {
        st = ly_collector_start(&j->how.opts, &j->collector, err);
    }
    if (st == LY_E_BUSY) {
        j->how.opts.grpc_port = j->how.opts.http_port = 0;
        st = ly_collector_start(&j->how.opts, &j->collector, err);
    }
    if (st == LY_OK) {
        const ly_collector_info *info = ly_collector_get_info(j->collector);
        ly_buf_fmt(ret_where, "http://%s:%d and gRPC %s:%d", info->address, info->http_port,
                   info->address, info->grpc_port);
    } else {
        ly_collecting_end(&j->how);
    }
    return st;
}

static bool collecting(void *user, ly_buf *ret_where)
{
    joined *j = user;
    ly_runtime there;
    if (j->collector != NULL) {
        const ly_collector_info *info = ly_collector_get_info(j->collector);
        if (ret_where != NULL) {
            ly_buf_fmt(ret_where, "http://%s:%d", info->address, info->http_port);
        }
        return true;
    }
    if (ly_runtime_find(j->db, &there, NULL) != LY_OK) {
        return false;
    }
    if (ret_where != NULL) {
        ly_buf_fmt(ret_where, "http://%s:%d", there.address, there.http_port);
    }
    return true;
}

static ly_status score(void *user, const char *db, ly_trace_id trace, ly_span_id span, ly_str name,
                       double value, bool has_value, ly_str note, ly_err *err)
{
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    const char *actor = getenv("USER");
    ly_score s;
    (void)user;
    memset(&s, 0, sizeof s);
    opts.role = LY_STORE_WRITER;
    opts.create = false;
    opts.busy_timeout_ns = 3 * LY_NS_PER_SEC;
    s.trace_id = trace;
    s.span_id = span;
    s.name = name;
    s.value = has_value ? value : __builtin_nan("");
    s.label = has_value ? LY_S("") : LY_S("note");
    s.reason = note;
    s.source = LY_SCORE_HUMAN;
    s.actor = actor != NULL ? ly_str_c(actor) : LY_S("");
    ly_status st = ly_store_open(db, &opts, &store, err);
    if (st == LY_OK) {
        st = ly_score_add(store, &s, err);
    }
    ly_store_close(store);
    return st;
}

static ly_str filter_lookup(void *user, ly_str name)
{
    joined *j = user;
    return ly_cli_saved_filter(&j->arena, name);
}

static ly_status save_filter(void *user, ly_str name, ly_str text, ly_err *err)
{
    (void)user;
    return ly_cli_save_filter(name, text, err);
}

static ly_status diff(void *user, ly_str a, ly_str b, ly_buf *out, ly_err *err)
{
    bool changed;
    (void)user;
    return ly_text_diff(a, b, out, &changed, err);
}

/* ---- replay ---------------------------------------------------------------------------------- */

/* A database of its own for the files, removed afterwards. */
typedef struct replay {
    char folder[128];
    char path[160];
} replay;

static void end_replay(const replay *r)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; r->folder[0] != '\0' && i < LY_COUNT(ends); i++) {
        char path[200];
        (void)snprintf(path, sizeof path, "%s%s", r->path, ends[i]);
        (void)unlink(path);
    }
    if (r->folder[0] != '\0') {
        (void)rmdir(r->folder);
    }
}

/* No files: a database that stays empty. */
static ly_status begin_replay(ly_cli *cli, replay *r, const char *const *files, int n, ly_err *err)
{
    const char *tmp = getenv("TMPDIR");
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_ingest_outcome sum;
    if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > 80) {
        tmp = "/tmp";
    }
    (void)snprintf(r->folder, sizeof r->folder, "%s/lydite-replay-XXXXXX", tmp);
    if (mkdtemp(r->folder) == NULL) {
        ly_status st = LY_FAIL(err, LY_E_IO, "%s: %s", r->folder, strerror(errno));
        r->folder[0] = '\0';
        return st;
    }
    (void)snprintf(r->path, sizeof r->path, "%s/replay.db", r->folder);
    opts.role = LY_STORE_WRITER;
    opts.durability = LY_DURABLE_NORMAL;
    ly_status st = ly_store_open(r->path, &opts, &store, err);
    if (st == LY_OK && n > 0) {
        st = ly_trace_import_files(cli, store, files, n, NULL, &sum, err);
    }
    if (st == LY_OK && n > 0 && sum.received == 0) {
        st = LY_FAIL(err, LY_E_FORMAT, "%s: no spans and no log records in it", files[0]);
    }
    ly_store_close(store);
    return st;
}

static bool is_file(const char *name)
{
    struct stat st;
    return strcmp(name, "-") == 0 || (stat(name, &st) == 0 && !S_ISDIR(st.st_mode));
}

/* What can only be meant as a file, so that its absence is told rather than searched for. */
static bool is_path(const char *name)
{
    static const char *const ends[] = {".json", ".jsonl", ".pb", ".otlp"};
    ly_str text = ly_str_c(name);
    bool path = ly_str_starts(text, LY_S("/")) || ly_str_starts(text, LY_S("./")) ||
                ly_str_starts(text, LY_S("../"));
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        path = path || ly_str_ends(text, ly_str_c(ends[i]));
    }
    return path && strpbrk(name, ":<> ") == NULL;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int ways_in(ly_cli *cli)
{
    (void)fprintf(cli->out,
                  "No database yet at %s\n\n"
                  "  lydite run -- COMMAND      run a program and see what it did\n"
                  "  lydite collect             receive traces on 4317 (gRPC) and 4318 (HTTP)\n"
                  "  lydite connect             the lines for your client library\n"
                  "  lydite view FILE           look at an OTLP file\n"
                  "  lydite eval run --help     compare prompts over a file of rows\n"
                  "  lydite --help              all commands\n",
                  ly_cli_db(cli));
    return LY_EXIT_DONE;
}

/* --trace where there is no screen: its printing twin. */
static int print_trace(ly_cli *cli, const char *which)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_trace_id trace;
    ly_buf out;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (store != NULL && ly_cli_trace(cli, store, which, &trace, &exit_code)) {
        ly_print_opts how = ly_cli_print_opts(cli);
        ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
        ly_status st = cli->json ? ly_viewer_json_trace(store, trace, &out, &err)
                                 : ly_viewer_print_trace(store, trace, &how, &out, &err);
        exit_code = ly_cli_flush(cli, &out, st, &err);
    }
    ly_store_close(store);
    return exit_code;
}

static int show_screens(ly_cli *cli, joined *j, const ly_filter *filter, bool memory)
{
    ly_err err = LY_ERR_INIT;
    ly_trace_id trace;
    int exit_code = LY_EXIT_DONE;
    const char *which = ly_cli_opt(cli, "trace");
    ly_viewer_opts opts = {.db_path = j->shown != NULL ? j->shown : j->db,
                           .awaited = j->shown != NULL ? j->db : NULL,
                           .filter = filter,
                           .color = cli->color,
                           .unicode = cli->unicode && !ly_cli_flag(cli, "ascii"),
                           .memory = memory,
                           .keys = ly_cli_setting(cli, "view-keys"),
                           .calls = {.collecting = collecting,
                                     .score = score,
                                     .filter_lookup = filter_lookup,
                                     .save_filter = save_filter,
                                     .diff = diff,
                                     .user = j}};
    if (!memory && !collecting(j, NULL)) {
        opts.calls.collect = collect;
    }
    if (which != NULL) {
        ly_store *store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
        bool found = store != NULL && ly_cli_trace(cli, store, which, &trace, &exit_code);
        ly_store_close(store);
        if (!found) {
            return exit_code;
        }
        opts.trace = &trace;
    }
    ly_status st = ly_viewer_run(&opts, &err);
    if (st == LY_E_UNSUPPORTED) {
        return j->shown != NULL ? ways_in(cli)
               : which != NULL  ? print_trace(cli, which)
                                : ly_trace_run_list(cli);
    }
    return st == LY_OK ? ly_cli_signal_exit() : ly_cli_fail(cli, &err);
}

/* The arguments with the files (before --) first, each kind in its order. False: err says why. The array
 * is the caller's. */
static bool files_first(const ly_cli *cli, const char ***ret_args, int *ret_n_files, ly_err *err)
{
    size_t n = (size_t)cli->n_args;
    const char **args = ly_calloc(n + 1, sizeof *args);
    int n_files = 0, at = 0;
    if (args == NULL) {
        (void)LY_NOMEM(err);
        return false;
    }
    for (int i = 0; i < cli->n_args && i < cli->n_before_dashes; i++) {
        if (is_file(cli->args[i])) {
            args[n_files++] = cli->args[i];
        } else if (is_path(cli->args[i])) {
            (void)LY_FAIL(err, LY_E_NOTFOUND, "%s: %s", cli->args[i], strerror(errno));
            ly_free(args);
            return false;
        }
    }
    at = n_files;
    for (int i = 0; i < cli->n_args; i++) {
        if (i >= cli->n_before_dashes || !is_file(cli->args[i])) {
            args[at++] = cli->args[i];
        }
    }
    *ret_args = args;
    *ret_n_files = n_files;
    return true;
}

static int run_view(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_filter *filter = NULL;
    replay files = {.folder = ""};
    joined *j = NULL;
    if (ly_cli_flag(cli, "keys")) {
        ly_buf keys;
        ly_buf_init(&keys, LY_KIB(64));
        ly_viewer_keys(&keys);
        return ly_cli_flush(cli, &keys, LY_OK, &err);
    }
    int n_files = 0;
    const char **args = NULL, **given = cli->args;
    if (!files_first(cli, &args, &n_files, &err)) {
        return ly_cli_fail(cli, &err);
    }
    bool replayed = n_files > 0;
    if (replayed) {
        if (begin_replay(cli, &files, args, n_files, &err) != LY_OK) {
            exit_code = ly_cli_fail(cli, &err);
            goto out;
        }
        (void)setenv("LYDITE_DB", files.path, 1);
        /* What is left filters them. */
        cli->args = args + n_files;
        cli->n_args -= n_files;
        cli->n_before_dashes -= n_files;
    }
    const char *which = ly_cli_opt(cli, "trace");
    const char *db = replayed ? files.path : ly_cli_db(cli);
    bool screens = cli->tty && !cli->plain && !cli->json && !cli->follow && isatty(STDIN_FILENO);
    bool missing = !replayed && which == NULL && access(db, F_OK) != 0;
    if (missing && !cli->json && !cli->follow && (cli->alone || !screens)) {
        exit_code = ways_in(cli);
        goto out;
    }
    if (!screens) {
        exit_code = which != NULL ? print_trace(cli, which) : ly_trace_run_list(cli);
        goto out;
    }
    if (!ly_cli_filter(cli, 0, &filter, &exit_code)) {
        goto out;
    }
    if (missing && begin_replay(cli, &files, NULL, 0, &err) != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
        goto out;
    }
    j = ly_calloc(1, sizeof *j);
    if (j == NULL) {
        (void)LY_NOMEM(&err);
        exit_code = ly_cli_fail(cli, &err);
        goto out;
    }
    j->cli = cli;
    j->db = db;
    j->shown = missing ? files.path : NULL;
    ly_arena_init(&j->arena, 0, LY_MIB(16));
    exit_code = show_screens(cli, j, filter, replayed);
    ly_collector_stop(j->collector, 5 * LY_NS_PER_SEC);
    ly_collecting_end(&j->how);
    ly_arena_release(&j->arena);
out:
    ly_free(j);
    ly_filter_free(filter);
    cli->args = given;
    ly_free(args);
    end_replay(&files);
    return exit_code;
}

static const ly_opt view_opts[] = {
    {"trace", 0, "TRACE", "open this trace", false},
    {"keys", 0, NULL, "print the key table", false},
    {"ascii", 0, NULL, "no characters above ASCII", false},
};

static const ly_verb verbs[] = {
    {NULL, "[FILE...|FILTER]", 0, -1, "look at traces on the terminal, live",
     "An argument that is a file (or -) is replayed: OTLP/JSON (documents on a line each, over "
     "several, or in an array) or protobuf. Other arguments are a "
     "filter, of the files too (lydite trace list --help). Where the output is no terminal, or "
     "with --plain, the "
     "list "
     "is printed once, as by `trace list`, and with --trace that trace, as by `trace show`. "
     "Screens: Traces, Trace (steps, waterfall, messages), "
     "Sessions, Evals, Prompts, Cost, Stats, Status; ? shows the keys. LYDITE_THEME=light or dark; "
     "view-keys in lydite.yaml binds keys. "
     "Where the database is not there yet, c makes it and collects; `lydite` alone prints the ways "
     "in. "
     "After -- an argument is a filter even where a file has its name. --json: as `trace list`.",
     "lydite view\nlydite view status:error since:1h\nlydite view trace.jsonl\nlydite view --keys",
     LY_COMMON_READ | LY_COMMON_N | LY_COMMON_FOLLOW | LY_COMMON_TIME | LY_COMMON_FAIL_EMPTY,
     view_opts, LY_COUNT(view_opts), run_view},
};
const ly_cmd ly_cmd_view = {"view",          "the terminal viewer; `lydite` alone is the same",
                            "Trace",         verbs,
                            LY_COUNT(verbs), false};
