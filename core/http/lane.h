/*
 * One lane's limit of requests in flight: slow start, then additive increase and multiplicative
 * decrease. Pure arithmetic over the times it is given, so that tests need no network.
 */
#ifndef LY_HTTP_LANE_H
#define LY_HTTP_LANE_H

#include "base/str.h"

typedef struct ly_lane_rate {
    double limit;
    double floor, ceiling;
    bool refused_once;       /* slow start is over */
    size_t round, peak;      /* successes and most in flight of this round */
    int64_t cool_until_ns;   /* no second cut, no growth before */
    int64_t parked_until_ns; /* nothing starts before */
} ly_lane_rate;

void ly_lane_rate_init(ly_lane_rate *rate, size_t ceiling, bool fixed);
/* Requests that may be in flight now; 0 while parked. */
size_t ly_lane_rate_room(const ly_lane_rate *rate, int64_t now_ns);
/* A request started: in_flight counts it. */
void ly_lane_rate_started(ly_lane_rate *rate, size_t in_flight);
/* An answer that was not a refusal; clean = the first attempt of its request. */
void ly_lane_rate_success(ly_lane_rate *rate, bool clean, int64_t now_ns);
/* Refused for rate; wait_ms = what was asked, or -1. */
void ly_lane_rate_refused(ly_lane_rate *rate, int64_t wait_ms, int64_t now_ns);
/* The server said that nothing is left until then: wait, without a cut. */
void ly_lane_rate_empty(ly_lane_rate *rate, int64_t wait_ms, int64_t now_ns);

#endif
