/* Values of rate and retry headers (http.h). Vectors: judges-and-statistics.md §3.1. */
#include "base/clock.h"
#include "http/http.h"

int64_t ly_http_parse_reset(ly_str value)
{
    double total = 0;
    size_t i = 0;
    bool any = false;
    value = ly_str_trim(value);
    int64_t at;
    if (ly_str_find_char(value, 'T', 0) == 10 && ly_time_parse(value, &at)) {
        int64_t now = ly_wall_ns();
        return at > now ? (at - now) / LY_NS_PER_MS : 0;
    }
    while (i < value.len) {
        size_t from = i;
        while (i < value.len &&
               ((value.ptr[i] >= '0' && value.ptr[i] <= '9') || value.ptr[i] == '.')) {
            i++;
        }
        double number;
        if (!ly_str_to_double(ly_str_sub(value, from, i - from), &number)) {
            return -1;
        }
        size_t unit_from = i;
        while (i < value.len && value.ptr[i] >= 'a' && value.ptr[i] <= 'z') {
            i++;
        }
        ly_str unit = ly_str_sub(value, unit_from, i - unit_from);
        double scale = ly_str_eqc(unit, "ms")                   ? 1
                       : ly_str_eqc(unit, "s") || unit.len == 0 ? 1000
                       : ly_str_eqc(unit, "m")                  ? 60000
                       : ly_str_eqc(unit, "h")                  ? 3600000
                       : ly_str_eqc(unit, "d")                  ? 86400000
                                                                : -1;
        if (scale < 0 || i == from) {
            return -1;
        }
        total += number * scale;
        any = true;
    }
    return any && total <= 1e12 ? (int64_t)(total + 0.5) : -1;
}

static int month_of(ly_str name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int m = 0; m < 12; m++) {
        if (ly_str_eq(name, ly_str_n(names + (size_t)m * 3, 3))) {
            return m + 1;
        }
    }
    return 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that servers send (RFC 9110 §5.6.7). */
static bool http_date(ly_str v, int64_t *ret_ns)
{
    if (v.len != 29 || !ly_str_ends(v, LY_S(" GMT"))) {
        return false;
    }
    int64_t day, year, hour, minute, second;
    int month = month_of(ly_str_sub(v, 8, 3));
    if (!month || !ly_str_to_i64(ly_str_sub(v, 5, 2), &day) ||
        !ly_str_to_i64(ly_str_sub(v, 12, 4), &year) ||
        !ly_str_to_i64(ly_str_sub(v, 17, 2), &hour) ||
        !ly_str_to_i64(ly_str_sub(v, 20, 2), &minute) ||
        !ly_str_to_i64(ly_str_sub(v, 23, 2), &second)) {
        return false;
    }
    ly_civil c = {.year = (int32_t)year,
                  .month = (int8_t)month,
                  .day = (int8_t)day,
                  .hour = (int8_t)hour,
                  .minute = (int8_t)minute,
                  .second = (int8_t)second};
    *ret_ns = ly_civil_to_ns(c);
    return true;
}

int64_t ly_http_parse_retry_after(ly_str value, int64_t now_ns)
{
    double seconds;
    int64_t at;
    value = ly_str_trim(value);
    if (ly_str_to_double(value, &seconds)) {
        return seconds >= 0 && seconds < 1e9 ? (int64_t)(seconds * 1000 + 0.5) : -1;
    }
    if (http_date(value, &at)) {
        return at > now_ns ? (at - now_ns) / LY_NS_PER_MS : 0;
    }
    return -1;
}
