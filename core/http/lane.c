/* Lane rate: see lane.h. The constants are judges-and-statistics.md §3.10's recommended controller. */
#include "http/lane.h"

#include "base/clock.h"

#define START      20.0
#define FLOOR      10.0
#define COOL_MS    15000
#define PARK_MS    1000
#define CUT        0.8
#define GROW       1.05
#define PEAK_SHARE 0.8

void ly_lane_rate_init(ly_lane_rate *rate, size_t ceiling, bool fixed)
{
    double top = ceiling ? (double)ceiling : 100;
    *rate = (ly_lane_rate){.ceiling = top, .floor = top < FLOOR ? top : FLOOR};
    rate->limit = fixed || top < START ? top : START;
}

size_t ly_lane_rate_room(const ly_lane_rate *rate, int64_t now_ns)
{
    return now_ns < rate->parked_until_ns ? 0 : (size_t)rate->limit;
}

void ly_lane_rate_started(ly_lane_rate *rate, size_t in_flight)
{
    rate->peak = in_flight > rate->peak ? in_flight : rate->peak;
}

void ly_lane_rate_success(ly_lane_rate *rate, bool clean, int64_t now_ns)
{
    if (!clean || now_ns < rate->cool_until_ns) {
        return;
    }
    double need = rate->limit > 4 ? rate->limit : 4;
    if ((double)++rate->round < need) {
        return;
    }
    if ((double)rate->peak >= PEAK_SHARE * rate->limit) {
        double more = rate->limit * GROW > rate->limit + 1 ? rate->limit * GROW : rate->limit + 1;
        rate->limit = rate->refused_once ? more : rate->limit * 2;
        rate->limit = rate->limit > rate->ceiling ? rate->ceiling : rate->limit;
    }
    rate->round = 0;
    rate->peak = 0;
}

void ly_lane_rate_empty(ly_lane_rate *rate, int64_t wait_ms, int64_t now_ns)
{
    int64_t until = now_ns + wait_ms * LY_NS_PER_MS;
    if (until > rate->parked_until_ns) {
        rate->parked_until_ns = until;
    }
}

void ly_lane_rate_refused(ly_lane_rate *rate, int64_t wait_ms, int64_t now_ns)
{
    ly_lane_rate_empty(rate, wait_ms >= 0 ? wait_ms : PARK_MS, now_ns);
    rate->refused_once = true;
    if (now_ns >= rate->cool_until_ns) {
        rate->limit *= CUT;
        rate->limit = rate->limit < rate->floor ? rate->floor : rate->limit;
        int64_t cool = wait_ms > COOL_MS ? wait_ms : COOL_MS;
        rate->cool_until_ns = now_ns + cool * LY_NS_PER_MS;
    }
    rate->round = 0;
    rate->peak = 0;
}
