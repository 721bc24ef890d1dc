/* Redaction of any bytes as a span: what comes out holds no planted address, reads again, and a second
 * pass finds nothing. */
#include "base/limits.h"
#include "fuzz.h"
#include "ingest/redact.h"
#include "otlp/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ly_redact *redact;
    ly_err err = LY_ERR_INIT;
    if (!redact)
        FUZZ_CHECK(ly_redact_new(LY_S("secrets,pii"), NULL, 0, &redact, &err) == LY_OK);
    ly_str wire = ly_str_n(data, size);
    ly_buf out, again;
    ly_buf_init(&out, LY_MIB(64));
    ly_buf_init(&again, LY_MIB(64));
    ly_status status = ly_redact_message(redact, LY_REDACT_SPAN, wire, &out, &err);
    if (status == LY_OK) {
        FUZZ_CHECK(ly_redact_message(redact, LY_REDACT_SPAN, ly_buf_view(&out), &again, &err) ==
                   LY_E_NOTFOUND);
        FUZZ_CHECK(again.len == 0);
    } else {
        FUZZ_CHECK(out.len == 0);
    }
    ly_buf_reset(&out);
    /* The same bytes as a text, which may be JSON. */
    status = ly_redact_text(redact, wire, &out, &err);
    FUZZ_CHECK(status == LY_OK || (status == LY_E_NOTFOUND && out.len == 0));
    ly_buf_release(&out);
    ly_buf_release(&again);
    return 0;
}
