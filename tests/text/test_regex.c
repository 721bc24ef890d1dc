/* Regular expressions: matching, groups, limits, replacing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "text/regex.h"

static ly_regex *compile(const char *pattern, unsigned flags)
{
    ly_regex *regex;
    ly_err err = LY_ERR_INIT;
    if (ly_regex_new(ly_str_c(pattern), flags, &regex, &err) != LY_OK) {
        fail_msg("%s: %s", pattern, err.text);
    }
    return regex;
}

/* Offset of the match, or -1 when there is none. */
static int find(const char *pattern, unsigned flags, ly_str subject)
{
    ly_regex *regex = compile(pattern, flags);
    ly_regex_group group = {0, 0};
    ly_status status = ly_regex_find(regex, subject, 0, &group, 1, NULL);
    ly_regex_free(regex);
    assert_true(status == LY_OK || status == LY_E_NOTFOUND);
    return status == LY_OK ? (int)group.from : -1;
}

static void matching(void **state)
{
    (void)state;
    assert_int_equal(find("b+", 0, LY_S("abbc")), 1);
    assert_int_equal(find("x", 0, LY_S("abbc")), -1);
    assert_int_equal(find("B", LY_REGEX_NOCASE, LY_S("abbc")), 1);
    assert_int_equal(find("^c", 0, LY_S("a\nc")), -1);
    assert_int_equal(find("^c", LY_REGEX_MULTILINE, LY_S("a\nc")), 2);
    assert_int_equal(find("a.c", 0, LY_S("a\nc")), -1);
    assert_int_equal(find("a.c", LY_REGEX_DOTALL, LY_S("a\nc")), 0);
    assert_int_equal(find("a.c(", LY_REGEX_LITERAL, LY_S("abc a.c(")), 4);
    assert_int_equal(find("A.", LY_REGEX_LITERAL | LY_REGEX_NOCASE, LY_S("xa.")), 1);
    assert_int_equal(find("a|ab", LY_REGEX_WHOLE, LY_S("ab")), 0);
    assert_int_equal(find("a", LY_REGEX_WHOLE, LY_S("ab")), -1);
    assert_int_equal(find("^.$", 0, LY_S("\xc3\xa9")), 0);
    assert_int_equal(find("\\p{Lu}", 0, LY_S("\xc3\xa9\xc3\x89")), 2);
    assert_int_equal(find("b", 0,
                          LY_S("\xff\xfe"
                               "b")),
                     2);
    assert_int_equal(find("", 0, LY_STR_NONE), 0);
}

static void groups(void **state)
{
    (void)state;
    ly_regex *regex = compile("(?<year>\\d+)-(\\d+)(x)?", 0);
    ly_regex_group group[5];
    assert_int_equal(ly_regex_groups(regex), 3);
    assert_int_equal(ly_regex_group_named(regex, "year"), 1);
    assert_int_equal(ly_regex_group_named(regex, "month"), 0);
    assert_int_equal(ly_regex_find(regex, LY_S("on 2026-11"), 0, group, 5, NULL), LY_OK);
    assert_int_equal(group[0].from, 3);
    assert_int_equal(group[1].to, 7);
    assert_int_equal(group[2].from, 8);
    assert_true(group[3].from == SIZE_MAX && group[4].from == SIZE_MAX);
    assert_int_equal(ly_regex_find(regex, LY_S("on 2026-11"), 8, group, 5, NULL), LY_E_NOTFOUND);
    assert_int_equal(ly_regex_find(regex, LY_S("a"), 9, group, 5, NULL), LY_E_NOTFOUND);
    ly_regex_free(regex);
}

static void bad_patterns(void **state)
{
    (void)state;
    ly_regex *regex = NULL;
    ly_err err = LY_ERR_INIT;
    assert_int_equal(ly_regex_new(LY_S("ab(c"), 0, &regex, &err), LY_E_INVALID);
    assert_string_equal(err.text, "regular expression is wrong at character 5: missing closing "
                                  "parenthesis");
    assert_int_equal(ly_regex_new(LY_S("\xff"), 0, &regex, &err), LY_E_INVALID);
    assert_int_equal(ly_regex_new(LY_S("\\C"), 0, &regex, &err), LY_E_INVALID);
    char *large = ly_calloc(1, LY_MAX_REGEX_PATTERN_BYTES + 2);
    memset(large, 'a', LY_MAX_REGEX_PATTERN_BYTES + 1);
    assert_int_equal(ly_regex_new(ly_str_c(large), 0, &regex, &err), LY_E_LIMIT);
    ly_free(large);
    assert_null(regex);
}

static void catastrophe_ends(void **state)
{
    (void)state;
    static char text[3000];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '!';
    ly_regex *regex = compile("^(a+)+$", 0);
    ly_err err = LY_ERR_INIT;
    int64_t start = ly_mono_ns();
    assert_int_equal(ly_regex_find(regex, ly_str_n(text, sizeof text), 0, NULL, 0, &err),
                     LY_E_LIMIT);
    assert_string_equal(err.text,
                        "regular expression gave up: it backtracks too much on this text");
    assert_true(ly_mono_ns() - start < 2 * LY_NS_PER_SEC);
    ly_buf out;
    ly_buf_init(&out, 100000);
    ly_buf_c(&out, "kept");
    size_t n = 7;
    assert_int_equal(ly_regex_replace(regex, ly_str_n(text, sizeof text), LY_S(""), &out, &n, NULL),
                     LY_E_LIMIT);
    assert_string_equal(ly_buf_text(&out), "kept");
    assert_int_equal(n, 7);
    ly_buf_release(&out);
    ly_regex_free(regex);
}

static void replace(const char *pattern, ly_str subject, const char *want, size_t want_n)
{
    ly_regex *regex = compile(pattern, 0);
    ly_buf out;
    size_t n = 0;
    ly_buf_init(&out, 1000);
    assert_int_equal(ly_regex_replace(regex, subject, LY_S("[$0]"), &out, &n, NULL), LY_OK);
    assert_string_equal(ly_buf_text(&out), want);
    assert_int_equal(n, want_n);
    ly_buf_release(&out);
    ly_regex_free(regex);
}

static void replacing(void **state)
{
    (void)state;
    replace("\\d+", LY_S("a1b22"), "a[$0]b[$0]", 2);
    replace("x", LY_S("abc"), "abc", 0);
    replace("", LY_S("\xc3\xa9"), "[$0]\xc3\xa9[$0]", 2);
    replace("b*", LY_S("abb"), "[$0]a[$0][$0]", 3);
    replace("a\\Kb", LY_S("abab"), "a[$0]a[$0]", 2);
    replace("a",
            LY_S("\xff"
                 "a\xff"),
            "\xff[$0]\xff", 1);
    replace("a", LY_STR_NONE, "", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching),     cmocka_unit_test(groups),
        cmocka_unit_test(bad_patterns), cmocka_unit_test(catastrophe_ends),
        cmocka_unit_test(replacing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
