/* Rate control, without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http/lane.h"

/* A whole round of clean successes with the lane full. */
static void clean_round(ly_lane_rate *r, int64_t now)
{
    size_t limit = (size_t)r->limit;
    ly_lane_rate_started(r, limit);
    for (size_t i = 0; i < limit; i++) {
        ly_lane_rate_success(r, true, now);
    }
}

static void slow_start_then_care(void **state)
{
    ly_lane_rate r;
    int64_t now = 1000 * LY_NS_PER_SEC;
    (void)state;
    ly_lane_rate_init(&r, 100, false);
    assert_int_equal(ly_lane_rate_room(&r, now), 20);
    clean_round(&r, now);
    assert_int_equal(ly_lane_rate_room(&r, now), 40);
    clean_round(&r, now);
    clean_round(&r, now);
    assert_int_equal(ly_lane_rate_room(&r, now), 100); /* the ceiling */
    ly_lane_rate_refused(&r, 2000, now);
    assert_int_equal(ly_lane_rate_room(&r, now), 0); /* parked for as long as was asked */
    now += 2000 * LY_NS_PER_MS;
    assert_int_equal(ly_lane_rate_room(&r, now), 80);
    ly_lane_rate_refused(&r, 10, now); /* within the cool-down: no second cut */
    now += 20 * LY_NS_PER_MS;
    assert_int_equal(ly_lane_rate_room(&r, now), 80);
    clean_round(&r, now); /* nor growth */
    assert_int_equal(ly_lane_rate_room(&r, now), 80);
    now += 16 * LY_NS_PER_SEC;
    clean_round(&r, now);
    assert_int_equal(ly_lane_rate_room(&r, now), 84); /* 5 %, no longer doubled */
    for (int i = 0; i < 50; i++) {
        now += 20 * LY_NS_PER_SEC;
        ly_lane_rate_refused(&r, 0, now);
    }
    assert_int_equal(ly_lane_rate_room(&r, now), 10); /* the floor */
}

static void idle_does_not_grow(void **state)
{
    ly_lane_rate r;
    (void)state;
    ly_lane_rate_init(&r, 100, false);
    ly_lane_rate_started(&r, 3); /* far from full */
    for (int i = 0; i < 100; i++) {
        ly_lane_rate_success(&r, true, 1);
    }
    assert_int_equal(ly_lane_rate_room(&r, 1), 20);
    for (int i = 0; i < 100; i++) {
        ly_lane_rate_success(&r, false, 1); /* retried ones are neutral */
    }
    assert_int_equal(ly_lane_rate_room(&r, 1), 20);
    ly_lane_rate_init(&r, 3, false);
    assert_int_equal(ly_lane_rate_room(&r, 1), 3);
    ly_lane_rate_init(&r, 256, true);
    assert_int_equal(ly_lane_rate_room(&r, 1), 256);
    ly_lane_rate_empty(&r, 100, 1);
    assert_int_equal(ly_lane_rate_room(&r, 2), 0);
    assert_int_equal(ly_lane_rate_room(&r, 100 * LY_NS_PER_MS + 2), 256); /* waited, not cut */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(slow_start_then_care),
                                       cmocka_unit_test(idle_does_not_grow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
