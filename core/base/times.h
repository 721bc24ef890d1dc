/*
 * Times as people write them: options, filters, gates of a suite.
 */
#ifndef LY_BASE_TIMES_H
#define LY_BASE_TIMES_H

#include "base/str.h"

typedef struct ly_time_range {
    int64_t from_ns; /* included */
    int64_t to_ns;   /* not included; INT64_MAX where the words name only a start */
} ly_time_range;

/*
 * "2h" "30d" (that long before now) · "2026-11-21[T10:00[:00][Z]]" · "2026-11" "2026" (the whole) ·
 * "today" "yesterday" "this-week" "last-week" "this-month" "last-month". Weeks begin on Monday.
 * offset_s is the zone's distance from UTC for the words and for dates without a zone.
 * false when the text is none of these.
 */
LY_MUST_USE bool ly_time_words(ly_str text, int64_t now_ns, int64_t offset_s, ly_time_range *ret);

#endif
