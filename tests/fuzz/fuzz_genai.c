/* Understanding of strangers' spans and logs: any span that decodes is normalised, its messages read
 * and its content found, within the span's own bytes. */
#include "base/limits.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "genai/logs.h"
#include "genai/messages.h"
#include "genai/normalise.h"
#include "otlp/decode.h"

static void check_ranges(const ly_range *ranges, size_t n, size_t len)
{
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(ranges[i].offset >= end && ranges[i].len >= LY_CONTENT_MIN);
        end = (size_t)ranges[i].offset + ranges[i].len;
        FUZZ_CHECK(end <= len);
    }
}

static void check_span(const ly_span *span, ly_arena *arena)
{
    ly_canon canon;
    ly_messages messages;
    const ly_range *ranges;
    size_t n;
    FUZZ_CHECK(ly_genai_normalise(span, arena, &canon) == LY_OK);
    FUZZ_CHECK(ly_genai_messages(span, NULL, 0, arena, &messages) == LY_OK);
    FUZZ_CHECK(ly_genai_content_ranges(span, arena, &ranges, &n) == LY_OK);
    check_ranges(ranges, n, span->wire.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_arena arena;
    ly_otlp_batch batch;
    ly_str bytes = ly_str_n(data, size);
    ly_arena_init(&arena, 0, 0);
    if (ly_otlp_decode(bytes, LY_SIGNAL_TRACES, &arena, NULL, &batch, NULL) == LY_OK) {
        for (size_t i = 0; i < batch.n_spans; i++) {
            if (batch.spans[i].reject == LY_REJECT_NONE) {
                check_span(&batch.spans[i], &arena);
            }
        }
    }
    ly_arena_reset(&arena);
    if (ly_otlp_decode(bytes, LY_SIGNAL_LOGS, &arena, NULL, &batch, NULL) == LY_OK) {
        for (size_t i = 0; i < batch.n_logs; i++) {
            ly_log_info info;
            const ly_range *ranges;
            size_t n;
            if (batch.logs[i].reject != LY_REJECT_NONE) {
                continue;
            }
            FUZZ_CHECK(ly_genai_log(&batch.logs[i], &arena, &info) == LY_OK);
            FUZZ_CHECK(ly_genai_log_content_ranges(&batch.logs[i], &arena, &ranges, &n) == LY_OK);
            check_ranges(ranges, n, batch.logs[i].wire.len);
        }
    }
    ly_arena_release(&arena);
    return 0;
}
