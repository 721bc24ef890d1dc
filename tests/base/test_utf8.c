/* ly_utf8_valid against the plain loop over ly_utf8_next, and against a list of what RFC 3629 says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/utf8.h"

static bool valid_by_steps(ly_str s)
{
    for (size_t i = 0; i < s.len;) {
        if (ly_utf8_next(s, &i) == LY_UTF8_BAD) {
            return false;
        }
    }
    return true;
}

static void every_code_point(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char bytes[4];
        if (cp >= 0xD800 && cp <= 0xDFFF) {
            continue;
        }
        size_t n = ly_utf8_put(cp, bytes), pos = 0;
        if (!ly_utf8_valid(ly_str_n(bytes, n)) || ly_utf8_next(ly_str_n(bytes, n), &pos) != cp ||
            pos != n) {
            fail_msg("U+%04X", (unsigned)cp);
        }
    }
}

static void every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char two[2] = {(char)a, (char)b};
            bool want = (a < 0x80 && b < 0x80) || (a >= 0xC2 && a <= 0xDF && (b & 0xC0) == 0x80);
            assert_int_equal(ly_utf8_valid(ly_str_n(two, 2)), want);
        }
    }
}

static void at_every_place_and_length(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\xc3\xa9",     "\xe2\x82\xac", "\xf0\x9f\x98\xb9",
                                         "\xff",         "\xc3",         "\xe2\x82",
                                         "\xed\xa0\x80", "\xc0\x80",     "a"};
    for (size_t len = 0; len <= 80; len++) {
        for (size_t at = 0; at <= len; at++) {
            for (size_t k = 0; k < LY_COUNT(pieces); k++) {
                /* an allocation of just the size, so that a sanitizer sees reads past it */
                size_t n = strlen(pieces[k]);
                char *text = ly_malloc(len + n);
                memset(text, 'x', len + n);
                memcpy(text + at, pieces[k], n);
                ly_str s = ly_str_n(text, len + n);
                assert_int_equal(ly_utf8_valid(s), valid_by_steps(s));
                ly_free(text);
            }
        }
    }
}

static void random_mixtures(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 50000; round++) {
        char text[64];
        size_t n = 0;
        while (n < 56) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            uint32_t r = (uint32_t)(seed >> 33);
            if (r % 97 == 0) {
                text[n++] = (char)(r >> 8);
            } else {
                uint32_t cp = r % 5 == 0 ? r % 0x110000 : r % 3 == 0 ? r % 0x800 : r % 0x80;
                n += ly_utf8_put(cp, text + n);
            }
        }
        ly_str s = ly_str_n(text, n - (size_t)(seed >> 60));
        assert_int_equal(ly_utf8_valid(s), valid_by_steps(s));
    }
    assert_true(ly_utf8_valid(LY_STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(at_every_place_and_length),
        cmocka_unit_test(random_mixtures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
