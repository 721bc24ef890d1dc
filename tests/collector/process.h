/* A `lydite collect` of its own, for tests that kill it or break its disk; and a ledger of what it said. */
#ifndef LY_TESTS_COLLECTOR_PROCESS_H
#define LY_TESTS_COLLECTOR_PROCESS_H

#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#define SPANS_PER_REQUEST 20

extern char **environ;

typedef struct process {
    kit k; /* no collector inside */
    pid_t pid;
    uint64_t sent;         /* requests are numbered from 1 */
    uint8_t acked[100000]; /* by number */
} process;

LY_UNUSED static void process_start(process *p)
{
    const char *lydite = getenv("LYDITE");
    char *argv[] = {(char *)(uintptr_t)(lydite ? lydite : "build/bin/lydite"),
                    (char *)(uintptr_t) "collect",
                    (char *)(uintptr_t) "-q",
                    (char *)(uintptr_t) "--db",
                    p->k.db,
                    (char *)(uintptr_t) "--grpc-port",
                    (char *)(uintptr_t) "0",
                    (char *)(uintptr_t) "--http-port",
                    (char *)(uintptr_t) "0",
                    NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    assert_int_equal(posix_spawn(&p->pid, argv[0], &files, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    ly_runtime found = {0};
    int64_t until = ly_mono_ns() + 20 * LY_NS_PER_SEC;
    while ((ly_runtime_find(p->k.db, &found, NULL) != LY_OK || found.pid != p->pid) &&
           ly_mono_ns() < until)
        usleep(2000);
    assert_int_equal(found.pid, p->pid);
    p->k.http = found.http_port;
    p->k.grpc = found.grpc_port;
    char target[64];
    ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
    snprintf(target, sizeof target, "127.0.0.1:%d", p->k.grpc);
    opts.target = target;
    assert_int_equal(ly_rpc_channel_new(&opts, &p->k.channel, &p->k.err), LY_OK);
}

LY_UNUSED static void process_end(process *p, int signum)
{
    int status = 0;
    ly_rpc_channel_free(p->k.channel);
    p->k.channel = NULL;
    if (p->pid > 0) {
        kill(p->pid, signum);
        waitpid(p->pid, &status, 0);
    }
    p->pid = 0;
}

/* Sends the request of that number; its answer comes to process_answer. */
LY_UNUSED static void process_send(process *p, uint64_t number)
{
    ly_buf buf;
    ly_buf_init(&buf, LY_MIB(4));
    kit_spans(&buf, number, SPANS_PER_REQUEST, LY_S("the quick brown fox jumps over the lazy dog"));
    ly_rpc_request request = {.method = KIT_TRACES, .body = ly_buf_view(&buf)};
    request.timeout_ns = 20 * LY_NS_PER_SEC;
    request.token = (void *)(uintptr_t)number;
    assert_int_equal(ly_rpc_call_start(p->k.channel, &request, &p->k.err), LY_OK);
    ly_buf_release(&buf);
}

/* The next answer: its code, noted in the ledger. */
LY_UNUSED static int process_answer(process *p, bool *ret_retryable)
{
    ly_rpc_reply reply;
    assert_int_equal(ly_rpc_channel_wait(p->k.channel, 30 * LY_NS_PER_SEC, &reply), LY_OK);
    int code = reply.code;
    if (ret_retryable)
        *ret_retryable = ly_rpc_retryable(reply.code, reply.details, NULL);
    if (code == LY_RPC_OK) {
        assert_int_equal(reply.body.len, 0);
        p->acked[(uintptr_t)reply.token] = 1;
    }
    ly_rpc_reply_release(&reply);
    return code;
}

/* acknowledged is a part of stored, and nothing is there twice. Returns the acknowledged requests. */
LY_UNUSED static size_t process_verify(process *p)
{
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_arena arena;
    size_t acked = 0;
    int64_t spans = 0;
    ly_arena_init(&arena, 0, LY_MIB(256));
    if (ly_store_open(p->k.db, &opts, &store, &p->k.err) != LY_OK)
        fail_msg("%s", p->k.err.text);
    for (uint64_t number = 1; number <= p->sent; number++) {
        ly_trace_id id = {{0}};
        ly_trace *trace = NULL;
        memcpy(id.b, &number, 8);
        id.b[15] = 1;
        ly_arena_reset(&arena);
        ly_status status = ly_store_trace_load(store, id, &arena, &trace, &p->k.err);
        size_t n = status == LY_OK ? trace->n : 0;
        spans += (int64_t)n;
        if (p->acked[number] && n != SPANS_PER_REQUEST)
            fail_msg("request %llu was acknowledged and has %zu of %d spans",
                     (unsigned long long)number, n, SPANS_PER_REQUEST);
        assert_true(n <= SPANS_PER_REQUEST);
        acked += p->acked[number];
    }
    ly_store_info info;
    assert_int_equal(ly_store_info_get(store, true, &info, &p->k.err), LY_OK);
    assert_int_equal(info.n_spans, spans); /* a duplicate would be a row more */
    ly_store_close(store);
    ly_arena_release(&arena);
    return acked;
}

#endif
