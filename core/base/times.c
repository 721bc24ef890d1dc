#include "base/times.h"

#include "base/clock.h"

static int64_t day_ns(int64_t day)
{
    return day * LY_NS_PER_DAY;
}

static int64_t month_ns(int32_t year, int month)
{
    while (month < 1) {
        month += 12;
        year--;
    }
    while (month > 12) {
        month -= 12;
        year++;
    }
    return day_ns(ly_civil_to_day(year, month, 1));
}

/* The calendar words, in local time. */
static bool named(ly_str text, int64_t local_now, ly_time_range *ret)
{
    ly_civil c = ly_civil_from_ns(local_now);
    int64_t today = ly_civil_to_day(c.year, c.month, c.day);
    int64_t monday = today - ((today + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    if (ly_str_eqc(text, "today"))
        *ret = (ly_time_range){day_ns(today), day_ns(today + 1)};
    else if (ly_str_eqc(text, "yesterday"))
        *ret = (ly_time_range){day_ns(today - 1), day_ns(today)};
    else if (ly_str_eqc(text, "this-week"))
        *ret = (ly_time_range){day_ns(monday), day_ns(monday + 7)};
    else if (ly_str_eqc(text, "last-week"))
        *ret = (ly_time_range){day_ns(monday - 7), day_ns(monday)};
    else if (ly_str_eqc(text, "this-month"))
        *ret = (ly_time_range){month_ns(c.year, c.month), month_ns(c.year, c.month + 1)};
    else if (ly_str_eqc(text, "last-month"))
        *ret = (ly_time_range){month_ns(c.year, c.month - 1), month_ns(c.year, c.month)};
    else
        return false;
    return true;
}

/* "2026" and "2026-11". */
static bool year_or_month(ly_str text, ly_time_range *ret)
{
    int64_t year, month;
    if (text.len != 4 && !(text.len == 7 && text.ptr[4] == '-'))
        return false;
    if (!ly_str_to_i64(ly_str_sub(text, 0, 4), &year) || year < 1970 || year > 2261)
        return false;
    if (text.len == 4) {
        *ret = (ly_time_range){month_ns((int32_t)year, 1), month_ns((int32_t)year + 1, 1)};
        return true;
    }
    if (!ly_str_to_i64(ly_str_sub(text, 5, 2), &month) || month < 1 || month > 12)
        return false;
    *ret = (ly_time_range){month_ns((int32_t)year, (int)month),
                           month_ns((int32_t)year, (int)month + 1)};
    return true;
}

/* True when the text of a parsed time names its zone. */
static bool has_zone(ly_str text)
{
    size_t t = text.len > 10 ? 11 : text.len;
    for (size_t i = t; i < text.len; i++) {
        if (text.ptr[i] == 'Z' || text.ptr[i] == 'z' || text.ptr[i] == '+' || text.ptr[i] == '-')
            return true;
    }
    return false;
}

bool ly_time_words(ly_str text, int64_t now_ns, int64_t offset_s, ly_time_range *ret)
{
    int64_t shift = offset_s * LY_NS_PER_SEC, ns;
    text = ly_str_trim(text);
    if (ly_duration_parse(text, &ns)) {
        *ret = (ly_time_range){now_ns - ns, INT64_MAX};
        return true;
    }
    ly_time_range local;
    if (named(text, now_ns + shift, &local) || year_or_month(text, &local)) {
        *ret = (ly_time_range){local.from_ns - shift, local.to_ns - shift};
        return true;
    }
    if (!ly_time_parse(text, &ns))
        return false;
    if (!has_zone(text))
        ns -= shift;
    *ret = (ly_time_range){ns, text.len == 10 ? ns + LY_NS_PER_DAY : INT64_MAX};
    return true;
}
