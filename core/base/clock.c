#include "base/clock.h"

#include <time.h>

static _Atomic int64_t fixed_wall;

int64_t ly_wall_ns(void)
{
    int64_t fixed = fixed_wall;
    if (fixed)
        return fixed;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * LY_NS_PER_SEC + t.tv_nsec;
}

int64_t ly_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * LY_NS_PER_SEC + t.tv_nsec;
}

void ly_wall_fix(int64_t ns)
{
    fixed_wall = ns;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

/* Days from civil and back: the era method (400-year cycles that begin in March), as published by
 * H. Hinnant in "chrono-compatible low-level date algorithms". */
int64_t ly_civil_to_day(int32_t year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

ly_civil ly_civil_from_ns(int64_t ns)
{
    int64_t secs = floor_div(ns, LY_NS_PER_SEC);
    int64_t days = floor_div(secs, 86400);
    int64_t rest = secs - days * 86400;
    int64_t z = days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    ly_civil c;
    c.year = (int32_t)(yoe + era * 400 + (month <= 2));
    c.month = (int8_t)month;
    c.day = (int8_t)(doy - (153 * mp + 2) / 5 + 1);
    c.hour = (int8_t)(rest / 3600);
    c.minute = (int8_t)(rest / 60 % 60);
    c.second = (int8_t)(rest % 60);
    c.nanos = (int32_t)(ns - secs * LY_NS_PER_SEC);
    return c;
}

int64_t ly_civil_to_ns(ly_civil c)
{
    int64_t days = ly_civil_to_day(c.year, c.month, c.day);
    return (days * 86400 + c.hour * 3600 + c.minute * 60 + c.second) * LY_NS_PER_SEC + c.nanos;
}

void ly_time_format(int64_t ns, int digits, ly_buf *out)
{
    ly_civil c = ly_civil_from_ns(ns);
    ly_buf_fmt(out, "%04d-%02d-%02dT%02d:%02d:%02d", (int)c.year, c.month, c.day, c.hour, c.minute,
               c.second);
    if (digits == 3)
        ly_buf_fmt(out, ".%03d", c.nanos / 1000000);
    else if (digits == 6)
        ly_buf_fmt(out, ".%06d", c.nanos / 1000);
    else if (digits == 9)
        ly_buf_fmt(out, ".%09d", c.nanos);
    ly_buf_char(out, 'Z');
}

/* Reads exactly n digits at *pos. */
static bool digits_at(ly_str s, size_t *pos, int n, int *ret)
{
    int value = 0;
    for (int i = 0; i < n; i++, (*pos)++) {
        if (*pos >= s.len || s.ptr[*pos] < '0' || s.ptr[*pos] > '9')
            return false;
        value = value * 10 + (s.ptr[*pos] - '0');
    }
    *ret = value;
    return true;
}

static bool char_at(ly_str s, size_t *pos, char c)
{
    if (*pos >= s.len || s.ptr[*pos] != c)
        return false;
    (*pos)++;
    return true;
}

static int month_days(int year, int month)
{
    static const int8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* [.fraction], up to nine digits kept, more ignored. */
static bool fraction_at(ly_str s, size_t *pos, int32_t *ret_nanos)
{
    int32_t nanos = 0, scale = 100000000;
    size_t start = *pos;
    for (; *pos < s.len && s.ptr[*pos] >= '0' && s.ptr[*pos] <= '9'; (*pos)++) {
        nanos += (s.ptr[*pos] - '0') * scale;
        scale /= 10;
    }
    *ret_nanos = nanos;
    return *pos > start;
}

/* Z, +hh:mm, -hh:mm, or nothing (UTC). */
static bool zone_at(ly_str s, size_t *pos, int64_t *ret_offset_s)
{
    *ret_offset_s = 0;
    if (*pos == s.len)
        return true;
    char c = s.ptr[*pos];
    if (c == 'Z' || c == 'z') {
        (*pos)++;
        return true;
    }
    if (c != '+' && c != '-')
        return false;
    (*pos)++;
    int h, m = 0;
    if (!digits_at(s, pos, 2, &h))
        return false;
    char_at(s, pos, ':');
    if (*pos < s.len && !digits_at(s, pos, 2, &m))
        return false;
    if (h > 23 || m > 59)
        return false;
    *ret_offset_s = (c == '-' ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

bool ly_time_parse(ly_str s, int64_t *ret_ns)
{
    s = ly_str_trim(s);
    size_t p = 0;
    int year, month, day, hour = 0, minute = 0, second = 0;
    int32_t nanos = 0;
    int64_t offset = 0;
    if (!digits_at(s, &p, 4, &year) || !char_at(s, &p, '-') || !digits_at(s, &p, 2, &month) ||
        !char_at(s, &p, '-') || !digits_at(s, &p, 2, &day))
        return false;
    /* 64-bit nanoseconds hold 1678 to 2261. */
    if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 ||
        day > month_days(year, month))
        return false;
    if (p < s.len) {
        if (!char_at(s, &p, 'T') && !char_at(s, &p, 't') && !char_at(s, &p, ' '))
            return false;
        if (!digits_at(s, &p, 2, &hour) || !char_at(s, &p, ':') || !digits_at(s, &p, 2, &minute))
            return false;
        if (char_at(s, &p, ':')) {
            if (!digits_at(s, &p, 2, &second))
                return false;
            if (char_at(s, &p, '.') && !fraction_at(s, &p, &nanos))
                return false;
        }
        if (hour > 23 || minute > 59 || second > 60 || !zone_at(s, &p, &offset) || p != s.len)
            return false;
    }
    ly_civil c = {year,           (int8_t)month,  (int8_t)day, (int8_t)hour,
                  (int8_t)minute, (int8_t)second, nanos};
    *ret_ns = ly_civil_to_ns(c) - offset * LY_NS_PER_SEC;
    return true;
}

bool ly_duration_parse(ly_str s, int64_t *ret_ns)
{
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {{"ns", 1},
                 {"us", LY_NS_PER_US},
                 {"ms", LY_NS_PER_MS},
                 {"s", LY_NS_PER_SEC},
                 {"m", 60 * LY_NS_PER_SEC},
                 {"min", 60 * LY_NS_PER_SEC},
                 {"h", 3600 * LY_NS_PER_SEC},
                 {"d", LY_NS_PER_DAY},
                 {"w", 7 * LY_NS_PER_DAY}};
    size_t n = 0;
    while (n < s.len && ((s.ptr[n] >= '0' && s.ptr[n] <= '9') || s.ptr[n] == '.'))
        n++;
    double value;
    if (!ly_str_to_double(ly_str_sub(s, 0, n), &value))
        return false;
    ly_str unit = ly_str_sub(s, n, s.len);
    for (size_t i = 0; i < LY_COUNT(units); i++) {
        if (!ly_str_eqc(unit, units[i].unit))
            continue;
        double ns = value * (double)units[i].ns;
        if (ns >= 9.2e18)
            return false;
        /* Without libm: liblydite is linked with libc alone. */
        *ret_ns = (int64_t)(ns + 0.5);
        return true;
    }
    return false;
}

void ly_duration_format(int64_t ns, ly_buf *out)
{
    if (ns < 0) {
        ly_buf_char(out, '-');
        ns = ns == INT64_MIN ? INT64_MAX : -ns;
    }
    double us = (double)ns / 1e3, ms = (double)ns / 1e6, s = (double)ns / 1e9;
    if (ns < 1000)
        ly_buf_fmt(out, "%dns", (int)ns);
    else if (us < 999.5)
        ly_buf_fmt(out, us < 9.95 ? "%.1fus" : "%.0fus", us);
    else if (ms < 999.5)
        ly_buf_fmt(out, ms < 9.95 ? "%.1fms" : "%.0fms", ms);
    else if (s < 59.995)
        ly_buf_fmt(out, s < 9.995 ? "%.2fs" : "%.1fs", s);
    else if (s < 3599.5)
        ly_buf_fmt(out, "%dm%02ds", (int)(s + 0.5) / 60, (int)(s + 0.5) % 60);
    else if (s < 359970)
        ly_buf_fmt(out, "%dh%02dm", (int)((s + 30) / 3600), (int)((s + 30) / 60) % 60);
    else
        ly_buf_fmt(out, "%dd%02dh", (int)((s + 1800) / 86400), (int)((s + 1800) / 3600) % 24);
}
