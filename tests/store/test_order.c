/* The same whatever the order of arrival; whole after kill -9; patient beside other processes. */
#include "support.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "store/usage.h"

/* ---- order ---- */

/* An agent that reports its own sum, a wrapper around a client's call, a tool with a nested agent. */
static const say story[] = {
    {.trace = 1,
     .span = 1,
     .name = "agent",
     .operation = "invoke_agent",
     .model = "m",
     .in = 900,
     .out = 90,
     .end_ms = 1000,
     .session = "s",
     .cost = "9"},
    {.trace = 1,
     .span = 2,
     .parent = 1,
     .name = "outer",
     .operation = "chat",
     .model = "m",
     .in = 100,
     .out = 10,
     .start_ms = 10,
     .end_ms = 200,
     .cost = "1"},
    {.trace = 1,
     .span = 3,
     .parent = 2,
     .name = "inner",
     .operation = "chat",
     .model = "m",
     .in = 100,
     .out = 10,
     .start_ms = 11,
     .end_ms = 199,
     .cost = "1"},
    {.trace = 1,
     .span = 4,
     .parent = 1,
     .name = "tool",
     .operation = "execute_tool",
     .tool = "t",
     .start_ms = 300,
     .end_ms = 600},
    {.trace = 1,
     .span = 5,
     .parent = 4,
     .name = "nested",
     .operation = "chat",
     .model = "n",
     .in = 7,
     .out = 3,
     .start_ms = 310,
     .end_ms = 500,
     .cost = "0.5"},
};
#define STORY LY_COUNT(story)

typedef struct sums {
    ly_trace_row row;
    int64_t calls, cost, in;
    int64_t session_cost;
} sums;

static sums sums_of(ly_store *store)
{
    static ly_arena arena; /* holds the row's strings until the next call */
    ly_arena_release(&arena);
    ly_arena_init(&arena, 0, 0);
    sums s = {.calls = 0};
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_trace_row(store, tid(1), &arena, &s.row, &err), err);
    ly_usage_query q = {.from_ns = INT64_MIN, .until_ns = INT64_MAX, .scan = false};
    ly_usage_row *rows = NULL;
    size_t n = 0;
    assert_ok(ly_usage_sum(store, &q, &arena, &rows, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        s.calls += rows[i].n;
        s.cost += rows[i].amount_pico;
        s.in += rows[i].tokens_in;
    }
    ly_session_row one;
    ly_trace_row *traces = NULL;
    if (ly_store_session_load(store, LY_S("s"), 5, &arena, &one, &traces, &n, &err) == LY_OK)
        s.session_cost = one.cost_pico;
    return s;
}

static void every_order_gives_the_same(void **state)
{
    (void)state;
    size_t order[STORY] = {0, 1, 2, 3, 4};
    size_t c[STORY] = {0};
    int permutations = 0;
    for (size_t i = 0; i <= STORY;) {
        folder f = folder_make();
        ly_store_opts opts = LY_STORE_OPTS_INIT;
        opts.role = LY_STORE_WRITER;
        opts.durability = LY_DURABLE_NORMAL;
        ly_store *store = NULL;
        ly_err err = LY_ERR_INIT;
        assert_ok(ly_store_open(f.db, &opts, &store, &err), err);
        for (size_t k = 0; k < STORY; k++) {
            assert_int_equal(ingest_one(store, story[order[k]]), LY_STORED);
            settle_all(store);
        }
        (void)ingest_one(store, story[order[1]]); /* and a resend */
        settle_all(store);
        sums s = sums_of(store);
        assert_int_equal(s.row.tokens.in_fresh, 107);
        assert_int_equal(s.row.tokens.out_visible, 13);
        assert_int_equal(s.row.cost_pico, 1500000000000LL);
        assert_int_equal(s.row.n_spans, 5);
        assert_str(s.row.name, "agent");
        assert_int_equal(s.calls, 2);
        assert_int_equal(s.cost, 1500000000000LL);
        assert_int_equal(s.in, 107);
        assert_int_equal(s.session_cost, 1500000000000LL);
        int64_t wrong = -1;
        assert_ok(ly_usage_verify(store, false, &wrong, &err), err);
        assert_int_equal(wrong, 0);
        ly_store_close(store);
        folder_remove(&f);
        permutations++;
        /* Heap's algorithm, without recursion. */
        for (i = 1; i < STORY && c[i] >= i; i++)
            c[i] = 0;
        if (i >= STORY)
            break;
        size_t a = i % 2 ? c[i] : 0, t = order[a];
        order[a] = order[i];
        order[i] = t;
        c[i]++;
    }
    assert_int_equal(permutations, 120);
}

/* ---- kill -9 ---- */

static void killed_at_any_moment(void **state)
{
    (void)state;
    folder f = folder_make();
    uint64_t acked = 0;
    for (int round = 0; round < 6; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t pid = fork();
        if (pid == 0) {
            (void)close(pipes[0]);
            ly_store *store = open_writer(f.db);
            for (uint64_t i = acked + 1;; i++) {
                made m = made_new(8);
                for (uint64_t k = 1; k <= 8; k++)
                    made_say(&m, (say){.trace = i,
                                       .span = k,
                                       .parent = k > 1,
                                       .operation = "chat",
                                       .model = "m",
                                       .in = 1,
                                       .out = 1,
                                       .cost = "0.1"});
                ingest_made(store, &m, NULL);
                /* What was acknowledged is told to the parent before the next batch. */
                if (write(pipes[1], &i, sizeof i) != sizeof i)
                    _exit(1);
                ly_err err = LY_ERR_INIT;
                if (i % 3 == 0 && ly_store_settle(store, 0, true, NULL, &err))
                    _exit(1);
                made_free(&m);
            }
        }
        (void)close(pipes[1]);
        struct timespec t = {0, 60000000 + 17000000 * round};
        (void)nanosleep(&t, NULL);
        (void)kill(pid, SIGKILL);
        int status = 0;
        (void)waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        uint64_t i;
        while (read(pipes[0], &i, sizeof i) == sizeof i)
            acked = i;
        (void)close(pipes[0]);
        ly_store *store = open_writer(f.db);
        ly_store_info info;
        ly_err err = LY_ERR_INIT;
        assert_ok(ly_store_info_get(store, true, &info, &err), err);
        /* Each acknowledged batch is whole; one more may be there, whole too. */
        assert_true(info.n_spans == (int64_t)acked * 8 || info.n_spans == (int64_t)(acked + 1) * 8);
        acked = (uint64_t)info.n_traces;
        settle_all(store);
        int64_t wrong = -1;
        assert_ok(ly_usage_verify(store, false, &wrong, &err), err);
        assert_int_equal(wrong, 0);
        ly_store_close(store);
    }
    assert_true(acked > 6);
    folder_remove(&f);
}

/* ---- several processes ---- */

static int writer(const char *db, uint64_t who, int64_t until)
{
    ly_store *store = open_writer(db);
    for (uint64_t i = 0; ly_mono_ns() < until; i++) {
        ly_err err = LY_ERR_INIT;
        (void)ingest_one(store, (say){.trace = who * 1000000 + i,
                                      .span = 1,
                                      .operation = "chat",
                                      .model = "m",
                                      .in = 2,
                                      .cost = "0.5",
                                      .session = "shared"});
        if (i % 5 == 0 && ly_store_settle(store, 5 * LY_NS_PER_MS, true, NULL, &err))
            return 1;
    }
    ly_store_close(store);
    return 0;
}

static int reader(const char *db, int64_t until)
{
    ly_store *store = open_reader(db);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    while (ly_mono_ns() < until) {
        ly_arena_reset(&arena);
        ly_trace_row *rows = NULL;
        size_t n = 0;
        ly_store_key key;
        bool more;
        ly_err err = LY_ERR_INIT;
        if (ly_store_trace_page(store, &q, &arena, &rows, &n, &key, &more, &err))
            return 1;
        for (size_t i = 0; i < n; i++)
            if (rows[i].cost_pico != 500000000000LL)
                return 2; /* a dirty trace is shown exact too */
    }
    ly_arena_release(&arena);
    ly_store_close(store);
    return 0;
}

static void many_at_once(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store_close(open_writer(f.db));
    int64_t until = ly_mono_ns() + 1500 * LY_NS_PER_MS;
    pid_t pids[6];
    for (uint64_t i = 0; i < LY_COUNT(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(i < 4 ? writer(f.db, i + 1, until) : reader(f.db, until));
    }
    for (size_t i = 0; i < LY_COUNT(pids); i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    ly_store *store = open_writer(f.db);
    settle_all(store);
    ly_store_info info;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    assert_int_equal(info.n_charges, info.n_spans);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_session_row one;
    ly_trace_row *traces = NULL;
    size_t n = 0;
    assert_ok(ly_store_session_load(store, LY_S("shared"), 1, &arena, &one, &traces, &n, &err),
              err);
    assert_int_equal(one.n_traces, info.n_traces);
    ly_arena_release(&arena);
    int64_t wrong = -1;
    assert_ok(ly_usage_verify(store, false, &wrong, &err), err);
    assert_int_equal(wrong, 0);
    ly_store_close(store);
    folder_remove(&f);
}

/* ---- one large trace, a span a request ---- */

static void a_large_trace_span_by_span(void **state)
{
    (void)state;
    bool whole = getenv("LYDITE_LONG") != NULL;
    uint64_t n = whole ? 100000 : 10000;
    folder f = folder_make();
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    opts.durability = LY_DURABLE_NORMAL; /* what is measured is work, not the disk */
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_store_open(f.db, &opts, &store, &err), err);
    for (uint64_t i = 1; i <= n; i++) {
        made m = made_new(1);
        made_say(&m, (say){.trace = 1,
                           .span = i,
                           .parent = i / 2,
                           .operation = i % 4 ? NULL : "chat",
                           .model = "m",
                           .in = 3,
                           .out = 1,
                           .start_ms = i});
        ingest_made(store, &m, NULL);
        made_free(&m);
        if (i % 50 == 0)
            assert_ok(ly_store_settle(store, 0, false, NULL, &err), err);
    }
    settle_all(store);
    ly_store_counters c;
    ly_store_counters_get(store, &c);
    printf("%llu spans: %.1f statements, %.2f nodes read in %llu settlings a span\n",
           (unsigned long long)n, (double)c.statements / (double)n,
           (double)c.settled_nodes / (double)n, (unsigned long long)c.settles);
    /* A geometric series: growth by an eighth gives at most about nine reads a span, and the small beginning. */
    assert_true((double)c.settled_nodes < 14.0 * (double)n);
    assert_true((double)c.statements < 40.0 * (double)n);
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_trace_row row;
    assert_ok(ly_store_trace_row(store, tid(1), &arena, &row, &err), err);
    assert_int_equal(row.n_spans, n);
    ly_arena_release(&arena);
    ly_store_close(store);
    folder_remove(&f);
}

/* ---- from the future ---- */

enum { OF_TODAY = 20, AHEAD = 7 };

/* All pages of at most `limit` rows, their ids one after another. */
static size_t pages(ly_store *store, size_t limit, const ly_filter *filter, ly_trace_id *ids)
{
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    bool more = true;
    size_t n = 0;
    q.filter = filter;
    while (more) {
        ly_arena arena;
        ly_trace_row *rows = NULL;
        ly_err err = LY_ERR_INIT;
        size_t got = 0;
        ly_arena_init(&arena, 0, 0);
        q.limit = limit;
        assert_ok(ly_store_trace_page(store, &q, &arena, &rows, &got, &q.after, &more, &err), err);
        assert_true(got <= limit && n + got <= OF_TODAY + AHEAD);
        for (size_t i = 0; i < got; i++)
            ids[n++] = rows[i].trace_id;
        ly_arena_release(&arena);
    }
    return n;
}

/* A sender whose clock is a day ahead hides nothing of today: its traces stand where they arrived, here between
 * what began before and after them, in pages of any size and each once. */
static void the_future_hides_nothing(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    uint64_t now_ms = (uint64_t)(ly_wall_ns() / 1000000) - SAY_BASE_MS;
    for (uint64_t i = 0; i < OF_TODAY + AHEAD; i++) {
        bool ahead = i >= 10 && i < 10 + AHEAD;
        /* The first ten began before all arrive; the last ten "begin" within the tolerance, after it. */
        uint64_t start = ahead    ? now_ms + 86400000 * (1 + i * 5 % AHEAD)
                         : i < 10 ? now_ms - 600000 + i * 1000
                                  : now_ms + 60000 + i * 1000;
        ingest_one(store, (say){.trace = i + 1,
                                .span = i + 1,
                                .name = "chat",
                                .operation = "chat",
                                .start_ms = start});
    }
    settle_all(store);
    ly_trace_id all[OF_TODAY + AHEAD], some[OF_TODAY + AHEAD];
    assert_int_equal(pages(store, 100, NULL, all), OF_TODAY + AHEAD);
    for (size_t i = 0; i < OF_TODAY + AHEAD; i++)
        assert_true(ly_trace_id_eq(all[i], tid(OF_TODAY + AHEAD - i)));
    ly_filter *filter = NULL;
    ly_err err = LY_ERR_INIT;
    assert_ok(ly_filter_parse(LY_S("name:chat"), NULL, &filter, NULL, &err), err);
    for (size_t limit = 1; limit < 12; limit++)
        for (int filtered = 0; filtered < 2; filtered++) {
            assert_int_equal(pages(store, limit, filtered ? filter : NULL, some), OF_TODAY + AHEAD);
            assert_memory_equal(some, all, sizeof all);
        }
    ly_filter_free(filter);
    ly_store_close(store);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_future_hides_nothing),   cmocka_unit_test(every_order_gives_the_same),
        cmocka_unit_test(killed_at_any_moment),       cmocka_unit_test(many_at_once),
        cmocka_unit_test(a_large_trace_span_by_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
