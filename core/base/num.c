/* Shortest decimal text of a double: the first of 15, 16 and 17 digits that reads back the same. */
#include "base/num.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

/* printf writes the locale's decimal point, perhaps of several bytes: make it one '.'. */
static size_t fix_point(char *text, size_t n)
{
    size_t out = 0;
    bool point = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'e') {
            text[out++] = c;
            point = false;
        } else if (!point) {
            text[out++] = '.';
            point = true;
        }
    }
    text[out] = 0;
    return out;
}

static size_t put_word(const char *word, char *dst)
{
    size_t n = strlen(word);
    memcpy(dst, word, n + 1);
    return n;
}

size_t ly_double_put_plain(double value, char dst[LY_DOUBLE_TEXT_MAX])
{
    if (isnan(value)) {
        return put_word("NaN", dst);
    }
    if (isinf(value)) {
        return put_word(value < 0 ? "-Infinity" : "Infinity", dst);
    }
    size_t n = 0;
    /* 15 digits without trailing zeros are the shortest form of any normal number that has so few; a
     * subnormal one holds fewer. */
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        double back;
        n = (size_t)snprintf(dst, LY_DOUBLE_TEXT_MAX, "%.*g", digits, value);
        n = fix_point(dst, n);
        if (digits == 17 || (ly_str_to_double(ly_str_n(dst, n), &back) && back == value)) {
            break;
        }
    }
    return n;
}

size_t ly_double_put(double value, char dst[LY_DOUBLE_TEXT_MAX])
{
    size_t n = ly_double_put_plain(value, dst);
    if (isfinite(value) && !strpbrk(dst, ".e") && n + 3 <= LY_DOUBLE_TEXT_MAX) {
        memcpy(dst + n, ".0", 3);
        n += 2;
    }
    return n;
}
