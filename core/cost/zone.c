/* Zones; see cost/zone.h. The file format is RFC 8536 (TZif), version 1 or later; its
 * footer is a TZ string of POSIX.1-2017, chapter 8.3. */
#include "cost/zone.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

#define MAX_ZONE_FILE LY_KIB(256)
#define MAX_CHANGES   4096

/* A day of each year and the time of it at which the clock changes: "M3.5.0/2", "J60", "59". */
typedef struct yearly {
    char kind; /* 'M', 'J' (1 to 365, no leap day), '0' (0 to 365) */
    int64_t month, week, day;
    int64_t time_s; /* -167 to 167 hours */
} yearly;

/* What holds after the last change of the file: the POSIX TZ string of its footer. */
typedef struct tail {
    bool known, has_dst;
    int64_t std_s, dst_s;
    yearly start, end; /* of daylight saving */
} tail;

struct ly_zone {
    char name[80];
    int64_t before_s; /* offset before the first change */
    tail after;
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

/* ---- the footer: "CET-1CEST,M3.5.0,M10.5.0/3", "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45" ---- */

static bool take_number(ly_str *io, int64_t most, int64_t *ret)
{
    size_t n = 0;
    while (n < io->len && n < 4 && io->ptr[n] >= '0' && io->ptr[n] <= '9') {
        n++;
    }
    if (n == 0 || !ly_str_to_i64(ly_str_sub(*io, 0, n), ret) || *ret > most) {
        return false;
    }
    *io = ly_str_sub(*io, n, io->len);
    return true;
}

static bool take_char(ly_str *io, char c)
{
    if (io->len == 0 || io->ptr[0] != c) {
        return false;
    }
    *io = ly_str_sub(*io, 1, io->len);
    return true;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_time(ly_str *io, int64_t most_hours, int64_t *ret)
{
    int64_t hours = 0, minutes = 0, seconds = 0;
    bool negative = take_char(io, '-');
    bool good = (negative || take_char(io, '+') || true) && take_number(io, most_hours, &hours) &&
                (!take_char(io, ':') || take_number(io, 59, &minutes)) &&
                (!take_char(io, ':') || take_number(io, 59, &seconds));
    *ret = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
    return good;
}

static bool take_name(ly_str *io)
{
    size_t n = 0;
    if (take_char(io, '<')) {
        n = ly_str_find_char(*io, '>', 0);
        if (n == SIZE_MAX) {
            return false;
        }
        *io = ly_str_sub(*io, n + 1, io->len);
        return n > 0;
    }
    while (n < io->len && ((io->ptr[n] | 0x20) >= 'a' && (io->ptr[n] | 0x20) <= 'z')) {
        n++;
    }
    *io = ly_str_sub(*io, n, io->len);
    return n >= 3;
}

static bool take_yearly(ly_str *io, yearly *ret)
{
    bool good;
    *ret = (yearly){.kind = '0', .time_s = 2 * 3600};
    if (take_char(io, 'M')) {
        ret->kind = 'M';
        good = take_number(io, 12, &ret->month) && take_char(io, '.') &&
               take_number(io, 5, &ret->week) && take_char(io, '.') &&
               take_number(io, 6, &ret->day) && ret->month > 0 && ret->week > 0;
    } else {
        ret->kind = take_char(io, 'J') ? 'J' : '0';
        good = take_number(io, 365, &ret->day) && (ret->kind == '0' || ret->day > 0);
    }
    return good && (!take_char(io, '/') || take_time(io, 167, &ret->time_s));
}

/* In the string an offset is what must be added to reach UTC: west is positive. */
static tail tail_parse(ly_str text)
{
    tail t = {.known = false};
    if (!take_name(&text) || !take_time(&text, 24, &t.std_s)) {
        return t;
    }
    t.std_s = -t.std_s;
    t.known = text.len == 0;
    if (t.known || !take_name(&text)) {
        return t;
    }
    t.dst_s = t.std_s + 3600;
    if (text.len > 0 && text.ptr[0] != ',') {
        if (!take_time(&text, 24, &t.dst_s)) {
            return t;
        }
        t.dst_s = -t.dst_s;
    }
    t.has_dst = take_char(&text, ',') && take_yearly(&text, &t.start) && take_char(&text, ',') &&
                take_yearly(&text, &t.end) && text.len == 0;
    t.known = t.has_dst;
    return t;
}

/* The change of that year, in seconds of the clock that it ends. */
static int64_t yearly_at(const yearly *y, int32_t year)
{
    int64_t first = ly_civil_to_day(year, 1, 1), day;
    if (y->kind == 'M') {
        int64_t of_month = ly_civil_to_day(year, (int)y->month, 1);
        int64_t next = y->month == 12 ? ly_civil_to_day(year + 1, 1, 1)
                                      : ly_civil_to_day(year, (int)y->month + 1, 1);
        int64_t weekday = ((of_month + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; 0 is Sunday */
        day = of_month + (y->day - weekday + 7) % 7 + (y->week - 1) * 7;
        day -= day >= next ? 7 : 0; /* week 5 is the last */
    } else {
        bool leap = ly_civil_to_day(year + 1, 1, 1) - first == 366;
        day = first + y->day - (y->kind == 'J' && !(leap && y->day >= 60) ? 1 : 0);
    }
    return day * 86400 + y->time_s;
}

static int64_t tail_offset(const tail *t, int64_t at_s)
{
    if (!t->has_dst) {
        return t->std_s;
    }
    int64_t local_ns;
    if (__builtin_mul_overflow(at_s + t->std_s, LY_NS_PER_SEC, &local_ns)) {
        return t->std_s; /* the end of time */
    }
    int32_t year = ly_civil_from_ns(local_ns).year;
    int64_t start = yearly_at(&t->start, year) - t->std_s;
    int64_t end = yearly_at(&t->end, year) - t->dst_s;
    bool dst = start < end ? at_s >= start && at_s < end : at_s >= start || at_s < end;
    return dst ? t->dst_s : t->std_s;
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
    ly_zone *zone = read_block(p + skip + 44, &h, 8, name);
    size_t foot = skip + 44 + block_size(&h, 8); /* "\nTZ\n" */
    ly_str text = ly_str_n((const char *)p + foot, n - foot), line;
    if (zone && take_char(&text, '\n') && ly_str_split(&text, '\n', &line)) {
        zone->after = tail_parse(line);
    }
    return zone;
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
    if (zone->after.known && (zone->n == 0 || at >= zone->changes[zone->n - 1].at_s)) {
        return tail_offset(&zone->after, at);
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
