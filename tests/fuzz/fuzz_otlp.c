/* OTLP protobuf requests: what decodes is written as protobuf and as JSON and reads back the same. */
#include "base/limits.h"
#include "base/mem.h"
#include "fuzz.h"
#include "otlp/encode.h"
#include "otlp/json.h"

static void check_same(const ly_otlp_batch *a, const ly_otlp_batch *b)
{
    /* Grouping may change the order, so records are matched by content. */
    FUZZ_CHECK(b->n_rejected == 0);
    uint64_t sum_a = 0, sum_b = 0;
    for (size_t i = 0; i < a->n_spans; i++) {
        sum_a += a->spans[i].reject == LY_REJECT_NONE ? ly_str_hash(a->spans[i].wire) : 0;
    }
    for (size_t i = 0; i < b->n_spans; i++) {
        sum_b += ly_str_hash(b->spans[i].wire);
    }
    FUZZ_CHECK(sum_a == sum_b);
}

static void check_spans(const ly_otlp_batch *batch)
{
    ly_arena arena;
    ly_buf out;
    ly_otlp_batch again;
    size_t n = 0;
    const ly_span **list = ly_calloc(batch->n_spans + 1, sizeof *list);
    ly_arena_init(&arena, 0, LY_MIB(256));
    ly_buf_init(&out, LY_MIB(64));
    for (size_t i = 0; i < batch->n_spans; i++) {
        const ly_span *span = &batch->spans[i];
        FUZZ_CHECK(span->resource && span->scope && span->wire.ptr);
        if (span->reject != LY_REJECT_NONE) {
            continue;
        }
        list[n++] = span;
        ly_span copy;
        ly_buf_reset(&out);
        ly_otlp_put_span(&out, span);
        FUZZ_CHECK(ly_otlp_decode_span(ly_buf_view(&out), NULL, NULL, &arena, &copy) == LY_OK);
        FUZZ_CHECK(copy.attrs.n == span->attrs.n && copy.n_events == span->n_events &&
                   copy.invalid_utf8 <= span->invalid_utf8 && ly_str_eq(copy.name, span->name));
    }
    ly_buf_reset(&out);
    FUZZ_CHECK(ly_otlp_encode_traces(list, n, &out, NULL) == LY_OK);
    FUZZ_CHECK(ly_otlp_decode(ly_buf_view(&out), LY_SIGNAL_TRACES, &arena, NULL, &again, NULL) ==
               LY_OK);
    check_same(batch, &again);
    ly_buf_reset(&out);
    FUZZ_CHECK(ly_otlp_json_traces(list, n, &out, NULL) == LY_OK);
    FUZZ_CHECK(ly_otlp_decode_json(ly_buf_view(&out), LY_SIGNAL_TRACES, &arena, NULL, &again,
                                   NULL) == LY_OK);
    check_same(batch, &again);
    ly_free(list);
    ly_arena_release(&arena);
    ly_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_arena arena;
    ly_otlp_batch batch;
    ly_err err = LY_ERR_INIT;
    ly_str bytes = ly_str_n(data, size);
    ly_arena_init(&arena, 0, LY_MIB(256));
    if (ly_otlp_decode(bytes, LY_SIGNAL_TRACES, &arena, NULL, &batch, &err) == LY_OK) {
        check_spans(&batch);
    }
    ly_arena_reset(&arena);
    if (ly_otlp_decode(bytes, LY_SIGNAL_LOGS, &arena, NULL, &batch, &err) == LY_OK) {
        for (size_t i = 0; i < batch.n_logs; i++) {
            ly_buf out;
            ly_buf_init(&out, LY_MIB(64));
            if (batch.logs[i].reject == LY_REJECT_NONE) {
                ly_otlp_put_log(&out, &batch.logs[i]);
                FUZZ_CHECK(ly_otlp_json_log(batch.logs[i].wire, &out, &err) == LY_OK);
            }
            ly_buf_release(&out);
        }
    }
    (void)!ly_otlp_decode(bytes, LY_SIGNAL_METRICS, &arena, NULL, &batch, &err);
    ly_arena_release(&arena);
    return 0;
}
