/*
 * Units and exact rates: what can be counted, and prices as 128-bit integers of 1e-18 dollars.
 */
#include "genai/price_i.h"

static const struct {
    const char *price_key, *usage_key;
    int64_t per;
} units[LY_UNIT__COUNT] = {
#define UNIT_ROW(id, price_key, usage_key, per) [id] = {price_key, usage_key, per},
    LY_UNIT_LIST(UNIT_ROW)
#undef UNIT_ROW
};

const char *ly_unit_price_key(ly_unit unit)
{
    return (unsigned)unit < LY_UNIT__COUNT ? units[unit].price_key : "";
}

const char *ly_unit_usage_key(ly_unit unit)
{
    return (unsigned)unit < LY_UNIT__COUNT ? units[unit].usage_key : "";
}

int64_t ly_unit_per(ly_unit unit)
{
    return (unsigned)unit < LY_UNIT__COUNT ? units[unit].per : 1;
}

bool ly_unit_by_price_key(ly_str key, ly_unit *ret)
{
    for (size_t i = 0; i < LY_UNIT__COUNT; i++) {
        if (ly_str_eqc(key, units[i].price_key)) {
            *ret = (ly_unit)i;
            return true;
        }
    }
    return false;
}

bool ly_unit_by_usage_key(ly_str key, ly_unit *ret)
{
    for (size_t i = 0; i < LY_UNIT__COUNT; i++) {
        if (ly_str_eqc(key, units[i].usage_key)) {
            *ret = (ly_unit)i;
            return true;
        }
    }
    return false;
}

/* A decimal number taken apart: digits without leading zeros, value = digits * 10^exp10. */
typedef struct decimal {
    char digits[64];
    size_t n;
    int64_t exp10;
} decimal;

static bool exponent_parse(ly_str text, int64_t *ret)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        text = ly_str_sub(text, 1, text.len);
    }
    int64_t value = 0;
    if (text.len == 0 || text.len > 4 || !ly_str_to_i64(text, &value) || value < 0) {
        return false;
    }
    *ret = negative ? -value : value;
    return true;
}

static bool decimal_parse(ly_str text, decimal *ret)
{
    size_t i = 0;
    bool point = false, any = false;
    *ret = (decimal){{0}, 0, 0};
    for (; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') {
            break;
        }
        any = true;
        ret->exp10 -= point ? 1 : 0;
        if (ret->n == 0 && c == '0') {
            continue;
        }
        if (ret->n == sizeof ret->digits) {
            return false;
        }
        ret->digits[ret->n++] = c;
    }
    if (!any || text.ptr[i - 1] == '.') {
        return false;
    }
    if (i == text.len) {
        return true;
    }
    int64_t exponent = 0;
    if ((text.ptr[i] != 'e' && text.ptr[i] != 'E') ||
        !exponent_parse(ly_str_sub(text, i + 1, text.len), &exponent)) {
        return false;
    }
    ret->exp10 += exponent;
    return true;
}

bool ly_rate_parse(ly_str text, int shift, ly_rate *ret)
{
    decimal d;
    if (text.len == 0 || text.ptr[0] == '.' || !decimal_parse(text, &d)) {
        return false;
    }
    const ly_rate max = LY_RATE_PER_USD * 1000000000;
    int64_t places = d.exp10 + 18 + shift; /* how many zeros the digits get */
    ly_rate value = 0;
    if (d.n == 0) {
        *ret = 0;
        return true;
    }
    int64_t keep = places < 0 ? (int64_t)d.n + places : (int64_t)d.n;
    if (keep + (places > 0 ? places : 0) > 28) {
        return false;
    }
    for (int64_t i = 0; i < keep; i++) {
        value = value * 10 + (d.digits[i] - '0');
    }
    for (int64_t i = 0; i < places; i++) {
        value *= 10;
    }
    if (keep < (int64_t)d.n && keep >= 0) { /* digits past the 18th place: half to even */
        bool more = false;
        for (int64_t i = keep + 1; i < (int64_t)d.n; i++) {
            more = more || d.digits[i] != '0';
        }
        char next = d.digits[keep];
        if (next > '5' || (next == '5' && (more || (value & 1)))) {
            value++;
        }
    }
    if (value >= max) {
        return false;
    }
    *ret = value;
    return true;
}

/* value / 10^places as shortest decimal text, value >= 0. */
static void decimal_format(ly_rate value, int places, ly_buf *out)
{
    char digits[48];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value > 0 || n <= (size_t)places);
    size_t low = 0; /* trailing zeros of the fraction */
    while (low < (size_t)places && digits[low] == '0') {
        low++;
    }
    for (size_t i = n; i > low; i--) {
        if (i == (size_t)places) {
            ly_buf_char(out, '.');
        }
        ly_buf_char(out, digits[i - 1]);
    }
}

void ly_rate_format(ly_rate rate, ly_buf *out)
{
    decimal_format(rate, 18, out);
}

void ly_pico_format(int64_t pico, ly_buf *out)
{
    if (pico == LY_UNKNOWN) {
        ly_buf_char(out, '-');
        return;
    }
    if (pico < 0) {
        ly_buf_char(out, '-');
    }
    ly_buf_char(out, '$');
    ly_rate value = pico;
    decimal_format(value < 0 ? -value : value, 12, out);
}

/* What the wide form would take more than 8 characters for. */
static void money_narrow(double size, bool negative, ly_buf *out)
{
    const char *sign = negative ? "-" : "";
    if (size < 0.0000095 || (negative && size < 0.000067)) {
        ly_buf_c(out, negative ? ">-$0.001" : "<$0.0001");
    } else if (size < 0.01) {
        ly_buf_fmt(out, "%s$%.*f", sign, size < 0.001 && !negative ? 5 : 4, size);
    } else if (size < 9999.5) {
        ly_buf_fmt(out, "%s$%.0f", sign, size);
    } else if (size < 999950) {
        ly_buf_fmt(out, "%s$%.*fk", sign, negative ? 0 : 1, size / 1000);
    } else {
        ly_buf_fmt(out, "%s$%.1fM", sign, size / 1e6);
    }
}

void ly_money_format(int64_t pico, ly_money_width width, ly_buf *out)
{
    if (pico == LY_UNKNOWN || pico == 0) {
        ly_buf_c(out, pico == 0 ? "$0" : "-");
        return;
    }
    bool negative = pico < 0;
    double size = negative ? -(double)pico / 1e12 : (double)pico / 1e12;
    int digits = size < 0.01 ? 6 : size < 1 ? 4 : 2;
    /* At least two digits that count; the twelfth place is the pico-dollar. */
    for (double least = 0.00000995; digits < 12 && digits >= 6 && size < least; least /= 10) {
        digits++;
    }
    /* Sign, "$", digits and point in 8: $0.0123, -$0.0123, $9999.99, -$999.99. */
    bool fits = digits < 6 && size < (negative ? 999.995 : 9999.995);
    if (width == LY_MONEY_WIDE || fits) {
        ly_buf_fmt(out, "%s$%.*f", negative ? "-" : "", digits, size);
    } else {
        money_narrow(size, negative, out);
    }
}

static const struct {
    const char *name, *text;
} whys[LY_PRICE__COUNT] = {
    [LY_PRICE_OK] = {"ok", "priced"},
    [LY_PRICE_LOCAL] = {"local", "local address: 0 by rule"},
    [LY_PRICE_NO_USAGE] = {"no_usage", "no token counts"},
    [LY_PRICE_NO_MODEL] = {"no_model", "no model name"},
    [LY_PRICE_UNKNOWN_MODEL] = {"unknown_model", "no price for the model"},
    [LY_PRICE_UNKNOWN_BUCKET] = {"unknown_bucket", "no price for a kind of token or tool use"},
    [LY_PRICE_OVERFLOW] = {"overflow", "the amount does not fit"},
    [LY_PRICE_UNKNOWN_TIER] = {"unknown_tier", "no price for the service tier"},
    [LY_PRICE_BAD_USAGE] = {"bad_usage", "the counts contradict each other"},
    [LY_PRICE_PARTIAL] = {"partial", "a token count is missing; charged for the others alone"},
    [LY_PRICE_ONLY_TOTAL] = {"only_total", "only a total, input and output not told apart"},
};

const char *ly_price_why_name(ly_price_why why)
{
    return (unsigned)why < LY_PRICE__COUNT ? whys[why].name : "unknown";
}

const char *ly_price_why_text(ly_price_why why)
{
    return (unsigned)why < LY_PRICE__COUNT ? whys[why].text : "unknown";
}
