#include "side.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "replay.h"

#define METHOD "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

char side_dir[64], side_self[512];
static const char *program_name = "bench";

void side_die(const char *what, const ly_err *err)
{
    fprintf(stderr, "%s: %s: %s\n", program_name, what, err ? err->text : strerror(errno));
    exit(3);
}

void side_init(const char *program)
{
    program_name = program;
    ssize_t n = readlink("/proc/self/exe", side_self, sizeof side_self - 1);
    if (n > 0)
        side_self[n] = 0;
    const char *tmp = getenv("TMPDIR");
    snprintf(side_dir, sizeof side_dir, "%s/lydite-bench-XXXXXX", tmp ? tmp : "/var/tmp");
    if (!mkdtemp(side_dir))
        side_die(side_dir, NULL);
}

void side_end(void)
{
    (void)rmdir(side_dir);
}

void side_pin(int core)
{
    cpu_set_t set;
    int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (n < 2)
        return;
    CPU_ZERO(&set);
    for (int i = 0; i < n; i++)
        if (core < 0 || core == i)
            CPU_SET((size_t)i, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

/* --------------------------------------------------------- the collector's side */

static volatile sig_atomic_t stop_now, stop_recording;

static void on_signal(int signum)
{
    if (signum == SIGUSR1)
        stop_recording = 1;
    else
        stop_now = 1;
}

static void record(void *file, const char *sql, const char *expanded)
{
    if (!stop_recording)
        recording_write(file, sql, expanded);
}

int side_serve(const char *db, const char *record_to)
{
    ly_err err = LY_ERR_INIT;
    ly_collector *collector = NULL;
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    FILE *file = record_to && strcmp(record_to, "-") != 0 ? fopen(record_to, "wbe") : NULL;
    side_pin(1);
    signal(SIGTERM, on_signal);
    signal(SIGUSR1, on_signal);
    opts.db = db;
    opts.grpc_port = 0;
    opts.http_port = 0;
    if (record_to && strcmp(record_to, "-") != 0 && !file)
        side_die(record_to, NULL);
    uint64_t budget = 0; /* MiB, for trying */
    const char *text = getenv("LYDITE_BENCH_BUDGET");
    if (text && ly_str_to_u64(ly_str_c(text), &budget))
        opts.budget_bytes = (size_t)budget << 20;
    opts.record = file ? record : NULL;
    opts.record_user = file;
    if (ly_collector_start(&opts, &collector, &err))
        side_die("collector", &err);
    while (!stop_now)
        usleep(10000);
    ly_collector_stop(collector, 20 * LY_NS_PER_SEC);
    if (file)
        fclose(file);
    return 0;
}

pid_t side_start(const char *db, const char *record_to, bool fresh, ly_runtime *ret_found)
{
    pid_t pid = 0;
    const char *argv[] = {side_self, "--serve", db, record_to ? record_to : "-", NULL};
    if (fresh)
        side_remove_db(db);
    if (posix_spawn(&pid, side_self, NULL, NULL, (char *const *)(uintptr_t)argv, environ))
        side_die("spawn", NULL);
    while (ly_runtime_find(db, ret_found, NULL) || ret_found->pid != pid)
        usleep(2000);
    return pid;
}

pid_t side_start_slow(const char *db, bool fresh, ly_runtime *ret_found)
{
    char library[600];
    char *slash = strrchr(side_self, '/');
    snprintf(library, sizeof library, "%.*s/../lib/liblydite_badisk.so", (int)(slash - side_self),
             side_self);
    if (access(library, R_OK))
        side_die(library, NULL);
    setenv("LYDITE_SLOWDISK", "1000", 1);
    setenv("LD_PRELOAD", library, 1);
    pid_t pid = side_start(db, NULL, fresh, ret_found);
    unsetenv("LD_PRELOAD");
    return pid;
}

void side_remove_db(const char *db)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".collector"};
    char path[160];
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s%s", db, ends[i]);
        (void)unlink(path);
    }
}

long side_kib(pid_t pid, const char *name_of_file, const char *name)
{
    char path[64], line[256];
    long value = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name_of_file);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            value = strtol(line + strlen(name) + 1, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

/* ------------------------------------------------------------- the client's side */

ly_rpc_channel *side_connect(int port, bool gzip)
{
    ly_err err = LY_ERR_INIT;
    ly_rpc_channel *channel = NULL;
    ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
    char target[64];
    snprintf(target, sizeof target, "127.0.0.1:%d", port);
    opts.target = target;
    opts.gzip = gzip;
    if (ly_rpc_channel_new(&opts, &channel, &err))
        side_die("channel", &err);
    return channel;
}

void side_send(ly_rpc_channel *channel, ly_str body, bool packed, uint64_t token)
{
    ly_err err = LY_ERR_INIT;
    ly_rpc_request request = {.method = METHOD, .body = body, .packed = packed};
    request.timeout_ns = 60 * LY_NS_PER_SEC;
    request.wait_ready = true;
    request.token = (void *)(uintptr_t)token;
    if (ly_rpc_call_start(channel, &request, &err))
        side_die("call", &err);
}
