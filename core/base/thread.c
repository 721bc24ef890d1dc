#include "base/thread.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define SLICE_NS 100000

/* The C library of today's distributions has no wrapper; sched_setattr(2) names the fields. */
typedef struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
} attributes;

void ly_thread_prompt(void)
{
    attributes a = {.size = sizeof a};
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) != 0 || a.policy != 0)
        return; /* somebody has chosen another policy for us */
    a.runtime = SLICE_NS;
    a.deadline = a.period = 0;
    (void)syscall(SYS_sched_setattr, 0, &a, 0);
}

bool ly_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t shut, before;
    (void)sigfillset(&shut);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        (void)sigdelset(&shut, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &shut, &before);
    bool started = pthread_create(thread, NULL, run, arg) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void ly_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

bool ly_cond_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns)
{
    struct timespec at = {.tv_sec = (time_t)(until_ns / LY_NS_PER_SEC),
                          .tv_nsec = (long)(until_ns % LY_NS_PER_SEC)};
    return pthread_cond_timedwait(cond, lock, &at) == 0;
}
