/* Clients that are slow, wait, or come in numbers; with limits small enough for a test. */
#include "kit.h"

#include <fcntl.h>
#include <sys/resource.h>

#define LIMIT_NS (1 * LY_NS_PER_SEC)

static int setup(void **state)
{
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    opts.max_request_bytes = LY_MIB(2);
    opts.budget_bytes = LY_MIB(4);
    opts.limits.idle_ns = LIMIT_NS;
    opts.limits.request_ns = LIMIT_NS;
    opts.limits.wait_ns = 60 * LY_NS_PER_SEC;
    opts.limits.http_connections = 20;
    opts.limits.grpc_streams = 10;
    opts.limits.grpc_header_bytes = 2048;
    return kit_make(state, &opts);
}

static void put(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void put_bytes(int fd, ly_str bytes)
{
    assert_int_equal(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

/* True when the server ends the connection while one byte of `text` goes out every 100 ms. */
static bool is_cut_while_dripping(int fd, const char *text)
{
    struct timeval shortly = {0, 100000};
    char c;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &shortly, sizeof shortly), 0);
    for (size_t i = 0; i < 300; i++) {
        (void)!send(fd, text + i % strlen(text), 1, MSG_NOSIGNAL);
        ssize_t n = recv(fd, &c, 1, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return true;
    }
    return false;
}

/* A byte now and then keeps neither a head nor a body open for ever. */
static void slow_heads_and_bodies(void **state)
{
    kit *k = *state;
    int fd = kit_dial(k, k->http);
    put(fd, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nX-Filler: ");
    assert_true(is_cut_while_dripping(fd, "x"));
    close(fd);
    fd = kit_dial(k, k->http);
    put(fd, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n" KIT_JSON
            "Content-Length: 100000\r\n\r\n");
    assert_true(is_cut_while_dripping(fd, " "));
    close(fd);
    int64_t until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    while (kit_stats(k).budget_used > 0 && ly_mono_ns() < until)
        usleep(10000);
    assert_int_equal(kit_stats(k).budget_used, 0);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_CANCELLED], 1);
    assert_int_equal(kit_get(k, "/readyz", NULL), 200);
}

static void silent_connections_are_closed(void **state)
{
    kit *k = *state;
    int fd = kit_dial(k, k->http);
    kit_drain(k, fd); /* ends, or fails after 30 s */
    close(fd);
}

static void put_header(ly_buf *out, const char *name, const char *value)
{
    ly_buf_char(out, 0x40); /* HPACK: a literal, by name */
    ly_buf_char(out, (char)strlen(name));
    ly_buf_c(out, name);
    ly_buf_char(out, (char)strlen(value));
    ly_buf_c(out, value);
}

/* By hand: preface, SETTINGS, and the head of an Export call, whose message never comes. */
static void grpc_message_that_never_comes(void **state)
{
    kit *k = *state;
    ly_buf head, all;
    ly_buf_init(&head, 1024);
    ly_buf_init(&all, 2048);
    put_header(&head, ":method", "POST");
    put_header(&head, ":scheme", "http");
    put_header(&head, ":path", KIT_TRACES);
    put_header(&head, ":authority", "localhost");
    put_header(&head, "content-type", "application/grpc");
    put_header(&head, "te", "trailers");
    ly_buf_c(&all, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    ly_buf_add(&all, "\0\0\0\4\0\0\0\0\0", 9); /* SETTINGS */
    char frame[9] = {0, 0, (char)head.len, 1, 4, 0, 0, 0, 1};
    ly_buf_add(&all, frame, 9);
    ly_buf_str(&all, ly_buf_view(&head));
    int fd = kit_dial(k, k->grpc);
    put_bytes(fd, ly_buf_view(&all));
    ly_buf_release(&head);
    ly_buf_release(&all);
    int64_t until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    while (kit_stats(k).budget_used == 0 && ly_mono_ns() < until)
        usleep(1000);
    assert_true(kit_stats(k).budget_used > 0);
    while (kit_stats(k).budget_used > 0 && ly_mono_ns() < until)
        usleep(10000);
    assert_int_equal(kit_stats(k).budget_used, 0);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_CANCELLED], 1);
    close(fd);
    assert_int_equal(kit_call_code(k, KIT_TRACES, LY_S("")), LY_RPC_OK);
}

static void grpc_headers(void **state)
{
    kit *k = *state;
    static char big[3000];
    memset(big, 'x', sizeof big);
    ly_rpc_meta small = {LY_S("x-filler"), ly_str_n(big, 1000)};
    ly_rpc_meta large = {LY_S("x-filler"), ly_str_n(big, sizeof big)};
    ly_rpc_reply reply = kit_call(k, KIT_TRACES, LY_S(""), false, &small, 1);
    assert_int_equal(reply.code, LY_RPC_OK);
    ly_rpc_reply_release(&reply);
    reply = kit_call(k, KIT_TRACES, LY_S(""), false, &large, 1);
    assert_true(reply.code == LY_RPC_RESOURCE_EXHAUSTED || reply.code == LY_RPC_UNAVAILABLE);
    ly_rpc_reply_release(&reply);
}

/* What the server's SETTINGS frame says; gRPC's core keeps to it. */
static uint32_t setting(const uint8_t *frame, size_t n, uint16_t id)
{
    for (size_t i = 0; i + 6 <= n; i += 6) {
        if ((frame[i] << 8 | frame[i + 1]) == id)
            return (uint32_t)frame[i + 2] << 24 | (uint32_t)frame[i + 3] << 16 |
                   (uint32_t)frame[i + 4] << 8 | frame[i + 5];
    }
    return 0;
}

static void grpc_streams(void **state)
{
    kit *k = *state;
    uint8_t in[512];
    int fd = kit_dial(k, k->grpc);
    put_bytes(fd, ly_str_n("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33));
    size_t n = 0, len = 0;
    while (n < 9 + len || n < 9) {
        ssize_t got = recv(fd, in + n, sizeof in - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
        len = (size_t)in[1] << 8 | in[2];
        assert_true(9 + len <= sizeof in);
    }
    assert_int_equal(in[3], 4); /* SETTINGS comes first */
    assert_int_equal(setting(in + 9, len, 3), 10);
    assert_int_equal(setting(in + 9, len, 6), 2048);
    close(fd);
}

static void hold_all_room(kit *k, int fds[2])
{
    for (int i = 0; i < 2; i++) {
        fds[i] = kit_dial(k, k->http);
        put(fds[i], "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n" KIT_PROTO
                    "Content-Length: 2097152\r\n\r\nabc");
    }
    int64_t until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    while (kit_stats(k).budget_used < LY_MIB(4) && ly_mono_ns() < until)
        usleep(1000);
    assert_int_equal(kit_stats(k).budget_used, LY_MIB(4));
}

/* Without room HTTP waits unread, as gRPC does, and is served when there is. */
static void http_waits_for_room(void **state)
{
    kit *k = *state;
    int holders[2], fds[3];
    hold_all_room(k, holders);
    for (size_t i = 0; i < LY_COUNT(fds); i++) {
        fds[i] = kit_dial(k, k->http);
        put(fds[i],
            i == 2 ? "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" KIT_JSON
                     "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
                   : "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" KIT_JSON
                     "Content-Length: 2\r\n\r\n{}");
    }
    /* The holders are cut after request_ns; then all three get their room. */
    for (size_t i = 0; i < LY_COUNT(fds); i++) {
        kit_drain(k, fds[i]);
        if (!strstr(ly_buf_text(&k->answer), "HTTP/1.1 200 OK"))
            fail_msg("%zu: %s", i, ly_buf_text(&k->answer));
        close(fds[i]);
    }
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_OVERLOAD], 0);
    close(holders[0]);
    close(holders[1]);
}

/* A stop does not hang on those that wait. */
static void a_stop_answers_those_that_wait(void **state)
{
    kit *k = *state;
    int holders[2];
    hold_all_room(k, holders);
    int fd = kit_dial(k, k->http);
    put(fd,
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n" KIT_JSON "Content-Length: 2\r\n\r\n{}");
    usleep(50000);
    kit_halt(k);
    kit_drain(k, fd);
    /* Told to come back, or never read: not an answer that loses it. */
    const char *answer = ly_buf_text(&k->answer);
    assert_true(k->answer.len == 0 || strstr(answer, "HTTP/1.1 503") != NULL);
    close(fd);
    close(holders[0]);
    close(holders[1]);
}

/* Without a file descriptor for a new connection gRPC's core stops listening for good: it is replaced. */
static void listens_again_after_descriptors_ran_out(void **state)
{
    kit *k = *state;
    struct rlimit before, few;
    int highest = open("/dev/null", O_RDONLY | O_CLOEXEC), fds[400], spare[100];
    size_t n = 0, kept = 0;
    close(highest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    /* The test's own ends live in this process too: take theirs before the limit falls. */
    for (size_t i = 0; i < 40; i++)
        spare[kept++] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    few = before;
    few.rlim_cur = (rlim_t)spare[kept - 1] + 5;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)k->grpc)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (; n < kept; n++)
        (void)!connect(fds[n] = spare[n], (struct sockaddr *)&to, sizeof to);
    sleep(1);
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    int64_t until = ly_mono_ns() + 60 * LY_NS_PER_SEC;
    int code = -1;
    while (code != LY_RPC_OK && ly_mono_ns() < until) {
        char target[64];
        ly_rpc_channel *channel = NULL;
        ly_rpc_channel_opts opts = LY_RPC_CHANNEL_OPTS_INIT;
        ly_rpc_request request = {.method = KIT_TRACES, .timeout_ns = LY_NS_PER_SEC};
        ly_rpc_reply reply;
        snprintf(target, sizeof target, "127.0.0.1:%d", k->grpc);
        opts.target = target;
        assert_int_equal(ly_rpc_channel_new(&opts, &channel, &k->err), LY_OK);
        assert_int_equal(ly_rpc_call_start(channel, &request, &k->err), LY_OK);
        if (ly_rpc_channel_wait(channel, 10 * LY_NS_PER_SEC, &reply) == LY_OK) {
            code = reply.code;
            ly_rpc_reply_release(&reply);
        }
        ly_rpc_channel_free(channel);
        usleep(50000);
    }
    assert_int_equal(code, LY_RPC_OK);
    assert_int_equal(kit_get(k, "/readyz", NULL), 200);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(slow_heads_and_bodies),
        WITH(silent_connections_are_closed),
        WITH(grpc_message_that_never_comes),
        WITH(grpc_headers),
        WITH(grpc_streams),
        WITH(http_waits_for_room),
        WITH(a_stop_answers_those_that_wait),
        WITH(listens_again_after_descriptors_ran_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
