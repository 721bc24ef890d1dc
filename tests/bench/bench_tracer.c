/*
 * The tracer row of DESIGN §9 and the four cases of OpenTelemetry's benchmark contract
 * (performance-and-reliability §2.1). Ratios are taken in one run, against a floor measured in the same
 * process: two clock reads and a copy of 160 bytes. Times are printed and never judged; what can be
 * judged on any machine (allocations) is in tests/tracer/test_spans.c.
 *
 *   bench_tracer            ($BENCH_SECONDS: how long the contract's case c runs; 15)
 *   bench_tracer --count SHAPE N    records N spans and nothing else, for instructions.sh
 */
#include <lydite/tracer.h>

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N    200000
#define REPS 11
/* Spans of one timed burst; see burst_ns. */
#define BURST  4000
#define BURSTS 200

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* What this thread has spent. The rows that are a thread's cost use it: a neighbour who takes the core
 * for a while costs time, but not this thread's. */
static int64_t thread_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 2];
}

static int take_all(void *user, bool logs, const void *bytes, size_t len, size_t n)
{
    (void)logs;
    (void)bytes;
    (void)n;
    if (user) {
        *(_Atomic uint64_t *)user += len;
    }
    return 0;
}

static int never(void *user, bool logs, const void *bytes, size_t len, size_t n)
{
    (void)user, (void)logs, (void)bytes, (void)len, (void)n;
    return 60000; /* try again in a minute */
}

static lydite_tracer *open_with(lydite_export_fn fn, size_t ring)
{
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    opts.export_fn = fn;
    opts.ring_bytes = ring;
    opts.ignore_env = true;
    if (lydite_open(&opts, &t, NULL)) {
        abort();
    }
    return t;
}

/* ---- the floor ---- */

static char ring[256 * 1024];
static char record[160];

static double floor_ns(void)
{
    size_t at = 0;
    int64_t start = thread_ns();
    for (int i = 0; i < BURST; i++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        clock_gettime(CLOCK_MONOTONIC, &b);
        memcpy(record, &a, sizeof a);
        memcpy(record + 16, &b, sizeof b);
        memcpy(ring + at, record, sizeof record);
        __asm__ volatile("" ::: "memory");
        at = at + sizeof record > sizeof ring - sizeof record ? 0 : at + sizeof record;
    }
    return (double)(thread_ns() - start) / BURST;
}

/* ---- ours ---- */

static inline void one(lydite_tracer *t, int i)
{
    lydite_span *span = lydite_start_static(t, LYDITE_STEP, "work");
    lydite_set_int(span, "count", i);
    lydite_set_bool(span, "ok", true);
    lydite_set_double(span, "ratio", 0.5);
    lydite_set_static(span, "kind", "borrowed");
    lydite_end(span);
}

/* Ten million spans a second are more than any exporter takes (each is 300 bytes of OTLP), so they come
 * in bursts that the rings hold, with the exporter draining beside them, and a flush between that is not
 * timed: what is measured is recording, not refusing. */
static double burst_ns(lydite_tracer *t, double *ret_wall)
{
    int64_t start = thread_ns(), wall = now_ns();
    for (int i = 0; i < BURST; i++) {
        one(t, i);
    }
    double ns = (double)(thread_ns() - start) / BURST;
    *ret_wall = (double)(now_ns() - wall) / BURST;
    (void)lydite_flush(t, 10000, NULL);
    return ns;
}

/* Interleaved, so that both meet the same neighbours; quartiles, because there are neighbours. */
static void row_hot_path(void)
{
    lydite_tracer *t = open_with(take_all, 0);
    static double base[BURSTS], span[BURSTS], wall[BURSTS];
    (void)burst_ns(t, wall);
    for (int i = 0; i < BURSTS; i++) {
        base[i] = floor_ns();
        span[i] = burst_ns(t, &wall[i]);
    }
    double f = median(base, BURSTS), w = median(span, BURSTS), elapsed = median(wall, BURSTS);
    lydite_stats s = LYDITE_STATS_INIT;
    (void)lydite_close(t, 10000, &s);
    printf("floor (two clock reads, 160-byte copy)      %7.1f ns of the thread, median; lower "
           "quartile %.1f\n",
           f, base[BURSTS / 4]);
    printf("span, 4 borrowed attributes, draining       %7.1f ns of the thread, median; lower "
           "quartile %.1f; elapsed %.1f\n",
           w, span[BURSTS / 4], elapsed);
    printf("  ratio to the floor                        %7.2f median, %.2f of the lower quartiles "
           "(bar 1.35); %llu of %llu dropped\n",
           w / f, span[BURSTS / 4] / base[BURSTS / 4],
           (unsigned long long)s.dropped[LYDITE_DROP_FULL], (unsigned long long)s.ended);
}

static void row_disabled(void)
{
    setenv("OTEL_SDK_DISABLED", "true", 1);
    lydite_tracer *t = NULL;
    (void)lydite_open(NULL, &t, NULL);
    unsetenv("OTEL_SDK_DISABLED");
    double v[REPS], wall;
    for (int i = 0; i < REPS; i++) {
        v[i] = burst_ns(t, &wall) / 6;
    }
    printf("disabled, each call                         %7.2f ns  (bar 2)\n", median(v, REPS));
    (void)lydite_close(t, 0, NULL);
}

static void row_stalled(void)
{
    lydite_tracer *t = open_with(never, 0);
    static double v[N];
    for (int i = 0; i < N; i++) {
        int64_t start = now_ns();
        one(t, i);
        v[i] = (double)(now_ns() - start);
    }
    qsort(v, N, sizeof *v, by_value);
    lydite_stats s = LYDITE_STATS_INIT;
    lydite_stats_get(t, &s);
    printf("stalled exporter: p50 %.0f ns, p99.9 %.0f ns (bar 5000), max %.0f ns; %llu of %llu "
           "dropped\n",
           v[N / 2], v[N / 1000 * 999], v[N - 1], (unsigned long long)s.dropped[LYDITE_DROP_FULL],
           (unsigned long long)s.ended);
    (void)lydite_close(t, 0, NULL);
}

/* ---- the contract: (a) to (d) ---- */

static void contract_a(void)
{
    lydite_tracer *t = open_with(take_all, 0);
    double v[REPS];
    for (int r = 0; r < REPS; r++) {
        int64_t start = thread_ns();
        for (int i = 0; i < BURST; i++) {
            lydite_span *span = lydite_start_static(t, LYDITE_OTHER, "op");
            lydite_set_int(span, "n", i);
            lydite_add_event_int(span, "event", "i", i);
            lydite_end(span);
        }
        v[r] = (double)(thread_ns() - start) / BURST;
        (void)lydite_flush(t, 10000, NULL);
    }
    double m = median(v, REPS);
    printf("contract a: 1 int attribute, 1 event        %7.1f ns a span, median of %d (%.1f to "
           "%.1f)\n",
           m, REPS, v[0], v[REPS - 1]);
    (void)lydite_close(t, 10000, NULL);
}

static void ten(lydite_tracer *t)
{
    static const char *const keys[10] = {"attribute.key.no.000", "attribute.key.no.001",
                                         "attribute.key.no.002", "attribute.key.no.003",
                                         "attribute.key.no.004", "attribute.key.no.005",
                                         "attribute.key.no.006", "attribute.key.no.007",
                                         "attribute.key.no.008", "attribute.key.no.009"};
    lydite_span *span = lydite_start_static(t, LYDITE_OTHER, "op");
    for (int i = 0; i < 10; i++) {
        lydite_set_str_n(span, keys[i], "value of 20 letters.", 20);
    }
    lydite_end(span);
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long heap_kib(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "RssAnon: %ld", &kib) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return kib;
}

/* Starts `lydite collect` from beside this program on ports of its choice; its gRPC address, and in
 * *ret_pid whom to end. NULL when there is none. */
static const char *collector(const char *self, const char *dir, pid_t *ret_pid)
{
    static char endpoint[1024];
    char program[4096], db[4096], line[1024];
    const char *slash = strrchr(self, '/');
    int out[2];
    snprintf(program, sizeof program, "%.*s/lydite", slash ? (int)(slash - self) : 1,
             slash ? self : ".");
    snprintf(db, sizeof db, "%s/bench.db", dir);
    if (access(program, X_OK) != 0 || pipe(out) != 0) {
        return NULL;
    }
    *ret_pid = fork();
    if (*ret_pid == 0) {
        dup2(out[1], 1);
        dup2(out[1], 2);
        close(out[0]);
        execl(program, program, "collect", "--grpc-port", "0", "--http-port", "0", "--db", db,
              (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    const char *at = NULL;
    while (f && !at && fgets(line, sizeof line, f)) {
        at = strstr(line, "OTLP/gRPC ");
    }
    if (!at) {
        return NULL;
    }
    snprintf(endpoint, sizeof endpoint, "%s", at + strlen("OTLP/gRPC "));
    endpoint[strcspn(endpoint, " \n")] = 0;
    return endpoint; /* the pipe stays open: the collector may have more to say */
}

/* (b) made, and exported over OTLP: as encoded requests to a function, and over gRPC to our collector,
 * whose own work is not in the figure. */
static void contract_b(const char *endpoint)
{
    static _Atomic uint64_t bytes;
    double v[REPS];
    const int n = endpoint ? N / 4 : N;
    lydite_stats s = LYDITE_STATS_INIT;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    opts.endpoint = endpoint;
    opts.export_fn = endpoint ? NULL : take_all;
    opts.export_user = (void *)&bytes;
    opts.full_wait_ms = 10000;
    opts.ignore_env = true;
    (void)lydite_open(&opts, &t, NULL);
    for (int r = 0; r < REPS; r++) {
        double cpu = cpu_seconds();
        for (int i = 0; i < n; i++) {
            ten(t);
        }
        (void)lydite_flush(t, 30000, NULL);
        v[r] = n / (cpu_seconds() - cpu);
    }
    (void)lydite_close(t, 30000, &s);
    double m = median(v, REPS);
    printf("contract b: 10 attributes of 20+20, %-13s %9.0f spans/s a core, median of %d (%.0f to "
           "%.0f); %llu of %llu acknowledged\n",
           endpoint ? "over gRPC" : "encoded", m, REPS, v[0], v[REPS - 1],
           (unsigned long long)s.acknowledged, (unsigned long long)s.ended);
}

/* (c) the processor's time and (d) the memory of 10,000 spans a second; the host's own pacing (100 sleeps
 * a second) is measured without a tracer and taken off. */
static double paced(lydite_tracer *t, int seconds)
{
    double cpu = cpu_seconds();
    int64_t start = now_ns();
    for (int64_t i = 0; i < seconds * 10000LL; i++) {
        ten(t);
        int64_t due = start + (i + 1) * 100000 - now_ns();
        if (i % 100 == 99 && due > 0) {
            struct timespec ts = {0, due};
            nanosleep(&ts, NULL);
        }
    }
    return (cpu_seconds() - cpu) / seconds * 100;
}

static void contract_cd(const char *endpoint)
{
    const int seconds =
        getenv("BENCH_SECONDS") ? (int)strtol(getenv("BENCH_SECONDS"), NULL, 10) : 15;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    opts.endpoint = endpoint;
    opts.export_fn = endpoint ? NULL : take_all;
    opts.ignore_env = true;
    double bare = paced(NULL, 1);
    long before = heap_kib();
    (void)lydite_open(&opts, &t, NULL);
    (void)paced(t, 1);
    long first = heap_kib();
    double with = paced(t, seconds);
    printf("contract c: 10,000 spans/s for %d s, %-10s   %7.2f %% of one core (the same loop "
           "without a tracer: %.2f %%)\n",
           seconds, endpoint ? "over gRPC" : "encoded", with, bare);
    printf("contract d: anonymous memory over the same   %7ld KiB more than before, of these %ld "
           "after the first second\n",
           heap_kib() - before, heap_kib() - first);
    (void)lydite_close(t, 10000, NULL);
}

/* ---- what it weighs ---- */

typedef struct loaded {
    int objects;
    size_t bytes; /* of liblydite, as mapped */
} loaded;

static int look_at_object(struct dl_phdr_info *info, size_t size, void *user)
{
    loaded *l = user;
    (void)size;
    l->objects++;
    for (int i = 0; strstr(info->dlpi_name, "liblydite.so") && i < info->dlpi_phnum; i++) {
        l->bytes += info->dlpi_phdr[i].p_type == PT_LOAD ? info->dlpi_phdr[i].p_memsz : 0;
    }
    return 0;
}

static void weight(void)
{
    Dl_info info;
    struct stat st;
    loaded l = {0};
    dl_iterate_phdr(look_at_object, &l);
    if (dladdr((void *)(uintptr_t)&lydite_open, &info) && stat(info.dli_fname, &st) == 0) {
        printf(
            "library: %zu bytes loaded (file with symbols %ld); objects in the process before an "
            "export: %d\n",
            l.bytes, (long)st.st_size, l.objects);
    }
}

/* Spawns `program link` and /bin/true in turn; the lower quartiles' difference is what linking costs. */
static double spawn_ms(const char *program)
{
    int64_t start = now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        execl(program, program, "link", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return (double)(now_ns() - start) / 1e6;
}

static void link_cost(const char *self)
{
    char guest[4096];
    double with[41], without[41];
    const char *slash = strrchr(self, '/');
    snprintf(guest, sizeof guest, "%.*s/tracer_guest", slash ? (int)(slash - self) : 1,
             slash ? self : ".");
    if (access(guest, X_OK) != 0) {
        return;
    }
    for (int i = 0; i < 41; i++) {
        with[i] = spawn_ms(guest);
        without[i] = spawn_ms("/bin/true");
    }
    (void)median(with, 41);
    (void)median(without, 41);
    printf("linked and never opened: %.2f ms a process, /bin/true %.2f ms (bar: 1 ms more)\n",
           with[10], without[10]);
}

/* ---- instructions ---- */

static void one_call(lydite_tracer *t)
{
    lydite_span *call = lydite_start_static(t, LYDITE_GENERATION, "gpt-4o-mini");
    lydite_set_provider(call, "openai");
    lydite_set_temperature(call, 0.2);
    lydite_add_text(call, LYDITE_INPUT, "user", "What is lydite used for, and since when?");
    lydite_add_text(call, LYDITE_OUTPUT, "assistant", "To assay gold by the streak it leaves.");
    lydite_set_response_id(call, "chatcmpl-123");
    lydite_set_finish_reason(call, "stop");
    lydite_set_tokens(call, 12, 9);
    lydite_end(call);
}

/* Its instructions are counted by name: between its first and its last nothing else runs. */
static __attribute__((noinline)) void counted(lydite_tracer *t, bool calls, int n)
{
    for (int i = 0; i < n; i++) {
        if (calls) {
            one_call(t);
        } else {
            one(t, i);
        }
    }
}

/* The exporter sleeps while spans are recorded: `encoded` is what it then does with each of them. */
static int count(const char *shape, int n)
{
    const bool calls = strstr(shape, "call") != NULL, off = strstr(shape, "off") != NULL;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    opts.export_fn = take_all;
    opts.ring_bytes = (size_t)64 << 20;
    opts.schedule_ms = 3600000;
    opts.batch_spans = 1u << 24;
    opts.batch_bytes = 32u << 20;
    setenv("OTEL_SDK_DISABLED", off ? "true" : "false", 1);
    if (lydite_open(&opts, &t, NULL)) {
        return 1;
    }
    /* A thread's first spans make what the later ones reuse. */
    for (int i = 0; i < 256 && !strstr(shape, "encoded"); i++) {
        calls ? one_call(t) : one(t, i);
    }
    (void)lydite_flush(t, 60000, NULL);
    counted(t, calls, n);
    return lydite_close(t, 60000, NULL) == LYDITE_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--count") == 0) {
        return count(argv[2], (int)strtol(argv[3], NULL, 10));
    }
    weight();
    link_cost(argv[0]);
    row_hot_path();
    row_disabled();
    row_stalled();
    contract_a();
    contract_b(NULL);
    char dir[] = "/tmp/bench_tracer.XXXXXX", db[64];
    pid_t pid = 0;
    const char *endpoint = mkdtemp(dir) ? collector(argv[0], dir, &pid) : NULL;
    if (endpoint) {
        contract_b(endpoint);
    }
    contract_cd(endpoint);
    loaded after = {0};
    dl_iterate_phdr(look_at_object, &after);
    printf("objects in the process after an export over gRPC: %d\n", after.objects);
    if (pid > 0) {
        kill(pid, SIGTERM);
        waitpid(pid, NULL, 0);
    }
    static const char *const files[] = {"bench.db", "bench.db-wal", "bench.db-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(db, sizeof db, "%s/%s", dir, files[i]);
        unlink(db);
    }
    rmdir(dir);
    return 0;
}
