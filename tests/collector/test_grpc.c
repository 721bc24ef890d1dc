/* OTLP/gRPC: the same requirements as test_http.c, where the transport differs. */
#include "kit.h"

#include <libdeflate.h>
#include <sys/resource.h>

#include "collector/impl.h"

#define MAX_REQUEST LY_MIB(2)

static int setup(void **state)
{
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    opts.max_request_bytes = MAX_REQUEST;
    opts.budget_bytes = LY_MIB(1);
    return kit_make(state, &opts);
}

static void success_is_an_empty_message(void **state)
{
    kit *k = *state;
    ly_buf buf;
    ly_buf_init(&buf, LY_MIB(8));
    kit_spans(&buf, 1, 5, LY_S("x"));
    ly_rpc_reply reply = kit_call(k, KIT_TRACES, ly_buf_view(&buf), false, NULL, 0);
    assert_int_equal(reply.code, LY_RPC_OK);
    assert_int_equal(reply.body.len, 0);
    ly_rpc_reply_release(&reply);
    assert_int_equal(kit_call_code(k, KIT_TRACES, LY_S("")), LY_RPC_OK);
    assert_int_equal(kit_call_code(k, KIT_LOGS, LY_S("")), LY_RPC_OK);
    assert_int_equal(kit_call_code(k, KIT_METRICS, LY_S("")), LY_RPC_OK);
    assert_int_equal(kit_stats(k).stored, 5);
    ly_buf_release(&buf);
}

static void partial_success_is_exact(void **state)
{
    static const char bad[] = "\x0a\x0e\x12\x0c\x12\x0a\x0a\x02zz\x12\x04zzzz";
    kit *k = *state;
    ly_rpc_reply reply = kit_call(k, KIT_TRACES, ly_str_n(bad, sizeof bad - 1), false, NULL, 0);
    assert_int_equal(reply.code, LY_RPC_OK);
    ly_arena arena;
    ly_otlp_partial partial;
    ly_arena_init(&arena, 0, 0);
    assert_int_equal(ly_otlp_read_response(reply.body, LY_OTLP_PROTO, &arena, &partial, &k->err),
                     LY_OK);
    assert_int_equal(partial.rejected, 1);
    assert_true(partial.message.len > 0);
    ly_arena_release(&arena);
    ly_rpc_reply_release(&reply);
}

static void undecodable_is_invalid_argument(void **state)
{
    kit *k = *state;
    ly_rpc_reply reply = kit_call(k, KIT_TRACES, LY_S("\x0a\xff\xff\xff\xff\x0f"), false, NULL, 0);
    assert_int_equal(reply.code, LY_RPC_INVALID_ARGUMENT);
    assert_true(reply.message.len > 0);
    assert_false(ly_rpc_retryable(reply.code, reply.details, NULL));
    ly_rpc_reply_release(&reply);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_MALFORMED], 1);
}

static void unknown_methods_are_answered_at_once(void **state)
{
    kit *k = *state;
    int64_t start = ly_mono_ns();
    assert_int_equal(
        kit_call_code(
            k, "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
            LY_S("x")),
        LY_RPC_UNIMPLEMENTED);
    assert_true(ly_mono_ns() - start < LY_NS_PER_SEC);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_UNSUPPORTED], 1);
}

static void too_large_before_and_after_inflating(void **state)
{
    kit *k = *state;
    char *zeros = ly_calloc(1, LY_MIB(50));
    assert_non_null(zeros);
    ly_rpc_reply reply = kit_call(k, KIT_TRACES, ly_str_n(zeros, MAX_REQUEST + 1), false, NULL, 0);
    assert_int_equal(reply.code, LY_RPC_RESOURCE_EXHAUSTED);
    assert_false(ly_rpc_retryable(reply.code, reply.details, NULL));
    ly_rpc_reply_release(&reply);
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
    char *packed = ly_malloc(LY_MIB(1));
    size_t n = libdeflate_gzip_compress(c, zeros, LY_MIB(50), packed, LY_MIB(1));
    libdeflate_free_compressor(c);
    ly_free(zeros);
    assert_true(n > 0 && n < MAX_REQUEST);
    reply = kit_call(k, KIT_TRACES, ly_str_n(packed, n), true, NULL, 0);
    assert_int_equal(reply.code, LY_RPC_RESOURCE_EXHAUSTED);
    assert_false(ly_rpc_retryable(reply.code, reply.details, NULL));
    ly_rpc_reply_release(&reply);
    ly_free(packed);
    int64_t until = ly_mono_ns() + 2 * LY_NS_PER_SEC;
    while (kit_stats(k).budget_used != 0 && ly_mono_ns() < until)
        usleep(1000);
    assert_int_equal(kit_stats(k).budget_used, 0);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_TOO_LARGE], 2);
}

/* R10. The budget is 1 MiB and held by something else: the call waits unread, then is told to come back. */
static void overload_is_unavailable_with_retry_info(void **state)
{
    kit *k = *state;
    int64_t delay = 0;
    ly_budget_force(&k->collector->budget, LY_MIB(1));
    int64_t start = ly_mono_ns();
    ly_rpc_reply reply = kit_call(k, KIT_TRACES, LY_S(""), false, NULL, 0);
    assert_true(ly_mono_ns() - start > 300 * LY_NS_PER_MS);
    assert_int_equal(reply.code, LY_RPC_UNAVAILABLE);
    assert_true(ly_rpc_retryable(reply.code, reply.details, &delay));
    assert_int_equal(delay, LY_NS_PER_SEC);
    ly_rpc_reply_release(&reply);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_OVERLOAD], 1);
    /* When room comes while it waits, it is taken. */
    ly_rpc_request request = {.method = KIT_TRACES, .timeout_ns = 5 * LY_NS_PER_SEC};
    assert_int_equal(ly_rpc_call_start(k->channel, &request, &k->err), LY_OK);
    assert_int_equal(ly_rpc_channel_wait(k->channel, 100 * LY_NS_PER_MS, &reply), LY_E_TIMEOUT);
    ly_budget_give(k->collector, LY_MIB(1));
    assert_int_equal(ly_rpc_channel_wait(k->channel, 5 * LY_NS_PER_SEC, &reply), LY_OK);
    assert_int_equal(reply.code, LY_RPC_OK);
    ly_rpc_reply_release(&reply);
}

/* One request larger than the whole budget is still taken when nothing else is in hand. */
static void one_request_larger_than_the_budget(void **state)
{
    kit *k = *state;
    ly_buf buf;
    ly_buf_init(&buf, LY_MIB(8));
    kit_spans(&buf, 9, 8000, LY_S("0123456789012345678901234567890123456789"));
    assert_true(buf.len > LY_MIB(1) && buf.len < MAX_REQUEST);
    assert_int_equal(kit_call_code(k, KIT_TRACES, ly_buf_view(&buf)), LY_RPC_OK);
    assert_int_equal(kit_stats(k).stored, 8000);
    assert_true(kit_stats(k).commits >= 8000 / 512);
    ly_buf_release(&buf);
}

/* Many calls in flight share commits. */
static void many_calls_share_commits(void **state)
{
    kit *k = *state;
    enum { CALLS = 400 };
    for (uint64_t i = 0; i < CALLS; i++) {
        ly_buf buf;
        ly_buf_init(&buf, LY_MIB(1));
        kit_spans(&buf, 1000 + i, 2, LY_S("y"));
        ly_rpc_request request = {
            .method = KIT_TRACES, .body = ly_buf_view(&buf), .timeout_ns = 20 * LY_NS_PER_SEC};
        assert_int_equal(ly_rpc_call_start(k->channel, &request, &k->err), LY_OK);
        ly_buf_release(&buf);
    }
    for (int i = 0; i < CALLS; i++) {
        ly_rpc_reply reply;
        assert_int_equal(ly_rpc_channel_wait(k->channel, 20 * LY_NS_PER_SEC, &reply), LY_OK);
        assert_int_equal(reply.code, LY_RPC_OK);
        ly_rpc_reply_release(&reply);
    }
    ly_collector_stats s = kit_stats(k);
    assert_int_equal(s.stored, 2 * CALLS);
    assert_int_equal(s.queued, 0);
    assert_true(s.commits < CALLS / 2);
}

/* Stopping: what was received is answered, what comes later is told to come back. */
static void a_graceful_stop_loses_nothing(void **state)
{
    kit *k = *state;
    enum { CALLS = 60 };
    uint64_t acked = 0;
    for (uint64_t i = 0; i < CALLS; i++) {
        ly_buf buf;
        ly_buf_init(&buf, LY_MIB(4));
        kit_spans(&buf, 5000 + i, 100, LY_S("z"));
        ly_rpc_request request = {
            .method = KIT_TRACES, .body = ly_buf_view(&buf), .timeout_ns = 20 * LY_NS_PER_SEC};
        assert_int_equal(ly_rpc_call_start(k->channel, &request, &k->err), LY_OK);
        ly_buf_release(&buf);
    }
    ly_rpc_reply reply;
    assert_int_equal(ly_rpc_channel_wait(k->channel, 20 * LY_NS_PER_SEC, &reply), LY_OK);
    acked += reply.code == LY_RPC_OK;
    ly_rpc_reply_release(&reply);
    ly_collector_stop(k->collector, 5 * LY_NS_PER_SEC);
    k->collector = NULL;
    for (int i = 1; i < CALLS; i++) {
        assert_int_equal(ly_rpc_channel_wait(k->channel, 20 * LY_NS_PER_SEC, &reply), LY_OK);
        acked += reply.code == LY_RPC_OK;
        if (reply.code != LY_RPC_OK && !ly_rpc_retryable(reply.code, reply.details, NULL))
            fail_msg("%s: %.*s", ly_rpc_code_name(reply.code), LY_STR_ARG(reply.message));
        ly_rpc_reply_release(&reply);
    }
    assert_true(acked >= 1);
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_store_info info;
    assert_int_equal(ly_store_open(k->db, &opts, &store, &k->err), LY_OK);
    assert_int_equal(ly_store_info_get(store, true, &info, &k->err), LY_OK);
    ly_store_close(store);
    assert_true((uint64_t)info.n_spans >= 100 * acked);
    ly_runtime found;
    assert_int_equal(ly_runtime_find(k->db, &found, &k->err), LY_E_NOTFOUND);
}

/* Quick starts and stops: one server each time, and after the stop nothing listens on its port. */
static void a_stopped_collector_listens_no_more(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        kit k = {0};
        kit_dir(&k);
        ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
        kit_run(&k, &opts);
        assert_int_equal(kit_call_code(&k, KIT_TRACES, LY_S("")), LY_RPC_OK);
        ly_collector_stop(k.collector, 2 * LY_NS_PER_SEC);
        k.collector = NULL;
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)k.grpc)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
        assert_int_equal(errno, ECONNREFUSED);
        close(fd);
        kit_end(&k);
    }
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(success_is_an_empty_message),
        WITH(partial_success_is_exact),
        WITH(undecodable_is_invalid_argument),
        WITH(unknown_methods_are_answered_at_once),
        WITH(too_large_before_and_after_inflating),
        WITH(overload_is_unavailable_with_retry_info),
        WITH(one_request_larger_than_the_budget),
        WITH(many_calls_share_commits),
        WITH(a_graceful_stop_loses_nothing),
        cmocka_unit_test(a_stopped_collector_listens_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
