/* The protobuf decoder: the vectors, each field, each refusal, merging, limits, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "otlp/decode.h"
#include "otlp/encode.h"
#include "otlp/pb.h"
#include "otlp/vectors.h"

static ly_arena arena;
static ly_buf request;

static int setup(void **state)
{
    (void)state;
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&request, LY_MAX_REQUEST_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ly_arena_release(&arena);
    ly_buf_release(&request);
    return 0;
}

static void assert_str(ly_str got, const char *want)
{
    if (!ly_str_eqc(got, want)) {
        fail_msg("got \"%.*s\", want \"%s\"", LY_STR_ARG(got), want);
    }
}

static ly_otlp_batch decode(ly_str bytes, ly_signal signal)
{
    ly_otlp_batch batch;
    ly_err err = LY_ERR_INIT;
    ly_status status = ly_otlp_decode(bytes, signal, &arena, NULL, &batch, &err);
    if (status != LY_OK) {
        fail_msg("%s", err.text);
    }
    return batch;
}

static void vector_1(void **state)
{
    (void)state;
    char bytes[400];
    ly_str v1 = unhex(V1_HEX, bytes);
    assert_int_equal(v1.len, 284);
    ly_otlp_batch batch = decode(v1, LY_SIGNAL_TRACES);
    assert_int_equal(batch.n_spans, 1);
    assert_int_equal(batch.n_rejected, 0);
    const ly_span *span = &batch.spans[0];
    assert_str(span->resource->attrs.items[0].key, "service.name");
    assert_str(span->resource->attrs.items[0].value.str, "demo");
    assert_str(span->scope->name, "t");
    assert_str(span->scope->version, "1");
    assert_str(span->name, "chat m");
    assert_int_equal(span->kind, LY_KIND_CLIENT);
    assert_int_equal(span->start_ns, 1544712660000000000);
    assert_int_equal(span->end_ns, 1544712661000000000);
    assert_int_equal(span->trace_id.b[0], 0x5B);
    assert_int_equal(span->span_id.b[7], 0x74);
    assert_int_equal(span->parent_id.b[7], 0x73);
    assert_int_equal(span->attrs.n, 5);
    assert_str(ly_attrs_get(&span->attrs, LY_S("gen_ai.operation.name"))->str, "chat");
    assert_int_equal(ly_attrs_get(&span->attrs, LY_S("gen_ai.usage.input_tokens"))->integer, 100);
    assert_true(ly_attrs_get(&span->attrs, LY_S("gen_ai.request.temperature"))->real == 0.5);
    assert_int_equal(ly_attrs_get(&span->attrs, LY_S("b"))->kind, LY_ANY_BOOL);
    assert_false(ly_attrs_get(&span->attrs, LY_S("b"))->boolean);
    const ly_any *reasons = ly_attrs_get(&span->attrs, LY_S("gen_ai.response.finish_reasons"));
    assert_int_equal(reasons->array.n, 1);
    assert_str(reasons->array.items[0].str, "stop");
    assert_int_equal(span->status_code, LY_CODE_ERROR);
    assert_str(span->status_message, "e");
    assert_int_equal(span->flags, 0x101);
    assert_true(span->has_flags);
}

static void vector_1_written_again(void **state)
{
    (void)state;
    char bytes[400];
    ly_str v1 = unhex(V1_HEX, bytes);
    ly_otlp_batch batch = decode(v1, LY_SIGNAL_TRACES);
    const ly_span *spans[1] = {&batch.spans[0]};
    ly_buf out;
    ly_buf_init(&out, LY_MAX_REQUEST_BYTES);
    assert_int_equal(ly_otlp_encode_traces(spans, 1, &out, NULL), LY_OK);
    assert_true(ly_str_eq(ly_buf_view(&out), v1));
    ly_buf_reset(&out);
    ly_otlp_put_span(&out, spans[0]);
    assert_true(ly_str_eq(ly_buf_view(&out), spans[0]->wire));
    ly_buf_release(&out);
}

static void vector_4(void **state)
{
    (void)state;
    char bytes[200];
    ly_str v4 = unhex(V4_HEX, bytes);
    assert_int_equal(v4.len, 115);
    ly_otlp_batch batch = decode(v4, LY_SIGNAL_LOGS);
    assert_int_equal(batch.n_logs, 1);
    assert_int_equal(batch.n_rejected, 0);
    const ly_log_record *log = &batch.logs[0];
    assert_str(log->event_name, "gen_ai.evaluation.result");
    assert_int_equal(log->severity, 9);
    assert_int_equal(log->time_ns, 1544712661000000000);
    assert_true(log->has_trace_id && log->has_span_id);
    assert_true(ly_attrs_get(&log->attrs, LY_S("gen_ai.evaluation.score.value"))->real == 1.0);
    ly_buf out;
    ly_buf_init(&out, 1000);
    const ly_log_record *logs[1] = {log};
    assert_int_equal(ly_otlp_encode_logs(logs, 1, &out, NULL), LY_OK);
    assert_true(ly_str_eq(ly_buf_view(&out), v4));
    ly_buf_release(&out);
}

static void empty_request(void **state)
{
    (void)state;
    assert_int_equal(decode(LY_STR_NONE, LY_SIGNAL_TRACES).n_spans, 0);
    assert_int_equal(decode(LY_STR_NONE, LY_SIGNAL_LOGS).n_logs, 0);
    assert_int_equal(decode(LY_STR_NONE, LY_SIGNAL_METRICS).n_points, 0);
}

/* ---- requests made piece by piece ---- */

/* Opens a request down to one span whose ids are valid; marks[] are for close(). */
static void open_span(size_t marks[3], bool ids)
{
    ly_buf_reset(&request);
    marks[0] = ly_pb_open(&request, 1);
    marks[1] = ly_pb_open(&request, 2);
    marks[2] = ly_pb_open(&request, 2);
    if (ids) {
        ly_pb_put_bytes(&request, 1, LY_S("0123456789abcdef"));
        ly_pb_put_bytes(&request, 2, LY_S("01234567"));
    }
}

static ly_str close_span(const size_t marks[3])
{
    ly_pb_close(&request, marks[2]);
    /* a good neighbour, which nothing may cost */
    size_t mark = ly_pb_open(&request, 2);
    ly_pb_put_bytes(&request, 1, LY_S("0123456789abcdef"));
    ly_pb_put_bytes(&request, 2, LY_S("neighbor"));
    ly_pb_close(&request, mark);
    ly_pb_close(&request, marks[1]);
    ly_pb_close(&request, marks[0]);
    return ly_buf_view(&request);
}

/* Decodes a span made of valid ids and these bytes; the neighbour must come through. */
static const ly_span *span_with(ly_str bytes, bool ids)
{
    size_t marks[3];
    open_span(marks, ids);
    ly_buf_str(&request, bytes);
    ly_otlp_batch batch = decode(close_span(marks), LY_SIGNAL_TRACES);
    assert_int_equal(batch.n_spans, 2);
    assert_int_equal(batch.spans[1].reject, LY_REJECT_NONE);
    assert_int_equal(batch.n_rejected, batch.spans[0].reject != LY_REJECT_NONE);
    assert_int_equal(batch.first_reject, batch.spans[0].reject);
    return &batch.spans[0];
}

static ly_reject reject_of(ly_str bytes)
{
    return span_with(bytes, true)->reject;
}

static void ids(void **state)
{
    (void)state;
    assert_int_equal(reject_of(LY_STR_NONE), LY_REJECT_NONE);
    assert_int_equal(span_with(LY_STR_NONE, false)->reject, LY_REJECT_TRACE_ID);
    assert_int_equal(reject_of(LY_S("\x0a\x0f"
                                    "0123456789abcde")),
                     LY_REJECT_TRACE_ID);
    assert_int_equal(reject_of(LY_S("\x0a\x11"
                                    "0123456789abcdefg")),
                     LY_REJECT_TRACE_ID);
    assert_int_equal(reject_of(LY_S("\x0a\x00")), LY_REJECT_TRACE_ID);
    assert_int_equal(reject_of(LY_S("\x0a\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")),
                     LY_REJECT_TRACE_ID);
    assert_int_equal(reject_of(LY_S("\x12\x08\0\0\0\0\0\0\0\0")), LY_REJECT_SPAN_ID);
    assert_int_equal(reject_of(LY_S("\x12\x07"
                                    "0123456")),
                     LY_REJECT_SPAN_ID);
    assert_int_equal(reject_of(LY_S("\x22\x07"
                                    "0123456")),
                     LY_REJECT_PARENT_ID);
    assert_int_equal(reject_of(LY_S("\x22\x00")), LY_REJECT_NONE);
    /* all-zero parent: a root */
    const ly_span *span = span_with(LY_S("\x22\x08\0\0\0\0\0\0\0\0"), true);
    assert_int_equal(span->reject, LY_REJECT_NONE);
    assert_true(ly_span_id_zero(span->parent_id));
}

static void times(void **state)
{
    (void)state;
    /* end before start, start 0: as sent */
    const ly_span *span = span_with(LY_S("\x39\x05\0\0\0\0\0\0\0\x41\x04\0\0\0\0\0\0\0"), true);
    assert_int_equal(span->reject, LY_REJECT_NONE);
    assert_int_equal(span->start_ns, 5);
    assert_int_equal(span->end_ns, 4);
    assert_int_equal(reject_of(LY_S("\x41\x04\0\0\0\0\0\0\0")), LY_REJECT_NONE);
    assert_int_equal(reject_of(LY_S("\x39\xff\xff\xff\xff\xff\xff\xff\x7f")), LY_REJECT_NONE);
    assert_int_equal(reject_of(LY_S("\x39\0\0\0\0\0\0\0\x80")), LY_REJECT_TIME);
    assert_int_equal(reject_of(LY_S("\x41\0\0\0\0\0\0\0\x80")), LY_REJECT_TIME);
}

static void malformed_items(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
#define B(s) {s, sizeof(s) - 1}
        B("\x2a\x05"
          "abc"),                                              /* length past the end */
        B("\x2a"),                                             /* no length */
        B("\x2a\x80"),                                         /* half a length */
        B("\x39\0\0\0"),                                       /* half a fixed64 */
        B("\x85\x01\0\0"),                                     /* half a fixed32 */
        B("\x2b\x2c"),                                         /* a group, even an empty one */
        B("\x2c"),                                             /* the end of a group */
        B("\x2e\x00"),                                         /* wire type 6 */
        B("\x2f\x00"),                                         /* wire type 7 */
        B("\x00\x00"),                                         /* field number 0 */
        B("\x02\x00"),                                         /* field number 0 */
        B("\x30"),                                             /* no varint */
        B("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* 11 bytes */
        B("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),     /* 65 bits */
        B("\x80\x80\x80\x80\x10\x00"),                         /* a tag past 32 bits */
        B("\x2a\xff\xff\xff\xff\x0f"
          "a"), /* a length of 4 GiB */
        B("\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
          "a"),                                /* a length of 2^64-1 */
        B("\x4a\x02\x0a\x05"),                 /* inside an attribute */
        B("\x4a\x04\x12\x02\x0a\x05"),         /* inside a value */
        B("\x4a\x06\x12\x04\x2a\x02\x0a\x05"), /* inside an array */
        B("\x5a\x01\x09"),                     /* inside an event */
        B("\x5a\x04\x1a\x02\x0a\x05"),         /* inside an event's attribute */
        B("\x6a\x01\x35"),                     /* inside a link */
        B("\x7a\x01\x18"),                     /* inside the status */
#undef B
    };
    for (size_t i = 0; i < LY_COUNT(bad); i++) {
        if (reject_of(ly_str_n(bad[i].bytes, bad[i].n)) != LY_REJECT_MALFORMED) {
            fail_msg("number %zu was not refused", i);
        }
    }
    /* what was read before the fault names the span in the quarantine */
    const ly_span *span = span_with(LY_S("\x2a\x01n\x2c"), true);
    assert_memory_equal(span->span_id.b, "01234567", 8);
    assert_str(span->name, "n");
}

static void malformed_frames(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
#define B(s) {s, sizeof(s) - 1}
        B("\x0a"),
        B("\x0a\x05"
          "abc"),
        B("\x0a\x02\x12\x05"),
        B("\x0a\x04\x12\x02\x12\x05"),
        B("\x0b\x0c"),
        B("\x00"),
        B("\xff"),
        B("<html>"),
        B("{\"resourceSpans\":[]}"),
#undef B
    };
    for (size_t i = 0; i < LY_COUNT(bad); i++) {
        ly_otlp_batch batch = {.n_spans = 99};
        ly_err err = LY_ERR_INIT;
        for (int signal = LY_SIGNAL_TRACES; signal <= LY_SIGNAL_LOGS; signal++) {
            assert_int_equal(ly_otlp_decode(ly_str_n(bad[i].bytes, bad[i].n), (ly_signal)signal,
                                            &arena, NULL, &batch, &err),
                             LY_E_FORMAT);
            assert_int_equal(batch.n_spans, 99);
            assert_string_equal(err.text, "OTLP request is not a valid protobuf message");
        }
    }
    ly_otlp_batch batch;
    assert_int_equal(
        ly_otlp_decode(LY_S("\x0a\x05"), LY_SIGNAL_METRICS, &arena, NULL, &batch, NULL),
        LY_E_FORMAT);
}

static void every_cut_is_refused_or_rejected(void **state)
{
    (void)state;
    char bytes[400];
    ly_str v1 = unhex(V1_HEX, bytes);
    for (size_t n = 1; n < v1.len; n++) {
        ly_otlp_batch batch;
        assert_int_equal(
            ly_otlp_decode(ly_str_n(v1.ptr, n), LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL),
            LY_E_FORMAT);
    }
}

static void unknown_fields_are_skipped(void **state)
{
    (void)state;
    /* field 100 of each wire type, then a known field with other wire types, then a name */
    ly_str bytes = LY_S("\xa0\x06\x07"
                        "\xa1\x06"
                        "01234567"
                        "\xa2\x06\x02xy"
                        "\xa5\x06"
                        "0123"
                        "\x28\x05"
                        "\x2d"
                        "0123"
                        "\x32\x01k"
                        "\x3a\x01t"
                        "\x2a\x01n");
    const ly_span *span = span_with(bytes, true);
    assert_int_equal(span->reject, LY_REJECT_NONE);
    assert_str(span->name, "n");
    assert_int_equal(span->kind, 0);
    assert_int_equal(span->start_ns, 0);
    assert_true(ly_str_ends(span->wire, bytes));
}

static void merging(void **state)
{
    (void)state;
    /* the status sent twice: code from one, message from the other */
    const ly_span *span = span_with(LY_S("\x7a\x02\x18\x02\x7a\x03\x12\x01m"), true);
    assert_int_equal(span->status_code, 2);
    assert_str(span->status_message, "m");
    /* singular fields twice: the last */
    span = span_with(LY_S("\x2a\x01"
                          "a\x30\x01\x2a\x01"
                          "b\x30\x03"),
                     true);
    assert_str(span->name, "b");
    assert_int_equal(span->kind, 3);
    /* the value of one attribute in two pieces: an array of two */
    span = span_with(LY_S("\x4a\x11\x0a\x01k\x12\x05\x2a\x03\x0a\x01\x00"
                          "\x12\x05\x2a\x03\x0a\x01\x00"),
                     true);
    assert_int_equal(span->reject, LY_REJECT_MALFORMED); /* 00 inside is no value */
    span = span_with(LY_S("\x4a\x13\x0a\x01k\x12\x06\x2a\x04\x0a\x02\x18\x01"
                          "\x12\x06\x2a\x04\x0a\x02\x18\x02"),
                     true);
    assert_int_equal(span->reject, LY_REJECT_NONE);
    assert_int_equal(span->attrs.items[0].value.array.n, 2);
    assert_int_equal(span->attrs.items[0].value.array.items[1].integer, 2);
    /* oneof: the last member; an array before another member is forgotten, one after it is not */
    span = span_with(LY_S("\x4a\x0d\x12\x0b\x2a\x04\x0a\x02\x18\x01\x18\x05\x0a\x01s"), true);
    assert_int_equal(span->attrs.items[0].value.kind, LY_ANY_STRING);
    span = span_with(
        LY_S("\x4a\x10\x12\x0e\x2a\x04\x0a\x02\x18\x01\x18\x05\x2a\x04\x0a\x02\x18\x02"), true);
    assert_int_equal(span->attrs.items[0].value.array.n, 1);
    assert_int_equal(span->attrs.items[0].value.array.items[0].integer, 2);
}

static void pieces_must_be_whole(void **state)
{
    (void)state;
    /* the value in two pieces that only together are a message */
    assert_int_equal(reject_of(LY_S("\x4a\x08\x12\x02\x0a\x02\x12\x02xy")), LY_REJECT_MALFORMED);
    /* a malformed array that a string pushed out of the oneof */
    assert_int_equal(reject_of(LY_S("\x4a\x09\x12\x07\x2a\x02\x0a\x05\x0a\x01s")),
                     LY_REJECT_MALFORMED);
    assert_int_equal(reject_of(LY_S("\x4a\x09\x12\x07\x2a\x02\x0a\x00\x0a\x01s")), LY_REJECT_NONE);
}

static void resource_in_pieces(void **state)
{
    (void)state;
    ly_buf_reset(&request);
    size_t mark = ly_pb_open(&request, 1);
    /* scope_spans before the resource, which comes twice */
    ly_buf_str(&request, LY_S("\x12\x1e\x12\x1c\x0a\x10"
                              "0123456789abcdef"
                              "\x12\x08"
                              "01234567"));
    ly_buf_str(&request, LY_S("\x0a\x07\x0a\x05\x0a\x01"
                              "a\x12\x00"));
    ly_buf_str(&request, LY_S("\x1a\x01s"));
    ly_buf_str(&request, LY_S("\x0a\x09\x0a\x05\x0a\x01"
                              "b\x12\x00\x10\x04"));
    ly_pb_close(&request, mark);
    ly_otlp_batch batch = decode(ly_buf_view(&request), LY_SIGNAL_TRACES);
    assert_int_equal(batch.n_spans, 1);
    const ly_resource *resource = batch.spans[0].resource;
    assert_int_equal(resource->attrs.n, 2);
    assert_str(resource->attrs.items[1].key, "b");
    assert_int_equal(resource->attrs.dropped, 4);
    assert_str(resource->schema_url, "s");
    assert_int_equal(resource->wire.len, 16);
    assert_int_equal(batch.spans[0].scope->wire.len, 0);
    assert_str(batch.spans[0].scope->name, "");
}

static void bad_resource_and_scope(void **state)
{
    (void)state;
    /* two ResourceSpans; the first one's resource is a group; the second one's scope is */
    ly_str span = LY_S("\x12\x1c\x0a\x10"
                       "0123456789abcdef"
                       "\x12\x08"
                       "01234567");
    ly_buf_reset(&request);
    size_t outer = ly_pb_open(&request, 1);
    ly_pb_put_bytes(&request, 1, LY_S("\x0b"));
    ly_pb_put_bytes(&request, 2, span);
    ly_pb_close(&request, outer);
    outer = ly_pb_open(&request, 1);
    size_t scope = ly_pb_open(&request, 2);
    ly_pb_put_bytes(&request, 1, LY_S("\x0b"));
    ly_buf_str(&request, span);
    ly_pb_close(&request, scope);
    ly_pb_put_bytes(&request, 2, span);
    ly_pb_close(&request, outer);
    ly_otlp_batch batch = decode(ly_buf_view(&request), LY_SIGNAL_TRACES);
    assert_int_equal(batch.n_spans, 3);
    assert_int_equal(batch.n_rejected, 2);
    assert_int_equal(batch.spans[0].reject, LY_REJECT_MALFORMED);
    assert_int_equal(batch.spans[1].reject, LY_REJECT_MALFORMED);
    assert_int_equal(batch.spans[2].reject, LY_REJECT_NONE);
    assert_non_null(batch.spans[0].resource);
}

/* A value nested n levels deep: n-1 containers around an integer. */
static ly_any nest(ly_any_kind kind, ly_any *room, ly_kv *keys, size_t n)
{
    ly_any value = {.kind = LY_ANY_INT, .integer = 7};
    for (size_t i = 0; i + 1 < n; i++) {
        room[i] = value;
        keys[i] = (ly_kv){LY_S("k"), value};
        value = (ly_any){.kind = kind};
        if (kind == LY_ANY_ARRAY) {
            value.array.items = &room[i];
            value.array.n = 1;
        } else {
            value.kvlist.items = &keys[i];
            value.kvlist.n = 1;
        }
    }
    return value;
}

static void depth(void **state)
{
    (void)state;
    static ly_any room[600];
    static ly_kv keys[600];
    static const size_t levels[] = {LY_MAX_ANY_DEPTH, LY_MAX_ANY_DEPTH + 1, 500};
    for (int kind = LY_ANY_ARRAY; kind <= LY_ANY_KVLIST; kind++) {
        for (size_t i = 0; i < LY_COUNT(levels); i++) {
            size_t marks[3];
            ly_kv kv = {LY_S("deep"), nest((ly_any_kind)kind, room, keys, levels[i])};
            open_span(marks, true);
            ly_otlp_put_kv(&request, LY_OTLP_SPAN_ATTR, &kv);
            ly_otlp_batch batch = decode(close_span(marks), LY_SIGNAL_TRACES);
            assert_int_equal(batch.spans[0].reject, i == 0 ? LY_REJECT_NONE : LY_REJECT_DEPTH);
            assert_int_equal(batch.spans[1].reject, LY_REJECT_NONE);
        }
    }
    /* a smaller limit of the caller's */
    ly_otlp_limits limits = {.max_depth = 2};
    size_t marks[3];
    ly_kv kv = {LY_S("deep"), nest(LY_ANY_ARRAY, room, keys, 3)};
    ly_otlp_batch batch;
    open_span(marks, true);
    ly_otlp_put_kv(&request, LY_OTLP_SPAN_ATTR, &kv);
    assert_int_equal(
        ly_otlp_decode(close_span(marks), LY_SIGNAL_TRACES, &arena, &limits, &batch, NULL), LY_OK);
    assert_int_equal(batch.spans[0].reject, LY_REJECT_DEPTH);
}

static void counts(void **state)
{
    (void)state;
    static const uint32_t lists[] = {9, 11, 13};
    ly_otlp_limits limits = {.max_attrs = 3, .max_items = 2};
    ly_otlp_batch batch;
    ly_err err = LY_ERR_INIT;
    for (size_t i = 0; i < LY_COUNT(lists); i++) {
        for (size_t n = 3; n <= 4; n++) {
            size_t marks[3];
            open_span(marks, true);
            for (size_t k = 0; k < n; k++) {
                ly_pb_put_bytes(&request, lists[i], LY_STR_NONE);
            }
            assert_int_equal(
                ly_otlp_decode(close_span(marks), LY_SIGNAL_TRACES, &arena, &limits, &batch, NULL),
                LY_OK);
            assert_int_equal(batch.spans[0].reject, n == 3 ? LY_REJECT_NONE : LY_REJECT_COUNT);
        }
    }
    limits.max_items = 1;
    assert_int_equal(
        ly_otlp_decode(ly_buf_view(&request), LY_SIGNAL_TRACES, &arena, &limits, &batch, &err),
        LY_E_LIMIT);
    assert_string_equal(err.text, "OTLP request holds 2 spans, at most 1 are taken: send less");
}

static void utf8_is_flagged(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        bool bad;
    } cases[] = {
#define C(s, bad) {s, sizeof(s) - 1, bad}
        C("\x2a\x02\xc3\xa9", false),
        C("\x2a\x01\xff", true),
        C("\x1a\x01\xff", true),
        C("\x4a\x03\x0a\x01\xff", true),
        C("\x4a\x05\x12\x03\x0a\x01\xff", true),
        C("\x4a\x05\x12\x03\x3a\x01\xff", false), /* bytes_value */
        C("\x7a\x03\x12\x01\xff", true),
        C("\x5a\x03\x12\x01\xff", true),
        C("\x6a\x03\x1a\x01\xff", true),
#undef C
    };
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        const ly_span *span = span_with(ly_str_n(cases[i].bytes, cases[i].n), true);
        assert_int_equal(span->reject, LY_REJECT_NONE);
        assert_int_equal(span->invalid_utf8, cases[i].bad);
    }
}

static void duplicate_attributes(void **state)
{
    (void)state;
    size_t marks[3];
    open_span(marks, true);
    ly_otlp_put_attr_i64(&request, 9, LY_S("k"), 1);
    ly_otlp_put_attr_i64(&request, 9, LY_S("k"), 2);
    ly_otlp_batch batch = decode(close_span(marks), LY_SIGNAL_TRACES);
    assert_int_equal(batch.spans[0].attrs.n, 2);
    assert_int_equal(ly_attrs_get(&batch.spans[0].attrs, LY_S("k"))->integer, 2);
    assert_null(ly_attrs_get(&batch.spans[0].attrs, LY_S("x")));
    assert_null(ly_attrs_get(NULL, LY_S("x")));
}

/* ---- logs ---- */

static const ly_log_record *log_with(ly_str bytes)
{
    ly_buf_reset(&request);
    size_t a = ly_pb_open(&request, 1), b = ly_pb_open(&request, 2);
    ly_pb_put_bytes(&request, 2, bytes);
    ly_pb_close(&request, b);
    ly_pb_close(&request, a);
    ly_otlp_batch batch = decode(ly_buf_view(&request), LY_SIGNAL_LOGS);
    assert_int_equal(batch.n_logs, 1);
    return &batch.logs[0];
}

static void logs(void **state)
{
    (void)state;
    const ly_log_record *log = log_with(LY_STR_NONE);
    assert_int_equal(log->reject, LY_REJECT_NONE);
    assert_false(log->has_trace_id || log->has_span_id);
    assert_int_equal(log->body.kind, LY_ANY_EMPTY);
    log = log_with(LY_S("\x4a\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x52\x00"));
    assert_int_equal(log->reject, LY_REJECT_NONE);
    assert_false(log->has_trace_id || log->has_span_id);
    assert_int_equal(log_with(LY_S("\x4a\x01x"))->reject, LY_REJECT_TRACE_ID);
    assert_int_equal(log_with(LY_S("\x52\x01x"))->reject, LY_REJECT_SPAN_ID);
    assert_int_equal(log_with(LY_S("\x09\0\0\0\0\0\0\0\x80"))->reject, LY_REJECT_TIME);
    assert_int_equal(log_with(LY_S("\x2b"))->reject, LY_REJECT_MALFORMED);
    /* the body in two pieces is one */
    log = log_with(LY_S("\x2a\x06\x2a\x04\x0a\x02\x18\x01\x2a\x06\x2a\x04\x0a\x02\x18\x02"));
    assert_int_equal(log->body.array.n, 2);
    /* an older producer's event name */
    log = log_with(LY_S("\x32\x11\x0a\x0a"
                        "event.name"
                        "\x12\x03\x0a\x01z"));
    assert_str(log->event_name, "z");
    log = log_with(LY_S("\x62\x01y\x32\x11\x0a\x0a"
                        "event.name"
                        "\x12\x03\x0a\x01z"));
    assert_str(log->event_name, "y");
}

static void metrics(void **state)
{
    (void)state;
    ly_buf_reset(&request);
    size_t a = ly_pb_open(&request, 1), b = ly_pb_open(&request, 2);
    static const uint32_t kinds[] = {5, 7, 9, 10, 11, 12};
    for (size_t i = 0; i < LY_COUNT(kinds); i++) {
        size_t m = ly_pb_open(&request, 2), k = ly_pb_open(&request, kinds[i]);
        ly_pb_put_bytes(&request, 1,
                        LY_S("\x19"
                             "01234567"));
        ly_pb_put_bytes(&request, 1, LY_STR_NONE);
        ly_pb_close(&request, k);
        ly_pb_close(&request, m);
    }
    ly_pb_close(&request, b);
    ly_pb_close(&request, a);
    ly_otlp_batch batch = decode(ly_buf_view(&request), LY_SIGNAL_METRICS);
    assert_int_equal(batch.n_points, 10); /* 12 is metadata */
    assert_int_equal(batch.n_spans, 0);
}

/* ---- single messages, grouping, memory ---- */

static void single_messages(void **state)
{
    (void)state;
    char bytes[400];
    ly_otlp_batch batch = decode(unhex(V1_HEX, bytes), LY_SIGNAL_TRACES);
    const ly_span *in = &batch.spans[0];
    ly_resource resource;
    ly_scope scope;
    ly_span span = {.n_events = 77};
    assert_int_equal(ly_otlp_decode_resource(in->resource->wire, LY_S("url"), &arena, &resource),
                     LY_OK);
    assert_str(resource.attrs.items[0].key, "service.name");
    assert_str(resource.schema_url, "url");
    assert_int_equal(ly_otlp_decode_scope(in->scope->wire, LY_STR_NONE, &arena, &scope), LY_OK);
    assert_str(scope.version, "1");
    assert_int_equal(ly_otlp_decode_span(in->wire, &resource, &scope, &arena, &span), LY_OK);
    assert_ptr_equal(span.resource, &resource);
    assert_int_equal(span.attrs.n, 5);
    assert_int_equal(ly_otlp_decode_span(LY_S("\x0b"), NULL, NULL, &arena, &span), LY_E_FORMAT);
    assert_int_equal(span.reject, LY_REJECT_MALFORMED);
    assert_int_equal(ly_otlp_decode_resource(LY_S("\x0b"), LY_STR_NONE, &arena, &resource),
                     LY_E_FORMAT);
    assert_int_equal(resource.attrs.n, 0);
    assert_int_equal(ly_otlp_decode_scope(LY_S("\x0b"), LY_STR_NONE, &arena, &scope), LY_E_FORMAT);
    assert_str(scope.name, "");
    ly_log_record log;
    assert_int_equal(ly_otlp_decode_log(LY_S("\x2a\x03\x0a\x01x"), NULL, NULL, &arena, &log),
                     LY_OK);
    assert_str(log.body.str, "x");
}

static void grouping(void **state)
{
    (void)state;
    static const char *const ids[] = {"00000001", "00000002", "00000003", "00000004", "00000005"};
    ly_resource r[3] = {
        {.wire = LY_S("\x10\x01")}, {.wire = LY_S("\x10\x02")}, {.wire = LY_S("\x10\x01")}};
    ly_scope s[2] = {{.wire = LY_S("\x0a\x01"
                                   "a")},
                     {.wire = LY_S("\x0a\x01"
                                   "a"),
                      .schema_url = LY_S("u")}};
    /* resource 0 and 2 are equal by content; the scopes differ by schema */
    static const int which[][2] = {{0, 0}, {1, 0}, {2, 1}, {2, 0}, {1, 0}};
    ly_span spans[5];
    const ly_span *list[5];
    char wires[5][30];
    for (size_t i = 0; i < 5; i++) {
        int n = snprintf(wires[i], sizeof wires[i],
                         "\x0a\x10"
                         "0123456789abcdef\x12\x08%s",
                         ids[i]);
        spans[i] = (ly_span){.wire = ly_str_n(wires[i], (size_t)n)};
        spans[i].resource = &r[which[i][0]];
        spans[i].scope = &s[which[i][1]];
        list[i] = &spans[i];
    }
    ly_buf out;
    ly_buf_init(&out, 10000);
    assert_int_equal(ly_otlp_encode_traces(list, 5, &out, NULL), LY_OK);
    ly_otlp_batch batch = decode(ly_buf_view(&out), LY_SIGNAL_TRACES);
    assert_int_equal(batch.n_spans, 5);
    assert_int_equal(batch.n_rejected, 0);
    static const char want[] = "14325";
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(batch.spans[i].span_id.b[7], want[i]);
    }
    assert_ptr_equal(batch.spans[0].resource, batch.spans[2].resource);
    assert_ptr_equal(batch.spans[0].scope, batch.spans[1].scope);
    assert_str(batch.spans[2].scope->schema_url, "u");
    assert_int_equal(batch.spans[3].resource->attrs.dropped, 2);
    ly_buf_release(&out);
    ly_buf_init(&out, 40);
    ly_err err = LY_ERR_INIT;
    assert_int_equal(ly_otlp_encode_traces(list, 5, &out, &err), LY_E_LIMIT);
    ly_buf_release(&out);
}

static void steady_state_allocates_nothing(void **state)
{
    (void)state;
    char bytes[400];
    ly_str v1 = unhex(V1_HEX, bytes);
    ly_arena own;
    ly_arena_init(&own, 0, 0);
    uint64_t before = 0;
    for (int i = 0; i < 1000; i++) {
        ly_otlp_batch batch;
        if (i == 1) {
            before = ly_mem_count();
        }
        ly_arena_reset(&own);
        assert_int_equal(ly_otlp_decode(v1, LY_SIGNAL_TRACES, &own, NULL, &batch, NULL), LY_OK);
    }
    assert_int_equal(ly_mem_count() - before, 0);
    ly_arena_release(&own);
}

static void memory_limits(void **state)
{
    (void)state;
    char bytes[400];
    ly_str v1 = unhex(V1_HEX, bytes);
    ly_arena own;
    ly_err err = LY_ERR_INIT;
    ly_otlp_batch batch = {.n_spans = 99};
    ly_arena_init(&own, 64, 200);
    assert_int_equal(ly_otlp_decode(v1, LY_SIGNAL_TRACES, &own, NULL, &batch, &err), LY_E_LIMIT);
    assert_int_equal(batch.n_spans, 99);
    ly_arena_release(&own);
    for (uint64_t n = 1; n < 20; n++) {
        ly_arena_init(&own, 64, 0);
        ly_mem_fail_at(n, false);
        ly_status status = ly_otlp_decode(v1, LY_SIGNAL_TRACES, &own, NULL, &batch, &err);
        ly_mem_fail_at(0, false);
        assert_true(status == LY_E_NOMEM || (n > 2 && status == LY_OK));
        ly_arena_release(&own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_1),
        cmocka_unit_test(vector_1_written_again),
        cmocka_unit_test(vector_4),
        cmocka_unit_test(empty_request),
        cmocka_unit_test(ids),
        cmocka_unit_test(times),
        cmocka_unit_test(malformed_items),
        cmocka_unit_test(malformed_frames),
        cmocka_unit_test(every_cut_is_refused_or_rejected),
        cmocka_unit_test(unknown_fields_are_skipped),
        cmocka_unit_test(merging),
        cmocka_unit_test(pieces_must_be_whole),
        cmocka_unit_test(resource_in_pieces),
        cmocka_unit_test(bad_resource_and_scope),
        cmocka_unit_test(depth),
        cmocka_unit_test(counts),
        cmocka_unit_test(utf8_is_flagged),
        cmocka_unit_test(duplicate_attributes),
        cmocka_unit_test(logs),
        cmocka_unit_test(metrics),
        cmocka_unit_test(single_messages),
        cmocka_unit_test(grouping),
        cmocka_unit_test(steady_state_allocates_nothing),
        cmocka_unit_test(memory_limits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
