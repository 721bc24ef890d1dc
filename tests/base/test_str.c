#include <locale.h>

#include "base/utf8.h"
#include "tests/test.h"

static void test_split(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *parts[4];
        size_t n;
    } cases[] = {
        {"a,b", {"a", "b"}, 2}, {"a,", {"a", ""}, 2},        {",", {"", ""}, 2},
        {"", {""}, 1},          {"a,,b", {"a", "", "b"}, 3},
    };
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        ly_str rest = ly_str_c(cases[i].text), part;
        size_t n = 0;
        while (ly_str_split(&rest, ',', &part)) {
            assert_true(n < cases[i].n);
            assert_str(part, cases[i].parts[n]);
            n++;
        }
        assert_int_equal(n, cases[i].n);
    }
    ly_str none = LY_STR_NONE, part;
    assert_false(ly_str_split(&none, ',', &part));
}

static void test_numbers(void **state)
{
    (void)state;
    int64_t i = 7;
    uint64_t u = 7;
    double d = 7;
    assert_true(ly_str_to_i64(LY_S("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(ly_str_to_i64(LY_S("9223372036854775807"), &i) && i == INT64_MAX);
    i = 7;
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "9223372036854775808",
                                      "1.0",
                                      "1e3",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    for (size_t k = 0; k < LY_COUNT(bad); k++) {
        assert_false(ly_str_to_i64(ly_str_c(bad[k]), &i));
        assert_int_equal(i, 7);
    }
    assert_true(ly_str_to_u64(LY_S("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(ly_str_to_u64(LY_S("18446744073709551616"), &u));
    assert_false(ly_str_to_u64(LY_S("-1"), &u));
    assert_true(ly_str_to_double(LY_S("-1.5e3"), &d) && d == -1500.0);
    assert_true(ly_str_to_double(LY_S(".5"), &d) && d == 0.5);
    static const char *const bad_real[] = {"",    ".",     "1e",  "0x1p3", "inf",
                                           "nan", "1e999", "1,5", "1 "};
    for (size_t k = 0; k < LY_COUNT(bad_real); k++)
        assert_false(ly_str_to_double(ly_str_c(bad_real[k]), &d));
}

static void test_numbers_ignore_locale(void **state)
{
    (void)state;
    double d;
    /* A decimal comma in the host must not matter; without such a locale the check is the plain one. */
    setlocale(LC_NUMERIC, "de_DE.UTF-8");
    assert_true(ly_str_to_double(LY_S("0.25"), &d));
    assert_true(d == 0.25);
    setlocale(LC_NUMERIC, "C");
}

static void test_search(void **state)
{
    (void)state;
    ly_str s = LY_S("abcabc");
    assert_int_equal(ly_str_find(s, LY_S("ca"), 0), 2);
    assert_int_equal(ly_str_find(s, LY_S("a"), 1), 3);
    assert_true(ly_str_find(s, LY_S("x"), 0) == SIZE_MAX);
    assert_true(ly_str_find(s, LY_S(""), 7) == SIZE_MAX);
    assert_true(ly_str_starts(s, LY_S("abc")) && !ly_str_starts(s, LY_S("abcabcd")));
    assert_true(ly_str_ends(s, LY_S("bc")) && !ly_str_ends(s, LY_S("ab")));
    assert_true(ly_str_eq_nocase(LY_S("AbC"), LY_S("aBc")));
    assert_false(ly_str_eq_nocase(LY_S("\xC3\x84"), LY_S("\xC3\xA4")));
    assert_str(ly_str_trim(LY_S(" \t a b\n")), "a b");
    assert_str(ly_str_sub(s, 4, 99), "bc");
    assert_true(ly_str_cmp(LY_S("a"), LY_S("ab")) < 0 && ly_str_cmp(LY_S("\xff"), LY_S("a")) > 0);
}

static void test_copy_keeps_characters_whole(void **state)
{
    (void)state;
    char small[4];
    assert_false(ly_str_copy(LY_S("ab\xE2\x82\xAC"), small, sizeof small));
    assert_string_equal(small, "ab");
    assert_true(ly_str_copy(LY_S("abc"), small, sizeof small));
    assert_string_equal(small, "abc");
}

static void test_hex(void **state)
{
    (void)state;
    uint8_t bytes[3] = {9, 9, 9};
    char text[7];
    assert_true(ly_hex_decode(LY_S("00aBfF"), bytes, 3));
    ly_hex_encode(bytes, 3, text);
    assert_string_equal(text, "00abff");
    assert_false(ly_hex_decode(LY_S("00aBfg"), bytes, 3));
    assert_false(ly_hex_decode(LY_S("00aB"), bytes, 3));
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain ASCII text that is longer than thirty-two bytes, to take the fast path", true},
        {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", true},
        {"\xC0\x80", false},         /* overlong */
        {"\xE0\x80\x80", false},     /* overlong */
        {"\xED\xA0\x80", false},     /* surrogate */
        {"\xF4\x90\x80\x80", false}, /* past U+10FFFF */
        {"\xF8\x88\x80\x80\x80", false},
        {"\x80", false},
        {"\xE2\x82", false}, /* cut */
        {"thirty-two bytes of plain ASCII t\xFF", false},
    };
    for (size_t i = 0; i < LY_COUNT(cases); i++)
        assert_int_equal(ly_utf8_valid(ly_str_c(cases[i].bytes)), cases[i].valid);
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        char bytes[4];
        size_t n = ly_utf8_put(cp, bytes), pos = 0;
        assert_int_equal(ly_utf8_next(ly_str_n(bytes, n), &pos), cp);
        assert_int_equal(pos, n);
    }
    size_t pos = 0;
    assert_true(ly_utf8_next(LY_S("\xFFz"), &pos) == LY_UTF8_BAD && pos == 1);
    assert_str(ly_utf8_cut(LY_S("a\xE2\x82\xAC"), 3), "a");
    assert_int_equal(ly_utf8_cut(LY_S("\x80\x80\x80\x80\x80\x80"), 4).len, 4);
    assert_int_equal(ly_utf8_count(LY_S("a\xE2\x82\xAC\xFF")), 3);
}

static void test_err(void **state)
{
    (void)state;
    ly_err err = LY_ERR_INIT;
    assert_int_equal(LY_FAIL(&err, LY_E_IO, "%s: no", "file"), LY_E_IO);
    assert_string_equal(err.text, "file: no");
    assert_int_equal(ly_err_wrap(&err, "while %s", "reading"), LY_E_IO);
    assert_string_equal(err.text, "while reading: file: no");
    assert_int_equal(LY_FAIL(NULL, LY_E_IO, "nobody listens"), LY_E_IO);
    char big[2000];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    /* "€" straddles the cut: it must go as a whole. */
    memcpy(big + LY_ERR_TEXT_MAX - 3, "\xE2\x82\xAC", 3);
    LY_FAIL(&err, LY_E_IO, "%s", big);
    assert_true(ly_utf8_valid(ly_str_c(err.text)));
    assert_int_equal(strlen(err.text), LY_ERR_TEXT_MAX - 3);
    assert_string_equal(ly_status_text(LY_E_NOTFOUND), "not found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_numbers_ignore_locale),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_copy_keeps_characters_whole),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_err),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
