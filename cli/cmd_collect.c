/* `lydite collect`: runs the collector until it is told to stop. */
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/collecting.h"
#include "cli/costing.h"

#define STOP_GRACE_NS (10 * LY_NS_PER_SEC)
#define MANY_FILES    65536

static volatile sig_atomic_t hangup;

static void on_hangup(int signum)
{
    (void)signum;
    hangup = 1;
}

/* Connections are file descriptors, and the usual limit of 1024 is for programs that use select(). */
static void allow_many_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= MANY_FILES)
        return;
    files.rlim_cur = files.rlim_max < MANY_FILES ? files.rlim_max : MANY_FILES;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

/* A program that runs for weeks and whose threads pass memory on to each other: few heaps, and what a burst
 * took goes back to the system. */
static void tune_heap(void)
{
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_MMAP_THRESHOLD, 4 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

static void catch_hangup(void)
{
    struct sigaction act = {.sa_handler = on_hangup};
    sigemptyset(&act.sa_mask);
    sigaction(SIGHUP, &act, NULL);
    act.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &act, NULL);
}

static void say_addresses(ly_cli *cli, const ly_collecting *c, const ly_collector_info *info)
{
    const char *scheme = info->tls ? "https" : "http";
    bool v6 = strchr(info->address, ':') != NULL;
    ly_buf line;
    ly_buf_init(&line, 8192);
    ly_buf_fmt(&line, "collecting into %s", c->opts.db);
    if (info->grpc_port > 0)
        ly_buf_fmt(&line, " | OTLP/gRPC %s://%s%s%s:%d", scheme, v6 ? "[" : "", info->address,
                   v6 ? "]" : "", info->grpc_port);
    if (info->http_port > 0)
        ly_buf_fmt(&line, " | OTLP/HTTP %s://%s%s%s:%d", scheme, v6 ? "[" : "", info->address,
                   v6 ? "]" : "", info->http_port);
    if (info->keys)
        ly_buf_c(&line, " | access keys");
    fprintf(cli->out, "%s\n", ly_buf_text(&line));
    fflush(cli->out);
    ly_buf_release(&line);
}

static void reload(ly_collector *collector)
{
    ly_err err = LY_ERR_INIT;
    char state[80];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)(ly_mono_ns() / 1000));
    ly_sd_notify(state);
    if (ly_collector_reload(collector, &err))
        ly_log(LY_LOG_ERROR, "collect", "reload: %s", err.text);
    else
        ly_log(LY_LOG_INFO, "collect", "access keys, prices and certificates read again");
    ly_sd_notify("READY=1");
}

static int run_collect(ly_cli *cli)
{
    ly_collecting c;
    ly_collector *collector = NULL;
    ly_err err = LY_ERR_INIT;
    int code = ly_collecting_opts(cli, &c);
    if (code)
        return code;
    tune_heap();
    allow_many_files();
    catch_hangup();
    ly_collecting_log(cli, cli->quiet);
    if (ly_collecting_lend(&c, &err) || ly_collector_start(&c.opts, &collector, &err)) {
        ly_collecting_end(&c);
        return ly_cli_fail(cli, &err);
    }
    say_addresses(cli, &c, ly_collector_get_info(collector));
    ly_sd_notify("READY=1");
    ly_budget_watcher *watcher = ly_budget_watcher_start(c.opts.db);
    while (!ly_cli_interrupted()) {
        usleep(200000); /* a signal ends it early */
        if (hangup) {
            hangup = 0;
            reload(collector);
        }
    }
    ly_sd_notify("STOPPING=1");
    ly_budget_watcher_stop(watcher);
    ly_collector_stop(collector, STOP_GRACE_NS);
    ly_collecting_end(&c);
    return LY_EXIT_DONE;
}

static const ly_opt collect_opts[] = {
    {"listen", 0, "ADDR", "address to listen on (default: loopback)", false},
    {"grpc-port", 0, "PORT", "OTLP/gRPC (default 4317; 0 = a free one, -1 = off)", false},
    {"http-port", 0, "PORT", "OTLP/HTTP (default 4318; 0 = a free one, -1 = off)", false},
    {"retain", 0, "AGE", "remove traces older than this, e.g. 30d (default: keep all)", false},
    {"retain-eval", 0, "AGE", "the same for traces of evaluations and judges", false},
    {"max-size", 0, "SIZE", "remove the oldest days while the file is larger, e.g. 20G", false},
    {"wal-limit", 0, "SIZE", "refuse requests past this write-ahead log (default 4G)", false},
    {"max-request", 0, "SIZE", "largest request, also inflated (default 64M)", false},
    {"max-in-flight", 0, "SIZE", "bytes of requests in hand before clients must wait (default 16M)",
     false},
    {"redact", 0, "GROUPS", "secrets, pii, both with a comma, or none", false},
    {"redact-rule", 0, "NAME=PATTERN", "a rule of your own (PCRE2)", true},
    {"durability", 0, "HOW",
     "full: on disk before the answer (default); normal: a power cut may lose some", false},
    {"tls-cert", 0, "FILE", "PEM certificate chain", false},
    {"tls-key", 0, "FILE", "its PEM key", false},
    {"require-key", 0, NULL, "ask for an access key on loopback too", false},
    {"insecure", 0, NULL, "listen to others without TLS and access keys", false},
};

static const ly_verb collect_verbs[] = {
    {NULL, "", 0, 0, "receive OTLP over gRPC and HTTP into the database",
     "Answers a client after the commit that holds its spans is on disk. Takes any path that ends "
     "in\n"
     "/v1/traces or /v1/logs, protobuf or JSON, gzip or not. GET /readyz says whether it can "
     "store,\n"
     "/metrics and /status how it fares. SIGHUP reads access keys, prices and the "
     "TLS\n"
     "files again (new prices and keys also count by themselves within seconds); SIGTERM stops it\n"
     "after what was received is stored. The first line names the database and the addresses.",
     "lydite collect\n"
     "lydite collect --grpc-port 0 --http-port 0 --db ./test.db\n"
     "lydite collect --listen 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --redact secrets,pii",
     LY_COMMON_DB, collect_opts, LY_COUNT(collect_opts), run_collect},
};
const ly_cmd ly_cmd_collect = {"collect", "receive traces", "Trace", collect_verbs, 1, false};
