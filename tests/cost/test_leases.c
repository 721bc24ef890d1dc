/*
 * Money put aside: threads under one cap never pass it, and what a killed worker held comes back.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../store/support.h"

#include "cost/budget_gate.h"

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

#define WORKERS 4
#define LIMIT   (1000 * 1000000LL)

typedef struct worker {
    pthread_t thread;
    const char *db;
    int64_t paid;
    size_t refused;
} worker;

static void *spend(void *user)
{
    worker *w = user;
    ly_err err = LY_ERR_INIT;
    ly_budget_gate *gate = NULL;
    ly_gate_ask ask = {.run = LY_S("r1"), .limit_pico = LIMIT, .origin = LY_ORIGIN_EVAL};
    uint64_t seed = (uint64_t)(uintptr_t)w;
    if (ly_budget_gate_open(w->db, &ask, &gate, &err) != LY_OK) {
        return NULL;
    }
    for (int i = 0; i < 200; i++) {
        int64_t worst = 20 * 1000000LL, paid = (int64_t)(next_random(&seed) % 20) * 1000000;
        if (ly_budget_reserve(gate, worst, &err) != LY_OK) {
            w->refused++;
            continue;
        }
        ly_budget_settle(gate, worst, paid);
        w->paid += paid;
    }
    ly_budget_gate_close(gate);
    return NULL;
}

/* Gates of several threads, each with its own handle as a process has: together never past the cap, and
 * not far below it either. */
static void gates(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    worker workers[WORKERS] = {{0}};
    int64_t paid = 0, held, spent;
    size_t refused = 0;
    ly_err err = LY_ERR_INIT;
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i].db = f.db;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, spend, &workers[i]), 0);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        paid += workers[i].paid;
        refused += workers[i].refused;
    }
    assert_true(paid <= LIMIT);
    assert_true(paid > LIMIT - WORKERS * 3 * 20 * 1000000LL);
    assert_true(refused > 0);
    assert_ok(ly_lease_sum(store, LY_S("run:r1"), 0, &held, &spent, &err), err);
    assert_int_equal(held, 0);
    assert_int_equal(spent, paid);
    ly_store_close(store);
    folder_remove(&f);
}

/* A worker that is killed: what it wrote as spent stays spent; what it held is nobody else's until its
 * lease runs out, and then free again. */
static void killed_worker(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store_close(open_writer(f.db)); /* the file is there before anyone forks */
    ly_lease_ask ask = {.cap = LY_S("run:k"),
                        .limit_pico = 100,
                        .want_pico = 60,
                        .least_pico = 60,
                        .ttl_ns = 3 * LY_NS_PER_SEC};
    int told[2];
    int64_t began = ly_mono_ns();
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ly_store *store = open_writer(f.db);
        ly_err err = LY_ERR_INIT;
        int64_t lease = 0, got = 0, left = 0;
        bool good = ly_lease_take(store, &ask, &lease, &got, &left, &err) == LY_OK &&
                    ly_lease_settle(store, lease, 10, 0, ask.ttl_ns, &err) == LY_OK;
        (void)!write(told[1], good ? "y" : "n", 1);
        for (;;) {
            (void)pause();
        }
    }
    char answer = 0;
    assert_int_equal(read(told[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    ly_store *store = open_writer(f.db);
    ly_err err = LY_ERR_INIT;
    int64_t held = 0, spent = 0, got = 0, left = 0, lease = 0;
    assert_ok(ly_lease_sum(store, ask.cap, 0, &held, &spent, &err), err);
    assert_int_equal(spent, 10);
    ask.want_pico = ask.least_pico = 41;
    ly_status early = ly_lease_take(store, &ask, &lease, &got, &left, &err);
    if (early == LY_OK) { /* only on a machine that took as long as the lease lasts to get here */
        assert_true(ly_mono_ns() - began >= 3 * LY_NS_PER_SEC);
        assert_ok(ly_lease_close(store, lease, false, &err), err);
        lease = 0;
    } else {
        assert_int_equal(early, LY_E_BUDGET);
        assert_true(held == 50 || ly_mono_ns() - began >= 3 * LY_NS_PER_SEC);
    }
    ask.ttl_ns = 300 * LY_NS_PER_SEC;
    ask.want_pico = ask.least_pico = 90;
    ly_status status = LY_E_BUDGET;
    for (int i = 0; i < 600 && status == LY_E_BUDGET; i++) {
        status = ly_lease_take(store, &ask, &lease, &got, &left, &err);
        (void)usleep(status == LY_E_BUDGET ? 100000 : 0);
    }
    assert_int_equal(status, LY_OK); /* all but what was spent */
    assert_int_equal(got, 90);
    lease = 0;
    ask.want_pico = ask.least_pico = 1;
    assert_int_equal(ly_lease_take(store, &ask, &lease, &got, &left, &err), LY_E_BUDGET);
    ly_store_close(store);
    (void)close(told[0]);
    (void)close(told[1]);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gates),
        cmocka_unit_test(killed_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
