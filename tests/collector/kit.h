/* What the collector's tests share: a collector in a temporary folder, and senders. */
#ifndef LY_TESTS_COLLECTOR_KIT_H
#define LY_TESTS_COLLECTOR_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "collector/collector.h"
#include "otlp/encode.h"
#include "rpc/client.h"

#define KIT_TRACES  "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define KIT_LOGS    "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
#define KIT_METRICS "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

#define KIT_PROTO "Content-Type: application/x-protobuf\r\n"
#define KIT_JSON  "Content-Type: application/json\r\n"

typedef struct kit {
    char dir[64], db[96];
    ly_collector *collector;
    ly_rpc_channel *channel, *gzip_channel;
    int http, grpc;
    ly_buf answer; /* of the last request */
    ly_err err;
} kit;

LY_UNUSED static void kit_dir(kit *k)
{
    *k = (kit){0};
    snprintf(k->dir, sizeof k->dir, "%s/lydite-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(k->dir));
    snprintf(k->db, sizeof k->db, "%s/t.db", k->dir);
    ly_buf_init(&k->answer, LY_MIB(16));
}

LY_UNUSED static void kit_run(kit *k, const ly_collector_opts *with)
{
    ly_collector_opts opts = *with;
    opts.db = k->db;
    opts.grpc_port = opts.http_port = 0;
    if (ly_collector_start(&opts, &k->collector, &k->err) != LY_OK)
        fail_msg("collector: %s", k->err.text);
    k->http = ly_collector_get_info(k->collector)->http_port;
    k->grpc = ly_collector_get_info(k->collector)->grpc_port;
    char target[64];
    snprintf(target, sizeof target, "127.0.0.1:%d", k->grpc);
    ly_rpc_channel_opts channel = LY_RPC_CHANNEL_OPTS_INIT;
    channel.target = target;
    assert_int_equal(ly_rpc_channel_new(&channel, &k->channel, &k->err), LY_OK);
    channel.gzip = true;
    assert_int_equal(ly_rpc_channel_new(&channel, &k->gzip_channel, &k->err), LY_OK);
}

LY_UNUSED static void kit_halt(kit *k)
{
    ly_rpc_channel_free(k->channel);
    ly_rpc_channel_free(k->gzip_channel);
    ly_collector_stop(k->collector, 2 * LY_NS_PER_SEC);
    k->channel = k->gzip_channel = NULL;
    k->collector = NULL;
}

LY_UNUSED static void kit_end(kit *k)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".collector"};
    char path[128];
    kit_halt(k);
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s%s", k->db, ends[i]);
        (void)unlink(path);
    }
    (void)rmdir(k->dir);
    ly_buf_release(&k->answer);
}

/* For cmocka: a collector of its own for a test, and its end. */
LY_UNUSED static int kit_make(void **state, const ly_collector_opts *with)
{
    kit *k = ly_calloc(1, sizeof *k);
    assert_non_null(k);
    kit_dir(k);
    kit_run(k, with);
    *state = k;
    return 0;
}

LY_UNUSED static int teardown(void **state)
{
    kit_end(*state);
    ly_free(*state);
    return 0;
}

/* POST; returns the HTTP status, the body is in k->answer. */
LY_UNUSED static int kit_post(kit *k, const char *path, const char *headers, ly_str body)
{
    int code = 0;
    ly_buf_reset(&k->answer);
    if (ly_probe_http("127.0.0.1", k->http, path, headers, &body, 10 * LY_NS_PER_SEC, &code,
                      &k->answer, &k->err) != LY_OK)
        fail_msg("POST %s: %s", path, k->err.text);
    return code;
}

LY_UNUSED static int kit_get(kit *k, const char *path, const char *headers)
{
    int code = 0;
    ly_buf_reset(&k->answer);
    if (ly_probe_http("127.0.0.1", k->http, path, headers, NULL, 10 * LY_NS_PER_SEC, &code,
                      &k->answer, &k->err) != LY_OK)
        fail_msg("GET %s: %s", path, k->err.text);
    return code;
}

LY_UNUSED static int kit_dial(const kit *k, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {30, 0};
    (void)k;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Everything that comes until the other side closes, into k->answer. */
LY_UNUSED static void kit_drain(kit *k, int fd)
{
    char part[4096];
    ssize_t n;
    ly_buf_reset(&k->answer);
    while ((n = recv(fd, part, sizeof part, 0)) > 0)
        ly_buf_add(&k->answer, part, (size_t)n);
    if (n < 0 && errno != ECONNRESET)
        fail_msg("no end of the answer: %s", strerror(errno));
}

/* Bytes by hand over HTTP; all answers until the server closes are in k->answer. */
LY_UNUSED static void kit_raw(kit *k, ly_str bytes)
{
    int fd = kit_dial(k, k->http);
    assert_int_equal(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
    kit_drain(k, fd);
    close(fd);
}

/* One gRPC call; the reply is the caller's to release. packed: body is gzip. */
LY_UNUSED static ly_rpc_reply kit_call(kit *k, const char *method, ly_str body, bool packed,
                                       const ly_rpc_meta *meta, size_t n_meta)
{
    ly_rpc_channel *channel = packed ? k->gzip_channel : k->channel;
    ly_rpc_request request = {
        .method = method, .body = body, .packed = packed, .meta = meta, .n_meta = n_meta};
    ly_rpc_reply reply;
    request.timeout_ns = 10 * LY_NS_PER_SEC;
    assert_int_equal(ly_rpc_call_start(channel, &request, &k->err), LY_OK);
    assert_int_equal(ly_rpc_channel_wait(channel, 15 * LY_NS_PER_SEC, &reply), LY_OK);
    return reply;
}

LY_UNUSED static int kit_call_code(kit *k, const char *method, ly_str body)
{
    ly_rpc_reply reply = kit_call(k, method, body, false, NULL, 0);
    int code = reply.code;
    ly_rpc_reply_release(&reply);
    return code;
}

/* A request of n small spans of one trace; ids come from `seed`, so that equal seeds are equal spans. */
LY_UNUSED static void kit_spans(ly_buf *out, uint64_t seed, size_t n, ly_str filler)
{
    ly_arena arena;
    ly_arena_init(&arena, 0, LY_GIB(1));
    ly_buf wire, resource_wire;
    ly_buf_init(&wire, LY_GIB(1));
    ly_buf_init(&resource_wire, LY_KIB(64));
    ly_kv service = {LY_S("service.name"), {.kind = LY_ANY_STRING, .str = LY_S("kit")}};
    ly_resource resource = {.attrs = {&service, 1, 0}};
    ly_scope scope = {.name = LY_S("kit")};
    ly_otlp_put_resource(&resource_wire, &resource);
    resource.wire = ly_buf_view(&resource_wire);
    ly_span *spans = LY_ARENA_ARRAY(&arena, ly_span, n + 1);
    const ly_span **list = LY_ARENA_ARRAY(&arena, const ly_span *, n + 1);
    ly_kv attrs[] = {
        {LY_S("gen_ai.operation.name"), {.kind = LY_ANY_STRING, .str = LY_S("chat")}},
        {LY_S("gen_ai.request.model"), {.kind = LY_ANY_STRING, .str = LY_S("gpt-4o")}},
        {LY_S("gen_ai.usage.input_tokens"), {.kind = LY_ANY_INT, .integer = 100}},
        {LY_S("kit.filler"), {.kind = LY_ANY_STRING, .str = filler}},
    };
    for (size_t i = 0; i < n; i++) {
        ly_span *s = &spans[i];
        s->name = LY_S("chat gpt-4o");
        s->kind = LY_KIND_CLIENT;
        s->start_ns = 1700000000000000000ull + seed % 1000000 * 1000000 + i;
        s->end_ns = s->start_ns + 1000000;
        s->attrs = (ly_attrs){attrs, LY_COUNT(attrs), 0};
        s->resource = &resource;
        s->scope = &scope;
        memcpy(s->trace_id.b, &seed, 8);
        s->trace_id.b[15] = 1;
        uint64_t id = seed * 0x9E3779B97F4A7C15ull + i + 1;
        memcpy(s->span_id.b, &id, 8);
        ly_buf_reset(&wire);
        ly_otlp_put_span(&wire, s);
        s->wire = ly_arena_copy(&arena, ly_buf_view(&wire));
        list[i] = s;
    }
    ly_err err = LY_ERR_INIT;
    if (ly_otlp_encode_traces(list, n, out, &err) != LY_OK)
        fail_msg("%s", err.text);
    ly_buf_release(&wire);
    ly_buf_release(&resource_wire);
    ly_arena_release(&arena);
}

/* Promise 2's sum over one picture. */
LY_UNUSED static ly_collector_stats kit_stats(kit *k)
{
    ly_collector_stats s;
    ly_collector_stats_get(k->collector, &s);
    assert_int_equal(s.received,
                     s.stored + s.merged + s.conflicts + s.rejected + s.returned + s.queued);
    uint64_t reasons = 0;
    for (size_t i = 0; i < LY_COUNT(s.by_reason); i++)
        reasons += s.by_reason[i];
    assert_int_equal(s.rejected, reasons);
    return s;
}

#endif
