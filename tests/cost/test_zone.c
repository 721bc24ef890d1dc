/*
 * Zones of reports and budgets: fixed offsets, names, days over a change of clocks, the rule after the last
 * change of a zone's file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "cost/zone.h"

static void zones(void **state)
{
    (void)state;
    ly_err err = LY_ERR_INIT;
    ly_zone *zone = NULL;
    int64_t ns;
    assert_int_equal(ly_zone_open(LY_S("+05:45"), &zone, &err), LY_OK);
    assert_int_equal(ly_zone_offset_s(zone, 0), 20700);
    assert_string_equal(ly_zone_name(zone), "+05:45");
    ly_zone_free(zone);
    static const char *const bad[] = {"+25:00",        "+01:07", "../../etc/passwd",
                                      "Nowhere/AtAll", "+",      "-1:5"};
    for (size_t i = 0; i < LY_COUNT(bad); i++) {
        zone = NULL;
        assert_int_not_equal(ly_zone_open(ly_str_c(bad[i]), &zone, &err), LY_OK);
        assert_null(zone);
    }
    assert_true(ly_time_parse(LY_S("2026-11-22T10:00:00Z"), &ns)); /* a Sunday */
    ly_civil c = ly_civil_from_ns(ly_zone_floor(NULL, LY_WEEK_OF, ns));
    assert_int_equal(c.day, 16);
    c = ly_civil_from_ns(ly_zone_next(NULL, LY_MONTH_OF, ns, -11));
    assert_int_equal(c.year * 100 + c.month, 202512);
    if (ly_zone_open(LY_S("Europe/Berlin"), &zone, &err) != LY_OK) {
        return; /* no tzdata here */
    }
    static const struct {
        const char *at;
        int64_t offset_s;
    } rows[] = {{"2026-03-29T00:59:59Z", 3600}, {"2026-03-29T01:00:00Z", 7200},
                {"2026-10-25T00:59:59Z", 7200}, {"2026-10-25T01:00:00Z", 3600},
                {"2050-07-01T00:00:00Z", 7200}, {"2050-01-01T00:00:00Z", 3600}};
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        assert_true(ly_time_parse(ly_str_c(rows[i].at), &ns));
        assert_int_equal(ly_zone_offset_s(zone, ns), rows[i].offset_s);
    }
    assert_true(ly_time_parse(LY_S("2026-10-25T12:00:00Z"), &ns)); /* a day of 25 hours */
    int64_t start = ly_zone_floor(zone, LY_DAY_OF, ns), end = ly_zone_next(zone, LY_DAY_OF, ns, 1);
    assert_int_equal((end - start) / LY_NS_PER_SEC, 25 * 3600);
    ly_zone_free(zone);
}

/* After the last change that a zone's file lists its footer holds, be that change years ago or in 2037. */
static void zones_of_today(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *at;
        int64_t offset_s;
    } rows[] = {
        {"Asia/Kolkata", "2026-11-21T18:10:00Z", 19800},
        {"Asia/Kolkata", "1943-01-01T00:00:00Z", 23400},
        {"Europe/Moscow", "2026-07-01T00:00:00Z", 10800},
        {"America/Sao_Paulo", "2026-01-15T00:00:00Z", -10800},
        {"Europe/Istanbul", "2026-01-15T00:00:00Z", 10800},
        {"Asia/Shanghai", "2027-07-01T00:00:00Z", 28800},
        {"Pacific/Chatham", "2026-01-15T00:00:00Z", 49500},
        {"Pacific/Chatham", "2026-06-15T00:00:00Z", 45900},
        {"Australia/Lord_Howe", "2026-01-15T00:00:00Z", 39600},
        {"Antarctica/Troll", "2026-07-15T00:00:00Z", 7200},
        {"Europe/Berlin", "2050-07-01T00:00:00Z", 7200},
        {"Europe/Berlin", "2050-12-01T00:00:00Z", 3600},
        {"Europe/Berlin", "2050-03-27T00:59:59Z", 3600},
        {"Europe/Berlin", "2050-03-27T01:00:00Z", 7200},
        {"America/New_York", "2050-11-06T05:59:59Z", -14400},
        {"America/New_York", "2050-11-06T06:00:00Z", -18000},
        {"Europe/Dublin", "2050-07-01T00:00:00Z", 3600},
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_err err = LY_ERR_INIT;
        ly_zone *zone = NULL;
        int64_t ns = 0;
        assert_true(ly_time_parse(ly_str_c(rows[i].at), &ns));
        if (ly_zone_open(ly_str_c(rows[i].zone), &zone, &err) != LY_OK) {
            assert_int_equal(err.code, LY_E_NOTFOUND); /* no tzdata */
            continue;
        }
        if (ly_zone_offset_s(zone, ns) != rows[i].offset_s) {
            fail_msg("%s at %s: %lld", rows[i].zone, rows[i].at,
                     (long long)ly_zone_offset_s(zone, ns));
        }
        (void)ly_zone_offset_s(zone, INT64_MAX);
        (void)ly_zone_offset_s(zone, INT64_MIN);
        ly_zone_free(zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones),
        cmocka_unit_test(zones_of_today),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
