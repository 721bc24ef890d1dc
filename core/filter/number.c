/* Numbers with units: durations, counts, money and times as a filter writes them. */
#include <math.h>

#include "base/clock.h"
#include "filter/internal.h"

static bool scaled(ly_str text, double factor, int64_t *ret)
{
    double v;
    if (!ly_str_to_double(text, &v)) {
        return false;
    }
    v = round(v * factor);
    if (!(v >= -9.2e18 && v <= 9.2e18)) {
        return false;
    }
    *ret = (int64_t)v;
    return true;
}

static bool read_count(ly_str text, int64_t *ret)
{
    if (text.len == 0) {
        return false;
    }
    double factor = 1;
    switch (text.ptr[text.len - 1]) {
    case 'k':
    case 'K':
        factor = 1e3;
        break;
    case 'm':
    case 'M':
        factor = 1e6;
        break;
    case 'g':
    case 'G':
        factor = 1e9;
        break;
    default:
        return ly_str_to_i64(text, ret);
    }
    return scaled(ly_str_sub(text, 0, text.len - 1), factor, ret);
}

static bool read_time(ly_str text, int64_t now_ns, int64_t *ret)
{
    int64_t ago;
    if (ly_duration_parse(text, &ago)) {
        *ret = ago > 0 && now_ns < INT64_MIN + ago ? INT64_MIN + 1 : now_ns - ago;
        return true;
    }
    if (ly_str_eqc(text, "now")) {
        *ret = now_ns;
        return true;
    }
    if (ly_str_eqc(text, "today") || ly_str_eqc(text, "yesterday")) {
        int64_t day = now_ns - now_ns % LY_NS_PER_DAY;
        *ret = text.ptr[0] == 't' ? day : day - LY_NS_PER_DAY;
        return true;
    }
    return ly_time_parse(text, ret);
}

bool ly_filter_number(ly_filter_value value, ly_str text, int64_t now_ns, int64_t *ret_number)
{
    switch (value) {
    case LY_FVAL_DURATION:
        return ly_duration_parse(text, ret_number);
    case LY_FVAL_COUNT:
        return read_count(text, ret_number);
    case LY_FVAL_MONEY:
        if (text.len > 0 && text.ptr[0] == '$') {
            text = ly_str_sub(text, 1, text.len);
        }
        return scaled(text, 1e12, ret_number);
    case LY_FVAL_TIME:
        return read_time(text, now_ns, ret_number);
    default:
        return false;
    }
}
