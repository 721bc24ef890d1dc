/* OTLP/JSON requests: what is read is written again and reads back as the same bytes. */
#include "base/limits.h"
#include "base/mem.h"
#include "fuzz.h"
#include "otlp/json.h"

static uint64_t sum_of(const ly_otlp_batch *batch)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < batch->n_logs; i++) {
        sum += batch->logs[i].reject == LY_REJECT_NONE ? ly_str_hash(batch->logs[i].wire) : 0;
    }
    for (size_t i = 0; i < batch->n_spans; i++) {
        sum += batch->spans[i].reject == LY_REJECT_NONE ? ly_str_hash(batch->spans[i].wire) : 0;
    }
    return sum;
}

static void check(const ly_otlp_batch *batch)
{
    ly_arena arena;
    ly_buf out;
    ly_otlp_batch again;
    size_t all = batch->n_spans + batch->n_logs, n = 0;
    const void **list = ly_calloc(all + 1, sizeof *list);
    ly_arena_init(&arena, 0, LY_MIB(256));
    ly_buf_init(&out, LY_MIB(64));
    for (size_t i = 0; i < batch->n_spans; i++) {
        if (batch->spans[i].reject == LY_REJECT_NONE) {
            list[n++] = &batch->spans[i];
        }
    }
    for (size_t i = 0; i < batch->n_logs; i++) {
        if (batch->logs[i].reject == LY_REJECT_NONE) {
            list[n++] = &batch->logs[i];
        }
    }
    ly_status status = batch->signal == LY_SIGNAL_TRACES
                           ? ly_otlp_json_traces((const ly_span *const *)list, n, &out, NULL)
                           : ly_otlp_json_logs((const ly_log_record *const *)list, n, &out, NULL);
    FUZZ_CHECK(status == LY_OK);
    FUZZ_CHECK(ly_otlp_decode_json(ly_buf_view(&out), batch->signal, &arena, NULL, &again, NULL) ==
               LY_OK);
    FUZZ_CHECK(again.n_rejected == 0 && sum_of(&again) == sum_of(batch));
    ly_free(list);
    ly_arena_release(&arena);
    ly_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int signal = LY_SIGNAL_TRACES; signal <= LY_SIGNAL_METRICS; signal++) {
        ly_arena arena;
        ly_otlp_batch batch;
        ly_err err = LY_ERR_INIT;
        ly_arena_init(&arena, 0, LY_MIB(256));
        if (ly_otlp_decode_json(ly_str_n(data, size), (ly_signal)signal, &arena, NULL, &batch,
                                &err) == LY_OK) {
            if (signal != LY_SIGNAL_METRICS) {
                check(&batch);
            }
        } else {
            FUZZ_CHECK(err.text[0] != 0);
        }
        ly_arena_release(&arena);
    }
    return 0;
}
