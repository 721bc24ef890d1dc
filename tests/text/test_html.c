/* Escaping, and base64 and hex beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/b64.h"
#include "text/html.h"

static void html(void **state)
{
    (void)state;
    ly_buf out;
    ly_buf_init(&out, 1000);
    ly_html_text(
        &out, LY_S("<a href='x' b=\"y\">&amp;\t\n\r\x01\x7f\xff\xc3\xa9\xc2\x85\xef\xbf\xbf</a>"));
    assert_string_equal(
        ly_buf_text(&out),
        "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;amp;\t\n\xef\xbf\xbd\xef\xbf\xbd"
        "\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd&lt;/a&gt;");
    ly_buf_reset(&out);
    ly_xml_text(&out, LY_STR_NONE);
    assert_int_equal(out.len, 0);
    ly_buf_release(&out);
}

static void base64(void **state)
{
    (void)state;
    /* RFC 4648 section 10 */
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    ly_buf out;
    ly_buf_init(&out, 1000);
    for (size_t i = 0; i < LY_COUNT(vectors); i++) {
        char back[20];
        size_t n = 99;
        ly_buf_reset(&out);
        ly_b64_put(&out, vectors[i][0], strlen(vectors[i][0]));
        assert_string_equal(ly_buf_text(&out), vectors[i][1]);
        assert_true(ly_b64_decode(ly_str_c(vectors[i][1]), back, &n));
        assert_int_equal(n, strlen(vectors[i][0]));
        assert_memory_equal(back, vectors[i][0], n);
        ly_str unpadded = ly_str_c(vectors[i][1]);
        while (unpadded.len > 0 && unpadded.ptr[unpadded.len - 1] == '=') {
            unpadded.len--;
        }
        assert_true(ly_b64_decode(unpadded, back, &n));
    }
    static const char *const bad[] = {"Z",     "Zg=",   "Zg===",  "Z===", "Zh==", "Zm9=",
                                      "Zm9v=", "Zm 9v", "Zm9v\n", "====", "=",    "Z=g="};
    for (size_t i = 0; i < LY_COUNT(bad); i++) {
        char back[20];
        size_t n = 99;
        if (ly_b64_decode(ly_str_c(bad[i]), back, &n)) {
            fail_msg("accepted %s", bad[i]);
        }
        assert_int_equal(n, 99);
    }
    char url[4];
    size_t n;
    assert_true(ly_b64_decode(LY_S("-_8="), url, &n));
    assert_memory_equal(url, "\xfb\xff", 2);
    ly_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(html), cmocka_unit_test(base64)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
