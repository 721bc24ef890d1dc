/* What the head of an HTTP request decides: framing, Expect, browsers, foreign paths; and refused bytes. */
#include "kit.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "collector/http_impl.h"

static int setup(void **state)
{
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    return kit_make(state, &opts);
}

static const char *send_raw(kit *k, const char *text)
{
    kit_raw(k, ly_str_c(text));
    return ly_buf_text(&k->answer);
}

static void is_status(const char *answer, int code)
{
    char want[16];
    snprintf(want, sizeof want, "HTTP/1.1 %d ", code);
    if (strncmp(answer, want, strlen(want)) != 0)
        fail_msg("%d was expected, not: %.200s", code, answer);
}

static void has(const char *answer, const char *text)
{
    if (!strstr(answer, text))
        fail_msg("\"%s\" is not in: %s", text, answer);
}

static void has_not(const char *answer, const char *text)
{
    if (strstr(answer, text))
        fail_msg("\"%s\" is in: %s", text, answer);
}

#define POST(headers, body)                                                                     \
    "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" headers \
    "\r\n" body
#define CLOSE "Connection: close\r\n"

/* Two readers of one head must not see two ends of its body. */
static void framing(void **state)
{
    kit *k = *state;
    const char *a = send_raw(k, POST("Content-Length: 2\r\nContent-Length: 5\r\n", "{}xxx"));
    is_status(a, 400);
    has(a, "Content-Length");
    a = send_raw(
        k, POST("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"));
    is_status(a, 400);
    a = send_raw(k, POST("Transfer-Encoding: gzip, chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"));
    is_status(a, 501);
    a = send_raw(k, POST(CLOSE "Content-Length: 2\r\nContent-Length: 2\r\n", "{}"));
    is_status(a, 200);
    a = send_raw(k, POST(CLOSE "Transfer-Encoding: Chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"));
    is_status(a, 200);
}

/* R12 also where libmicrohttpd would answer itself: one answer, a google.rpc.Status. */
static void malformed_heads(void **state)
{
    static const struct {
        const char *request;
        int code;
        const char *says;
    } rows[] = {
        {POST("Content-Length: 99999999999999999999999999\r\n", ""), 413,
         "Content-Length is larger"},
        {POST("Content-Length: 18446744073709551615\r\n", ""), 413, "larger than"},
        {POST("Content-Length: 9223372036854775808\r\n", "{}"), 413, "larger than"},
        {POST("Content-Length: -1\r\n", ""), 400, "one decimal number"},
        {POST("Content-Length: abc\r\n", "{}"), 400, "one decimal number"},
        {POST("Content-Length: 2, 2\r\n", "{}"), 400, "one decimal number"},
        {POST("Content-Length: \r\n", ""), 400, "one decimal number"},
        {POST("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"), 400, "chunks"},
        {POST("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"), 400, "chunks"},
        {POST("Transfer-Encoding: chunked\r\n", "ffffffffffffffffffff\r\n{}"), 413, "chunk"},
        {POST("no colon\r\n", ""), 400, "malformed"},
    };
    kit *k = *state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        const char *a = send_raw(k, rows[i].request);
        is_status(a, rows[i].code);
        has(a, "\r\nContent-Type: application/json\r\n");
        has(a, "{\"code\":");
        has(a, rows[i].says);
        has_not(a, "<html");
        has_not(a + 1, "HTTP/1.1 ");
    }
    assert_int_equal(kit_stats(k).budget_used, 0);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, LY_S("{}")), 200);
}

static void expect_continue(void **state)
{
    kit *k = *state;
    const char *a = send_raw(k, POST(CLOSE "Expect: 100-continue\r\nContent-Length: 2\r\n", "{}"));
    has(a, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK");
    /* Refused before a body byte is sent: the client sends none. */
    a = send_raw(k, POST("Expect: 100-continue\r\nContent-Length: 99999999999\r\n", ""));
    is_status(a, 413);
    has_not(a, "100 Continue");
    a = send_raw(
        k, POST("Expect: 100-continue\r\nContent-Length: 2\r\nContent-Encoding: zstd\r\n", ""));
    is_status(a, 415);
    has(a, "Accept-Encoding: gzip, deflate, identity\r\n");
}

static void several_in_a_row(void **state)
{
    kit *k = *state;
    const char *a =
        send_raw(k, POST("Content-Length: 2\r\n", "{}") POST("Content-Length: 1\r\n", "{")
                        POST(CLOSE "Content-Length: 2\r\n", "{}"));
    const char *second = strstr(a + 1, "HTTP/1.1 400");
    assert_non_null(second);
    assert_non_null(strstr(second, "HTTP/1.1 200"));
}

static void origins_and_hosts(void **state)
{
    static const char *const local[] = {"http://localhost",       "http://localhost:3000",
                                        "https://localhost:3000", "http://127.0.0.1:5173",
                                        "http://[::1]:3000",      "http://app.localhost:80"};
    static const char *const other[] = {"http://localhost.evil.example",
                                        "http://127.0.0.1.evil.com",
                                        "http://evil.example",
                                        "null",
                                        "file://",
                                        "localhost",
                                        "",
                                        "http://notlocalhost",
                                        "http://127.0.0.1@evil.example",
                                        "http://192.168.1.5:3000",
                                        "chrome-extension://abc"};
    (void)state;
    for (size_t i = 0; i < LY_COUNT(local); i++)
        if (!ly_origin_is_local(ly_str_c(local[i])))
            fail_msg("%s", local[i]);
    for (size_t i = 0; i < LY_COUNT(other); i++)
        if (ly_origin_is_local(ly_str_c(other[i])))
            fail_msg("%s", other[i]);
    assert_true(ly_host_is_local(LY_S("127.0.0.1:4318")));
    assert_true(ly_host_is_local(LY_S("[::1]:4318")));
    assert_true(ly_host_is_local(LY_S("LOCALHOST:4318")));
    assert_true(ly_host_is_local(LY_S("192.168.0.7")));
    assert_false(ly_host_is_local(LY_S("evil.example:4318")));
    assert_false(ly_host_is_local(LY_S("127.0.0.1.nip.io")));
    assert_false(ly_host_is_local(LY_S("")));
}

/* A page under development on this machine may send and read; no other page may do either. */
static void browsers(void **state)
{
    kit *k = *state;
    const char *a = send_raw(k, "OPTIONS /v1/traces HTTP/1.1\r\nHost: localhost\r\n" CLOSE
                                "Origin: http://localhost:3000\r\n"
                                "Access-Control-Request-Method: POST\r\n"
                                "Access-Control-Request-Headers: content-type, x-a\r\n\r\n");
    is_status(a, 204);
    has(a, "Access-Control-Allow-Origin: http://localhost:3000\r\n");
    has(a, "Access-Control-Allow-Headers: content-type, x-a\r\n");
    a = send_raw(k, POST(CLOSE "Origin: http://localhost:3000\r\nContent-Length: 2\r\n", "{}"));
    is_status(a, 200);
    has(a, "Access-Control-Allow-Origin: http://localhost:3000\r\n");
    a = send_raw(k, "OPTIONS /v1/traces HTTP/1.1\r\nHost: localhost\r\n" CLOSE
                    "Origin: http://localhost.evil.example\r\n"
                    "Access-Control-Request-Method: POST\r\n\r\n");
    is_status(a, 403);
    has_not(a, "Access-Control-Allow-Origin");
    a = send_raw(k, POST(CLOSE "Origin: http://evil.example\r\nContent-Length: 2\r\n", "{}"));
    is_status(a, 403);
    static const char *const pages[] = {"/status", "/metrics", "/v1/prompts/x@y"};
    for (size_t i = 0; i < LY_COUNT(pages); i++) {
        char text[256];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: evil.example:4318\r\n" CLOSE "\r\n",
                 pages[i]);
        a = send_raw(k, text); /* a name that was made to point here */
        is_status(a, 403);
    }
    a = send_raw(k, "GET /status HTTP/1.1\r\nHost: localhost.\r\n" CLOSE "\r\n");
    is_status(a, 200);
}

static void refused_bytes_are_counted(void **state)
{
    kit *k = *state;
    const char *a =
        send_raw(k, POST(CLOSE "Content-Encoding: br\r\nContent-Length: 10\r\n", "0123456789"));
    is_status(a, 415);
    int64_t until = ly_mono_ns() + 20 * LY_NS_PER_SEC;
    while (kit_stats(k).refused_bytes[LY_REFUSED_UNSUPPORTED] != 10 && ly_mono_ns() < until)
        usleep(1000);
    assert_int_equal(kit_stats(k).refused_bytes[LY_REFUSED_UNSUPPORTED], 10);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_UNSUPPORTED], 1);
}

/* Too deep is a fault of form, which a client must not send again: 400, not 413. */
static void too_deep(void **state)
{
    kit *k = *state;
    ly_buf body;
    ly_buf_init(&body, LY_MIB(1));
    ly_buf_c(&body, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        ly_buf_char(&body, '[');
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, ly_buf_view(&body)), 400);
    has(ly_buf_text(&k->answer), "nested too deep");
    ly_buf_release(&body);
}

/* Every row of route.c's table, by what its client sends. */
static void foreign_paths(void **state)
{
    static const struct {
        const char *path, *client, *setting;
    } rows[] = {
        {"/api/public/ingestion", "Langfuse", "LANGFUSE_BASE_URL"},
        {"/api/public/v2/prompts/x", "Langfuse", "LANGFUSE_BASE_URL"},
        {"/runs", "LangSmith", "LANGSMITH_OTEL_ENABLED=true"},
        {"/runs/batch", "LangSmith", "LANGSMITH_ENDPOINT"},
        {"/runs/multipart", "LangSmith", "LANGSMITH_ENDPOINT"},
        {"/api/v1/runs/batch", "LangSmith", "LANGSMITH_ENDPOINT"},
        {"/api/v1/sessions", "LangSmith", "LANGSMITH_ENDPOINT"},
        {"/api/v1/info", "LangSmith", "LANGSMITH_ENDPOINT"},
        {"/api/v1/feedback", "LangSmith", "LANGSMITH_ENDPOINT"},
        {"/info", "LangSmith", "LANGSMITH_ENDPOINT"},
        {"/sessions", "LangSmith", "LANGSMITH_ENDPOINT"},
        {"/feedback/1", "LangSmith", "LANGSMITH_ENDPOINT"},
        {"/api/2.0/mlflow/traces", "MLflow", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
        {"/api/3.0/mlflow/traces", "MLflow", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
        {"/api/4.0/mlflow/traces", "MLflow", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
        {"/ajax-api/2.0/mlflow/x", "MLflow", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
        {"/v1/projects", "Phoenix", "PHOENIX_COLLECTOR_ENDPOINT"},
        {"/v1/spans", "Phoenix", "PHOENIX_COLLECTOR_ENDPOINT"},
        {"/v1/evaluations", "Phoenix", "PHOENIX_COLLECTOR_ENDPOINT"},
        {"/v1/trace_annotations", "Phoenix", "PHOENIX_COLLECTOR_ENDPOINT"},
        {"/v1/span_annotations", "Phoenix", "PHOENIX_COLLECTOR_ENDPOINT"},
        {"/v1/datasets/upload", "Phoenix", "PHOENIX_COLLECTOR_ENDPOINT"},
        {"/graphql", "Phoenix", "PHOENIX_COLLECTOR_ENDPOINT"},
        {"/arize_phoenix_version", "Phoenix", "PHOENIX_COLLECTOR_ENDPOINT"},
        {"/api/v1/private/traces/batch", "Opik", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/v1/private/spans/batch", "Opik", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/opik/api/v1/private/x", "Opik", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/api/collector", "LangWatch", "LANGWATCH_ENDPOINT"},
        {"/api/track_event", "LangWatch", "LANGWATCH_ENDPOINT"},
        {"/api/evaluations/x/evaluate", "LangWatch", "LANGWATCH_ENDPOINT"},
        {"/logs3", "Braintrust", "BRAINTRUST_API_URL"},
        {"/api/apikey/login", "Braintrust", "BRAINTRUST_API_URL"},
        {"/api/project/register", "Braintrust", "BRAINTRUST_API_URL"},
        {"/v1/traceloop/prompts", "Traceloop", "TRACELOOP_BASE_URL"},
        {"/v2/traceloop/x", "Traceloop", "TRACELOOP_BASE_URL"},
        {"/v1/traces/ingest", "OpenAI Agents SDK", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/v3/auth/token", "AgentOps", "AGENTOPS_EXPORTER_ENDPOINT"},
        {"/v2/create_session", "AgentOps", "AGENTOPS_EXPORTER_ENDPOINT"},
        {"/v2/sessions", "AgentOps", "AGENTOPS_EXPORTER_ENDPOINT"},
        {"/v1/log/request", "Helicone", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/v1/trace/log", "Helicone", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/custom/v1/log", "Helicone", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/oai/v1/log", "Helicone", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/call/upsert_batch", "Weave", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/calls/stream_query", "Weave", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/v1/runs/ingest", "Lunary", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/session/start", "HoneyHive", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/events/batch", "HoneyHive", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/batch/", "PostHog", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/capture/", "PostHog", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/api/v2/spans", "Zipkin", "OTEL_TRACES_EXPORTER=otlp"},
        {"/api/v1/spans", "Zipkin", "OTEL_TRACES_EXPORTER=otlp"},
        {"/api/traces", "Jaeger", "OTEL_TRACES_EXPORTER=otlp"},
        {"/intake/v2/events", "Elastic APM", "OTEL_TRACES_EXPORTER=otlp"},
        {"/trace/v1", "New Relic", "OTEL_TRACES_EXPORTER=otlp"},
        {"/loki/api/v1/push", "Loki", "OTEL_TRACES_EXPORTER=otlp"},
        {"/api/v1/write", "Prometheus", "OTEL_TRACES_EXPORTER=otlp"},
        {"/v0.4/traces", "Datadog", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/evp_proxy/v2/api/v2/llmobs", "Datadog", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"/v1/chat/completions", "model client", "lydite connect openai"},
        {"/chat/completions", "model client", "lydite connect openai"},
        {"/v1/completions", "model client", "lydite connect openai"},
        {"/v1/responses", "model client", "lydite connect openai"},
        {"/v1/embeddings", "model client", "lydite connect openai"},
        {"/v1/messages", "model client", "lydite connect openai"},
        {"/v1/models", "model client", "lydite connect openai"},
        {"/v1development/profiles", "OTLP profiles", "/v1/traces"},
    };
    kit *k = *state;
    char base[64];
    snprintf(base, sizeof base, "http://127.0.0.1:%d", k->http);
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        assert_int_equal(kit_post(k, rows[i].path, KIT_JSON, LY_S("{}")), 404);
        const char *a = ly_buf_text(&k->answer);
        has(a, rows[i].client);
        has(a, rows[i].setting);
        has(a, base);
    }
    /* Below prefixes of their own they send OTLP, and that is taken. */
    assert_int_equal(kit_post(k, "/api/public/otel/v1/traces", KIT_JSON, LY_S("{}")), 200);
    /* An exporter whose endpoint lacks the path. */
    assert_int_equal(kit_post(k, "/", KIT_JSON, LY_S("{}")), 404);
    has(ly_buf_text(&k->answer), "/v1/traces");
    assert_int_equal(kit_post(k, "/v1/trace", KIT_JSON, LY_S("{}")), 404);
    has(ly_buf_text(&k->answer), "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:");
}

/* R16, R17, R19, R21: every shape of a value, members of the future at each level, empty envelopes, null. */
static void every_value_shape(void **state)
{
    static const char body[] =
        "{\"resourceSpans\":[{},{\"resource\":null,\"scopeSpans\":[{}]},{\"future\":{\"a\":[1]},"
        "\"resource\":{\"future\":1,\"attributes\":[]},\"scopeSpans\":[{\"scope\":{\"future\":[]},"
        "\"spans\":[{\"traceId\":\"5B8EFFF798038103D269B633813FC60C\",\"spanId\":"
        "\"eee19b7ec3c1b174\",\"name\":\"x\",\"future\":{},\"kind\":\"SPAN_KIND_CLIENT\","
        "\"status\":null,"
        "\"startTimeUnixNano\":1544712660000000001,\"endTimeUnixNano\":\"1544712661000000000\","
        "\"droppedAttributesCount\":\"3\",\"links\":null,\"attributes\":["
        "{\"key\":\"s\",\"value\":{\"stringValue\":\"\"}},{\"key\":\"b\",\"value\":{\"boolValue\":"
        "false}},"
        "{\"key\":\"i\",\"value\":{\"intValue\":\"9223372036854775807\"}},"
        "{\"key\":\"n\",\"value\":{\"intValue\":9223372036854775807}},"
        "{\"key\":\"d\",\"value\":{\"doubleValue\":\"NaN\"}},"
        "{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":[{\"intValue\":1},{},null,"
        "{\"kvlistValue\":{\"values\":[{\"key\":\"k\"}]}}]}}},"
        "{\"key\":\"y\",\"value\":{\"bytesValue\":\"AP8=\"}},{\"key\":\"e\",\"value\":{}},"
        "{\"key\":\"m\"},{\"key\":\"u\",\"value\":{\"futureValue\":1}}]}]}]}]}";
    kit *k = *state;
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, ly_str_c(body)), 200);
    assert_string_equal(ly_buf_text(&k->answer), "{}");
    assert_int_equal(kit_stats(k).stored, 1);
}

/* R7: the reason says which member, and where. */
static void the_reason_names_the_member(void **state)
{
    static const struct {
        const char *members, *reason;
    } rows[] = {
        {"\"kind\":\"BOGUS\"", "kind has a value that does not fit (line 2, column "},
        {"\"name\":5", "name has a value that does not fit (line 2, "},
        {"\"startTimeUnixNano\":\"2024-01-01\"", "startTimeUnixNano has a value"},
        {"\"attributes\":{\"a\":1}", "attributes has a value"},
        {"\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":1.5}}]", "intValue has a value"},
        {"\"traceId\":\"00\"", "trace_id must be 16 bytes"},
    };
    kit *k = *state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        char body[512];
        snprintf(body, sizeof body,
                 "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[\n{\"traceId\":"
                 "\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\",%s}]}]}]}",
                 rows[i].members);
        assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, ly_str_c(body)), 200);
        has(ly_buf_text(&k->answer), rows[i].reason);
    }
}

/* What is compressed without saying so must not pass as a message of unknown fields. */
static void undeclared_compression(void **state)
{
    static const struct {
        ly_str body;
        const char *name;
    } rows[] = {
        {{"\x28\xb5\x2f\xfd\x04\x00", 6}, "zstd"},
        {{"\xff\x06\x00\x00sNaPpY\x01", 11}, "snappy"},
        {{"\x04\x22\x4d\x18\x01", 5}, "lz4"},
        {{"\x1f\x8b\x08\x00\x00", 5}, "gzip"},
    };
    kit *k = *state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, rows[i].body), 400);
        assert_non_null(memmem(k->answer.ptr, k->answer.len, rows[i].name, strlen(rows[i].name)));
        assert_int_equal(kit_call_code(k, KIT_TRACES, rows[i].body), LY_RPC_UNIMPLEMENTED);
    }
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_UNSUPPORTED], LY_COUNT(rows));
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_MALFORMED], LY_COUNT(rows));
    assert_int_equal(kit_stats(k).budget_used, 0);
}

/* R4: however many spans are rejected, the answer is one short line. */
static void many_rejections_fit(void **state)
{
    kit *k = *state;
    ly_buf body;
    ly_buf_init(&body, LY_MIB(8));
    ly_buf_c(&body, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[");
    for (int i = 0; i < 20000; i++)
        ly_buf_fmt(&body, "%s{\"traceId\":\"00\",\"name\":\"bad %d\"}", i ? "," : "", i);
    ly_buf_c(&body, "]}]}]}");
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, ly_buf_view(&body)), 200);
    has(ly_buf_text(&k->answer), "\"rejectedSpans\":\"20000\"");
    assert_true(k->answer.len < 1024);
    assert_int_equal(kit_stats(k).rejected, 20000);
    ly_buf_release(&body);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(framing),
        WITH(malformed_heads),
        WITH(expect_continue),
        WITH(several_in_a_row),
        cmocka_unit_test(origins_and_hosts),
        WITH(browsers),
        WITH(refused_bytes_are_counted),
        WITH(too_deep),
        WITH(foreign_paths),
        WITH(every_value_shape),
        WITH(undeclared_compression),
        WITH(the_reason_names_the_member),
        WITH(many_rejections_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
