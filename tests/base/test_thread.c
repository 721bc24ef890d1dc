/* Threads that take no signals but faults; waits that end by the monotonic clock. */
#include "base/thread.h"
#include "tests/test.h"

#include <signal.h>

#include "base/clock.h"

static void *look(void *arg)
{
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, arg), 0);
    return NULL;
}

static void test_faults_are_open(void **state)
{
    static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    static const int shut[] = {SIGTERM, SIGINT, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT};
    sigset_t before, after, seen;
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    assert_true(ly_thread_start(&thread, look, &seen));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    for (size_t i = 0; i < LY_COUNT(open); i++) {
        assert_int_equal(sigismember(&seen, open[i]), 0);
    }
    for (size_t i = 0; i < LY_COUNT(shut); i++) {
        assert_int_equal(sigismember(&seen, shut[i]), 1);
        assert_int_equal(sigismember(&after, shut[i]), sigismember(&before, shut[i]));
    }
}

typedef struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool come;
} meeting;

static void *come(void *arg)
{
    meeting *m = arg;
    pthread_mutex_lock(&m->lock);
    m->come = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static void test_wait(void **state)
{
    meeting m = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    (void)state;
    ly_cond_init(&m.wake);
    pthread_mutex_lock(&m.lock);
    int64_t until = ly_mono_ns() + 20 * LY_NS_PER_MS;
    while (ly_cond_until(&m.wake, &m.lock, until)) {
    }
    assert_true(ly_mono_ns() >= until);
    /* The wall clock is decades ahead of this one: a wait by it would be over at once. */
    until = ly_mono_ns() + 60 * LY_NS_PER_SEC;
    assert_true(ly_thread_start(&thread, come, &m));
    while (!m.come && ly_cond_until(&m.wake, &m.lock, until)) {
    }
    assert_true(m.come);
    pthread_mutex_unlock(&m.lock);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_cond_destroy(&m.wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults_are_open),
        cmocka_unit_test(test_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
