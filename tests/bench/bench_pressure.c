/*
 * DESIGN §9, the rows of the collector that are about holding out:
 *
 *     build/bin/bench_pressure latency  [--beside COMMAND]...  acknowledgement times at half of what is reached, a
 *                                       millisecond added to each fdatasync, with the commands beside it (they find
 *                                       the database in LYDITE_DB, which also holds traces of long ago to prune)
 *     build/bin/bench_pressure overload memory, goodput and losses at three times what is reached
 *     build/bin/bench_pressure scale    the rate around --small spans and around --large spans
 *     build/bin/bench_pressure idle     memory at rest, start to first accepted span, `lydite --version`
 *
 * Options: --shape small|2k|17k --batch N --seconds N --seed N. Each prints one line and its bar, and exits 1
 * below it. The client is on the first core, the collector on the second. Requests are made before, and sent
 * again and again with other trace ids and other words at the beginning of each message.
 */
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "genai/price.h"
#include "ingest/ingest.h"
#include "otlp/decode.h"
#include "side.h"

#define IN_FLIGHT 8
/* What may wait in the client: requests, and their bytes. */
#define MAX_OPEN   512
#define OPEN_BYTES LY_MIB(768)
#define MAX_BESIDE 8

typedef struct options {
    gen_shape shape;
    size_t batch, small, large;
    int seconds;
    uint64_t seed;
    const char *beside[MAX_BESIDE];
    size_t n_beside;
} options;

/* ------------------------------------------------------------------- requests */

/* A request of the pool, and where its trace ids and its messages' texts stand. */
typedef struct pooled {
    size_t from, len;
    size_t first_place, n_places;
    uint64_t first, last; /* its traces in the first round */
} pooled;

typedef struct place {
    uint32_t at;
    bool id; /* a trace id, else a text */
} place;

/* A request as it was sent: what of the pool, in which round, when it was due, what came of it. */
typedef struct sent {
    uint32_t pooled, round;
    int64_t due_ns, took_ns;
    bool acked;
} sent;

typedef struct client {
    ly_rpc_channel *channel;
    ly_buf bytes;
    pooled *pool;
    size_t n_pool, cap_pool;
    place *places;
    size_t n_places, cap_places;
    uint32_t round;
    size_t next; /* of the pool */
    size_t batch;
    sent *sent;
    size_t n, cap, done, acked, refused;
    int64_t acked_spans;
    size_t open_bytes;
} client;

#define POOL_BYTES LY_MIB(192)
#define POOL_MAX   256

static void add_place(client *c, const char *at, const char *from, bool id)
{
    if (!ly_grow(&c->places, &c->cap_places, c->n_places + 1, SIZE_MAX / 16, sizeof *c->places))
        side_die("memory", NULL);
    c->places[c->n_places++] = (place){(uint32_t)(at - from), id};
}

static void find_places(client *c, pooled *p)
{
    static const char mark[] = "\"content\":\"";
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    ly_otlp_batch batch;
    const char *from = c->bytes.ptr + p->from, *at = from;
    ly_arena_init(&arena, LY_MIB(1), 0);
    if (ly_otlp_decode(ly_str_n(from, p->len), LY_SIGNAL_TRACES, &arena, NULL, &batch, &err))
        side_die("decode", &err);
    p->first_place = c->n_places;
    for (size_t i = 0; i < batch.n_spans; i++)
        add_place(c, batch.spans[i].wire.ptr + 2, from, true); /* the first field */
    while ((at = memmem(at, (size_t)(from + p->len - at), mark, sizeof mark - 1)) != NULL) {
        at += sizeof mark - 1;
        add_place(c, at, from, false);
    }
    p->n_places = c->n_places - p->first_place;
    ly_arena_release(&arena);
}

static void client_begin(client *c, const options *o, int port)
{
    gen g;
    *c = (client){.batch = o->batch};
    gen_init(&g, o->seed, o->shape);
    ly_buf_init(&c->bytes, LY_GIB(1));
    while (c->bytes.len < POOL_BYTES && c->n_pool < POOL_MAX) {
        if (!ly_grow(&c->pool, &c->cap_pool, c->n_pool + 1, POOL_MAX, sizeof *c->pool))
            side_die("memory", NULL);
        pooled *p = &c->pool[c->n_pool++];
        *p = (pooled){.from = c->bytes.len, .first = g.trace};
        p->len = gen_request(&g, o->batch, &c->bytes);
        p->last = g.trace;
    }
    gen_release(&g);
    for (size_t i = 0; i < c->n_pool; i++)
        find_places(c, &c->pool[i]);
    c->channel = side_connect(port, false);
}

static void client_end(client *c)
{
    ly_rpc_channel_free(c->channel);
    ly_buf_release(&c->bytes);
    ly_free(c->pool);
    ly_free(c->places);
    ly_free(c->sent);
}

/* The first half of a trace id: gen.c puts the number there. */
static uint64_t trace_half(uint64_t number, uint32_t round)
{
    return number | (uint64_t)round << 32;
}

/* Makes the request another one: the round goes into its ids and texts. */
static void dress(client *c, const pooled *p)
{
    char text[9], *from = c->bytes.ptr + p->from;
    snprintf(text, sizeof text, "%08x", c->round);
    for (size_t i = 0; i < p->n_places; i++) {
        const place *at = &c->places[p->first_place + i];
        if (at->id)
            memcpy(from + at->at + 4, &c->round, 4); /* numbers of the pool are below 2^32 */
        else
            memcpy(from + at->at, text, 8);
    }
}

static void send_next(client *c, int64_t due_ns)
{
    if (!ly_grow(&c->sent, &c->cap, c->n + 1, SIZE_MAX / 64, sizeof *c->sent))
        side_die("memory", NULL);
    const pooled *p = &c->pool[c->next];
    dress(c, p);
    c->sent[c->n] = (sent){.pooled = (uint32_t)c->next, .round = c->round, .due_ns = due_ns};
    side_send(c->channel, ly_str_n(c->bytes.ptr + p->from, p->len), false, c->n++);
    c->open_bytes += p->len;
    c->next = (c->next + 1) % c->n_pool;
    c->round += c->next == 0;
}

/* Takes one answer, waiting so long; false = none came. */
static bool take(client *c, int64_t wait_ns)
{
    ly_rpc_reply reply;
    if (ly_rpc_channel_wait(c->channel, wait_ns, &reply) != LY_OK)
        return false;
    sent *s = &c->sent[(uintptr_t)reply.token];
    s->took_ns = ly_mono_ns() - s->due_ns;
    s->acked = reply.code == LY_RPC_OK;
    if (s->acked) {
        c->acked++;
        c->acked_spans += (int64_t)c->batch;
    } else if (ly_rpc_retryable(reply.code, reply.details, NULL)) {
        c->refused++;
    } else {
        fprintf(stderr, "answer %d %.*s\n", reply.code, LY_STR_ARG(reply.message));
        exit(3);
    }
    c->done++;
    c->open_bytes -= c->pool[s->pooled].len;
    ly_rpc_reply_release(&reply);
    return true;
}

/* As fast as answers come, for so long; spans a second. */
static double closed_loop(client *c, int64_t length_ns, pid_t pid, long *ret_rss)
{
    int64_t start = ly_mono_ns(), before = c->acked_spans, looked = 0;
    while (ly_mono_ns() - start < length_ns) {
        while (c->n - c->done < IN_FLIGHT)
            send_next(c, ly_mono_ns());
        (void)take(c, LY_NS_PER_SEC);
        if (ret_rss && ly_mono_ns() - looked > 50 * LY_NS_PER_MS) {
            long rss = side_kib(pid, "status", "VmRSS");
            *ret_rss = rss > *ret_rss ? rss : *ret_rss;
            looked = ly_mono_ns();
        }
    }
    double rate = (double)(c->acked_spans - before) / ((double)(ly_mono_ns() - start) / 1e9);
    while (c->done < c->n)
        (void)take(c, LY_NS_PER_SEC);
    return rate;
}

static int verdict(bool ok)
{
    printf("  %s\n", ok ? "holds" : "BELOW THE BAR");
    fflush(stdout);
    return ok ? 0 : 1;
}

static int64_t ask(const char *db, const char *query)
{
    sqlite3 *sql = NULL;
    sqlite3_stmt *s = NULL;
    int64_t value = -1;
    if (sqlite3_open_v2(db, &sql, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(sql, query, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    sqlite3_close(sql);
    return value;
}

/* -------------------------------------------------------------------- latency */

/* Traces that arrived 40 to 45 days ago, for a prune to remove. */
static void fill_old(const char *db, const options *o, size_t spans)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_ingest_config how = {.book = ly_price_book_default()};
    gen g;
    ly_buf body;
    int64_t now = ly_wall_ns();
    opts.role = LY_STORE_WRITER;
    side_remove_db(db);
    gen_init(&g, o->seed + 77, GEN_SMALL);
    g.trace = 1000000000;
    ly_buf_init(&body, LY_GIB(1));
    if (ly_store_open(db, &opts, &store, &err))
        side_die("store", &err);
    for (size_t i = 0; i < spans; i += 500) {
        ly_buf_reset(&body);
        (void)gen_request(&g, 500, &body);
        ly_wall_fix(now - (45 - (int64_t)(5 * i / spans)) * LY_NS_PER_DAY);
        if (ly_ingest_bytes(&how, store, ly_buf_view(&body), LY_OTLP_PROTO, LY_SIGNAL_TRACES, NULL,
                            &err))
            side_die("ingest", &err);
    }
    int64_t left = 0;
    if (ly_store_settle(store, 0, true, &left, &err))
        side_die("settle", &err);
    ly_wall_fix(0);
    ly_store_close(store);
    gen_release(&g);
    ly_buf_release(&body);
}

static pid_t run_beside(const char *command)
{
    pid_t pid = 0;
    posix_spawnattr_t how;
    const char *argv[] = {"sh", "-c", command, NULL};
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&how, 0);
    side_pin(-1);
    if (posix_spawn(&pid, "/bin/sh", NULL, &how, (char *const *)(uintptr_t)argv, environ))
        side_die(command, NULL);
    side_pin(0);
    posix_spawnattr_destroy(&how);
    return pid;
}

static int by_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Requests at their times whatever the answers do; times count from then. */
static void paced(client *c, double a_second, size_t n)
{
    int64_t start = ly_mono_ns() + 100 * LY_NS_PER_MS;
    for (size_t i = 0; i < n; i++) {
        int64_t due = start + (int64_t)((double)i / a_second * 1e9);
        while (ly_mono_ns() < due)
            (void)take(c, due - ly_mono_ns());
        send_next(c, due);
    }
    while (c->done < c->n)
        (void)take(c, LY_NS_PER_SEC);
}

#define OLD_SPANS 200000
#define OLD_TRACES \
    "SELECT count(*) FROM trace WHERE seen_ns < (unixepoch() - 86400 * 30) * 1000000000"

static int latency(const options *o)
{
    char db[128];
    ly_runtime found;
    client c;
    pid_t beside[MAX_BESIDE];
    snprintf(db, sizeof db, "%s/latency.db", side_dir);
    fill_old(db, o, OLD_SPANS);
    int64_t old = ask(db, OLD_TRACES);
    pid_t pid = side_start_slow(db, false, &found);
    client_begin(&c, o, found.grpc_port);
    double peak = closed_loop(&c, 3 * LY_NS_PER_SEC, pid, NULL) / (double)o->batch;
    usleep(1500000); /* what that left is settled */
    setenv("LYDITE_DB", db, 1);
    unsetenv("LYDITE_SLOWDISK");
    for (size_t i = 0; i < o->n_beside; i++)
        beside[i] = run_beside(o->beside[i]);
    usleep(300000);
    size_t from = c.n, n = (size_t)(peak / 2 * o->seconds);
    paced(&c, peak / 2, n);
    int64_t gone = old - ask(db, OLD_TRACES);
    for (size_t i = 0; i < o->n_beside; i++) {
        kill(-beside[i], SIGTERM);
        (void)waitpid(beside[i], NULL, 0);
    }
    int64_t cases = ask(db, "SELECT count(*) FROM trace WHERE origin = 1");
    kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
    int64_t *took = ly_calloc(n + 1, sizeof *took);
    if (!took)
        side_die("memory", NULL);
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        took[i] = c.sent[from + i].took_ns;
        bad += !c.sent[from + i].acked;
    }
    qsort(took, n, sizeof *took, by_ns);
    printf("acknowledgement, %s batch %zu, fdatasync + 1 ms: reached %.0f requests/s; at half of "
           "it for %d s,"
           " beside it %zu commands (%lld evaluation traces stored, %lld traces pruned):"
           " p50 %.1f ms, p99 %.1f ms (bar 25), max %.1f ms, %zu refused;",
           gen_name(o->shape), o->batch, peak, o->seconds, o->n_beside, (long long)cases,
           (long long)gone, (double)took[n / 2] / 1e6, (double)took[n * 99 / 100] / 1e6,
           (double)took[n ? n - 1 : 0] / 1e6, bad);
    int code = verdict(n > 0 && took[n * 99 / 100] <= 25 * LY_NS_PER_MS && bad == 0);
    ly_free(took);
    client_end(&c);
    side_remove_db(db);
    return code;
}

/* ------------------------------------------------------------------- overload */

/* Offers so many requests a second, as far as the client can hold them. */
static double open_loop(client *c, double a_second, int64_t length_ns, pid_t pid, long *ret_rss,
                        size_t *ret_offered)
{
    int64_t start = ly_mono_ns(), before = c->acked_spans, looked = 0, now;
    size_t offered = 0;
    while ((now = ly_mono_ns()) - start < length_ns) {
        bool due = (double)offered < a_second * (double)(now - start) / 1e9;
        bool room = c->n - c->done < MAX_OPEN && c->open_bytes < OPEN_BYTES;
        if (due && room) {
            send_next(c, now);
            offered++;
        }
        while (take(c, due && room ? 0 : LY_NS_PER_MS) && !(due && !room)) {
        }
        if (now - looked > 50 * LY_NS_PER_MS) {
            long rss = side_kib(pid, "status", "VmRSS");
            *ret_rss = rss > *ret_rss ? rss : *ret_rss;
            looked = now;
        }
    }
    *ret_offered = offered;
    double rate = (double)(c->acked_spans - before) / ((double)(ly_mono_ns() - start) / 1e9);
    while (c->done < c->n)
        (void)take(c, LY_NS_PER_SEC);
    return rate;
}

/* Traces of acknowledged requests that are not in the file. */
static size_t count_lost(const char *db, const client *c)
{
    sqlite3 *sql = NULL;
    sqlite3_stmt *s = NULL;
    size_t lost = 0;
    if (sqlite3_open_v2(db, &sql, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(sql, "SELECT 1 FROM trace WHERE trace_id = ?1", -1, &s, NULL) !=
            SQLITE_OK)
        side_die(db, NULL);
    for (size_t i = 0; i < c->n; i++)
        /* The first trace of a request may have no span in it: it began in the one before. */
        for (uint64_t t = c->pool[c->sent[i].pooled].first + 1;
             c->sent[i].acked && t <= c->pool[c->sent[i].pooled].last; t++) {
            uint64_t id[2] = {trace_half(t, c->sent[i].round), t * 0xD6E8FEB86659FD93ull};
            (void)sqlite3_bind_blob(s, 1, id, sizeof id, SQLITE_STATIC);
            lost += sqlite3_step(s) != SQLITE_ROW;
            (void)sqlite3_reset(s);
        }
    (void)sqlite3_finalize(s);
    sqlite3_close(sql);
    return lost;
}

static int overload(const options *o)
{
    char db[128];
    ly_runtime found;
    client c;
    long steady = 0, most = 0;
    size_t offered = 0;
    snprintf(db, sizeof db, "%s/overload.db", side_dir);
    pid_t pid = side_start(db, NULL, true, &found);
    client_begin(&c, o, found.grpc_port);
    /* Long enough for what grows at first: caches, and the keeper's buffers. */
    int64_t steady_ns = (o->seconds > 75 ? o->seconds / 5 : 15) * LY_NS_PER_SEC;
    double peak = closed_loop(&c, steady_ns, pid, &steady);
    size_t refused = c.refused;
    double good = open_loop(&c, 3 * peak / (double)o->batch, o->seconds * LY_NS_PER_SEC, pid, &most,
                            &offered);
    refused = c.refused - refused;
    double after = closed_loop(&c, steady_ns / 2, pid, NULL);
    kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
    size_t lost = count_lost(db, &c);
    int64_t stored = ask(db, "SELECT count(*) FROM span");
    printf(
        "overload, %s batch %zu: reached %.0f spans/s (%.0f after it), memory %.1f MiB; %.1f times "
        "as much"
        " offered for %d s: %.0f spans/s stored (%.2f of it, bar 0.95), memory %.1f MiB (%.2f "
        "times, bar"
        " 1.2), %zu requests refused, %zu acknowledged traces lost, %lld spans acknowledged, %lld"
        " stored;",
        gen_name(o->shape), o->batch, peak, after, (double)steady / 1024,
        (double)offered * (double)o->batch / o->seconds / peak, o->seconds, good, good / peak,
        (double)most / 1024, (double)most / (double)steady, refused, lost, (long long)c.acked_spans,
        (long long)stored);
    bool ok = good >= 0.95 * peak && (double)most <= 1.2 * (double)steady && lost == 0 &&
              stored >= c.acked_spans;
    client_end(&c);
    side_remove_db(db);
    return verdict(ok);
}

/* ---------------------------------------------------------------------- scale */

static double rate_around(client *c, size_t spans)
{
    size_t half = spans / 20 > 50000 ? spans / 20 : 50000;
    if (half > 500000)
        half = 500000;
    size_t from = spans > half ? spans - half : 0, until = spans + half;
    int64_t start = 0;
    while ((size_t)c->acked_spans < until) {
        while (c->n - c->done < IN_FLIGHT)
            send_next(c, ly_mono_ns());
        (void)take(c, LY_NS_PER_SEC);
        if (!start && (size_t)c->acked_spans >= from) {
            start = ly_mono_ns();
            from = (size_t)c->acked_spans;
        }
    }
    return (double)((size_t)c->acked_spans - from) / ((double)(ly_mono_ns() - start) / 1e9);
}

static int scale(const options *o)
{
    char db[128];
    ly_runtime found;
    client c;
    snprintf(db, sizeof db, "%s/scale.db", side_dir);
    pid_t pid = side_start(db, NULL, true, &found);
    client_begin(&c, o, found.grpc_port);
    double small = rate_around(&c, o->small), large = rate_around(&c, o->large);
    long rss = side_kib(pid, "status", "VmHWM");
    while (c.done < c.n)
        (void)take(&c, LY_NS_PER_SEC);
    kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
    int64_t pages =
        ask(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    printf("scale, %s batch %zu: %.0f spans/s around %zu spans, %.0f around %zu: ratio %.2f (bar "
           "0.8); file"
           " %.2f GB, memory at most %.1f MiB;",
           gen_name(o->shape), o->batch, small, o->small, large, o->large, large / small,
           (double)pages / 1e9, (double)rss / 1024);
    client_end(&c);
    side_remove_db(db);
    return verdict(large >= 0.8 * small);
}

/* ----------------------------------------------------------------------- idle */

static pid_t start_program(const char *const *argv, int quiet)
{
    pid_t pid = 0;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    if (quiet) {
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", 1 /* O_WRONLY */, 0);
        posix_spawn_file_actions_addopen(&files, 2, "/dev/null", 1, 0);
    }
    if (posix_spawn(&pid, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, environ))
        side_die(argv[0], NULL);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

/* The best of some runs, in ms. */
static double program_ms(const char *const *argv)
{
    double best = 1e9;
    for (int i = 0; i < 15; i++) {
        int64_t start = ly_mono_ns();
        (void)waitpid(start_program(argv, 1), NULL, 0);
        double ms = (double)(ly_mono_ns() - start) / 1e6;
        best = ms < best ? ms : best;
    }
    return best;
}

/* From starting `lydite collect` to the answer to its first span, in ms; the collector goes on. */
static double first_span_ms(const char *program, const char *db, const options *o, pid_t *ret_pid)
{
    ly_runtime found;
    client c;
    const char *argv[] = {program, "collect",     "--db", db,  "--grpc-port",
                          "0",     "--http-port", "0",    NULL};
    side_remove_db(db);
    int64_t start = ly_mono_ns();
    *ret_pid = start_program(argv, 1);
    while (ly_runtime_find(db, &found, NULL) || found.pid != *ret_pid)
        usleep(200);
    client_begin(&c, o, found.grpc_port);
    c.batch = 1;
    send_next(&c, start);
    while (!take(&c, LY_NS_PER_SEC)) {
    }
    double ms = (double)c.sent[0].took_ns / 1e6;
    client_end(&c);
    return ms;
}

static int idle(const options *o)
{
    char db[128], program[600];
    char *slash = strrchr(side_self, '/');
    double best = 1e9;
    long rss = 0, dirty = 0, clean = 0;
    snprintf(program, sizeof program, "%.*s/lydite", (int)(slash - side_self), side_self);
    snprintf(db, sizeof db, "%s/idle.db", side_dir);
    side_pin(-1);
    for (int i = 0; i < 5; i++) {
        pid_t pid = 0;
        double ms = first_span_ms(program, db, o, &pid);
        best = ms < best ? ms : best;
        if (i == 4) {
            sleep(2);
            rss = side_kib(pid, "smaps_rollup", "Rss");
            dirty = side_kib(pid, "smaps_rollup", "Private_Dirty");
            clean = side_kib(pid, "smaps_rollup", "Private_Clean");
        }
        kill(pid, SIGTERM);
        (void)waitpid(pid, NULL, 0);
    }
    side_remove_db(db);
    const char *version[] = {program, "--version", NULL}, *empty[] = {"/bin/true", NULL};
    double lydite_ms = program_ms(version), empty_ms = program_ms(empty);
    printf("idle collector: %.1f MiB of its own (bar 8; and %.1f MiB of files that nobody else "
           "maps), %.1f MiB"
           " RSS (bar 24); start to first accepted span %.1f ms (bar 50); lydite --version %.1f ms "
           "over an"
           " empty program (bar 10);",
           (double)dirty / 1024, (double)clean / 1024, (double)rss / 1024, best,
           lydite_ms - empty_ms);
    return verdict(dirty <= 8 * 1024 && rss <= 24 * 1024 && best <= 50 &&
                   lydite_ms - empty_ms <= 10);
}

/* ----------------------------------------------------------------------- main */

static int usage(void)
{
    fprintf(stderr,
            "usage: bench_pressure latency|overload|scale|idle [--shape small|2k|17k] [--batch N]"
            " [--seconds N] [--seed N]\n"
            "                      [--small N] [--large N] [--beside COMMAND]...\n");
    return 2;
}

static uint64_t number(const char *text)
{
    uint64_t n = 0;
    if (!text || !ly_str_to_u64(ly_str_c(text), &n) || n == 0)
        exit(usage());
    return n;
}

int main(int argc, char **argv)
{
    static const struct mode {
        const char *name;
        int (*run)(const options *o);
        options defaults;
    } modes[] = {
        {"latency", latency, {.shape = GEN_2K, .batch = 50, .seconds = 10, .seed = 1}},
        {"overload", overload, {.shape = GEN_2K, .batch = 512, .seconds = 30, .seed = 1}},
        {"scale",
         scale,
         {.shape = GEN_SMALL, .batch = 512, .seed = 1, .small = 1000000, .large = 10000000}},
        {"idle", idle, {.shape = GEN_SMALL, .batch = 1, .seed = 1}},
    };
    if (argc >= 3 && strcmp(argv[1], "--serve") == 0) {
        return side_serve(argv[2], argc > 3 ? argv[3] : NULL);
    }
    const struct mode *mode = NULL;
    for (size_t i = 0; argc > 1 && i < LY_COUNT(modes); i++)
        mode = strcmp(argv[1], modes[i].name) == 0 ? &modes[i] : mode;
    if (!mode)
        return usage();
    options o = mode->defaults;
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--shape") == 0)
            o.shape = strcmp(value, "17k") == 0  ? GEN_17K
                      : strcmp(value, "2k") == 0 ? GEN_2K
                                                 : GEN_SMALL;
        else if (strcmp(argv[i], "--batch") == 0)
            o.batch = number(value);
        else if (strcmp(argv[i], "--seconds") == 0)
            o.seconds = (int)number(value);
        else if (strcmp(argv[i], "--seed") == 0)
            o.seed = number(value);
        else if (strcmp(argv[i], "--small") == 0)
            o.small = number(value);
        else if (strcmp(argv[i], "--large") == 0)
            o.large = number(value);
        else if (strcmp(argv[i], "--beside") == 0 && o.n_beside < MAX_BESIDE)
            o.beside[o.n_beside++] = value;
        else
            return usage();
    }
    side_init("bench_pressure");
    side_pin(0);
    int code = mode->run(&o);
    side_end();
    return code;
}
