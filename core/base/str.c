#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

int ly_str_cmp(ly_str a, ly_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool ly_str_eq_nocase(ly_str a, ly_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower((unsigned char)a.ptr[i]) != lower((unsigned char)b.ptr[i]))
            return false;
    }
    return true;
}

bool ly_str_starts(ly_str s, ly_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool ly_str_ends(ly_str s, ly_str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

size_t ly_str_find(ly_str s, ly_str needle, size_t from)
{
    if (from > s.len)
        return SIZE_MAX;
    if (needle.len == 0)
        return from;
    if (needle.len > s.len - from)
        return SIZE_MAX;
    const char *hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

size_t ly_str_find_char(ly_str s, char c, size_t from)
{
    if (from >= s.len)
        return SIZE_MAX;
    const char *hit = memchr(s.ptr + from, c, s.len - from);
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

ly_str ly_str_sub(ly_str s, size_t from, size_t len)
{
    if (!s.ptr)
        return s;
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (ly_str){s.ptr + from, len};
}

ly_str ly_str_trim(ly_str s)
{
    while (s.len && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool ly_str_split(ly_str *rest, char sep, ly_str *ret_part)
{
    if (!rest->ptr)
        return false;
    size_t at = ly_str_find_char(*rest, sep, 0);
    if (at == SIZE_MAX) {
        *ret_part = *rest;
        *rest = LY_STR_NONE;
        return true;
    }
    *ret_part = ly_str_sub(*rest, 0, at);
    *rest = (ly_str){rest->ptr + at + 1, rest->len - at - 1};
    return true;
}

bool ly_str_copy(ly_str s, char *dst, size_t dst_size)
{
    if (dst_size == 0)
        return false;
    size_t n = s.len;
    bool whole = n < dst_size;
    if (!whole) {
        n = dst_size - 1;
        while (n > 0 && ((unsigned char)s.ptr[n] & 0xC0) == 0x80)
            n--;
    }
    if (n)
        memcpy(dst, s.ptr, n);
    dst[n] = '\0';
    return whole;
}

bool ly_str_to_u64(ly_str s, uint64_t *ret)
{
    if (s.len == 0 || s.len > 20)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9)
            return false;
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool ly_str_to_i64(ly_str s, int64_t *ret)
{
    bool negative = s.len && s.ptr[0] == '-';
    uint64_t magnitude = 0;
    if (!ly_str_to_u64(negative ? ly_str_sub(s, 1, s.len) : s, &magnitude))
        return false;
    if (negative) {
        if (magnitude > (uint64_t)INT64_MAX + 1)
            return false;
        *ret = magnitude == (uint64_t)INT64_MAX + 1 ? INT64_MIN : -(int64_t)magnitude;
        return true;
    }
    if (magnitude > (uint64_t)INT64_MAX)
        return false;
    *ret = (int64_t)magnitude;
    return true;
}

/* [-+]? digits [. digits] [e [-+] digits], at least one digit before or after the point. */
static bool is_decimal(ly_str s)
{
    size_t i = 0, digits = 0;
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        i++;
    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
        digits++;
    if (i < s.len && s.ptr[i] == '.') {
        for (i++; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
            digits++;
    }
    if (digits == 0)
        return false;
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
            i++;
        size_t start = i;
        while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
            i++;
        if (i == start)
            return false;
    }
    return i == s.len;
}

/* The "C" locale, made once; strtod_l keeps us free of the host's decimal comma. */
static locale_t c_locale(void)
{
    static locale_t cached;
    locale_t have = __atomic_load_n(&cached, __ATOMIC_ACQUIRE);
    if (have)
        return have;
    locale_t made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!made)
        return (locale_t)0;
    locale_t none = (locale_t)0;
    if (!__atomic_compare_exchange_n(&cached, &none, made, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        freelocale(made);
        return none;
    }
    return made;
}

bool ly_str_to_double(ly_str s, double *ret)
{
    char text[401];
    if (s.len == 0 || s.len >= sizeof text || !is_decimal(s))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    locale_t c = c_locale();
    if (!c)
        return false;
    double value = strtod_l(text, NULL, c);
    if (value > 1.7976931348623157e308 || value < -1.7976931348623157e308)
        return false;
    *ret = value;
    return true;
}

/* A multiply-and-fold hash in the manner of wyhash: quick on short keys, good enough for tables. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 u128;
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t read64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

uint64_t ly_str_hash(ly_str s)
{
    const uint64_t k0 = 0xa0761d6478bd642fULL, k1 = 0xe7037ed1a0b428dbULL;
    uint64_t h = k0 ^ s.len;
    const char *p = s.ptr;
    size_t n = s.len;
    for (; n >= 8; n -= 8, p += 8)
        h = fold(h ^ read64(p), k1);
    uint64_t tail = 0;
    if (n)
        memcpy(&tail, p, n);
    return fold(h ^ tail, k1 ^ s.len);
}

void ly_hex_encode(const void *bytes, size_t n, char *dst)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = bytes;
    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = digits[in[i] >> 4];
        dst[2 * i + 1] = digits[in[i] & 15];
    }
    dst[2 * n] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool ly_hex_decode(ly_str s, void *dst, size_t n)
{
    if (s.len != 2 * n)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (hex_value(s.ptr[i]) < 0)
            return false;
    }
    unsigned char *out = dst;
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)(hex_value(s.ptr[2 * i]) << 4 | hex_value(s.ptr[2 * i + 1]));
    return true;
}
