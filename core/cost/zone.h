/*
 * Time zones for reports and budgets: a fixed offset, or a zone of the system's zoneinfo by name.
 *
 * "UTC" · "+02:00" · "-0330" · "Europe/Berlin" (read from /usr/share/zoneinfo, or TZDIR). A zone is
 * immutable and may be shared. After the last change of clocks that the file lists, the rule in its footer
 * (RFC 8536, 3.3) holds.
 */
#ifndef LY_COST_ZONE_H
#define LY_COST_ZONE_H

#include "base/clock.h"
#include "base/err.h"

typedef struct ly_zone ly_zone;

/* LY_E_INVALID names the forms; LY_E_NOTFOUND when the system has no such zone. */
LY_MUST_USE ly_status ly_zone_open(ly_str name, ly_zone **ret_zone, ly_err *err);
void ly_zone_free(ly_zone *zone);
/* "UTC", "+02:00" or the name, as for printing. */
const char *ly_zone_name(const ly_zone *zone);
/* Distance from UTC at a moment, in seconds. zone NULL = UTC. */
int64_t ly_zone_offset_s(const ly_zone *zone, int64_t ns);
/* A moment as the zone's clock shows it, and back. A time that a change of clocks skips or repeats is
 * taken with the offset before the change. */
int64_t ly_zone_to_local(const ly_zone *zone, int64_t ns);
int64_t ly_zone_from_local(const ly_zone *zone, int64_t local_ns);

typedef enum ly_span_of { LY_HOUR_OF, LY_DAY_OF, LY_WEEK_OF, LY_MONTH_OF } ly_span_of;
/* Start of the hour, day, week (Monday) or month that holds the moment; and of the one `step` later. */
int64_t ly_zone_floor(const ly_zone *zone, ly_span_of what, int64_t ns);
int64_t ly_zone_next(const ly_zone *zone, ly_span_of what, int64_t ns, int step);

#endif
