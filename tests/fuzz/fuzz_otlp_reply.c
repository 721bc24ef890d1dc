/* What a server answers: Export*ServiceResponse and google.rpc.Status, in both encodings. */
#include "base/limits.h"
#include "fuzz.h"
#include "otlp/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_str bytes = ly_str_n(data, size);
    for (int i = LY_OTLP_PROTO; i <= LY_OTLP_JSON; i++) {
        ly_otlp_format format = (ly_otlp_format)i;
        ly_arena arena;
        ly_buf out;
        ly_otlp_partial partial;
        ly_otlp_status status, again;
        ly_arena_init(&arena, 0, LY_MIB(64));
        ly_buf_init(&out, LY_MIB(64));
        (void)!ly_otlp_read_response(bytes, format, &arena, &partial, NULL);
        if (ly_otlp_read_status(bytes, format, &arena, &status, NULL) == LY_OK) {
            FUZZ_CHECK(status.retry_ns >= 0);
            ly_otlp_put_status(&out, LY_OTLP_PROTO, &status);
            FUZZ_CHECK(ly_otlp_read_status(ly_buf_view(&out), LY_OTLP_PROTO, &arena, &again,
                                           NULL) == LY_OK);
            FUZZ_CHECK(again.code == status.code && again.has_retry == status.has_retry &&
                       again.n_violations == status.n_violations &&
                       ly_str_eq(again.message, status.message));
            FUZZ_CHECK(!again.has_retry || again.retry_ns == status.retry_ns);
        }
        ly_arena_release(&arena);
        ly_buf_release(&out);
    }
    return 0;
}
