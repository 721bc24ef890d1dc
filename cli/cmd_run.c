/*
 * `lydite run -- CMD`: the command with its environment set so that its traces arrive, then what it did.
 *
 * Where no collector serves the database one runs inside, on free ports. The child has our standard
 * streams; what we say goes to standard error after it has ended.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/collecting.h"
#include "cli/env.h"
#include "viewer/viewer.h"

#define EXIT_OURS      125 /* lydite itself failed */
#define EXIT_NOT_RUN   126 /* CMD is there and cannot be run */
#define EXIT_NOT_FOUND 127
#define STOP_GRACE_NS  (5 * LY_NS_PER_SEC)
#define MAX_TREES      3

/* ------------------------------------------------------------------- signals */

static volatile sig_atomic_t child_pid;

/* What the terminal sends (Ctrl-C) reaches the child by itself; what was sent to us alone is passed on. */
static void pass_on(int signum, siginfo_t *info, void *context)
{
    (void)context;
    if (child_pid > 0 && info->si_code <= 0)
        kill((pid_t)child_pid, signum);
}

static void forward_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
    struct sigaction act = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < LY_COUNT(signals); i++)
        sigaction(signals[i], &act, NULL);
}

static int spawn_child(const char **argv, char **env, pid_t *ret_pid)
{
    posix_spawnattr_t attr;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawnp(ret_pid, argv[0], NULL, &attr, (char *const *)(uintptr_t)argv, env);
    posix_spawnattr_destroy(&attr);
    return failed;
}

static int wait_child(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return EXIT_OURS;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ------------------------------------------------------------------- the end */

static int print_trees(ly_cli *cli, ly_store *store, const ly_trace_row *rows, size_t n,
                       ly_err *err)
{
    ly_print_opts how = {.width = isatty(2) ? cli->width : 0, .unicode = cli->unicode};
    how.color = cli->color && isatty(2);
    ly_buf out;
    ly_buf_init(&out, LY_MIB(64));
    size_t first = n > MAX_TREES ? n - MAX_TREES : 0;
    ly_status status = LY_OK;
    if (first)
        ly_buf_fmt(&out, "%zu traces; the last %d:\n", n, MAX_TREES);
    for (size_t i = first; i < n && !status; i++)
        status = ly_viewer_print_trace(store, rows[i].trace_id, &how, &out, err);
    fwrite(ly_buf_text(&out), 1, out.len, stderr);
    ly_buf_release(&out);
    return status;
}

static void print_totals(const ly_trace_row *rows, size_t n)
{
    int64_t tokens = LY_UNKNOWN, cost = LY_UNKNOWN;
    bool partial = false; /* some call has no price or no counts */
    ly_buf line;
    if (n < 2)
        return;
    for (size_t i = 0; i < n; i++) {
        int64_t t = ly_tokens_total(&rows[i].tokens);
        if (t != LY_UNKNOWN)
            tokens = tokens == LY_UNKNOWN ? t : tokens + t;
        if (rows[i].cost_pico != LY_UNKNOWN)
            cost = cost == LY_UNKNOWN ? rows[i].cost_pico : cost + rows[i].cost_pico;
        partial |= (rows[i].flags & LY_TRACE_PARTIAL_COST) != 0 ||
                   (rows[i].n_generations > 0 && rows[i].cost_pico == LY_UNKNOWN);
    }
    ly_buf_init(&line, 256);
    ly_buf_fmt(&line, "all %zu traces: tokens ", n);
    ly_viewer_count(tokens, &line);
    ly_buf_c(&line, partial && cost != LY_UNKNOWN ? ", cost at least " : ", cost ");
    ly_money_format(cost, LY_MONEY_WIDE, &line);
    fprintf(stderr, "%s\n", ly_buf_text(&line));
    ly_buf_release(&line);
}

/* The traces that started since the child did. */
static ly_status show(ly_cli *cli, const char *db, int64_t since_ns, ly_err *err)
{
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    ly_trace_row *rows = NULL;
    ly_store_key key;
    size_t n = 0;
    bool more = false;
    ly_arena arena;
    ly_arena_init(&arena, 0, LY_MIB(64));
    query.since_ns = since_ns;
    query.any_origin = true;
    query.oldest_first = true;
    query.limit = 1000;
    ly_status status = ly_store_open(db, &opts, &store, err);
    if (!status)
        status = ly_store_trace_page(store, &query, &arena, &rows, &n, &key, &more, err);
    if (!status && n == 0)
        ly_cli_note(cli,
                    "no span seen; `lydite connect` says what the program's client library needs");
    if (!status && n > 0) {
        status = print_trees(cli, store, rows, n, err);
        print_totals(rows, n);
    }
    ly_store_close(store);
    ly_arena_release(&arena);
    return status;
}

/* ------------------------------------------------------------------ the start */

typedef struct place {
    ly_collector *inside; /* ours, or NULL: somebody else's */
    ly_child_target target;
} place;

/* What the child needs to send to a collector that was there before: names, and a key for this while. */
static ly_status join(const ly_runtime *there, ly_child_target *ret, ly_err *err)
{
    ly_runtime_tls tls = {0};
    ret->grpc_port = there->grpc_port;
    ret->http_port = there->http_port;
    ret->tls = there->tls;
    if (there->keys)
        (void)ly_str_copy(ly_str_c(there->key), ret->key, sizeof ret->key);
    if (!there->tls)
        return LY_OK;
    ly_status status = ly_runtime_cert(there, &tls, err);
    if (!status) {
        (void)ly_str_copy(ly_str_c(tls.name), ret->host, sizeof ret->host);
        if (tls.self_signed)
            (void)ly_str_copy(ly_str_c(there->tls_cert), ret->ca_file, sizeof ret->ca_file);
    }
    ly_free(tls.pem);
    return status;
}

/* A collector of this database that answers, else one of our own. */
static ly_status find_place(ly_collecting *c, place *ret, ly_err *err)
{
    ly_runtime there;
    ly_buf answer;
    int code = 0;
    ly_buf_init(&answer, LY_KIB(64));
    if (ly_runtime_find(c->opts.db, &there, NULL) == LY_OK) {
        ly_status asked = there.http_port > 0
                              ? ly_probe_runtime(&there, "/readyz", NULL, NULL, 2 * LY_NS_PER_SEC,
                                                 &code, &answer, err)
                              : LY_OK;
        ly_buf_release(&answer);
        if (asked)
            return ly_err_wrap(err, "collector pid %d of this database does not answer", there.pid);
        return join(&there, &ret->target, err);
    }
    ly_buf_release(&answer);
    c->opts.grpc_port = c->opts.http_port = 0;
    c->opts.listen = NULL;
    c->opts.require_key = false;
    ly_status status = ly_collecting_lend(c, err);
    if (!status)
        status = ly_collector_start(&c->opts, &ret->inside, err);
    if (!status) {
        const ly_collector_info *info = ly_collector_get_info(ret->inside);
        ret->target.grpc_port = info->grpc_port;
        ret->target.http_port = info->http_port;
    }
    return status;
}

static int ours(ly_cli *cli, const ly_err *err)
{
    (void)ly_cli_fail(cli, err);
    return EXIT_OURS;
}

static int cannot_run(const char *name, int failed)
{
    fprintf(stderr, "lydite: %s: %s\n", name,
            failed == ENOENT ? "command not found" : strerror(failed));
    return failed == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
}

static int run_run(ly_cli *cli)
{
    ly_collecting c;
    place where = {0};
    ly_err err = LY_ERR_INIT;
    pid_t pid = 0;
    int code = ly_collecting_opts(cli, &c);
    if (code)
        return EXIT_OURS;
    ly_collecting_log(cli, true);
    if (find_place(&c, &where, &err)) {
        ly_collecting_end(&c);
        return ours(cli, &err);
    }
    char **env = ly_child_env(&where.target, cli->args, cli->n_args);
    const char **argv = ly_calloc((size_t)cli->n_args + 1, sizeof *argv);
    int64_t since = ly_wall_ns();
    if (!env || !argv) {
        ly_collector_stop(where.inside, 0);
        ly_collecting_end(&c);
        ly_child_env_free(env);
        ly_free(argv);
        (void)LY_NOMEM(&err);
        return ours(cli, &err);
    }
    for (int i = 0; i < cli->n_args; i++)
        argv[i] = cli->args[i];
    forward_signals();
    int failed = spawn_child(argv, env, &pid);
    if (!failed) {
        child_pid = pid;
        code = wait_child(pid);
        child_pid = 0;
    } else {
        code = cannot_run(argv[0], failed);
    }
    ly_collector_stop(where.inside, STOP_GRACE_NS);
    ly_collecting_end(&c);
    ly_child_env_free(env);
    ly_free(argv);
    if (!failed && !cli->quiet && show(cli, c.opts.db, since, &err)) {
        (void)ly_cli_fail(cli, &err);
        return code ? code : EXIT_OURS;
    }
    return code;
}

static const ly_opt run_opts[] = {
    {"redact", 0, "GROUPS", "secrets, pii, both with a comma, or none (collector inside only)",
     false},
    {"redact-rule", 0, "NAME=PATTERN", "a rule of your own (PCRE2)", true},
};

static const ly_verb run_verbs[] = {
    {NULL, "[--] CMD [ARG...]", 1, -1, "run a command and show what it did",
     "Sets OTEL_EXPORTER_OTLP_ENDPOINT and _PROTOCOL (OTLP/HTTP), LYDITE_ENDPOINT (gRPC), "
     "OTEL_SERVICE_NAME\n"
     "where unset, and the switches that make client libraries send messages; runs a collector "
     "inside\n"
     "where none serves this database. The command has your terminal; the tree, tokens and cost "
     "follow on\n"
     "standard error when it has ended (-q: not). Exit code: the command's; 125 when lydite fails, "
     "126\n"
     "when the command cannot be run, 127 when it is not found.",
     "lydite run -- python agent.py\n"
     "lydite run --db ./try.db -- ./agent --question 'why?'",
     LY_COMMON_DB, run_opts, LY_COUNT(run_opts), run_run},
};
const ly_cmd ly_cmd_run = {"run", "run a program and show its trace", "Trace", run_verbs, 1, true};
