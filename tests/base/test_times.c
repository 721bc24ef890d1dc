#include "base/clock.h"
#include "base/times.h"
#include "tests/test.h"

static void test_words(void **state)
{
    (void)state;
    int64_t now = 0;
    /* A Saturday. */
    assert_true(ly_time_parse(LY_S("2026-11-21T15:30:00Z"), &now));
    static const struct {
        const char *text;
        int64_t offset_s;
        const char *from, *to; /* to NULL = open */
    } cases[] = {
        {"2h", 0, "2026-11-21T13:30:00Z", NULL},
        {"30d", 0, "2026-10-22T15:30:00Z", NULL},
        {"2026-11", 0, "2026-11-01", "2026-12-01"},
        {"2026-12", 0, "2026-12-01", "2027-01-01"},
        {"2026", 0, "2026-01-01", "2027-01-01"},
        {"last-month", 0, "2026-10-01", "2026-11-01"},
        {"this-week", 0, "2026-11-16", "2026-11-23"},
        {"last-week", 0, "2026-11-09", "2026-11-16"},
        {"today", 0, "2026-11-21", "2026-11-22"},
        {"yesterday", 0, "2026-11-20", "2026-11-21"},
        {"2026-11-03", 0, "2026-11-03", "2026-11-04"},
        {"2026-11-03T10:00", 0, "2026-11-03T10:00Z", NULL},
        /* Two hours east: the local day begins at 22:00 UTC. */
        {"today", 7200, "2026-11-20T22:00Z", "2026-11-21T22:00Z"},
        {"2026-11", 7200, "2026-10-31T22:00Z", "2026-11-30T22:00Z"},
        {"2026-11-03T10:00", 7200, "2026-11-03T08:00Z", NULL},
        {"2026-11-03T10:00Z", 7200, "2026-11-03T10:00Z", NULL},
    };
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        ly_time_range got = {0, 0};
        int64_t from, to = INT64_MAX;
        assert_true(ly_time_words(ly_str_c(cases[i].text), now, cases[i].offset_s, &got));
        assert_true(ly_time_parse(ly_str_c(cases[i].from), &from));
        if (cases[i].to)
            assert_true(ly_time_parse(ly_str_c(cases[i].to), &to));
        assert_int_equal(got.from_ns, from);
        assert_int_equal(got.to_ns, to);
    }
    ly_time_range none;
    assert_false(ly_time_words(LY_S("2026-13"), now, 0, &none));
    assert_false(ly_time_words(LY_S("soon"), now, 0, &none));
    assert_false(ly_time_words(LY_S(""), now, 0, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
