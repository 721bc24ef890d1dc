/* Limits of collector/README.md that the wire tests do not reach, and what is said past them. */
#include "kit.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define CONNECTIONS 512 /* http.c */

static int setup(void **state)
{
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    return kit_make(state, &opts);
}

static void put_quietly(int fd, const char *text, size_t n)
{
    (void)!send(fd, text, n, MSG_NOSIGNAL);
}

static void http_headers(void **state)
{
    kit *k = *state;
    char filler[1024], answer[256] = "";
    int fd = kit_dial(k, k->http);
    memset(filler, 'x', sizeof filler);
    put_quietly(fd, "GET /readyz HTTP/1.1\r\nHost: x\r\nX-Filler: ", 41);
    for (int i = 0; i < 400; i++)
        put_quietly(fd, filler, sizeof filler);
    put_quietly(fd, "\r\n\r\n", 4);
    ssize_t n = recv(fd, answer, sizeof answer - 1, 0);
    /* 431, or cut off: never an answer to the request itself. */
    assert_null(n > 0 ? strstr(answer, " 200 ") : NULL);
    close(fd);
    assert_int_equal(kit_get(k, "/readyz", NULL), 200);
}

static void http_connections(void **state)
{
    kit *k = *state;
    static int fds[CONNECTIONS + 40];
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_cur < 2 * LY_COUNT(fds) + 100) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    for (size_t i = 0; i < LY_COUNT(fds); i++)
        fds[i] = kit_dial(k, k->http);
    /* Those past the limit wait in the kernel's queue until one of the others ends. */
    static const char ask[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    struct timeval shortly = {0, 300000}, longer = {30, 0};
    char answer[256];
    int last = fds[LY_COUNT(fds) - 1];
    put_quietly(last, ask, sizeof ask - 1);
    assert_int_equal(setsockopt(last, SOL_SOCKET, SO_RCVTIMEO, &shortly, sizeof shortly), 0);
    assert_true(recv(last, answer, sizeof answer, 0) < 0);
    for (size_t i = 0; i < 60; i++) {
        close(fds[i]);
        fds[i] = -1;
    }
    assert_int_equal(setsockopt(last, SOL_SOCKET, SO_RCVTIMEO, &longer, sizeof longer), 0);
    assert_true(recv(last, answer, sizeof answer, 0) > 12);
    int64_t until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    for (size_t i = 0; i < LY_COUNT(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    int code = 0;
    while (code != 200 && ly_mono_ns() < until) {
        ly_buf_reset(&k->answer);
        if (ly_probe_http("127.0.0.1", k->http, "/readyz", NULL, NULL, LY_NS_PER_SEC, &code,
                          &k->answer, &k->err))
            usleep(1000);
    }
    assert_int_equal(code, 200);
}

static void grpc_metadata(void **state)
{
    kit *k = *state;
    static char big[64 * 1024];
    memset(big, 'x', sizeof big);
    ly_rpc_meta meta = {LY_S("x-filler"), ly_str_n(big, sizeof big)};
    ly_rpc_reply reply = kit_call(k, KIT_TRACES, LY_S(""), false, &meta, 1);
    assert_int_not_equal(reply.code, LY_RPC_OK);
    ly_rpc_reply_release(&reply);
    /* gRPC may end the connection over it; a client connects again. */
    int64_t until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    int code = -1;
    while ((code = kit_call_code(k, KIT_TRACES, LY_S(""))) == LY_RPC_UNAVAILABLE &&
           ly_mono_ns() < until)
        usleep(20000);
    assert_int_equal(code, LY_RPC_OK);
}

typedef struct held {
    kit *k;
    ly_store *reader;
    int refused;
} held;

/* With a reader on an old snapshot the log cannot begin anew. */
static ly_status while_a_reader_looks(void *user, ly_err *err)
{
    held *h = user;
    ly_store_info info;
    ly_status status = ly_store_info_get(h->reader, true, &info, err);
    for (uint64_t i = 0; i < 20 && !status && !h->refused; i++) {
        ly_buf buf;
        int64_t delay = 0;
        ly_buf_init(&buf, LY_MIB(1));
        kit_spans(&buf, 100 + i, 10, LY_S("x"));
        ly_rpc_reply reply = kit_call(h->k, KIT_TRACES, ly_buf_view(&buf), false, NULL, 0);
        if (reply.code != LY_RPC_OK) {
            assert_int_equal(reply.code, LY_RPC_UNAVAILABLE);
            assert_true(ly_rpc_retryable(reply.code, reply.details, &delay));
            assert_true(delay > 0);
            h->refused++;
            assert_int_equal(kit_get(h->k, "/readyz", NULL), 503);
            assert_int_equal(kit_post(h->k, "/v1/traces", KIT_PROTO, ly_buf_view(&buf)), 503);
        }
        ly_rpc_reply_release(&reply);
        ly_buf_release(&buf);
    }
    return status;
}

/* Past --wal-limit the collector refuses rather than fill the disk, says so, and resumes. */
static void write_ahead_log(void **state)
{
    (void)state;
    kit k;
    held h = {.k = &k};
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    ly_store_opts reader = LY_STORE_OPTS_INIT;
    ly_buf buf;
    opts.wal_limit_bytes = LY_KIB(64);
    kit_dir(&k);
    kit_run(&k, &opts);
    assert_int_equal(ly_store_open(k.db, &reader, &h.reader, &k.err), LY_OK);
    assert_int_equal(ly_store_snapshot(h.reader, while_a_reader_looks, &h, &k.err), LY_OK);
    ly_store_close(h.reader);
    assert_int_equal(h.refused, 1);
    assert_int_equal(kit_stats(&k).returned, 20);
    assert_int_equal(kit_stats(&k).refused[LY_REFUSED_STORAGE], 2);
    ly_buf_init(&buf, LY_MIB(1));
    kit_spans(&buf, 1, 10, LY_S("x"));
    assert_int_equal(kit_post(&k, "/v1/traces", KIT_PROTO, ly_buf_view(&buf)), 200);
    assert_int_equal(kit_get(&k, "/readyz", NULL), 200);
    ly_buf_release(&buf);
    kit_end(&k);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(http_headers),
        WITH(http_connections),
        WITH(grpc_metadata),
        cmocka_unit_test(write_ahead_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
