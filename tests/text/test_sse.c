/* Server-sent events, cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/sse.h"

static ly_status note(void *user, ly_str event, ly_str data, ly_err *err)
{
    (void)err;
    ly_buf_fmt(user, "[%.*s|%.*s]", LY_STR_ARG(event), LY_STR_ARG(data));
    return LY_OK;
}

static void every_cut(void **state)
{
    static const char text[] = "\xEF\xBB\xBF: hello\r\n"
                               "event: delta\r\ndata: one\r\n\r\n"
                               "data: two\ndata:three\nid: 7\n\n"
                               "data\r\rretry: 5\n\n"
                               "event: end\ndata: [DONE]\n\ndata: never ended";
    static const char want[] = "[delta|one][|two\nthree][|][end|[DONE]]";
    size_t n = sizeof text - 1;
    (void)state;
    for (size_t cut = 0; cut <= n; cut++) {
        ly_sse sse;
        ly_buf seen;
        ly_buf_init(&seen, 1 << 16);
        ly_sse_init(&sse, 1000, note, &seen);
        assert_int_equal(ly_sse_feed(&sse, ly_str_n(text, cut), NULL), LY_OK);
        assert_int_equal(ly_sse_feed(&sse, ly_str_n(text + cut, n - cut), NULL), LY_OK);
        assert_string_equal(ly_buf_text(&seen), want);
        ly_sse_release(&sse);
        ly_buf_release(&seen);
    }
}

static void limits(void **state)
{
    ly_sse sse;
    ly_buf seen;
    (void)state;
    ly_buf_init(&seen, 1 << 16);
    ly_sse_init(&sse, 8, note, &seen);
    assert_int_equal(ly_sse_feed(&sse, LY_S("data: 0123456789\n\n"), NULL), LY_E_LIMIT);
    ly_sse_release(&sse);
    ly_sse_init(&sse, 8, note, &seen);
    assert_int_equal(ly_sse_feed(&sse, LY_S("0123456789 no end"), NULL), LY_E_LIMIT);
    ly_sse_release(&sse);
    ly_buf_release(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_cut), cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
