/*
 * The engine under many threads, without gRPC, so that a thread sanitizer build of this test means
 * something: threads come and go, spans change hands, parents are shared, the budget runs out, stats are
 * read all the while. Nothing is lost or made up: each span carries a number, each number arrives once.
 */
#include "testing.h"

#include <lydite/tracer.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "otlp/decode.h"

#define MAX_NUMBER 400000

static uint8_t seen[MAX_NUMBER];
static _Atomic uint32_t next_number;
static uint64_t arrived, twice;

static int take(void *user, bool logs, const void *bytes, size_t len, size_t n)
{
    static ly_arena arena;
    ly_otlp_batch batch;
    (void)user, (void)logs;
    if (!arena.max) {
        ly_arena_init(&arena, 1 << 20, (size_t)1 << 30);
    }
    ly_arena_reset(&arena);
    if (ly_otlp_decode(ly_str_n(bytes, len), LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL) ||
        batch.n_spans != n) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        const ly_any *number = ly_attrs_get(&batch.spans[i].attrs, LY_S("number"));
        if (!number || number->integer < 0 || number->integer >= MAX_NUMBER) {
            abort();
        }
        arrived++;
        twice += seen[number->integer]++;
    }
    return 0;
}

static lydite_tracer *t;
static lydite_span *shared_parent;
static _Atomic uint64_t ended;

/* One slot by which threads hand spans to each other. */
static lydite_span *_Atomic handed;

static void finish(lydite_span *span)
{
    lydite_end(span);
    ended++;
}

static lydite_span *numbered(lydite_span *span)
{
    lydite_set_int(span, "number", next_number++);
    return span;
}

static void *short_life(void *arg)
{
    const int rounds = (int)(intptr_t)arg;
    for (int i = 0; i < rounds; i++) {
        lydite_start_options how = LYDITE_START_INIT;
        how.parent = shared_parent;
        how.detached = true;
        lydite_span *mine = numbered(lydite_start_with(t, LYDITE_TOOL, "child", &how));
        lydite_set_session(mine, "s");
        lydite_span *other = atomic_exchange(&handed, mine);
        if (other) {
            lydite_set_str(other, "text", "ended by another thread");
            finish(other);
        }
        lydite_span *nested = numbered(lydite_start_static(t, LYDITE_STEP, "nested"));
        if (i % 50 == 0) {
            char *big = ly_calloc(1, 90001);
            memset(big, 'b', 90000);
            lydite_set_str(nested, "big", big);
            ly_free(big);
        }
        finish(nested);
        if (i % 16 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static uint64_t total(const lydite_stats *s)
{
    uint64_t sum = s->acknowledged + s->rejected + s->spooled + s->queued + s->sending;
    for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
        sum += s->dropped[i];
    }
    return sum;
}

static void churn(size_t ring_bytes, uint32_t wait_ms)
{
    lydite_options opts = LYDITE_OPTIONS_INIT;
    pthread_t threads[4];
    lydite_stats s = LYDITE_STATS_INIT;
    memset(seen, 0, sizeof seen);
    next_number = 0;
    arrived = twice = 0;
    ended = 0;
    opts.export_fn = take;
    opts.ignore_env = true;
    opts.schedule_ms = 1;
    opts.ring_bytes = ring_bytes;
    opts.full_wait_ms = wait_ms;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    shared_parent = numbered(lydite_start(t, LYDITE_AGENT, "parent"));
    lydite_set_user(shared_parent, "u");
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 4; i++) {
            pthread_create(&threads[i], NULL, short_life, (void *)(intptr_t)150);
        }
        for (int i = 0; i < 50; i++) {
            lydite_set_int(shared_parent, "progress", i); /* while children copy its ids */
            lydite_stats_get(t, &s);
            if (s.ended != total(&s)) {
                fail_msg("ended %llu, accounted %llu", (unsigned long long)s.ended,
                         (unsigned long long)total(&s));
            }
            sched_yield();
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
        }
    }
    lydite_span *left = atomic_exchange(&handed, NULL);
    if (left) {
        finish(left);
    }
    finish(shared_parent);
    (void)lydite_close(t, 20000, &s);
    assert_int_equal(s.ended, ended);
    assert_int_equal(s.ended, total(&s));
    assert_int_equal(s.acknowledged, arrived);
    assert_int_equal(twice, 0);
    assert_int_equal(s.misuse, 0);
}

static void test_enough_room(void **state)
{
    (void)state;
    churn(16 << 20, 5000);
    assert_int_equal(arrived, ended);
}

static void test_little_room(void **state)
{
    (void)state;
    churn(256 << 10, 0);
    assert_true(arrived <= ended);
}

/* More threads than chunks, each with an unfinished one: the next thread still gets room. */
static void *one_span(void *arg)
{
    (void)arg;
    finish(numbered(lydite_start(t, LYDITE_STEP, "one")));
    return NULL;
}

static void test_rings_of_ended_threads_are_reused(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_stats s = LYDITE_STATS_INIT;
    memset(seen, 0, sizeof seen);
    next_number = 0;
    arrived = twice = ended = 0;
    opts.export_fn = take;
    opts.ignore_env = true;
    opts.ring_bytes = 256 << 10; /* four chunks */
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    for (int i = 0; i < 300; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, one_span, NULL);
        pthread_join(thread, NULL);
    }
    assert_int_equal(lydite_close(t, 5000, &s), LYDITE_OK);
    assert_int_equal(s.acknowledged, 300);
}

/* More living threads than chunks, each quiet with an unfinished chunk most of the time. */
#define QUIET 24

static pthread_barrier_t together;

static void *quiet_life(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        finish(numbered(lydite_start(t, LYDITE_STEP, "one")));
        pthread_barrier_wait(&together);
    }
    return NULL;
}

static void test_quiet_threads_give_their_chunks_back(void **state)
{
    (void)state;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_stats s = LYDITE_STATS_INIT;
    pthread_t threads[QUIET];
    memset(seen, 0, sizeof seen);
    next_number = 0;
    arrived = twice = ended = 0;
    opts.export_fn = take;
    opts.ignore_env = true;
    opts.ring_bytes = 256 << 10; /* four chunks */
    opts.full_wait_ms = 60000;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    pthread_barrier_init(&together, NULL, QUIET);
    for (int i = 0; i < QUIET; i++) {
        pthread_create(&threads[i], NULL, quiet_life, NULL);
    }
    for (int i = 0; i < QUIET; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&together);
    assert_int_equal(lydite_close(t, 20000, &s), LYDITE_OK);
    assert_int_equal(s.acknowledged, QUIET * 5);
    assert_int_equal(arrived, QUIET * 5);
}

static int take_only(void *user, bool logs, const void *bytes, size_t len, size_t n)
{
    (void)logs, (void)bytes, (void)len;
    atomic_fetch_add((_Atomic uint64_t *)user, n);
    return 0;
}

/* A full batch goes at once, long before the schedule says so. */
static void test_a_batch_does_not_wait_for_the_schedule(void **state)
{
    (void)state;
    static _Atomic uint64_t taken;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    opts.export_fn = take_only;
    opts.export_user = (void *)&taken;
    opts.ignore_env = true;
    opts.schedule_ms = 3600000;
    opts.batch_spans = 40;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    for (int i = 0; i < 50; i++) {
        lydite_end(lydite_start_static(t, LYDITE_STEP, "one"));
    }
    for (int i = 0; i < 3000 && taken < 40; i++) {
        usleep(10000);
    }
    assert_true(taken >= 40);
    lydite_close(t, 20000, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enough_room),
        cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_rings_of_ended_threads_are_reused),
        cmocka_unit_test(test_quiet_threads_give_their_chunks_back),
        cmocka_unit_test(test_a_batch_does_not_wait_for_the_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
