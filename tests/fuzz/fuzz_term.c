/* The sanitiser: nothing that drives a terminal comes out, and cleaning is done in one pass. */
#include "base/limits.h"
#include "base/term.h"
#include "base/utf8.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_str text = ly_str_n(data, size);
    for (unsigned flags = 0; flags < 4; flags++) {
        ly_buf clean, again, fit;
        ly_buf_init(&clean, LY_MIB(64));
        ly_buf_init(&again, LY_MIB(64));
        ly_buf_init(&fit, LY_MIB(64));
        ly_term_clean(&clean, text, flags);
        ly_str view = ly_buf_view(&clean);
        FUZZ_CHECK(ly_utf8_valid(view));
        for (size_t i = 0; i < view.len;) {
            uint32_t cp = ly_utf8_next(view, &i);
            FUZZ_CHECK(cp >= 0x20 || (cp == '\n' && (flags & LY_TERM_LINES)));
            FUZZ_CHECK(cp < 0x7F || cp >= 0xA0);
            FUZZ_CHECK(cp < 0x7F || !(flags & LY_TERM_ASCII));
            FUZZ_CHECK(!(cp >= 0x202A && cp <= 0x202E) && !(cp >= 0x2066 && cp <= 0x2069));
        }
        ly_term_clean(&again, view, flags);
        FUZZ_CHECK(ly_str_eq(view, ly_buf_view(&again)));
        if (!(flags & LY_TERM_LINES)) {
            size_t cells = size % 40;
            ly_term_fit(&fit, view, cells, true, flags);
            FUZZ_CHECK(ly_term_width(ly_buf_view(&fit)) == cells);
        }
        ly_buf_release(&clean);
        ly_buf_release(&again);
        ly_buf_release(&fit);
    }
    return 0;
}
