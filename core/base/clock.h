/*
 * Time: wall clock for stamps, monotonic clock for durations, both in nanoseconds, both injectable.
 * Civil time is the proleptic Gregorian calendar in UTC; other zones are an offset the caller gives.
 */
#ifndef LY_BASE_CLOCK_H
#define LY_BASE_CLOCK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define LY_NS_PER_US  1000LL
#define LY_NS_PER_MS  1000000LL
#define LY_NS_PER_SEC 1000000000LL
#define LY_NS_PER_DAY (86400LL * LY_NS_PER_SEC)

/* Nanoseconds since 1970-01-01 UTC. */
int64_t ly_wall_ns(void);
/* Nanoseconds of a clock that never goes back; its zero means nothing. */
int64_t ly_mono_ns(void);
/* Test hook: from now on ly_wall_ns answers `ns` (0 = the real clock again). */
void ly_wall_fix(int64_t ns);

typedef struct ly_civil {
    int32_t year;
    int8_t month, day, hour, minute, second; /* month 1..12, day 1..31 */
    int32_t nanos;
} ly_civil;

ly_civil ly_civil_from_ns(int64_t ns);
int64_t ly_civil_to_ns(ly_civil civil);
/* Days since 1970-01-01, and back. */
int64_t ly_civil_to_day(int32_t year, int month, int day);

/* "2026-11-21T15:04:05.123456789Z"; digits = 0, 3, 6 or 9 of the fraction. */
void ly_time_format(int64_t ns, int digits, ly_buf *out);
/* RFC 3339 with zone or Z, or a date "2026-11-21" (midnight UTC), or "2026-11-21 15:04[:05]". */
LY_MUST_USE bool ly_time_parse(ly_str text, int64_t *ret_ns);
/* "90s" "1.5s" "250ms" "15m" "2h" "30d" "4w" -> nanoseconds; a plain number is refused. */
LY_MUST_USE bool ly_duration_parse(ly_str text, int64_t *ret_ns);
/* "950us" "12ms" "1.42s" "2m03s" "1h04m": at most 6 characters, for tables. */
void ly_duration_format(int64_t ns, ly_buf *out);

#endif
