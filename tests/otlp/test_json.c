/* OTLP/JSON: the vectors, each rule of the encoding and each leniency, and the way back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "otlp/encode.h"
#include "otlp/json.h"
#include "otlp/pb.h"
#include "otlp/vectors.h"

static ly_arena arena;
static ly_buf out;

static int setup(void **state)
{
    (void)state;
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&out, LY_MAX_REQUEST_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ly_arena_release(&arena);
    ly_buf_release(&out);
    return 0;
}

static void assert_str(ly_str got, const char *want)
{
    if (!ly_str_eqc(got, want)) {
        fail_msg("got \"%.*s\", want \"%s\"", LY_STR_ARG(got), want);
    }
}

static ly_otlp_batch decode(const char *text)
{
    ly_otlp_batch batch;
    ly_err err = LY_ERR_INIT;
    if (ly_otlp_decode_json(ly_str_c(text), LY_SIGNAL_TRACES, &arena, NULL, &batch, &err) !=
        LY_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return batch;
}

/* A request with one span made of valid ids and the members given. */
static const ly_span *span_of(const char *members)
{
    ly_str text = ly_arena_fmt(&arena,
                               "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
                               "\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":"
                               "\"0102030405060708\"%s%s}]}]}]}",
                               *members ? "," : "", members);
    ly_otlp_batch batch = decode(text.ptr);
    assert_int_equal(batch.n_spans, 1);
    return &batch.spans[0];
}

/* The value of one attribute written as JSON. */
static const ly_any *any_of(const char *json)
{
    ly_str text = ly_arena_fmt(&arena, "\"attributes\":[{\"key\":\"k\",\"value\":%s}]", json);
    const ly_span *span = span_of(text.ptr);
    assert_int_equal(span->reject, LY_REJECT_NONE);
    return ly_attrs_get(&span->attrs, LY_S("k"));
}

static ly_reject reject_of(const char *members)
{
    return span_of(members)->reject;
}

static void vector_1(void **state)
{
    (void)state;
    char bytes[400];
    ly_otlp_batch proto, batch = decode(V1_JSON);
    assert_int_equal(
        ly_otlp_decode(unhex(V1_HEX, bytes), LY_SIGNAL_TRACES, &arena, NULL, &proto, NULL), LY_OK);
    assert_int_equal(batch.n_rejected, 0);
    assert_int_equal(batch.spans[0].start_ns, 1544712660000000000);
    assert_int_equal(batch.spans[0].flags, 257);
    /* The vector's JSON has the status members in another order than its protobuf form, so the fields
     * are compared, written in field order. */
    ly_buf again;
    ly_buf_init(&again, 10000);
    ly_otlp_put_span(&again, &batch.spans[0]);
    assert_true(ly_str_eq(ly_buf_view(&again), proto.spans[0].wire));
    ly_buf_release(&again);
    assert_int_equal(batch.spans[0].wire.len, proto.spans[0].wire.len);
    assert_true(ly_str_eq(batch.spans[0].resource->wire, proto.spans[0].resource->wire));
    assert_true(ly_str_eq(batch.spans[0].scope->wire, proto.spans[0].scope->wire));
}

static void vector_1_written(void **state)
{
    (void)state;
    char bytes[400];
    ly_str v1 = unhex(V1_HEX, bytes), again;
    ly_otlp_batch batch;
    assert_int_equal(ly_otlp_decode(v1, LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL), LY_OK);
    const ly_span *spans[1] = {&batch.spans[0]};
    ly_buf_reset(&out);
    assert_int_equal(ly_otlp_json_traces(spans, 1, &out, NULL), LY_OK);
    assert_string_equal(
        ly_buf_text(&out),
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
        "{\"stringValue\":\"demo\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"t\",\"version\":"
        "\"1\"},"
        "\"spans\":[{\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":"
        "\"eee19b7ec3c1b174\","
        "\"parentSpanId\":\"eee19b7ec3c1b173\",\"name\":\"chat "
        "m\",\"kind\":3,\"startTimeUnixNano\":"
        "\"1544712660000000000\",\"endTimeUnixNano\":\"1544712661000000000\",\"attributes\":[{"
        "\"key\":"
        "\"gen_ai.operation.name\",\"value\":{\"stringValue\":\"chat\"}},{\"key\":"
        "\"gen_ai.usage.input_tokens\",\"value\":{\"intValue\":\"100\"}},{\"key\":"
        "\"gen_ai.request.temperature\",\"value\":{\"doubleValue\":0.5}},{\"key\":\"b\",\"value\":"
        "{\"boolValue\":false}},{\"key\":\"gen_ai.response.finish_reasons\",\"value\":{"
        "\"arrayValue\":"
        "{\"values\":[{\"stringValue\":\"stop\"}]}}}],\"status\":{\"message\":\"e\",\"code\":2},"
        "\"flags\":257}]}]}]}");
    assert_int_equal(
        ly_otlp_json_to_proto(ly_buf_view(&out), LY_SIGNAL_TRACES, &arena, &again, NULL), LY_OK);
    assert_true(ly_str_eq(again, v1));
}

static void logs_both_ways(void **state)
{
    (void)state;
    char bytes[200];
    ly_str v4 = unhex(V4_HEX, bytes), again;
    ly_otlp_batch batch;
    assert_int_equal(ly_otlp_decode(v4, LY_SIGNAL_LOGS, &arena, NULL, &batch, NULL), LY_OK);
    const ly_log_record *logs[1] = {&batch.logs[0]};
    ly_buf_reset(&out);
    assert_int_equal(ly_otlp_json_logs(logs, 1, &out, NULL), LY_OK);
    assert_int_equal(ly_otlp_json_to_proto(ly_buf_view(&out), LY_SIGNAL_LOGS, &arena, &again, NULL),
                     LY_OK);
    assert_true(ly_str_eq(again, v4));
}

static void numbers(void **state)
{
    (void)state;
    assert_int_equal(any_of("{\"intValue\":\"9223372036854775807\"}")->integer, INT64_MAX);
    assert_int_equal(any_of("{\"intValue\":9223372036854775807}")->integer, INT64_MAX);
    assert_true(any_of("{\"intValue\":-9223372036854775808}")->integer == INT64_MIN);
    assert_int_equal(any_of("{\"intValue\":\"-1\"}")->integer, -1);
    assert_int_equal(any_of("{\"intValue\":1e3}")->integer, 1000);
    assert_int_equal(any_of("{\"intValue\":5.0}")->integer, 5);
    assert_int_equal(any_of("{\"intValue\":0}")->kind, LY_ANY_INT);
    assert_true(any_of("{\"doubleValue\":0.1}")->real == 0.1);
    assert_true(any_of("{\"doubleValue\":\"0.25\"}")->real == 0.25);
    assert_true(isnan(any_of("{\"doubleValue\":\"NaN\"}")->real));
    assert_true(isinf(any_of("{\"doubleValue\":\"-Infinity\"}")->real));
    /* a 19-digit time as a number, which a double would round */
    assert_int_equal(span_of("\"startTimeUnixNano\":1544712660123456789")->start_ns,
                     1544712660123456789);
    assert_int_equal(span_of("\"startTimeUnixNano\":\"1544712660123456789\"")->start_ns,
                     1544712660123456789);
    assert_int_equal(span_of("\"droppedAttributesCount\":\"7\"")->attrs.dropped, 7);
    assert_int_equal(span_of("\"flags\":4294967295")->flags, 4294967295);
    assert_int_equal(reject_of("\"flags\":4294967296"), LY_REJECT_MALFORMED);
    assert_int_equal(reject_of("\"droppedAttributesCount\":-1"), LY_REJECT_MALFORMED);
    assert_int_equal(reject_of("\"startTimeUnixNano\":\"abc\""), LY_REJECT_MALFORMED);
    assert_int_equal(reject_of("\"startTimeUnixNano\":\"18446744073709551615\""), LY_REJECT_TIME);
    assert_int_equal(reject_of("\"startTimeUnixNano\":\"18446744073709551616\""),
                     LY_REJECT_MALFORMED);
}

static void values(void **state)
{
    (void)state;
    assert_int_equal(any_of("{}")->kind, LY_ANY_EMPTY);
    assert_int_equal(any_of("null")->kind, LY_ANY_EMPTY);
    assert_int_equal(any_of("{\"stringValue\":\"\"}")->kind, LY_ANY_STRING);
    assert_int_equal(any_of("{\"stringValue\":null}")->kind, LY_ANY_EMPTY);
    assert_int_equal(any_of("{\"boolValue\":false}")->kind, LY_ANY_BOOL);
    assert_true(any_of("{\"boolValue\":true}")->boolean);
    ly_str bytes = any_of("{\"bytesValue\":\"AP8Q\"}")->str;
    assert_int_equal(bytes.len, 3);
    assert_memory_equal(bytes.ptr, "\x00\xff\x10", 3);
    assert_int_equal(any_of("{\"bytesValue\":\"\\/w==\"}")->str.len, 1);
    const ly_any *list = any_of("{\"arrayValue\":{\"values\":[{\"intValue\":1},null,{},"
                                "{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":"
                                "{\"boolValue\":true}}]}}]}}");
    assert_int_equal(list->array.n, 4);
    assert_int_equal(list->array.items[1].kind, LY_ANY_EMPTY);
    assert_str(list->array.items[3].kvlist.items[0].key, "a");
    assert_int_equal(any_of("{\"arrayValue\":{}}")->array.n, 0);
    assert_int_equal(any_of("{\"kvlistValue\":{}}")->kind, LY_ANY_KVLIST);
    /* the last member of the oneof wins */
    assert_int_equal(any_of("{\"stringValue\":\"x\",\"intValue\":\"2\"}")->integer, 2);
}

static void strings(void **state)
{
    (void)state;
    ly_str s = any_of("{\"stringValue\":\"a\\u0000b\"}")->str;
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.ptr, "a\0b", 3);
    assert_str(any_of("{\"stringValue\":\"\\ud83d\\ude39\\n\\/\"}")->str, "\xf0\x9f\x98\xb9\n/");
    assert_str(any_of("{\"stringValue\":\"\\ud83d\"}")->str, "\xef\xbf\xbd");
    /* lengths around the one-byte limit, with and without escapes */
    for (size_t n = 120; n < 140; n++) {
        char text[200], json[900];
        memset(text, 'x', n);
        text[n] = 0;
        snprintf(json, sizeof json, "{\"stringValue\":\"%s\"}", text);
        assert_str(any_of(json)->str, text);
        snprintf(json, sizeof json, "{\"stringValue\":\"%s\\n\"}", text);
        assert_int_equal(any_of(json)->str.len, n + 1);
    }
    /* bytes that are not UTF-8 are kept and flagged */
    const ly_span *span = span_of("\"name\":\"a\xff\"");
    assert_true(span->invalid_utf8);
    assert_str(span->name, "a\xff");
}

static void ids(void **state)
{
    (void)state;
    assert_int_equal(reject_of(""), LY_REJECT_NONE);
    assert_int_equal(reject_of("\"parentSpanId\":\"\""), LY_REJECT_NONE);
    assert_int_equal(reject_of("\"parentSpanId\":null"), LY_REJECT_NONE);
    assert_int_equal(reject_of("\"parentSpanId\":\"ABCDEFabcdef0123\""), LY_REJECT_NONE);
    assert_int_equal(reject_of("\"parentSpanId\":\"01\""), LY_REJECT_PARENT_ID);
    assert_int_equal(reject_of("\"spanId\":\"0102\""), LY_REJECT_SPAN_ID);
    assert_int_equal(reject_of("\"spanId\":\"0000000000000000\""), LY_REJECT_SPAN_ID);
    assert_int_equal(reject_of("\"traceId\":\"\",\"traceId\":\"zz\""), LY_REJECT_TRACE_ID);
    /* base64 instead of hex; 16 characters that are no hex must not become 16 bytes */
    assert_int_equal(reject_of("\"traceId\":\"W47/95gDgQPSabYzgT/GDA==\""), LY_REJECT_TRACE_ID);
    assert_int_equal(reject_of("\"traceId\":\"zzzzzzzzzzzzzzzz\""), LY_REJECT_TRACE_ID);
    assert_int_equal(reject_of("\"spanId\":\"7uGbfsPBsXQ=\""), LY_REJECT_SPAN_ID);
    assert_int_equal(
        decode("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}]}]}]}").first_reject,
        LY_REJECT_TRACE_ID);
}

static void lenient(void **state)
{
    (void)state;
    assert_int_equal(span_of("\"kind\":\"SPAN_KIND_CLIENT\"")->kind, 3);
    assert_int_equal(span_of("\"kind\":\"3\"")->kind, 3);
    assert_int_equal(span_of("\"kind\":99")->kind, 99);
    assert_int_equal(reject_of("\"kind\":\"CLIENT\""), LY_REJECT_MALFORMED);
    assert_int_equal(span_of("\"status\":{\"code\":\"STATUS_CODE_ERROR\"}")->status_code, 2);
    assert_int_equal(span_of("\"status\":{}")->status_code, 0);
    ly_otlp_batch batch =
        decode("{\"resource_spans\":[{\"scope_spans\":[{\"spans\":[{\"trace_id\":"
               "\"0102030405060708090a0b0c0d0e0f10\",\"span_id\":\"0102030405060708\","
               "\"parent_span_id\":\"0102030405060709\",\"start_time_unix_nano\":\"5\","
               "\"attributes\":[{\"key\":\"a\",\"value\":{\"string_value\":\"b\"}}]}]}]}]}");
    assert_int_equal(batch.n_spans, 1);
    assert_int_equal(batch.n_rejected, 0);
    assert_int_equal(batch.spans[0].start_ns, 5);
    assert_str(batch.spans[0].attrs.items[0].value.str, "b");
}

static void unknown_and_null_members(void **state)
{
    (void)state;
    const ly_span *span = span_of("\"unknown\":{\"deep\":[1,{\"x\":null}]},\"attributes\":null,"
                                  "\"events\":null,\"status\":null,\"name\":\"n\",\"kind\":null");
    assert_int_equal(span->reject, LY_REJECT_NONE);
    assert_str(span->name, "n");
    ly_otlp_batch batch =
        decode("{\"resourceSpans\":[{\"resource\":null,\"x\":1,\"scopeSpans\":null}],"
               "\"y\":[]}");
    assert_int_equal(batch.n_spans, 0);
    assert_int_equal(decode("{}").n_spans, 0);
    assert_int_equal(decode("{\"resourceSpans\":null}").n_spans, 0);
    /* an escaped member name is the same name */
    assert_str(span_of("\"n\\u0061me\":\"x\"")->name, "x");
}

static void one_bad_span_among_good(void **state)
{
    (void)state;
    ly_otlp_batch batch = decode(
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":["
        "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060701\"},"
        "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060702\","
        "\"attributes\":{\"not\":[\"a list\"]},\"name\":[[{}]]},"
        "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060703\"}]}]}]}");
    assert_int_equal(batch.n_spans, 3);
    assert_int_equal(batch.n_rejected, 1);
    assert_int_equal(batch.spans[1].reject, LY_REJECT_MALFORMED);
    assert_int_equal(batch.spans[1].span_id.b[7], 2);
    assert_int_equal(batch.spans[2].reject, LY_REJECT_NONE);
    /* a bad resource costs its own spans */
    batch =
        decode("{\"resourceSpans\":[{\"resource\":{\"attributes\":5},\"scopeSpans\":[{\"spans\":["
               "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":"
               "\"0102030405060701\"}]}]},{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
               "\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060702\"}]}]}]}");
    assert_int_equal(batch.n_rejected, 1);
    assert_int_equal(batch.spans[0].reject, LY_REJECT_MALFORMED);
    assert_int_equal(batch.spans[1].reject, LY_REJECT_NONE);
}

static void refuse(const char *text, ly_status want, const char *why)
{
    ly_otlp_batch batch;
    ly_err err = LY_ERR_INIT;
    ly_status got =
        ly_otlp_decode_json(ly_str_c(text), LY_SIGNAL_TRACES, &arena, NULL, &batch, &err);
    if (got != want || !strstr(err.text, why)) {
        fail_msg("%.60s: %d \"%s\", want \"%s\"", text, got, err.text, why);
    }
}

static void refused_requests(void **state)
{
    (void)state;
    refuse("", LY_E_FORMAT, "OTLP/JSON: line 1, column 1");
    refuse("   ", LY_E_FORMAT, "ends too early");
    refuse("[]", LY_E_FORMAT, "an object is missing");
    refuse("{\"resourceSpans\":{}}", LY_E_FORMAT, "wrong type");
    refuse("{\"resourceSpans\":[1]}", LY_E_FORMAT, "wrong type");
    refuse("{\"resourceSpans\":[{\"scopeSpans\":\"x\"}]}", LY_E_FORMAT, "wrong type");
    refuse("{\"resourceSpans\":[]}x", LY_E_FORMAT, "text after the end");
    refuse("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"x}]}]}]}", LY_E_FORMAT,
           "not closed");
    refuse("{\"x\":[1,}", LY_E_FORMAT, "line 1, column 9");
}

static char *nested(const char *open, const char *inner, const char *close, size_t n)
{
    ly_buf_reset(&out);
    ly_buf_c(&out, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
                   "\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\","
                   "\"attributes\":[{\"key\":\"k\",\"value\":");
    for (size_t i = 0; i < n; i++) {
        ly_buf_c(&out, open);
    }
    ly_buf_c(&out, inner);
    for (size_t i = 0; i < n; i++) {
        ly_buf_c(&out, close);
    }
    ly_buf_c(&out, "}]},{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":"
                   "\"0102030405060709\"}]}]}]}");
    return ly_buf_take(&out, NULL);
}

static void depth(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
    } kinds[] = {{"{\"arrayValue\":{\"values\":[", "]}}"},
                 {"{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":", "}]}}"}};
    for (size_t i = 0; i < LY_COUNT(kinds); i++) {
        static const size_t counts[] = {99, 100, 1000};
        for (size_t j = 0; j < LY_COUNT(counts); j++) {
            char *text = nested(kinds[i].open, "{\"intValue\":1}", kinds[i].close, counts[j]);
            ly_otlp_batch batch = decode(text);
            assert_int_equal(batch.n_spans, 2);
            assert_int_equal(batch.spans[0].reject, j == 0 ? LY_REJECT_NONE : LY_REJECT_DEPTH);
            assert_int_equal(batch.spans[1].reject, LY_REJECT_NONE);
            free(text);
        }
    }
    char *text = nested("[", "1", "]", 5000);
    refuse(text, LY_E_FORMAT, "nested too deep");
    free(text);
}

/* Writes one span as JSON, reads it again and compares; returns the text. */
static const char *round_trip(ly_str wire, bool needs_wire)
{
    ly_resource resource = {.wire = LY_S(""), .schema_url = LY_S("")};
    ly_scope scope = {.wire = LY_S(""), .schema_url = LY_S("")};
    ly_span span = {.wire = wire, .resource = &resource, .scope = &scope};
    const ly_span *spans[1] = {&span};
    ly_err err = LY_ERR_INIT;
    ly_buf_reset(&out);
    if (ly_otlp_json_traces(spans, 1, &out, &err) != LY_OK) {
        fail_msg("%s", err.text);
    }
    ly_otlp_batch batch = decode(ly_buf_text(&out));
    assert_int_equal(batch.n_spans, 1);
    assert_int_equal(batch.spans[0].reject, LY_REJECT_NONE);
    assert_true(ly_str_eq(batch.spans[0].wire, wire));
    assert_int_equal(strstr(ly_buf_text(&out), "lyditeWire") != NULL, needs_wire);
    return ly_buf_text(&out);
}

static void lossless(void **state)
{
    (void)state;
    ly_buf wire;
    ly_buf_init(&wire, LY_MIB(1));
#define START()                                          \
    ly_buf_reset(&wire);                                 \
    ly_pb_put_bytes(&wire, 1, LY_S("0123456789abcdef")); \
    ly_pb_put_bytes(&wire, 2, LY_S("01234567"))
    START();
    round_trip(ly_buf_view(&wire), false);
    ly_pb_put_bytes(&wire, 5, LY_S("na\xffme"));
    assert_non_null(strstr(round_trip(ly_buf_view(&wire), true), "\"name\":\"na\xef\xbf\xbdme\""));
    START();
    ly_pb_put_uint(&wire, 100, 7); /* a field this build does not know */
    round_trip(ly_buf_view(&wire), true);
    START();
    ly_pb_put_uint(&wire, 6, 0); /* defaults written out */
    ly_pb_put_bytes(&wire, 3, LY_STR_NONE);
    ly_pb_put_fixed64(&wire, 7, 0);
    ly_pb_put_bytes(&wire, 4, LY_STR_NONE);
    round_trip(ly_buf_view(&wire), false);
    START();
    ly_pb_put_bytes(&wire, 5, LY_S("a"));
    ly_pb_put_bytes(&wire, 5, LY_S("b")); /* a singular field twice */
    assert_non_null(strstr(round_trip(ly_buf_view(&wire), true), "\"name\":\"b\""));
    START();
    ly_otlp_put_attr_str(&wire, 9, LY_S("z\0y"), LY_S("\x01\x02\"\\\xf0\x9f\x98\xb9"));
    ly_otlp_put_attr_str(&wire, 9, LY_S("dup"), LY_S("1"));
    ly_otlp_put_attr_str(&wire, 9, LY_S("dup"), LY_S("2"));
    ly_otlp_put_attr_i64(&wire, 9, LY_S("i"), INT64_MIN);
    ly_otlp_put_attr_i64(&wire, 9, LY_S("zero"), 0);
    ly_otlp_put_attr_f64(&wire, 9, LY_S("d"), 0.1);
    ly_otlp_put_attr_f64(&wire, 9, LY_S("nan"), NAN);
    ly_otlp_put_attr_f64(&wire, 9, LY_S("inf"), -INFINITY);
    ly_otlp_put_attr_f64(&wire, 9, LY_S("-0"), -0.0);
    ly_otlp_put_attr_bool(&wire, 9, LY_S("b"), false);
    ly_kv empty = {LY_S("empty"), {.kind = LY_ANY_EMPTY}};
    ly_otlp_put_kv(&wire, 9, &empty);
    ly_kv bytes = {LY_S("bytes"), {.kind = LY_ANY_BYTES, .str = LY_S("\x00\xff")}};
    ly_otlp_put_kv(&wire, 9, &bytes);
    round_trip(ly_buf_view(&wire), false);
    START();
    /* members in an unusual order come back in that order */
    ly_pb_put_fixed64(&wire, 8, 9);
    ly_pb_put_fixed64(&wire, 7, 8);
    ly_pb_put_bytes(&wire, 15, LY_STR_NONE);
    ly_pb_put_bytes(&wire, 5, LY_S("n"));
    round_trip(ly_buf_view(&wire), false);
    ly_buf_release(&wire);
}

static void own_bytes_must_be_valid(void **state)
{
    (void)state;
    assert_int_equal(reject_of("\"lyditeWire\":\"?\""), LY_REJECT_MALFORMED);
    assert_int_equal(reject_of("\"lyditeWire\":7"), LY_REJECT_MALFORMED);
    assert_int_equal(reject_of("\"lyditeWire\":\"\""), LY_REJECT_TRACE_ID);
    assert_int_equal(reject_of("\"lyditeWire\":\"////\""), LY_REJECT_MALFORMED);
}

static void metrics_are_counted(void **state)
{
    (void)state;
    ly_otlp_batch batch;
    ly_str text =
        LY_S("{\"resourceMetrics\":[{\"resource\":{},\"scopeMetrics\":[{\"scope\":{},"
             "\"metrics\":[{\"name\":\"a\",\"sum\":{\"dataPoints\":[{\"asInt\":\"1\"},{}]}},"
             "{\"name\":\"b\",\"histogram\":{\"dataPoints\":[{}]}},{\"name\":\"c\"}]}]}]}");
    assert_int_equal(ly_otlp_decode_json(text, LY_SIGNAL_METRICS, &arena, NULL, &batch, NULL),
                     LY_OK);
    assert_int_equal(batch.n_points, 3);
}

static void memory_limits(void **state)
{
    (void)state;
    ly_arena own;
    ly_otlp_batch batch = {.n_spans = 99};
    ly_err err = LY_ERR_INIT;
    static const size_t limits[] = {100, 1200};
    for (size_t i = 0; i < LY_COUNT(limits); i++) {
        ly_arena_init(&own, 64, limits[i]);
        assert_int_equal(
            ly_otlp_decode_json(LY_S(V1_JSON), LY_SIGNAL_TRACES, &own, NULL, &batch, &err),
            LY_E_LIMIT);
        assert_true(strstr(err.text, "needs more than") != NULL);
        assert_int_equal(batch.n_spans, 99);
        ly_arena_release(&own);
    }
    const ly_span *span = span_of("\"name\":\"n\"");
    bool done = false;
    for (uint64_t n = 1; !done && n < 50; n++) {
        ly_buf small;
        ly_buf_init(&small, LY_MIB(1));
        ly_mem_fail_at(n, true);
        ly_status status = ly_otlp_json_traces(&span, 1, &small, &err);
        ly_mem_fail_at(0, false);
        assert_true(status == LY_OK || status == LY_E_NOMEM);
        done = status == LY_OK;
        ly_buf_release(&small);
    }
    assert_true(done);
    ly_buf small;
    ly_buf_init(&small, 60);
    assert_int_equal(ly_otlp_json_traces(&span, 1, &small, &err), LY_E_LIMIT);
    ly_buf_release(&small);
}

static void any_as_json(void **state)
{
    (void)state;
    const ly_any *value =
        any_of("{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":{"
               "\"arrayValue\":{\"values\":[{\"intValue\":1},{\"doubleValue\":0.5},"
               "{\"boolValue\":true},{},{\"stringValue\":\"x\\\"\"}]}}},"
               "{\"key\":\"b\",\"value\":{\"bytesValue\":\"AA==\"}}]}}");
    ly_buf_reset(&out);
    ly_otlp_json_any(&out, value);
    assert_string_equal(ly_buf_text(&out), "{\"a\":[1,0.5,true,null,\"x\\\"\"],\"b\":\"AA==\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_1),
        cmocka_unit_test(vector_1_written),
        cmocka_unit_test(logs_both_ways),
        cmocka_unit_test(numbers),
        cmocka_unit_test(values),
        cmocka_unit_test(strings),
        cmocka_unit_test(ids),
        cmocka_unit_test(lenient),
        cmocka_unit_test(unknown_and_null_members),
        cmocka_unit_test(one_bad_span_among_good),
        cmocka_unit_test(refused_requests),
        cmocka_unit_test(depth),
        cmocka_unit_test(lossless),
        cmocka_unit_test(own_bytes_must_be_valid),
        cmocka_unit_test(metrics_are_counted),
        cmocka_unit_test(any_as_json),
        cmocka_unit_test(memory_limits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
