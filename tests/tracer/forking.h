/*
 * Forks under load, for test_fork.c (a few) and slow_forks.c (1,000): threads end spans without pause
 * while the main thread forks. A child must never hang, its counters begin at zero, its ids are its own;
 * where nothing else uses gRPC it delivers, where something does it switches itself off and says so.
 */
#ifndef LY_TESTS_TRACER_FORKING_H
#define LY_TESTS_TRACER_FORKING_H

#include "testing.h"

#include <lydite/tracer.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/client.h"
#include "sink.h"

/* Limits that only a hang passes, on a slow machine too. */
enum { CHILD_CLOSE_MS = 20000, CHILD_ALARM_S = 90, PATIENT_MS = 20000 };

static pid_t sink_pid;
static int sink_at;

/* Before anything of gRPC is in this process. */
static int start_sink_process(void **state)
{
    int fds[2];
    (void)state;
    if (pipe(fds)) {
        return -1;
    }
    sink_pid = fork();
    if (sink_pid == 0) {
        sink *s = sink_start(0);
        int port = sink_port(s);
        if (write(fds[1], &port, sizeof port) != sizeof port) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    return read(fds[0], &sink_at, sizeof sink_at) == sizeof sink_at ? 0 : -1;
}

static int stop_sink_process(void **state)
{
    (void)state;
    kill(sink_pid, SIGKILL);
    waitpid(sink_pid, NULL, 0);
    return 0;
}

static _Atomic bool fork_load_stop;

static void *fork_load(void *arg)
{
    lydite_tracer *t = arg;
    while (!fork_load_stop) {
        for (int i = 0; i < 20; i++) {
            lydite_span *span = lydite_start(t, LYDITE_STEP, "load");
            lydite_set_session(span, "s");
            lydite_set_str(span, "text", "some text");
            lydite_end(span);
        }
        usleep(300);
    }
    return NULL;
}

static int diag_count;
static void count_diag(void *user, int level, const char *text)
{
    (void)user;
    (void)level;
    diag_count += strstr(text, "tracing is off") != NULL;
}

static void say_stats(int result, const lydite_stats *s)
{
    fprintf(stderr,
            "close: %d; ended %llu, acknowledged %llu, rejected %llu, queued %llu, sending %llu",
            result, (unsigned long long)s->ended, (unsigned long long)s->acknowledged,
            (unsigned long long)s->rejected, (unsigned long long)s->queued,
            (unsigned long long)s->sending);
    for (int i = 0; i < LYDITE_DROP_REASONS; i++) {
        if (s->dropped[i]) {
            fprintf(stderr, ", dropped[%d] %llu", i, (unsigned long long)s->dropped[i]);
        }
    }
    fprintf(stderr, "\n");
}

/* What a child does; its exit code. 0 delivered, 10 switched off and said so, else wrong. */
static int child_works(lydite_tracer *t, lydite_span *inherited, const char *parent_id,
                       bool deliver)
{
    char trace[33], id[17], parent_trace[33], other[17];
    lydite_stats s = LYDITE_STATS_INIT;
    lydite_stats_get(t, &s);
    if (s.ended || s.acknowledged || s.queued) {
        return 2;
    }
    lydite_span_ids(inherited, parent_trace, other);
    for (int i = 0; i < 3; i++) {
        lydite_span *span = lydite_start(t, LYDITE_STEP, "child");
        lydite_span_ids(span, trace, id);
        if (span && (strcmp(id, parent_id) == 0 || strcmp(trace, parent_trace) != 0)) {
            return 3; /* an id of the parent's, or not under the span that was current */
        }
        lydite_end(span);
    }
    lydite_end(inherited); /* the parent ends it too, and only the parent's counts */
    if (!deliver) {
        return 0;
    }
    int64_t start = ly_mono_ns();
    int result = lydite_close(t, CHILD_CLOSE_MS, &s);
    if (ly_mono_ns() - start > 2 * CHILD_CLOSE_MS * LY_NS_PER_MS) {
        return 4;
    }
    if (s.forks_off) {
        /* All that ended before it was known is counted as dropped for this reason. It is said once, by
         * the fork handler itself or by the exporter. */
        return s.dropped[LYDITE_DROP_FORK] == s.ended && diag_count == 1 ? 10 : 5;
    }
    if (result != LYDITE_OK || s.acknowledged != 3) {
        say_stats(result, &s);
        return 6;
    }
    return 0;
}

/* n forks that wait up to wait_ms, every k-th child delivering; returns how many were off. */
static int many_forks(int n, int k, bool second_user, uint32_t wait_ms)
{
    char endpoint[64];
    lydite_options opts = LYDITE_OPTIONS_INIT;
    lydite_tracer *t = NULL;
    ly_rpc_channel *other = NULL;
    ly_rpc_channel_opts other_opts = LY_RPC_CHANNEL_OPTS_INIT;
    pthread_t threads[2];
    int off = 0;
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", sink_at);
    opts.endpoint = endpoint;
    opts.schedule_ms = 5;
    opts.fork_wait_ms = wait_ms;
    opts.diag = count_diag;
    assert_int_equal(lydite_open(&opts, &t, NULL), LYDITE_OK);
    if (second_user) {
        other_opts.target = endpoint + 7;
        assert_int_equal(ly_rpc_channel_new(&other_opts, &other, NULL), LY_OK);
    }
    fork_load_stop = false;
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, fork_load, t);
    }
    usleep(50000);
    int64_t longest = 0;
    for (int i = 0; i < n; i++) {
        char trace[33], id[17];
        lydite_span *span = lydite_start(t, LYDITE_AGENT, "parent");
        lydite_span_ids(span, trace, id);
        int64_t start = ly_mono_ns();
        pid_t pid = fork();
        if (pid == 0) {
            alarm(CHILD_ALARM_S); /* a child that hangs is killed by it, and seen */
            _exit(child_works(t, span, id, i % k == 0));
        }
        int64_t took = ly_mono_ns() - start;
        longest = took > longest ? took : longest;
        lydite_end(span);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 10)) {
            fail_msg("child %d: status %#x", i, status);
        }
        off += WEXITSTATUS(status) == 10;
    }
    fork_load_stop = true;
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    lydite_stats s = LYDITE_STATS_INIT;
    int result = lydite_close(t, 60000, &s);
    ly_rpc_channel_free(other);
    say_stats(result, &s);
    /* The threads may end more than a machine under load delivers; that, and nothing else, is dropped. */
    assert_true(result == LYDITE_OK || result == LYDITE_E_LOST);
    assert_int_equal(s.ended, s.acknowledged + s.dropped[LYDITE_DROP_FULL]);
    print_message("%d forks, %d delivering children off, longest fork %.1f ms\n", n, off,
                  (double)longest / 1e6);
    return off;
}

#endif
