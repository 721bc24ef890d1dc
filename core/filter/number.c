/* Numbers with units: durations, counts, money and times as a filter writes them. */
#include <math.h>

#include "base/clock.h"
#include "base/times.h"
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
    ly_time_range range;
    if (ly_str_eqc(text, "now")) {
        *ret = now_ns;
        return true;
    }
    if (!ly_time_words(text, now_ns, 0, &range)) {
        return false;
    }
    *ret = range.from_ns;
    return true;
}

/* Dollars to twelve places exactly; what is written otherwise (1e-3) as a double. */
static bool read_money(ly_str text, int64_t *ret)
{
    ly_str whole = text, part = LY_S("");
    size_t dot = ly_str_find_char(text, '.', 0);
    if (dot != SIZE_MAX) {
        whole = ly_str_sub(text, 0, dot);
        part = ly_str_sub(text, dot + 1, text.len);
    }
    int64_t dollars = 0, rest = 0;
    bool minus = whole.len > 0 && whole.ptr[0] == '-';
    bool digits = part.len <= 12 && (part.len == 0 || (part.ptr[0] >= '0' && part.ptr[0] <= '9'));
    if (!digits || !ly_str_to_i64(whole, &dollars) || dollars > 9000000 || dollars < -9000000 ||
        (part.len > 0 && !ly_str_to_i64(part, &rest))) {
        return scaled(text, 1e12, ret);
    }
    for (size_t i = part.len; i < 12; i++) {
        rest *= 10;
    }
    *ret = dollars * 1000000000000 + (minus ? -rest : rest);
    return true;
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
        return read_money(text, ret_number);
    case LY_FVAL_TIME:
        return read_time(text, now_ns, ret_number);
    default:
        return false;
    }
}
