#include "base/clock.h"
#include "tests/test.h"

static void test_civil_round_trip(void **state)
{
    (void)state;
    /* Every day from 1900 to 2200, at an odd time of day. */
    int64_t from = ly_civil_to_day(1900, 1, 1), to = ly_civil_to_day(2200, 12, 31);
    assert_int_equal(ly_civil_to_day(1970, 1, 1), 0);
    assert_int_equal(ly_civil_to_day(2000, 3, 1), 11017);
    for (int64_t day = from; day <= to; day++) {
        int64_t ns = day * LY_NS_PER_DAY + 86399 * LY_NS_PER_SEC + 123456789;
        ly_civil c = ly_civil_from_ns(ns);
        assert_true(ly_civil_to_ns(c) == ns && c.hour == 23 && c.nanos == 123456789);
    }
}

static void test_time_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* NULL = refused */
    } cases[] = {
        {"2026-11-21T15:04:05.123456789Z", "2026-11-21T15:04:05.123456789Z"},
        {"2026-11-21T15:04:05+02:00", "2026-11-21T13:04:05.000000000Z"},
        {"2026-11-21 15:04", "2026-11-21T15:04:00.000000000Z"},
        {"2026-11-21", "2026-11-21T00:00:00.000000000Z"},
        {"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000000Z"},
        {"2024-02-29", "2024-02-29T00:00:00.000000000Z"},
        {"2023-02-29", NULL},
        {"2026-13-01", NULL},
        {"2026-11-21T25:00", NULL},
        {"2026-11-21T15:04:05 ", "2026-11-21T15:04:05.000000000Z"},
        {"2026-11-21T15:04:05x", NULL},
        {"1200-01-01", NULL},
        {"yesterday", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        int64_t ns = 0;
        bool ok = ly_time_parse(ly_str_c(cases[i].text), &ns);
        assert_int_equal(ok, cases[i].want != NULL);
        if (!ok)
            continue;
        ly_buf b;
        ly_buf_init(&b, 64);
        ly_time_format(ns, 9, &b);
        assert_str(ly_buf_view(&b), cases[i].want);
        ly_buf_release(&b);
    }
}

static void test_durations(void **state)
{
    (void)state;
    int64_t ns;
    assert_true(ly_duration_parse(LY_S("1.5s"), &ns) && ns == 1500000000);
    assert_true(ly_duration_parse(LY_S("250ms"), &ns) && ns == 250000000);
    assert_true(ly_duration_parse(LY_S("30d"), &ns) && ns == 30 * LY_NS_PER_DAY);
    assert_false(ly_duration_parse(LY_S("30"), &ns));
    assert_false(ly_duration_parse(LY_S("d"), &ns));
    assert_false(ly_duration_parse(LY_S("-3d"), &ns));
    assert_false(ly_duration_parse(LY_S("999999999999w"), &ns));
    static const struct {
        int64_t ns;
        const char *want;
    } cases[] = {
        {0, "0ns"},
        {999, "999ns"},
        {9940, "9.9us"},
        {999499, "999us"},
        {999500, "1.0ms"},
        {12000000, "12ms"},
        {1420000000, "1.42s"},
        {9994000000, "9.99s"},
        {9995000000, "10.0s"},
        {59994000000, "60.0s"},
        {60000000000, "1m00s"},
        {3599000000000, "59m59s"},
        {3600000000000, "1h00m"},
        {360000000000000, "4d04h"},
        {-5000000, "-5.0ms"},
    };
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        ly_buf b;
        ly_buf_init(&b, 64);
        ly_duration_format(cases[i].ns, &b);
        assert_str(ly_buf_view(&b), cases[i].want);
        ly_buf_release(&b);
    }
}

static void test_fixed_wall(void **state)
{
    (void)state;
    ly_wall_fix(42);
    assert_int_equal(ly_wall_ns(), 42);
    ly_wall_fix(0);
    assert_true(ly_wall_ns() > 1700000000LL * LY_NS_PER_SEC);
    int64_t a = ly_mono_ns(), b = ly_mono_ns();
    assert_true(b >= a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_civil_round_trip),
        cmocka_unit_test(test_time_text),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_fixed_wall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
