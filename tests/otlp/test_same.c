/* Two encodings of one span are the same; a span that says more or other is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "otlp/json.h"
#include "otlp/model.h"
#include "otlp/pb.h"
#include "otlp/same.h"

static ly_arena arena;

/* The wire form of the one span of an OTLP/JSON text of its members. */
static ly_str span(const char *members)
{
    ly_buf text;
    ly_otlp_batch batch;
    ly_err err = LY_ERR_INIT;
    ly_buf_init(&text, LY_MIB(1));
    ly_buf_fmt(&text, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{%s}]}]}]}", members);
    if (ly_otlp_decode_json(ly_buf_view(&text), LY_SIGNAL_TRACES, &arena, NULL, &batch, &err))
        fail_msg("%s: %s", members, err.text);
    assert_int_equal(batch.n_spans, 1);
    assert_int_equal(batch.spans[0].reject, LY_REJECT_NONE);
    ly_str wire = ly_arena_copy(&arena, batch.spans[0].wire);
    ly_buf_release(&text);
    return wire;
}

#define IDS "\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\","

static const struct {
    const char *a, *b;
    bool same;
} rows[] = {
    {IDS "\"name\":\"x\",\"kind\":3", "\"kind\":3,\"name\":\"x\"," IDS "\"flags\":0", true},
    {IDS "\"name\":\"x\"", IDS "\"name\":\"x\",\"status\":{},\"parentSpanId\":\"\"", true},
    {IDS "\"name\":\"x\"", IDS "\"name\":\"x\",\"parentSpanId\":\"0000000000000000\"", true},
    {IDS "\"status\":{\"code\":2,\"message\":\"m\"}",
     IDS "\"status\":{\"message\":\"m\",\"code\":2}", true},
    {IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":\"1\"}},"
         "{\"key\":\"b\",\"value\":{\"stringValue\":\"\"}}]",
     IDS "\"attributes\":[{\"value\":{\"stringValue\":\"\"},\"key\":\"b\"},"
         "{\"key\":\"a\",\"value\":{\"intValue\":1}}]",
     true},
    {IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"kvlistValue\":{\"values\":["
         "{\"key\":\"x\",\"value\":{\"boolValue\":true}},{\"key\":\"y\",\"value\":{}}]}}}]",
     IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"kvlistValue\":{\"values\":["
         "{\"key\":\"y\"},{\"key\":\"x\",\"value\":{\"boolValue\":true}}]}}}]",
     true},
    {IDS "\"name\":\"x\"", IDS "\"name\":\"y\"", false},
    {IDS "\"name\":\"x\"", IDS "\"name\":\"x\",\"droppedAttributesCount\":1", false},
    {IDS "\"name\":\"x\"", IDS "\"name\":\"x\",\"parentSpanId\":\"0000000000000001\"", false},
    /* Presence in a oneof is a statement: "" is not nothing, 0 is not false. */
    {IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"stringValue\":\"\"}}]",
     IDS "\"attributes\":[{\"key\":\"a\",\"value\":{}}]", false},
    {IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":0}}]",
     IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"boolValue\":false}}]", false},
    {IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"arrayValue\":{}}}]",
     IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"kvlistValue\":{}}}]", false},
    /* Order means something in arrays, events and links. */
    {IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":["
         "{\"intValue\":1},{\"intValue\":2}]}}}]",
     IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":["
         "{\"intValue\":2},{\"intValue\":1}]}}}]",
     false},
    {IDS "\"events\":[{\"name\":\"a\"},{\"name\":\"b\"}]",
     IDS "\"events\":[{\"name\":\"b\"},{\"name\":\"a\"}]", false},
    {IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":1}}]",
     IDS "\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":1}},"
         "{\"key\":\"a\",\"value\":{\"intValue\":1}}]",
     false},
};

static void two_encodings(void **state)
{
    (void)state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_str a = span(rows[i].a), b = span(rows[i].b);
        if (ly_otlp_same_span(a, b, &arena) != rows[i].same ||
            ly_otlp_same_span(b, a, &arena) != rows[i].same)
            fail_msg("row %zu: %s | %s", i, rows[i].a, rows[i].b);
        assert_true(ly_otlp_same_span(a, a, &arena));
    }
}

/* What JSON cannot write: unknown fields, a message in two pieces, a field twice. */
static void on_the_wire(void **state)
{
    (void)state;
    ly_str a = span(IDS "\"name\":\"x\",\"status\":{\"code\":2,\"message\":\"m\"}");
    ly_str bare = span(IDS "\"name\":\"x\"");
    ly_buf b;
    ly_buf_init(&b, LY_KIB(64));
    ly_pb_put_bytes(&b, 15, LY_S("\x18\x02"));
    ly_pb_put_bytes(&b, 5, LY_S("old"));
    ly_buf_str(&b, bare);
    ly_pb_put_bytes(&b, 15, LY_S("\x12\x01m"));
    assert_true(ly_otlp_same_span(a, ly_buf_view(&b), &arena));
    ly_pb_put_bytes(&b, 99, LY_S("new"));
    assert_false(ly_otlp_same_span(a, ly_buf_view(&b), &arena));
    ly_str more = ly_arena_copy(&arena, ly_buf_view(&b));
    assert_true(ly_otlp_same_span(more, ly_buf_view(&b), &arena));
    ly_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_encodings),
        cmocka_unit_test(on_the_wire),
    };
    ly_arena_init(&arena, 0, LY_MIB(64));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ly_arena_release(&arena);
    return failed;
}
