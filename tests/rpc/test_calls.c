/* rpc: our client against our server over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "rpc/client.h"
#include "rpc/server.h"

#define MAX_BYTES LY_KIB(256)

typedef enum mode { ECHO, ECHO_LATER, HOLD } mode;

typedef struct fixture {
    ly_rpc_server *server;
    ly_rpc_channel *channel;
    int port;
    atomic_int mode, admit; /* admit: an ly_rpc_admit */
    atomic_int lost[LY_RPC_LOST__COUNT];
    atomic_int packing, held_cancelled;
    _Atomic(ly_rpc_call *) held;
    bool drained;
} fixture;

static const char *const methods[] = {"/t.A/Export", "/t.B/Export"};

static ly_rpc_admit admit(void *user, ly_rpc_call *call, size_t method)
{
    fixture *f = user;
    (void)method;
    if (ly_str_eqc(ly_rpc_call_meta(call, LY_S("x-refuse")), "yes")) {
        ly_rpc_call_fail(call, LY_RPC_UNAUTHENTICATED, "no", -1);
        return LY_RPC_ADMIT_FAILED;
    }
    return (ly_rpc_admit)atomic_load(&f->admit);
}

static void *answer_later(void *arg)
{
    usleep(20000);
    ly_rpc_call_reply(arg, LY_S("later"));
    return NULL;
}

static void message(void *user, ly_rpc_call *call, size_t method, ly_str body,
                    ly_rpc_packing packing)
{
    fixture *f = user;
    (void)method;
    atomic_store(&f->packing, (int)packing);
    pthread_t thread;
    switch ((mode)atomic_load(&f->mode)) {
    case ECHO:
        ly_rpc_call_reply(call, body);
        break;
    case ECHO_LATER:
        assert_int_equal(pthread_create(&thread, NULL, answer_later, call), 0);
        pthread_detach(thread);
        break;
    case HOLD:
        atomic_store(&f->held, call);
        break;
    }
}

static void lost(void *user, ly_rpc_call *call, ly_rpc_lost why, bool admitted)
{
    fixture *f = user;
    (void)call;
    (void)admitted;
    atomic_fetch_add(&f->lost[why], 1);
}

static int setup(void **state)
{
    fixture *f = ly_calloc(1, sizeof *f);
    assert_non_null(f);
    ly_err err = LY_ERR_INIT;
    ly_rpc_server_opts opts = {.methods = methods, .n_methods = 2, .max_message_bytes = MAX_BYTES};
    opts.quiet = true;
    ly_rpc_handler handler = {f, admit, message, lost};
    assert_int_equal(ly_rpc_server_new(&opts, &handler, &f->server, &err), LY_OK);
    assert_int_equal(ly_rpc_server_listen(f->server, "127.0.0.1:0", NULL, &f->port, &err), LY_OK);
    assert_int_equal(ly_rpc_server_start(f->server, &err), LY_OK);
    char target[64];
    snprintf(target, sizeof target, "127.0.0.1:%d", f->port);
    ly_rpc_channel_opts copts = LY_RPC_CHANNEL_OPTS_INIT;
    copts.target = target;
    assert_int_equal(ly_rpc_channel_new(&copts, &f->channel, &err), LY_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    ly_rpc_channel_free(f->channel);
    ly_rpc_server_free(f->server, LY_NS_PER_SEC);
    ly_free(f);
    return 0;
}

static void start_call(fixture *f, const char *method, ly_str body, int64_t timeout_ns, void *token)
{
    ly_err err = LY_ERR_INIT;
    ly_rpc_request request = {
        .method = method, .body = body, .timeout_ns = timeout_ns, .token = token};
    assert_int_equal(ly_rpc_call_start(f->channel, &request, &err), LY_OK);
}

/* Waits for the next reply and checks its code; leaves the reply with the caller. */
static ly_rpc_reply expect(fixture *f, int code)
{
    ly_rpc_reply reply;
    assert_int_equal(ly_rpc_channel_wait(f->channel, 5 * LY_NS_PER_SEC, &reply), LY_OK);
    if (reply.code != code)
        print_message("code %d: %.*s\n", reply.code, LY_STR_ARG(reply.message));
    assert_int_equal(reply.code, code);
    return reply;
}

static void expect_only(fixture *f, int code)
{
    ly_rpc_reply reply = expect(f, code);
    ly_rpc_reply_release(&reply);
}

static void echoes_any_size_within_the_limit(void **state)
{
    fixture *f = *state;
    char *big = ly_calloc(1, MAX_BYTES);
    assert_non_null(big);
    size_t sizes[] = {0, 1, 65536, MAX_BYTES};
    for (size_t i = 0; i < LY_COUNT(sizes); i++) {
        start_call(f, methods[i % 2], ly_str_n(big, sizes[i]), 5 * LY_NS_PER_SEC, &sizes[i]);
        ly_rpc_reply reply = expect(f, LY_RPC_OK);
        assert_ptr_equal(reply.token, &sizes[i]);
        assert_int_equal(reply.body.len, sizes[i]);
        ly_rpc_reply_release(&reply);
    }
    ly_free(big);
}

static void answers_from_another_thread(void **state)
{
    fixture *f = *state;
    atomic_store(&f->mode, ECHO_LATER);
    for (int i = 0; i < 20; i++)
        start_call(f, methods[0], LY_S("x"), 5 * LY_NS_PER_SEC, NULL);
    for (int i = 0; i < 20; i++) {
        ly_rpc_reply reply = expect(f, LY_RPC_OK);
        assert_true(ly_str_eqc(reply.body, "later"));
        ly_rpc_reply_release(&reply);
    }
    assert_int_equal(ly_rpc_channel_in_flight(f->channel), 0);
}

static void unknown_method_is_answered_at_once(void **state)
{
    fixture *f = *state;
    int64_t start = ly_mono_ns();
    for (int i = 0; i < 12; i++)
        start_call(f, "/nobody.Knows/It", LY_S("x"), 5 * LY_NS_PER_SEC, NULL);
    for (int i = 0; i < 12; i++)
        expect_only(f, LY_RPC_UNIMPLEMENTED);
    assert_true(ly_mono_ns() - start < 2 * LY_NS_PER_SEC);
    assert_int_equal(atomic_load(&f->lost[LY_RPC_LOST_UNKNOWN_METHOD]), 12);
}

static void refuses_by_header_before_the_payload(void **state)
{
    fixture *f = *state;
    ly_err err = LY_ERR_INIT;
    ly_rpc_meta meta = {LY_S("x-refuse"), LY_S("yes")};
    ly_rpc_request request = {.method = methods[0], .body = LY_S("x"), .meta = &meta, .n_meta = 1};
    request.timeout_ns = 5 * LY_NS_PER_SEC;
    assert_int_equal(ly_rpc_call_start(f->channel, &request, &err), LY_OK);
    ly_rpc_reply reply = expect(f, LY_RPC_UNAUTHENTICATED);
    ly_rpc_status_msg msg = LY_RPC_STATUS_MSG_INIT;
    assert_true(ly_rpc_status_read(reply.details, &msg));
    assert_int_equal(msg.code, LY_RPC_UNAUTHENTICATED);
    assert_true(ly_str_eqc(msg.message, "no"));
    ly_rpc_reply_release(&reply);
}

static void bad_metadata_is_refused_here(void **state)
{
    fixture *f = *state;
    ly_err err = LY_ERR_INIT;
    ly_rpc_meta meta[] = {{LY_S("Upper"), LY_S("x")}, {LY_S("fine"), LY_S("a\nb")}};
    for (size_t i = 0; i < LY_COUNT(meta); i++) {
        ly_rpc_request request = {.method = methods[0], .meta = &meta[i], .n_meta = 1};
        assert_int_equal(ly_rpc_call_start(f->channel, &request, &err), LY_E_INVALID);
    }
    assert_int_equal(ly_rpc_channel_in_flight(f->channel), 0);
}

static void oversize_is_resource_exhausted(void **state)
{
    fixture *f = *state;
    char *big = ly_calloc(1, MAX_BYTES + 1);
    assert_non_null(big);
    start_call(f, methods[0], ly_str_n(big, MAX_BYTES + 1), 5 * LY_NS_PER_SEC, NULL);
    ly_rpc_reply reply = expect(f, LY_RPC_RESOURCE_EXHAUSTED);
    assert_false(ly_rpc_retryable(reply.code, reply.details, NULL));
    ly_rpc_reply_release(&reply);
    ly_free(big);
    start_call(f, methods[0], LY_S("still alive"), 5 * LY_NS_PER_SEC, NULL);
    expect_only(f, LY_RPC_OK);
    assert_int_equal(atomic_load(&f->lost[LY_RPC_LOST_TOO_LARGE]), 1);
}

static void a_client_that_leaves_is_counted(void **state)
{
    fixture *f = *state;
    atomic_store(&f->admit, LY_RPC_ADMIT_WAIT);
    start_call(f, methods[0], LY_S("x"), 50 * LY_NS_PER_MS, NULL);
    expect_only(f, LY_RPC_DEADLINE_EXCEEDED);
    int64_t until = ly_mono_ns() + 2 * LY_NS_PER_SEC;
    while (atomic_load(&f->lost[LY_RPC_LOST_CANCELLED]) == 0 && ly_mono_ns() < until)
        usleep(1000);
    assert_int_equal(atomic_load(&f->lost[LY_RPC_LOST_CANCELLED]), 1);
    assert_int_equal(ly_rpc_server_waiting(f->server), 0);
}

static void gzip_arrives_packed(void **state)
{
    fixture *f = *state;
    char target[64];
    snprintf(target, sizeof target, "127.0.0.1:%d", f->port);
    ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
    opts.target = target;
    opts.gzip = true;
    ly_rpc_channel *plain = f->channel;
    ly_err err = LY_ERR_INIT;
    assert_int_equal(ly_rpc_channel_new(&opts, &f->channel, &err), LY_OK);
    char *zeros = ly_calloc(1, 100000);
    assert_non_null(zeros);
    start_call(f, methods[0], ly_str_n(zeros, 100000), 5 * LY_NS_PER_SEC, NULL);
    ly_rpc_reply reply = expect(f, LY_RPC_OK);
    assert_int_equal(atomic_load(&f->packing), LY_RPC_GZIP);
    assert_true(reply.body.len < 1000);
    assert_int_equal((unsigned char)reply.body.ptr[0], 0x1f);
    ly_rpc_reply_release(&reply);
    ly_free(zeros);
    ly_rpc_channel_free(f->channel);
    f->channel = plain;
}

static void waits_unread_until_pumped(void **state)
{
    fixture *f = *state;
    atomic_store(&f->admit, LY_RPC_ADMIT_WAIT);
    for (int i = 0; i < 3; i++)
        start_call(f, methods[0], LY_S("x"), 5 * LY_NS_PER_SEC, NULL);
    ly_rpc_reply reply;
    assert_int_equal(ly_rpc_channel_wait(f->channel, 200 * LY_NS_PER_MS, &reply), LY_E_TIMEOUT);
    assert_int_equal(ly_rpc_server_waiting(f->server), 3);
    atomic_store(&f->admit, LY_RPC_ADMIT_NOW);
    ly_rpc_server_pump(f->server);
    for (int i = 0; i < 3; i++)
        expect_only(f, LY_RPC_OK);
    assert_int_equal(ly_rpc_server_waiting(f->server), 0);
}

static void deadline_is_seen_on_both_sides(void **state)
{
    fixture *f = *state;
    atomic_store(&f->mode, HOLD);
    start_call(f, methods[0], LY_S("x"), 100 * LY_NS_PER_MS, NULL);
    expect_only(f, LY_RPC_DEADLINE_EXCEEDED);
    ly_rpc_call *held = atomic_load(&f->held);
    assert_non_null(held);
    int64_t until = ly_mono_ns() + 2 * LY_NS_PER_SEC;
    while (!ly_rpc_call_cancelled(held) && ly_mono_ns() < until)
        usleep(1000);
    assert_true(ly_rpc_call_cancelled(held));
    ly_rpc_call_reply(held, LY_S("too late"));
}

static void drain_fails_the_waiting(void **state)
{
    fixture *f = *state;
    atomic_store(&f->admit, LY_RPC_ADMIT_WAIT);
    start_call(f, methods[0], LY_S("x"), 5 * LY_NS_PER_SEC, NULL);
    int64_t until = ly_mono_ns() + 2 * LY_NS_PER_SEC;
    while (ly_rpc_server_waiting(f->server) == 0 && ly_mono_ns() < until)
        usleep(1000);
    ly_rpc_server_drain(f->server);
    ly_rpc_reply reply = expect(f, LY_RPC_UNAVAILABLE);
    assert_true(ly_rpc_retryable(reply.code, reply.details, NULL));
    ly_rpc_reply_release(&reply);
}

static void *wake(void *arg)
{
    usleep(30000);
    ly_rpc_channel_wake(arg);
    return NULL;
}

static void wakes_a_waiting_thread(void **state)
{
    fixture *f = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake, f->channel), 0);
    ly_rpc_reply reply;
    assert_int_equal(ly_rpc_channel_wait(f->channel, 5 * LY_NS_PER_SEC, &reply), LY_E_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(ly_rpc_channel_wait(f->channel, 0, &reply), LY_E_TIMEOUT);
}

static void a_taken_port_is_an_error(void **state)
{
    fixture *f = *state;
    ly_err err = LY_ERR_INIT;
    ly_rpc_server *second = NULL;
    ly_rpc_server_opts opts = {.methods = methods, .n_methods = 2};
    ly_rpc_handler handler = {f, admit, message, lost};
    assert_int_equal(ly_rpc_server_new(&opts, &handler, &second, &err), LY_OK);
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", f->port);
    int port = 0;
    assert_int_equal(ly_rpc_server_listen(second, address, NULL, &port, &err), LY_E_BUSY);
    ly_rpc_server_free(second, 0);
}

static void nobody_there_is_unavailable(void **state)
{
    (void)state;
    ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
    opts.target = "127.0.0.1:1";
    fixture f = {0};
    ly_err err = LY_ERR_INIT;
    assert_int_equal(ly_rpc_channel_new(&opts, &f.channel, &err), LY_OK);
    start_call(&f, methods[0], LY_S("x"), 5 * LY_NS_PER_SEC, NULL);
    expect_only(&f, LY_RPC_UNAVAILABLE);
    ly_rpc_channel_free(f.channel);
    assert_false(ly_rpc_loaded());
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(echoes_any_size_within_the_limit),
        WITH(answers_from_another_thread),
        WITH(unknown_method_is_answered_at_once),
        WITH(refuses_by_header_before_the_payload),
        WITH(bad_metadata_is_refused_here),
        WITH(oversize_is_resource_exhausted),
        WITH(a_client_that_leaves_is_counted),
        WITH(gzip_arrives_packed),
        WITH(waits_unread_until_pumped),
        WITH(deadline_is_seen_on_both_sides),
        WITH(drain_fails_the_waiting),
        WITH(wakes_a_waiting_thread),
        WITH(a_taken_port_is_an_error),
        cmocka_unit_test(nobody_there_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
