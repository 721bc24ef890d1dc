/*
 * Large hostile requests: time stays linear and memory within the arena's maximum, whatever the bytes.
 * 16 MiB each; the bounds are loose (4 s), what they catch is a square or an exponent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "otlp/encode.h"
#include "otlp/json.h"
#include "otlp/pb.h"

#define SIZE  LY_MIB(16)
#define BOUND (4 * LY_NS_PER_SEC)

static ly_buf request;

static int setup(void **state)
{
    (void)state;
    ly_buf_init(&request, 4 * SIZE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ly_buf_release(&request);
    return 0;
}

/* Decodes `request` with an arena of at most 1 GiB, in bounded time; what comes out is not asked. */
static ly_status bounded(bool json, const char *what, ly_otlp_batch *ret)
{
    ly_arena arena;
    ly_otlp_batch batch = {0};
    ly_err err = LY_ERR_INIT;
    ly_arena_init(&arena, 0, LY_GIB(1));
    int64_t start = ly_mono_ns();
    ly_str bytes = ly_buf_view(&request);
    ly_status status =
        json ? ly_otlp_decode_json(bytes, LY_SIGNAL_TRACES, &arena, NULL, &batch, &err)
             : ly_otlp_decode(bytes, LY_SIGNAL_TRACES, &arena, NULL, &batch, &err);
    int64_t took = ly_mono_ns() - start;
    print_message("%-34s %4zu MiB  %4d ms  %5zu MiB held  %s\n", what, bytes.len >> 20,
                  (int)(took / LY_NS_PER_MS), arena.held >> 20, ly_status_text(status));
    assert_true(took < BOUND);
    if (ret) {
        *ret = batch;
    }
    ly_arena_release(&arena);
    return status;
}

static void fill(ly_str unit)
{
    while (request.len + unit.len <= SIZE) {
        ly_buf_str(&request, unit);
    }
}

/* A request of one scope whose content is the unit again and again. */
static void scope_of(ly_str unit)
{
    ly_buf_reset(&request);
    size_t a = ly_pb_open(&request, 1), b = ly_pb_open(&request, 2);
    fill(unit);
    ly_pb_close(&request, b);
    ly_pb_close(&request, a);
}

/* A request of one span with these fields. */
static void span_of(ly_str unit)
{
    ly_buf_reset(&request);
    size_t a = ly_pb_open(&request, 1), b = ly_pb_open(&request, 2), c = ly_pb_open(&request, 2);
    ly_buf_str(&request, LY_S("\x0a\x10"
                              "0123456789abcdef"
                              "\x12\x08"
                              "01234567"));
    fill(unit);
    ly_pb_close(&request, c);
    ly_pb_close(&request, b);
    ly_pb_close(&request, a);
}

static void small_things(void **state)
{
    (void)state;
    scope_of(LY_S("\x12\x00"));
    assert_int_equal(bounded(false, "empty spans", NULL), LY_E_LIMIT);
    scope_of(LY_S("\x12\x1c\x0a\x10"
                  "0123456789abcdef"
                  "\x12\x08"
                  "01234567"));
    assert_int_equal(bounded(false, "minimal spans", NULL), LY_OK);
    ly_buf_reset(&request);
    fill(LY_S("\x0a\x00"));
    assert_int_equal(bounded(false, "empty resources", NULL), LY_OK);
    ly_buf_reset(&request);
    fill(LY_S("\x0a\x02\x12\x00"));
    assert_int_equal(bounded(false, "empty scopes", NULL), LY_OK);
    static const struct {
        const char *name;
        const char *unit;
    } lists[] = {{"empty attributes", "\x4a"}, {"empty events", "\x5a"}, {"empty links", "\x6a"}};
    for (size_t i = 0; i < LY_COUNT(lists); i++) {
        span_of(ly_str_n(lists[i].unit, 2));
        ly_otlp_batch batch;
        assert_int_equal(bounded(false, lists[i].name, &batch), LY_OK);
        assert_int_equal(batch.first_reject, LY_REJECT_COUNT);
    }
    /* one array of eight million empty values */
    ly_buf_reset(&request);
    size_t m[7];
    static const uint32_t way[] = {1, 2, 2, 9, 2, 5};
    for (size_t i = 0; i < LY_COUNT(way); i++) {
        m[i] = ly_pb_open(&request, way[i]);
    }
    fill(LY_S("\x0a\x00"));
    for (size_t i = LY_COUNT(way); i > 0; i--) {
        ly_pb_close(&request, m[i - 1]);
    }
    assert_int_equal(bounded(false, "one array of empty values", NULL), LY_OK);
}

static void pieces(void **state)
{
    (void)state;
    /* a value, a status, a resource in millions of pieces */
    ly_buf_reset(&request);
    size_t a = ly_pb_open(&request, 1), b = ly_pb_open(&request, 2), c = ly_pb_open(&request, 2);
    size_t d = ly_pb_open(&request, 9);
    fill(LY_S("\x12\x04\x2a\x02\x0a\x00"));
    ly_pb_close(&request, d);
    ly_pb_close(&request, c);
    ly_pb_close(&request, b);
    ly_pb_close(&request, a);
    bounded(false, "a value in pieces", NULL);
    span_of(LY_S("\x7a\x02\x18\x01"));
    bounded(false, "a status in pieces", NULL);
    ly_buf_reset(&request);
    a = ly_pb_open(&request, 1);
    ly_buf_str(&request, LY_S("\x12\x02\x12\x00"));
    fill(LY_S("\x0a\x02\x10\x01"));
    ly_pb_close(&request, a);
    bounded(false, "a resource in pieces", NULL);
}

/* At every level the value comes in two pieces, a small and a large: merging again and again. */
static void pieces_at_every_level(void **state)
{
    (void)state;
    ly_buf inner, outer;
    ly_buf_init(&inner, 4 * SIZE);
    ly_buf_init(&outer, 4 * SIZE);
    ly_pb_put_bytes(&inner, 1, LY_S("x"));
    ly_buf_reset(&request);
    ly_buf_fill(&request, 'y', SIZE / 2);
    ly_buf_reset(&inner);
    ly_pb_put_bytes(&inner, 1, ly_buf_view(&request));
    for (int level = 0; level < 40; level++) {
        ly_buf_reset(&outer);
        size_t list = ly_pb_open(&outer, 6), kv = ly_pb_open(&outer, 1);
        ly_pb_put_bytes(&outer, 2, LY_S("\x32\x00"));
        ly_pb_put_bytes(&outer, 2, ly_buf_view(&inner));
        ly_pb_close(&outer, kv);
        ly_pb_close(&outer, list);
        ly_buf swap = inner;
        inner = outer;
        outer = swap;
    }
    ly_buf_reset(&request);
    size_t a = ly_pb_open(&request, 1), b = ly_pb_open(&request, 2), c = ly_pb_open(&request, 2);
    size_t d = ly_pb_open(&request, 9);
    ly_pb_put_bytes(&request, 2, ly_buf_view(&inner));
    ly_pb_close(&request, d);
    ly_pb_close(&request, c);
    ly_pb_close(&request, b);
    ly_pb_close(&request, a);
    bounded(false, "pieces at every level", NULL);
    ly_buf_release(&inner);
    ly_buf_release(&outer);
}

static void json_of(const char *head, ly_str unit, const char *tail)
{
    ly_buf_reset(&request);
    ly_buf_c(&request, head);
    fill(unit);
    ly_buf_c(&request, tail);
}

static void json(void **state)
{
    (void)state;
    json_of("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}", LY_S(",{}"), "]}]}]}");
    assert_int_equal(bounded(true, "JSON: empty spans", NULL), LY_E_LIMIT);
    json_of("{\"x\":", LY_S("["), "");
    assert_int_equal(bounded(true, "JSON: open brackets", NULL), LY_E_FORMAT);
    json_of("{\"x\":\"", LY_S("\\u0000"), "\"}");
    assert_int_equal(bounded(true, "JSON: escapes", NULL), LY_OK);
    json_of("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"", LY_S("\\ud83d\\ude39"),
            "\"}]}]}]}");
    assert_int_equal(bounded(true, "JSON: an escaped name", NULL), LY_OK);
    json_of("{\"a\":1", LY_S(",\"unknown\":1"), "}");
    assert_int_equal(bounded(true, "JSON: unknown members", NULL), LY_OK);
    /* a long text below a hundred levels: each level's end moves what is in it */
    ly_buf_reset(&request);
    ly_buf_c(&request, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"attributes\":[{\"key\":"
                       "\"k\",\"value\":");
    for (int i = 0; i < LY_MAX_ANY_DEPTH - 1; i++) {
        ly_buf_c(&request, "{\"arrayValue\":{\"values\":[");
    }
    ly_buf_c(&request, "{\"stringValue\":\"");
    fill(LY_S("text"));
    ly_buf_c(&request, "\"}");
    for (int i = 0; i < LY_MAX_ANY_DEPTH - 1; i++) {
        ly_buf_c(&request, "]}}");
    }
    ly_buf_c(&request, "}]}]}]}]}");
    ly_otlp_batch batch;
    assert_int_equal(bounded(true, "JSON: a long text, deep", &batch), LY_OK);
    assert_int_equal(batch.first_reject, LY_REJECT_TRACE_ID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_things),
        cmocka_unit_test(pieces),
        cmocka_unit_test(pieces_at_every_level),
        cmocka_unit_test(json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
