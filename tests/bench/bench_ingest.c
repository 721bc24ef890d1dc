/*
 * DESIGN §9, first rows: durable ingest against its ceiling, in one run and with one command.
 *
 *     build/bin/bench_ingest                     the short table (about a minute)
 *     build/bin/bench_ingest --full              every shape, batch and encoding, 5 repeats
 *     build/bin/bench_ingest --shape 2k --batch 512 --spans 20000 --repeat 5 [--gzip] [--seed N]
 *
 * The client (this process) runs on the first core, the collector (a child) on the second. The ceiling
 * is the collector's own statements and commits, recorded in a run of their own and replayed by one
 * thread on the collector's core into an empty file. Runs alternate: collector, replay, collector, ...
 * Columns: spans a second acknowledged (median, and the spread of the runs), the ceiling, their ratio,
 * the collector's CPU a span (below: the ratio of CPU times, which other load disturbs less), its peak memory, bytes a span on the wire and in the file, and file / wire.
 */
#include <libdeflate.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "otlp/decode.h"
#include "replay.h"
#include "side.h"

#define IN_FLIGHT  8
#define MAX_REPEAT 16

typedef struct config {
    gen_shape shape;
    size_t batch, spans;
    bool gzip;
} config;

typedef struct options {
    uint64_t seed;
    int repeat;
    bool stages;
} options;

static const char *keep; /* where the last file goes; NULL = nowhere */

static int replay(const char *path, const char *db)
{
    ly_err err = LY_ERR_INIT;
    recording *r = NULL;
    replay_result result;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    side_pin(1);
    opts.role = LY_STORE_WRITER;
    if (ly_store_open(db, &opts, &store, &err))
        side_die("store", &err);
    ly_store_close(store);
    if (recording_load(path, &r, &err) || recording_replay(r, db, &result, &err))
        side_die("replay", &err);
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
            side_die("memory", NULL);
        ly_buf_advance(&l->bytes, libdeflate_gzip_compress(c, body.ptr, body.len, dst, room));
        libdeflate_free_compressor(c);
    } else {
        ly_buf_str(&l->bytes, body);
    }
    if (!ly_grow(&l->ends, &l->cap, l->n + 1, SIZE_MAX / 16, sizeof *l->ends))
        side_die("memory", NULL);
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

static double send_all(const load *l, bool gzip, int port)
{
    ly_rpc_channel *channel = side_connect(port, gzip);
    size_t next = 0, done = 0, again = 0;
    int64_t start = ly_mono_ns();
    while (done < l->n) {
        for (; next < l->n && next - done < IN_FLIGHT; next++)
            side_send(channel, request_at(l, next), gzip, next);
        ly_rpc_reply reply;
        if (ly_rpc_channel_wait(channel, -1, &reply))
            side_die("wait", NULL);
        if (ly_rpc_retryable(reply.code, reply.details, NULL) && again++ < l->n) {
            /* As a client would, but at once: the time it takes counts. */
            uint64_t token = (uintptr_t)reply.token;
            side_send(channel, request_at(l, token), gzip, token);
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

static measured measure(const config *c, const load *l, const char *record_to)
{
    char db[128];
    measured m = {0};
    struct rusage usage;
    struct stat st;
    ly_runtime found;
    int status = 0;
    snprintf(db, sizeof db, "%s/bench.db", side_dir);
    side_remove_db(db);
    pid_t pid = side_start(db, record_to, true, &found);
    m.seconds = send_all(l, c->gzip, found.grpc_port);
    m.rss_kib = side_kib(pid, "status", "VmHWM");
    kill(pid, SIGUSR1);
    kill(pid, SIGTERM);
    if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
        side_die("the collector ended badly", NULL);
    m.cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    m.file_bytes = stat(db, &st) ? 0 : st.st_size; /* closing has emptied the write-ahead log */
    if (keep && rename(db, keep))
        side_die(keep, NULL);
    side_remove_db(db);
    return m;
}

static double measure_replay(const char *path, double *ret_cpu, size_t *ret_statements,
                             size_t *ret_commits)
{
    char db[128], line[128] = "";
    int ends[2], status = 0;
    double seconds = 0;
    snprintf(db, sizeof db, "%s/replay.db", side_dir);
    side_remove_db(db);
    if (pipe2(ends, O_CLOEXEC))
        side_die("pipe", NULL);
    const char *argv[] = {side_self, "--replay", path, db, NULL};
    pid_t pid = 0;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    if (posix_spawn(&pid, side_self, &files, NULL, (char *const *)(uintptr_t)argv, environ))
        side_die("spawn", NULL);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    waitpid(pid, &status, 0);
    if (n <= 0 ||
        sscanf(line, "%lf %lf %zu %zu", &seconds, ret_cpu, ret_statements, ret_commits) != 4)
        side_die("the replay ended badly", NULL);
    side_remove_db(db);
    return seconds;
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
            side_die("decode", &err);
    }
    double decode = per_span(start, c->spans);
    if (ly_ingest_job_new(&job, &err))
        side_die("job", &err);
    start = ly_mono_ns();
    for (size_t i = 0; i < l->n; i++) {
        ly_ingest_job_reset(job, LY_MIB(64));
        if (ly_ingest_prepare(&how, job, request_at(l, i), LY_OTLP_PROTO, LY_SIGNAL_TRACES, &err))
            side_die("prepare", &err);
    }
    double prepare = per_span(start, c->spans);
    snprintf(db, sizeof db, "%s/stages.db", side_dir);
    side_remove_db(db);
    opts.role = LY_STORE_WRITER;
    if (ly_store_open(db, &opts, &store, &err))
        side_die("store", &err);
    double storing = 0;
    for (size_t i = 0; i < l->n; i++) {
        static const ly_ingest_slice slice = {512, LY_MIB(1)};
        size_t done = 0;
        ly_ingest_job_reset(job, LY_MIB(64));
        if (ly_ingest_prepare(&how, job, request_at(l, i), LY_OTLP_PROTO, LY_SIGNAL_TRACES, &err))
            side_die("prepare", &err);
        start = ly_mono_ns();
        while (done == 0) {
            if (ly_ingest_store(store, &job, 1, &slice, &done, &err))
                side_die("store", &err);
        }
        storing += per_span(start, c->spans);
    }
    ly_store_close(store);
    side_remove_db(db);
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
    snprintf(path, sizeof path, "%s/recording", side_dir);
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
        side_die("job", &err);
    for (size_t i = 0; i < l.n; i++) {
        ly_ingest_job_reset(job, LY_MIB(64));
        if (ly_ingest_prepare(&how, job, request_at(&l, i), LY_OTLP_PROTO, LY_SIGNAL_TRACES, &err))
            side_die("prepare", &err);
    }
    ly_ingest_job_free(job);
    ly_buf_release(&l.bytes);
    ly_free(l.ends);
    return 0;
}

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
    if (argc >= 3 && strcmp(argv[1], "--serve") == 0)
        return side_serve(argv[2], argc > 3 ? argv[3] : NULL);
    if (argc >= 4 && strcmp(argv[1], "--replay") == 0)
        return replay(argv[2], argv[3]);
    if (argc >= 5 && strcmp(argv[1], "--prepare") == 0)
        return prepare_only(argv[2], number(argv[3]), number(argv[4]));
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0)
            full = true;
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
    side_init("bench_ingest");
    side_pin(0);
    print_head(&o);
    const config *table = single ? &one : full ? full_table : short_table;
    size_t rows = single ? 1 : full ? LY_COUNT(full_table) : LY_COUNT(short_table);
    for (size_t i = 0; i < rows; i++)
        run_config(&table[i], &o);
    side_end();
    return 0;
}
