/* Zones; see cost/zone.h. The file format is RFC 8536 (TZif), version 1 or later. */
#include "cost/zone.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

#define MAX_ZONE_FILE LY_KIB(256)
#define MAX_CHANGES   4096
#define CYCLE_S       (28LL * 365 * 86400 + 7 * 86400) /* 28 years: the calendar repeats */

struct ly_zone {
    char name[80];
    int64_t before_s; /* offset before the first change */
    size_t n;
    struct {
        int64_t at_s, offset_s;
    } changes[];
};

static ly_zone *zone_new(size_t n, const char *name)
{
    ly_zone *zone = ly_calloc(1, sizeof *zone + n * sizeof zone->changes[0]);
    if (zone) {
        (void)ly_str_copy(ly_str_c(name), zone->name, sizeof zone->name);
    }
    return zone;
}

void ly_zone_free(ly_zone *zone)
{
    ly_free(zone);
}

const char *ly_zone_name(const ly_zone *zone)
{
    return zone ? zone->name : "UTC";
}

/* "+02:00", "-0330", "+2" */
static bool offset_parse(ly_str text, int64_t *ret_s)
{
    int64_t hours = 0, minutes = 0;
    if (text.len < 2 || (text.ptr[0] != '+' && text.ptr[0] != '-')) {
        return false;
    }
    bool negative = text.ptr[0] == '-';
    ly_str rest = ly_str_sub(text, 1, text.len);
    size_t colon = ly_str_find_char(rest, ':', 0);
    ly_str h = rest, m = LY_STR_NONE;
    if (colon != SIZE_MAX) {
        h = ly_str_sub(rest, 0, colon);
        m = ly_str_sub(rest, colon + 1, rest.len);
    } else if (rest.len == 4) {
        h = ly_str_sub(rest, 0, 2);
        m = ly_str_sub(rest, 2, 2);
    }
    if (h.len < 1 || h.len > 2 || !ly_str_to_i64(h, &hours) || hours > 14 ||
        (m.ptr && (m.len != 2 || !ly_str_to_i64(m, &minutes) || minutes > 59))) {
        return false;
    }
    *ret_s = (hours * 3600 + minutes * 60) * (negative ? -1 : 1);
    return *ret_s % 900 == 0;
}

static ly_status zone_fixed(int64_t offset_s, ly_zone **ret_zone, ly_err *err)
{
    ly_zone *zone = zone_new(0, "UTC");
    if (!zone) {
        return LY_NOMEM(err);
    }
    zone->before_s = offset_s;
    if (offset_s != 0) {
        int64_t size = offset_s < 0 ? -offset_s : offset_s;
        (void)snprintf(zone->name, sizeof zone->name, "%c%02d:%02d", offset_s < 0 ? '-' : '+',
                       (int)(size / 3600), (int)(size / 60 % 60));
    }
    *ret_zone = zone;
    return LY_OK;
}

/* ---- TZif ---- */

static int64_t be(const unsigned char *p, size_t n)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return (int64_t)v;
}

typedef struct tzif {
    size_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
} tzif;

static bool header(const unsigned char *p, size_t n, tzif *ret)
{
    if (n < 44 || memcmp(p, "TZif", 4) != 0) {
        return false;
    }
    size_t *counts[6] = {&ret->isutcnt, &ret->isstdcnt, &ret->leapcnt,
                         &ret->timecnt, &ret->typecnt,  &ret->charcnt};
    for (size_t i = 0; i < 6; i++) {
        int64_t count = be(p + 20 + 4 * i, 4);
        if (count < 0 || count > MAX_CHANGES) {
            return false;
        }
        *counts[i] = (size_t)count;
    }
    return ret->typecnt > 0;
}

static size_t block_size(const tzif *h, size_t time_size)
{
    return h->timecnt * (time_size + 1) + h->typecnt * 6 + h->charcnt +
           h->leapcnt * (time_size + 4) + h->isstdcnt + h->isutcnt;
}

static ly_zone *read_block(const unsigned char *p, const tzif *h, size_t time_size,
                           const char *name)
{
    ly_zone *zone = zone_new(h->timecnt, name);
    const unsigned char *kinds = p + h->timecnt * time_size;
    const unsigned char *types = kinds + h->timecnt;
    if (!zone) {
        return NULL;
    }
    zone->before_s = be(types, 4);
    for (size_t i = 0; i < h->timecnt; i++) {
        if (kinds[i] >= h->typecnt) {
            ly_zone_free(zone);
            return NULL;
        }
        zone->changes[i].at_s = be(p + i * time_size, time_size);
        zone->changes[i].offset_s = be(types + (size_t)kinds[i] * 6, 4);
    }
    zone->n = h->timecnt;
    return zone;
}

static ly_zone *tzif_parse(const unsigned char *p, size_t n, const char *name)
{
    tzif h;
    if (!header(p, n, &h) || n < 44 + block_size(&h, 4)) {
        return NULL;
    }
    if (p[4] < '2') {
        return read_block(p + 44, &h, 4, name);
    }
    size_t skip = 44 + block_size(&h, 4); /* the second block has 64-bit times */
    if (!header(p + skip, n - skip, &h) || n - skip < 44 + block_size(&h, 8)) {
        return NULL;
    }
    return read_block(p + skip + 44, &h, 8, name);
}

static bool name_safe(ly_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == '+' || (c == '/' && i > 0);
        if (!good) {
            return false;
        }
    }
    return name.len > 0 && name.len < 64;
}

static ly_status zone_named(ly_str name, ly_zone **ret_zone, ly_err *err)
{
    char path[400], text[80];
    const char *folder = getenv("TZDIR");
    (void)ly_str_copy(name, text, sizeof text);
    (void)snprintf(path, sizeof path, "%s/%s", folder && *folder ? folder : "/usr/share/zoneinfo",
                   text);
    FILE *file = fopen(path, "rb");
    if (!file) {
        return LY_FAIL(err, LY_E_NOTFOUND,
                       "time zone '%s' is not known here; use UTC, +02:00, or install tzdata",
                       text);
    }
    unsigned char *bytes = ly_malloc(MAX_ZONE_FILE);
    size_t n = bytes ? fread(bytes, 1, MAX_ZONE_FILE, file) : 0;
    ly_zone *zone = tzif_parse(bytes, n, text);
    (void)fclose(file);
    ly_free(bytes);
    if (!zone) {
        return LY_FAIL(err, LY_E_FORMAT, "%s is not a zone file", path);
    }
    *ret_zone = zone;
    return LY_OK;
}

ly_status ly_zone_open(ly_str name, ly_zone **ret_zone, ly_err *err)
{
    int64_t offset_s = 0;
    if (name.len == 0 || ly_str_eq_nocase(name, LY_S("utc")) || ly_str_eqc(name, "Z") ||
        ly_str_eq_nocase(name, LY_S("gmt")) || offset_parse(name, &offset_s)) {
        return zone_fixed(offset_s, ret_zone, err);
    }
    if (!name_safe(name) || name.ptr[0] == '+' || name.ptr[0] == '-') {
        return LY_FAIL(
            err, LY_E_INVALID,
            "'%.*s' is no time zone; use UTC, +02:00 (quarters of an hour) or a name such "
            "as Europe/Berlin",
            LY_STR_ARG(name));
    }
    return zone_named(name, ret_zone, err);
}

/* ---- asking ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

int64_t ly_zone_offset_s(const ly_zone *zone, int64_t ns)
{
    if (!zone) {
        return 0;
    }
    int64_t at = floor_div(ns, LY_NS_PER_SEC);
    while (zone->n > 1 && at > zone->changes[zone->n - 1].at_s + 366LL * 86400) {
        at -= CYCLE_S;
    }
    size_t low = 0, high = zone->n; /* the number of changes at or before `at` */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (zone->changes[mid].at_s <= at) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low ? zone->changes[low - 1].offset_s : zone->before_s;
}

int64_t ly_zone_to_local(const ly_zone *zone, int64_t ns)
{
    return ns + ly_zone_offset_s(zone, ns) * LY_NS_PER_SEC;
}

int64_t ly_zone_from_local(const ly_zone *zone, int64_t local_ns)
{
    /* The offset a day before is the one before any change that may lie here; where the result has
     * another offset, the time is after the change. */
    int64_t before = ly_zone_offset_s(zone, local_ns - LY_NS_PER_DAY);
    int64_t after = ly_zone_offset_s(zone, local_ns + LY_NS_PER_DAY);
    int64_t first = local_ns - before * LY_NS_PER_SEC;
    if (before == after || ly_zone_offset_s(zone, first) == before) {
        return first;
    }
    int64_t second = local_ns - after * LY_NS_PER_SEC;
    return ly_zone_offset_s(zone, second) == after ? second : first;
}

static int64_t local_floor(ly_span_of what, int64_t local)
{
    if (what == LY_HOUR_OF) {
        return floor_div(local, 3600 * LY_NS_PER_SEC) * 3600 * LY_NS_PER_SEC;
    }
    int64_t day = floor_div(local, LY_NS_PER_DAY);
    if (what == LY_WEEK_OF) {
        day -= ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    } else if (what == LY_MONTH_OF) {
        ly_civil civil = ly_civil_from_ns(local);
        day = ly_civil_to_day(civil.year, civil.month, 1);
    }
    return day * LY_NS_PER_DAY;
}

int64_t ly_zone_floor(const ly_zone *zone, ly_span_of what, int64_t ns)
{
    if (what == LY_HOUR_OF) { /* an hour that clocks repeat is two hours */
        int64_t shift = ly_zone_offset_s(zone, ns) * LY_NS_PER_SEC;
        return local_floor(what, ns + shift) - shift;
    }
    return ly_zone_from_local(zone, local_floor(what, ly_zone_to_local(zone, ns)));
}

int64_t ly_zone_next(const ly_zone *zone, ly_span_of what, int64_t ns, int step)
{
    int64_t start = ly_zone_floor(zone, what, ns);
    if (what == LY_HOUR_OF) {
        return start + step * 3600 * LY_NS_PER_SEC;
    }
    int64_t local = ly_zone_to_local(zone, start);
    if (what == LY_MONTH_OF) {
        ly_civil civil = ly_civil_from_ns(local);
        int64_t months = civil.year * 12LL + civil.month - 1 + step;
        local = ly_civil_to_day((int32_t)floor_div(months, 12),
                                (int)(months - floor_div(months, 12) * 12) + 1, 1) *
                LY_NS_PER_DAY;
    } else {
        local += step * (what == LY_WEEK_OF ? 7 : 1) * LY_NS_PER_DAY;
    }
    return ly_zone_from_local(zone, local);
}
