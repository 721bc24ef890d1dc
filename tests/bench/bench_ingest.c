/*
 * DESIGN §9, first rows: durable ingest against its ceiling, in one run and with one command.
 *
 *     build/bin/bench_ingest                     the short table (about a minute)
 *     build/bin/bench_ingest --full              every shape, batch and encoding, 5 repeats
 *     build/bin/bench_ingest --shape 2k --batch 512 --spans 20000 --repeat 5 [--gzip] [--seed N]
 *     build/bin/bench_ingest --latency           acknowledgement times at half of what was reached, with
 *                                                a millisecond added to each fdatasync
 *
 * The client (this process) runs on the first core, the collector (a child) on the second. The ceiling
 * is the collector's own statements and commits, recorded in a run of their own and replayed by one
 * thread on the collector's core into an empty file. Runs alternate: collector, replay, collector, ...
 * Columns: spans a second acknowledged (median, and the spread of the runs), the ceiling, their ratio,
 * the collector's CPU a span (below: the ratio of CPU times, which other load disturbs less), its peak memory, bytes a span on the wire and in the file, and file / wire.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "collector/collector.h"
#include "gen.h"
#include "otlp/decode.h"
#include "replay.h"
#include "rpc/client.h"

#define IN_FLIGHT  8
#define MAX_REPEAT 16
#define METHOD     "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

typedef struct config {
    gen_shape shape;
    size_t batch, spans;
    bool gzip;
} config;

typedef struct options {
    uint64_t seed;
    int repeat;
    bool stages, latency;
} options;

static char dir[64], self[512];
static const char *keep; /* where the last file goes; NULL = nowhere */

static void die(const char *what, const ly_err *err)
{
    fprintf(stderr, "bench_ingest: %s: %s\n", what, err ? err->text : strerror(errno));
    exit(3);
}

static void pin(int core)
{
    cpu_set_t set;
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    if (n < 2)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
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

static int serve(const char *db, const char *record_to)
{
    ly_err err = LY_ERR_INIT;
    ly_collector *collector = NULL;
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    FILE *file = record_to ? fopen(record_to, "wbe") : NULL;
    pin(1);
    signal(SIGTERM, on_signal);
    signal(SIGUSR1, on_signal);
    opts.db = db;
    opts.grpc_port = 0;
    opts.http_port = 0;
    if (record_to && !file)
        die(record_to, NULL);
    opts.record = file ? record : NULL;
    opts.record_user = file;
    if (ly_collector_start(&opts, &collector, &err))
        die("collector", &err);
    while (!stop_now)
        usleep(10000);
    ly_collector_stop(collector, 20 * LY_NS_PER_SEC);
    if (file)
        fclose(file);
    return 0;
}

static int replay(const char *path, const char *db)
{
    ly_err err = LY_ERR_INIT;
    recording *r = NULL;
    replay_result result;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    pin(1);
    opts.role = LY_STORE_WRITER;
    if (ly_store_open(db, &opts, &store, &err))
        die("store", &err);
    ly_store_close(store);
    if (recording_load(path, &r, &err) || recording_replay(r, db, &result, &err))
        die("replay", &err);
    printf("%.6f %.6f %zu %zu\n", result.seconds, result.cpu, result.statements, result.commits);
    recording_free(r);
    return 0;
}

/* ------------------------------------------------------------- the client's side */

typedef struct load {
    ly_buf bytes;
    size_t *ends;
    size_t n, cap;
    size_t wire; /* not packed */
} load;

static void add_request(load *l, ly_str body, bool gzip)
{
    if (gzip) {
        struct libdeflate_compressor *c = libdeflate_alloc_compressor(1);
        size_t room = libdeflate_gzip_compress_bound(c, body.len);
        char *dst = ly_buf_room(&l->bytes, room);
        if (!dst)
            die("memory", NULL);
        ly_buf_advance(&l->bytes, libdeflate_gzip_compress(c, body.ptr, body.len, dst, room));
        libdeflate_free_compressor(c);
    } else {
        ly_buf_str(&l->bytes, body);
    }
    if (!ly_grow(&l->ends, &l->cap, l->n + 1, SIZE_MAX / 16, sizeof *l->ends))
        die("memory", NULL);
    l->ends[l->n++] = l->bytes.len;
}

static load make_load(const config *c, uint64_t seed)
{
    load l = {0};
    gen g;
    ly_buf request;
    ly_buf_init(&l.bytes, LY_GIB(8));
    ly_buf_init(&request, LY_GIB(1));
    gen_init(&g, seed, c->shape);
    for (size_t done = 0; done < c->spans; done += c->batch) {
        size_t n = c->spans - done < c->batch ? c->spans - done : c->batch;
        ly_buf_reset(&request);
        l.wire += gen_request(&g, n, &request);
        add_request(&l, ly_buf_view(&request), c->gzip);
    }
    gen_release(&g);
    ly_buf_release(&request);
    return l;
}

static ly_str request_at(const load *l, size_t i)
{
    size_t from = i ? l->ends[i - 1] : 0;
    return ly_str_sub(ly_buf_view(&l->bytes), from, l->ends[i] - from);
}

static pid_t spawn(char *const *argv, int out)
{
    pid_t pid = 0;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    if (out >= 0)
        posix_spawn_file_actions_adddup2(&files, out, 1);
    if (posix_spawn(&pid, self, &files, NULL, argv, environ))
        die("spawn", NULL);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

static double send_all(const load *l, bool gzip, int port)
{
    ly_err err = LY_ERR_INIT;
    ly_rpc_channel *channel = NULL;
    ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
    char target[64];
    snprintf(target, sizeof target, "127.0.0.1:%d", port);
    opts.target = target;
    opts.gzip = gzip;
    if (ly_rpc_channel_new(&opts, &channel, &err))
        die("channel", &err);
    size_t next = 0, done = 0, again = 0;
    int64_t start = ly_mono_ns();
    while (done < l->n) {
        while (next < l->n && next - done < IN_FLIGHT) {
            ly_rpc_request request = {
                .method = METHOD, .body = request_at(l, next), .packed = gzip};
            request.timeout_ns = 60 * LY_NS_PER_SEC;
            request.wait_ready = true;
            request.token = (void *)(uintptr_t)next;
            if (ly_rpc_call_start(channel, &request, &err))
                die("call", &err);
            next++;
        }
        ly_rpc_reply reply;
        if (ly_rpc_channel_wait(channel, -1, &reply))
            die("wait", NULL);
        if (ly_rpc_retryable(reply.code, reply.details, NULL) && again++ < l->n) {
            /* As a client would, but at once: the time it takes counts. */
            ly_rpc_request request = {.method = METHOD, .packed = gzip, .token = reply.token};
            request.body = request_at(l, (size_t)(uintptr_t)reply.token);
            request.timeout_ns = 60 * LY_NS_PER_SEC;
            if (ly_rpc_call_start(channel, &request, &err))
                die("call", &err);
            ly_rpc_reply_release(&reply);
            continue;
        }
        if (reply.code != LY_RPC_OK || reply.body.len) {
            fprintf(stderr, "bench_ingest: answer %d %.*s\n", reply.code,
                    LY_STR_ARG(reply.message));
            exit(3);
        }
        ly_rpc_reply_release(&reply);
        done++;
    }
    double seconds = (double)(ly_mono_ns() - start) / 1e9;
    ly_rpc_channel_free(channel);
    return seconds;
}

typedef struct measured {
    double seconds, cpu;
    long rss_kib;
    int64_t file_bytes;
} measured;

static void remove_db(const char *db)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".collector"};
    char path[160];
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s%s", db, ends[i]);
        (void)unlink(path);
    }
}

/* A figure of /proc/PID/status in KiB. (ru_maxrss would count what this process had when it spawned.) */
static long status_kib(pid_t pid, const char *name)
{
    char path[64], line[256];
    long value = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            value = strtol(line + strlen(name) + 1, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

static measured measure(const config *c, const load *l, const char *record_to)
{
    char db[128];
    measured m = {0};
    struct rusage usage;
    struct stat st;
    ly_runtime found;
    int status = 0;
    snprintf(db, sizeof db, "%s/bench.db", dir);
    remove_db(db);
    char *argv[] = {self, (char *)(uintptr_t) "--serve", db, (char *)(uintptr_t)record_to, NULL};
    pid_t pid = spawn(argv, -1);
    while (ly_runtime_find(db, &found, NULL) || found.pid != pid)
        usleep(2000);
    m.seconds = send_all(l, c->gzip, found.grpc_port);
    m.rss_kib = status_kib(pid, "VmHWM");
    kill(pid, SIGUSR1);
    kill(pid, SIGTERM);
    if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
        die("the collector ended badly", NULL);
    m.cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    m.file_bytes = stat(db, &st) ? 0 : st.st_size; /* closing has emptied the write-ahead log */
    if (keep && rename(db, keep))
        die(keep, NULL);
    remove_db(db);
    return m;
}

static double measure_replay(const char *path, double *ret_cpu, size_t *ret_statements,
                             size_t *ret_commits)
{
    char db[128], line[128] = "";
    int ends[2], status = 0;
    double seconds = 0;
    snprintf(db, sizeof db, "%s/replay.db", dir);
    remove_db(db);
    if (pipe2(ends, O_CLOEXEC))
        die("pipe", NULL);
    char *argv[] = {self, (char *)(uintptr_t) "--replay", (char *)(uintptr_t)path, db, NULL};
    pid_t pid = spawn(argv, ends[1]);
    close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    waitpid(pid, &status, 0);
    if (n <= 0 ||
        sscanf(line, "%lf %lf %zu %zu", &seconds, ret_cpu, ret_statements, ret_commits) != 4)
        die("the replay ended badly", NULL);
    remove_db(db);
    return seconds;
}

/* -------------------------------------------------------------------- latency */

typedef struct waiting {
    int64_t *due_ns, *took_ns; /* by request */
    size_t done;
} waiting;

static void take_answers(ly_rpc_channel *channel, waiting *w, int64_t wait_ns)
{
    ly_rpc_reply reply;
    while (ly_rpc_channel_wait(channel, wait_ns, &reply) == LY_OK) {
        size_t i = (size_t)(uintptr_t)reply.token;
        if (reply.code != LY_RPC_OK) {
            fprintf(stderr, "bench_ingest: answer %d\n", reply.code);
            exit(3);
        }
        w->took_ns[i] = ly_mono_ns() - w->due_ns[i];
        w->done++;
        ly_rpc_reply_release(&reply);
        wait_ns = 0;
    }
}

/* Sends each request when it is due, whatever the answers do; times count from then. */
static void send_paced(const load *l, int port, double a_second, waiting *w)
{
    ly_err err = LY_ERR_INIT;
    ly_rpc_channel *channel = NULL;
    ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
    char target[64];
    snprintf(target, sizeof target, "127.0.0.1:%d", port);
    opts.target = target;
    if (ly_rpc_channel_new(&opts, &channel, &err))
        die("channel", &err);
    int64_t start = ly_mono_ns() + 100 * LY_NS_PER_MS;
    for (size_t i = 0; i < l->n; i++) {
        w->due_ns[i] = start + (int64_t)((double)i / a_second * 1e9);
        while (ly_mono_ns() < w->due_ns[i])
            take_answers(channel, w, w->due_ns[i] - ly_mono_ns());
        ly_rpc_request request = {.method = METHOD, .body = request_at(l, i), .wait_ready = true};
        request.timeout_ns = 60 * LY_NS_PER_SEC;
        request.token = (void *)(uintptr_t)i;
        if (ly_rpc_call_start(channel, &request, &err))
            die("call", &err);
    }
    while (w->done < l->n)
        take_answers(channel, w, LY_NS_PER_SEC);
    ly_rpc_channel_free(channel);
}

static int by_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The collector with a slow disk, from tests/fault. */
static pid_t start_slow(const char *db, ly_runtime *found)
{
    char library[600], fault[128];
    char *slash = strrchr(self, '/');
    snprintf(library, sizeof library, "%.*s/../lib/liblydite_badisk.so", (int)(slash - self), self);
    snprintf(fault, sizeof fault, "%s/fault", dir);
    FILE *file = fopen(fault, "we");
    if (!file || access(library, R_OK))
        die(library, NULL);
    fputs("slow", file);
    fclose(file);
    setenv("LYDITE_BADISK", fault, 1);
    setenv("LD_PRELOAD", library, 1);
    char *argv[] = {self, (char *)(uintptr_t) "--serve", (char *)(uintptr_t)db, NULL};
    remove_db(db);
    pid_t pid = spawn(argv, -1);
    unsetenv("LD_PRELOAD");
    while (ly_runtime_find(db, found, NULL) || found->pid != pid)
        usleep(2000);
    return pid;
}

static void print_latency(const config *c, const options *o)
{
    char db[128];
    ly_runtime found;
    load l = make_load(c, o->seed), half = make_load(c, o->seed + 1);
    waiting w = {ly_calloc(half.n, sizeof(int64_t)), ly_calloc(half.n, sizeof(int64_t)), 0};
    snprintf(db, sizeof db, "%s/latency.db", dir);
    if (!w.due_ns || !w.took_ns)
        die("memory", NULL);
    pid_t pid = start_slow(db, &found);
    double peak = (double)l.n / send_all(&l, false, found.grpc_port);
    usleep(1500000); /* what that left is settled */
    send_paced(&half, found.grpc_port, peak / 2, &w);
    kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
    qsort(w.took_ns, half.n, sizeof *w.took_ns, by_ns);
    printf("%-5s batch %-4zu reached %.0f requests/s; at half of it, fdatasync + 1 ms: p50 %.1f "
           "ms, p99 %.1f ms, "
           "max %.1f ms\n",
           gen_name(c->shape), c->batch, peak, (double)w.took_ns[half.n / 2] / 1e6,
           (double)w.took_ns[half.n * 99 / 100] / 1e6, (double)w.took_ns[half.n - 1] / 1e6);
    remove_db(db);
    snprintf(db, sizeof db, "%s/fault", dir);
    (void)unlink(db);
    ly_free(w.due_ns);
    ly_free(w.took_ns);
    ly_buf_release(&l.bytes);
    ly_buf_release(&half.bytes);
    ly_free(l.ends);
    ly_free(half.ends);
}

/* --------------------------------------------------------------------- stages */

static double per_span(int64_t start, size_t spans)
{
    return (double)(ly_mono_ns() - start) / 1e3 / (double)spans;
}

/* Microseconds a span on one core, in process, without transport. */
static void print_stages(const config *c, const load *l, double total_us, double replay_us)
{
    ly_err err = LY_ERR_INIT;
    ly_ingest_job *job = NULL;
    ly_ingest_config how = {.book = ly_price_book_default()};
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    char db[128];
    ly_arena arena;
    if (c->gzip)
        return;
    ly_arena_init(&arena, LY_MIB(1), 0);
    int64_t start = ly_mono_ns();
    for (size_t i = 0; i < l->n; i++) {
        ly_otlp_batch batch;
        ly_arena_reset(&arena);
        if (ly_otlp_decode(request_at(l, i), LY_SIGNAL_TRACES, &arena, NULL, &batch, &err))
            die("decode", &err);
    }
    double decode = per_span(start, c->spans);
    if (ly_ingest_job_new(&job, &err))
        die("job", &err);
    start = ly_mono_ns();
    for (size_t i = 0; i < l->n; i++) {
        ly_ingest_job_reset(job, LY_MIB(64));
        if (ly_ingest_prepare(&how, job, request_at(l, i), LY_OTLP_PROTO, LY_SIGNAL_TRACES, &err))
            die("prepare", &err);
    }
    double prepare = per_span(start, c->spans);
    snprintf(db, sizeof db, "%s/stages.db", dir);
    remove_db(db);
    opts.role = LY_STORE_WRITER;
    if (ly_store_open(db, &opts, &store, &err))
        die("store", &err);
    double storing = 0;
    for (size_t i = 0; i < l->n; i++) {
        static const ly_ingest_slice slice = {512, LY_MIB(1)};
        size_t done = 0;
        ly_ingest_job_reset(job, LY_MIB(64));
        if (ly_ingest_prepare(&how, job, request_at(l, i), LY_OTLP_PROTO, LY_SIGNAL_TRACES, &err))
            die("prepare", &err);
        start = ly_mono_ns();
        while (done == 0) {
            if (ly_ingest_store(store, &job, 1, &slice, &done, &err))
                die("store", &err);
        }
        storing += per_span(start, c->spans);
    }
    ly_store_close(store);
    remove_db(db);
    ly_ingest_job_free(job);
    ly_arena_release(&arena);
    printf("      us/span: decode %.2f, normalise and price %.2f, store beside SQLite %.2f, SQLite "
           "(the ceiling) "
           "%.2f, transport, settling, hand-over %.2f; in all %.2f\n",
           decode, prepare - decode, storing - replay_us > 0 ? storing - replay_us : 0, replay_us,
           total_us - prepare - (storing > replay_us ? storing : replay_us), total_us);
}

/* ----------------------------------------------------------------------- table */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_size);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void run_config(const config *c, const options *o)
{
    double rates[MAX_REPEAT], ceilings[MAX_REPEAT], cpus[MAX_REPEAT], replay_cpu = 0;
    char path[128];
    measured last = {0};
    size_t statements = 0, commits = 0;
    long rss = 0;
    load l = make_load(c, o->seed);
    snprintf(path, sizeof path, "%s/recording", dir);
    (void)measure(c, &l, path);
    for (int i = 0; i < o->repeat; i++) {
        last = measure(c, &l, NULL);
        rates[i] = (double)c->spans / last.seconds;
        rss = last.rss_kib > rss ? last.rss_kib : rss;
        ceilings[i] = (double)c->spans / measure_replay(path, &replay_cpu, &statements, &commits);
        cpus[i] = replay_cpu / last.cpu;
    }
    double rate = median(rates, o->repeat), ceiling = median(ceilings, o->repeat);
    printf("%-5s %5zu %-4s %8.0f  %6.0f..%-6.0f %8.0f  %5.2f  %7.1f  %6.1f  %7.0f  %7.0f  1/%.1f\n",
           gen_name(c->shape), c->batch, c->gzip ? "gzip" : "-", rate, rates[0],
           rates[o->repeat - 1], ceiling, rate / ceiling, last.cpu * 1e6 / (double)c->spans,
           (double)rss / 1024, (double)l.wire / (double)c->spans,
           (double)last.file_bytes / (double)c->spans, (double)l.wire / (double)last.file_bytes);
    printf("      the same ratio of CPU time: %.2f; %.1f statements a span, %zu commits\n",
           median(cpus, o->repeat), (double)statements / (double)c->spans, commits);
    if (o->stages)
        print_stages(c, &l, 1e6 / rate, 1e6 / ceiling);
    fflush(stdout);
    (void)unlink(path);
    ly_buf_release(&l.bytes);
    ly_free(l.ends);
}

static void print_head(const options *o)
{
    printf("seed %llu, %d repeats, %d requests in flight, client on core 0, collector on core 1\n",
           (unsigned long long)o->seed, o->repeat, IN_FLIGHT);
    printf("shape batch enc   spans/s  (spread)        ceiling  ratio  cpu us  RSS MiB  B/span   "
           "file B  file/wire\n");
}

/* For instructions.sh: one job, many requests, nothing stored. */
static int prepare_only(const char *shape, size_t batch, size_t spans)
{
    ly_err err = LY_ERR_INIT;
    ly_ingest_job *job = NULL;
    ly_ingest_config how = {.book = ly_price_book_default()};
    config c = {.batch = batch, .spans = spans};
    c.shape = strcmp(shape, "17k") == 0 ? GEN_17K : strcmp(shape, "2k") == 0 ? GEN_2K : GEN_SMALL;
    load l = make_load(&c, 1);
    if (ly_ingest_job_new(&job, &err))
        die("job", &err);
    for (size_t i = 0; i < l.n; i++) {
        ly_ingest_job_reset(job, LY_MIB(64));
        if (ly_ingest_prepare(&how, job, request_at(&l, i), LY_OTLP_PROTO, LY_SIGNAL_TRACES, &err))
            die("prepare", &err);
    }
    ly_ingest_job_free(job);
    ly_buf_release(&l.bytes);
    ly_free(l.ends);
    return 0;
}

static const config latency_config = {GEN_2K, 50, 20000, false};
static const config short_table[] = {
    {GEN_SMALL, 10, 4000, false}, {GEN_SMALL, 512, 30000, false}, {GEN_2K, 512, 20000, false},
    {GEN_2K, 512, 20000, true},   {GEN_17K, 512, 6000, false},
};
static const config full_table[] = {
    {GEN_SMALL, 10, 20000, false},    {GEN_SMALL, 10, 20000, true},
    {GEN_SMALL, 512, 100000, false},  {GEN_SMALL, 512, 100000, true},
    {GEN_SMALL, 4096, 100000, false}, {GEN_SMALL, 4096, 100000, true},
    {GEN_2K, 10, 20000, false},       {GEN_2K, 10, 20000, true},
    {GEN_2K, 512, 60000, false},      {GEN_2K, 512, 60000, true},
    {GEN_2K, 4096, 60000, false},     {GEN_2K, 4096, 60000, true},
    {GEN_17K, 10, 5000, false},       {GEN_17K, 512, 20000, false},
    {GEN_17K, 512, 20000, true},
};

static int usage(void)
{
    fprintf(stderr,
            "usage: bench_ingest [--full] [--seed N] [--repeat N] [--stages]\n"
            "       bench_ingest --shape small|2k|17k [--batch N] [--spans N] [--gzip] ...\n");
    return 2;
}

static uint64_t number(const char *text)
{
    uint64_t n = 0;
    if (!text || !ly_str_to_u64(ly_str_c(text), &n))
        exit(usage());
    return n;
}

int main(int argc, char **argv)
{
    options o = {.seed = 1, .repeat = 3};
    config one = {.batch = 512, .spans = 20000};
    bool full = false, single = false;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0)
        self[n] = 0;
    if (argc >= 3 && strcmp(argv[1], "--serve") == 0)
        return serve(argv[2], argc > 3 ? argv[3] : NULL);
    if (argc >= 4 && strcmp(argv[1], "--replay") == 0)
        return replay(argv[2], argv[3]);
    if (argc >= 5 && strcmp(argv[1], "--prepare") == 0)
        return prepare_only(argv[2], number(argv[3]), number(argv[4]));
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0)
            full = true;
        else if (strcmp(argv[i], "--latency") == 0)
            o.latency = true;
        else if (strcmp(argv[i], "--stages") == 0)
            o.stages = true;
        else if (strcmp(argv[i], "--gzip") == 0)
            one.gzip = true;
        else if (strcmp(argv[i], "--keep") == 0 && i + 1 < argc)
            keep = argv[++i];
        else if (strcmp(argv[i], "--seed") == 0)
            o.seed = number(argv[++i]);
        else if (strcmp(argv[i], "--repeat") == 0)
            o.repeat = (int)number(argv[++i]);
        else if (strcmp(argv[i], "--batch") == 0)
            one.batch = number(argv[++i]);
        else if (strcmp(argv[i], "--spans") == 0)
            one.spans = number(argv[++i]);
        else if (strcmp(argv[i], "--shape") == 0 && i + 1 < argc) {
            const char *shape = argv[++i];
            single = true;
            one.shape = strcmp(shape, "17k") == 0  ? GEN_17K
                        : strcmp(shape, "2k") == 0 ? GEN_2K
                                                   : GEN_SMALL;
        } else
            return usage();
    }
    if (full && o.repeat < 5)
        o.repeat = 5;
    if (o.repeat < 1 || o.repeat > MAX_REPEAT || one.batch == 0)
        return usage();
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/lydite-bench-XXXXXX", tmp ? tmp : "/var/tmp");
    if (!mkdtemp(dir))
        die(dir, NULL);
    pin(0);
    if (o.latency) {
        print_latency(single ? &one : &latency_config, &o);
        (void)rmdir(dir);
        return 0;
    }
    print_head(&o);
    const config *table = single ? &one : full ? full_table : short_table;
    size_t rows = single ? 1 : full ? LY_COUNT(full_table) : LY_COUNT(short_table);
    for (size_t i = 0; i < rows; i++)
        run_config(&table[i], &o);
    (void)rmdir(dir);
    return 0;
}
