/* Filters: a text that parses parses again alike; one that does not names a place inside it. */
#include "base/limits.h"
#include "base/term.h"
#include "filter/filter.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_str text = ly_str_n(data, size);
    ly_filter *filter;
    ly_filter_error error = {0};
    ly_err err = LY_ERR_INIT;
    ly_filter_opts opts = {.now_ns = 1763700000000000000};
    ly_status status = ly_filter_parse(text, &opts, &filter, &error, &err);
    if (status == LY_OK) {
        FUZZ_CHECK(ly_filter_root(filter) != NULL);
        FUZZ_CHECK(ly_str_eq(ly_filter_text(filter), text));
        ly_filter_free(filter);
    } else {
        ly_buf out;
        ly_buf_init(&out, LY_MIB(4));
        FUZZ_CHECK(err.text[0] != 0 && error.at <= size);
        ly_filter_caret(text, &error, 0, &out);
        for (size_t i = 0; i < out.len; i++) {
            FUZZ_CHECK((unsigned char)out.ptr[i] >= 0x20 || out.ptr[i] == '\n');
        }
        ly_buf_release(&out);
    }
    return 0;
}
