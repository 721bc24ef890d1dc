/*
 * Money put aside: threads under one cap never pass it, nor do processes that are killed.
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

/* A worker that is killed: what it wrote as spent stays spent and what it held stays held, however long
 * ago: a call may have been made of it. */
static void killed_worker(void **state)
{
    (void)state;
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    const int64_t windows[] = {0, 1000};
    ly_err err = LY_ERR_INIT;
    for (size_t i = 0; i < LY_COUNT(windows); i++) {
        ly_lease_ask ask = {.cap = LY_S("k"),
                            .window_ns = windows[i],
                            .limit_pico = 100,
                            .want_pico = 60,
                            .least_pico = 60,
                            .ttl_ns = 1};
        int64_t lease = 0, got = 0, left = 0, held = 0, spent = 0;
        assert_ok(ly_lease_take(store, &ask, &lease, &got, &left, &err), err);
        assert_ok(ly_lease_settle(store, lease, 10, 0, ask.ttl_ns, &err), err);
        lease = 0; /* killed; its time ran out */
        assert_ok(ly_lease_sum(store, ask.cap, windows[i], &held, &spent, &err), err);
        assert_int_equal(held, 50);
        assert_int_equal(spent, 10);
        ask.want_pico = ask.least_pico = 41;
        assert_int_equal(ly_lease_take(store, &ask, &lease, &got, &left, &err), LY_E_BUDGET);
        assert_int_equal(left, 40);
        ask.want_pico = ask.least_pico = 40;
        assert_ok(ly_lease_take(store, &ask, &lease, &got, &left, &err), err);
    }
    ly_store_close(store);
    folder_remove(&f);
}

#define CHILDREN 3

/* Reserves, "calls" (tells the parent what the provider charges), settles, until it is refused. */
static void spend_until_killed(const char *db, int told)
{
    ly_err err = LY_ERR_INIT;
    ly_budget_gate *gate = NULL;
    ly_gate_ask ask = {.run = LY_S("crash"), .limit_pico = LIMIT, .origin = LY_ORIGIN_EVAL};
    uint64_t seed = (uint64_t)getpid();
    int64_t end = -1;
    if (ly_budget_gate_open(db, &ask, &gate, &err) == LY_OK) {
        while (ly_budget_reserve(gate, 20 * 1000000LL, &err) == LY_OK) {
            int64_t paid = (int64_t)(next_random(&seed) % 21) * 1000000;
            if (write(told, &paid, sizeof paid) != (ssize_t)sizeof paid) {
                break;
            }
            ly_budget_settle(gate, 20 * 1000000LL, paid);
        }
    }
    (void)!write(told, &end, sizeof end);
    for (;;) {
        (void)pause();
    }
}

/* Processes that are killed between a call and its settling do not lead past the cap: whatever left was
 * held in the file before it left. */
static void killed_while_calling(void **state)
{
    (void)state;
    folder f = folder_make();
    int64_t paid = 0;
    ly_store_close(open_writer(f.db)); /* the file is there before anyone forks */
    for (int child = 0; child <= CHILDREN; child++) {
        int told[2];
        assert_int_equal(pipe(told), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)close(told[0]);
            spend_until_killed(f.db, told[1]);
        }
        (void)close(told[1]);
        int64_t one = 0;
        for (int calls = 0; read(told[0], &one, sizeof one) == (ssize_t)sizeof one && one >= 0;) {
            paid += one;
            if (++calls == 20 && child < CHILDREN) {
                (void)kill(pid, SIGKILL);
            }
        }
        (void)kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        (void)close(told[0]);
    }
    assert_true(paid <= LIMIT);
    assert_true(paid > LIMIT / 4);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gates),
        cmocka_unit_test(killed_worker),
        cmocka_unit_test(killed_while_calling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
