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

static int setup(void **state)
{
    (void)state;
    ly_arena_init(&arena, 0, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ly_arena_release(&arena);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_1),
        cmocka_unit_test(vector_1_written_again),
        cmocka_unit_test(vector_4),
        cmocka_unit_test(empty_request),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
