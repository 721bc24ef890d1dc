/*
 * Promise 1: the collector is killed (SIGKILL) at random points under load; what it acknowledged is there,
 * once. ROUNDS is set by test_kill.c (10) and slow_kill.c (200). The seed is printed; LY_SEED sets it.
 */
#include "process.h"

#include <time.h>

#define IN_FLIGHT 8

static uint64_t seed;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Keeps IN_FLIGHT requests going until the time has come; half of them repeats of unanswered ones. */
static void load(process *p, int64_t until)
{
    while (ly_mono_ns() < until) {
        while (ly_rpc_channel_in_flight(p->k.channel) < IN_FLIGHT) {
            uint64_t number = p->sent > 4 && draw() % 8 == 0 ? 1 + draw() % p->sent : ++p->sent;
            process_send(p, number);
        }
        (void)process_answer(p, NULL);
    }
}

static void round_of(process *p)
{
    process_start(p);
    load(p, ly_mono_ns() + (int64_t)(draw() % 200 + 5) * LY_NS_PER_MS);
    kill(p->pid, SIGKILL);
    while (ly_rpc_channel_in_flight(p->k.channel) > 0)
        (void)process_answer(p, NULL); /* what it said before it died still counts */
    process_end(p, SIGKILL);
}

static void killed_at_any_moment_loses_nothing_acknowledged(void **state)
{
    (void)state;
    process *p = ly_calloc(1, sizeof *p);
    assert_non_null(p);
    const char *given = getenv("LY_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
    print_message("LY_SEED=%llu\n", (unsigned long long)seed);
    kit_dir(&p->k);
    size_t acked = 0;
    for (int i = 0; i < ROUNDS; i++) {
        round_of(p);
        acked = process_verify(p);
    }
    print_message("%d rounds, %llu requests, %zu acknowledged\n", ROUNDS,
                  (unsigned long long)p->sent, acked);
    assert_true(acked > ROUNDS);
    /* And it goes on as if nothing had been. */
    process_start(p);
    process_send(p, ++p->sent);
    assert_int_equal(process_answer(p, NULL), LY_RPC_OK);
    process_end(p, SIGTERM);
    (void)process_verify(p);
    kit_end(&p->k);
    ly_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_moment_loses_nothing_acknowledged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
