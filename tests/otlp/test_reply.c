/* Export*ServiceResponse and google.rpc.Status in both encodings, written and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "otlp/encode.h"
#include "otlp/vectors.h"

static ly_arena arena;
static ly_buf out;

static int setup(void **state)
{
    (void)state;
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&out, LY_MAX_RESPONSE_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ly_arena_release(&arena);
    ly_buf_release(&out);
    return 0;
}

static ly_str response(ly_otlp_format format, ly_signal signal, int64_t rejected, const char *text)
{
    ly_otlp_partial partial = {rejected, ly_str_c(text)};
    ly_buf_reset(&out);
    ly_otlp_put_response(&out, format, signal, &partial);
    return ly_buf_view(&out);
}

static void vectors_2_and_3(void **state)
{
    (void)state;
    char bytes[40];
    ly_str v3 = unhex(V3_HEX, bytes);
    assert_int_equal(response(LY_OTLP_PROTO, LY_SIGNAL_TRACES, 0, "").len, 0);
    assert_true(ly_str_eqc(response(LY_OTLP_JSON, LY_SIGNAL_TRACES, 0, ""), "{}"));
    assert_true(ly_str_eq(response(LY_OTLP_PROTO, LY_SIGNAL_TRACES, 2, "bad id"), v3));
    assert_true(ly_str_eqc(response(LY_OTLP_JSON, LY_SIGNAL_TRACES, 2, "bad id"), V3_JSON));
    assert_true(ly_str_eqc(response(LY_OTLP_JSON, LY_SIGNAL_LOGS, 1, ""),
                           "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\"}}"));
    assert_true(ly_str_eqc(response(LY_OTLP_JSON, LY_SIGNAL_METRICS, 0, "w\"w"),
                           "{\"partialSuccess\":{\"errorMessage\":\"w\\\"w\"}}"));
}

static void responses_read(void **state)
{
    (void)state;
    char bytes[40];
    ly_otlp_partial partial;
    assert_int_equal(
        ly_otlp_read_response(unhex(V3_HEX, bytes), LY_OTLP_PROTO, &arena, &partial, NULL), LY_OK);
    assert_int_equal(partial.rejected, 2);
    assert_true(ly_str_eqc(partial.message, "bad id"));
    static const char *const texts[] = {
        V3_JSON, "{\"partial_success\":{\"rejected_spans\":2,\"error_message\":\"bad id\"}}",
        "{\"partialSuccess\":{\"rejectedLogRecords\":2,\"errorMessage\":\"bad id\"},\"x\":1}"};
    for (size_t i = 0; i < LY_COUNT(texts); i++) {
        partial = (ly_otlp_partial){0};
        assert_int_equal(
            ly_otlp_read_response(ly_str_c(texts[i]), LY_OTLP_JSON, &arena, &partial, NULL), LY_OK);
        assert_int_equal(partial.rejected, 2);
        assert_true(ly_str_eqc(partial.message, "bad id"));
    }
    assert_int_equal(ly_otlp_read_response(LY_STR_NONE, LY_OTLP_PROTO, &arena, &partial, NULL),
                     LY_OK);
    assert_int_equal(partial.rejected, 0);
    assert_int_equal(ly_otlp_read_response(LY_S("{}"), LY_OTLP_JSON, &arena, &partial, NULL),
                     LY_OK);
    assert_int_equal(ly_otlp_read_response(LY_S("<html>"), LY_OTLP_JSON, &arena, &partial, NULL),
                     LY_E_FORMAT);
    assert_int_equal(ly_otlp_read_response(LY_S("\x0a\xff"), LY_OTLP_PROTO, &arena, &partial, NULL),
                     LY_E_FORMAT);
}

static const ly_otlp_violation violations[2] = {{{"resource_spans", 14}, {"truncated", 9}, {"", 0}},
                                                {{"f", 1}, {"", 0}, {"R", 1}}};

static void status_both_ways(void **state)
{
    (void)state;
    static const int64_t delays[] = {0, 1, 1500000000, 30000000000, 999999999, 1000000};
    for (size_t i = 0; i < LY_COUNT(delays); i++) {
        for (int format = LY_OTLP_PROTO; format <= LY_OTLP_JSON; format++) {
            ly_otlp_status in = {.code = 14,
                                 .message = LY_S("storage \xc3\xa9 busy"),
                                 .has_retry = true,
                                 .retry_ns = delays[i],
                                 .violations = violations,
                                 .n_violations = i % 3};
            ly_otlp_status got;
            ly_err err = LY_ERR_INIT;
            ly_buf_reset(&out);
            ly_otlp_put_status(&out, (ly_otlp_format)format, &in);
            if (ly_otlp_read_status(ly_buf_view(&out), (ly_otlp_format)format, &arena, &got,
                                    &err)) {
                fail_msg("%s: %s", ly_buf_text(&out), err.text);
            }
            assert_int_equal(got.code, 14);
            assert_true(ly_str_eq(got.message, in.message));
            assert_true(got.has_retry);
            assert_int_equal(got.retry_ns, delays[i]);
            assert_int_equal(got.n_violations, in.n_violations);
            for (size_t k = 0; k < got.n_violations; k++) {
                assert_true(ly_str_eq(got.violations[k].field, violations[k].field));
                assert_true(ly_str_eq(got.violations[k].description, violations[k].description));
                assert_true(ly_str_eq(got.violations[k].reason, violations[k].reason));
            }
        }
    }
}

static void status_text(void **state)
{
    (void)state;
    ly_otlp_status in = {
        .code = 14, .message = LY_S("m"), .has_retry = true, .retry_ns = 1500000000};
    ly_buf_reset(&out);
    ly_otlp_put_status(&out, LY_OTLP_JSON, &in);
    assert_string_equal(
        ly_buf_text(&out),
        "{\"code\":14,\"message\":\"m\",\"details\":[{\"@type\":"
        "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"1.500s\"}]}");
    /* python: status_pb2.Status(code=8, message="m"); details[0].Pack(RetryInfo(retry_delay=2s)) */
    char bytes[100];
    ly_str from_python =
        unhex("080812016d1a300a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e"
              "7270632e5265747279496e666f12040a020802",
              bytes);
    ly_otlp_status got;
    assert_int_equal(ly_otlp_read_status(from_python, LY_OTLP_PROTO, &arena, &got, NULL), LY_OK);
    assert_int_equal(got.code, 8);
    assert_true(got.has_retry);
    assert_int_equal(got.retry_ns, 2000000000);
    in = (ly_otlp_status){
        .code = 8, .message = LY_S("m"), .has_retry = true, .retry_ns = 2000000000};
    ly_buf_reset(&out);
    ly_otlp_put_status(&out, LY_OTLP_PROTO, &in);
    assert_true(ly_str_eq(ly_buf_view(&out), from_python));
}

static void status_of_strangers(void **state)
{
    (void)state;
    ly_otlp_status got;
    assert_int_equal(
        ly_otlp_read_status(LY_S("{\"code\":3,\"details\":[{\"@type\":\"x/y\",\"z\":[1]},{}]}"),
                            LY_OTLP_JSON, &arena, &got, NULL),
        LY_OK);
    assert_int_equal(got.code, 3);
    assert_false(got.has_retry);
    assert_int_equal(ly_otlp_read_status(LY_S("{\"details\":[{\"@type\":\"type.googleapis.com/"
                                              "google.rpc.RetryInfo\",\"retryDelay\":\"-1s\"}]}"),
                                         LY_OTLP_JSON, &arena, &got, NULL),
                     LY_E_FORMAT);
    assert_int_equal(ly_otlp_read_status(LY_S("\x0b"), LY_OTLP_PROTO, &arena, &got, NULL),
                     LY_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_2_and_3),     cmocka_unit_test(responses_read),
        cmocka_unit_test(status_both_ways),    cmocka_unit_test(status_text),
        cmocka_unit_test(status_of_strangers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
